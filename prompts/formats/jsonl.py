"""JSON Lines: an object or a text in quotes on each line (also known as NDJSON).

A line that is no JSON is a row with a fault; the others are read.
"""

import json
from collections.abc import Iterator

from ..entry import Place, rows_of
from ..row import Row
from ..settings import FieldError, refuse_misspelt
from ..text import Text
from .json_file import decoder


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
