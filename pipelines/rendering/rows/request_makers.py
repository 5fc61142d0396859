"""How a row becomes a request: by a pipeline, or without one, which checks no more than what the row says."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ....engine.values import Request, Settings
from ....engine.values.request import check_names
from ....prompts.row import Row
from ....prompts.settings import START_COLUMNS
from ...text_to_image import TextToImage
from .control_rows import controls_in, has_controls, without_controls
from .image_rows import check_fields, has_image_input, image_request
from .reference_rows import check_references, has_references, references_in, without_references

_FRAME = frozenset(field.name for field in dataclasses.fields(Request)) - {"settings"}


class RequestMaker(Protocol):
    """Makes the requests of rows."""

    def request(self, row: Row, settings: Mapping[str, Any], /, *, seed: int, number: int) -> Request:
        """The request of one row.

        Args:
            settings: all that hold for it, its seed aside; its own are among them.
            number: of the row in its source, from 1.

        Raises:
            InputError: it is no valid one.
        """
        ...


class OfPipeline:
    """By a pipeline: its recipe's defaults are filled in; it looks at the picture that a row starts from."""

    def __init__(self, pipe: TextToImage) -> None:
        self._pipe = pipe

    def request(self, row: Row, settings: Mapping[str, Any], /, *, seed: int, number: int) -> Request:
        if has_references(settings):
            settings = {**without_references(settings), "references": references_in(settings, _folder(row))}
        if has_controls(settings):
            settings = {**without_controls(settings), "controls": controls_in(settings, _folder(row))}
        if has_image_input(settings):
            return image_request(self._pipe, row.prompt, settings, _folder(row), seed=seed, row=number)
        return self._pipe.request(row.prompt, seed=seed, row=number, **settings)


class WithoutPipeline:
    """Without a pipeline: values are checked, defaults are not filled in, pictures must be there, no more."""

    def request(self, row: Row, settings: Mapping[str, Any], /, *, seed: int, number: int) -> Request:
        if has_image_input(settings):
            check_fields(settings, _folder(row))
        if has_references(settings):
            check_references(settings, _folder(row))
        controls_in(settings, _folder(row))
        settings = without_controls(without_references(settings))
        plain = {name: value for name, value in settings.items() if name not in START_COLUMNS}
        check_names(plain)
        frame = {name: plain.pop(name) for name in list(plain) if name in _FRAME}
        return Request(prompt=row.prompt, seed=seed, row=number, settings=Settings(**plain), **frame)


def _folder(row: Row) -> Path:
    """Where the files lie that a row names; of standard input, the one at hand."""
    return Path(row.source).parent
