"""The judge by itself: captions and scores for pictures that came from anywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import InputError
from ..engine.memory import DeviceMemory
from ..engine.stage import Silent, Stage
from ..engine.values import Fact, Picture, Plan, Request, Verdict
from .device import choose_device
from .recipes.reader import Recipe, read_recipe
from .units import parse_bytes

if TYPE_CHECKING:
    import PIL.Image

MAX_SIDE = 8192  # pixels


class PictureJudge:
    """The last stage of a recipe's chain, for pictures from outside. `from_recipe` is the usual way to one."""

    def __init__(self, stage: Stage[Any, Any], memory: DeviceMemory) -> None:
        self.stage = stage
        self.memory = memory

    @classmethod
    def from_recipe(
        cls, recipe: str | Path | Recipe = "pocket", *, device: str = "auto", memory: str | int | None = None
    ) -> "PictureJudge":
        """The judge of a recipe; arguments and errors as `TextToImage.from_recipe`."""
        from .build import build_chain, registry

        read = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
        budget = parse_bytes(memory) if isinstance(memory, str) else memory
        where = choose_device(device)
        chain = build_chain(read)
        judge = cls(chain.stages[-1], DeviceMemory(registry(), device=where, budget_bytes=budget))
        judge.memory.check(judge.stage.uses)
        return judge

    def caption(self, image: "PIL.Image.Image") -> str:
        """What the picture shows, in the captioner's words."""
        return self._verdict(Picture(pixels=pixels_of(image))).caption

    def score(self, image: "PIL.Image.Image", prompt: str, *, facts: tuple[Fact, ...] = ()) -> Verdict:
        """How well the picture shows what `prompt` asks for.

        Raises:
            InputError: the prompt is empty or too long.
        """
        plan = Plan(request=Request(prompt=prompt), prompt=prompt, facts=facts)
        return self._verdict(Picture(pixels=pixels_of(image), plan=plan))

    def _verdict(self, picture: Picture) -> Verdict:
        with self.memory.lease(self.stage.uses, self.stage.workspace([picture])) as models:
            (verdict,) = self.stage.run([picture], models, Silent())
        return verdict


def open_picture(path: Path) -> "PIL.Image.Image":
    """The picture in a file, upright, in RGB, transparency on white.

    Raises:
        InputError: it cannot be read, is no picture, or is larger than `MAX_SIDE` on a side.
    """
    import PIL.Image
    import PIL.ImageOps

    try:
        with PIL.Image.open(path) as image:
            if max(image.size) > MAX_SIDE:
                size = f"{image.width} x {image.height}"
                raise InputError(f"{path}: is {size} pixels: at most {MAX_SIDE} a side are read")
            upright = PIL.ImageOps.exif_transpose(image)
            return _opaque(upright)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: check the path") from None
    except PIL.UnidentifiedImageError:
        raise InputError(f"{path}: is no picture of a kind that is read: use PNG, JPEG or WebP") from None
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be read ({error}): use a sound PNG, JPEG or WebP file") from None


def _opaque(image: "PIL.Image.Image") -> "PIL.Image.Image":
    import PIL.Image

    if image.mode.startswith("I"):  # 16 bits a pixel: conversion would cut off what is above 255
        import numpy as np

        image = PIL.Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype("uint8"))
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = PIL.Image.new("RGBA", layer.size, "white")
    return PIL.Image.alpha_composite(paper, layer).convert("RGB")


def pixels_of(image: "PIL.Image.Image") -> Any:
    """uint8 (h, w, 3)."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(image.convert("RGB")))
