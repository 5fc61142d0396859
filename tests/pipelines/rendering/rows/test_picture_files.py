"""Which pictures a command is given: files, folders, tables; and what the files themselves say."""

from pathlib import Path

import PIL.Image
import pytest

from diptych import InputError, PromptFileError
from diptych.pipelines.rendering.rows import picture_files as module
from diptych.pipelines.rendering.rows.picture_files import PictureFile, one_by_one, picture_files, pictures_of


def paint(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        PIL.Image.new("L", (8, 8), 51).save(path)


def test_a_folder_stands_for_the_pictures_in_it_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    names = ["b10.png", "b2.jpg", "A.webp", "contact_sheet.png", ".hidden.png", "c.gif"]
    paint(*(folder / name for name in names), folder / "previews.png")
    (folder / "below.png").mkdir()
    (folder / "results.jsonl").write_text("")
    paint(tmp_path / "outside.png")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "twin.png").symlink_to(folder / "A.webp")
    found = [file.path.name for file in pictures_of([folder]) if file.fault is None]
    assert found == ["A.webp", "b2.jpg", "b10.png", "previews.png", "twin.png"]


def test_links_of_a_folder_that_cannot_be_followed_are_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    paint(tmp_path / "outside.png", folder / "good.png")
    (folder / "away.png").symlink_to(tmp_path / "outside.png")
    (folder / "gone.png").symlink_to(folder / "none.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "folder.png").symlink_to(folder)
    for found in (pictures_of([folder]), picture_files([folder], "a boat")):
        faults = {file.path.name: file.fault for file in found}
        assert list(faults) == ["away.png", "gone.png", "good.png", "loop.png"] and faults["good.png"] is None
        assert "leads out of its folder: name it by itself" in str(faults["away.png"])
        assert "is a link to a file that is not there: mend it" in str(faults["gone.png"])
        assert "Too many levels" in str(faults["loop.png"])
        with pytest.raises(InputError, match=r"away\.png: is a link"):
            _ = found[0].sound_path


def test_files_are_taken_as_they_are_named(tmp_path: Path) -> None:
    paths = [tmp_path / "none.png", tmp_path / "a.gif"]
    assert [file.sound_path for file in pictures_of(paths)] == paths


def test_an_empty_folder_and_too_many_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="is a folder without pictures"):
        pictures_of([tmp_path])
    paint(*(tmp_path / f"{name}.png" for name in "abc"))
    monkeypatch.setattr(module, "MAX_PICTURES", 2)
    with pytest.raises(InputError, match="more than 2 files"):
        picture_files([tmp_path])
    with pytest.raises(InputError, match="more than 2 files"):
        picture_files([tmp_path / "a.png"] * 3)


@pytest.mark.parametrize("column", ["picture", "Image", "file", "path", "file_name"])
@pytest.mark.parametrize("prompt", ["prompt", "text", "caption"])
def test_a_table_says_which_picture_should_show_what(tmp_path: Path, column: str, prompt: str) -> None:
    paint(tmp_path / "a.png", tmp_path / "deep" / "b.png")
    table = tmp_path / "pairs.csv"
    table.write_text(f'{column},{prompt}\na.png,"a cat, red"\ndeep/b.png,a dog\n')
    assert picture_files([table]) == [
        PictureFile(path=tmp_path / "a.png", prompt="a cat, red"),
        PictureFile(path=tmp_path / "deep" / "b.png", prompt="a dog"),
    ]
    assert [file.prompt for file in picture_files([table], "a hat")] == ["a hat", "a hat"]


def test_tabs_part_cells_too(tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    (tmp_path / "pairs.tsv").write_text('prompt\tfile\nsays "hi"\ta.png\n')
    assert picture_files([tmp_path / "pairs.tsv"]) == [PictureFile(path=tmp_path / "a.png", prompt='says "hi"')]


def test_a_row_that_cannot_be_carried_out_has_a_fault(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    paint(folder / "a.png", tmp_path / "outside.png")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    rows = ["../outside.png,a cat", f"{tmp_path}/outside.png,a cat", "link.png,a cat", "none.png,a cat"]
    rows += ["a.png,", ",a cat", "a\x00.png,a cat", f"a.png,{'x' * 30_000}", "a.png,a cat"]
    table = folder / "pairs.csv"
    table.write_text("\n".join(["picture,prompt", *rows]))
    found = picture_files([table])
    outside = "lies outside of the prompt file's folder"
    faults = [outside, outside, outside, "no such file", "has no prompt", "names no picture"]
    faults += ["pairs.csv:8", "characters"]
    for number, (file, fault) in enumerate(zip(found[:-1], faults, strict=True), start=2):
        assert file.fault is not None and fault in file.fault, file
        assert file.fault.startswith(f"{table}:{number}: ") and "\n" not in file.fault
    assert found[-1] == PictureFile(path=folder / "a.png", prompt="a cat")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt,seed\na cat,1\n", "names no pictures"),
        ("picture,seed\na.png,1\n", "no column is called prompt"),
    ],
)
def test_a_table_without_pictures_or_prompts_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises((InputError, PromptFileError), match=message):
        picture_files([tmp_path / "pairs.csv"])


def test_what_cannot_be_opened_is_told_of_and_the_others_go_on() -> None:
    def opened(number: int) -> int:
        if number == 2:
            raise InputError("not this one")
        return 10 * number

    errors: list[InputError] = []
    results = one_by_one([1, 2, 3], opened, lambda values: (value + 1 for value in values), errors.append)
    assert list(results) == [(1, 11), (3, 31)]
    assert [str(error) for error in errors] == ["not this one"]
