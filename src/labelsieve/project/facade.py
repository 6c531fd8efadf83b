"""Project: the one object behind the Python API and the command line. Its methods compose the other modules.

A method imports the module that it calls: a command loads what it uses, and no more. Types come from TYPE_CHECKING.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from labelsieve.core.errors import ProjectError
from labelsieve.core.sockets import Oracle
from labelsieve.core.types import Ids, Item, Kind, Label, Origin, Purpose, Task
from labelsieve.project.context import Context
from labelsieve.project.screens import ScreenVerbs
from labelsieve.project.shortlists import ShortlistVerbs
from labelsieve.sources.options import SourceKeywords

if TYPE_CHECKING:
    from labelsieve.project.asking import Asked
    from labelsieve.project.embedding import EmbedProgress, EmbedReport
    from labelsieve.project.fitting import Fitted, Predictions
    from labelsieve.project.formats.exchanging import Exported
    from labelsieve.project.health import Health
    from labelsieve.project.importing import ImportReport
    from labelsieve.project.indexing import IndexReport
    from labelsieve.project.limits import Limits
    from labelsieve.project.people.membership import Membership
    from labelsieve.project.restoring import Restored
    from labelsieve.project.simulation import Run
    from labelsieve.project.syncing import SyncReport


class Project(ScreenVerbs, ShortlistVerbs):
    """One project folder and one of its tasks. Use it as a context manager, or call `close`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    # Folder

    @property
    def path(self) -> Path:
        return self._context.root

    @property
    def task(self) -> Task:
        """The task with the classes that it has by now."""
        return self._context.task

    @property
    def context(self) -> Context:
        """What the other rooms of `labelsieve.project` work on."""
        return self._context

    def close(self) -> None:
        self._context.conn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_task(
        self, name: str, kind: Kind = "classes", classes: Sequence[str] | None = None, dull: str = "dull"
    ) -> "Project":
        """The same project, on a new task over the same pool."""
        from labelsieve.project import making

        making.add_task(self._context, name, kind, classes, dull)
        return self.on_task(name)

    def on_task(self, name: str) -> "Project":
        """The same project, on another of its tasks."""
        from labelsieve.project import tasks

        tasks.get(self._context.conn, name)
        return Project(replace(self._context, task_name=name))

    def limit(self, limits: "Limits") -> None:
        """Sets what may be spent on the task, and what a label costs."""
        from labelsieve.project.limits import set_limits

        set_limits(self._context, limits)

    def people(self, by: str) -> "Membership":
        """Who may open the project; what `by` changes of that is written into the trail."""
        from labelsieve.project.people.membership import Membership

        return Membership(self._context.conn, by)

    # Pool

    def sync(self, *sources: str | os.PathLike[str], **options: Unpack[SourceKeywords]) -> "SyncReport":
        """Brings the manifest up to date with the sources, `sources` among them from now on."""
        from labelsieve.project import making

        return making.sync(self._context, sources, options)

    def lacking(self) -> list[str]:
        """What of 1,000 items of each source with ready embeddings has no picture or text to look at, in words."""
        from labelsieve.project.seeing import lacking

        return [said for row in self._context.rows for said in lacking(self._context, row)]

    def embed(
        self,
        engine: str | None = None,
        relearn: bool = False,
        download: bool = False,
        progress: "Callable[[EmbedProgress], None] | None" = None,
        maps: str | None = None,
        map_size: int = 0,
    ) -> "EmbedReport":
        """Embeds what has no embeddings yet; resumable. The engine becomes the active one. With `maps`, an image model
        in ONNX, its feature maps are kept beside the embeddings instead, of pictures of `map_size` pixels (0: 448)."""
        from labelsieve.project import pooling
        from labelsieve.project.lessons import patching, reteaching
        from labelsieve.project.pictures import mapped

        if maps is not None:
            made = mapped.embed_maps(self._context, maps, map_size, download, progress)
            return replace(made, taught=patching.show_again(self._context))
        report = pooling.embed(self._context, engine, relearn, download, progress)
        again, lost = reteaching.teach_again(self._context, progress)
        return replace(report, taught=again, untaught=lost)

    def index(self, rebuild: bool = False, progress: Callable[[int, int], None] | None = None) -> "IndexReport":
        """Builds the index of nearest neighbours, or brings it up to date. `progress` is told (items read, of all)."""
        from labelsieve.project.indexing import update_index

        return update_index(self._context, rebuild, progress)

    def items(self, items: Sequence[int] | Sequence[str] | Ids) -> list[Item]:
        """The items of these ids or keys, in order, as people look at them."""
        from labelsieve.project.seeing import seen_items

        return seen_items(self._context, self._context.ids_of(items))

    # Rounds

    def next(
        self,
        n: int | None = None,
        strategy: str | None = None,
        control: bool = False,
        candidates: str | None = None,
        purpose: Purpose | None = None,
    ) -> "Asked":
        """The next n items to label, most wanted first; the same again while nothing new is answered.

        `purpose` asks for the items of one random side alone, such as "calibration".
        """
        from labelsieve.project import asking

        return asking.ask(self._context, n, strategy, control, candidates, purpose)

    def rounds(
        self, n: int | None = None, budget: int = 200, oracle: Oracle | None = None, control: bool = False
    ) -> "Iterator[Asked]":
        """Queries until `budget` items are answered. With an oracle each is answered before it is handed out;
        else answer it with `label` before asking for the next one, or the loop ends."""
        from labelsieve.project import asking

        before = -1
        for size in asking.rounds_left(self._context, n, budget):
            asked = self.next(size, control=control)
            if asked.id == before:  # nothing was answered
                return
            before = asked.id
            if oracle is not None:
                self.write([replace(label, query=asked.id) for label in oracle.answer(asked.query)])
            yield asked

    def label(
        self,
        items: Sequence[int] | Sequence[str] | Ids,
        answers: Sequence[Any],
        by: str,
        seconds: float | Sequence[float] | None = None,
        query: int | None = None,
        source: Origin = "human",
    ) -> list[Label]:
        """Writes one answer an item: a class name, several names, SKIP, UNSURE or a Value. Saved when it returns."""
        from labelsieve.project import labelling

        given = labelling.Given(by, seconds, query, source)
        labels = labelling.labels_of(self._context, self._context.ids_of(items), answers, given)
        self.write(labels)
        return labels

    def write(self, labels: Sequence[Label]) -> int:
        """How many of these labels were new: a retry with the same UUID never doubles."""
        from labelsieve.project import events

        return events.write(self._context.conn, labels)

    def undo(self, by: str, n: int = 1) -> list[Label]:
        """Takes back the last n answers of an annotator, newest first. Undo is an event too."""
        from labelsieve.project import events

        return events.undo(self._context.conn, self._context.task_name, by, n)

    def label_group(
        self,
        items: Sequence[int] | Sequence[str] | Ids,
        answer: Any,
        by: str,
        seconds: float | None = None,
        query: int | None = None,
    ) -> list[Label]:
        """Writes one answer for several items, such as near-duplicates, in one transaction; `seconds` for all together.

        With a query the first item is what was shown, and the others, its group, get the answer with the source
        "rule": nobody looked at them. `undo_together` takes all of them back.
        """
        from labelsieve.project import labelling

        if query is not None:
            given = labelling.Given(by, seconds, query)
            labels = labelling.labels_of_query_group(self._context, self._context.ids_of(items), answer, given)
            self.write(labels)
            return labels
        each = None if seconds is None else seconds / max(len(items), 1)
        return self.label(items, [answer] * len(items), by, each)

    def undo_together(self, by: str) -> list[Label]:
        """Takes back the last answer of an annotator and all that were given in the same call."""
        from labelsieve.project import labelling

        return labelling.undo_together(self._context, by)

    def import_labels(
        self,
        path: str | os.PathLike[str],
        by: str,
        separator: str = ";",
        format: str | None = None,
        field: str | None = None,
        strict: bool = False,
    ) -> "ImportReport":
        """Labels from a file or folder: a table with the columns key and label, Label Studio's JSON, a data set of
        Hugging Face, pictures in folders by class, Croissant. Importing twice doubles nothing.

        `format` is needed only where the path does not tell; `field` names the column or control of the labels. What
        cannot be a label is set aside by name; with `strict` it is an InputError, and nothing is imported.
        """
        from labelsieve.project.formats import exchanging

        wanted = exchanging.Wanted(by, format, field, separator, strict)
        return exchanging.import_from(self._context, Path(path), wanted)

    # Head

    def fit(self) -> "Fitted":
        """The head for the labels as they are now, measured on the audit slice."""
        from labelsieve.project import fitting

        return fitting.fit_task(self._context)

    def predict(self, items: Sequence[int] | Sequence[str] | Ids | None = None) -> "Predictions":
        """What the head says of these items; of the whole pool by default."""
        from labelsieve.project import fitting, manifest

        fitted = self.fit()
        ids = fitted.stand.pool.ids if items is None else self._context.ids_of(items)
        return fitting.predictions(fitted, self.task, ids, tuple(manifest.keys(self._context.conn, ids)))

    def status(self) -> dict[str, Any]:
        """Counts, classes, spending, the last fit, advice: plain data."""
        from labelsieve.project import state

        return state.status(self._context)

    def simulate(
        self,
        truth: str,
        budget: int,
        n: int | None = None,
        against: Sequence[str] = ("auto",),
        seeds: int = 3,
        sample: int = 0,
        test: float | None = None,
        candidates: str | None = None,
        progress: Callable[[int, int], None] | None = None,
        watch: "Callable[[Run], None] | None" = None,
    ) -> dict[str, Any]:
        """What each strategy would have cost here, by known labels. Writes nothing into the project.

        `progress` is told (queries done, queries in all), `watch` each run as it grows.
        """
        from labelsieve.project import playing

        game = playing.Game(truth, budget, n, tuple(against), seeds, sample, test, candidates)
        return playing.play(self._context, game, progress, watch)

    # Out

    def export(
        self,
        labels: str | os.PathLike[str] | None = None,
        predictions: str | os.PathLike[str] | None = None,
        head: str | os.PathLike[str] | None = None,
        card: str | os.PathLike[str] | None = None,
        consensus: str | os.PathLike[str] | None = None,
    ) -> list[Path]:
        """Writes what is named; all but the consensus into exports/ when nothing is. Returns the paths."""
        from labelsieve.project import exporting

        paths = {"labels": labels, "predictions": predictions, "head": head, "card": card, "consensus": consensus}
        return exporting.export(self._context, **paths)

    def export_as(
        self, path: str | os.PathLike[str] | None = None, format: str | None = None, allow_loss: bool = False
    ) -> "Exported":
        """Writes every standing answer for another tool: label-studio, hf, folders, croissant, csv, jsonl or parquet.

        InputError where the format cannot hold an answer, unless `allow_loss`: then `lost` says what was dropped.
        """
        from labelsieve.project.formats import exchanging

        return exchanging.export_as(self._context, None if path is None else Path(path), format, allow_loss)

    def report(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Writes the report, one HTML file that opens from disk; returns its path."""
        from labelsieve.project import exporting

        return exporting.write_report(self._context, path)

    def compare_engines(self, engines: Sequence[str]) -> list[dict[str, Any]]:
        """Engines ranked by paired differences on the audit labels, with intervals."""
        from labelsieve.project.comparing import compare_engines

        return compare_engines(self._context, engines)

    def doctor(self) -> "list[Health]":
        """What is well and what is not: digests, versions, disk."""
        from labelsieve.project.health import examine

        return examine(self._context)

    def backup(self) -> Path:
        """A copy of the two precious files below backups/; returns its path."""
        from labelsieve.project.backups import backup

        return backup(self.path)


def create(
    path: str | os.PathLike[str],
    *sources: str | os.PathLike[str],
    task: Kind = "classes",
    task_name: str = "main",
    dull: str = "dull",
    classes: Sequence[str] | None = None,
    seed: int = 0,
    **options: Unpack[SourceKeywords],
) -> Project:
    """A new project folder over these sources. Nothing is left behind where it fails. `classes` closes the classes."""
    from labelsieve.project import config, making

    settings = config.TaskSettings(kind=task, classes=tuple(classes or ()), dull=dull)
    start = making.Start(seed, task_name, settings)
    return Project(making.create(Path(path), sources, options, start))


def open(path: str | os.PathLike[str], task_name: str = "main") -> Project:
    """The project of that folder, on one of its tasks. A project without a task `main` opens on its first."""
    from labelsieve.project import making

    return Project(making.opened_context(Path(path), task_name))


def restore(backup: str | os.PathLike[str], path: str | os.PathLike[str], edited: bool = False) -> "Restored":
    """Puts a backup back: the project as it was then, and what stands there now kept in replaced/.

    ProjectError, and a project as it was, where the backup is damaged, of another project or (unless `edited`) edited,
    where somebody has the project open, or the disk is full. After a kill the same call goes on.
    """
    from labelsieve.project import restoring

    return restoring.restore(Path(backup), Path(path), edited)


__all__ = ["Project", "ProjectError", "create", "open", "restore"]
