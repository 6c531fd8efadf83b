"""Label Studio's JSON, read: choices of annotations as answers, cancelled ones as skip, predictions as a model's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from labelsieve.core.errors import InputError
from labelsieve.core.types import Origin, Value
from labelsieve.project.formats.foreign import Foreign, Said, said
from labelsieve.project.formats.jsonstream import elements
from labelsieve.project.formats.matching import path_names
from labelsieve.project.formats.studio import LABEL, UNSURE
from labelsieve.sources.imagefiles import is_image_name

UPLOADED = 9  # letters that Label Studio puts before the name of an uploaded file: 8 hex digits and a hyphen
ORIGINS: dict[str, Origin] = {name: name for name in get_args(Origin)}
HUGE = 1e12  # seconds, which no answer takes
LONGEST = 4096  # letters of a path


class StudioFile:
    """The answers of an export in the format "JSON". `field` names the control that holds the classes."""

    def __init__(self, path: Path, field: str | None = None) -> None:
        self._path, self._field = path, field

    def answers(self) -> Iterator[Foreign]:
        """Answers in the order of the file. InputError for a file of another shape."""
        row = 0
        for number, task in enumerate(elements(self._path)):
            if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
                raise InputError(
                    f"element {number + 1:,} of {self._path.name} is no task of Label Studio: it has no `data`.",
                    "export as JSON, not as JSON-MIN or CSV.",
                )
            names, content = _names(task["data"]), _content(task["data"])
            for answer in self._of_task(task):
                row += 1
                yield Foreign(row, number, names, content, "", *answer)

    def _of_task(self, task: dict[str, Any]) -> list[Said]:
        annotations = _dicts(task.get("annotations") or task.get("completions"))
        if any("labelsieve" not in one for one in annotations):  # ours stand in the order they were given
            annotations.sort(key=lambda one: str(one.get("created_at") or ""))
        found = [self._answer(one, _skipped(one)) for one in annotations]
        return found + [self._answer(one, False, "model") for one in _dicts(task.get("predictions"))]

    def _answer(self, one: dict[str, Any], skipped: bool, source: Origin | None = None) -> Said:
        results = _dicts(one.get("result"))
        value, why = (said("skip"), "") if skipped else self._value(results, source)
        origin = _origin(one, results)
        seconds = one.get("lead_time")
        return (
            value,
            origin.get("annotator") or (str(one.get("model_version") or "model") if source else _person(one)),
            origin.get("at") or _time(one.get("created_at")),
            float(seconds) if isinstance(seconds, (int, float)) and abs(seconds) < HUGE else None,
            ORIGINS.get(origin.get("source", "")) or source or "human",
            origin.get("purpose"),
            why,
        )

    def _value(self, results: list[dict[str, Any]], source: Origin | None) -> tuple[Value | None, str]:
        """The answer, and why there is none where the results hold something else."""
        if not results:
            return (None if source else said("classes")), ""
        if any(one.get("from_name") == UNSURE and _choices(one) == [UNSURE] for one in results):
            return said("unsure"), ""
        chosen = {str(one.get("from_name")): _choices(one) for one in results if one.get("type") == "choices"}
        if not chosen:
            return None, f"{results[0].get('type')} of Label Studio is no class of an item"
        name = self._field or (LABEL if LABEL in chosen or len(chosen) > 1 else next(iter(chosen)))
        if name not in chosen:
            return (
                None,
                f"the controls {', '.join(sorted(chosen))} were answered; name the control of the labels (--field)",
            )
        others = {one.get("type") for one in results} - {"choices"}
        if others:
            return None, f"{sorted(map(str, others))[0]} of Label Studio stands beside the class"
        return said("classes", tuple(dict.fromkeys(chosen[name]))), ""


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _skipped(one: dict[str, Any]) -> bool:
    return bool(one.get("was_cancelled") or one.get("skipped"))


def _choices(result: dict[str, Any]) -> list[str]:
    value = result.get("value")
    chosen = value.get("choices") if isinstance(value, dict) else None
    texts = [chosen] if isinstance(chosen, str) else chosen if isinstance(chosen, list) else []
    return [str(text) for text in texts if str(text).strip()]


def _origin(one: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, str]:
    """Who gave an answer of ours and when: beside it, or in its results, which Label Studio hands on."""
    for found in (one.get("labelsieve"), *(result.get("meta") for result in results)):
        if isinstance(found, dict) and isinstance(found.get("annotator"), str):
            return {name: text for name, text in found.items() if isinstance(text, str) and text}
    return {}


def _person(one: dict[str, Any]) -> str | None:
    who = one.get("completed_by")
    if isinstance(who, dict):
        full = " ".join(str(who.get(part) or "") for part in ("first_name", "last_name")).strip()
        who = who.get("email") or who.get("username") or full or who.get("id")
    return None if who in (None, "") else f"label-studio {who}" if isinstance(who, int) else str(who)


def _time(text: Any) -> str | None:
    """A time in UTC as the ledger has it; what is no time comes back as it is, and is set aside."""
    if not isinstance(text, str) or not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def _names(data: dict[str, Any]) -> tuple[str, ...]:
    """What the item of a task may be called: its key, or the paths in its data."""
    names = [data["key"]] if isinstance(data.get("key"), str) else []
    for text in data.values():
        found = path_names(text) if isinstance(text, str) and _is_address(text) else ()
        names += [found[-1][UPLOADED:]] if found and "/data/upload/" in str(text) else found
    return tuple(name for name in dict.fromkeys(names) if name)


def _is_address(text: str) -> bool:
    """Whether a text of a task's data is where something lies, and not the item itself."""
    if len(text) >= LONGEST or not ("/" in text or "." in text):
        return False
    return "://" in text[:20] or text.startswith("/data/") or is_image_name(text)


def _content(data: dict[str, Any]) -> str | bytes:
    """The bytes of the text, whose digest the manifest has."""
    text = data.get("text")
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) and text.strip() else ""
