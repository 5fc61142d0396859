"""Pictures and results of earlier runs as sources."""

import json
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.PngImagePlugin
import pytest

from diptych import InputError, PromptFileError, Row, TextToImage
from diptych.pipelines.rendering.batch import Again
from diptych.pipelines.rendering.rows.prompt_source import read_rows, read_source


def test_a_picture_gives_the_row_that_it_was_made_of(
    render: Any, files_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    row = Row(prompt="a red boat", template="a {red|blue} boat", source="p.txt", line=9, settings={"seed": 5})
    render(pipe, tmp_path / "one", "a cat", row, guidance_scale=7.0)
    picture = tmp_path / "one" / "0002-a-red-boat.png"
    (again,) = read_source(str(picture))
    assert again.settings["seed"] == 5 and again.settings["guidance_scale"] == 7.0
    assert (again.prompt, again.template) == ("a red boat", "a {red|blue} boat")
    render(pipe, tmp_path / "two", again)
    assert (tmp_path / "two" / "0001-a-red-boat.png").read_bytes() == picture.read_bytes()


def test_results_give_the_rows_that_they_speak_of(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    render(pipe, tmp_path / "one", "a cat", "poison", "a\x07bell", "a {dog}", seed=4, candidates=2)
    results = tmp_path / "one" / "results.jsonl"
    rows = list(read_source(str(results)))
    assert [row.line for row in rows] == [1, 2, 3, 4]
    assert rows[3].template == "a {dog}"  # so that nothing is looked for in it
    render(pipe, tmp_path / "two", rows=rows)
    lines = [lines_of(tmp_path / name) for name in ("one", "two")]
    assert [line["status"] for line in lines[1]] == [line["status"] for line in lines[0]]
    assert [line["id"] for line in lines[1]] == [line["id"] for line in lines[0]]
    for name in ("0001-a-cat.png", "0004-a-dog.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_results_can_be_rendered_into_their_own_folder(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    """Lines that this run adds are not read as rows of the source."""
    render(pipe, tmp_path, "a cat", "poison")
    results = tmp_path / "results.jsonl"
    for again in (Again(failed=True), Again(all=True, fresh=True)):
        rows = read_source(str(results))
        tally = render(pipe, tmp_path, rows=rows, name=str(results), by_content=True, again=again)
        assert tally.rows == 2 and [line["row"] for line in lines_of(tmp_path)] == [1, 2]
        assert [line["source"] for line in lines_of(tmp_path)] == ["p.txt", "p.txt"]  # whose rows they stay


def test_a_line_of_results_that_is_none_is_a_row_with_a_fault(
    render: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    render(pipe, tmp_path, "a cat")
    results = tmp_path / "results.jsonl"
    results.write_bytes(results.read_bytes() + b'{"row": "x"}\n')
    rows = list(read_source(str(results)))
    assert rows[1].fault == "is no line of results: row: must be a whole number, is text" and rows[1].line == 2


def test_other_jsonl_files_are_prompt_files(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(json.dumps({"prompt": "a boat", "seed": 7}) + "\n")
    (row,) = read_source(str(path))
    assert (row.prompt, row.settings) == ("a boat", {"seed": 7})


def test_a_picture_of_another_tool_gives_what_its_parameters_say(tmp_path: Path) -> None:
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text(
        "parameters", "a {boat}\nNegative prompt: fog\nSteps: 20, CFG scale: 7, Seed: 11, Size: 64x32"
    )
    path = tmp_path / "a.png"
    PIL.Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    (row,) = read_source(str(path))
    assert (row.prompt, row.settings["seed"], row.settings["negative_prompt"]) == ("a {boat}", 11, "fog")
    assert row.source == str(path)


def test_a_picture_that_says_nothing_is_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.webp"):
        PIL.Image.new("RGB", (4, 4)).save(tmp_path / name)
        with pytest.raises(InputError, match="carries no history"):
            read_source(str(tmp_path / name))


def test_what_cannot_be_opened_is_a_matter_of_the_prompt_reader(tmp_path: Path) -> None:
    with pytest.raises(PromptFileError, match="no such file"):
        list(read_source(str(tmp_path / "none.jsonl")))
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with pytest.raises(PromptFileError):
        list(read_source(str(tmp_path / "empty.jsonl")))


STYLES = (
    'name,prompt,negative_prompt\nFilm,"film still {prompt} . grain","fog, {prompt} text"\nInk,"ink, sharp",\n'
)
FOOOCUS_STYLES = (
    '[{"name": "cinematic", "prompt": "cinematic still {prompt} . moody", "negative_prompt": "anime"}]'
)


def test_a_style_without_words_leaves_the_text_as_it_is(tmp_path: Path) -> None:
    """AUTOMATIC1111's own file begins with one, and many people keep what is unwanted in another."""
    styles = tmp_path / "styles.csv"
    styles.write_text(STYLES + "None,,\nClean,,fog\n")
    rows = list(read_rows(str(styles), ["a cat"], seed=0))
    assert [row.fault for row in rows] == [None] * 4
    assert [(row.prompt, row.settings.get("negative_prompt")) for row in rows[2:]] == [
        ("a cat", None),
        ("a cat", "fog"),
    ]
    alone = list(read_rows(str(styles), None, seed=0))
    assert [row.fault for row in alone[2:]] == ["has no prompt"] * 2


def test_a_file_of_styles_is_filled_with_text_and_is_no_prompt_file_by_itself(tmp_path: Path) -> None:
    styles = tmp_path / "styles.csv"
    styles.write_text(STYLES)
    rows = list(read_rows(str(styles), ["a {red|red} boat", "a cat"], seed=0))
    assert [row.prompt for row in rows] == [
        "film still a red boat . grain",
        "a red boat, ink, sharp",
        "film still a cat . grain",
        "a cat, ink, sharp",
    ]
    assert rows[2].settings == {"negative_prompt": "fog, a cat text"} and rows[2].notes == {"name": "Film"}
    alone = list(read_rows(str(styles), None, seed=0))
    assert (
        alone[0].fault
        == "{prompt} is where a style takes a prompt: give one with -p beside this file of styles"
    )
    (tmp_path / "sdxl_styles.json").write_text(FOOOCUS_STYLES)
    (row,) = read_rows(str(tmp_path / "sdxl_styles.json"), ["a boat"], seed=0)
    assert (row.prompt, row.settings) == ("cinematic still a boat . moody", {"negative_prompt": "anime"})
    (tmp_path / "plain.txt").write_text("a boat\n")
    with pytest.raises(InputError, match=r"text with -p: .*plain\.txt holds no styles"):
        list(read_rows(str(tmp_path / "plain.txt"), ["a boat"], seed=0))


def test_what_is_named_like_a_picture_and_is_none_is_no_prompt(tmp_path: Path) -> None:
    for name in ("boat.png", "boat.JPG", "boat.webp"):
        (tmp_path / name).write_text("hello\n")
        with pytest.raises(InputError, match=rf"{name}: is no picture, though it is named like one"):
            read_source(str(tmp_path / name))
