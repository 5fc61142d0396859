"""The gallery's page in a browser: keyboard, roles, safety, rows that come and go, light, width and size."""

from typing import Any

import pytest

from diptych.pipelines.rendering.gallery.gallery import Gallery
from diptych.pipelines.rendering.output.record import refused
from diptych.pipelines.sheets.thumbnails import thumbnail_name

from .gallery_pages import EVIL, Reader, focused_on, numbers, row, twelve, until, write_pictures

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_the_keyboard_reaches_everything(reader: Reader, batch: Any) -> None:
    page = reader.open(batch(*twelve())[0])
    keys = page.keyboard
    keys.press("ArrowDown")
    focused_on(page, "Row 1:")
    columns = int(page.get_attribute("#grid", "aria-colcount"))
    keys.press("ArrowRight")
    keys.press("ArrowDown")
    focused_on(page, f"Row {2 + columns}:")
    keys.press("ArrowUp")
    keys.press("End")
    focused_on(page, f"Row {columns}:")
    keys.press("Control+End")
    focused_on(page, "Row 12:")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keys.press("Enter")
    page.wait_for_selector("#detail[open]")
    keys.press("ArrowLeft")
    until(page, "document.getElementById('detail-title')?.textContent.includes('number 11')")
    page.wait_for_selector(".panel.draft")
    keys.press("d")
    assert not page.is_visible(".panel.draft")
    keys.press("Escape")
    focused_on(page, "Row 11:")
    assert not page.is_visible("#detail")
    keys.press("/")
    focused_on(page, "Search")
    keys.type("red")
    keys.press("Enter")
    focused_on(page, "Row 3:")
    keys.press("4")
    assert page.get_attribute("[data-status=failed]", "aria-pressed") == "true"
    keys.press("1")
    keys.press("?")
    assert page.is_visible("#help")
    keys.press("Escape")
    assert not page.is_visible("#help")
    keys.press("/")
    keys.press("Escape")
    assert page.input_value("#query") == "" and len(numbers(page)) == 12


def test_there_is_one_tab_stop_among_the_cards_and_each_part_has_its_role(reader: Reader, batch: Any) -> None:
    page = reader.open(batch(*twelve())[0])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.locator(".card[tabindex='0']").count() == 1
    assert page.get_by_role("grid", name="Pictures").get_attribute("aria-rowcount") == str(
        -(-12 // int(page.get_attribute("#grid", "aria-colcount")))
    )
    assert page.get_by_role("gridcell").count() == 12
    assert page.get_by_role("searchbox", name="Search prompts, plans and captions").count() == 1
    assert page.get_by_role("slider").count() == 2
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail-title")
    assert page.get_by_role("dialog", name="a green boat, number 2").count() == 1


def test_no_text_of_a_row_does_anything(reader: Reader, batch: Any) -> None:
    fact = {"kind": EVIL, "text": EVIL, "probability": 0.5, "shown": True}
    candidates = tuple(
        {"index": i, "chosen": i == 0, "tokens": EVIL, "preview_score": None, "score": 0.5, "reason": EVIL}
        for i in range(2)
    )
    values = {
        "facts": (fact,),
        "candidates": candidates,
        "template": f"{EVIL}{{a|b}}",
        "source": EVIL,
        "line": 1,
    }
    evil = row(1, prompt=EVIL, caption=EVIL, resolved_prompt=EVIL, settings={EVIL: EVIL}, **values)
    page = reader.open(batch(evil, refused(2, EVIL, 0, EVIL))[0])
    for number in (1, 2):
        page.click(f"[aria-label^='Row {number}:']")
        page.wait_for_selector("#copy")
        assert EVIL in page.inner_text("#detail-title")
        page.keyboard.press("Escape")
    page.fill("#query", EVIL)
    assert page.evaluate("document.querySelectorAll('b, script').length") == page.evaluate(
        "document.querySelectorAll('#states b').length + 1"  # the page's own
    )
    assert all(not url.endswith("/x") for url in reader.asked)


def test_its_policy_runs_no_script_and_no_markup_that_is_put_into_it(reader: Reader, batch: Any) -> None:
    page = reader.open(batch(*twelve())[0])
    for code in (
        "eval('1')",
        "document.body.innerHTML = '<b>1</b>'",
        "document.createElement('script').src = 'a.js'",
    ):
        with pytest.raises(playwright.Error, match=r"EvalError|TypeError|requires 'Trusted"):
            page.evaluate(f"async () => {{ await new Promise((go) => setTimeout(go)); {code} }}")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'https://a.invalid/'}))"
    )
    page.wait_for_timeout(50)
    assert any("Content Security Policy" in text for text in reader.trouble)
    reader.trouble.clear()
    reader.asked = [url for url in reader.asked if "a.invalid" not in url]


def test_it_grows_while_the_batch_is_rendered(reader: Reader, batch: Any) -> None:
    out, gallery = batch(row(1), row(2), finished=False, total=4)
    page = reader.open(out)
    assert numbers(page) == [1]  # the second has not been written yet
    assert "1 of 4 rows" in page.inner_text("#growing-text")
    page.keyboard.press("ArrowDown")
    for record in (row(3), refused(4, "d", 0, "no")):
        write_pictures(gallery.folder, record)
        gallery.add(record)
    gallery.close()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when its tab is looked at again
    until(page, "document.querySelectorAll('.card').length === 4")
    assert numbers(page) == [1, 2, 3, 4]
    focused_on(page, "Row 1:")
    assert not page.is_visible("#growing")


def test_a_folder_written_anew_is_shown_anew(reader: Reader, batch: Any) -> None:
    out, gallery = batch(*twelve())
    page = reader.open(out)
    anew = Gallery(gallery.folder, title="anew")
    anew.add(row(2, prompt="another boat"))
    anew.close()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(page, "document.querySelectorAll('.card').length === 1")
    assert page.inner_text(".prompt") == "another boat"


def test_the_address_keeps_the_view(reader: Reader, batch: Any) -> None:
    out, _ = batch(*twelve())
    page = reader.open(out)
    page.fill("#query", "boat & <red>=?#")
    page.fill("#query", "boat")
    page.click("[data-status=accepted]")
    page.select_option("#sort", "best")
    page.click("[aria-label^='Row 10:']")
    page.wait_for_selector("#detail-title")
    kept = page.evaluate("location.hash")
    again = reader.open(out, hash=kept)
    again.wait_for_selector("#detail-title")
    assert "number 10" in again.inner_text("#detail-title")
    assert numbers(again) == [12, 11, 10, 9, 8]
    strange = reader.open(out, hash="#open=99999&status=no&sort=__proto__&low=-5&high=x&query=%E0%A4%A")
    assert not strange.is_visible("#detail")


def test_pictures_that_are_gone_are_said_to_be(reader: Reader, batch: Any) -> None:
    out, _ = batch(*twelve())
    (out / thumbnail_name(1)).unlink()
    (out / thumbnail_name(2)).unlink()
    (out / "0002-a-green-boat-number-2.png").unlink()
    page = reader.open(out)
    page.wait_for_selector(".card[aria-label^='Row 1:'] .well.there img")  # the picture itself
    assert "not here any more" in page.inner_text(".card[aria-label^='Row 2:'] .gone")
    page.click("[aria-label^='Row 2:']")
    page.wait_for_selector(".stage .gone")
    reader.trouble = [text for text in reader.trouble if "ERR_FILE_NOT_FOUND" not in text]


def test_without_its_data_the_page_says_so(reader: Reader, batch: Any) -> None:
    out, _ = batch(row(1))
    for path in (out / "gallery").glob("*.js"):
        path.unlink()
    page = reader.open(out)
    assert "No rows are found" in page.inner_text("#nothing-text")
    reader.trouble = [text for text in reader.trouble if "ERR_FILE_NOT_FOUND" not in text]


def test_it_is_light_or_dark_as_the_system_is(reader: Reader, batch: Any) -> None:
    out, _ = batch(*twelve())
    light = {}
    for scheme in ("light", "dark"):
        page = reader.open(out, color_scheme=scheme)
        for part in ("body", ".card", ".search input"):
            rgb = page.evaluate(f"getComputedStyle(document.querySelector('{part}')).backgroundColor").strip(
                "rgba()"
            )
            light[scheme, part] = sum(float(value) for value in rgb.split(",")[:3])
    assert all(value > 600 if scheme == "light" else value < 200 for (scheme, _), value in light.items()), light


@pytest.mark.parametrize("width", [320, 390, 768, 1920])
def test_nothing_sticks_out_whatever_the_width(reader: Reader, batch: Any, width: int) -> None:
    page = reader.open(batch(*twelve())[0], viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("[aria-label^='Row 8:']")
    page.wait_for_selector("#copy")
    boxes = page.locator("#detail button:visible, #stage img, #about section").evaluate_all(
        "(all) => all.map((node) => node.getBoundingClientRect()).map((box) => [box.left, box.right])"
    )
    assert all(left >= 0 and right <= width for left, right in boxes)


def test_five_thousand_rows_stay_quick(reader: Reader, batch: Any) -> None:
    rows = [refused(i, "a boat", 0, "no") if i % 20 == 0 else row(i, score=i / 5000) for i in range(1, 5001)]
    out, gallery = batch(finished=False)
    for record in rows:
        gallery.add(record)
    gallery.close()
    picture = row(5000 - 1)
    write_pictures(gallery.folder, picture)
    page = reader.open(out)
    until(page, "document.querySelector('#states b').textContent === '5,000'")
    assert page.locator(".card").count() < 100
    page.evaluate("scrollTo(0, 1e7)")
    page.wait_for_selector("[aria-label^='Row 5000:']")
    page.wait_for_selector(".card[aria-label^='Row 4999:'] .well.there")
    assert page.locator(".card").count() < 100
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    began = seconds()
    for query in ("b", "boat", "boat red", "number 49", "number 499"):
        page.fill("#query", query)
    assert (seconds() - began) / 5 < 0.25  # of the processor's time, so that a busy machine is no failure
    assert numbers(page)[-1] in range(4990, 5000) or 499 in numbers(page)
    reader.trouble = [text for text in reader.trouble if "ERR_FILE_NOT_FOUND" not in text]
