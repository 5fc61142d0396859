"""Which facts a plan says were asked, against those that were, of one typed prompt.

Facts of words that may be left out count neither way: unless they are among what was asked, and found.
"""

import dataclasses
from collections.abc import Sequence

from ....engine.values import Fact
from .facts_seen import Claim, turned
from .left_out import WordsSaid
from .prompts import TypedPrompt

_SEVERAL = "several "
_ONE = ("one", "1")
_TOTALS = ("one thing", "two things", "three things")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactsAsked:
    """Facts of one prompt.

    Args:
        right: asked, and so the plan says.
        wrong: the plan says that they were asked.
        missing: asked, and the plan does not say so.
    """

    right: tuple[Claim, ...]
    wrong: tuple[Claim, ...]
    missing: tuple[Claim, ...]


def facts_asked(typed: TypedPrompt, asked: Sequence[Fact], words: WordsSaid) -> FactsAsked:
    """Compare the facts that the plan says were `asked` with those that were."""
    claims = list(dict.fromkeys(fact.claim for fact in asked))
    doubtful = {f.claim for f in asked if words.rests_on_either(f) or (f.span is None and words.either)}
    right = [gold for gold in typed.facts if any(_same(claim, gold) for claim in claims)]
    strange = [claim for claim in claims if not any(_same(claim, gold) for gold in right)]
    missing = [gold for gold in typed.facts if gold not in right]
    return FactsAsked(
        right=tuple(right),
        wrong=tuple(claim for claim in strange if claim not in doubtful),
        missing=() if words.said & words.either else tuple(missing),
    )


def _same(claim: Claim, gold: Claim) -> bool:
    """Whether a plan's fact is what was asked; 'several cats' are any number of cats above one, and a cat above
    a house is a house below a cat."""
    if claim[0] == gold[0] == "count" and gold[1].startswith(_SEVERAL):
        number, _, noun = claim[1].partition(" ")
        return noun == gold[1].removeprefix(_SEVERAL) and number not in _ONE
    if claim[0] == gold[0] == "count" and gold[1].startswith("one "):
        return claim[1] in _TOTALS  # 'one cat' of a cat, or of a cat and a house
    return gold in (claim, turned(claim))
