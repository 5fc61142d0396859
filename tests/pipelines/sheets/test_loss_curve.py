"""Loss curves as pictures."""

import io
from pathlib import Path

import PIL.Image

from diptych.pipelines.sheets.loss_curve import HEIGHT, WIDTH, draw_curve
from diptych.pipelines.sheets.palette import CURVES


def drawn(folder: Path, text: str) -> PIL.Image.Image:
    (folder / "loss.csv").write_text(text, encoding="utf-8")
    return PIL.Image.open(io.BytesIO(draw_curve(folder / "loss.csv", "a loss"))).convert("RGB")


def count(image: PIL.Image.Image, ink: tuple[int, int, int]) -> int:
    return sum(n for n, colour in image.getcolors(WIDTH * HEIGHT) or [] if colour == ink)


def test_each_column_is_drawn_in_its_own_ink(tmp_path: Path) -> None:
    image = drawn(tmp_path, "step,loss,part\n25,3.0,1.0\n50,2.0,0.5\n75,1.5,0.2\n")
    assert image.size == (WIDTH, HEIGHT)
    assert count(image, CURVES[0]) > 400 and count(image, CURVES[1]) > 400 and count(image, CURVES[2]) == 0


def test_what_a_logarithm_cannot_show_is_left_out(tmp_path: Path) -> None:
    image = drawn(tmp_path, "step,loss\n25,0.0\n50,nan\n75,inf\n100,1.0\n125,0.5\n")
    assert count(image, CURVES[0]) > 10


def test_an_empty_log_gives_empty_axes(tmp_path: Path) -> None:
    assert drawn(tmp_path, "step,loss\n").size == (WIDTH, HEIGHT)
