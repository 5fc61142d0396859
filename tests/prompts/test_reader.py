"""Prompt files: the rows they give, and what is said of files that give none."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import PromptFileError, Row, read_prompts
from diptych.prompts import reader


def rows(data: bytes) -> list[Row]:
    return list(read_prompts(io.BytesIO(data)))


def test_one_prompt_a_line_with_its_place() -> None:
    found = rows(b"a red boat\n\n  # a comment\n\t a blue bird \r\nlast")
    assert [(row.prompt, row.line) for row in found] == [("a red boat", 1), ("a blue bird", 4), ("last", 5)]
    assert {row.source for row in found} == {"-"}
    assert found[0].place == "-:1"


def test_a_byte_order_mark_is_no_part_of_the_first_prompt() -> None:
    assert [row.prompt for row in rows(b"\xef\xbb\xbfa boat\n")] == ["a boat"]


def test_a_hash_inside_a_prompt_is_no_comment() -> None:
    assert [row.prompt for row in rows(b"cup #3\n")] == ["cup #3"]


def test_a_path_names_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("ein grünes Boot\n", encoding="utf-8")
    assert next(read_prompts(path)).place == f"{path}:1"
    assert next(read_prompts(str(path))).prompt == "ein grünes Boot"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# nothing\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_prompt_is_refused(data: bytes) -> None:
    with pytest.raises(PromptFileError, match=r"holds no prompt"):
        rows(data)


def test_text_that_is_not_utf8_is_refused_with_its_place() -> None:
    with pytest.raises(PromptFileError, match=r"-:2: is not UTF-8 \(byte 0xfc at column 5\)"):
        rows(b"a boat\nein gr\xfcnes Boot\n".replace(b"ein gr", b"ein "))


def test_utf16_is_called_by_its_name() -> None:
    with pytest.raises(PromptFileError, match=r"UTF-16"):
        rows("a boat\n".encode("utf-16"))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptFileError, match=r"no such file"):
        next(read_prompts(tmp_path / "none.txt"))
    with pytest.raises(PromptFileError, match=r"is a folder"):
        next(read_prompts(tmp_path))


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.txt"
    path.write_text("a boat\n")

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, os.strerror(13), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PromptFileError, match=r"cannot be read .Permission denied."):
        next(read_prompts(path))


def test_rows_come_before_the_file_is_read_to_its_end() -> None:
    stream = read_prompts(io.BytesIO(b"a boat\n\xff\n"))
    assert next(stream).prompt == "a boat"
    with pytest.raises(PromptFileError):
        next(stream)


@given(st.binary(max_size=200))
def test_any_bytes_give_rows_or_one_line_that_names_the_file(data: bytes) -> None:
    try:
        found = rows(data)
    except PromptFileError as error:
        assert str(error).startswith("-:") and "\n" not in str(error)
    else:
        assert found and all(row.prompt == row.prompt.strip() != "" for row in found)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])).map(str.strip)))
def test_every_line_that_is_not_blank_or_a_comment_is_a_row(lines: list[str]) -> None:
    wanted = [line for line in lines if line and not line.startswith("#")]
    if wanted:
        assert [row.prompt for row in rows("\n".join(["", *lines]).encode())] == wanted


def test_the_demo_shows_the_range_of_the_pocket_world() -> None:
    prompts = [row.prompt for row in read_prompts(Path(reader.__file__).parent / "library" / "demo.txt")]
    assert len(prompts) == len(set(prompts)) == 24
    words = set(" ".join(prompts).split())
    things = "cat fish bird tree flower mushroom house castle boat car rocket balloon cup umbrella"
    colours = "red orange yellow green blue purple white black"
    others = "small medium-sized big left middle right meadow beach desert snow night sunset"
    for word in f"{things} {colours} {others}".split():
        assert word in words, word
