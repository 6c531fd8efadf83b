"""Draw docs/images/heat.png: where a made-up metal plate is odd, by ten dull ones.

    python docs/heat.py MODEL      (a folder with an ONNX image model)

Plates are made from a seed: brushed metal with four holes and a printed line. The odd one has a scratch, a burr on a
hole, and a gap in the line.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from labelsieve.core.randomness import stream
from labelsieve.engines.maps import maps_engine
from labelsieve.engines.opening import open_engine
from labelsieve.project.pictures.mapping import save_heat
from labelsieve.screening.patches import PatchBank

OUT = Path(__file__).parent / "images" / "heat.png"
SIDE, DULL, SEED = 420, 10, 11


def plate(seed: int, odd: bool = False) -> Image.Image:
    """One plate; no two lie quite the same."""
    rng = stream(SEED, "plate", seed)
    brushed = rng.normal(168, 13, (SIDE, 1)) + rng.normal(0, 6, (SIDE, SIDE))
    image = Image.fromarray(np.clip(brushed, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    draw, (dx, dy) = ImageDraw.Draw(image), rng.integers(-4, 5, 2).tolist()
    for x, y in ((80, 80), (340, 80), (80, 340), (340, 340)):
        draw.ellipse((x + dx - 26, y + dy - 26, x + dx + 26, y + dy + 26), fill=58, outline=120, width=3)
    draw.line((80 + dx, 210 + dy, 340 + dx, 210 + dy), fill=70, width=9)
    if odd:
        draw.line((180, 95, 243, 138), fill=222, width=3)
        draw.polygon([(356 + dx, 316 + dy), (376 + dx, 304 + dy), (366 + dx, 334 + dy)], fill=62)
        draw.rectangle((236 + dx, 203 + dy, 251 + dx, 217 + dy), fill=166)
    return image.filter(ImageFilter.GaussianBlur(0.6)).convert("RGB")


def main() -> None:
    engine = maps_engine(open_engine(sys.argv[1]))
    maps = engine.compute([engine.prepare(plate(seed)) for seed in range(DULL)])
    bank = PatchBank().fit(maps, engine.grid)
    wide, new = [], plate(99, odd=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, image in (("dull", plate(50)), ("odd", new)):
            heat = bank.heat(engine.compute([engine.prepare(image)]))[0]
            print(name, bank.score(engine.compute([engine.prepare(image)])), float(heat.max()))
            wide.append(Image.open(save_heat(image, heat, Path(folder) / f"{name}.png")).convert("RGB"))
        out = Image.new("RGB", (SIDE * 3 + 40, wide[0].height), "white")
        for at, image in enumerate((new, wide[1], wide[0])):
            out.paste(image, (at * (SIDE + 20), 0))
    out.quantize(256).save(OUT, optimize=True)


if __name__ == "__main__":
    main()
