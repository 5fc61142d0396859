"""One entry of a file (a line, an object, a row of a table) becomes rows; every format ends here."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from .row import PromptFileError, Row, place_of
from .settings import FieldError, Fields, check_text, copy_seed, prompt_of, sort_fields


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where an entry begins."""

    source: str
    line: int

    def row(self, prompt: str, **more: Any) -> Row:
        """The row that stands here."""
        return Row(prompt=prompt, source=self.source, line=self.line, **more)

    def fault(self, fault: str, prompt: str = "") -> Row:
        """The row that stands here, but cannot be carried out; `fault` says why."""
        return self.row(prompt, fault=" ".join(fault.split()))

    def error(self, message: str) -> PromptFileError:
        """What is wrong here, where nothing of the file can be read any more."""
        return PromptFileError(f"{place_of(self.source, self.line)}: {' '.join(message.split())}")


def prompt_row(text: str, place: Place) -> Row:
    """The row of an entry that is a prompt and says nothing else; what `rows_of` gives, but quicker."""
    try:
        if not (prompt := check_text("prompt", text).strip()):
            raise FieldError("the prompt is empty" if text else "has no prompt")
    except FieldError as error:
        return place.fault(str(error))
    return place.row(prompt)


def rows_of(fields: Mapping[str, object], place: Place, *, defaults: Fields | None = None) -> Iterator[Row]:
    """The rows of an entry: one, or as many copies as it asks for, or one with a fault.

    Args:
        fields: what the entry says, under the names that the file uses.
        defaults: what holds for all entries of the file where they are silent.
    """
    defaults = defaults or Fields()
    try:
        own = sort_fields(fields)
    except FieldError as error:
        yield place.fault(str(error), prompt_of(fields))
        return
    if not (prompt := own.prompt or defaults.prompt):
        fault = "the prompt is empty" if own.prompt == "" else "has no prompt"
        yield place.row("", settings=own.settings, notes=own.notes, fault=fault)
        return
    asked = own.copies if own.copies is not None else defaults.copies
    settings = {**defaults.settings, **own.settings}
    faults = {name: fault for name, fault in defaults.faults.items() if name not in own.settings} | {
        **own.faults
    }
    for copy in range(asked or 1):  # as many that fail, too, so that the rows behind them keep their numbers
        more: dict[str, Any] = {
            "notes": own.notes,
            "template": own.template,
            "copies": asked,
            "fault": next(iter(faults.values()), None),
        }
        yield place.row(prompt, settings=copy_seed(settings, copy), **more)


def defaults_of(value: object, place: Place) -> Fields:
    """What a file says for all of its entries.

    Raises:
        PromptFileError: it is no set of settings.
    """
    if not isinstance(value, Mapping):
        raise place.error("defaults must be names with values, e.g. steps: 20")
    try:
        return sort_fields(value)
    except FieldError as error:
        raise place.error(f"in defaults: {error}") from None
