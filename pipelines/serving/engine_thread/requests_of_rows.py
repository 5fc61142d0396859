"""How a row of a job becomes a request of a pipeline, or an enlarged picture."""

import dataclasses
from pathlib import Path
from typing import Any

from ....engine.errors import InputError
from ....engine.values import Outcome, Request
from ....engine.watch import Watcher
from ....prompts.row import Row
from ...calls.control_check import offered_controls
from ...calls.reference_check import reads_references
from ...rendering.rows.control_rows import controls_in, has_controls, without_controls
from ...rendering.rows.reference_rows import has_references, names_pictures, references_in, without_references
from ...rendering.rows.request_makers import OfPipeline
from ...text_to_image import TextToImage
from ..queue.jobs import RowSpec


def request_of(pipe: TextToImage, spec: RowSpec, inputs: Path, *, number: int) -> Request:
    """The request of a row. One that starts from a picture asks models what that shows.

    Args:
        inputs: the folder of the pictures that rows name.
        number: names the request among others.

    Raises:
        InputError: it is no valid one.
        DiptychError: a stage could not look at the picture.
    """
    if spec.way == "edit":
        return _edited(pipe, spec, inputs, number=number)
    row = Row(prompt=spec.prompt, source=str(inputs / "row"), line=1, settings=spec.settings)
    return OfPipeline(pipe).request(row, spec.settings, seed=spec.seed, number=number)


def check(pipe: TextToImage, spec: RowSpec) -> Request:
    """The request of a row as far as that can be told at once, without a look at its pictures.

    Raises:
        InputError: prompt or settings are wrong.
    """
    plain = {name: value for name, value in spec.settings.items() if not names_pictures([name])}
    if has_references(spec.settings) and not reads_references(pipe.runner.chain):
        raise InputError(f"recipe {pipe.recipe.name} takes no reference pictures: leave reference out")
    if has_controls(spec.settings) and not offered_controls(pipe.runner.chain):
        raise InputError(f"recipe {pipe.recipe.name} follows no control pictures: leave control out")
    return pipe.request(spec.prompt, seed=spec.seed, **{k: v for k, v in plain.items() if k != "scale"})


def enlarged(pipe: TextToImage, spec: RowSpec, inputs: Path, watch: Watcher) -> Outcome:
    """What comes of a row that asks for an enlarged picture.

    Raises:
        InputError, DiptychError: it cannot be done.
        Cancelled: the watcher said so.
    """
    from ...upscale import Upscale

    path, scale = inputs / spec.settings["image"], spec.settings.get("scale", 2)
    prompt = None if spec.prompt == UPSCALED else spec.prompt
    made = Upscale.from_pipe(pipe)(path, scale=scale, prompt=prompt, seed=spec.seed, watch=watch)
    return made.outcomes[0]


UPSCALED = "a picture"
"""The prompt of a picture that is enlarged, where nothing is said of it."""


def _edited(pipe: TextToImage, spec: RowSpec, inputs: Path, *, number: int) -> Request:
    """By an instruction; a text that is none is taken for what the picture shows then."""
    from ...editing.edit import Edit
    from ...editing.image_to_image import ImageToImage
    from ...editing.instruction import is_instruction

    settings: dict[str, Any] = without_controls(without_references(spec.settings))
    if references := references_in(spec.settings, inputs):
        settings["references"] = references
    if controls := controls_in(spec.settings, inputs):
        settings["controls"] = controls
    path = inputs / settings.pop("image")
    strength = settings.pop("strength", None)
    frame: dict[str, Any] = {"image": path, "seed": spec.seed, "row": number, **settings}
    edit = Edit.from_pipe(pipe)
    try:
        return edit.request(spec.prompt, **frame)
    except InputError:
        if edit.has_editor or is_instruction(spec.prompt):
            raise
        more = {} if strength is None else {"strength": strength}
        return ImageToImage.from_pipe(pipe).request(spec.prompt, **more, **frame)


def placed(outcome: Outcome, number: int) -> Outcome:
    """The outcome with its row's number in its job, for its record."""
    request = dataclasses.replace(outcome.request, row=number)
    return dataclasses.replace(outcome, request=request)
