"""The studio in Chromium, over the real command and the pocket models: what a person does there."""

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ..rendering.gallery.gallery_pages import browser as browser
from .conftest import png
from .studio_visits import Visitor, begun, finished, make, opened
from .studio_visits import server as server
from .studio_visits import visitor as visitor

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script> a red boat \u202ezyx"


def test_a_picture_is_made_and_watched_and_what_is_not_drawn_is_said(visitor: Visitor) -> None:
    page = visitor.open()
    assert "Your pictures will stand here" in page.inner_text("#nothing")
    page.click(".chip >> nth=0")
    assert page.input_value("#prompt") == "a red boat at sunset"
    page.fill("#prompt", "a red boat waering a gargoyle at sunset")
    page.wait_for_selector("#marks mark")
    assert "gargoyle" in page.locator("#marks mark").all_inner_texts()
    assert "Will not be drawn" in page.inner_text("#reading")
    page.fill("#prompt", "a red boat at sunset")
    page.fill("#set-seed", "18446744073709551615")
    page.fill("#set-candidates", "2")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".making img.coarse")
    page.wait_for_selector(".run .facts li.open")
    assert re.match(r"draft(ing, \d+ tokens|ed)", page.inner_text(".doing"))
    page.wait_for_selector(".run.over .facts li.yes")
    assert page.locator(".run .candidates li").count() == 2
    assert page.locator(".run .candidates img").count() == 2
    reasons = page.locator(".run .candidates .reason").all_inner_texts()
    assert any("lost" in each for each in reasons) and any("best of 2" in each for each in reasons)
    page.click(".making .well")
    page.wait_for_selector("#about .command")
    assert "18446744073709551615" in page.inner_text("#about dl")
    page.locator("#about .fact:text-is('a boat in the middle')").hover()
    assert page.is_visible(".overlay") and "in the middle" in page.inner_text(".overlay")


def test_a_prompt_that_cannot_be_drawn_is_answered_in_plain_words(visitor: Visitor) -> None:
    page = visitor.open()
    page.click("#make")
    assert page.inner_text("#trouble") == "Say what the picture should show."
    page.fill("#prompt", "a quantum flux")
    page.wait_for_selector("#reading:has-text('Nothing here can be drawn yet. Things that can:')")
    assert page.inner_text("#reading").count(",") == 12  # a dozen, and the others
    page.click("#reading summary")
    assert page.inner_text("#reading").count(",") > 100
    page.click("#make")
    short = "'a quantum flux' names nothing that this planner knows."
    page.wait_for_selector(f'.making.failed .error:text-is("{short}")')
    assert page.is_hidden("#trouble")
    for place in (".card .error", ".making.failed .well"):
        assert "prompts --words" not in page.inner_text(place)
    page.click(".making.failed .well")
    page.click("#about summary:text-is('All of what was said')")
    assert "prompts --words" in page.inner_text("#about .left-out")


def test_pictures_are_searched_starred_compared_made_again_copied_and_deleted(visitor: Visitor) -> None:
    page = visitor.open()
    make(page, "a blue cat", seed="9007199254740993")
    make(page, "a green tree")
    page.fill("#query", "blue")
    page.wait_for_selector(".card:only-child:has-text('a blue cat')")
    page.focus(".card")
    page.keyboard.press("f")
    assert page.get_attribute(".card .star", "aria-pressed") == "true"
    page.focus("#query")
    page.keyboard.press("Escape")
    page.wait_for_selector(".card:has-text('a green tree')")
    page.click("#only-favourites")
    page.wait_for_selector(".card:only-child:has-text('a blue cat')")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.click("#only-favourites")
    page.wait_for_selector(".card:only-child:has-text('a blue cat')")
    page.click("#only-favourites")
    page.wait_for_selector(".card:has-text('a green tree')")
    page.focus(".card")
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.click("#compare-button")
    assert page.locator("#pair img").count() == 2
    assert "9007199254740993" in page.inner_text("#pair")
    page.keyboard.press("Escape")
    opened(page, "a blue cat")
    assert "--seed 9007199254740993" in page.inner_text(".command pre")
    page.click("[data-copy=python]")
    assert "seed=9007199254740993" in page.inner_text(".command pre")
    page.click("[data-copy=recipe]")
    assert "[stages.draft]" in page.inner_text(".command pre")
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "a-blue-cat-9007199254740993.png"
    first = Path(download.value.path()).read_bytes()
    page.click("#do-more")
    page.click("#again")
    page.wait_for_selector(".run.over:has-text('a blue cat') .making.done")
    page.click(".making .well")
    page.wait_for_selector("#about .command")
    with page.expect_download() as download:
        page.click("#download")
    assert Path(download.value.path()).read_bytes() == first
    count = page.locator(".card").count()
    page.click("#do-more")
    page.click("#delete")
    page.click("#delete")
    page.wait_for_selector(f".grid:not(:has(.card:nth-child({count})))")


def test_a_picture_is_worked_on(visitor: Visitor) -> None:
    page = visitor.open()
    make(page, "a red boat at sunset")
    opened(page, "a red boat at sunset")
    page.click("#do-edit")
    page.wait_for_selector(".start canvas")
    page.fill("#prompt", "make the boat blue")
    page.click("#make")
    finished(page, "make the boat blue")
    assert "blue boat" in page.inner_text(".run .row-about")
    opened(page, "a red boat at sunset")
    page.click(".fact-button .fact:text-is('a red boat')")
    page.click("#fact-redraw")
    finished(page, "a red boat")
    opened(page, "a red boat at sunset")
    page.click("#do-more")
    page.click("#do-mask")
    page.wait_for_selector("canvas[tabindex]")
    page.click("#make")
    assert "Paint over what is to change" in page.inner_text("#trouble")
    page.focus("canvas[tabindex]")
    for key in (" ", "ArrowRight", " ", "Shift+ArrowDown", " "):
        page.keyboard.press(key)
    box = page.locator("canvas[tabindex]").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.fill("#prompt", "a blue boat at sunset")
    page.click("#make")
    finished(page, "a blue boat at sunset")
    page.click("[data-way=variation]")
    page.fill("#prompt", "a red boat at night")
    page.click("#make")
    finished(page, "a red boat at night")
    opened(page, "make the boat blue")
    page.click("#do-more")
    page.click("#again")
    finished(page, "make the boat blue")


def test_what_is_written_while_a_picture_comes_is_kept_and_made_of_it(visitor: Visitor) -> None:
    page = visitor.open()
    make(page, "a red boat")
    opened(page, "a red boat")
    cards = page.locator(".card")
    before, held = cards.count(), list[Any]()
    page.route("**/files/**/1.png", lambda route: held.append(route))
    page.click("#do-edit")
    page.fill("#prompt", "at night")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")
    while not held:
        page.wait_for_timeout(20)
    page.unroute("**/files/**/1.png")  # and what was held goes on
    finished(page, "at night")
    assert "red boat" in page.inner_text(".run .row-about") and "at night" in page.inner_text(".run .row-about")
    assert cards.count() == before + 1


def test_nothing_is_made_where_the_picture_to_change_does_not_come(visitor: Visitor) -> None:
    page = visitor.open()
    make(page, "a red boat")
    opened(page, "a red boat")
    held = list[Any]()
    page.route("**/files/**/1.png", lambda route: held.append(route))
    page.click("#do-edit")
    page.fill("#prompt", "at night")
    page.click("#make", no_wait_after=True)
    while not held:
        page.wait_for_timeout(20)
    held[0].fulfill(status=404, body="")
    page.wait_for_selector("#trouble:has-text('The picture is not there any more.')")
    page.wait_for_selector("#make:enabled")
    assert page.locator(".run:has(h2:text-is('at night'))").count() == 0
    assert page.input_value("#prompt") == "at night"
    page.unroute("**/files/**/1.png")
    visitor.trouble.clear()  # the browser tells of the 404


def test_a_change_is_told_apart_from_what_the_picture_showed_before(visitor: Visitor) -> None:
    page = visitor.open()
    make(page, "two red boats and a gargoyle")
    opened(page, "two red boats and a gargoyle")
    assert page.inner_text("#about .left-out") == "Not drawn: gargoyle"
    page.click("#do-edit")
    page.fill("#prompt", "at night")
    page.click("#make")
    finished(page, "at night")
    assert re.match(r"changed, score \d+ %, [\d.]+ s", page.inner_text(".doing"))
    opened(page, "at night")
    assert page.locator("#about .left-out").count() == 0
    assert page.inner_text("#detail-place").startswith("changed")
    rest = page.locator("#about h4 ~ .facts li")
    assert rest.count() and page.locator("#about h4 ~ .facts li.open").count() == 0
    assert all(re.fullmatch(r"\d+ %", each) for each in rest.locator(".sure").all_inner_texts())
    page.click("#do-edit")
    page.fill("#prompt", "make the boats blue")
    page.click("#start-clear")
    assert page.input_value("#prompt") == ""  # an instruction says nothing without its picture
    page.fill("#prompt", "a red boat and a big green gargoyle")
    page.wait_for_selector("#marks mark")
    assert page.locator("#marks mark").all_inner_texts() == ["gargoyle"]
    assert page.inner_text("#reading").endswith(
        "This recipe does not know gargoyle."
    ) or "gargoyle" in page.inner_text("#reading")


def test_an_instruction_is_no_description(visitor: Visitor) -> None:
    page = visitor.open(viewport={"width": 1280, "height": 900})
    make(page, "a red boat and a blue cat")
    opened(page, "a red boat and a blue cat")
    page.click(".fact-button .fact:text-is('a cat')")
    page.click("#fact-remove")
    finished(page, "remove the cat")
    assert page.locator("#marks mark").count() == 0 and page.inner_text("#reading") == ""
    page.evaluate("scrollTo(0, 0)")
    foot = page.locator("#make").bounding_box()
    assert foot["y"] + foot["height"] <= 900, "the button is cut off"
    page.click("[data-way=variation]")
    assert page.input_value("#prompt") == "a red boat and a blue cat"
    assert page.input_value("#set-count") == "4"
    page.click("[data-way=edit]")
    assert page.input_value("#prompt") == "remove the cat" and page.input_value("#set-count") == "1"
    page.click(".making .well")
    page.wait_for_selector("#about .command")
    assert "diptych rerender remove-the-cat-7.png" in page.inner_text(".command pre")
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "remove-the-cat-7.png"
    assert page.locator("#about .facts li.yes").count() == page.locator("#about .facts li").count() > 0
    page.click("#do-more")
    page.click("#do-variation")
    page.wait_for_selector("#variation")
    assert "cat" not in page.input_value("#prompt") and "boat" in page.input_value("#prompt")
    opened(page, "a red boat and a blue cat")
    page.click(".fact-button .fact:text-is('a cat')")
    page.click("#fact-change")
    page.wait_for_selector("[data-way=edit][aria-pressed=true]")
    assert page.input_value("#prompt") == "make the cat "
    assert page.evaluate("document.activeElement.id") == "prompt"
    page.click("[data-way=mask]")
    assert page.input_value("#prompt") == "a red boat and a blue cat"


def test_pictures_are_dropped_pasted_and_drawn(visitor: Visitor) -> None:
    page = visitor.open()
    page.click("#draw")
    assert page.inner_text("#make") == "Make it of the drawing"
    box = page.locator("canvas[tabindex]").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 150, steps=3)
    page.mouse.up()
    make(page, "a red boat")
    page.click("#start-clear")
    data = list(png(256, 256, "orange"))
    script = """([kind, data, name, type]) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(data)], name, { type }));
        const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
        const options = { bubbles: true, cancelable: true, clipboardData: files, dataTransfer: files };
        document.body.dispatchEvent(new Kind(kind, options));
    }"""
    page.evaluate(script, ["paste", data, "a.png", "image/png"])
    page.wait_for_selector(".start canvas")
    page.click("#start-clear")
    page.evaluate(script, ["drop", data, "a.png", "image/png"])
    page.wait_for_selector(".start canvas")
    page.click("[data-way=image]")
    make(page, "a green tree", seed="3")
    page.evaluate(script, ["drop", [1, 2, 3], "broken.png", "image/png"])
    page.wait_for_selector("#trouble:has-text('no picture that the browser can read')")


def test_the_page_is_light_quick_small_safe_and_for_all(visitor: Visitor) -> None:
    visitor.submit({"prompts": [EVIL], "literal": True, "title": EVIL})
    page = visitor.open(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page.wait_for_selector(".card:has-text('onerror')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("(c => c.scrollWidth <= c.clientWidth)(document.querySelector('#composer'))")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.click("#theme")
    light = page.evaluate(colour)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate(colour) == light != dark
    files = "performance.getEntriesByType('resource').filter(each => /static/.test(each.name))"
    bytes_of = f"{files}.reduce((sum, each) => sum + each.decodedBodySize, 0)"
    size = page.evaluate(bytes_of)
    assert 0 < size <= 300_000
    ready = page.evaluate("performance.getEntriesByName('ready')[0].startTime")
    print(f"the studio: {size} bytes, ready after {ready:.0f} ms")
    assert ready < 5_000  # a second, where nothing else runs
    page.focus(".card >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("#about .command")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "card"
    for selector in ("button", "input", "select", "textarea"):
        for node in page.locator(selector).all():
            if node.is_visible():
                named = "n => n.labels?.length || n.ariaLabel || n.textContent.trim()"
                assert node.evaluate(named), node.evaluate("n => n.outerHTML")
    page.keyboard.press("?")
    assert page.is_visible("#help")
    policy = urllib.request.urlopen(visitor.address, timeout=60).headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy


def test_a_key_is_asked_for_once_and_kept_for_the_tab(browser: Any, tmp_path: Path) -> None:
    process, address = begun(tmp_path / "data", command="serve", key="a-long-secret")
    visitor = Visitor(browser, address)
    try:
        page = visitor.open(ready=False)
        page.wait_for_selector("#key-dialog[open]")
        page.fill("#key", "a-wrong-one")
        page.keyboard.press("Enter")
        page.wait_for_selector("#key-wrong:not([hidden])")
        page.fill("#key", "a-long-secret")
        page.keyboard.press("Enter")
        page.wait_for_selector("html[data-ready]")
        assert not page.is_visible("#key-dialog")
        page.reload()
        page.wait_for_selector("html[data-ready]")
        assert not page.is_visible("#key-dialog") and page.is_visible("#set-seed")
        process.kill()
        process.wait(60)
        page.wait_for_selector("#server:has-text('does not answer')")
    finally:
        process.kill()
        for context in browser.contexts:
            context.close()


def test_a_studio_of_other_pictures_gets_a_server_of_its_own(server: str, tmp_path: Path) -> None:
    other = ("--no-open", "--port", server.rpartition(":")[2])
    process, address = begun(tmp_path / "other", *other)
    try:
        assert process.stderr is not None and address == server
        said = process.stderr.readline()
        assert "keeps other pictures" not in said and server not in said
        own = re.findall(r"http://127\.0\.0\.1:\d+", said)
        assert _studio("--data", str(tmp_path / "other"), *other) == f"diptych: the studio is at {own[0]}/\n"
    finally:
        process.kill()
        process.wait(60)


def test_a_studio_that_runs_already_is_taken(server: str) -> None:
    assert _studio("--no-open", "--port", server.rpartition(":")[2]) == f"diptych: the studio is at {server}/\n"


def _studio(*options: str) -> str:
    """What a studio says that takes a server which runs already."""
    words = [sys.executable, "-m", "diptych", "studio", *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr
