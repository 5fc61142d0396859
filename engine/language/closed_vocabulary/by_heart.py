"""Which plans are drawn without a memory: those of things that the drafter knows by heart."""

from collections.abc import Collection

from .composition import Composition, composition_of
from .vocabulary import Vocabulary
from .wish_reader import wish_of


def known_by_heart(
    composition: Composition, vocabulary: Vocabulary, *, styles: Collection[str], by_heart: Collection[str]
) -> bool:
    """Whether a style is none of the memory's `styles`, and all things are kinds that the drafter knows
    `by_heart`."""
    style = composition.style.value if composition.style else vocabulary.plain_style
    return style not in styles and all(thing.kind.value in by_heart for thing in composition.things)


def drawn_by_heart(
    prompt: str, vocabulary: Vocabulary, *, styles: Collection[str], by_heart: Collection[str]
) -> bool:
    """The same of a plan's wording; also where it names no thing."""
    wish = wish_of(prompt, vocabulary)
    if not wish.things:
        return True
    return known_by_heart(composition_of(wish), vocabulary, styles=styles, by_heart=by_heart)
