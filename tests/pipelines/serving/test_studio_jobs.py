"""Jobs in the studio: how far they are, when they end early, and when the server goes and comes back."""

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..rendering.gallery.gallery_pages import browser as browser
from .studio_visits import Visitor, begun, make
from .studio_visits import server as server
from .studio_visits import visitor as visitor

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SAID = "[...document.querySelectorAll('.making .doing')].map(each => each.textContent)"
BROKEN = "[...document.images].filter(i => i.src && i.offsetParent && i.complete && !i.naturalWidth)"


SAYS_THE_SAME = """() => {
    const [run, queue] = [".run-state", ".job-state"].map(each => document.querySelector(each)?.textContent);
    const done = /^under way: ([1-9]\\d*) of 60/.exec(run)?.[1];
    return done && queue === `running, ${done} of 60 pictures`;
}"""


def given(page: Any, folder: Path, rows: int) -> None:
    """Give the page a prompt file of so many rows."""
    file = folder / "boats.txt"
    file.write_text("".join(f"a {'red' if i % 2 else 'blue'} boat\n" for i in range(rows)))
    page.set_input_files("#file", file)


def dropped(page: Any, folder: Path, rows: int) -> None:
    """The same, and wait for the first picture."""
    given(page, folder, rows)
    page.wait_for_selector(".run:has(h2:text-is('boats.txt')) .making.done")


def numbers(page: Any, which: str = "") -> list[int]:
    """The rows that are shown, in the order in which they are."""
    rows = page.locator(f".making{which}").all()
    return [int(row.get_attribute("data-row")) for row in rows]


def test_a_prompt_file_becomes_a_job_and_jobs_are_paused_moved_cancelled(
    visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.open()
    file = tmp_path / "animals.txt"
    file.write_text("a blue tree\na yellow house\n")
    page.set_input_files("#file", file)
    page.wait_for_selector(".run.many:has-text('animals.txt') .making.done >> nth=1")
    page.wait_for_selector(".run.over:has-text('2 of 2 pictures')")
    for name in ("first", "second"):
        visitor.submit({"prompts": ["a red car"] * 3, "title": name, "paused": True})
    page.wait_for_selector(".jobs li >> nth=1")
    assert page.locator(".job-title").all_inner_texts() == ["first", "second"]
    page.click("[aria-label='Later: first']")
    page.wait_for_selector(".jobs li:first-child .job-title:text-is('second')")
    page.click("[aria-label='Go on: second']")
    page.wait_for_selector(".jobs li:has-text('second') [aria-label='Pause: second']")
    page.click("[aria-label='Pause: second']")
    page.wait_for_selector("[aria-label='Go on: second']")
    page.click("[aria-label='Cancel: second']")
    page.click("[aria-label='Cancel: first']")
    page.wait_for_selector("#queue", state="hidden")
    page.fill("#query", "house")
    page.wait_for_selector(".card:only-child:has-text('a yellow house')")


def test_a_job_is_found_as_it_is_when_the_server_comes_back(browser: Any, tmp_path: Path) -> None:
    process, address = begun(tmp_path / "data", command="serve")
    visitor = Visitor(browser, address)
    try:
        page = visitor.open()
        given(page, tmp_path, 24)
        while not visitor.done():  # the page may be slower to see it
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(60)
        page.wait_for_selector("#server:has-text('does not answer')")
        page.fill("#prompt", "a green tree")
        page.click("#make")
        page.wait_for_selector("#trouble:has-text('Is it still running?')")
        said = page.locator(".making.done").count()
        assert said < 24, "it was over before the server went"
        process, again = begun(tmp_path / "data", "--port", address.rpartition(":")[2], command="serve")
        assert again == address
        page.wait_for_selector("#server:empty", state="attached", timeout=10_000)
        page.wait_for_selector("#trouble", state="hidden")
        page.wait_for_selector(".run-state:has-text('under way: ')")
        page.wait_for_selector(".run.over .run-state:text-is('done: 24 of 24 pictures')")
        page.wait_for_selector("#queue", state="hidden")
        assert numbers(page, ".done") == [*range(1, 25)]
        page.wait_for_function(f"{BROKEN}.length === 0")
        assert page.locator(".card").count() == 24
    finally:
        process.kill()
        process.wait(60)
        for context in browser.contexts:
            context.close()


def test_a_job_counts_is_gone_on_with_after_a_reload_and_says_what_was_cancelled(
    visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.open()
    dropped(page, tmp_path, 60)
    page.wait_for_function(SAYS_THE_SAME)
    page.click("[aria-label='Pause: boats.txt']")
    page.wait_for_selector(".run-state:has-text('paused: ')")
    assert not [each for each in page.evaluate(SAID) if each.startswith("draft") or each == "painting"]
    theirs = visitor.submit({"prompts": ["a red car"] * 40, "title": "theirs", "priority": 50})
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator(".run h2").all_inner_texts() == ["boats.txt"]
    page.wait_for_selector(".making.done img")
    page.click(f"[data-job='{theirs}'] [aria-label='Cancel: theirs']")
    page.click("[aria-label='Go on: boats.txt']")
    page.wait_for_selector(".run-state:has-text('under way: ')")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.click(".run .cancel")
    page.wait_for_selector(".run.over .run-state:has-text('cancelled: ')")
    page.wait_for_selector(".making.cancelled")
    done, gone = numbers(page, ".done"), numbers(page, ".cancelled")
    assert numbers(page) == sorted(done + gone) == [*range(1, len(done + gone) + 1)]
    assert set(page.evaluate(SAID)) <= {"a red boat", "a blue boat", "cancelled"}
    assert page.inner_text(".run-state").startswith(f"cancelled: {len(done)} of 60 pictures")


def test_a_first_picture_waits_for_models_and_the_next_for_its_turn(visitor: Visitor) -> None:
    page = visitor.open()
    page.route("**/events?previews=1", lambda route: None)  # nothing is told of the job: models are loaded
    page.fill("#prompt", "a red boat")
    page.fill("#set-candidates", "48")
    page.click("#make")
    page.wait_for_selector(".run-state:text-is('models are being loaded')")
    page.fill("#prompt", "a blue boat")
    page.click("#make")
    page.wait_for_selector(".run:has(h2:text-is('a blue boat')) .run-state:text-is('waits for its turn')")
    page.click(".run:has(h2:text-is('a red boat')) .cancel")
    page.click(".run:has(h2:text-is('a blue boat')) .cancel")


def test_a_new_picture_that_is_searched_for_appears(visitor: Visitor) -> None:
    page = visitor.open()
    page.fill("#query", "green boat")
    page.wait_for_selector("#nothing:has-text('No picture')")
    make(page, "a green tree")
    make(page, "a green boat in the snow")
    page.wait_for_selector(".card:only-child:has-text('a green boat in the snow')")
    assert page.is_hidden("#nothing")


def by_twos(route: Any) -> None:
    """The page asks for two older pictures at a time."""
    answer = route.fetch()
    assert "PAGE = 60;" in answer.text()
    route.fulfill(response=answer, body=answer.text().replace("PAGE = 60;", "PAGE = 2;"))


def test_the_history_stays_unfolded_where_events_break_off(visitor: Visitor) -> None:
    visitor.submit({"prompts": ["a red boat", "a blue boat", "a green tree", "a red car", "a blue cat"]})
    while visitor.done() < 5:
        time.sleep(0.05)
    page, times = visitor.open(), list[float]()

    def ends_at_once(route: Any) -> None:
        times.append(time.monotonic())
        route.fulfill(status=200, content_type="text/event-stream", body=": there\n\n")

    page.route("**/history.js", by_twos)
    page.route("**/v1/events", ends_at_once)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    for cards in (4, 5):
        page.click("#more")
        page.wait_for_selector(f".card >> nth={cards - 1}")
    more, before = page.locator(".card").count(), len(times)
    while len(times) < before + 3:  # the page has asked for its pictures again
        page.wait_for_timeout(50)
    assert page.locator(".card").count() == more >= 5


def made(visitor: Visitor, prompts: list[str]) -> str:
    """A job that is done."""
    job = visitor.submit({"prompts": prompts})
    while visitor.done() < len(prompts):
        time.sleep(0.05)
    return job


class Slow:
    """A page that shows two pictures at a time, of which the server has these. Answers to what it asks may be
    held."""

    def __init__(self, visitor: Visitor, prompts: list[str]) -> None:
        self.job = made(visitor, prompts)
        self.page, self.held, self.ended = visitor.open(), list[Any](), list[Any]()
        self.page.route("**/history.js", by_twos)
        self.page.route("**/v1/events", lambda route: self.ended.append(route))
        self.page.reload()
        self.asks_again()
        self.page.wait_for_selector("html[data-ready]")
        self.page.wait_for_selector(".card >> nth=1")

    def asks_again(self, told: str = ": there\n\n") -> None:
        """Let the page's events break off, of which it was told some; then it asks for its pictures again."""
        self.until(lambda: self.ended)
        self.ended.pop().fulfill(status=200, content_type="text/event-stream", body=told)

    def until(self, true: Callable[[], object]) -> None:
        while not true():
            self.page.wait_for_timeout(20)

    def hold(self, asked: str) -> None:
        def pictures(route: Any) -> None:
            if re.search(asked, route.request.url):
                self.held.append(route)
            else:
                route.continue_()

        self.page.route("**/v1/pictures?**", pictures)

    def release(self) -> None:
        """Once there is something, and what was not held had time to come."""
        self.until(lambda: self.held)
        self.page.wait_for_timeout(300)
        self.page.unroute("**/v1/pictures?**")
        for route in self.held:
            route.continue_()

    def shown(self) -> list[str]:
        """The keys of the pictures, when they had time to come."""
        self.page.wait_for_timeout(300)
        return self.page.locator(".card").evaluate_all("cards => cards.map(each => each.dataset.key)")


FIVE = ["a red tree", "a blue tree", "a red house", "a blue house", "a black cat"]


@pytest.mark.parametrize("slow", ["before=$", "before=."])
def test_older_pictures_are_shown_once_whatever_comes_first(visitor: Visitor, slow: str) -> None:
    """The page asks for its pictures again while somebody asks, twice, for older ones: one of both is slow."""
    it = Slow(visitor, FIVE)
    it.hold(slow)
    with it.page.expect_request(re.compile(r"before=$")):
        it.asks_again()
    with it.page.expect_request(re.compile(r"before=.")):
        it.page.dblclick("#more")
    it.release()
    it.page.wait_for_selector(".card >> nth=3")
    keys = it.shown()
    assert len(keys) == len(set(keys)) >= 4


def test_older_pictures_that_come_late_leave_no_gap(visitor: Visitor) -> None:
    it = Slow(visitor, FIVE)
    it.page.click("#more")
    it.page.wait_for_selector(".card >> nth=3")
    it.hold("before=.")
    it.page.click("#more")
    it.page.click("#only-favourites")
    it.page.click("#only-favourites")  # which folds the others
    it.page.wait_for_selector(".card >> nth=1")
    it.release()
    assert it.shown() == [f"{it.job}/{number}" for number in (5, 4)]


def test_older_pictures_of_a_job_that_was_deleted_meanwhile_are_not_shown(visitor: Visitor) -> None:
    older = made(visitor, FIVE[:2])
    it = Slow(visitor, FIVE[2:4])
    it.hold("before=.")
    it.page.click("#more")
    it.until(lambda: it.held and it.ended)
    (late,) = it.held
    answer = late.fetch()  # what the server had to say before
    assert older in answer.text()
    visitor.delete(older)
    it.asks_again(f'event: job\ndata: {{"id": "{older}", "state": "deleted"}}\n\n')
    it.shown()
    late.fulfill(response=answer)
    assert it.shown() == [f"{it.job}/{number}" for number in (2, 1)]


def test_what_is_told_of_a_picture_that_is_folded_away_hides_none_between(visitor: Visitor) -> None:
    it = Slow(visitor, FIVE)
    older = it.page.evaluate("fetch('v1/pictures?limit=5').then(answer => answer.json())")["pictures"][4]
    assert (older["job"], older["number"]) == (it.job, 1)
    it.asks_again(f"event: row\ndata: {json.dumps(older)}\n\n")
    assert len(it.shown()) == 2
    it.page.click("#more")
    it.page.wait_for_selector(".card >> nth=3")
    assert it.shown() == [f"{it.job}/{number}" for number in (5, 4, 3, 2)]
