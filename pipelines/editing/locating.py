"""Things in a picture by their names: what the drafter and the captioner of a recipe know of them."""

from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.language.closed_vocabulary.composition import LEFT, RIGHT
from ...engine.language.words.inflection import an
from ...engine.stages.drafting.locate import Found, LocateStage, Sought
from ...engine.values import Picture, Verdict
from ..vocabulary import vocabulary_for
from ..workflow import Workflow
from .phrases import Phrase, phrase_of, with_others
from .source_image import SourceImage

if TYPE_CHECKING:
    import torch


def find(workflow: Workflow, original: SourceImage, name: str) -> Found:
    """Where in a picture the thing of this name is.

    Raises:
        InputError: it is not in the picture, or the recipe has no drafter that could be asked.
    """
    vocabulary, shown = vocabulary_for(workflow.pipe.recipe), wording_of(workflow, original)
    wording, phrase = shown, phrase_of(name, shown, vocabulary)
    if phrase is None and original.wording is None:  # the captioner may have overlooked it
        wording = an(" ".join(name.split()))
        phrase = phrase_of(name, wording, vocabulary)
    if phrase is not None and (found := find_phrase(workflow, original, wording, phrase)).seen:
        return found
    shows = f"no {name!r} was found in the picture, which shows {shown!r}"
    raise InputError(f"{shows}: name something in it, or give a mask or a box")


def find_phrase(workflow: Workflow, original: SourceImage, wording: str, phrase: Phrase) -> Found:
    """Where in a picture, which shows what the wording says, that is which a phrase of it names.

    Raises:
        InputError: the recipe has no drafter that could be asked.
    """
    sought = Sought(
        picture=original.pixels,
        tokens=original.tokens,
        wording=wording,
        others=with_others(wording, phrase, vocabulary_for(workflow.pipe.recipe)),
    )
    (done,) = workflow.done(locate_stage(workflow), [sought])
    return done.value


def around(cells: "torch.Tensor") -> "torch.Tensor":
    """The cells of a grid, bool (h, w), and those around them: a thing's outline, say, and its shadow."""
    from torch.nn.functional import max_pool2d

    return max_pool2d(cells[None].float(), 3, 1, 1)[0] > 0


def in_place(place: str, columns: int) -> slice:
    """The columns of a grid in which a thing stands that is there."""
    half, quarter = columns // 2, columns // 4
    return {LEFT: slice(0, half), RIGHT: slice(columns - half, columns)}.get(
        place, slice(quarter, columns - quarter)
    )


def wording_of(workflow: Workflow, original: SourceImage) -> str:
    """What a picture shows: the plan that it was made by, or else the captioner's words."""
    if original.wording is not None:
        return original.wording.prompt
    value: Any = Picture(pixels=original.pixels)
    for stage in workflow.pipe.runner.chain.between(Picture, Verdict):
        (done,) = workflow.done(stage, [value])
        value = done.value
    return value.caption


def locate_stage(workflow: Workflow) -> LocateStage:
    """The stage that looks for things, with the models that draft.

    Raises:
        InputError: the recipe drafts no tokens, or in a way that says nothing of their likelihood.
    """
    from ...engine.stages.drafting.draft import DraftStage

    for stage in workflow.pipe.runner.chain.stages:
        if isinstance(stage, DraftStage):
            model, codebook = stage.uses
            return LocateStage(model=model, codebook=codebook)
    name = workflow.pipe.recipe.name
    raise InputError(f"recipe {name} has no drafter to ask where things are: give a mask or a box")
