"""What a training shows of itself while it runs."""

import io
from pathlib import Path
from typing import Any

import PIL.Image
import torch

from diptych.pipelines.sheets.sample_sheet import GAP, SIDE, draw_samples, write_samples


def plain(value: int) -> torch.Tensor:
    return torch.full((4, 4, 3), value, dtype=torch.uint8)


class Painter:
    def show(self) -> list[Any]:
        return [((plain(0), plain(200)), "a boat"), ((plain(90),), "a cup")]


class Writer:
    def show(self) -> str:
        return "a plan\n"


def test_columns_stand_side_by_side_with_their_texts_below() -> None:
    image = PIL.Image.open(io.BytesIO(draw_samples(Painter().show()))).convert("RGB")
    assert image.width == GAP + 2 * (SIDE + GAP) and image.height > 2 * (SIDE + GAP)
    across, down = GAP + SIDE + GAP + 5, GAP + SIDE + GAP + 5
    assert [image.getpixel(at) for at in ((GAP + 5, GAP + 5), (GAP + 5, down), (across, GAP + 5))] == [
        (0, 0, 0),
        (200, 200, 200),
        (90, 90, 90),
    ]
    below = image.crop((0, 2 * (SIDE + GAP) + GAP, image.width, image.height))
    assert len(below.getcolors(10_000) or []) > 2


def test_pictures_and_texts_have_files_of_their_kind(tmp_path: Path) -> None:
    write_samples(Painter(), tmp_path)
    write_samples(Writer(), tmp_path)
    write_samples(object(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samples.png", "samples.txt"]
    assert (tmp_path / "samples.txt").read_text().strip() == "a plan"
