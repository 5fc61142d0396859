"""Two wordings of a picture whose things come from a memory, and where their sketches differ: what an edit
changes, and where a thing is."""

import dataclasses
from typing import Any

import torch
from torch.nn.functional import adaptive_max_pool2d, max_pool2d

from ....engine.microbatch import Done
from ....engine.stages.drafting.locate import SURE, Found
from ....engine.stages.recalling.recall import RecallStage
from ....engine.values import Plan, Sketch
from ....engine.values.start import Start, Wording
from ...vocabulary import vocabulary_for
from ...workflow import Workflow
from ..phrases import Phrase, with_others
from ..rewording import with_style
from ..source_image import SourceImage

GRID = 16  # rows and columns in which places are told, where the draft's own are not known
RIM = 1 / 32  # of the picture's shorter side: so far around a thing its ground was painted with it
OPAQUE = 255
APART = 20  # of 255: the mean by which a picture differs at most from a sketch that it shows


def recalled_start(
    workflow: Workflow, original: SourceImage, before: Wording, after: Wording, *, seed: int, **wishes: Any
) -> Start | None:
    """What the changed picture starts from; `None` where the drafter knows all by heart, before and after, or
    the recipe has no memory.

    All is drawn anew in another setting or style, or where the picture does not have its things from the
    memory; things then stand where they stood. Else what differs between the two sketches is.
    """

    def sketched(wording: Wording) -> Sketch | None:
        return _sketched(workflow, original, wording, seed=seed, **wishes)

    was, will = sketched(before), sketched(after)
    if was is None and will is None:
        return None
    if was is not None and will is None:  # what is left is known by heart, and stays as it is drawn
        after = _styled(workflow, after, was.shows[0][1])
        will = sketched(after)
    same = _elsewhere(before) == _elsewhere(after)
    if was is None or will is None or not same or not _shows(original, _opaque(was), was):
        return original.start(wording=after)
    anew = _cells(_differing(was, will), original)
    return original.start(redraw=anew, mask=original.cells(anew), blend=True, wording=after)


def found_in_memory(workflow: Workflow, original: SourceImage, wording: str, phrase: Phrase) -> Found | None:
    """Where in a picture, which shows what the wording says, the thing is that a phrase of it names; `None`
    where that does not stand there as the memory has it."""
    other, *_ = with_others(wording, phrase, vocabulary_for(workflow.pipe.recipe))
    was, will = (_sketched(workflow, original, Wording(prompt=each), seed=0) for each in (wording, other))
    if was is None or will is None:
        return None
    thing = _differing(was, will) & _opaque(was)
    if not _shows(original, thing, was):
        return None
    return Found(heat=_cells(thing, original).float(), margin=SURE)


def _sketched(
    workflow: Workflow, original: SourceImage, wording: Wording, *, seed: int, **wishes: Any
) -> Sketch | None:
    """The sketch of a picture that goes on from the original, and shows this; `None` where there is none."""
    stage = next((s for s in workflow.pipe.runner.chain.stages if isinstance(s, RecallStage)), None)
    if stage is None:
        return None
    start = original.start(wording=wording)
    request = workflow.pipe.request(wording.prompt, seed=seed, start=start, **wishes)
    (done,) = workflow.tried(stage, [Plan(request=request, prompt=wording.prompt, facts=())])
    return done.value.sketch if isinstance(done, Done) else None


def _styled(workflow: Workflow, wording: Wording, style: str) -> Wording:
    """The wording in a style that nobody asked for."""
    said = with_style(wording, style, vocabulary_for(workflow.pipe.recipe))
    facts = (dataclasses.replace(each, asked=each.asked and each.kind != "style") for each in said.facts)
    return dataclasses.replace(said, facts=tuple(facts), left_out=wording.left_out)


def _elsewhere(wording: Wording) -> set[str]:
    """What a wording says of setting and style that is asked for, or was there."""
    said = (fact for fact in wording.facts if fact.kind in ("setting", "style"))
    return {fact.text for fact in said if fact.kind == "setting" or fact.asked}


def _opaque(sketch: Sketch) -> torch.Tensor:
    return sketch.pixels[..., 3] == OPAQUE


def _shows(original: SourceImage, where: torch.Tensor, sketch: Sketch) -> bool:
    """Whether the picture has a sketch's pixels there, bool (h, w)."""
    apart = (original.pixels.float() - sketch.pixels[..., :3].float()).abs()[where]
    return bool(apart.numel()) and float(apart.mean()) <= APART


def _differing(was: Sketch, will: Sketch) -> torch.Tensor:
    """bool (h, w): where two sketches are not the same."""
    return (was.pixels != will.pixels).any(2)


def _cells(where: torch.Tensor, original: SourceImage) -> torch.Tensor:
    """The cells of the picture's tokens, bool (h', w'), that lie there, bool (h, w), or near it."""
    grid = (GRID, GRID) if original.tokens is None else tuple(original.tokens.shape)
    radius = round(RIM * min(where.shape))
    near = max_pool2d(where[None, None].float(), 2 * radius + 1, 1, radius)
    return adaptive_max_pool2d(near, grid)[0, 0] > 0
