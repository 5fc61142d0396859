"""One of several things in a picture is replaced: the prompt names what comes in its place, and nothing else.

    "a boat beside a house", the boat masked by its name, "a green turtle"    a turtle beside a house

Without this, the prompt would be the whole picture's, which has no place for the things that stay.
"""

import dataclasses

from ...engine.language.closed_vocabulary import vocabulary as closed
from ...engine.language.closed_vocabulary.composition import composition_of
from ...engine.language.closed_vocabulary.wish_reader import wish_of
from ...engine.language.closed_vocabulary.wording import asked_facts
from ...engine.values.fact import Fact, once
from ...engine.values.start import Wording
from ..vocabulary import planner_vocabulary, vocabulary_for
from ..workflow import Workflow
from .phrases import phrase_of, phrases_in
from .rewording import with_other_thing


def replacing(workflow: Workflow, shown: str, name: str, prompt: str) -> Wording | None:
    """What the picture is to show; `None` where the planner is to say it: the picture shows one thing, the
    prompt names several, none, or one that stays, or another setting or style; or the recipe takes any words.

    Args:
        shown: what the picture shows, in words.
        name: of the thing that is masked.
    """
    known = planner_vocabulary(workflow.pipe.recipe)
    if known is None:
        return None
    vocabulary = vocabulary_for(workflow.pipe.recipe)
    things, wanted = phrases_in(shown, vocabulary), phrases_in(prompt, vocabulary)
    old = phrase_of(name, shown, vocabulary)
    wish = wish_of(prompt, known)
    if old is None or len(things) < 2 or len(wanted) != 1 or len(wish.things) != 1:
        return None
    new, staying = wanted[0], {thing.kind for thing in things if thing.start != old.start}
    composition = composition_of(wish)
    said = (composition.setting, composition.style)
    if new.kind in staying or new.several or old.several or any(said):
        return None
    before = _added(shown, known)
    other = with_other_thing(before, old, vocabulary, kind=new.kind, colour=new.colour, size=new.size)
    asked = asked_facts(composition, known)
    names = {(fact.kind, fact.text.lower()) for fact in asked}
    added = (
        dataclasses.replace(fact, asked=False, span=None)
        for fact in other.facts
        if (fact.kind, fact.text.lower()) not in names
    )
    return Wording(prompt=other.prompt, facts=once((*asked, *added)), left_out=composition.left_out)


def _added(shown: str, known: closed.Vocabulary) -> Wording:
    """What a picture shows, of which nobody asked for anything."""
    facts: tuple[Fact, ...] = asked_facts(composition_of(wish_of(shown, known)), known)
    return Wording(
        prompt=shown, facts=tuple(dataclasses.replace(fact, asked=False, span=None) for fact in facts)
    )
