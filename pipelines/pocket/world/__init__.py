"""The illustrated world: pictures drawn by rule, and what can be said of them, to train on."""

from .captions import caption_of
from .drawing.picture import Box, Rendered, render
from .facts import Fact, facts_of, false_facts_of, prompt_of
from .scene import (
    ARRANGEMENTS,
    COLOURS,
    KINDS,
    PLACES,
    RGB,
    SETTINGS,
    SIZES,
    STYLES,
    Scene,
    SceneError,
    Thing,
    is_held_out,
    sample_scene,
)
from .words import WORDS

__all__ = [
    "ARRANGEMENTS",
    "COLOURS",
    "KINDS",
    "PLACES",
    "RGB",
    "SETTINGS",
    "SIZES",
    "STYLES",
    "WORDS",
    "Box",
    "Fact",
    "Rendered",
    "Scene",
    "SceneError",
    "Thing",
    "caption_of",
    "facts_of",
    "false_facts_of",
    "is_held_out",
    "prompt_of",
    "render",
    "sample_scene",
]
