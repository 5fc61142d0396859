"""What pixels are: the same, whichever way a picture is handed over."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diptych import InputError
from diptych.pipelines.pictures import pixels
from diptych.pipelines.pictures.pixels import alpha_of, mask_of, pixels_of, rgb_of, see_through, upright

from ...fuzzing import fuzz_settings

ORIENTATION = 0x0112


def made(mode: str, size: tuple[int, int], seed: int) -> PIL.Image.Image:
    """A picture of random pixels."""
    draws = np.random.default_rng(seed)
    width, height = size
    if mode == "I;16":
        return PIL.Image.fromarray(draws.integers(0, 2**16, (height, width), np.uint16))
    channels = {"RGB": 3, "RGBA": 4, "LA": 2, "CMYK": 4}.get(mode, 1)
    values = draws.integers(0, 256, (height, width, channels), np.uint8)
    if mode in ("RGB", "RGBA", "LA"):
        return PIL.Image.fromarray(values)
    if mode == "CMYK":
        return PIL.Image.frombytes("CMYK", size, values.tobytes())
    grey = PIL.Image.fromarray(values[..., 0])
    if mode == "P":
        grey = PIL.Image.fromarray(draws.integers(0, 256, (height, width, 3), np.uint8)).quantize(8)
        grey.info["transparency"] = 3
        return grey
    return grey.convert(mode)


def stored(image: PIL.Image.Image, turn: int, format: str) -> bytes:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = turn
    stream = io.BytesIO()
    image.save(stream, format, exif=exif, **({"lossless": True} if format == "WEBP" else {}))
    return stream.getvalue()


FORMATS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
}
KINDS = [(format, mode) for format, modes in FORMATS.items() for mode in modes]


@fuzz_settings(100)
@given(
    kind=st.sampled_from(KINDS),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    turn=st.integers(1, 8),
    seed=st.integers(0, 2**32),
)
def test_a_picture_has_the_same_pixels_whichever_way_it_is_handed_over(
    tmp_path: Path, kind: tuple[str, str], size: tuple[int, int], turn: int, seed: int
) -> None:
    data = stored(made(kind[1], size, seed), turn, kind[0])
    path = tmp_path / "picture"
    path.write_bytes(data)
    as_file = pixels_of(path)
    assert as_file.dtype == torch.uint8 and as_file.shape[2] == 3
    assert tuple(as_file.shape[:2]) == (size[::-1] if turn < 5 else size)
    with PIL.Image.open(path) as image:
        handed: dict[str, Any] = {
            "the path as text": str(path),
            "its bytes": data,
            "a PIL picture": image,
            "an array": np.asarray(rgb_of(image)),
            "a tensor": as_file,
            "a tensor, channels first": as_file.permute(2, 0, 1) if min(size) > 4 else as_file,
            "numbers with a point": as_file.double() / 255,
        }
        for way, given_so in handed.items():
            assert torch.equal(pixels_of(given_so), as_file), way
        assert np.array_equal(np.asarray(mask_of(path)), np.asarray(mask_of(image)))


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    values = (np.arange(256, dtype=np.uint16) * 256 + 7)[None]
    PIL.Image.fromarray(values).save(tmp_path / "grey.png")
    for given_so in (tmp_path / "grey.png", PIL.Image.fromarray(values), values, values[..., None]):
        assert pixels_of(given_so)[0, :, 0].tolist() == list(range(256))


def test_a_picture_is_upright(tmp_path: Path) -> None:
    """A phone's picture on its side, as a file and as PIL has it."""
    image = PIL.Image.new("RGB", (2, 1), "red")
    image.putpixel((0, 0), (0, 0, 255))
    (tmp_path / "a.png").write_bytes(stored(image, 6, "PNG"))
    turned = PIL.Image.open(tmp_path / "a.png")
    for given_so in (tmp_path / "a.png", turned):
        assert pixels_of(given_so)[:, 0].tolist() == [[0, 0, 255], [255, 0, 0]]


def test_transparency_is_put_on_white(tmp_path: Path) -> None:
    clear = PIL.Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    clear.save(tmp_path / "a.png")
    for given_so in (clear, tmp_path / "a.png", np.asarray(clear)):
        image = rgb_of(given_so)
        assert image.mode == "RGB" and image.getpixel((0, 0)) == (255, 255, 255)


def test_a_mask_is_its_transparency_where_it_has_any_and_its_lightness_where_not(tmp_path: Path) -> None:
    strokes = PIL.Image.new("RGBA", (4, 2), (255, 255, 255, 0))
    strokes.paste((255, 255, 255, 255), (0, 0, 1, 2))
    black = PIL.Image.new("RGBA", (4, 2), (0, 0, 0, 0))
    black.paste((0, 0, 0, 255), (0, 0, 1, 2))
    opaque = PIL.Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    opaque.paste((255, 255, 255, 255), (0, 0, 1, 2))
    for image in (strokes, black, opaque):
        image.save(tmp_path / "mask.png")
        for given_so in (image, tmp_path / "mask.png", np.asarray(image)):
            assert np.asarray(mask_of(given_so)).tolist() == [[255, 0, 0, 0]] * 2


@pytest.mark.parametrize(
    ("given_so", "message"),
    [
        (PIL.Image.new("F", (4, 4)), r"mode F\), which do not say what white is: convert it to RGB"),
        (PIL.Image.new("I", (4, 4)), r"mode I\), which do not say what white is: convert it to RGB"),
        (np.zeros((4, 4, 3), np.int64), "an array of int64 is no picture: give uint8, or numbers from 0 to 1"),
        (np.full((4, 4, 3), 200.0), "where all lie between 0 and 1"),
        (np.full((4, 4, 3), np.nan), "where all lie between 0 and 1"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"shape \(2, 4, 4, 3\) is no picture"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\) is no picture"),
        (torch.zeros(7, 9, 5), r"shape \(7, 9, 5\) is no picture"),
        (None, "a NoneType is no picture: give a PIL image, a path, an array"),
        (b"no picture", "is no picture of a kind that is read"),
        (np.zeros((1, 9000), np.uint8), "is 9000 x 1 pixels: at most 8192"),
        (PIL.Image.new("1", (9000, 1)), "is 9000 x 1 pixels: at most 8192"),
    ],
)
@pytest.mark.parametrize("ask", [rgb_of, mask_of, pixels_of, upright])
def test_what_is_no_picture_is_refused_in_one_line(given_so: Any, message: str, ask: Callable) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ask(given_so)
    assert "\n" not in str(caught.value)


def test_alpha_is_nothing_where_all_is_opaque() -> None:
    assert alpha_of(PIL.Image.new("RGBA", (2, 2), (1, 2, 3, 255))) is None
    assert alpha_of(PIL.Image.new("RGB", (2, 2))) is None
    assert pixels.alpha_of(PIL.Image.new("LA", (2, 2), (0, 7))) is not None


def test_a_picture_made_see_through_again_looks_on_white_as_it_did() -> None:
    clear = made("RGBA", (12, 9), seed=5)
    alpha = alpha_of(clear)
    assert alpha is not None
    again = see_through(rgb_of(clear), alpha)
    assert again.mode == "RGBA" and np.array_equal(np.asarray(again)[..., 3], np.asarray(alpha))
    apart = (pixels_of(again).short() - pixels_of(clear).short()).abs()
    assert apart.max() <= 2
