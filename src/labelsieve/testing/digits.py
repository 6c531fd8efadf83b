"""scikit-learn's handwritten digits as a folder of pictures, the way a user's own folder looks."""

from pathlib import Path

import numpy as np

COUNT = 1797


def write_digits(folder: Path | str, count: int = COUNT) -> Path:
    """`folder` with one PNG (8 x 8, gray) a digit, in one folder a class: 0/0000.png, 1/0001.png, ...

    Source: E. Alpaydin, C. Kaynak 1998, UCI optical recognition of handwritten digits, test part (CC BY 4.0).
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    folder = Path(folder)
    for name in digits.target_names:
        (folder / str(name)).mkdir(parents=True, exist_ok=True)
    for i in range(min(count, COUNT)):
        pixels = (digits.images[i] * (255 / 16)).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / str(digits.target[i]) / f"{i:04d}.png")
    return folder
