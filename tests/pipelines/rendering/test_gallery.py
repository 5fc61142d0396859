"""The gallery and the contact sheet: that they show every row, and that no text of a row can do harm."""

import html.parser
import io
from pathlib import Path

import PIL.Image
import pytest

from diptych.pipelines.rendering.gallery import gallery
from diptych.pipelines.rendering.record import Record, refused
from diptych.pipelines.rendering.sheet import MAX_PICTURES, contact_sheet

EVIL = "<script>alert(1)</script> \"' onerror=alert(2) & </style> $title"


def record(
    row: int = 1, *, text: str = "a red boat", picture: str = "0001-a.png", tokens: str | None = "ab"
) -> Record:
    return Record(
        row=row,
        prompt=text,
        resolved_prompt=f"{text}, large",
        seed=3,
        status="done",
        picture=picture,
        caption=f"seen: {text}",
        score=0.25,
        facts=({"kind": "thing", "text": text, "probability": 0.9, "shown": True},),
        candidates=({"index": 0, "chosen": True, "tokens": tokens},),
        timings={"plan": 0.1},
    )


class Page(html.parser.HTMLParser):
    """The tags of a page, and whether they are nested well."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(data.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_card_shows_all_there_is_to_know() -> None:
    page = Page(gallery([record()], title="demo"))
    assert page.open == []
    for text in ("a red boat", "a red boat, large", "seen: a red boat", "0.25", "#1", "seed 3", "demo"):
        assert text in page.text
    links = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert links == ["0001-a.png", "previews/0001.png"]


def test_no_text_of_a_row_becomes_markup() -> None:
    rows = [record(text=EVIL, picture='x" onload="y.png'), refused(2, EVIL, 0, EVIL)]
    page = Page(gallery(rows, title=EVIL))
    assert page.open == []
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object", "link"})
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count(EVIL) >= 6


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    page = gallery([record()], title="demo").decode()
    assert "http:" not in page and "https:" not in page and "url(" not in page and "@import" not in page


def test_a_failed_row_says_why() -> None:
    page = Page(gallery([refused(4, "a boat", 0, "refine:\nno")], title="demo"))
    assert "refine: no" in page.text and "1 failed" in page.text
    assert all(tag != "img" for tag, _ in page.tags)


def test_without_a_draft_there_is_no_preview() -> None:
    page = Page(gallery([record(tokens=None)], title="demo"))
    assert sum(tag == "img" for tag, _ in page.tags) == 1


def test_a_very_long_prompt_is_cut() -> None:
    assert len(gallery([record(text="x" * 1_000_000)], title="demo")) < 20_000


@pytest.mark.parametrize("count", [1, 2, 24])
def test_the_sheet_holds_every_picture(tmp_path: Path, count: int) -> None:
    rows = []
    for row in range(1, count + 1):
        PIL.Image.new("RGB", (64, 32), (255, 0, row)).save(tmp_path / f"{row}.png")
        rows.append(record(row, text="a long prompt of many words " * 9, picture=f"{row}.png"))
    data = contact_sheet(rows, tmp_path)
    assert data is not None
    with PIL.Image.open(io.BytesIO(data)) as sheet:
        colours = {colour for _, colour in sheet.getcolors(maxcolors=2**20) or []}
    assert {(255, 0, row) for row in range(1, count + 1)} <= colours


def test_a_sheet_of_no_pictures_is_none(tmp_path: Path) -> None:
    assert contact_sheet([refused(1, "a", 0, "no"), record()], tmp_path) is None
    assert MAX_PICTURES > 100
