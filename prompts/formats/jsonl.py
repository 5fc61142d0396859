"""JSON Lines: an object or a text in quotes on each line (also known as NDJSON).

A line that is no JSON is a row with a fault; the others are read.
"""

import json
from collections.abc import Iterator
from typing import Any

from ..entry import Place, rows_of
from ..row import Row
from ..settings import FieldError, refuse_misspelt, sort_fields
from ..text import Text
from .json_file import decoder
from .structure import row_of_a_tool

_OWN = ("row", "prompt", "source", "line")
"""Names that stand in each line of `diptych prompts --json`."""
_OF_THE_LINE = ("row", "source", "line", "notes", "fault")
"""Those of them that say neither prompt nor setting."""


def own_row(fields: dict[str, Any], place: Place) -> Row | None:
    """The row that `diptych prompts --json` wrote a line of, as it was; `None` of any other line.

    Raises:
        FieldError: its settings are not what they should be.
    """
    if not all(name in fields for name in _OWN) or not isinstance(fields.get("notes", {}), dict):
        return None
    notes, fault = fields.get("notes", {}), fields.get("fault")
    try:
        own = sort_fields({name: value for name, value in fields.items() if name not in _OF_THE_LINE})
    except FieldError:
        if not isinstance(fault, str):
            raise
        seed = {"seed": seed} if isinstance(seed := fields.get("seed"), int) else {}
        more = {"template": str(fields["template"])} if "template" in fields else {}
        return place.row(str(fields["prompt"]), settings=seed, notes=notes, fault=fault, **more)
    if not isinstance(fault, str):
        fault = next(iter(own.faults.values()), None if own.prompt else "the prompt is empty")
    return place.row(
        own.prompt or "",
        settings=own.settings,
        notes={**own.notes, **notes},
        template=own.template,
        fault=fault,
    )


def read_jsonl(text: Text) -> Iterator[Row]:
    """The rows of `text`, in order."""
    decode = decoder().decode
    for line in text.lines():
        place = Place(source=text.source, line=text.line)
        if not line.strip():
            continue
        try:
            value = decode(line)
            fields = {"prompt": value} if isinstance(value, str) else value
            if not isinstance(fields, dict):
                raise FieldError('is neither an object nor text: write {"prompt": "..."}')
            if row := own_row(fields, place) or row_of_a_tool(fields, place):
                yield row
                continue
            refuse_misspelt(fields)
        except json.JSONDecodeError as error:
            yield place.fault(f"is no JSON: {error.msg} at column {error.colno}")
        except RecursionError:
            yield place.fault("is no JSON that can be read: nested too deep")
        except FieldError as error:
            yield place.fault(str(error))
        except ValueError:
            yield place.fault("is no JSON that can be read: a number is too long")
        else:
            yield from rows_of(fields, place)
