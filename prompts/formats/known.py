"""Which formats there are, and which of them a file is in: said by its ending, else by how it begins."""

import importlib
import json
import re
from collections.abc import Callable, Iterator

from ..row import Row
from ..settings import plain_name
from ..text import Text
from .blocks import is_block
from .infotext import is_infotext
from .structure import LISTS
from .table import is_header, is_separator_line

Reader = Callable[[Text], Iterator[Row]]

_READERS = {  # imported when first used
    "text": ("plain", "read_plain"),
    "infotext": ("infotext", "read_infotext"),
    "table": ("table", "read_table"),
    "jsonl": ("jsonl", "read_jsonl"),
    "json": ("json_file", "read_json"),
    "yaml": ("yaml_file", "read_yaml"),
    "blocks": ("blocks", "read_blocks"),
}
FORMATS = tuple(_READERS)
BY_LINES = frozenset({"text", "jsonl"})
"""Formats that read each line by itself, whatever stands in the others."""
_ENDINGS = {
    ".csv": "table",
    ".tsv": "table",
    ".tab": "table",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
}
_JSON_TEXT = r'"(?:[^"\\]|\\.)*+"'
_JSON_OBJECT = re.compile(rf"\{{\s*(?:$|\}}\s*$|{_JSON_TEXT}\s*(?::|$))")  # unlike {"OPEN"|"CLOSED"} sign
_JSON_LIST = re.compile(rf"\[\s*(?:$|\]\s*$|\{{\s*(?:[\"}}]|$)|{_JSON_TEXT}\s*(?:[,\]]|$))")
_YAML = re.compile(
    r"(---|%YAML.*|(defaults|rows|prompts)\s*:\s*(#.*|\{.*|\[.*)?|-\s+(prompt|text|caption)\s*:.*)$"
)


def format_of(text: Text, ending: str) -> str:
    """The name of the format that the text is in.

    Args:
        ending: of the file's name, with its dot; empty for a stream.
    """
    lines = [line.strip() for line in text.head.splitlines()]
    lines = [line for line in lines if line]
    named = _ENDINGS.get(ending.lower())
    if named == "json" and len(lines) > 1 and _is_object(lines[0]):
        return "jsonl"  # as many name it
    return named or _looks_like([line for line in lines if not line.startswith("#")])


def reader_of(name: str) -> Reader:
    """What reads the format of this name, one of `FORMATS`."""
    module, function = _READERS[name]
    return getattr(importlib.import_module(f".{module}", __package__), function)


def _looks_like(lines: list[str]) -> str:
    first = lines[0] if lines else ""
    if _words_follow(first):  # ["OPEN"] sign over a café
        return "text"
    if _JSON_OBJECT.match(first):
        return "jsonl" if _is_object(first) and not (len(lines) == 1 and _holds_rows(first)) else "json"
    if _JSON_LIST.match(first):
        return "json"
    if _YAML.match(first):
        return "yaml"
    if is_header(first) or is_separator_line(first):
        return "table"
    if is_block(first):
        return "blocks"
    return "infotext" if any(is_infotext(line) for line in lines) else "text"


def _words_follow(line: str) -> bool:
    """Whether a line begins with a whole list or object of JSON, and then goes on with something else."""
    if not line.startswith(("[", "{")):
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(line)
    except (ValueError, RecursionError):
        return False
    rest = line[end:].lstrip()
    return bool(rest) and not rest.startswith(("[", "{", ",", "#"))


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _holds_rows(line: str) -> bool:
    """Whether the object on this line holds a list of rows, as `structure` knows them."""
    value = json.loads(line)
    return any(isinstance(each, list) and plain_name(name) in LISTS for name, each in value.items())
