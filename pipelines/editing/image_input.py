"""What the pipelines that start from a picture have in common; each of them is a file of its own.

    paint = ImageToImage.from_recipe("pocket")
    out = paint("a blue boat at sunset", image="boat.png", strength=0.5, seed=7)
    out.images[0].save("blue.png")

Settings, seeds, memory and the loop are those of `TextToImage`, which does the work; `from_pipe` shares one.
"""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.language.closed_vocabulary.composition import composition_of
from ...engine.language.closed_vocabulary.wish_reader import wish_of
from ...engine.values import Outcome, Request
from ..calls.call import Call, prompts_of
from ..calls.keywords import settings_of
from ..pictures.pixels import AnyPicture
from ..recipes.build import REPAINTERS
from ..render_result import RenderResult
from ..text_to_image import TextToImage
from ..vocabulary import planner_vocabulary
from ..workflow import Workflow
from .source_image import SourceImage, source_image_of

if TYPE_CHECKING:
    Image = AnyPicture | Outcome
    Images = Image | Sequence[Image]
    Source = Image | SourceImage

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

    @abc.abstractmethod
    def request(self, prompt: str, image: Any, *, seed: int = 0, row: int = 0, **options: Any) -> Request:
        """The request for one picture. Errors as `rendered`."""

    def rendered(
        self, prompt: str | Sequence[str], *, each: Mapping[str, Any], call: Mapping[str, Any]
    ) -> RenderResult:
        """Make pictures of each prompt: what a call of any of these pipelines does.

        Args:
            prompt: one, or a list of them, which is rendered as a batch.
            each: what `request` takes of this pipeline's own; each may be a list with one for each prompt.
            call: the other keywords, as `TextToImage.__call__` has them.

        Raises:
            InputError: a prompt, picture or keyword is wrong; nothing was rendered.
            DiptychError: no picture could be made at all; the message is the first failure's.
        """
        said = Call.of(call, known=each)
        texts = prompts_of(prompt)
        count = 1 if isinstance(texts, str) else len(texts)
        own = [
            dict(zip(each, values, strict=True))
            for values in zip(*(_for_each(name, value, count) for name, value in each.items()), strict=True)
        ]
        requests = [
            self.request(one.prompt, seed=one.seed, row=one.row, **own[one.place], **one.wishes)
            for one in said.pictures(texts)
        ]
        return self.carried_out(requests, said)

    def source_image(self, image: "Source", **wishes: Any) -> SourceImage:
        """A picture at the size that is painted: the recipe's, or what `wishes` say.

        Raises:
            InputError: it cannot be read, or is no picture.
        """
        if isinstance(image, SourceImage):
            return image
        height, width = self.frame(wishes)
        source = source_image_of(image, height=height, width=width)
        return source if self._reads(source) else dataclasses.replace(source, history=None)

    def _reads(self, source: SourceImage) -> bool:
        """Whether the plan in a picture's file is one in words that this recipe knows."""
        vocabulary = planner_vocabulary(self.pipe.recipe)
        if source.history is None or source.wording is None or vocabulary is None:
            return True
        wish = wish_of(source.wording.prompt, vocabulary)
        return bool(wish.things) and not composition_of(wish).left_out

    def frame(self, wishes: Mapping[str, Any]) -> tuple[int, int]:
        """Height and width of the picture that is painted: the recipe's, or what `wishes` say."""
        recipe, said = self.pipe.recipe, settings_of(wishes)
        return said.get("height", recipe.height), said.get("width", recipe.width)


def _for_each(name: str, value: Any, count: int) -> list[Any]:
    """The value for each prompt: of a list its own. Four numbers are one box, and a tuple of others is a list.

    Raises:
        InputError: there are more or fewer than prompts.
    """
    if not isinstance(value, list | tuple) or (value and all(hasattr(part, "__index__") for part in value)):
        return [value] * count
    if len(value) != count:
        called = "pictures" if name == "image" else f"{name}s"
        raise InputError(f"{len(value)} {called} for {count} prompts: give one for all, or one for each")
    return list(value)
