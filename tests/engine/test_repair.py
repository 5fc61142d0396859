"""Repairs: what the policy has mended, and how the runner carries it out, on stages that paint few pixels."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from diptych.engine import loop
from diptych.engine.chain import Chain
from diptych.engine.loop import Policy
from diptych.engine.memory import DeviceMemory
from diptych.engine.repair import Aim, Flaw, calmed, enlarged
from diptych.engine.runner import Runner
from diptych.engine.values import (
    Candidate,
    Draft,
    Fact,
    FactAnswer,
    Failure,
    Outcome,
    Picture,
    Plan,
    Request,
    Settings,
    Verdict,
)
from diptych.engine.values.start import Start
from diptych.engine.waves.wave import NO_REPAIRS

from ..fakes import FakeStage, NameLoader
from .world import BOOK, pixel, wish

CAT, DOG, ADDED = (Fact(kind="thing", text=text) for text in ("a cat", "a dog", "a tree"))
ADDED = dataclasses.replace(ADDED, asked=False)


def verdict(score: float, **shown: float) -> Verdict:
    facts = {"cat": CAT, "dog": DOG, "tree": ADDED}
    return Verdict(
        caption="",
        score=score,
        answers=tuple(FactAnswer(fact=facts[name], probability=p) for name, p in shown.items()),
    )


def candidate(index: int, judged: Verdict | None, *, repairs: int | None = None) -> Candidate:
    plan = Plan(request=Request(prompt="a cat", candidate=index), prompt="", facts=(CAT, DOG, ADDED))
    mends = () if repairs is None else (DOG,)
    return Candidate(plan=plan, verdict=judged, repairs=repairs, mends=mends)


# The policy


def test_repairs_have_indices_of_their_own_after_those_of_their_round() -> None:
    policy = Policy(candidates=3, keep=2, rounds=2, repairs=2)
    rounds = [[*policy.candidates_of_round(i), *policy.repairs_of_round(i)] for i in range(2)]
    assert rounds == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert [*Policy(candidates=3, keep=2).candidates_of_round(1)] == [3, 4, 5]


def repair(trail: Sequence[Candidate], *, done: int = 0, seconds: float = 0.0) -> loop.Repair | None:
    return loop.repair_of(Policy(repairs=2, seconds=9.0), trail, repairs_done=done, seconds=seconds)


def test_the_best_so_far_is_mended_where_it_misses_what_was_asked_the_worst_first() -> None:
    trail = [candidate(0, verdict(0.1, cat=0.3)), candidate(1, verdict(0.2, tree=0.0, cat=0.4, dog=0.1))]
    found = repair(trail)
    assert found is not None and found.candidate is trail[1] and found.facts == (DOG, CAT)


def test_what_misses_nothing_and_is_yet_not_good_enough_is_mended_where_it_is_the_least_sure() -> None:
    found = repair([candidate(0, verdict(0.4, cat=0.7, dog=0.6, tree=0.1))])
    assert found is not None and found.facts == (DOG,)


@pytest.mark.parametrize(
    ("trail", "done", "seconds"),
    [
        ([], 0, 0.0),
        ([candidate(0, None)], 0, 0.0),
        ([candidate(0, verdict(0.5, cat=0.3))], 0, 0.0),  # good enough
        ([candidate(0, verdict(0.1, tree=0.2))], 0, 0.0),  # nothing asked
        ([candidate(0, verdict(0.1, cat=0.3))], 2, 0.0),  # repairs used up
        ([candidate(0, verdict(0.1, cat=0.3))], 0, 9.0),  # time used up
        ([candidate(0, verdict(0.1, cat=0.3)), candidate(1, None, repairs=0)], 1, 0.0),  # could not be mended
    ],
)
def test_nothing_is_mended(trail: list[Candidate], done: int, seconds: float) -> None:
    assert repair(trail, done=done, seconds=seconds) is None


def test_a_repair_that_breaks_what_was_right_loses_whatever_its_score() -> None:
    trail = [
        candidate(0, verdict(0.2, cat=0.9, dog=0.1)),
        candidate(1, verdict(0.4, cat=0.4, dog=0.9), repairs=0),
    ]
    best = loop.best_of(trail)
    assert best is trail[0]
    told = loop.explain(Policy(repairs=1), trail)
    assert told[1].reason == "repair of candidate 0: a dog; lost: it broke a cat"
    assert told[0].reason == "best of 2: score 0.20, below the 0.50 asked for"


def test_a_repair_that_breaks_nothing_wins_by_its_score_and_what_was_added_may_go() -> None:
    trail = [
        candidate(0, verdict(0.2, cat=0.9, dog=0.1, tree=0.9)),
        candidate(1, verdict(0.8, cat=0.8, dog=0.9, tree=0.1), repairs=0),
    ]
    assert loop.best_of(trail) is trail[1]
    assert (
        loop.explain(Policy(repairs=1), trail)[1].reason
        == "repair of candidate 0: a dog; best of 2: score 0.80"
    )


def test_of_equal_scores_the_one_that_misses_less_wins() -> None:
    trail = [
        candidate(0, verdict(0.0, cat=0.1, dog=0.1)),
        candidate(1, verdict(0.0, cat=0.1, dog=0.9), repairs=0),
    ]
    assert loop.best_of(trail) is trail[1]
    lost = loop.explain(Policy(repairs=1), trail)[0].reason
    assert lost == "lost: score 0.00 like candidate 1, but misses 2 of what was asked, not 1"


# The values


def test_a_mask_is_the_cells_enlarged() -> None:
    cells = torch.tensor([[True, False], [False, False]])
    mask = enlarged(cells, 4, 6)
    assert mask.shape == (4, 6) and mask[:2, :3].all() and int(mask.sum()) == 6


def test_a_repair_changes_only_where_the_request_itself_may_change() -> None:
    limits = torch.zeros(8, 8, dtype=torch.bool)
    limits[:, :5] = True
    picture = torch.zeros(8, 8, 3, dtype=torch.uint8)
    plan = Plan(request=Request(prompt="a cat", height=8, width=8), prompt="a cat", facts=(CAT,))
    draft = Draft(plan=plan, tokens=torch.tensor([[1, 2]]), codebook=BOOK, preview=pixel(0))
    origin = Candidate(plan=plan, draft=draft, picture=Picture(pixels=picture, plan=plan, draft=draft))
    flaw = Flaw(candidate=origin, facts=(CAT,), start=Start(picture=picture, mask=limits))
    aim = Aim(flaw=flaw, cells=torch.tensor([[False, True]]))
    start = aim.started(plan).request.start
    assert start is not None and start.mask is not None
    assert start.mask[:, 4].all() and int(start.mask.sum()) == 8
    assert start.tokens is draft.tokens and start.redraw is aim.cells
    assert start.wording is not None and start.wording.facts == (CAT,)


def test_a_repair_is_drawn_with_less_temperature() -> None:
    assert calmed(Settings(temperature=2.0, top_k=9)) == Settings(temperature=1.0, top_k=9)
    assert calmed(Settings()) == Settings()


# The runner, on pictures of four tokens in a row, each of which is right where it is 1


def make_plan(request: Request) -> Plan:
    facts = tuple(Fact(kind="thing", text=f"token {i}") for i in range(4))
    return Plan(request=request, prompt=request.prompt, facts=facts)


def make_draft(plan: Plan) -> Draft:
    """Draws token i right where bit i of seed + candidate is set."""
    bits = plan.request.seed + plan.request.candidate
    drawn = torch.tensor([[(bits >> i) & 1 for i in range(4)]])
    start = plan.request.start
    if start is not None and start.tokens is not None:
        assert isinstance(start.redraw, torch.Tensor)
        drawn = torch.where(start.redraw, drawn, start.tokens)
    if "undrawable" in plan.prompt and start is not None:
        raise ValueError("no ink")
    return Draft(
        plan=plan, tokens=drawn, codebook=BOOK, preview=drawn[..., None].expand(1, 4, 3).byte().contiguous()
    )


def make_picture(draft: Draft) -> Picture:
    pixels = draft.tokens.byte().repeat_interleave(2, 1).expand(8, 8)[..., None].expand(8, 8, 3).contiguous()
    return Picture(pixels=pixels, plan=draft.plan, draft=draft)


def make_verdict(picture: Picture) -> Verdict:
    right = [int(picture.pixels[0, 2 * i, 0]) if picture.pixels.shape[1] == 8 else 0 for i in range(4)]
    assert picture.plan is not None
    answers = tuple(
        FactAnswer(fact=fact, probability=float(p)) for fact, p in zip(picture.plan.facts, right, strict=True)
    )
    return Verdict(caption="", score=float(all(right)), answers=answers)


def at_missed(flaw: Flaw) -> Aim:
    places = [int(fact.text[-1]) for fact in flaw.facts]
    return Aim(flaw=flaw, cells=torch.tensor([[i in places for i in range(4)]]))


@dataclasses.dataclass
class Mending:
    """A runner that repairs, and the stages that it stands on."""

    stages: dict[str, FakeStage]
    memory: DeviceMemory
    runner: Runner

    def run(self, *requests: Request) -> list[Outcome | Failure]:
        return list(self.runner.run(requests))

    def outcome(self, request: Request) -> Outcome:
        (result,) = self.run(request)
        assert isinstance(result, Outcome), result
        return result


def mending(*, aim: Callable[[Flaw], Aim] | None = at_missed, **how: Any) -> Mending:
    stages = [
        FakeStage("plan", Request, Plan, make_plan),
        FakeStage("draft", Plan, Draft, make_draft),
        FakeStage("refine", Draft, Picture, make_picture),
        FakeStage("judge", Picture, Verdict, make_verdict),
    ]
    aiming = None if aim is None else FakeStage("aim", Flaw, Aim, aim)
    memory = DeviceMemory(NameLoader(10))
    runner = Runner(Chain(stages), memory, aim=aiming, clock=lambda: 0.0, **how)
    return Mending({stage.name: stage for stage in (*stages, *([aiming] if aiming else []))}, memory, runner)


def test_what_is_missing_is_drawn_anew_and_nothing_else() -> None:
    outcome = mending().outcome(wish(seed=0b0111, repairs=3))  # misses token 3 alone; candidate 1 draws 0b1000
    first, mended = outcome.trail
    assert first.verdict is not None and first.draft is not None and mended.draft is not None
    assert first.draft.tokens.tolist() == [[1, 1, 1, 0]] and mended.draft.tokens.tolist() == [[1, 1, 1, 1]]
    assert (mended.index, mended.repairs, [fact.text for fact in mended.mends]) == (1, 0, ["token 3"])
    assert outcome.best is mended and outcome.accepted
    assert mended.reason == "repair of candidate 0: token 3; best of 2: score 1.00"


def test_repairs_come_before_another_round_and_their_time_is_told() -> None:
    it = mending()
    outcome = it.outcome(wish(repairs=2, rounds=2))
    made = [(each.index, each.repairs is not None) for each in outcome.trail]
    assert made == [(0, False), (1, True), (2, True), (3, False), (4, True), (5, True)]
    assert outcome.trail[2].repairs == 1 and outcome.trail[4].repairs == 2  # the best so far
    assert len(it.stages["plan"].handed) == 2 and set(outcome.timings) >= {
        "aim",
        "plan",
        "draft",
        "refine",
        "judge",
    }
    assert "aim" in {event.stage for event in it.memory.events if event.kind == "run"}


def test_a_good_picture_is_not_mended() -> None:
    it = mending()
    assert len(it.outcome(wish(seed=15, repairs=5)).trail) == 1
    assert not it.stages["aim"].handed


def test_without_repairs_all_is_as_before() -> None:
    plain, silent = mending().outcome(wish(rounds=3)), mending(aim=None).outcome(wish(rounds=3, repairs=0))
    assert [each.index for each in plain.trail] == [each.index for each in silent.trail] == [0, 1, 2]


def test_a_chain_that_cannot_begin_with_a_picture_says_so_once() -> None:
    it = mending(aim=None, wave=1)
    it.run(wish(repairs=2, rounds=2), wish(seed=1, repairs=2))
    assert [event.note for event in it.memory.events].count(NO_REPAIRS) == 1


def test_a_repair_that_fails_is_told_and_not_tried_again() -> None:
    outcome = mending().outcome(wish("undrawable", seed=7, repairs=4))
    assert [each.reason for each in outcome.trail[1:]] == [
        "repair of candidate 0: token 3; failed at draft: ValueError: no ink"
    ]
    assert outcome.best.index == 0


def test_a_picture_that_cannot_be_aimed_at_keeps_its_place() -> None:
    def aim(flaw: Flaw) -> Aim:
        raise ValueError("nowhere")

    outcome = mending(aim=aim).outcome(wish(seed=7, repairs=4))
    assert outcome.best.index == 0 and "failed at aim: ValueError: nowhere" in outcome.trail[1].reason


def told(result: Outcome | Failure) -> Any:
    assert isinstance(result, Outcome)
    rows = [(c.index, c.repairs, c.draft and c.draft.token_hash, c.verdict, c.reason) for c in result.trail]
    return rows, result.best.index, result.accepted


@pytest.mark.parametrize(
    "how", [{}, {"micro_batch": 3}, {"wave": 2}, {"batch_invariant": True, "micro_batch": 4}]
)
def test_a_row_with_repairs_is_the_same_alone_and_in_a_batch(how: dict[str, Any]) -> None:
    requests = [
        wish(seed=seed, candidates=1 + seed % 3, keep=1, rounds=1 + seed % 2, repairs=seed % 4)
        for seed in range(9)
    ]
    together = mending(**how).run(*requests)
    assert [told(result) for result in together] == [told(mending().outcome(each)) for each in requests]


def test_the_picture_of_a_repair_is_made_again_by_its_own_request() -> None:
    best = mending().outcome(wish(seed=7, repairs=3)).best
    assert best.repairs == 0 and best.picture is not None
    request = dataclasses.replace(best.plan.request, settings=Settings())
    again = mending().outcome(request).picture
    assert torch.equal(again.pixels, best.picture.pixels)
