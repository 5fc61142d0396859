"""A dummy value of each kind that stages take, to ask stages what one row needs before there is one."""

from collections.abc import Iterable

from .stage import AnyStage
from .values import Codebook, Draft, Fact, Picture, Plan, Request

FACTS = 6
"""That a plan has, about."""


def dummy_values(request: Request, stages: Iterable[AnyStage] = ()) -> dict[type, object]:
    """By kind, what might come of `request`; says nothing true but its sizes and settings.

    Args:
        stages: whose own kinds of values are wanted too: those that can make a `sample` of themselves.
    """
    import torch

    fact = Fact(kind="other", text="something of a colour")
    plan = Plan(request=request, prompt=request.prompt, facts=(fact,) * FACTS)
    pixels = torch.zeros(request.height, request.width, 3, dtype=torch.uint8)
    tokens = torch.zeros(1, 1, dtype=torch.long)
    draft = Draft(plan=plan, tokens=tokens, codebook=Codebook(name="sample", size=1), preview=pixels)
    picture = Picture(pixels=pixels, plan=plan, draft=draft)
    own = {stage.takes: stage.takes.sample for stage in stages if hasattr(stage.takes, "sample")}
    between = {kind: sample(plan, draft) for kind, sample in own.items()}
    return {Request: request, Plan: plan, Draft: draft, Picture: picture, **between}
