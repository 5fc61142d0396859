"""The pipelines there are, by name: those of the package, and what other packages bring along.

    Upscale = find_pipeline("upscale")

A module is imported when its pipeline is asked for.
"""

import importlib
from typing import Any

from ..engine import extensions
from ..engine.errors import InputError
from ..engine.extensions import extension
from ..engine.messages import did_you_mean

PIPELINES = {
    "text-to-image": ("text_to_image", "TextToImage"),
    "image-to-image": ("editing.image_to_image", "ImageToImage"),
    "sketch": ("editing.sketch", "Sketch"),
    "variations": ("editing.variations", "Variations"),
    "inpaint": ("editing.inpaint", "Inpaint"),
    "outpaint": ("editing.outpaint", "Outpaint"),
    "edit": ("editing.edit", "Edit"),
    "upscale": ("upscale", "Upscale"),
    "interpolate": ("interpolate", "Interpolate"),
    "storyboard": ("storyboard", "Storyboard"),
    "style-sheet": ("style_sheet", "StyleSheet"),
}
"""Name: (module of this folder, class)."""


def find_pipeline(name: str) -> Any:
    """The class of a pipeline; `from_recipe` makes one.

    Raises:
        InputError: there is none of this name, or another package's cannot be loaded.
    """
    if name in PIPELINES:
        module, kind = PIPELINES[name]
        return getattr(importlib.import_module(f".{module}", __package__), kind)
    if (added := extension(extensions.PIPELINES, name)) is not None:
        return added
    known = [*PIPELINES, *extensions.names(extensions.PIPELINES)]
    hint = did_you_mean(name, known)
    raise InputError(f"no such pipeline: {name!r}{hint}; known are {', '.join(known)}")
