"""Contact sheets: that every picture is on one, and that a long batch has several, but not without end."""

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

from diptych.pipelines.rendering.output import contact_sheet as sheet
from diptych.pipelines.rendering.output.contact_sheet import contact_sheet, sheet_name, write_sheets
from diptych.pipelines.rendering.output.folder import OutputFolder
from diptych.pipelines.rendering.output.record import Record, refused
from diptych.pipelines.sheets.thumbnails import thumbnail_name


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OutputFolder]:
    with OutputFolder(tmp_path / "out") as folder:
        yield folder


def painted(folder: OutputFolder, row: int, *, size: tuple[int, int] = (64, 32)) -> Record:
    """A row whose picture has a colour of its own."""
    PIL.Image.new("RGB", size, (255, 0, row)).save(folder.path / f"{row}.png")
    prompt = "a long prompt of many words " * 9
    return Record(row=row, prompt=prompt, seed=3, status="done", picture=f"{row}.png", score=0.5)


def colours(data: bytes) -> set[object]:
    with PIL.Image.open(io.BytesIO(data)) as image:
        return {colour for _, colour in image.getcolors(maxcolors=2**22) or []}


@pytest.mark.parametrize("count", [1, 2, 24])
def test_a_sheet_holds_every_picture(folder: OutputFolder, count: int) -> None:
    rows = [painted(folder, row) for row in range(1, count + 1)]
    found = colours(contact_sheet(rows, folder.path))
    assert {(255, 0, row) for row in range(1, count + 1)} <= found


def test_a_sheet_has_a_line_more_where_something_is_not_drawn(folder: OutputFolder) -> None:
    rows = [painted(folder, row) for row in (1, 2)]
    told = [rows[0], dataclasses.replace(rows[1], left_out=("wearing", "hat"))]
    plain, more = (
        PIL.Image.open(io.BytesIO(contact_sheet(each, folder.path))).convert("L") for each in (rows, told)
    )
    assert more.height > plain.height and more.width == plain.width
    last = more.crop((0, plain.height - 18, more.width, more.height))
    half = last.width // 2
    first, second = (last.crop((x, 0, x + half, last.height)).tobytes() for x in (0, half))
    assert min(first) > 200 > min(second), "the second has words there, the first none"


def test_thumbnails_are_read_rather_than_pictures(folder: OutputFolder) -> None:
    row = painted(folder, 1)
    stream = io.BytesIO()
    PIL.Image.new("RGB", (64, 32), (0, 200, 0)).save(stream, format="WEBP", lossless=True)
    folder.write(thumbnail_name(1), stream.getvalue())
    found = colours(contact_sheet([row], folder.path))
    assert (0, 200, 0) in found and (255, 0, 1) not in found


def test_a_long_batch_has_sheets_up_to_a_bound(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "SHEET_PICTURES", 4)
    monkeypatch.setattr(sheet, "MAX_SHEETS", 3)
    rows = [painted(folder, row) for row in range(1, 16)]
    names = write_sheets(iter([*rows, refused(16, "a", 0, "no")]), folder)
    assert names == ["contact_sheet.png", "contact_sheet-2.png", "contact_sheet-3.png"]
    heights = [PIL.Image.open(folder.path / name).height for name in names]
    assert heights[0] == heights[1] < heights[2]  # the last says how many more there are
    assert (255, 0, 12) in colours((folder.path / names[2]).read_bytes())


def test_sheets_of_a_longer_batch_are_taken_away_and_nothing_else(
    folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "SHEET_PICTURES", 2)
    rows = [painted(folder, row) for row in range(1, 6)]
    folder.write("contact_sheet-mine.png", b"mine")
    assert len(write_sheets(rows, folder)) == 3
    assert write_sheets(rows[:1], folder) == ["contact_sheet.png"]
    left = sorted(path.name for path in folder.path.glob("contact_sheet*"))
    assert left == ["contact_sheet-mine.png", "contact_sheet.png"]
    assert write_sheets([refused(1, "a", 0, "no")], folder) == []
    assert not (folder.path / sheet_name(1)).exists()


def test_a_picture_that_cannot_be_read_leaves_its_place_empty(folder: OutputFolder) -> None:
    rows = [painted(folder, 1), painted(folder, 2)]
    (folder.path / "1.png").write_bytes(b"no picture")
    assert (255, 0, 2) in colours(contact_sheet(rows, folder.path))


def test_pictures_keep_their_shape(folder: OutputFolder) -> None:
    data = contact_sheet([painted(folder, 7, size=(400, 100))], folder.path)
    with PIL.Image.open(io.BytesIO(data)) as image:
        red = [
            (x, y)
            for x in range(image.width)
            for y in range(image.height)
            if image.getpixel((x, y)) == (255, 0, 7)
        ]
    width, height = (1 + max(at) - min(at) for at in zip(*red, strict=True))
    assert (width, height) == (192, 48)
