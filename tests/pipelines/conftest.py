"""A chain of fakes that makes pictures in no time, to test pipelines, batches and the command line with.

A prompt with the word 'poison' fails at the refine stage, the prompt 'gibberish' at the plan; of one with a
'hat' that word is left out, and a harbour is added. A picture's grey, and so its score, comes from its seed.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.chain import Chain
from diptych.engine.memory import DeviceMemory
from diptych.engine.randomness import RowKey, uniforms
from diptych.engine.runner import Runner
from diptych.engine.values import (
    Codebook,
    Draft,
    Fact,
    FactAnswer,
    Picture,
    Plan,
    Request,
    Settings,
    Span,
    Verdict,
)
from diptych.pipelines.picture_judge import PictureJudge
from diptych.pipelines.recipes.reader import Recipe
from diptych.pipelines.text_to_image import TextToImage

from ..fakes import FakeStage, NameLoader

MIB = 2**20


def fake_stage(name: str, takes: type, gives: type, make: Callable[[Any], Any]) -> FakeStage:
    return FakeStage(name, takes, gives, make, row_bytes=1000, row_errors=True)


def plan(request: Request) -> Plan:
    if request.prompt == "gibberish":
        raise ValueError("knows no word of it")
    facts = (Fact(kind="thing", text="a boat"), Fact(kind="colour", text="a red boat"))
    left_out: tuple[Span, ...] = ()
    if (at := request.prompt.find("hat")) >= 0:
        facts = (
            Fact(kind="thing", text="a boat", span=Span.of(request.prompt, 0, 6)),
            Fact(kind="setting", text="in a harbour", asked=False),
        )
        left_out = (Span.of(request.prompt, at, at + 3),)
    prompt = f"{request.prompt}, in the middle, medium"
    read_as = {"gren": "green"} if "gren" in request.prompt.split() else {}
    return Plan(request=request, prompt=prompt, facts=facts, left_out=left_out, read_as=read_as)


def draft(value: Plan) -> Draft:
    draws = uniforms([RowKey(value.request.seed, value.request.candidate)], "draft", 64)
    tokens = (draws * 1024).long().reshape(8, 8)
    grey = (tokens // 4).to(torch.uint8)
    return Draft(
        plan=value,
        tokens=tokens,
        codebook=Codebook(name="fake", size=1024),
        preview=grey.repeat_interleave(4, 0).repeat_interleave(4, 1)[..., None].expand(32, 32, 3).contiguous(),
    )


def refine(value: Draft) -> Picture:
    request = value.plan.request
    if "poison" in request.prompt:
        raise ValueError("the prompt is poison")
    grey = int(value.tokens[0, 0]) // 4
    pixels = torch.full((request.height, request.width, 3), grey, dtype=torch.uint8)
    return Picture(pixels=pixels, plan=value.plan, draft=value)


def judge(picture: Picture) -> Verdict:
    score = float(picture.pixels.float().mean() / 255)
    facts = picture.plan.facts if picture.plan else ()
    answers = tuple(FactAnswer(fact=fact, probability=score) for fact in facts)
    return Verdict(caption=f"a picture of grey {round(255 * score)}", score=score, answers=answers)


def fake_chain(planner: Callable[[Request], Plan] = plan) -> Chain:
    return Chain(
        [
            fake_stage("plan", Request, Plan, planner),
            fake_stage("draft", Plan, Draft, draft),
            fake_stage("refine", Draft, Picture, refine),
            fake_stage("judge", Picture, Verdict, judge),
        ]
    )


def fake_recipe() -> Recipe:
    return Recipe(
        name="fake",
        summary="nothing real",
        stages={},
        defaults=Settings(num_inference_steps=3, guidance_scale=2.0, accept=0.5),
        height=32,
        width=48,
    )


def fake_pipe(
    recipe: Recipe, *, budget: int | None = None, planner: Callable[[Request], Plan] = plan, **options: Any
) -> TextToImage:
    """A pipeline of fakes; takes what `Runner` takes, the memory's budget, and what plans."""
    memory = DeviceMemory(NameLoader(MIB), budget_bytes=budget)
    return TextToImage(Runner(fake_chain(planner), memory, **options), recipe)


@pytest.fixture
def recipe() -> Recipe:
    return fake_recipe()


@pytest.fixture
def make_pipe(recipe: Recipe) -> Callable[..., TextToImage]:
    """Makes pipelines of fakes of the recipe; takes what `fake_pipe` takes."""
    return functools.partial(fake_pipe, recipe)


@pytest.fixture
def pipe(make_pipe: Callable[..., TextToImage]) -> TextToImage:
    return make_pipe()


@pytest.fixture
def judge_stage() -> FakeStage:
    return fake_stage("judge", Picture, Verdict, judge)


@pytest.fixture
def fake_memory() -> DeviceMemory:
    return DeviceMemory(NameLoader(MIB))


@pytest.fixture
def reads() -> list[str]:
    """The prompts that the planner of `reader` was asked about."""
    return []


@pytest.fixture
def reader(fake_memory: DeviceMemory, reads: list[str]) -> PictureJudge:
    """A judge of fakes; its planner asks for a prompt's first word, adds a sun, leaves out the second word."""

    def read(request: Request) -> Plan:
        reads.append(request.prompt)
        first, *more = request.prompt.split()
        if first == "gibberish":
            raise ValueError("knows no word of it")
        start = len(first) + 1
        left_out = tuple(Span.of(request.prompt, start, start + len(word)) for word in more[:1])
        asked = Fact(kind="thing", text=first, span=Span.of(request.prompt, 0, len(first)))
        facts = (asked, Fact(kind="thing", text="a sun", asked=False))
        return Plan(request=request, prompt=f"{first} in the sun", facts=facts, left_out=left_out)

    stage = fake_stage("judge", Picture, Verdict, judge)
    return PictureJudge(stage, fake_memory, planners=[fake_stage("plan", Request, Plan, read)])


@pytest.fixture
def prompt_file(tmp_path: Path) -> Path:
    path = tmp_path / "three.txt"
    path.write_text("# three\na red boat\n\na blue bird\na green tree at night\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def pocket_pipe() -> TextToImage:
    """The pocket models, loaded once a session; for tests that change nothing of the pipeline."""
    return TextToImage.from_recipe("pocket", device="cpu")
