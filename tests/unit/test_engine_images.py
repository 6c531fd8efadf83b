"""Any image file becomes upright RGB, and what is no image is an InputError that says why."""

import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
from PIL import Image

from labelsieve.core.errors import InputError
from labelsieve.engines.images import load_image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(size: tuple[int, int] = (48, 32)) -> Image.Image:
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 5 % 256, y * 7 % 256, (x + y) * 3 % 256], axis=2).astype(np.uint8))


def huge_png(width: int, height: int) -> bytes:
    """A real, tiny PNG that says it is width x height: only the header tells."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_path_bytes_and_image_give_the_same_pixels(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    photo().save(file)
    expected = np.asarray(photo())
    for thing in (file, str(file), file.read_bytes(), photo()):
        got = load_image(thing)
        assert got.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(got), expected)


def test_a_pillow_image_is_left_as_it_was() -> None:
    given = photo()
    got = load_image(given)
    got.putpixel((0, 0), (255, 255, 255))
    assert given.getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_stands_the_picture_upright(orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(photo(), "PNG", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    np.testing.assert_array_equal(np.asarray(load_image(data)), np.asarray(expected))


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert load_image(saved(clear, "PNG")).getpixel((1, 1)) == (255, 255, 255)
    grey = Image.new("LA", (4, 4), (90, 255))
    assert load_image(saved(grey, "PNG")).getpixel((1, 1)) == (90, 90, 90)
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    assert load_image(saved(palette, "PNG")).getpixel((0, 0)) == (200, 100, 50)
    assert load_image(saved(palette, "PNG", transparency=1)).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_by_their_own_range() -> None:
    ramp = (np.arange(16, dtype=np.uint16) * 4096).reshape(4, 4)
    for kind in ("PNG", "TIFF"):
        got = np.asarray(load_image(saved(Image.fromarray(ramp), kind)))
        np.testing.assert_array_equal(got[..., 0], ramp // 256)
    floats = Image.fromarray(np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4))
    got = np.asarray(load_image(saved(floats, "TIFF")))
    assert got.min() == 0
    assert got.max() == 255


def test_cmyk_and_bilevel_and_one_pixel() -> None:
    cmyk = saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")
    red, green, blue = load_image(cmyk).getpixel((3, 3))
    assert red > 240
    assert max(green, blue) < 15
    assert load_image(saved(Image.new("1", (2, 2), 1), "PNG")).getpixel((0, 0)) == (255, 255, 255)
    assert load_image(saved(photo((1, 1)), "PNG")).size == (1, 1)


def test_the_first_frame_stands_for_all() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(data).getpixel((0, 0)) == (255, 0, 0)


def test_what_is_no_image_says_why(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(InputError, match=r"empty\.png is empty \(0 bytes\)"):
        load_image(empty)
    with pytest.raises(InputError, match=r"gone\.png cannot be read: No such file"):
        load_image(tmp_path / "gone.png")
    with pytest.raises(InputError, match=r"cannot be read: Is a directory|cannot be decoded"):
        load_image(tmp_path)
    with pytest.raises(InputError, match="not an image"):
        load_image(b"key,label\n1,a\n")
    with pytest.raises(InputError, match="is empty"):
        load_image(b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP"])
@pytest.mark.parametrize("keep", [0.05, 0.3, 0.6])
def test_a_file_cut_short_is_an_input_error(kind: str, keep: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = saved(noise, kind)
    with pytest.raises(InputError, match=r"cannot be decoded|not an image"):
        load_image(data[: int(len(data) * keep)])


def test_flipped_bytes_never_escape_as_another_error() -> None:
    rng = np.random.default_rng(1)
    for kind in ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP"):
        whole = np.frombuffer(saved(photo(), kind), dtype=np.uint8)
        for _ in range(60):
            data = whole.copy()
            data[rng.integers(0, len(data), 8)] = rng.integers(0, 256, 8)
            with suppress(InputError), catch_warnings():
                simplefilter("ignore")
                load_image(data.tobytes())


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    for width, height in ((20_000, 10_000), (11_000, 10_000)):
        with pytest.raises(InputError, match="too large"):
            load_image(huge_png(width, height))
    with pytest.raises(InputError, match=r"48 x 32 = 0\.001536 megapixels"):
        load_image(photo(), max_pixels=1000)
