"""The things that art of people shows: what each is called in eight languages, and how it stands in a scene.

The table is `things.jsonl`, one thing a line, looked through by hand. Its labels in other languages than
English come from emojibase-data. What no set of icons has, `own` tells of: a table of the same form, and an SVG
file beside it for each thing, which we drew ourselves. Knows nothing of pictures (see `hands`).
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from ....engine.language.words.inflection import an as an
from ..world import COLOURS

TABLE = Path(__file__).with_name("things.jsonl")
OWN = Path(__file__).with_name("own")
TURNED = Path(__file__).with_name("turned.toml")
LANGUAGES: tuple[str, ...] = ("en", "zh", "es", "fr", "de", "ja", "pt", "hi")
STANDS: tuple[str, ...] = ("ground", "air", "water")
SIZES_BY_NATURE: tuple[str, ...] = ("small", "middling", "large")


@dataclass(frozen=True, kw_only=True)
class Said:
    """The ways to say a kind in one language, the usual one first.

    `plurals` go with `words`, '' where there is none; English has one for each, other languages at most one.
    `bare` words take no article ('jeans'). `gender` is m, f, n, or '' where the language has none or nobody
    knows.
    """

    words: tuple[str, ...]
    plurals: tuple[str, ...] = ()
    bare: frozenset[str] = frozenset()
    gender: str = ""

    @property
    def plural(self) -> str:
        return self.plurals[0] if self.plurals else ""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of thing. `name` is its usual English noun, in lower case.

    `colours` are those of the world's ten that it may be turned to, by the part that `turns` (see
    `colours.PARTS`), `own` the one it has by itself, '' if none of them; `stands` one of `STANDS`; `size` one
    of `SIZES_BY_NATURE`; others may stand on what `carries`. `sign` is its picture sign, where it has one.
    """

    name: str
    said: Mapping[str, Said] = field(repr=False, hash=False)
    icon: str = ""
    category: str = ""
    colours: tuple[str, ...] = ()
    own: str = ""
    turns: str = ""
    stands: str = "ground"
    size: str = "middling"
    carries: bool = False
    sign: str = ""

    @property
    def plural(self) -> str:
        return self.said["en"].plural

    @property
    def looks(self) -> tuple[str, ...]:
        """The colours that a thing of this kind can have: its own, or '' where that has no name, before
        others."""
        return (self.own, *(colour for colour in self.colours if colour != self.own))

    @property
    def floats(self) -> bool:
        return self.stands != "ground"


Kinds = Mapping[str, Kind]


@cache
def known_kinds() -> Kinds:
    """The kinds of the table, by name, in the table's order, in all colours that may be wished for."""
    wished = _wished()
    return {name: wished.get(name, _as_it_is)(kind) for name, kind in _kinds_in(TABLE).items()}


@cache
def own_kinds() -> Kinds:
    """The kinds that we drew ourselves, none of which is in the table; the icon is the SVG file's name."""
    return _kinds_in(OWN / TABLE.name)


def kind_of(row: Mapping[str, Any]) -> Kind:
    """The kind that a row of the table tells of."""
    colours = row["colours"]
    return Kind(
        name=row["kind"],
        said={language: _said(row[language]) for language in LANGUAGES if language in row},
        icon=row["icon"],
        category=row["category"],
        colours=tuple(COLOURS) if colours == "all" else tuple(colours),
        own=row["own"],
        turns=row.get("turns", ""),
        stands=row["stands"],
        size=row["size"],
        carries=row.get("carries", False),
        sign=row.get("emoji", ""),
    )


def _kinds_in(table: Path) -> Kinds:
    rows = (json.loads(line) for line in table.read_text(encoding="utf-8").splitlines())
    return {kind.name: kind for kind in map(kind_of, rows)}


def _wished() -> Mapping[str, Callable[[Kind], Kind]]:
    """By kind: how it is to be had in colours that such things hardly have; see `TURNED`."""
    table = tomllib.loads(TURNED.read_text(encoding="utf-8"))
    every = partial(replace, colours=tuple(COLOURS))
    return {
        **dict.fromkeys(table["any"], every),
        **dict.fromkeys(table["grey"], partial(every, turns="grey")),
        **{name: partial(replace, colours=tuple(colours)) for name, colours in table["some"].items()},
    }


def _as_it_is(kind: Kind) -> Kind:
    return kind


def _said(row: Mapping[str, Any]) -> Said:
    return Said(
        words=tuple(row["words"]),
        plurals=tuple(row["plurals"]) if "plurals" in row else (row["plural"],) if "plural" in row else (),
        bare=frozenset(row.get("bare", ())),
        gender=row.get("gender", ""),
    )
