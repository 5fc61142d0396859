"""Plans of chat models that do not say what their prompts say are made again, and at last given up."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import pytest

from diptych.engine.ar.sampling import Sampling
from diptych.engine.models.language.causal_lm import LanguageModel
from diptych.engine.stage import NoProgress, RunContext
from diptych.engine.stages.planning import chat_plan
from diptych.engine.stages.planning.chat_plan import Chat, plans_of
from diptych.engine.stages.planning.quoted_plan import in_users_words
from diptych.engine.values import Fact, Plan, Request, Span
from diptych.engine.values.start import Start, Wording

AGREES, DISAGREES = "a red boat at sea", "a blue boat"
PROMPT = "a red boat"


class Noting(NoProgress):
    """Keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str, /) -> None:
        self.notes.append(text)

    def view(self, what: str, i: int, make: Callable[[], Iterable[Any]], /) -> None:
        return None


def plan(request: Request, planned: str) -> Plan:
    fact = Fact(kind="thing", text=PROMPT, span=Span.of(request.prompt, 0, len(PROMPT)))
    return Plan(request=request, prompt=planned, facts=(fact,))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[int]]]:
    """A planner whose row agrees from the attempt on that is its seed; which rows were asked for at which."""
    calls: list[tuple[int, list[int]]] = []

    def written(
        rows: Sequence[int], batch: Sequence[Request], chat: Chat, context: object, *, attempt: int
    ) -> list[Plan]:
        calls.append((attempt, list(rows)))
        return [plan(batch[i], AGREES if attempt >= batch[i].seed else DISAGREES) for i in rows]

    monkeypatch.setattr(chat_plan, "_written", written)
    return calls


def chat(**options: Any) -> Chat:
    nobody = cast(LanguageModel, None)
    settings = {"model": nobody, "sampling": Sampling(temperature=1.0), "prompt_tokens": 80, "max_tokens": 80}
    return Chat(**{**settings, **options})


def requests(*seeds: int) -> list[Request]:
    return [Request(prompt=PROMPT, seed=seed) for seed in seeds]


def test_rows_that_disagree_are_planned_again_and_no_others(asked: list[tuple[int, list[int]]]) -> None:
    noting = Noting()
    plans = plans_of(requests(1, 2, 3, 1), chat(), RunContext(noting))
    assert asked == [(1, [0, 1, 2, 3]), (2, [1, 2]), (3, [2])]
    assert [each.prompt for each in plans] == [AGREES] * 4
    (note,) = noting.notes
    assert note.startswith("2 of 4 plans made again: 'a red boat': the plan does not say 'red'")


def test_a_row_that_never_agrees_has_the_users_words(asked: list[tuple[int, list[int]]]) -> None:
    noting = Noting()
    batch = requests(9, 1)
    plans = plans_of(batch, chat(), RunContext(noting))
    assert plans == [in_users_words(plan(batch[0], DISAGREES)), plan(batch[1], AGREES)]
    assert plans[0].prompt == PROMPT and plans[0].asked
    assert "1 of them at last in the user's own words" in noting.notes[0]


def test_where_shapes_are_batch_invariant_all_rows_run_again_and_those_that_agreed_stay(
    asked: list[tuple[int, list[int]]],
) -> None:
    plans = plans_of(requests(2, 1), chat(), RunContext(batch_invariant=True))
    assert asked == [(1, [0, 1]), (2, [0, 1])]
    assert [each.prompt for each in plans] == [AGREES] * 2


def test_nothing_is_said_of_rows_that_agree(asked: list[tuple[int, list[int]]]) -> None:
    noting = Noting()
    plans_of(requests(1, 1), chat(), RunContext(noting))
    assert noting.notes == [] and len(asked) == 1


def test_without_temperature_there_is_no_other_plan(asked: list[tuple[int, list[int]]]) -> None:
    plans = plans_of(requests(2), chat(sampling=Sampling(temperature=0.0)), RunContext())
    assert len(asked) == 1 and plans[0].prompt == PROMPT


def test_plans_need_not_agree_where_that_is_not_wished_for(asked: list[tuple[int, list[int]]]) -> None:
    assert plans_of(requests(9), chat(must_agree=False), RunContext())[0].prompt == DISAGREES
    assert len(asked) == 1


class Heard(Exception):
    """The model was asked."""


class Listening:
    """A model that listens to what it is told, and goes no further."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def prompt_ids(self, instructions: str, text: str, *, thinking: bool) -> list[int]:
        self.told.append(instructions)
        return []

    def begin(self, rows: Sequence[Sequence[int]], **options: Any) -> Any:
        raise Heard


@pytest.fixture
def told() -> Callable[..., str]:
    """What a model is told for a request."""

    def told(request: Request, **options: Any) -> str:
        model = Listening()
        with pytest.raises(Heard):
            plans_of([request], chat(model=cast(LanguageModel, model), **options), RunContext(Noting()))
        return model.told[0]

    return told


def test_instructions_that_say_nothing_of_quotes_are_completed(told: Callable[..., str]) -> None:
    missed = (Fact(kind="thing", text="a boat"), Fact(kind="colour", text="a red boat"))
    request = Request(prompt="x", missed=missed)
    none, some, own = (
        told(request, instructions=each) for each in ("", "Plan a picture.", 'Write {"quote": ...}')
    )
    assert none.startswith(chat_plan.INSTRUCTIONS) and some.startswith("Plan a picture. Answer in JSON")
    assert own.startswith('Write {"quote": ...} Earlier')
    assert all(each.endswith("missed these, so stress them: a boat; a red boat.") for each in (none, some, own))


def test_a_model_is_told_what_the_picture_shows_that_is_started_from(told: Callable[..., str]) -> None:
    start = Start(wording=Wording(prompt="?"), shows="a red boat in the city" + 999 * "!")
    without, with_picture = (told(Request(prompt="a green boat", start=each)) for each in (None, start))
    assert "made from another one" not in without
    assert "which shows this: a red boat in the city" in with_picture and with_picture.count("!") < 300
    assert "What the wish does not change stays as it is there" in with_picture
