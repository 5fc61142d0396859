"""Plans that a server writes are held to the schema and to the prompt, as those of a model of this machine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.engine.errors import InputError
from diptych.engine.remote import server as remote_server
from diptych.engine.stage import NoProgress, RunContext
from diptych.engine.stages.planning.quoted_plan import users_own
from diptych.engine.stages.planning.server_plan import PLAN_SCHEMA, ServerPlanStage
from diptych.engine.values import Plan, Request

from ...remote.started import Started

PROMPTS = ["a red boat", "two blue birds above a house", "un chat noir"]


class Failing(NoProgress):
    """Keeps what fails and what is noted."""

    def __init__(self) -> None:
        self.failed: dict[int, str] = {}
        self.notes: list[str] = []

    def fail(self, row: int, reason: str, /) -> None:
        self.failed[row] = reason

    def note(self, text: str, /) -> None:
        self.notes.append(text)


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


def planned(url: str, *prompts: str, progress: Failing | None = None, **settings: Any) -> list[Plan]:
    stage = ServerPlanStage(url=url, model="tiny", timeout_seconds=20.0, **settings)
    requests = [Request(prompt=prompt, seed=7 + i) for i, prompt in enumerate(prompts or PROMPTS)]
    return stage.run(requests, {}, RunContext(progress or Failing()))


@pytest.mark.parametrize("says", ["plan", "fenced", "thought"])
def test_a_plan_is_read_whatever_stands_around_it(start: Callable[..., Started], says: str) -> None:
    server = start(says=says)
    plans = planned(server.url)
    for prompt, plan in zip(PROMPTS, plans, strict=True):
        assert plan.prompt == prompt and plan.left_out == ()
        assert [(fact.asked, fact.text) for fact in plan.facts] == [(True, prompt)]
        assert plan.by == f"tiny (fp_7) at {server.url}"
    body = server.bodies[0]
    assert body["response_format"]["json_schema"]["schema"] == PLAN_SCHEMA
    assert [each["role"] for each in body["messages"]] == ["system", "user"]


def test_a_row_has_a_seed_of_its_own_and_the_same_alone(start: Callable[..., Started]) -> None:
    server = start()
    planned(server.url)
    seeds = {body["messages"][-1]["content"]: body["seed"] for body in server.bodies}
    assert len(set(seeds.values())) == 3 and all(0 <= seed < 2**31 for seed in seeds.values())
    planned(server.url, PROMPTS[0])
    assert server.bodies[-1]["seed"] == seeds[PROMPTS[0]]


@pytest.mark.parametrize("says", ["garbage", "cut", "empty", "wrong"])
def test_what_is_no_plan_is_asked_for_again_and_then_the_prompt_stands_for_it(
    start: Callable[..., Started], says: str
) -> None:
    server, progress = start(says=says), Failing()
    (plan,) = planned(server.url, "a red boat", progress=progress)
    assert plan == users_own(plan.request) and "the answer was no plan" in plan.by and not progress.failed
    assert "1 of 1 answers" in progress.notes[0] and ("raise max_tokens" in progress.notes[0]) == (
        says == "cut"
    )
    assert len({body["seed"] for body in server.bodies}) == 3
    planned(server.url, "a red boat", temperature=0.0)
    assert len(server.bodies) == 4  # another try would bring the same


def test_a_plan_that_does_not_agree_is_made_again_and_given_up(
    start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    stage = ServerPlanStage(url=server.url, model="tiny", timeout_seconds=20.0)
    read = stage._read

    def wrong(request: Request, answer: Any) -> Any:
        import dataclasses

        return read(request, dataclasses.replace(answer, text=answer.text.replace("red", "blue")))

    monkeypatch.setattr(stage, "_read", wrong)
    (plan,) = stage.run([Request(prompt="a red boat")], {}, RunContext(Failing()))
    assert plan.prompt == "a red boat" and "tiny" in plan.by and len(server.bodies) == 3


def test_rows_fail_by_themselves_where_the_server_is_gone(start: Callable[..., Started]) -> None:
    server = start()
    server.kill()
    progress = Failing()
    planned(server.url, progress=progress)
    assert set(progress.failed) == {0, 1, 2}
    assert all("does not answer" in reason for reason in progress.failed.values())


def test_further_fields_are_sent_and_none_of_the_stages_own(start: Callable[..., Started]) -> None:
    server = start()
    planned(server.url, "a red boat", more={"chat_template_kwargs": {"enable_thinking": False}})
    assert server.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}
    with pytest.raises(InputError, match="more: messages is said by the stage itself"):
        ServerPlanStage(url=server.url, more={"messages": []})
