"""Prompts as people type them, each with what it asks, by a careful reader: data that nothing is trained on.

What is drawable of them stands in the world's canonical words (see `facts_seen`); words of which readers may
differ count neither way. The held-out ones are for figures alone: planners are tuned on the others.
"""

import dataclasses
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, Literal, get_args

from ....engine.errors import InputError
from .facts_seen import Claim, is_canonical

FILE = Path(__file__).with_name("typed_prompts.jsonl")
Split = Literal["development", "held-out"]
SPLITS: tuple[Split, ...] = get_args(Split)
LANGUAGES = ("en", "fr")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TypedPrompt:
    """One prompt, and what it asks.

    Args:
        facts: all that it asks for and the world has.
        left_out: its words, in lower case, that ask for what the world cannot show.
        either: its words that may be carried out or named as left out: readers differ.
        tags: what it is an example of.

    Raises:
        InputError: a word does not stand in the prompt, or a fact is not in canonical words.
    """

    prompt: str
    facts: tuple[Claim, ...]
    left_out: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    language: str = "en"
    split: Split = "development"

    def __post_init__(self) -> None:
        for word in (*self.left_out, *self.either):
            if not _stands_in(word, self.prompt):
                raise InputError(f"typed prompt {self.prompt!r}: {word!r} is no word of it")
        for claim in self.facts:
            if not is_canonical(claim):
                raise InputError(f"typed prompt {self.prompt!r}: {claim} is no canonical fact")
        for name, value, known in (("language", self.language, LANGUAGES), ("split", self.split, SPLITS)):
            if value not in known:
                raise InputError(
                    f"typed prompt {self.prompt!r}: {name} {value!r}: choose one of {', '.join(known)}"
                )


def typed_prompts(
    split: str = "all", *, first: int | None = None, path: Path = FILE
) -> tuple[TypedPrompt, ...]:
    """The prompts of a split, or of `all`, in the order of the file.

    Args:
        first: only so many of each split.

    Raises:
        InputError: there is no such split; or the file cannot be read, and which line is wrong.
    """
    if split != "all" and split not in SPLITS:
        raise InputError(f"split {split!r}: not known: choose one of {', '.join(SPLITS)}, all")
    taken: Counter[str] = Counter()
    found: list[TypedPrompt] = []
    for typed in read_typed(path):
        taken[typed.split] += 1
        if split in ("all", typed.split) and (first is None or taken[typed.split] <= first):
            found.append(typed)
    return tuple(found)


def read_typed(path: Path = FILE) -> tuple[TypedPrompt, ...]:
    """All prompts of a file, one JSON object a line. Raises `InputError`, with the line that is wrong."""
    found: list[TypedPrompt] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_typed(json.loads(line)))
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{path}, line {number}: is no typed prompt ({error!r})") from None
    return tuple(found)


def _typed(row: dict[str, Any]) -> TypedPrompt:
    lists = {name: tuple(row[name]) for name in ("left_out", "either", "tags")}
    facts = tuple((kind, text) for kind, text in row["facts"])
    return TypedPrompt(prompt=row["prompt"], facts=facts, language=row["language"], split=row["split"], **lists)


def _stands_in(word: str, prompt: str) -> bool:
    """Whether it stands in the prompt, whole, in any case."""
    return re.search(rf"(?<!\w){re.escape(word.lower())}(?!\w)", prompt.lower()) is not None
