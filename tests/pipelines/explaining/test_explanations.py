"""Seeing inside: what is looked at is kept and shown, what is not costs nothing."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageDraw
import pytest

from diptych import InputError, Outcome, TextToImage
from diptych.engine.values.fact import Fact, Span
from diptych.engine.watch import Quiet
from diptych.pipelines.cli.render import run_render
from diptych.pipelines.explaining.explanations import Explanations
from diptych.pipelines.explaining.glimpses import Glimpses
from diptych.pipelines.explaining.page import WIDTH, explanation, whose, written
from diptych.pipelines.sheets.heat import colour, heat

PROMPT = "a red boat at sunset"
STEPS = 3


@pytest.fixture(scope="module")
def pocket() -> TextToImage:
    return TextToImage.from_recipe("pocket", device="cpu")


@pytest.fixture(scope="module")
def explanations() -> Explanations:
    return Explanations()


@pytest.fixture(scope="module")
def outcome(pocket: TextToImage, explanations: Explanations) -> Outcome:
    return pocket(PROMPT, seed=7, candidates=2, keep=1, num_inference_steps=STEPS, watch=explanations).outcomes[
        0
    ]


def test_every_token_has_its_probability_and_every_step_its_picture(
    outcome: Outcome, explanations: Explanations
) -> None:
    glimpses = explanations.glimpses(outcome.request, outcome.best.index)
    assert outcome.draft is not None and len(glimpses.confidence) == outcome.draft.tokens.numel()
    assert all(0 < p <= 1 for p in glimpses.confidence) and len(set(glimpses.confidence)) > 10
    assert len(glimpses.estimates) == STEPS
    other = explanations.glimpses(outcome.request, 1 - outcome.best.index)
    assert other.confidence and other.confidence != glimpses.confidence and not other.estimates


def test_looking_on_changes_no_picture(pocket: TextToImage, outcome: Outcome) -> None:
    plain = pocket(PROMPT, seed=7, candidates=2, keep=1, num_inference_steps=STEPS).outcomes[0]
    assert plain.picture.pixels.equal(outcome.picture.pixels)


def test_the_last_estimate_is_the_picture(outcome: Outcome, explanations: Explanations) -> None:
    last = explanations.glimpses(outcome.request, outcome.best.index).estimates[-1]
    assert last.tobytes() == outcome.image.resize(last.size, PIL.Image.Resampling.LANCZOS).tobytes()


def test_the_sheet_has_a_row_for_draft_confidence_and_paint(
    outcome: Outcome, explanations: Explanations
) -> None:
    full, bare = explanations.picture(outcome), explanations.files(outcome)
    assert full.width == WIDTH and full.height > 600
    assert list(bare) == ["0001-a-red-boat-at-sunset.explain.png"]
    with pytest.raises(InputError, match="nothing was seen of it: give this to the call as watch="):
        explanations.picture(outcome)


def test_a_sheet_says_who_wants_a_fact_and_what_was_not_drawn(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = Span(start=2, end=10, text="red boat")
    facts = (Fact(kind="colour", text="a red boat", span=span), Fact(kind="thing", text="a sun", asked=False))
    assert [whose(fact) for fact in facts] == ["asked: red boat", "added"]
    written: list[str] = []
    draw = PIL.ImageDraw.ImageDraw.text

    def text(self: PIL.ImageDraw.ImageDraw, place: tuple[int, int], words: str, **options: Any) -> None:
        written.append(words)
        draw(self, place, words, **options)

    monkeypatch.setattr(PIL.ImageDraw.ImageDraw, "text", text)
    hat = Span.elsewhere("hat")
    plan = dataclasses.replace(outcome.plan, left_out=(hat,))
    best = dataclasses.replace(outcome.best, plan=plan)
    explanation(dataclasses.replace(outcome, best=best), Glimpses())
    assert "not drawn: hat" in written and "asked: red" in written and "added" in written
    written.clear()
    explanation(outcome, Glimpses())
    assert not any(words.startswith("not drawn") for words in written)


def test_a_draft_grows_in_the_order_of_writing(outcome: Outcome) -> None:
    assert outcome.draft is not None
    whole = outcome.draft.image
    side = whole.width // outcome.draft.grid[1]
    half = written(outcome.draft, outcome.draft.grid[1] + 1)
    known = (0, 0, whole.width, side)
    assert half.crop(known).tobytes() == whole.crop(known).tobytes()
    assert {colour for _, colour in half.crop((side, side, whole.width, whole.height)).getcolors() or []} == {
        half.getpixel((whole.width - 1, whole.height - 1))
    }
    full = written(outcome.draft, outcome.draft.tokens.numel())
    assert full.tobytes() == whole.tobytes()


def test_another_watcher_is_still_told() -> None:
    class Stopping(Quiet):
        told = 0

        def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
            self.told += 1

        def cancelled(self) -> bool:
            return True

    inner = Stopping()
    watch = Explanations(inner)
    watch.on_progress("draft", 0, 1, 0.5)
    assert inner.told == 1 and watch.cancelled()


def test_nobody_looks_nothing_is_made() -> None:
    """A context without progress and a plain watcher never call what makes the views."""
    from diptych.engine.stage import RunContext

    RunContext().view("estimate", 1, lambda: pytest.fail("was made"))


def test_a_batch_writes_a_sheet_beside_each_picture(
    make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run_render(make_pipe, source=None, text=["a red boat", "a cat"], out=out, explain=True) == 0
    names = {path.name for path in out.glob("*.explain.png")}
    assert names == {"0001-a-red-boat.explain.png", "0002-a-cat.explain.png"}


def test_colours_run_from_dark_to_bright() -> None:
    brightness = [sum(colour(i / 20)) for i in range(21)]
    assert brightness == sorted(brightness) and colour(-1) == colour(0) and colour(2) == colour(1)
    field = heat([0.0, 1.0], (1, 2), 8)
    assert field.getpixel((0, 0)) == colour(0) and field.getpixel((7, 7)) == colour(1)
