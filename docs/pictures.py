"""Draw docs/images/strategies.png: what each query strategy asks for on one pool of two dimensions.

    python docs/pictures.py

The pool is made from a seed: three large classes, two of which overlap, a small one, and a few stray points. The
labels, the head and the number of items asked for are the same in every panel.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from labelsieve.core import plugins
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import DULL, ODD, Ids, Labels, Vector
from labelsieve.heads.linear import Linear
from labelsieve.selection.neighbours import nearest

OUT = Path(__file__).parent / "images" / "strategies.png"
ASKED, SEED, STRAY = 12, 4, 14
CLASSES = ("a", "b", "c", "rare")
FAMILIES = {
    "Control and balance": ("random", "stratified", "class_balance", "galaxy"),
    "Doubt": ("margin", "least_confident", "ratio", "entropy", "cost", "density", "min_margin", "mean_max_loss"),
    "Committees and expectations": (
        *("vote_entropy", "vote_divergence", "bald", "batchbald", "expected_change", "expected_error", "bait", "quire"),
    ),
    "Coverage, without a head": (
        *("facility_location", "facility_location_sparse", "kcenter", "kmeans", "kmedoids", "typiclust", "probcover"),
        *("maxherding", "graph_cut", "discriminative"),
    ),
    "Doubt and coverage": (
        *("auto", "facility_location_unsure", "uherding", "badge", "weighted_kmeans", "cluster_margin", "clue"),
        *("falcun", "dropquery", "alfa_mix", "contrastive", "boundary"),
    ),
    "Search for the rare class": ("screen", "greedy_search", "two_step_search", "ens", "targeted", "hardest"),
}
COLUMNS, PANEL, GAP, TITLE, HEADING, FINE = 8, 206, 12, 24, 40, 3  # pixels; drawn FINE times as large
INK, GREY, RED = (34, 38, 46), (150, 156, 166), (208, 16, 62)
TINTS = ((226, 236, 250), (252, 238, 220), (226, 244, 228), (244, 228, 246))
STRONG = ((56, 108, 196), (216, 132, 28), (46, 148, 68), (150, 62, 168))


def made() -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) within about -1 .. 1, and their classes."""
    rng = stream(SEED, "picture")
    centres = np.array([[-0.45, 0.35], [0.25, 0.4], [-0.1, -0.5], [0.75, -0.55]])
    spread = np.array([[0.2, 0.17], [0.24, 0.17], [0.3, 0.13], [0.05, 0.05]])
    y = np.repeat(np.arange(4), (260, 220, 180, 26))
    x = centres[y] + spread[y] * rng.normal(size=(len(y), 2))
    stray = rng.uniform(-0.97, 0.97, size=(STRAY, 2))
    near = nearest(stray.astype(np.float32), centres.astype(np.float32), 1)[0][:, 0]
    return np.clip(np.concatenate([x, stray]), -0.98, 0.98).astype(np.float32), np.concatenate([y, near])


def labelled(y: np.ndarray) -> Ids:
    """Twelve items of the large classes, and two of the small one; none of the stray points."""
    rng = stream(SEED, "labels")
    return np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero(y[:-STRAY] == k), m, replace=False) for k, m in enumerate((4, 4, 4, 2))]
        )
    )


def asked(name: str, x: np.ndarray, y: np.ndarray, known: Ids) -> tuple[Ids, Linear]:
    """The ids that a strategy asks for, and the head that it saw."""
    classes, kind, codes = CLASSES, "classes", y
    if name == "screen":
        classes, kind, codes = ("dull", "odd"), "screen", np.where(y == 3, ODD, DULL)
    labels = Labels(known, codes[known], classes, kind)
    head = Linear(len(classes), c=30.0).fit(x[known], labels.y)
    pool = ArrayPool(x)

    def price(ids: Ids) -> Vector:
        return np.where(x[ids, 0] > 0, 3.0, 1.0)

    wanted = ODD if kind == "screen" else 3 if name in FAMILIES["Search for the rare class"] else None
    state = Round(pool, labels, head, number=2, wanted=wanted, price=price)
    return plugins.load("strategies", name)(state, ASKED, stream(SEED, "query")).ids, head


def panel(name: str, x: np.ndarray, y: np.ndarray) -> Image.Image:
    """One strategy: what the head says as tints, the pool, the labels, and what is asked for."""
    known, size = labelled(y), PANEL * FINE
    ids, head = asked(name, x, y, known)
    axis = np.linspace(-1, 1, 120, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, -axis), axis=2).reshape(-1, 2)
    said = head.predict_proba(grid).argmax(axis=1)
    tints = np.array(TINTS if name != "screen" else (TINTS[0], TINTS[3]), np.uint8)
    image = Image.fromarray(tints[said].reshape(120, 120, 3)).resize((size, size), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    place = np.stack([(x[:, 0] + 1) / 2 * size, (1 - x[:, 1]) / 2 * size], axis=1)

    def dot(i: int, radius: float, fill: tuple[int, int, int], edge: tuple[int, int, int] | None = None) -> None:
        (u, v), r = place[i], radius * FINE
        draw.ellipse((u - r, v - r, u + r, v + r), fill=fill, outline=edge, width=int(1.3 * FINE) if edge else 0)

    for i in range(len(x)):
        dot(i, 1.5, GREY)
    for i in known:
        dot(int(i), 4.6, STRONG[y[i]], INK)
    for i in ids:
        dot(int(i), 4.4, RED, (255, 255, 255))
    draw.rectangle((0, 0, size - 1, size - 1), outline=(198, 203, 212), width=FINE)
    return image


def drawn() -> Image.Image:
    """All panels, family by family."""
    x, y = made()
    listed = {name for names in FAMILIES.values() for name in names}
    families = FAMILIES | {"Others": tuple(name for name in plugins.names("strategies") if name not in listed)}
    rows = [(title, names) for title, names in families.items() if names]
    height = GAP + sum(HEADING + -(-len(names) // COLUMNS) * (PANEL + TITLE + GAP) for _, names in rows)
    width = GAP + COLUMNS * (PANEL + GAP)
    sheet = Image.new("RGB", (width * FINE, height * FINE), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    title_font, name_font = (ImageFont.load_default(points * FINE) for points in (21, 15))
    top = GAP
    for title, names in rows:
        draw.text((GAP * FINE, (top + 4) * FINE), title, fill=INK, font=title_font)
        top += HEADING
        for at, name in enumerate(names):
            left, down = GAP + at % COLUMNS * (PANEL + GAP), top + at // COLUMNS * (PANEL + TITLE + GAP)
            draw.text((left * FINE, down * FINE), name, fill=INK, font=name_font)
            sheet.paste(panel(name, x, y), (left * FINE, (down + TITLE) * FINE))
        top += -(-len(names) // COLUMNS) * (PANEL + TITLE + GAP)
    small = sheet.resize((width, height), Image.Resampling.LANCZOS)
    return small.quantize(255, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def main() -> int:
    """0 when the picture was written."""
    drawn().save(OUT, optimize=True)
    print(f"written: {OUT.name}, {OUT.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
