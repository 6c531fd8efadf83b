"""Draw docs/images/gains.png: what every strategy gains over random, one dot a pool.

From benchmarks/results/strategies.json.

python docs/gains.py
"""

import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
COLOURS = ((56, 108, 196), (120, 170, 235), (216, 132, 28), (46, 148, 68), (130, 200, 120), (150, 62, 168))
INK, GREY, LINE = (34, 38, 46), (120, 126, 136), (226, 229, 234)
LEFT, WIDE, ROW, TOP, FINE = 230, 640, 24, 84, 2
LOW, HIGH = -0.2, 0.2


def main() -> None:
    found = json.loads((HERE.parent / "benchmarks" / "results" / "strategies.json").read_text())["gains"]
    pools = [pool for pool in found if pool != "goemotions"]
    rows = {
        name: {pool: found[pool][name]["gain"]["mean"] for pool in pools}
        for name in found[pools[0]]
        if name != "random" and all(name in found[pool] for pool in pools)
    }
    order = sorted(rows, key=lambda name: -sum(rows[name].values()))
    size = (LEFT + WIDE + 30, TOP + ROW * len(order) + 20)
    picture = Image.new("RGB", (size[0] * FINE, size[1] * FINE), "white")
    draw = ImageDraw.Draw(picture)
    font, small = ImageFont.load_default(15 * FINE), ImageFont.load_default(13 * FINE)

    def x(value: float) -> float:
        return (LEFT + WIDE * (min(max(value, LOW), HIGH) - LOW) / (HIGH - LOW)) * FINE

    for i, pool in enumerate(pools):
        at = (LEFT + 215 * (i % 3), 6 + 22 * (i // 3))
        _dot(draw, at[0] * FINE, (at[1] + 10) * FINE, COLOURS[i])
        draw.text(((at[0] + 12) * FINE, at[1] * FINE), pool.replace("_", ", "), INK, small)
    bottom = (TOP + ROW * len(order)) * FINE
    for tick in (-0.2, -0.1, 0.0, 0.1, 0.2):
        draw.line((x(tick), (TOP - 6) * FINE, x(tick), bottom), GREY if tick == 0 else LINE, FINE)
        draw.text((x(tick), (TOP - 26) * FINE), f"{tick:+.1f}" if tick else "random", GREY, small, anchor="ma")
    for i, name in enumerate(order):
        y = (TOP + ROW * i + ROW // 2) * FINE
        mean = sum(rows[name].values()) / len(pools)
        draw.line((x(min(rows[name].values())), y, x(max(rows[name].values())), y), LINE, 3 * FINE)
        for j, pool in enumerate(pools):
            _dot(draw, x(rows[name][pool]), y, COLOURS[j])
        draw.line((x(mean), y - 9 * FINE, x(mean), y + 9 * FINE), INK, 2 * FINE)
        draw.text(((LEFT - 12) * FINE, y), name, INK, font, anchor="rm")
    picture.save(HERE / "images" / "gains.png", optimize=True)


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, colour: tuple[int, int, int]) -> None:
    draw.ellipse((x - 5 * FINE, y - 5 * FINE, x + 5 * FINE, y + 5 * FINE), colour)


if __name__ == "__main__":
    main()
