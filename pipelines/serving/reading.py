"""A prompt as a recipe's planner reads it, before anything is drawn: what is understood, what is left out."""

from collections.abc import Iterable
from typing import Any

from ...engine.language.closed_vocabulary.composition import composition_of
from ...engine.language.closed_vocabulary.phrases import misspelt_in, pieces_of
from ...engine.language.closed_vocabulary.vocabulary import Vocabulary
from ...engine.language.closed_vocabulary.wish_reader import wish_of
from ...engine.language.closed_vocabulary.wording import asked_facts
from ...engine.values import Plan
from ...engine.values.fact import Fact, Span


def plan_body(plan: Plan) -> dict[str, Any]:
    """A candidate's plan, as those who follow a job see it."""
    return {
        "candidate": plan.request.candidate,
        "prompt": plan.prompt,
        "facts": [_fact(each) for each in plan.facts],
        "left_out": [str(each) for each in plan.left_out],
    }


def reading_of(prompt: str, vocabulary: Vocabulary | None) -> dict[str, Any]:
    """What a planner makes of a prompt.

    Args:
        vocabulary: of the planner; `None` where it takes any words.

    Returns:
        `any_words`, whether it takes any; `facts` that are asked for; `left_out`, the words that will not be
        drawn, and of them `unknown`, those that the planner does not know; `read_as`, misspelt words and what
        they are taken for; `draws`, whether anything can be drawn; `things`, what could be. Places are of
        characters in the prompt, from `start` to `end`.
    """
    if vocabulary is None:
        nothing: dict[str, Any] = {"facts": [], "left_out": [], "unknown": [], "read_as": {}, "things": []}
        return {"any_words": True, "draws": True, **nothing}
    wish = wish_of(prompt, vocabulary)
    draws = bool(wish.things or wish.setting)
    asked = composition_of(wish) if wish.things else None
    left_out = asked.left_out if asked else wish.left_out
    return {
        "any_words": False,
        "facts": [_fact(each) for each in asked_facts(asked, vocabulary)] if asked else [],
        "left_out": [*_placed(left_out)],
        "unknown": [*_placed(_unknown(prompt, left_out, vocabulary))],
        "read_as": misspelt_in(prompt, vocabulary),
        "draws": draws,
        "things": [] if draws else list(vocabulary.kinds),
    }


def _fact(fact: Fact) -> dict[str, Any]:
    span = fact.span if fact.span is not None and fact.span.has_place else None
    place = None if span is None else [span.start, span.end]
    return {"kind": fact.kind, "text": fact.text, "asked": fact.asked, "span": place}


def _unknown(prompt: str, left_out: Iterable[Span], vocabulary: Vocabulary) -> list[Span]:
    """Of the words that are left out those to blame: of "big green dog" the last, where green is known."""
    pieces, _ = pieces_of(prompt, vocabulary)
    spans = [each for each in left_out if each.has_place]
    return [
        piece.span
        for piece in pieces
        if piece.role == "unknown"
        and any(each.start <= piece.span.start and piece.span.end <= each.end for each in spans)
    ]


def _placed(spans: Iterable[Span]) -> Iterable[dict[str, Any]]:
    return ({"text": each.text, "start": each.start, "end": each.end} for each in spans if each.has_place)
