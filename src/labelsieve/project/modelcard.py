"""The model card: what a head is for, how good it was measured to be, what it was made of. Markdown.

model_card(data, facts) -> str
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labelsieve.core.types import Interval
from labelsieve.project.auditing import LEAST, AuditTables, ClassRates
from labelsieve.project.report.data import ReportData

TASKS = {
    "classes": "Gives each item one of {n} classes.",
    "multilabel": "Gives each item any number of {n} classes.",
    "screen": "Tells odd items from dull ones.",
}
ROWS = 60  # classes in the table; the report lists all


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """What a reader needs to run the head: on which embeddings, in which view, with which classes.

    `trained_on` counts the labels of the exported head; `with_audit` says that the audit labels are among them.
    A `foreign` head is described and not saved.
    """

    head: str
    engine: str
    revision: str
    preprocess: str
    view: str
    dim: int
    classes: tuple[str, ...]
    temperature: float
    trained_on: int
    with_audit: bool = True
    foreign: bool = False
    onnx: bool = True
    version: str = ""
    taught: int = 0  # items that are not of the pool, and trained beside its labels


def model_card(data: ReportData, facts: HeadFacts) -> str:
    """The card as Markdown: with measured numbers where there is an audit slice, and saying so where there is none."""
    parts = [
        _front(data),
        f"# {_plain(data.project)}: {_plain(data.task)}",
        f"{TASKS[data.kind].format(n=len(facts.classes))} It is a small head on the embeddings of a frozen engine.",
        *_measured(data, facts),
        *_ingredients(data, facts),
        *_usage(facts),
        *_limits(data, facts),
    ]
    return "\n\n".join(parts) + "\n"


def _front(data: ReportData) -> str:
    task = {"classes": "classification", "multilabel": "multi-label classification", "screen": "screening"}[data.kind]
    return f"---\nlibrary_name: labelsieve\ntags:\n- labelsieve\n- {task.replace(' ', '-')}\n---"


def _measured(data: ReportData, facts: HeadFacts) -> list[str]:
    audit = data.audit
    if audit is None:
        said = f"Not measured: {data.audit_labels} random audit items are labelled, {LEAST} are needed. "
        return ["## How good it is", said + "Do not quote a number for this head."]
    n = f"{audit.n} items that were drawn at random from the pool and trained no head that was measured on them"
    lines = [f"**{audit.metric.capitalize()} {_share(audit.score)}**, measured on {n}."]
    if data.kind == "screen":
        odd = next((one.true for one in audit.classes if one.name == "odd"), 0)
        lines = [
            f"Among {n}, {odd} were odd, and {audit.score.mean * audit.n:.0f} were told right.",
            "Where most items are dull, that share says little about how many odd ones are found.",
        ]
    if facts.with_audit:
        lines.append(
            "The exported head was fitted once more on all labels, the audit items among them: "
            "the number belongs to the head before that, and this one should be no worse."
        )
    chance = f"a perfectly calibrated head would show about {100 * audit.calibration.by_chance:.1f} on as many items"
    lines.append(f"Expected calibration error: {100 * audit.calibration.error:.1f} points ({chance}).")
    return ["## How good it is", *lines, *_classes(audit, data)]


def _classes(audit: AuditTables, data: ReportData) -> list[str]:
    shown = [one for one in audit.classes if one.recall or one.precision]
    if not shown or data.kind == "screen":
        few = f"No class has {LEAST} audit items yet, so no rate is given class by class."
        return [few] if data.kind != "screen" else []
    counts = dict(data.class_counts)
    rows = [[one.name, str(counts.get(one.name, 0)), *_rates(one)] for one in shown[:ROWS]]
    rest = len(audit.classes) - len(rows)
    hidden = [f"{rest} further classes are left out: most have fewer than {LEAST} audit items."] if rest else []
    return [_table(["class", "labels", "precision", "recall"], rows), *hidden]


def _rates(one: ClassRates) -> tuple[str, str]:
    precision, recall = (_share(rate) if rate else "–" for rate in (one.precision, one.recall))
    return precision, recall


def _ingredients(data: ReportData, facts: HeadFacts) -> list[str]:
    people = [f"{one.name} ({one.answers})" for one in data.spending.annotators]
    beside = f", and {facts.taught} taught from elsewhere" if facts.taught else ""
    rows = [
        ("head", f"{facts.head}, temperature {facts.temperature:.3g}"),
        ("engine", f"{facts.engine} at revision {facts.revision}"),
        ("preprocessing", facts.preprocess),
        ("view", f"{facts.view} ({facts.dim} columns in)"),
        ("labels", f"{facts.trained_on} of a pool of {data.items} items{beside}"),
        ("annotators (answers)", ", ".join(people) or "–"),
        ("made", f"{data.made[:16].replace('T', ' ')} UTC by labelsieve {facts.version}".strip()),
        *data.facts,
    ]
    seen = dict(reversed(rows))  # the first word on a name is the one that counts
    return ["## What it is made of", _table(["", ""], [[name, seen.pop(name)] for name, _ in rows if name in seen])]


def _usage(facts: HeadFacts) -> list[str]:
    classes = f"Columns of the probabilities, in this order: {', '.join(f'`{_code(name)}`' for name in facts.classes)}."
    if facts.foreign:
        said = (
            f"`{facts.head}` is not one of labelsieve's own heads: it is fitted again from the labels whenever it is "
            "needed, and never saved. Export the labels, or choose a built-in head, to run it elsewhere."
        )
        return ["## How to run it", said, classes]
    if not facts.onnx:
        return ["## How to run it", "`head.npz`, `view.npz` and `head.json` hold all of it as plain arrays.", classes]
    code = (
        "```python\nimport numpy as np\nimport onnxruntime\n\n"
        f"x = ...  # (n, {facts.dim}) float32, as {_code(facts.engine)} gives them: the view is inside\n"
        'session = onnxruntime.InferenceSession("head.onnx")\n'
        "probabilities = session.run(None, {session.get_inputs()[0].name: x})[-1]  # calibrated\n```"
    )
    arrays = "`head.npz`, `view.npz` and `head.json` hold the same as plain arrays; nothing here is a pickle."
    return ["## How to run it", code, arrays, classes]


def _limits(data: ReportData, facts: HeadFacts) -> list[str]:
    lines = [
        "The numbers hold for items like those of this pool. On other data, measure again.",
        "Embeddings must come from the same engine, revision and preprocessing.",
    ]
    rare = [name for name, n in data.class_counts if n < LEAST]
    if rare:
        lines.append(f"{len(rare)} of {len(data.class_counts)} classes have fewer than {LEAST} labels: "
                     f"{', '.join(_plain(name) for name in rare[:10])}{' ...' if len(rare) > 10 else ''}.")  # fmt: skip
    if data.set_aside_total:
        lines.append(f"{data.set_aside_total} items could not be used and were left out.")
    return ["## Limits", "\n".join(f"- {line}" for line in lines)]


def _share(interval: Interval) -> str:
    return f"{100 * interval.mean:.1f} % ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell if cell == "---" else _plain(cell) for cell in line) + " |" for line in lines
    )


def _plain(text: str) -> str:
    """The text as Markdown that shows it as it is."""
    shown = re.sub(r"[\x00-\x1f\x7f]+", " ", text.encode("utf-8", "replace").decode())
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", shown)


def _code(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f`]+", " ", text.encode("utf-8", "replace").decode())
