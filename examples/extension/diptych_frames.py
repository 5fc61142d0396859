"""Pictures in frames: a stage, a family of models and a pipeline from outside the package.

A recipe names the stage and, for it, a model of the family:

    [stages.frame]
    family = "moulding"
    checkpoint = "./oak"
    settings = { width = 4 }

The "model" is a folder with one colour in it, as safetensors; a real one would hold a network.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from diptych import InputError, Picture, RenderResult, TextToImage, read_recipe
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.pipelines.recipes.reader import StageRecipe


class Moulding(torch.nn.Module):
    """A colour. What moves models about asks for a module, or for modules in a dataclass."""

    colour: torch.Tensor

    def __init__(self, colour: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("colour", colour)


def load_moulding(folder: Path, dtype: torch.dtype, device: torch.device) -> Moulding:
    """The family `moulding`: a function of (folder, dtype, device) that gives what the stage is handed."""
    return Moulding(load_file(folder / "model.safetensors")["colour"].to(device, dtype))


class FrameStage:
    """Picture to Picture: the same one, with a frame painted over its border.

    Args:
        model: the moulding; what it is called in the recipe is the engine's business.
        width: of the frame, in pixels.
    """

    name = "frame"
    takes = Picture
    gives = Picture

    def __init__(self, *, model: ModelKey, width: int = 8) -> None:
        if not 1 <= width <= 64:
            raise InputError(f"width = {width}: must lie between 1 and 64 pixels")
        self.uses = (model,)
        self._width = width

    def workspace(self, batch: Sequence[Picture]) -> int:
        """Bytes for the copies."""
        return sum(picture.pixels.numel() for picture in batch)

    def run(self, batch: Sequence[Picture], models: Models, context: RunContext) -> list[Picture]:
        colour = (255 * models[self.uses[0]].colour.float()).round().to(torch.uint8).cpu()
        framed: list[Picture] = []
        for picture in batch:
            pixels = picture.pixels.clone()
            for edge in (slice(None, self._width), slice(-self._width, None)):
                pixels[edge] = colour
                pixels[:, edge] = colour
            framed.append(picture.overlaid(pixels))  # the judge looks at the picture without it
        return framed


class Framed:
    """Text to image with a frame around each picture, whatever the recipe.

    `diptych.find_pipeline("framed")` finds it once the package is installed.
    """

    def __init__(self, pipe: TextToImage) -> None:
        self.pipe = pipe

    @classmethod
    def from_recipe(cls, recipe: str = "pocket", *, moulding: Path, width: int = 8, **options: Any) -> "Framed":
        """Put the stage into the recipe's chain, behind what paints."""
        read = read_recipe(recipe)
        frame = StageRecipe(name="frame", model=ModelKey("moulding", str(moulding)), settings={"width": width})
        before = {name: stage for name, stage in read.stages.items() if name != "judge"}
        stages = {**before, "frame": frame, "judge": read.stages["judge"]}
        return cls(TextToImage.from_recipe(dataclasses.replace(read, stages=stages), **options))

    def __call__(self, prompt: str, **wishes: Any) -> RenderResult:
        return self.pipe(prompt, **wishes)


def make_moulding(folder: Path, *, red: float, green: float, blue: float) -> None:
    """Write a moulding's checkpoint, colours from 0 to 1."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"colour": torch.tensor([red, green, blue])}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "moulding"}\n', encoding="utf-8")
