"""What the pipelines that start from a picture have in common; each of them is a file of its own.

    paint = ImageToImage.from_recipe("pocket")
    out = paint("a blue boat at sunset", image="boat.png", strength=0.5, seed=7)
    out.images[0].save("blue.png")

Settings, seeds, memory and the loop are those of `TextToImage`, which does the work; `from_pipe` shares one.
"""

import abc
from collections.abc import Sequence
from typing import Any, Self

from ...engine.errors import InputError
from ...engine.randomness import derive_seed
from ...engine.values import Outcome, Request
from ...engine.watch import Watcher
from ..pictures.pixels import AnyPicture
from ..recipes.build import REPAINTERS
from ..render_result import RenderResult
from ..text_to_image import TextToImage
from ..workflow import Workflow
from .source_image import SourceImage, source_image_of

PAINTERS = ("paint", "paint_tokens")
"""Stages of recipes that paint, and see no picture."""


class ImageInputPipeline(Workflow, abc.ABC):
    """A pipeline whose requests have a start; a subclass says in `request` what that is.

    Raises:
        InputError: the recipe's chain has nothing that begins with a picture.
    """

    def __init__(self, pipe: TextToImage) -> None:
        super().__init__(pipe)
        stages = pipe.recipe.stages
        if any(name in stages for name in PAINTERS) and not any(name in stages for name in REPAINTERS):
            raise InputError(
                f"recipe {pipe.recipe.name} paints from words alone: choose one with a stage"
                f" {' or '.join(REPAINTERS)}, which begins with a picture"
            )

    @classmethod
    def from_pipe(cls, pipe: TextToImage | Workflow) -> Self:
        """The pipeline that shares another's models, memory and recipe."""
        return cls(pipe.pipe if isinstance(pipe, Workflow) else pipe)

    @abc.abstractmethod
    def request(self, prompt: str, *, image: Any, seed: int = 0, row: int = 0, **options: Any) -> Request:
        """The request for one picture. Errors as `__call__`."""

    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        image: "AnyPicture | Outcome | Sequence[AnyPicture | Outcome]",
        seed: int = 0,
        watch: Watcher | None = None,
        **options: Any,
    ) -> RenderResult:
        """Make a picture of each prompt.

        Args:
            prompt: one, or a list of them, which is rendered as a batch.
            image: what they start from: a PIL picture, a file, or an outcome of this engine, whose tokens and
                plan are known. One for all prompts, or one for each.
            seed: of a single prompt; each of a list gets a seed of its own, made of this one and its place.
            watch: is told of progress, and may stop the work.
            options: what `request` takes, and settings that differ from the recipe's.

        Raises:
            InputError: a prompt, picture or setting is wrong; nothing was rendered.
            DiptychError: no picture could be made at all; the message is the first failure's.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        images = list(image) if isinstance(image, (list, tuple)) else [image] * len(prompts)
        if len(images) != len(prompts):
            raise InputError(
                f"{len(images)} pictures for {len(prompts)} prompts: give one for all, or one for each"
            )
        seeds = [seed] if isinstance(prompt, str) else [derive_seed(seed, i + 1) for i in range(len(prompts))]
        requests = [
            self.request(text, image=each, seed=own, row=row, **options)
            for row, (text, each, own) in enumerate(zip(prompts, images, seeds, strict=True), start=1)
        ]
        return self.result(requests, watch)

    def source_image(self, image: "AnyPicture | Outcome | SourceImage", **wishes: Any) -> SourceImage:
        """A picture at the size that is painted: the recipe's, or what `wishes` say.

        Raises:
            InputError: it cannot be read, or is no picture.
        """
        if isinstance(image, SourceImage):
            return image
        recipe = self.pipe.recipe
        height, width = wishes.get("height", recipe.height), wishes.get("width", recipe.width)
        return source_image_of(image, height=height, width=width)
