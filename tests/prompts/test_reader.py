"""Files, folders and streams of prompts: the rows they give, and what is said of those that give none."""

import io
import os
import re
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
    assert found[0].place == "standard input:1"


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
    with pytest.raises(PromptFileError, match=r"standard input:2: is not UTF-8 \(byte 0xfc at column 5\)"):
        rows(b"a boat\nein gr\xfcnes Boot\n".replace(b"ein gr", b"ein "))


def test_utf16_is_called_by_its_name() -> None:
    with pytest.raises(PromptFileError, match=r"UTF-16"):
        rows("a boat\n".encode("utf-16"))


def test_old_macintosh_line_ends_are_called_by_their_name() -> None:
    with pytest.raises(PromptFileError, match=r"standard input:1: has old Macintosh line ends"):
        rows(b"a boat\ra cat\ra dog")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a picture"),
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"\n<html lang='en'>", "a web page"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"PK\x03\x04....", "an archive or an office document"),
    ],
)
def test_what_is_no_text_of_prompts_is_called_by_its_name(data: bytes, name: str) -> None:
    with pytest.raises(PromptFileError, match=f"standard input:1: is {name}, not a prompt file"):
        rows(data)


def test_a_missing_file_and_a_folder_without_prompts_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.txt", tmp_path / "nul\0.txt"):
        with pytest.raises(PromptFileError, match=r"no such file|cannot be read"):
            next(read_prompts(path))
    with pytest.raises(PromptFileError, match=r"is a folder without \.txt files"):
        next(read_prompts(tmp_path))


def test_a_folder_is_its_text_files_by_name_each_in_its_own_format(tmp_path: Path) -> None:
    (tmp_path / "b10.txt").write_text("a car\n")
    (tmp_path / "b2.txt").write_text("a boat\na cat\n")
    (tmp_path / "a.TXT").write_text("a fish\nNegative prompt: x\nSteps: 3, Seed: 1\n")
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    (tmp_path / "d.txt").mkdir()
    os.mkfifo(tmp_path / "e.txt")
    found = list(read_prompts(tmp_path))
    assert [(row.prompt, row.place) for row in found] == [
        ("a fish", f"{tmp_path / 'a.TXT'}:1"),
        ("a boat", f"{tmp_path / 'b2.txt'}:1"),
        ("a cat", f"{tmp_path / 'b2.txt'}:2"),
        ("a car", f"{tmp_path / 'b10.txt'}:1"),
    ]


def test_links_out_of_a_folder_are_not_followed_and_pipes_are_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("a secret\n")
    (folder / "own.txt").write_text("a boat\n")
    os.symlink(folder / "own.txt", folder / "same.txt")
    os.symlink(tmp_path / "secret.txt", folder / "out.txt")
    os.symlink(folder / "loop.txt", folder / "loop.txt")
    os.symlink(folder / "none.txt", folder / "dangling.txt")
    assert [row.prompt for row in read_prompts(folder)] == ["a boat", "a boat"]
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(PromptFileError, match=f"is {what}, not a file: give - and let it be"):
            next(read_prompts(path))
    with pytest.raises(PromptFileError, match="cannot be read"):
        next(read_prompts(folder / "loop.txt"))


def test_a_name_with_line_ends_stays_on_one_line_of_a_message(tmp_path: Path) -> None:
    (tmp_path / "a\nb.txt").write_bytes(b"\xff")
    with pytest.raises(PromptFileError, match=r"a\?b\.txt:1: is not UTF-8"):
        next(read_prompts(tmp_path / "a\nb.txt"))


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(PromptFileError, match=r"no such format: 'xml': there are text, infotext, table"):
        read_prompts(io.BytesIO(b""), format="xml")


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
            buffer[:] = b"a" * len(buffer)
            return len(buffer)

    with pytest.raises(PromptFileError, match=r"standard input:1: is longer than 4 MiB: is this a prompt"):
        list(read_prompts(io.BufferedReader(Endless())))


def test_a_prompt_of_a_mebibyte_is_a_row_like_any_other() -> None:
    assert [len(row.prompt) for row in rows(b"a" * 2**20 + b"\nb\n")] == [2**20, 1]


def test_quotes_around_a_line_are_taken_off() -> None:
    found = rows(b'"# a ""red"" \\"boat\\" \\(x\\)"\n"PEACE" and "LOVE"\n"open\n"--x"\n""\n')
    assert [row.prompt for row in found] == [
        '# a "red" "boat" \\(x\\)',
        '"PEACE" and "LOVE"',
        '"open',
        "--x",
        "",
    ]
    assert [row.fault for row in found] == [None, None, None, None, "has no prompt"]


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x85"])
def test_a_control_character_is_the_fault_of_its_row_alone(character: str) -> None:
    wrong, right = rows(f"a{character}b\nc\n".encode())
    assert wrong.fault == f"the prompt has a control character (U+{ord(character):04X}) at place 2: take it out"
    assert right.prompt == "c"


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.txt"
    path.write_text("a boat\n")

    def refuse(path: Path, flags: int) -> None:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(os, "open", refuse)
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
        assert str(error).startswith("standard input:") and "\n" not in str(error)
    else:
        assert found and all(row.fault or row.prompt == row.prompt.strip() != "" for row in found)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])).map(str.strip)))
def test_every_line_that_is_not_blank_or_a_comment_is_a_row(lines: list[str]) -> None:
    wanted = [line for line in lines if line and not line.startswith(("#", '"', "--"))]
    found = rows("\n".join(["a picture", "", "# nothing", *wanted]).encode())
    assert [row.prompt for row in found] == ["a picture", *wanted]


def test_the_demo_shows_the_range_of_the_illustrated_world() -> None:
    prompts = [row.prompt for row in read_prompts(Path(reader.__file__).parent / "library" / "demo.txt")]
    assert len(prompts) == len(set(prompts)) == 40
    words = set(re.findall(r"[a-z-]+", " ".join(prompts)))
    things = "cat fish bird butterfly turtle tree mushroom house castle lighthouse boat car rocket train"
    colours = "red orange yellow green blue purple white black pink brown"
    settings = "meadow beach desert snow night sunset forest rain city water"
    styles = "watercolour ink pixel paper"
    for word in f"{things} {colours} {settings} {styles} small big left right above two three".split():
        assert word in words, word
