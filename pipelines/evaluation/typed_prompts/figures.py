"""How often the engine's word about its own pictures of typed prompts is right: shares, with 95 % intervals.

false_accepts             of the accepted pictures: something that was asked is not there
false_accepts_of_all      the same, of all prompts
false_accepts_of_wanting  the same, of the prompts of which something that was asked is not there
false_rejects             of the prompts whose pictures show all that was asked, and of those wholly drawable
                          that were refused: not accepted
refused                   of all prompts: no picture
shown                     of the facts that were asked, those the inspector can tell: those it sees
words, precision, recall  of the words left out those that are to be; and the other way round
facts, precision, recall  of the facts that the plan says were asked; of those that were
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..figures import Share
from .renders import WordsRow

Figures = dict[str, Share]


def acceptance_of(rows: Sequence[WordsRow]) -> Figures:
    """Whether what was accepted deserved it, and what deserved it was accepted."""
    false_accepts = sum(row.false_accept for row in rows)
    answers = [shown for row in rows for shown in row.answers.values() if shown is not None]
    return {
        "accepted": Share.of_truths(row.accepted for row in rows),
        "false_accepts": Share(false_accepts, sum(row.accepted for row in rows)),
        "false_accepts_of_all": Share(false_accepts, len(rows)),
        "false_accepts_of_wanting": Share(false_accepts, sum(row.wanting for row in rows)),
        "false_rejects": Share.of_truths(not row.accepted for row in rows if row.deserving),
        "refused": Share.of_truths(bool(row.error) for row in rows),
        "shown": Share.of_truths(answers),
    }


def left_out_of(rows: Sequence[WordsRow]) -> Figures:
    """Whether the words named as left out are those that cannot be shown."""
    answered = [row.words for row in rows if not row.error]
    found = sum(len(words.found) for words in answered)
    return {
        "precision": Share(found, found + sum(len(words.wrongly) for words in answered)),
        "recall": Share(found, sum(len(words.to_find) for words in answered)),
        "prompts": Share.of_truths(words.found == words.to_find and not words.wrongly for words in answered),
    }


def asked_of(rows: Sequence[WordsRow]) -> Figures:
    """Whether the facts that the plan says were asked are those that were."""
    facts = [row.facts for row in rows if not row.error]
    right = sum(len(each.right) for each in facts)
    return {
        "precision": Share(right, right + sum(len(each.wrong) for each in facts)),
        "recall": Share(right, right + sum(len(each.missing) for each in facts)),
    }


def by_tag(rows: Sequence[WordsRow]) -> dict[str, dict[str, Figures]]:
    """The figures of the prompts of each tag."""
    tags = sorted({tag for row in rows for tag in row.typed.tags})
    return {tag: figures_of([row for row in rows if tag in row.typed.tags]) for tag in tags}


def by_language(rows: Sequence[WordsRow]) -> dict[str, dict[str, Figures]]:
    """The figures of the prompts in each language."""
    return _parted(rows, lambda row: row.typed.language)


def by_split(rows: Sequence[WordsRow]) -> dict[str, dict[str, Figures]]:
    """The figures of development and held-out prompts."""
    return _parted(rows, lambda row: row.typed.split)


def figures_of(rows: Sequence[WordsRow]) -> dict[str, Figures]:
    """All of them; nothing of what was accepted where no pictures were made."""
    judged = any(row.seen for row in rows)
    acceptance = acceptance_of(rows) if judged else {}
    return {"acceptance": acceptance, "words": left_out_of(rows), "facts": asked_of(rows)}


def _parted(rows: Sequence[WordsRow], key: Callable[[WordsRow], str]) -> dict[str, dict[str, Figures]]:
    parts: Mapping[str, list[WordsRow]] = {name: [] for name in _once(map(key, rows))}
    for row in rows:
        parts[key(row)].append(row)
    return {name: figures_of(part) for name, part in parts.items()}


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
