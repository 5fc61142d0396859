"""A chain of four stages that make values of nothing, and a loader of models that are names."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from diptych.engine.chain import Chain
from diptych.engine.values import Codebook, Draft, Picture, Plan, Request, Verdict

from ..fakes import FakeStage, NameLoader


def _pixels(value: int) -> torch.Tensor:
    return torch.full((1, 1, 3), value % 256, dtype=torch.uint8)


def _plan(request: Request) -> Plan:
    return Plan(request=request, prompt=request.prompt, facts=())


def _draft(plan: Plan) -> Draft:
    value = 7 * plan.request.seed + plan.request.candidate
    tokens = torch.tensor([[value % 256]])
    return Draft(plan=plan, tokens=tokens, codebook=Codebook(name="fake", size=256), preview=_pixels(value))


def _picture(draft: Draft) -> Picture:
    return Picture(pixels=_pixels(3 * int(draft.tokens[0, 0])), plan=draft.plan, draft=draft)


def _verdict(picture: Picture) -> Verdict:
    return Verdict(caption="", score=int(picture.pixels[0, 0, 0]) / 255)


@pytest.fixture(scope="session")
def make_loader() -> Callable[..., NameLoader]:
    """Makes a loader of the chain's models, of so many bytes each, or of sizes by name."""

    def make(size: int = 10, **how: Any) -> NameLoader:
        return NameLoader(**{"sizes": dict.fromkeys(("plan", "draft", "refine", "judge"), size), **how})

    return make


@pytest.fixture(scope="session")
def make_chain() -> Callable[..., Chain]:
    """Makes a chain of stages that take so many bytes a row; others by name."""

    def make(row_bytes: int = 2, **others: int) -> Chain:
        stages = [
            ("plan", Request, Plan, _plan),
            ("draft", Plan, Draft, _draft),
            ("refine", Draft, Picture, _picture),
            ("judge", Picture, Verdict, _verdict),
        ]
        return Chain([FakeStage(*each, row_bytes=others.get(each[0], row_bytes)) for each in stages])

    return make
