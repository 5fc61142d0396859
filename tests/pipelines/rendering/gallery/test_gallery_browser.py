"""The gallery in a browser: a reader opens it from disk, searches, and opens rows."""

import dataclasses
from typing import Any

import PIL.Image

from diptych.pipelines.rendering.gallery.choices_script import CHOICES_SCRIPT, choices_script
from diptych.pipelines.rendering.output.choices import Choice, Choices
from diptych.pipelines.rendering.output.record import refused
from diptych.pipelines.sheets.thumbnails import pick_thumbnail_name

from .gallery_pages import WANTING, Reader, numbers, row, twelve, until


def test_it_opens_from_disk_and_shows_every_row(reader: Reader, batch: Any) -> None:
    page = reader.open(batch(*twelve())[0])
    assert numbers(page) == list(range(1, 13))
    assert page.title() == page.inner_text("h1") == "Boats <b>& all</b>"
    summary = "11 pictures 45 % accepted 40 % mean score 1 failed"
    assert page.inner_text("#summary").split() == summary.split()
    until(page, "document.querySelectorAll('.well.there img').length === 11")
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")


def test_it_finds_rows_by_text_status_and_score(reader: Reader, batch: Any) -> None:
    page = reader.open(batch(*twelve())[0])
    for query, found in {
        "boat red": [3, 6, 9, 12],
        "BOAT -red -blue": [2, 5, 8, 11],
        "#11": [11],
        "softly lit number 1": [1, 10, 11, 12],
        "under water": [7],
        str(2**62 + 4): [4],
        "nothing of the kind": [],
    }.items():
        page.fill("#query", query)
        assert numbers(page) == found, query
    assert page.inner_text("#nothing-text") == "No picture is like that."
    page.click("#clear")
    for status, found in {
        "accepted": [8, 9, 10, 11, 12],
        "failed": [7],
        "rejected": [1, 2, 3, 4, 5, 6],
    }.items():
        page.click(f"[data-status={status}]")
        assert numbers(page) == found
    page.click("[data-status='']")
    page.locator("#low").fill("50")
    page.locator("#high").fill("65")
    assert numbers(page) == [8, 9, 10]
    assert (page.inner_text("#score-text"), page.inner_text("#count")) == ("50\u201365 %", "3 of 12 pictures")


def test_it_puts_rows_in_order(reader: Reader, batch: Any) -> None:
    rows = [row(1, score=0.5, prompt="b"), row(2, score=0.9, prompt="c"), row(3, score=0.1, prompt="a")]
    rows[0] = row(1, score=0.5, prompt="b", timings={"refine": 9.0})
    page = reader.open(batch(*rows, refused(4, "d", 0, "no"))[0])
    orders = {"latest": [4, 3, 2, 1], "best": [2, 1, 3, 4], "worst": [3, 1, 2, 4], "prompt": [3, 1, 2, 4]}
    for order, found in {**orders, "slowest": [1, 2, 3, 4], "row": [1, 2, 3, 4]}.items():
        page.select_option("#sort", order)
        assert numbers(page) == found, order


def test_a_row_opens_with_all_there_is_to_know(reader: Reader, batch: Any) -> None:
    out, _ = batch(*twelve())
    page = reader.open(out)
    page.click("[aria-label^='Row 8:']")
    page.wait_for_selector("#copy")
    about = page.inner_text("#about")
    for text in (
        "a green boat, number 8, softly lit",  # the plan
        "seen: a green boat, number 8",
        "93 %",
        "thrown out: a green boat, number 8",
        "the best of them",
        str(2**62 + 8),
        "96 \u00d7 64 px",
        f"diptych rerender '{out}/0008-a-green-boat-number-8.png'",
    ):
        assert text in about, text
    assert page.locator(".facts li.no").inner_text().startswith("not shown:")
    assert page.locator(".candidates li").count() == 3 and page.locator(".candidates .chosen").count() == 1
    pictures = page.locator(".stage img").evaluate_all(
        "(all) => all.map((image) => [image.alt, image.naturalWidth])"
    )
    assert pictures == [["the draft of: a green boat, number 8", 96], ["a green boat, number 8", 96]]
    page.click("#next")
    until(page, "document.getElementById('detail-title')?.textContent.includes('number 9')")
    assert page.locator(".candidates").count() == 0


def test_what_is_not_drawn_is_seen_on_the_card_and_in_the_row_s_own_view(reader: Reader, batch: Any) -> None:
    page = reader.open(batch(row(1, score=0.9), row(2, **WANTING))[0])
    assert page.locator(".card .not-drawn").all_inner_texts() == ["not drawn: wearing, hat"]
    card = page.locator(".card.rejected")
    label = card.get_attribute("aria-label")
    assert "not accepted: something is left out, not drawn: wearing, hat" in label
    assert "1 of 1 fact" in card.inner_text() and "missed" not in card.locator(".notes").inner_html()
    page.fill("#query", "drawn hat")
    assert numbers(page) == [2]
    card.click()
    page.wait_for_selector("#copy")
    assert page.locator("#detail-title mark").all_inner_texts() == ["wearing", "hat"]
    assert page.inner_text("#detail-title") == "a cat wearing a hat"
    assert "not accepted: something is left out" in page.inner_text(".over")
    titles = page.locator("#about h3").all_inner_texts()
    assert [
        title for title in titles if title in ("Not drawn", "Asked: 1 of 1 fact", "Added by the planner")
    ] == [
        "Not drawn",
        "Asked: 1 of 1 fact",
        "Added by the planner",
    ]
    assert "a red cat" in page.inner_text(".facts.added") and "a red cat" not in page.inner_text(".facts")


def test_a_failed_row_opens_with_its_reason(reader: Reader, batch: Any) -> None:
    page = reader.open(batch(*twelve())[0])
    page.click(".card.failed")
    page.wait_for_selector("#copy")
    assert page.inner_text(".stage") == "refine: it is under water"
    assert "diptych render -p 'a sunken ship' --seed 7" in page.inner_text("#about")


def test_the_command_is_copied(reader: Reader, batch: Any) -> None:
    out, _ = batch(*twelve())
    page = reader.open(out, permissions=["clipboard-read", "clipboard-write"])
    page.click("[aria-label^='Row 2:']")
    page.wait_for_selector("#copy")
    page.keyboard.press("c")
    until(page, "document.getElementById('copy').textContent === 'Copied'")
    command = f"diptych rerender '{out}/0002-a-green-boat-number-2.png'"
    assert page.evaluate("navigator.clipboard.readText()") == command


def test_stars_and_picks_are_remembered_and_give_the_command_that_keeps_them(
    reader: Reader, batch: Any
) -> None:
    records = [dataclasses.replace(each, id=f"{each.row:016x}") for each in twelve()]
    out, _ = batch(*records)
    page = reader.open(out)
    page.click("[aria-label^='Row 8:']")
    page.wait_for_selector("#take-2")
    page.click("#star-4")
    until(page, "document.activeElement.id === 'star-4'")
    page.click("#take-2")
    until(page, "document.querySelector('.candidates .chosen').textContent.includes('taken by you')")
    command = f"diptych choose '{out}' --pick 8=2 --rate 8=4"
    assert page.locator(".your-choice code").inner_text() == command
    page.keyboard.press("ArrowRight")
    until(page, "document.getElementById('detail-title')?.textContent.includes('number 9')")
    page.keyboard.press("5")
    until(page, "document.querySelectorAll('.stars .on').length === 5")
    page.keyboard.press("Escape")
    command = f"diptych choose '{out}' --pick 8=2 --rate 8=4,9=5"
    page.wait_for_selector("#choices", state="visible")
    assert page.inner_text("#choices-text").startswith("2 choices not kept yet")
    assert page.locator(".chosen-mark.waits").all_inner_texts() == ["★★★★ picked 2", "★★★★★"]
    page.select_option("#sort", "rated")
    assert numbers(page)[:3] == [9, 8, 1]
    page.wait_for_url(lambda url: url.endswith("#sort=rated"))  # the browser, too, knows that the row is closed
    page.reload()
    page.wait_for_selector("#choices", state="visible")
    assert page.locator("#choices-command code").inner_text() == command

    kept = Choice(id=records[7].id, pick=2, picture="0008-a-green-boat-number-8.pick-2.png", rating=4)
    name = pick_thumbnail_name(8, 2)
    PIL.Image.new("RGB", (96, 64), "yellow").save(out / name)
    PIL.Image.new("RGB", (96, 64), "yellow").save(out / "0008-a-green-boat-number-8.pick-2.png")
    (out / CHOICES_SCRIPT).write_bytes(choices_script(Choices(rows={8: kept}), out))
    page.reload()
    page.wait_for_selector("#choices", state="visible")
    command = f"diptych choose '{out}' --rate 9=5"
    assert page.locator("#choices-command code").inner_text() == command
    assert page.locator("[aria-label^='Row 8:'] img").get_attribute("src").endswith(name)
    page.click("[aria-label^='Row 8:']")
    page.wait_for_selector("#take-1")
    assert page.locator(".stage img").get_attribute("src").endswith("pick-2.png")
    page.click("#take-1")
    assert page.locator(".your-choice code").inner_text() == f"diptych choose '{out}' --pick 8=none --rate 9=5"
    page.keyboard.press("Escape")
    page.click("#choices-forget")
    page.wait_for_selector("#choices", state="hidden")
