"""Things in a picture by their names: what the drafter and the captioner of a recipe know of them."""

from typing import TYPE_CHECKING

from ...engine.errors import InputError
from ...engine.language.closed_vocabulary.composition import LEFT, RIGHT, composition_of
from ...engine.language.closed_vocabulary.wish_reader import wish_of
from ...engine.language.words.inflection import an
from ...engine.stages.drafting.locate import Found, LocateStage, Sought
from ...engine.values import Picture
from ..pictures.outline import outline
from ..vocabulary import planner_vocabulary, usual, vocabulary_for, words_by_heart
from ..workflow import Workflow
from .phrases import Phrase, phrase_of, with_others
from .source_image import SourceImage

if TYPE_CHECKING:
    import torch

TOUCHED = 0.1  # of a cell that an outline comes into: of less only its edge does


def find(workflow: Workflow, original: SourceImage, name: str) -> Found:
    """Where in a picture the thing of this name is.

    Raises:
        InputError: it is not in the picture, or the recipe has no drafter that could be asked.
    """
    vocabulary, shown = vocabulary_for(workflow.pipe.recipe), wording_of(workflow, original)
    wording, known = shown, is_known(workflow, name)
    phrase = phrase_of(name, shown, vocabulary) if known else None
    if phrase is None and original.wording is None and known:
        wording = an(" ".join(name.split()))
        phrase = phrase_of(name, wording, vocabulary)
    if phrase is not None and (found := find_phrase(workflow, original, wording, phrase)).seen:
        return found
    shows = f"no {name!r} was found in the picture, which shows {shown!r}"
    kinds = "" if known else f" ({', '.join(usual(vocabulary, 'kind'))} are known here)"
    raise InputError(f"{shows}: name something in it{kinds}, or give a mask or a box")


def is_known(workflow: Workflow, name: str) -> bool:
    """Whether the recipe's models have learnt what is called so. Of other words a drafter's likelihoods say
    nothing. A captioner may overlook what is known, so that it is looked for all the same."""
    vocabulary = planner_vocabulary(workflow.pipe.recipe)
    if vocabulary is None:  # any words
        return True
    wish = wish_of(name, vocabulary)
    return len(wish.things) == 1 and not composition_of(wish).left_out


def find_phrase(workflow: Workflow, original: SourceImage, wording: str, phrase: Phrase) -> Found:
    """Where in a picture, which shows what the wording says, that is which a phrase of it names.

    Raises:
        InputError: the recipe has no drafter that could be asked.
    """
    from .from_memory.changes import found_in_memory

    if remembered := found_in_memory(workflow, original, wording, phrase):
        return remembered
    recipe = workflow.pipe.recipe
    known = words_by_heart(recipe)  # of others the drafter's likelihoods say nothing
    words = known if phrase.kind in usual(known, "kind") else vocabulary_for(recipe)
    sought = Sought(
        picture=original.pixels,
        tokens=original.tokens,
        wording=wording,
        others=with_others(wording, phrase, words),
    )
    (done,) = workflow.done(locate_stage(workflow), [sought])
    return done.value


def reach(original: SourceImage, found: Found) -> "torch.Tensor":
    """bool (h, w): the box of what was found, and the cells beside it that its outline comes into."""
    from torch.nn.functional import adaptive_avg_pool2d

    outlined = outline(original.pixels, box=found.box, heat=found.heat)
    rows, columns = found.box.shape
    return found.box | (adaptive_avg_pool2d(outlined[None].float(), (rows, columns))[0] > TOUCHED)


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
    (done,) = workflow.done(workflow.judge, [Picture(pixels=original.pixels)])
    return done.value.caption


def locate_stage(workflow: Workflow) -> LocateStage:
    """The stage that looks for things, with the models that draft.

    Raises:
        InputError: the recipe drafts no tokens, or in a way that says nothing of their likelihood.
    """
    from ...engine.stages.drafting.draft import DraftStage

    for stage in workflow.pipe.runner.chain.stages:
        if isinstance(stage, DraftStage):
            model, codebook = stage.uses[:2]
            return LocateStage(model=model, codebook=codebook)
    name = workflow.pipe.recipe.name
    raise InputError(f"recipe {name} has no drafter to ask where things are: give a mask or a box")
