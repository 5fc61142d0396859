import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diptych.engine.errors import InputError
from diptych.pipelines.pocket.art import folder as room
from diptych.pipelines.pocket.art.folder import draw_folder, read_kinds

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="#0a0" d="M1 1h7v4H1z"/></svg>'


def fill(folder: Path) -> Path:
    """Two pictures: 'space-cat.png' and 'Red_Door.svg'."""
    folder.mkdir(exist_ok=True)
    picture = np.zeros((40, 60, 4), np.uint8)
    picture[10:30, 5:55] = (200, 30, 30, 255)
    Image.fromarray(picture).save(folder / "space-cat.png")
    (folder / "Red_Door.svg").write_text(SVG, encoding="utf-8")
    return folder


def test_names_of_files_are_names_of_kinds(tmp_path: Path) -> None:
    kinds = read_kinds(fill(tmp_path))
    assert list(kinds) == ["red door", "space cat"]
    assert kinds["red door"].plural == "red doors" and kinds["red door"].looks == ("",)


def test_pictures_are_drawn_and_cut(tmp_path: Path) -> None:
    drawn = dict(draw_folder(fill(tmp_path)))
    assert drawn["space cat"].shape == (20, 50, 4)
    height, width = drawn["red door"].shape[:2]
    assert width / height == pytest.approx(7 / 4, rel=0.05)


def test_tags_in_a_csv_say_more(tmp_path: Path) -> None:
    head = "name,plural,colours,stands,carries,en,fr"
    row = "space-cat.png,space cats,all,air,yes,astro cat;star cat,chat"
    (fill(tmp_path) / "tags.csv").write_text(f"{head}\n{row}\n", encoding="utf-8")
    kind = read_kinds(tmp_path)["space cat"]
    assert len(kind.colours) == 10 and kind.floats and kind.carries
    assert kind.said["en"].words == ("space cat", "astro cat", "star cat") and kind.said["fr"].words == (
        "chat",
    )


def test_tags_in_jsonl_say_more(tmp_path: Path) -> None:
    row = {"name": "red door", "own": "red", "size": "large", "de": ["Tür"]}
    (fill(tmp_path) / "tags.jsonl").write_text(f"{json.dumps(row)}\n\n", encoding="utf-8")
    kind = read_kinds(tmp_path)["red door"]
    assert (kind.own, kind.size, kind.said["de"].words) == ("red", "large", ("Tür",))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"name": "dog"}, "of which there is no picture"),
        ({"name": "space cat", "colour": "red"}, "unknown column 'colour'"),
        ({"name": "space cat", "colours": ["mauve"]}, "unknown colour 'mauve'"),
        ({"name": "space cat", "stands": "sea"}, "unknown way to stand 'sea'"),
        ({"name": "space cat", "en": ["red door"]}, "names both"),
        ({"name": "space cat", "en": ["x" * 99]}, "more than"),
        ({}, "no name"),
    ],
)
def test_what_is_wrong_with_tags_is_said(tmp_path: Path, row: dict[str, object], said: str) -> None:
    (fill(tmp_path) / "tags.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_kinds(tmp_path)


def test_no_link_is_followed(tmp_path: Path) -> None:
    folder = fill(tmp_path / "art")
    (folder / "link.png").symlink_to(folder / "space-cat.png")
    with pytest.raises(InputError, match=r"link\.png: a link"):
        read_kinds(folder)
    (folder / "link.png").unlink()
    (folder / "tags.csv").symlink_to(folder / "Red_Door.svg")
    with pytest.raises(InputError, match=r"tags\.csv: a link"):
        read_kinds(folder)


def test_folders_and_other_files_are_passed_over(tmp_path: Path) -> None:
    folder = fill(tmp_path)
    (folder / "readme.txt").write_text("hello", encoding="utf-8")
    (folder / "more").mkdir()
    assert len(read_kinds(folder)) == 2


def test_empty_and_missing_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.svg or \.png"):
        read_kinds(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_kinds(tmp_path / "none")


def test_too_many_and_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fill(tmp_path)
    monkeypatch.setattr(room, "LARGEST_SIDE_PX", 50)
    with pytest.raises(InputError, match="60 x 40 px"):
        list(draw_folder(folder))
    monkeypatch.setattr(room, "LARGEST_PNG_BYTES", 20)
    with pytest.raises(InputError, match="make it smaller"):
        list(draw_folder(folder))
    monkeypatch.setattr(room, "MOST_PICTURES", 1)
    with pytest.raises(InputError, match="at most 1"):
        read_kinds(folder)


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    (fill(tmp_path) / "space_cat.svg").write_text(SVG, encoding="utf-8")
    with pytest.raises(InputError, match="a second picture"):
        read_kinds(tmp_path)


@pytest.mark.parametrize("name", ["💥.png", ";.png", f"{'a' * 80}.png"])
def test_names_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    (fill(tmp_path) / "space-cat.png").rename(tmp_path / name)
    with pytest.raises(InputError, match="is no name for a kind"):
        read_kinds(tmp_path)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_whatever_lies_there_the_answer_is_drawings_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A good folder whose files are changed here and there, cut off, or replaced."""
    folder = fill(tmp_path_factory.mktemp("art"))
    (folder / "tags.csv").write_text("name,own,en\nspace cat,red,kitty\n", encoding="utf-8")
    (folder / "tags.jsonl").write_text('{"name": "red door", "fr": ["porte"]}\n', encoding="utf-8")
    path = data.draw(st.sampled_from(sorted(folder.iterdir())))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(data.draw(st.sampled_from([bytes(content), bytes(content[:50]), data.draw(st.binary())])))
    try:
        kinds, drawn = read_kinds(folder), dict(draw_folder(folder))
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert list(kinds) == list(drawn)
