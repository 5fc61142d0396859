"""A user's own pictures as training data: what is read, what is refused, and what trainers are given."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from diptych import InputError
from diptych.pipelines.training.data.folder_data import HELD_OUT_ONE_IN, Example, FolderData, open_folder
from diptych.pipelines.training.data.picture_folder import read_captions

Say = Callable[[str], None]


def quiet(_: str) -> None:
    return None


@pytest.fixture
def opened(picture_folder: Path, tmp_path: Path) -> FolderData:
    return open_folder(picture_folder, tmp_path / "cache", side=64, say=quiet)


def rewrite(folder: Path, change: Callable[[list[dict]], list[dict]]) -> None:
    path = folder / "metadata.jsonl"
    rows = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


# What is read.


def test_every_picture_is_read_with_its_caption(picture_folder: Path) -> None:
    rows = [json.loads(line) for line in (picture_folder / "metadata.jsonl").read_text().splitlines()]
    assert [(path.name, said) for path, said in read_captions(picture_folder)] == [
        (row["file_name"], (row["text"],)) for row in rows
    ]


def test_a_table_and_texts_beside_pictures_say_the_same(picture_folder: Path) -> None:
    expected = read_captions(picture_folder)
    (picture_folder / "metadata.jsonl").unlink()
    for path, (caption,) in expected:
        path.with_suffix(".txt").write_text(f"{caption}\n")
    assert read_captions(picture_folder) == expected
    table = "file_name,text\n" + "".join(f'{path.name},"{caption}"\n' for path, (caption,) in expected)
    (picture_folder / "metadata.csv").write_text(table)
    assert read_captions(picture_folder) == expected


def test_several_captions_are_taken_and_tidied(picture_folder: Path) -> None:
    said = ["  A <b>red</b>\tboat. ", "", 'a "boat"\\']
    rewrite(picture_folder, lambda rows: [{**row, "text": said} for row in rows])
    assert read_captions(picture_folder)[0][1] == ("A b red /b boat", "a 'boat'")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [*rows, {"file_name": "99.png", "text": "x"}], "line 21: 99.png is not there"),
        (lambda rows: [*rows, {"file_name": "../x.png", "text": "x"}], "outside the folder"),
        (lambda rows: [*rows, {"file_name": "01.png", "text": "x"}], "01.png is named twice"),
        (lambda rows: [*rows[1:], {**rows[0], "text": " "}], "00.png has no caption"),
        (lambda rows: [{"file_name": row["file_name"]} for row in rows], "00.png has no caption.*and 17 more"),
        (lambda rows: [*rows, {"text": "x"}], "line 21: has no file_name"),
        (lambda rows: rows[:10], "10 pictures are too few: at least 18"),
    ],
)
def test_wrong_metadata_is_refused_in_one_line(
    picture_folder: Path, tmp_path: Path, change: Callable, message: str
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "x.png")
    rewrite(picture_folder, change)
    with pytest.raises(InputError, match=message) as caught:
        open_folder(picture_folder, tmp_path / "cache", side=64, say=quiet)
    assert "\n" not in str(caught.value) and not (tmp_path / "cache").exists()


def test_a_folder_without_words_or_pictures_is_refused(picture_folder: Path, tmp_path: Path) -> None:
    (picture_folder / "metadata.jsonl").write_text("{")
    with pytest.raises(InputError, match="line 1: is no JSON"):
        read_captions(picture_folder)
    (picture_folder / "metadata.jsonl").unlink()
    with pytest.raises(InputError, match=r"holds no captions: write metadata\.jsonl"):
        read_captions(picture_folder)
    (picture_folder / "00.txt").write_text("a boat")
    with pytest.raises(InputError, match=r"01\.txt: 01\.png has no caption"):
        read_captions(picture_folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        read_captions(tmp_path / "empty")
    with pytest.raises(InputError, match="there is no such folder"):
        read_captions(tmp_path / "none")


def test_pictures_that_cannot_be_used_are_named_before_anything_is_trained(
    picture_folder: Path, tmp_path: Path
) -> None:
    (picture_folder / "03.png").write_bytes(b"no picture")
    whole = (picture_folder / "04.png").read_bytes()
    (picture_folder / "04.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (400, 20)).save(picture_folder / "05.png")
    with pytest.raises(InputError, match=r"3 of 20 pictures.*03\.png.*04\.png.*05\.png: is 400 x 20") as caught:
        open_folder(picture_folder, tmp_path / "cache", side=64, say=quiet)
    assert "\n" not in str(caught.value) and not list((tmp_path / "cache").glob("*.npy*"))


# What trainers are given.


def test_a_share_is_held_out_and_the_split_is_the_same_every_time(
    opened: FolderData, picture_folder: Path
) -> None:
    held_out = opened.held_out()
    assert opened.count + held_out.count == 20 and held_out.count == 20 // HELD_OUT_ONE_IN
    assert not {e.place for e in opened.examples} & {e.place for e in held_out.examples}
    again = open_folder(picture_folder, picture_folder.parent / "other", side=64, say=quiet)
    assert again.examples == opened.examples and again.name == opened.name
    assert held_out.held_out().examples == opened.examples


def test_pictures_are_the_squares_in_the_middle(tmp_path: Path, picture_folder: Path) -> None:
    wide = np.zeros((100, 300, 3), dtype=np.uint8)
    wide[:, 100:200] = (200, 30, 30)
    Image.fromarray(wide).save(picture_folder / "00.png")
    data = open_folder(picture_folder, tmp_path / "cache", side=64, say=quiet)
    pixels = data.pixels[0].astype(int)
    assert pixels.shape == (64, 64, 3) and np.abs(pixels - (200, 30, 30)).max() < 40
    place = data.examples[3].place
    batch = data.take([3, 3 + data.count], 32)
    assert batch.pixels.shape == (2, 32, 32, 3) and torch.equal(batch.pixels[0], batch.pixels[1])
    assert batch.scenes[0].place == place and not batch.masks.any()


def test_pictures_are_opened_once_unless_they_change(picture_folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    first = open_folder(picture_folder, tmp_path / "cache", side=64, say=said.append)
    assert open_folder(picture_folder, tmp_path / "cache", side=64, say=said.append).name == first.name
    assert len(said) == 1 and "20 pictures" in said[0]
    rewrite(picture_folder, lambda rows: [{**row, "text": f"{row['text']}, new"} for row in rows])
    assert open_folder(picture_folder, tmp_path / "cache", side=64, say=said.append).name != first.name
    assert len(said) == 2


def test_facts_are_clauses_and_false_ones_are_of_other_pictures(opened: FolderData) -> None:
    rng = random.Random(0)
    for example in opened.examples:
        facts, false = opened.facts_of(example), opened.false_facts_of(example, rng)
        assert [text for _, text in facts] == opened.prompt_of(example).split(", ")
        assert {kind for kind, _ in (*facts, *false)} == {"other"}
        assert all(text not in example.captions[0] for _, text in false)
        everything = {clause for other in opened.examples for clause in other.clauses}
        assert {text for _, text in false} <= everything


def test_wordings_are_whole_or_begin_as_the_caption_does(opened: FolderData) -> None:
    example = Example(place=0, captions=("a red boat, at sunset; in ink", "a boat"))
    rng = random.Random(1)
    assert {opened.caption_of(example, rng) for _ in range(60)} == {*example.captions, "a red boat"}
    words = opened.words()
    assert "a" in words and any(word in words for word in ("red", "blue", "green"))


def test_captions_that_are_all_alike_still_give_a_false_fact(opened: FolderData) -> None:
    example = Example(place=0, captions=("a boat",))
    alike = FolderData(name="x", pixels=opened.pixels, examples=(example,) * 16, others=(example,))
    assert alike.false_facts_of(example, random.Random(0))
