"""What would keep a recipe's models from being loaded, or its stages from doing one picture: found out from the
checkpoints' small files and headers. Builds every model without its weights, and asks each stage about it."""

from collections.abc import Collection, Iterator
from typing import Any

from ...engine.chain import Chain
from ...engine.dummy_values import dummy_values
from ...engine.errors import DiptychError
from ...engine.messages import first_line
from ...engine.models.registry import Registry
from ...engine.stage import ModelKey
from ...engine.values import Request
from .reader import Recipe


class _Outlines:
    """Models without their weights, by key; each is built once."""

    def __init__(self) -> None:
        self._registry = Registry()
        self._built: dict[ModelKey[Any], Any] = {}

    def __getitem__(self, key: ModelKey[Any]) -> Any:
        if key not in self._built:
            self._built[key] = self._registry.outline(key)
        return self._built[key]

    def __iter__(self) -> Iterator[ModelKey[Any]]:
        return iter(self._built)


def rehearse(recipe: Recipe, chain: Chain, *, absent: Collection[str] = ()) -> list[str]:
    """One line for each thing that would make a render of the recipe fail; none if all is well.

    Args:
        chain: the recipe's.
        absent: checkpoints that are not looked at, since they are not here.
    """
    request = Request(prompt="a picture", height=recipe.height, width=recipe.width, settings=recipe.defaults)
    values = dummy_values(request, chain.stages)
    models = _Outlines()
    troubles: list[str] = []
    for stage in chain.stages:
        if any(key.checkpoint in absent for key in stage.uses):
            continue
        try:
            outlines = [models[key] for key in stage.uses]
            rehearse = getattr(stage, "rehearse", None)
            if None not in outlines and rehearse is not None and stage.takes in values:
                values[stage.gives] = rehearse(values[stage.takes], models) or values.get(stage.gives)
        except DiptychError as error:
            troubles.append(str(error))
        except Exception as error:  # what a library makes of a file, when it is first used
            names = ", ".join(dict.fromkeys(key.checkpoint for key in stage.uses))
            troubles.append(f"stage {stage.name} cannot work with {names}: {first_line(error, named=True)}")
    return list(dict.fromkeys(troubles))
