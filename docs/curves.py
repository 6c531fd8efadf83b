"""Draw docs/images/screening.png: odd items found by number of labels, a panel a pool, from results/screening.json.

    python docs/curves.py [RESULTS.json]

Lines are means over seeds; the band is what the middle half of the seeds of `screen` found. The ten MVTec sets share a
panel each for their own rate and for 5 %.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
OUT = HERE / "images" / "screening.png"
RESULTS = HERE.parent / "benchmarks" / "results" / "screening.json"
sys.path.insert(0, str(HERE.parent / "benchmarks"))
LINES = {  # drawn in this order; `screen` last, on top
    "random": (150, 156, 166),
    "pyod_knn": (196, 156, 214),
    "pyod_xgbod": (150, 62, 168),
    "aad": (46, 148, 68),
    "forest": (140, 196, 150),
    "uncertainty": (222, 206, 150),
    "patches": (216, 132, 28),
    "fuse": (56, 108, 196),
    "screen": (208, 16, 62),
}
COLUMNS, WIDE, HIGH, GAP, TITLE, FINE, STEPS = 4, 250, 170, 26, 40, 3, 40
INK, PALE, BAND = (34, 38, 46), (222, 226, 232), (250, 224, 230)


def curves(result: dict[str, Any], pools: list[str], method: str) -> np.ndarray:
    """Share found (runs, STEPS + 1) at even steps from no label to the budget."""
    out = []
    for run in result["runs"]:
        if run["method"] == method and run["pool"] in pools:
            found = np.array([0, *run["found"]]) / min(run["odd"], run["budget"])
            at = np.minimum(10 * np.arange(len(found)), run["budget"])
            out.append(np.interp(np.linspace(0, run["budget"], STEPS + 1), at, found))
    return np.array(out)


def panel(draw: ImageDraw.ImageDraw, corner: tuple[int, int], result: dict[str, Any], pools: list[str]) -> None:
    """Axes and lines of one pool; the upper edge is the most that any line reaches, rounded up."""
    means = {m: curves(result, pools, m) for m in LINES}
    top = max(0.1, np.ceil(10 * max(float(v.mean(axis=0).max()) for v in means.values() if len(v))) / 10)
    left, down = corner

    def place(share: np.ndarray) -> list[tuple[float, float]]:
        u = left + np.linspace(0, WIDE, STEPS + 1)
        v = down + HIGH * (1 - np.minimum(share, top) / top)
        return list(zip((u * FINE).tolist(), (v * FINE).tolist(), strict=True))

    for level in (0, top / 2, top):
        y = (down + HIGH * (1 - level / top)) * FINE
        draw.line((left * FINE, y, (left + WIDE) * FINE, y), fill=PALE, width=FINE)
        text = f"{100 * level:g} %"
        draw.text(((left - 4) * FINE, y), text, fill=INK, font=font(11), anchor="rm")
    if len(means["screen"]):
        low, high = np.quantile(means["screen"], [0.25, 0.75], axis=0)
        draw.polygon(place(low) + place(high)[::-1], fill=BAND)
    for method, colour in LINES.items():
        if len(means[method]):
            width = (3 if method == "screen" else 2) * FINE
            draw.line(place(means[method].mean(axis=0)), fill=colour, width=width, joint="curve")
    budget = max(run["budget"] for run in result["runs"] if run["pool"] in pools)
    said = f"{budget} labels" if len(pools) == 1 else "a fifth of the pool"
    draw.text(((left + WIDE) * FINE, (down + HIGH + 4) * FINE), said, fill=INK, font=font(11), anchor="rt")


def font(points: int) -> Any:
    return ImageFont.load_default(points * FINE)


def drawn(result: dict[str, Any], rows: dict[str, tuple[str, list[str]]]) -> Image.Image:
    """All panels, and what each colour means."""
    lines = -(-len(rows) // COLUMNS)
    size = (GAP + COLUMNS * (WIDE + 2 * GAP), TITLE + lines * (HIGH + TITLE + GAP))
    sheet = Image.new("RGB", (size[0] * FINE, size[1] * FINE), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    x = 2.0 * GAP
    for method, colour in reversed(LINES.items()):
        draw.line((x * FINE, 18 * FINE, (x + 22) * FINE, 18 * FINE), fill=colour, width=4 * FINE)
        draw.text(((x + 28) * FINE, 18 * FINE), method, fill=INK, font=font(14), anchor="lm")
        x += 28 + draw.textlength(method, font=font(14)) / FINE + 22
    for at, (title, pools) in enumerate(rows.values()):
        left = 2 * GAP + at % COLUMNS * (WIDE + 2 * GAP)
        down = TITLE + at // COLUMNS * (HIGH + TITLE + GAP) + 24
        draw.text((left * FINE, (down - 8) * FINE), title, fill=INK, font=font(14), anchor="ls")
        panel(draw, (left, down), result, pools)
    return sheet.resize(size, Image.Resampling.LANCZOS).quantize(
        128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )


def main() -> int:
    """0 when the picture was written."""
    from tables import screens

    result = json.loads((Path(sys.argv[1]) if sys.argv[1:] else RESULTS).read_text(encoding="utf-8"))
    drawn(result, screens(result)).save(OUT, optimize=True)
    print(f"written: {OUT.name}, {OUT.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
