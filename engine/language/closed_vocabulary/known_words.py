"""The words of a prompt that are given to a planner which knows words, but not what they mean.

Such a planner was trained on a user's own pictures and captions; its `words.json` has the words of these.
"""

import dataclasses
import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from ...errors import CheckpointError
from ...values.fact import Span
from ..words.content import content_words, joined, plain, plain_words, words_of
from ..words.prompt_syntax import marked

FILE = "words.json"
_PARTS = re.compile(r"[,;:.!?\n]")  # two clauses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clause:
    """The known words of a prompt between two marks.

    Args:
        text: as the planner gets them.
        words: those that ask for something, as the planner knows them.
        span: from the first to the last of the clause, as it stands in the prompt.
    """

    text: str
    words: frozenset[str]
    span: Span


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """A prompt in a planner's words.

    Args:
        clauses: without those that ask for nothing.
        places: of the words that ask for something, the first place of each.
        left_out: what asks for something in words that the planner does not know, or by marks.
    """

    clauses: tuple[Clause, ...]
    places: dict[str, Span]
    left_out: tuple[Span, ...]

    @property
    def text(self) -> str:
        """What the planner gets."""
        return ", ".join(clause.text for clause in self.clauses)


def known_in(prompt: str, words: Collection[str]) -> Known:
    """What of a prompt is said in these words, which are in lower case; a plural may be known by its singular.

    Small words go with the next word that asks for something, and are left out where that is not known.
    """
    text, content = marked(prompt).text, content_words(prompt)
    places: dict[str, Span] = {}
    unknown: list[Span] = [*marked(prompt).cannot]
    for span in content:
        word = _known(span, words)
        if word:
            places.setdefault(word, span)
        else:
            unknown.append(span)
    clauses: list[Clause] = []
    said: list[Span] = []
    for span in words_of(text):
        if said and _PARTS.search(text, said[-1].end, span.start):
            clauses += _clause(prompt, said, content, words)
            said = []
        said.append(span)
    clauses += _clause(prompt, said, content, words)
    return Known(clauses=tuple(clauses), places=places, left_out=joined(prompt, unknown))


def read_words(folder: Path) -> frozenset[str] | None:
    """The words that the planner in a folder knows; `None` where it has no `words.json`.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        said = [*table["words"], *table.get("fillers", ())]  # which earlier versions kept apart
        return frozenset(word for each in said for word in plain_words(each))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: holds no list of words ({error}): ship the planner again") from None


def _clause(prompt: str, said: Sequence[Span], content: Sequence[Span], words: Collection[str]) -> list[Clause]:
    places = {(span.start, span.end) for span in content}
    known: list[tuple[Span, str]] = []
    asking: set[str] = set()
    leading: list[tuple[Span, str]] = []  # small words, which go with the next one that asks for something
    for span in said:
        word = _known(span, words)
        if (span.start, span.end) not in places:
            leading += [(span, word)] if word else []
            continue
        if word:
            known += [*leading, (span, word)]
            asking.add(word)
        leading = []
    if not known:
        return []
    whole = Span.of(prompt, known[0][0].start, known[-1][0].end)
    return [Clause(text=" ".join(word for _, word in known), words=frozenset(asking), span=whole)]


def _known(span: Span, words: Collection[str]) -> str:
    """The word as the planner knows it; empty where it does not."""
    word = plain(span.text)
    return next((each for each in (word, word.removesuffix("s")) if each in words), "")
