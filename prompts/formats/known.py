"""Which formats there are, and which of them a file is in: said by its ending, else by how it begins."""

import importlib
import json
import re
from collections.abc import Callable, Iterator

from ..row import Row
from ..text import Text
from .infotext import is_infotext
from .table import is_header

Reader = Callable[[Text], Iterator[Row]]

_READERS = {  # imported when first used
    "text": ("plain", "read_plain"),
    "infotext": ("infotext", "read_infotext"),
    "table": ("table", "read_table"),
    "jsonl": ("jsonl", "read_jsonl"),
    "json": ("json_file", "read_json"),
    "yaml": ("yaml_file", "read_yaml"),
}
FORMATS = tuple(_READERS)
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
_JSON_OBJECT = re.compile(r'\{\s*("|\}|$)')
_JSON_LIST = re.compile(r'\[\s*([{"]|\]?$)')
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
    if _JSON_OBJECT.match(first):
        return "jsonl" if _is_object(first) else "json"
    if _JSON_LIST.match(first):
        return "json"
    if _YAML.match(first):
        return "yaml"
    if is_header(first):
        return "table"
    return "infotext" if any(is_infotext(line) for line in lines) else "text"


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
