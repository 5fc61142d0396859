"""Verdicts of a vision-language model behind a server."""

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from diptych.engine.remote import server as remote_server
from diptych.engine.stage import NoProgress, RunContext
from diptych.engine.stages.judging.server_judge import ServerJudgeStage
from diptych.engine.values import Fact, Picture, Plan, Request, Verdict

from ...remote.started import Started

FACTS = (
    Fact(kind="thing", text="a red boat"),
    Fact(kind="setting", text="at sea", asked=False),
    Fact(kind="count", text="one boat"),
)
PIXELS = (torch.arange(16 * 16 * 3) % 251).to(torch.uint8).reshape(16, 16, 3)


class Failing(NoProgress):
    """Keeps what fails."""

    def __init__(self) -> None:
        self.failed: dict[int, str] = {}

    def fail(self, row: int, reason: str, /) -> None:
        self.failed[row] = reason


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Started]]:
    monkeypatch.setattr(remote_server, "WAITS_S", (0.02, 0.04))
    found: list[Started] = []

    def start_one(**options: Any) -> Started:
        found.append(Started(tmp_path / f"{len(found)}.jsonl", **options))
        return found[-1]

    yield start_one
    for each in found:
        each.kill()


def picture(**options: Any) -> Picture:
    return Picture(
        pixels=PIXELS, plan=Plan(request=Request(prompt="a red boat"), prompt="x", facts=FACTS), **options
    )


def judged(url: str, *pictures: Picture, progress: Failing | None = None) -> list[Verdict]:
    stage = ServerJudgeStage(url=url, model="eyes", timeout_seconds=20.0)
    return stage.run(pictures or (picture(),), {}, RunContext(progress or Failing()))


def test_an_answer_is_the_probability_of_yes_against_no(start: Callable[..., Started]) -> None:
    server = start(probability=0.8)
    (verdict,) = judged(server.url)
    assert [round(answer.probability, 6) for answer in verdict.answers] == [0.8] * 3
    assert verdict.score == pytest.approx(0.8) and verdict.caption == "A red boat."
    assert verdict.by == f"eyes at {server.url}, by the probabilities of its words, not calibrated"
    caption, *questions = server.bodies
    assert "logprobs" not in caption and len(questions) == 3
    assert all(body["top_logprobs"] == 20 and body["temperature"] == 0 for body in questions)
    uri = questions[0]["messages"][0]["content"][0]["image_url"]["url"]
    sent = PIL.Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    assert np.array_equal(np.asarray(sent), PIXELS.numpy())


@pytest.mark.parametrize(("says", "probability"), [("yes", 0.9), ("no", 0.1)])
def test_without_probabilities_the_word_counts_and_the_verdict_says_so(
    start: Callable[..., Started], says: str, probability: float
) -> None:
    for options in ({}, {"refuses": ["logprobs"]}):
        (verdict,) = judged(start(says=says, **options).url)
        assert verdict.score == pytest.approx(probability)
        assert "by its words alone (0.9 for yes, 0.1 for no), not calibrated" in verdict.by


def test_who_says_neither_yes_nor_no_judges_nothing(start: Callable[..., Started]) -> None:
    progress = Failing()
    judged(start(says="maybe").url, progress=progress)
    assert "says neither yes nor no: 'I cannot tell.'" in progress.failed[0]


def test_previews_get_no_caption_and_pictures_without_a_plan_their_own(start: Callable[..., Started]) -> None:
    server = start(probability=0.6)
    preview, plain = judged(server.url, picture(is_preview=True), Picture(pixels=PIXELS))
    assert preview.caption == "" and len(preview.answers) == 3
    assert plain.caption == "A red boat." and plain.answers == () and plain.score == pytest.approx(0.6)


def test_rows_fail_by_themselves_where_the_server_is_gone(start: Callable[..., Started]) -> None:
    server, progress = start(), Failing()
    server.kill()
    judged(server.url, picture(), picture(), progress=progress)
    assert set(progress.failed) == {0, 1} and "does not answer" in progress.failed[0]
