"""The recipes that a server offers, each with its pipeline once somebody asks for it."""

import dataclasses
import functools
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ....engine.errors import InputError
from ....engine.messages import did_you_mean
from ...recipes.environment import Environment
from ...recipes.reader import Recipe, read_recipe
from ...text_to_image import TextToImage
from ..pictures import public
from ..queue.jobs import UnknownRecipeError

_OF_OPENAI = re.compile(r"(dall-e|gpt-image|chatgpt-image)[\w.-]*")
"""Names that clients have built in, and that mean whatever a server paints with."""


@dataclasses.dataclass(frozen=True)
class Pipe:
    """One recipe's pipeline."""

    name: str
    pipeline: TextToImage

    @functools.cached_property
    def environment(self) -> Environment:
        """What its pictures are made with; reads checkpoints to hash them."""
        return self.pipeline.environment()

    @functools.cached_property
    def told(self) -> Environment:
        """The same as others may know it."""
        return public(self.environment)


class Pipes:
    """The recipes of a server.

    Args:
        recipes: names or `.toml` files, the usual one first.
        options: of each pipeline, as `TextToImage.from_recipe` has them.

    Raises:
        InputError: a recipe is not understood, or two have the same name.
    """

    def __init__(self, recipes: Sequence[str | Mapping[str, Any] | Recipe], **options: Any) -> None:
        read = [each if isinstance(each, Recipe) else read_recipe(each) for each in recipes]
        self.recipes = {each.name: each for each in read}
        if len(self.recipes) < len(read):
            raise InputError("two recipes have the same name: give their files different ones")
        self._options = options
        self._made: dict[str, Pipe] = {}
        self._turn = threading.Lock()

    @property
    def usual(self) -> str:
        """The name of the recipe that is taken where none is asked for."""
        return next(iter(self.recipes))

    def name_of(self, asked: str | None) -> str:
        """The recipe that is meant.

        Raises:
            UnknownRecipeError: there is none of this name.
        """
        if asked is None or not asked.strip() or _OF_OPENAI.fullmatch(asked.strip().lower()):
            return self.usual
        if asked not in self.recipes:
            known = ", ".join(self.recipes)
            hint = did_you_mean(asked[:100], self.recipes)
            raise UnknownRecipeError(f"model {asked[:100]!r}: is not served here{hint}: there are {known}")
        return asked

    def of(self, name: str) -> Pipe:
        """The pipeline of a recipe; made when it is first asked for.

        Raises:
            DiptychError: it cannot be made.
        """
        with self._turn:
            if name not in self._made:
                if name not in self.recipes:
                    raise UnknownRecipeError(f"recipe {name!r}: is not served here any more")
                made = TextToImage.from_recipe(self.recipes[name], **self._options)
                self._made[name] = Pipe(name, made)
            return self._made[name]

    def made(self) -> list[Pipe]:
        """The pipelines that are there."""
        with self._turn:
            return list(self._made.values())
