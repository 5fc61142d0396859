"""Prompts that people typed, and what comes of them by the pocket models: the score is of what was asked."""

import re
from pathlib import Path

import pytest

from diptych.engine.values import Outcome
from diptych.pipelines.picture_judge import PictureJudge
from diptych.pipelines.text_to_image import TextToImage
from diptych.pipelines.workflow import Workflow

TYPED: dict[str, tuple[str, list[str]]] = {
    "a cat sitting on a chair": (r"an? \w+ cat on the left and an? \w+ chair on the right, .+", ["sitting on"]),
    "a cat wearing a hat": (r"an? \w+ cat in the middle, .+", ["wearing", "hat"]),
    "five red apples": (r"four red apples, .+", ["five"]),
    "cat, dog, bird": (r"an? \w+ cat on the left and an? \w+ bird on the right, .+", ["dog"]),
    "a boat at sea": (r"an? \w+ boat in the middle, at the beach", []),
    "a gray cat in the snow": (r"an? (?!pink)\w+ cat in the middle, in the snow", ["gray"]),
    "(red boat:1.3), sunset": (r"a red boat in the middle, at sunset", []),
    "a red cat --seed 5 --steps 2": (r"a red cat in the middle, .+", ["--seed 5 --steps 2"]),
    "a red car next to two blue houses": (r"a red car on the left and a blue house on the right, .+", ["two"]),
    "a cat next to a red house": (r"an? (?!red)\w+ cat on the left and a red house on the right, .+", []),
    "a grey castle": (r"an? (?!purple)\w+ castle in the middle, .+", ["grey"]),
    "a boat on the ocean": (r"an? \w+ boat in the middle, at the beach", []),
    "a city at night": (r"an? .+, in the city", ["at night"]),
    "a cat, pixelart": (r"an? \w+ cat in the middle, .+, as pixel art", []),
    "a cat at the beach": (r"an? (orange|black|white) cat in the middle, at the beach", []),
    "a boat": (r"an? \w+ boat in the middle, at the beach", []),
    "a small blue cup": (r"a small blue cup in the middle, .+", []),
    "(best quality:1.4), 8k, 4k, masterpiece, a cat": (r"an? \w+ cat in the middle, .+", []),
    "2. a cat": (r"an? \w+ cat in the middle, .+", []),
    "a cat --ar 3:2": (r"an? \w+ cat in the middle, .+", ["--ar 3:2"]),
}
"""What the plan says, and what it leaves out."""


@pytest.fixture(scope="module")
def pipe() -> TextToImage:
    return TextToImage.from_recipe("pocket")


@pytest.fixture(scope="module")
def outcomes(pipe: TextToImage) -> dict[str, Outcome]:
    """A picture of each."""
    made = pipe(list(TYPED), seed=3)
    assert not made.failures
    return {outcome.request.prompt: outcome for outcome in made.outcomes}


@pytest.mark.parametrize("prompt", TYPED)
def test_the_plan_carries_what_was_asked_and_names_the_rest(pipe: TextToImage, prompt: str) -> None:
    wording, left_out = TYPED[prompt]
    (plan,) = Workflow(pipe).plans([pipe.request(prompt, seed=3)])
    assert re.fullmatch(wording, plan.prompt)
    assert [span.text for span in plan.left_out] == left_out


@pytest.mark.parametrize("prompt", TYPED)
def test_what_leaves_something_out_is_not_accepted_and_what_shows_all_is(
    outcomes: dict[str, Outcome], prompt: str
) -> None:
    outcome, left_out = outcomes[prompt], TYPED[prompt][1]
    asked = [answer for answer in outcome.verdict.answers if answer.fact.asked]
    assert asked and (outcome.verdict.score >= 0.5) == all(answer.shown for answer in asked)
    assert outcome.accepted == (outcome.verdict.score >= 0.5 and not left_out)
    if left_out:
        assert f"not drawn: {', '.join(left_out)}" in outcome.best.reason


def test_what_is_added_rejects_nothing(pipe: TextToImage, outcomes: dict[str, Outcome]) -> None:
    """A right picture whose planner had other ideas, too."""
    judge = PictureJudge.of_chain(pipe.runner.chain, pipe.runner.memory)
    right = outcomes["a cat next to a red house"]
    assert right.accepted
    verdict = judge.score(right.image, "a cat next to a red house")
    assert verdict.score >= 0.5 and all(answer.fact.asked for answer in verdict.answers)


DEMO = Path(__file__).parents[2] / "prompts" / "library" / "demo.txt"


@pytest.fixture(scope="module")
def demo(pipe: TextToImage) -> list[Outcome]:
    """The pictures of the demo that show what is known by heart, as `make demo` makes them, up to their
    seeds."""
    _, known = DEMO.read_text(encoding="utf-8").split("# things that are known by heart")
    lines = [line.strip() for line in known.splitlines()]
    return list(pipe([line for line in lines if line and not line.startswith("#")]).outcomes)


SHORTER = (", ", " and ", " on the ", " to the ", " in ", " at ", " above ", " between ")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black", "pink", "brown")
THINGS = ("cat", "fish", "bird", "house", "boat", "car", "tree", "flower", "turtle", "train", "rocket", "apple")


def shortened(prompt: str) -> str:
    """The beginning of a prompt, up to its first joint."""
    cuts = [prompt.index(joint) for joint in SHORTER if joint in prompt]
    return prompt[: min(cuts)] if cuts else prompt


def with_a_wrong_word(prompt: str) -> str:
    """The prompt with another colour, or else another thing, in place of the first that it names."""
    for words in (COLOURS, THINGS):
        for word in words:
            if re.search(rf"\b{word}\b", prompt):
                other = next(each for each in words if each not in prompt and each not in ("orange",))
                return re.sub(rf"\b{word}\b", other, prompt, count=1)
    raise AssertionError(f"{prompt!r} names no colour and no thing")


def test_right_prompts_score_above_one_half_and_wrong_ones_below(
    pipe: TextToImage, demo: list[Outcome]
) -> None:
    judge = PictureJudge.of_chain(pipe.runner.chain, pipe.runner.memory)
    prompts = [outcome.request.prompt for outcome in demo]
    ways = {
        "own": prompts,
        "short": list(map(shortened, prompts)),
        "wrong": list(map(with_a_wrong_word, prompts)),
    }
    scores = {
        way: judge.scores([(o.image, p) for o, p in zip(demo, said, strict=True)]) for way, said in ways.items()
    }
    poor = {way: [v.score for v in each if (v.score < 0.5) != (way == "wrong")] for way, each in scores.items()}
    assert poor == {"own": [], "short": [], "wrong": []}
