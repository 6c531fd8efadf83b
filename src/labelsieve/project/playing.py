"""`simulate` on a project: its pool, its truth, its strategies and heads. Writes nothing into the project."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Kind
from labelsieve.project.asking import LARGEST, SMALLEST, strategy_named
from labelsieve.project.context import Context
from labelsieve.project.grounds import groups_of
from labelsieve.project.pictures.mapped import map_pool
from labelsieve.project.pictures.templates import templates_of
from labelsieve.project.pooling import raw_pool
from labelsieve.project.simulation import Play, Run, SimulationSettings, simulate
from labelsieve.project.standing import meaning_of
from labelsieve.project.training import Chooser, fit_view, is_tabular, view_way
from labelsieve.project.truth import truth_of
from labelsieve.selection.composing import among
from labelsieve.selection.naming import candidates_called
from labelsieve.store.pools import ViewedPool


@dataclass(frozen=True, slots=True)
class Game:
    """What `simulate` was asked to play."""

    truth: str
    budget: int
    size: int | None = None
    strategies: tuple[str, ...] = ("auto",)
    seeds: int = 3
    sample: int = 0
    test: float | None = None
    candidates: str | None = None  # what every strategy but random sees


def play(
    context: Context,
    game: Game,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[Run], None] | None = None,
) -> dict[str, Any]:
    """The JSON of `labelsieve simulate`. `progress` gets (queries done, in all), `watch` each run as it grows."""
    kind = context.task.kind
    raw = raw_pool(context)
    truth = truth_of(context, game.truth, raw.ids)
    meaning = meaning_of(context, raw)
    pool = ViewedPool(raw, fit_view(raw, view_way(kind, meaning), context.settings.seed))
    size = game.size or min(max(len(truth.classes), SMALLEST), LARGEST)
    names = ("random", *(name for name in dict.fromkeys(game.strategies) if name != "random"))
    settings = SimulationSettings(
        budget=game.budget, size=size, strategies=names, seeds=game.seeds, sample=game.sample, test=game.test,
        seed=context.settings.seed,
    )  # fmt: skip
    chooser = Chooser(context.task_settings.head, is_tabular(meaning))
    strategies = {name: _strategy(name, kind, game.candidates) for name in names}
    groups = groups_of(context, truth.ids)
    total, done = len(names) * game.seeds * -(-game.budget // size), 0

    def tell(run: Run, budget: int) -> None:
        nonlocal done
        done += 1
        if watch is not None:
            watch(run)
        if progress is not None:
            progress(done, total)

    maps = map_pool(context) if kind == "screen" else None
    templates = templates_of(context, maps) if maps else None
    played = Play(pool, truth, chooser, strategies, groups, chooser.tabular, maps, templates)
    result = simulate(played, settings, tell)
    described = {
        "items": len(raw.ids),
        "with_truth": len(truth),
        "dim": raw.dim,
        "classes": len(truth.classes),
        "kind": kind,
        "truth": game.truth,
        "engine": context.settings.embeddings or "given",
    }
    return {"pool": described, **result}


def _strategy(name: str, kind: Kind, candidates: str | None) -> Strategy:
    """The strategy, among the candidates; the control sees everything."""
    strategy = strategy_named(name, kind)
    return strategy if candidates is None or name == "random" else among(candidates_called(candidates), strategy)
