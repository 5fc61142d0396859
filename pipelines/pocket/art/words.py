"""The English words that scenes of drawn things have beyond the world's: hands as styles, touching, plain
ground."""

from collections.abc import Mapping

from ..world.words import RELATION_WORDS as WORLD_RELATION_WORDS
from ..world.words import SETTING_WORDS as WORLD_SETTING_WORDS

HANDS: Mapping[str, str] = {"sticker": "noto", "icon": "fluent", "emoji": "twemoji"}
"""The hands by what they look like, each with the package of `PACKAGES` that its drawings come from."""

USUAL_STYLE = "sticker"  # goes without saying

STYLE_WORDS: Mapping[str, tuple[str, ...]] = {
    "sticker": ("as a sticker", "sticker style", "in sticker style", "as a glossy sticker", "die-cut sticker"),
    "icon": ("as an icon", "icon style", "in icon style", "as an app icon", "as a bold icon"),
    "emoji": ("as an emoji", "emoji style", "in emoji style", "as a simple emoji"),
}

SETTING_WORDS: Mapping[str, tuple[str, ...]] = {
    **WORLD_SETTING_WORDS,
    "plain": (
        "on a plain background",
        "on a plain ground",
        "on an empty background",
        "with a plain background",
    ),
}

RELATION_WORDS: Mapping[str, tuple[str, ...]] = {
    **WORLD_RELATION_WORDS,
    "above": ("above", "over"),  # on top of another thing it would touch it
    "in front": ("in front of", "standing in front of"),
    "behind": ("behind", "standing behind"),
    "on": ("on", "standing on", "sitting on", "resting on"),
}


def style_words(style: str) -> tuple[str, ...]:
    """The ways to say a style; a hand of a user's own is called by its name."""
    return STYLE_WORDS.get(style) or (f"in the style of {style}",)
