"""Diptych: pictures made by two panels. Language models plan, draft and judge; diffusion paints.

    from diptych import TextToImage

    pipe = TextToImage.from_recipe("pocket")
    out = pipe("a red boat at sunset", seed=7)
    out.images[0].save("boat.png")

This file is the public face and nothing else; what it names is imported when first used.
"""

import importlib
from typing import TYPE_CHECKING

from .engine.version import __version__

if TYPE_CHECKING:
    from .engine.errors import (
        Cancelled,
        CheckpointError,
        DiptychError,
        InputError,
        MemoryBudgetError,
        RowError,
    )
    from .engine.values import (
        Candidate,
        Codebook,
        Draft,
        Fact,
        FactAnswer,
        Failure,
        Outcome,
        Picture,
        Plan,
        Reference,
        Request,
        Settings,
        Span,
        Verdict,
    )
    from .pipelines.catalogue import find_pipeline
    from .pipelines.editing.edit import Edit
    from .pipelines.editing.image_to_image import ImageToImage
    from .pipelines.editing.inpaint import Inpaint
    from .pipelines.editing.outpaint import Outpaint
    from .pipelines.editing.sketch import Sketch
    from .pipelines.editing.variations import Variations
    from .pipelines.explaining.explanations import Explanations
    from .pipelines.interpolate import Interpolate
    from .pipelines.picture_judge import PictureJudge
    from .pipelines.recipes.reader import Recipe, read_recipe
    from .pipelines.render_result import RenderResult
    from .pipelines.rendering.saving import save_picture
    from .pipelines.sheets.animation import Animation
    from .pipelines.sheets.grid import Labels, grid
    from .pipelines.storyboard import Storyboard
    from .pipelines.style_sheet import StyleSheet
    from .pipelines.text_to_image import TextToImage
    from .pipelines.upscale import Upscale
    from .prompts.reader import read_prompts
    from .prompts.row import PromptFileError, Row

__all__ = [
    "Animation",
    "Cancelled",
    "Candidate",
    "CheckpointError",
    "Codebook",
    "DiptychError",
    "Draft",
    "Edit",
    "Explanations",
    "Fact",
    "FactAnswer",
    "Failure",
    "ImageToImage",
    "Inpaint",
    "InputError",
    "Interpolate",
    "Labels",
    "MemoryBudgetError",
    "Outcome",
    "Outpaint",
    "Picture",
    "PictureJudge",
    "Plan",
    "PromptFileError",
    "Recipe",
    "Reference",
    "RenderResult",
    "Request",
    "Row",
    "RowError",
    "Settings",
    "Sketch",
    "Span",
    "Storyboard",
    "StyleSheet",
    "TextToImage",
    "Upscale",
    "Variations",
    "Verdict",
    "__version__",
    "find_pipeline",
    "grid",
    "read_prompts",
    "read_recipe",
    "save_picture",
]

_HOMES = {
    "Animation": "pipelines.sheets.animation",
    "Cancelled": "engine.errors",
    "Candidate": "engine.values",
    "CheckpointError": "engine.errors",
    "Codebook": "engine.values",
    "DiptychError": "engine.errors",
    "Draft": "engine.values",
    "Edit": "pipelines.editing.edit",
    "Explanations": "pipelines.explaining.explanations",
    "Fact": "engine.values",
    "FactAnswer": "engine.values",
    "Failure": "engine.values",
    "ImageToImage": "pipelines.editing.image_to_image",
    "Inpaint": "pipelines.editing.inpaint",
    "InputError": "engine.errors",
    "Interpolate": "pipelines.interpolate",
    "Labels": "pipelines.sheets.grid",
    "MemoryBudgetError": "engine.errors",
    "Outcome": "engine.values",
    "Outpaint": "pipelines.editing.outpaint",
    "Picture": "engine.values",
    "PictureJudge": "pipelines.picture_judge",
    "Plan": "engine.values",
    "PromptFileError": "prompts.row",
    "Recipe": "pipelines.recipes.reader",
    "Reference": "engine.values",
    "RenderResult": "pipelines.render_result",
    "Request": "engine.values",
    "Row": "prompts.row",
    "RowError": "engine.errors",
    "Settings": "engine.values",
    "Span": "engine.values",
    "Sketch": "pipelines.editing.sketch",
    "Storyboard": "pipelines.storyboard",
    "StyleSheet": "pipelines.style_sheet",
    "TextToImage": "pipelines.text_to_image",
    "Upscale": "pipelines.upscale",
    "Variations": "pipelines.editing.variations",
    "Verdict": "engine.values",
    "find_pipeline": "pipelines.catalogue",
    "grid": "pipelines.sheets.grid",
    "read_prompts": "prompts.reader",
    "read_recipe": "pipelines.recipes.reader",
    "save_picture": "pipelines.rendering.saving",
}


importlib.import_module(".engine.guards.threads", __name__).wait_passively()  # before anything loads torch
importlib.import_module(".engine.guards.segments", __name__).let_segments_grow()  # and this, too
importlib.import_module(".engine.guards.alignment", __name__).forget_alignment()  # before MKL first computes
importlib.import_module(".pipelines", __name__)  # it tells the engine where the package's checkpoints lie

if not TYPE_CHECKING:  # a type checker that saw this would take any name for a public one

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            hint = importlib.import_module(".engine.messages", __name__).did_you_mean(name, __all__)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
