"""The words by which generic pipelines read what a picture shows, and say it in another way.

Edit, Inpaint and StyleSheet know this protocol alone. `vocabulary_for` finds the words of a recipe: those of
its planner, where that comes with a vocabulary; else `everyday_words`, for planners that take any words.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from ..engine.language.closed_vocabulary import vocabulary as closed
from ..engine.language.closed_vocabulary.vocabulary import plain_words
from . import everyday_words
from .recipes.reader import Recipe

Category = Literal["kind", "plural", "colour", "size", "number", "setting", "style"]
"""What a phrase says. `kind` is one thing, `plural` several of a kind."""

Words = tuple[str, ...]
"""A phrase, as `plain_words` has it."""

PLANNER = "causal-lm"
"""The family of planners that may come with a vocabulary."""


class Vocabulary(Protocol):
    """Words of one world or another, in as many languages as it likes; wordings are in the usual phrases.

    Attributes:
        ways: of each category all ways to say something, and the usual phrase for it, e.g. `crimson` and `red`.
            The usual phrases stand in an order that does not change.
        plurals: of each kind by its usual noun the usual noun for several.
        plain_size, plain_style: the usual phrases of those that need not be said.
    """

    @property
    def ways(self) -> Mapping[Category, Mapping[Words, str]]: ...
    @property
    def plurals(self) -> Mapping[str, str]: ...
    @property
    def plain_size(self) -> str: ...
    @property
    def plain_style(self) -> str: ...


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class WordTable:
    """A vocabulary that is a table; arguments as `Vocabulary`'s attributes."""

    ways: Mapping[Category, Mapping[Words, str]]
    plurals: Mapping[str, str]
    plain_size: str
    plain_style: str


def usual(vocabulary: Vocabulary, category: Category) -> tuple[str, ...]:
    """The usual phrases of a category, each once, in the vocabulary's order."""
    return tuple(dict.fromkeys(vocabulary.ways[category].values()))


def meaning(vocabulary: Vocabulary, category: Category, said: str) -> str:
    """The usual phrase for what is said; empty where the vocabulary does not have it."""
    return vocabulary.ways[category].get(plain_words(said), "")


def vocabulary_for(recipe: Recipe) -> Vocabulary:
    """The words of a recipe's planner, or everyday words where that takes any.

    Raises:
        CheckpointError: the planner is missing, or its vocabulary damaged.
    """
    folder = _planner_folder(recipe)
    return EVERYDAY if folder is None else _table_in(folder, _changed(folder))


def words_by_heart(recipe: Recipe) -> Vocabulary:
    """Of a recipe with a memory the words that its planner knows without it: those of what the drafter has
    learnt. Else all; errors as `vocabulary_for`."""
    folder = _planner_folder(recipe, with_memory=False)
    return vocabulary_for(recipe) if folder is None else _table_in(folder, _changed(folder))


def planner_vocabulary(recipe: Recipe) -> closed.Vocabulary | None:
    """All that a recipe's planner knows; `None` where it takes any words. Errors as `vocabulary_for`."""
    folder = _planner_folder(recipe)
    return None if folder is None else _read(folder, _changed(folder))


def ways_by_category(vocabulary: closed.Vocabulary) -> dict[str, dict[str, list[str]]]:
    """All words of a planner: by what they say (`kind`, `colour`, …) the usual phrases, each with the other
    ways to say it."""
    found: dict[str, dict[str, list[str]]] = {}
    for phrase, term in vocabulary.terms.items():
        ways = found.setdefault(term.category, {}).setdefault(term.value, [])
        if (said := _spoken(phrase)) != term.value:
            ways.append(said)
    return found


def _spoken(phrase: Words) -> str:
    """The words as they are written: those of one letter each, of languages that part none, stand together."""
    stand_together = all(len(word) == 1 for word in phrase) and not "".join(phrase).isascii()
    return ("" if stand_together else " ").join(phrase)


def _planner_folder(recipe: Recipe, *, with_memory: bool = True) -> Path | None:
    """Where the recipe's planner lies, or its memory, if it is one that comes with a vocabulary."""
    from ..engine.models.checkpoint.folder import folder_of

    plan = recipe.stages.get("plan")
    if plan is None or plan.model.family != PLANNER:
        return None
    read = plan.models.get("memory", plan.model) if with_memory else plan.model
    folder = folder_of(read.checkpoint)
    return folder if (folder / closed.FILE).exists() else None


def _changed(folder: Path) -> int:
    """When its vocabulary was last written, so that one that is written anew is read anew."""
    return (folder / closed.FILE).stat().st_mtime_ns


@functools.lru_cache(maxsize=8)
def _read(folder: Path, changed_ns: int) -> closed.Vocabulary:
    vocabulary = closed.read_vocabulary(folder)
    assert vocabulary is not None, f"{folder} has no {closed.FILE}"
    return vocabulary


@functools.lru_cache(maxsize=8)
def _table_in(folder: Path, changed_ns: int) -> WordTable:
    """The vocabulary of a planner's folder, as generic pipelines know it."""
    vocabulary = _read(folder, changed_ns)
    ways: dict[Category, dict[Words, str]] = {category: {} for category in EVERYDAY.ways}
    for phrase, term in vocabulary.terms.items():
        category = "plural" if term.category == "kind" and term.plural else term.category
        if category in ways:
            ways[category][phrase] = term.value
    return WordTable(
        ways=ways,
        plurals={kind.name: kind.plural for kind in vocabulary.kinds.values()},
        plain_size=vocabulary.plain_size,
        plain_style=vocabulary.plain_style,
    )


def _ways(table: Mapping[str, Iterable[str]]) -> dict[Words, str]:
    """The ways of a table that has them by usual phrases."""
    return {plain_words(way): usual for usual, ways in table.items() for way in (usual, *ways)}


EVERYDAY: Vocabulary = WordTable(
    ways={
        "kind": _ways(everyday_words.KINDS),
        "plural": {
            plain_words(everyday_words.plural(way)): kind
            for kind, ways in everyday_words.KINDS.items()
            for way in (kind, *ways)
        },
        "colour": _ways(everyday_words.COLOURS),
        "size": _ways(everyday_words.SIZES),
        "number": _ways(everyday_words.NUMBERS),
        "setting": _ways(everyday_words.SETTINGS),
        "style": _ways(everyday_words.STYLES),
    },
    plurals={kind: everyday_words.plural(kind) for kind in everyday_words.KINDS},
    plain_size=everyday_words.PLAIN_SIZE,
    plain_style=everyday_words.PLAIN_STYLE,
)
"""For planners that take any words."""
