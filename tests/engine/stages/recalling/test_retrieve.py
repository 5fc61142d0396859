"""Request to Request: what a prompt speaks of is looked up in a folder of pictures with captions."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from diptych.engine.errors import InputError, RowError
from diptych.engine.stage import RunContext
from diptych.engine.stages.recalling.captioned_folder import CaptionedFolder
from diptych.engine.stages.recalling.retrieve import RetrieveStage
from diptych.engine.values import Request

pytest.importorskip("bm25s")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("vorple", "zindle", "old-harbour", "tom"):
        Image.new("RGB", (40, 30), "red").save(tmp_path / f"{name}.png")
    (tmp_path / "zindle.txt").write_text("a zindle\n", encoding="utf-8")
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "tom.png", "text": "Tom, our ginger cat, asleep on the sofa"}\n', encoding="utf-8"
    )
    return tmp_path


def names(folder: Path, prompt: str, **settings: Any) -> list[str]:
    stage = RetrieveStage(folder=str(folder), **settings)
    (request,) = stage.run([Request(prompt=prompt)], {}, RunContext())
    return [each.name for each in request.references]


def test_what_a_prompt_names_is_taken_and_nothing_else(folder: Path) -> None:
    assert names(folder, "a zindle on the beach") == ["zindle"]
    assert sorted(names(folder, "two vorples and a zindle")) == ["vorple", "zindle"]
    assert names(folder, "a dog in the snow") == []


def test_a_longer_caption_is_taken_by_the_share_that_a_prompt_has_of_it(folder: Path) -> None:
    prompt = "our ginger cat Tom on the moon"
    assert names(folder, prompt, threshold=0.5) == ["Tom, our ginger cat, asleep on the sofa"]
    assert names(folder, prompt, threshold=0.95) == []


def test_a_file_without_a_caption_is_called_by_its_name(folder: Path) -> None:
    assert names(folder, "the old harbour at night") == ["old harbour"]


def test_no_more_than_the_limit_is_taken(folder: Path) -> None:
    assert len(names(folder, "a vorple and a zindle", limit=1)) == 1


def test_what_a_request_has_is_not_taken_again(folder: Path) -> None:
    stage = RetrieveStage(folder=str(folder))
    (once,) = stage.run([Request(prompt="a zindle")], {}, RunContext())
    assert stage.run([once], {}, RunContext()) == [once]


def test_what_is_wrong_with_a_folder_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        CaptionedFolder(tmp_path / "none")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="has no pictures"):
        CaptionedFolder(empty)
    with pytest.raises(InputError, match="limit = 0"):
        RetrieveStage(folder=str(folder), limit=0)
    (folder / "zindle.png").write_bytes(b"no picture")
    with pytest.raises(RowError, match=r"zindle\.png: cannot be read"):
        names(folder, "a zindle")
    (folder / "metadata.jsonl").write_text("{}\nnothing\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2: must say file_name and text"):
        CaptionedFolder(folder)
