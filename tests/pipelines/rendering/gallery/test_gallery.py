"""The gallery's files: what they say of each row, when they are written, and that no text in them does harm."""

import base64
import hashlib
import html.parser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from diptych.pipelines.rendering.gallery.gallery import PART_ROWS, WRITE_EVERY_S, Gallery, page
from diptych.pipelines.rendering.output.folder import OutputFolder
from diptych.pipelines.rendering.output.record import Record, refused

EVIL = "<script>alert(1)</script> \"' onerror=alert(2) & </style> $title \u2028 \x1b[31m"


def record(row: int = 1, *, text: str = "a red boat", candidates: int = 1, **values: Any) -> Record:
    """A row that came out well."""
    made: dict[str, Any] = {"preview_score": None, "caption": text, "score": 0.25, "reason": f"because {text}"}
    fields: dict[str, Any] = {
        "row": row,
        "prompt": text,
        "resolved_prompt": f"{text}, large",
        "seed": 2**63 - row,
        "status": "done",
        "picture": f"{row:04d}-a.png",
        "caption": f"seen: {text}",
        "score": 0.25,
        "facts": (
            {"kind": "thing", "text": text, "probability": 0.9, "shown": True},
            {"kind": "colour", "text": "red", "probability": 0.1, "shown": False},
        ),
        "candidates": tuple(
            {"index": i, "chosen": i == 0, "tokens": "ab", "resolved_prompt": text, **made}
            for i in range(candidates)
        ),
        "timings": {"plan": 0.1, "refine": 1.2},
    }
    return Record(**{**fields, **values})


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OutputFolder]:
    with OutputFolder(tmp_path / "out") as folder:
        yield folder


def read(folder: OutputFolder, name: str) -> Any:
    """What a data file hands to the page."""
    text = (folder.path / "gallery" / f"{name}.js").read_text(encoding="ascii")
    found = re.fullmatch(r"diptych\.(state|rows|details)\((?:(\d+),)?([\[{].*[\]}])\);\n", text, re.DOTALL)
    assert found is not None, text
    assert name in (found[1], f"{found[1]}-{int(found[2] or 0):04d}")
    return json.loads(found[3])


def shown(folder: OutputFolder, *records: Record, **options: Any) -> tuple[Any, Any]:
    """What the page learns of a first row: for its card, and for its own view."""
    gallery = Gallery(folder, title="test", **options)
    for each in records:
        gallery.add(each)
    gallery.close()
    return read(folder, "rows-0001")[0], read(folder, "details-0001")[0]


def test_the_page_learns_all_there_is_to_know_of_a_row(folder: OutputFolder) -> None:
    PIL.Image.new("RGB", (48, 32)).save(folder.path / "0001-a.png")
    row, details = shown(folder, record(candidates=3, source="p.txt", line=7, settings={"guidance_scale": 2.0}))
    assert (row["row"], row["prompt"], row["plan"]) == (1, "a red boat", "a red boat, large")
    assert (row["caption"], row["score"], row["status"]) == ("seen: a red boat", 0.25, "rejected")
    assert (row["picture"], row["thumbnail"]) == ("0001-a.png", "gallery/thumbnails/0001.webp")
    assert (row["size"], row["facts"], row["seconds"]) == ([48, 32], [1, 2], 1.3)
    assert details["preview"] == "previews/0001.png"
    assert [fact["shown"] for fact in details["facts"]] == [True, False]
    assert [candidate["reason"] for candidate in details["candidates"]] == ["because a red boat"] * 3
    assert details["candidate_sheet"] == "gallery/candidates/0001.webp"
    assert (details["place"], details["settings"]) == ("p.txt:7", {"guidance_scale": 2.0})


def test_the_count_is_of_what_was_asked_and_what_was_added_is_told_apart(folder: OutputFolder) -> None:
    facts = (
        {"kind": "thing", "text": "a cat", "probability": 0.9, "shown": True, "asked": True, "span": [0, 5]},
        {
            "kind": "colour",
            "text": "a red cat",
            "probability": 0.1,
            "shown": False,
            "asked": False,
            "span": None,
        },
    )
    row, details = shown(folder, record(facts=facts))
    assert row["facts"] == [1, 1]
    assert [fact["asked"] for fact in details["facts"]] == [True, False]


def test_what_is_not_drawn_is_said_and_marked_in_the_prompt(folder: OutputFolder) -> None:
    text = "that cat wearing a hat"
    row, details = shown(folder, record(text=text, left_out=("wearing", "hat"), score=0.9))
    assert (row["not_drawn"], row["status"], row["only_left_out"]) == ("wearing, hat", "rejected", True)
    assert details["prompt_parts"] == [
        ["that cat ", False],
        ["wearing", True],
        [" a ", False],
        ["hat", True],
    ]


@pytest.mark.parametrize(
    ("prompt", "left_out", "marked"),
    [
        ("that hat", ("hat",), ["that ", "*hat"]),  # the word, not a part of another
        ("hat, hat", ("hat", "hat"), ["*hat", ", ", "*hat"]),
        ("no. (x:1.3)", ("no.", "(x:1.3)"), ["*no.", " ", "*(x:1.3)"]),
        ("ein \x1b船だ hat", ("船",), ["ein  ", "*船", "だ hat"]),
        ("a cat", ("dog",), ["a cat"]),
        ("a cat", ("",), ["a cat"]),
    ],
)
def test_words_are_marked_where_they_stand(
    folder: OutputFolder, prompt: str, left_out: tuple[str, ...], marked: list[str]
) -> None:
    _, details = shown(folder, record(text=prompt, left_out=left_out))
    assert [f"*{text}" if out else text for text, out in details["prompt_parts"]] == marked


def test_a_poor_picture_is_not_turned_down_for_what_was_left_out_alone(folder: OutputFolder) -> None:
    row, _ = shown(folder, record(left_out=("hat",), score=0.25))
    assert row["not_drawn"] == "hat" and row["only_left_out"] is False


def test_misspelt_words_and_what_they_were_taken_for_are_said(folder: OutputFolder) -> None:
    _, details = shown(folder, record(text="a gren boat", read_as={"gren": "green"}))
    assert details["read_as"] == [["gren", "green"]]
    assert shown(folder, record())[1]["read_as"] == []


def test_a_seed_is_text_because_scripts_round_large_numbers(folder: OutputFolder) -> None:
    row, _ = shown(folder, record())
    assert row["seed"] == "9223372036854775807"


def test_a_failed_row_says_why_and_how_to_try_again(folder: OutputFolder) -> None:
    row, details = shown(folder, refused(4, "a boat's sail", 3, "refine:\nno"))
    assert (row["status"], row["error"], row["picture"], row["size"]) == ("failed", "refine: no", None, None)
    assert details["command"] == "diptych render -p 'a boat'\"'\"'s sail' --seed 3"


def test_the_command_names_the_picture_as_the_folder_was_named(folder: OutputFolder) -> None:
    _, details = shown(folder, record())
    assert details["command"] == f"diptych rerender {folder.path / '0001-a.png'}"


def test_a_command_holds_nothing_that_a_terminal_obeys(folder: OutputFolder) -> None:
    _, details = shown(folder, refused(1, "a boat\n\x03\x15rm -rf ~\x1b[2J", 0, "no"))
    assert not re.search(r"[\x00-\x1f\x7f]", details["command"])
    assert details["command"].startswith("diptych render -p 'a boat")


def test_without_a_draft_there_is_no_preview_and_of_one_candidate_no_sheet(folder: OutputFolder) -> None:
    _, details = shown(folder, record(candidates=0))
    assert details["preview"] is None and details["candidate_sheet"] is None


def test_very_long_texts_and_very_many_candidates_are_cut(folder: OutputFolder) -> None:
    shown(folder, refused(1, "x" * 2**20, 0, "y" * 2**20), record(2, candidates=4096))
    assert sum(path.stat().st_size for path in (folder.path / "gallery").iterdir()) < 150_000
    assert read(folder, "details-0001")[1]["more_candidates"] == 4096 - 64


def test_texts_are_data_and_stay_as_they_are_but_for_control_characters(folder: OutputFolder) -> None:
    row, details = shown(folder, record(text=EVIL))
    assert row["prompt"] == details["prompt"] == EVIL.replace("\x1b", " ")


def test_rows_are_parted_and_the_state_says_how_many_lie_in_each(folder: OutputFolder) -> None:
    gallery = Gallery(folder, title="many", total=2 * PART_ROWS + 9)
    for row in range(1, 2 * PART_ROWS + 4):
        gallery.add(record(row))
    assert read(folder, "state")["parts"] == [PART_ROWS, PART_ROWS]
    assert read(folder, "state")["running"] is True
    gallery.close()
    state = read(folder, "state")
    assert (state["parts"], state["running"]) == ([PART_ROWS, PART_ROWS, 3], False)
    assert (state["title"], state["total"]) == ("many", 2 * PART_ROWS + 9)
    assert [row["row"] for row in read(folder, "rows-0003")] == [2 * PART_ROWS + i for i in (1, 2, 3)]


def test_files_are_written_now_and_then_and_only_the_last_part_again(
    folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = folder.write

    def note(name: str, data: bytes, **options: Any) -> None:
        written.append(name)
        write(name, data, **options)

    monkeypatch.setattr(folder, "write", note)
    clock = Clock()
    gallery = Gallery(folder, title="test", clock=clock)
    gallery.add(record(1))
    first = ["gallery/rows-0001.js", "gallery/details-0001.js", "gallery/state.js"]
    assert written == [*first, "gallery/choices.js", "index.html"]
    for row in range(2, 100):
        gallery.add(record(row))
    assert len(written) == 5
    clock.now += WRITE_EVERY_S
    gallery.add(record(100))
    assert written[5:] == first
    for row in range(101, PART_ROWS + 2):
        gallery.add(record(row))
    del written[:]
    gallery.close()
    assert written == ["gallery/rows-0002.js", "gallery/details-0002.js", "gallery/state.js"]


def test_what_could_not_be_written_is_written_later(
    folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(name: str, data: bytes, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    gallery = Gallery(folder, title="test")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "write", full)
        for row in range(1, PART_ROWS + 3):
            gallery.add(record(row))
        with pytest.raises(OSError, match="No space"):
            gallery.close()
    gallery.close()
    assert [row["row"] for row in read(folder, "rows-0001")] == list(range(1, PART_ROWS + 3))
    assert read(folder, "state")["parts"] == [PART_ROWS + 2]


def test_without_rows_nothing_is_written(folder: OutputFolder) -> None:
    Gallery(folder, title="test").close()
    assert not (folder.path / "index.html").exists() and not (folder.path / "gallery").exists()


class Page(html.parser.HTMLParser):
    """The tags of a page, and whether they are nested well."""

    VOID = ("meta", "input", "link")

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(data.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


def test_the_page_allows_its_own_script_and_style_alone() -> None:
    read = Page(page("demo"))
    assert read.open == []
    (policy,) = [
        str(values["content"])
        for _, values in read.tags
        if values.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = {words.split()[0]: words.split()[1:] for words in policy.split("; ")}
    for name in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(read.texts[name].encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules[f"{name}-src"]
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & set(rules[f"{name}-src"])
    assert rules["default-src"] == ["'none'"] and "'script'" in rules["require-trusted-types-for"]
    assert all(not name.startswith("on") and name != "style" for _, values in read.tags for name in values)


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    text = page("demo").decode().replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in text and "https:" not in text and "@import" not in text and "//cdn" not in text


def test_a_title_is_text() -> None:
    read = Page(page(EVIL))
    assert read.texts["title"] == read.texts["h1"] == EVIL.replace("\x1b", " ")
    assert sum(tag == "script" for tag, _ in read.tags) == 1
