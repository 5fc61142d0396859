"""An instruction in words ("make the boat red") and a wording; what the wording becomes by it, and where.

Rules over what the wording says of things, of the setting and of the style, in the words of a vocabulary; the
clauses of an instruction are carried out one after the other. What it changes is asked for, all else as it was
before; what it says beyond that is left out, and so is what was left out before, but for what was said of a
thing that there is no more.
"""

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, get_args

from ...engine.errors import InputError
from ...engine.language.closed_vocabulary import vocabulary as closed
from ...engine.language.closed_vocabulary.phrases import misspelt_in, pieces_of
from ...engine.language.words.common_words import NEGATIONS, words
from ...engine.language.words.content import content_words, joined, plain, plain_words
from ...engine.values.fact import Span
from ...engine.values.start import Wording
from ..vocabulary import Vocabulary, Words, meaning
from .phrases import Phrase, phrase_of, phrases_in
from .rewording import with_other_thing, with_setting, with_style
from .scene_changes import named_of
from .scene_clauses import arranged

Where = Literal["thing", "around things", "everywhere"]
INSTRUCTING = words(
    """
    now make makes change changes turn transform convert move moves put set place places use bring take keep
    switch swap replace exchange substitute dye redraw redo render background everything whole instead time
    becomes become look looks much more bit add include insert also plus then another shift slide
    """
)
"""Words that tell to change something, and not what."""
ARTICLES = ("a", "an", "the")
_INSTEAD = (
    r"(?:(?:put|draw|paint|show|place|use)\s+)?(?P<new>.+?)\s+(?:instead|in (?:the )?place)\s+of\s+(?P<old>.+)",
    r"(?:replace|swap|exchange|substitute)\s+(?P<old>.+?)\s+(?:by|with|for)\s+(?P<new>.+)",
    r"(?:change|turn|transform|make)\s+(?P<old>.+?)\s+(?:into|to)\s+(?P<new>.+)",
    r"(?:turn|make)\s+(?P<old>the .+?)\s+(?P<new>an? .+)",
)
_BECOMES = r"(?:make|paint|colou?r|turn|dye|change)\s+(?P<rest>.+)"
_IS = r"(?P<old>.+?)\s+(?:is|should be|must be|becomes)\s+(?P<how>.+)"
_MORE = {"bigger": "big", "larger": "big", "smaller": "small", "tinier": "small"}


_STRONG = r"\s*(?:[,;.!]|\band then\b|\bthen\b|\bbut\b)\s*(?:(?:and|then|also|plus|but)\b\s*)*"
_WEAK = rf"{_STRONG}|\s+(?:and|also|plus)\s+"
"""What parts the clauses of an instruction for sure, and what may part them."""
_VERBS = r"(?:make|paint|colou?r|turn|add|remove|delete|erase|put|draw|move|place|include|insert|take away)\b"
_PRONOUNS = r"\b(?:it|them)\b"
_SURELY = "remove|delete|erase|take away|take out|get rid of|hide|replace|swap|exchange|substitute|add|insert"
_PERHAPS = "make|change|turn|transform|convert|paint|colou?r|dye|put|place|move|shift|set|draw|redraw|keep"
_THERE = "the|it|them|this|that|these|those|its|everything"
_ASKS = rf"(?:{_SURELY})\b|(?:{_PERHAPS})\s+(?:{_THERE})\b"
_INSTRUCTION = rf"(?:(?:please|now|then|can you|could you)\s+)*(?:{_ASKS})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """What an instruction comes to.

    Args:
        wording: what the picture is to show; what is left out has no place in it.
        where: what of it is to be drawn anew: things and places; what is not as likely as before; everything.
        things: what the old wording says of things that change.
        gone: and of those that are taken away.
        stacked: whether those that are taken away stood above or below others: then the ground goes on to both
            sides of them, and no drafter is asked, which would put there what stays.
        places: where in the picture others come.
        unread: whether the instruction asks for more than this.
    """

    wording: Wording
    where: Where = "thing"
    things: tuple[Phrase, ...] = ()
    gone: tuple[Phrase, ...] = ()
    stacked: bool = False
    places: tuple[str, ...] = ()
    unread: bool = False

    def after(self, before: "Change") -> "Change":
        """This change, of what `before` made of the wording."""
        return dataclasses.replace(
            self,
            where=max(before.where, self.where, key=get_args(Where).index),
            things=(*before.things, *self.things),
            gone=(*before.gone, *self.gone),
            stacked=before.stacked or self.stacked,
            places=(*before.places, *self.places),
        )


@dataclasses.dataclass(frozen=True)
class _Understood:
    """A change, the words of the instruction that it carries out, and what of the old left-outs it does away
    with."""

    change: Change
    words: Collection[str]
    gone: Collection[Span] = ()


def is_instruction(text: str) -> bool:
    """Whether a text says what is to change in a picture ("make the boat red", "remove it"), and not what a
    whole one shows ("a red boat", "paint a red boat")."""
    return re.match(_INSTRUCTION, " ".join(text.lower().split())) is not None


def changed(
    wording: Wording, instruction: str, vocabulary: Vocabulary, *, known: closed.Vocabulary | None = None
) -> Change | None:
    """The change that an instruction asks for; `None` where it is not understood, or says nothing of these.

    Args:
        known: what the planner knows, if not any words; then things are added, taken away and moved, too.

    Raises:
        InputError: it is understood, and cannot be carried out.
    """
    if known is not None:
        instruction = _spelled(instruction, known)
    text = re.sub(r"^(?:please|now)\s+", "", " ".join(instruction.lower().split())).strip(" .!,")
    best: tuple[Change, tuple[Span, ...]] | None = None
    refusal: InputError | None = None
    for clauses in _readings(text):
        try:
            found = _carried_out(wording, clauses, vocabulary, known)
        except InputError as error:
            refusal = refusal or error
            continue
        if found is None:
            continue
        rest = unread(instruction, found.words)
        if best is None or len(rest) < len(best[1]):
            kept = [each for each in found.change.wording.left_out if each not in found.gone]
            new = dataclasses.replace(found.change.wording, left_out=left_out_after(rest, kept))
            best = dataclasses.replace(found.change, wording=new, unread=bool(rest)), rest
    if refusal is not None and (best is None or best[1]):
        raise refusal
    return best and best[0]


def _spelled(instruction: str, known: closed.Vocabulary) -> str:
    """The instruction with each word that is a slip of one that is known as that one, as prompts are read; and
    each picture sign as the word for what it shows."""
    for piece in reversed(pieces_of(instruction, known)[0]):
        if piece.word in known.signs:
            before, behind = instruction[: piece.span.start], instruction[piece.span.end :]
            instruction = f"{before}{known.signs[piece.word]}{behind}"
    for typed, meant in misspelt_in(instruction, known).items():
        instruction = re.sub(rf"\b{re.escape(typed)}\b", meant, instruction)
    return instruction


def _readings(text: str) -> list[tuple[str, ...]]:
    """Ways to part an instruction into clauses: not at all, at commas, and wherever it may be."""
    ways = [(text,), *(re.split(pattern, text) for pattern in (_STRONG, _WEAK))]
    parted = [tuple(filter(None, way)) for way in ways]
    return list(dict.fromkeys([*parted, parted[-1][::-1]]))  # the last: a thing may come before another goes


def _carried_out(
    wording: Wording, clauses: Sequence[str], vocabulary: Vocabulary, known: closed.Vocabulary | None
) -> _Understood | None:
    """All clauses that are understood, one after the other; `None` where none is."""
    total = Change(wording=wording)
    words: set[str] = set()
    gone: set[Span] = set()
    verb, subject, understood = "", "", False
    for clause in clauses:
        subject = _subject(clause, vocabulary) or subject or _only_thing(total.wording, vocabulary)
        for way in _ways(clause, verb, subject):
            found = _step(wording, total.wording, way, vocabulary, known)
            if found is not None:
                left_out = found.change.wording.left_out or total.wording.left_out
                kept = dataclasses.replace(found.change.wording, left_out=left_out)
                total = dataclasses.replace(found.change, wording=kept).after(total)
                words.update(found.words)
                gone.update(found.gone)
                understood = True
                break
        said = re.match(_VERBS, clause)
        verb = said[0] if said else verb
    return _Understood(total, words, gone) if understood else None


def _ways(clause: str, verb: str, subject: str) -> Iterator[str]:
    """A clause as it stands, and with what it leaves to the one before: its verb, and what it speaks of."""
    whole = re.sub(_PRONOUNS, f"the {subject}", clause) if subject else clause
    yield whole
    if verb and not re.match(_VERBS, clause):
        yield f"{verb} {whole}"
        if subject:
            yield f"{verb} the {subject} {whole}"


def _subject(clause: str, vocabulary: Vocabulary) -> str:
    """The first thing that a clause names."""
    (first, *_) = phrases_in(clause, vocabulary) or [None]
    return " ".join(filter(None, (first.size, first.colour, first.noun))) if first else ""


def _only_thing(wording: Wording, vocabulary: Vocabulary) -> str:
    named = phrases_in(wording.prompt, vocabulary)
    return named[0].noun if len(named) == 1 else ""


def _step(
    original: Wording,
    wording: Wording,
    clause: str,
    vocabulary: Vocabulary,
    known: closed.Vocabulary | None,
) -> _Understood | None:
    """What one clause changes: a thing or where things are, and the setting and the style."""
    rest, elsewhere = clause, None
    if not NEGATIONS.intersection(plain_words(clause)):
        elsewhere = _elsewhere(wording, clause, vocabulary)
        rest = _without(clause, elsewhere.words) if elsewhere else clause
        rules = (_becomes, _instead)
        found = next(filter(None, (rule(wording, rest, vocabulary) for rule in rules)), None)
        if found is not None:
            things = [_in_original(original, phrase, vocabulary) for phrase in found.change.things]
            change = dataclasses.replace(found.change, things=tuple(filter(None, things)))
            return _with_elsewhere(_Understood(change, found.words, found.gone), elsewhere, clause, vocabulary)
    if known is not None and (arrangement := arranged(wording, rest, known)):
        gone = [phrase_of(named_of(thing), original.prompt, vocabulary) for thing in arrangement.gone]
        change = Change(
            wording=arrangement.wording,
            where="around things" if arrangement.moved else "thing",
            gone=tuple(filter(None, gone)),
            stacked=arrangement.stacked,
            places=arrangement.places,
        )
        return _with_elsewhere(_Understood(change, arrangement.read), elsewhere, clause, vocabulary)
    return elsewhere


def _with_elsewhere(
    found: _Understood, elsewhere: _Understood | None, clause: str, vocabulary: Vocabulary
) -> _Understood:
    """A change of things, and what the same clause says of the setting and the style."""
    if elsewhere is None:
        return found
    again = _elsewhere(found.change.wording, clause, vocabulary)
    assert again is not None, "what was named once is named again"
    wording = dataclasses.replace(again.change.wording, left_out=found.change.wording.left_out)
    change = dataclasses.replace(again.change, wording=wording).after(found.change)
    return _Understood(change, {*found.words, *again.words}, found.gone)


def _without(clause: str, said: Collection[str]) -> str:
    """A clause without the words that say a setting or a style, and the preposition before them."""
    for word in said:
        clause = re.sub(rf"\b{re.escape(word)}\b", " ", clause, count=1)
    return re.sub(r"\s+(?:to|into|in|at|on|as)$", "", " ".join(clause.split()))


def _in_original(original: Wording, phrase: Phrase, vocabulary: Vocabulary) -> Phrase | None:
    """What the first wording says of a thing: clauses before may have changed its colour."""
    known = phrases_in(original.prompt, vocabulary)
    alike = [each for each in known if each.kind == phrase.kind]
    same = [each for each in alike if (each.colour, each.size) == (phrase.colour, phrase.size)]
    return next(iter([*same, *alike]), None)


def left_out_after(unread: Iterable[Span], before: Iterable[Span]) -> tuple[Span, ...]:
    """What is left out of a changed wording: what was `before`, and what of an instruction is `unread`. They
    are words of two texts, and stand in neither the new wording nor, for sure, the new request's prompt."""
    return tuple(dict.fromkeys(Span.elsewhere(span.text) for span in (*before, *unread)))


def unread(instruction: str, read: Collection[str]) -> tuple[Span, ...]:
    """Words of an instruction that ask for something, and are none of those that were `read`."""
    known = {*INSTRUCTING, *read}
    return joined(instruction, [each for each in content_words(instruction) if plain(each.text) not in known])


def _said_of(wording: Wording, thing: Phrase, vocabulary: Vocabulary) -> list[Span]:
    """What was left out of the words right before a thing, and so goes with it: of `a furry cat`, say."""
    if thing.several or sum(phrase.kind == thing.kind for phrase in phrases_in(wording.prompt, vocabulary)) > 1:
        return []  # of which of them was it said?
    of_it = [
        fact
        for fact in wording.facts
        if any(phrase.kind == thing.kind for phrase in phrases_in(fact.text, vocabulary))
    ]
    starts = [fact.span.start for fact in of_it if fact.span is not None]
    left_out = [span for span in wording.left_out if span.has_place]
    return [span for span in left_out if any(span.end + 1 == start for start in starts)]


def _becomes(wording: Wording, text: str, vocabulary: Vocabulary) -> _Understood | None:
    """'make the boat red', 'the boat should be bigger', 'make the boat and the tree blue'."""
    for said, how in _things_and_hows(text):
        olds = [_one_thing(each, wording.prompt, vocabulary) for each in re.split(r"(?:,| and)\s+", said)]
        said_how: list[str] = re.findall(r"[\w-]+", how)
        ways = {word: _MORE.get(word, word) for word in said_how}
        colour = next((way for way in ways.values() if meaning(vocabulary, "colour", way)), "")
        size = next((way for way in ways.values() if meaning(vocabulary, "size", way)), "")
        if all(olds) and (colour or size):
            read = [word for word, way in ways.items() if way in (colour, size)]
            usual_size = meaning(vocabulary, "size", size)
            new = wording
            for old in sorted(filter(None, olds), key=lambda phrase: phrase.start, reverse=True):
                new = with_other_thing(
                    new,
                    old,
                    vocabulary,
                    colour=meaning(vocabulary, "colour", colour),
                    size=size if usual_size == vocabulary.plain_size else usual_size,
                )
            change = Change(wording=new, things=tuple(filter(None, olds)))
            return _Understood(change, plain_words(" ".join((said, *read))))
    return None


def _things_and_hows(text: str) -> Iterator[tuple[str, str]]:
    """All ways to part an instruction into a thing and what it is to be, the longest thing first."""
    if match := re.fullmatch(_BECOMES, text):
        rest = match["rest"].split()
        for i in range(len(rest) - 1, 0, -1):
            yield " ".join(rest[:i]), re.sub(r"^(?:to|into)\s+", "", " ".join(rest[i:]))
    if match := re.fullmatch(_IS, text):
        yield match["old"], match["how"]


def _one_thing(said: str, prompt: str, vocabulary: Vocabulary) -> Phrase | None:
    """What the prompt says of a thing, if `said` is the name of one, and of one only."""
    things = phrases_in(said, vocabulary)
    if things and (things[-1].end != len(said) or (len(things) > 1 and re.search(_WEAK, said))):
        return None
    return phrase_of(said, prompt, vocabulary)


def _instead(wording: Wording, text: str, vocabulary: Vocabulary) -> _Understood | None:
    """'put a cat instead of the boat', 'replace the boat by a cat', 'make the boat a cat'."""
    for pattern in _INSTEAD:
        if match := re.fullmatch(pattern, text):
            old = _one_thing(match["old"], wording.prompt, vocabulary)
            (new, *_) = phrases_in(match["new"], vocabulary) or [None]
            if match["new"].startswith("the ") and phrase_of(match["new"], wording.prompt, vocabulary):
                continue  # both are in the picture
            if old is not None and new is not None:
                other = with_other_thing(
                    wording, old, vocabulary, kind=new.kind, colour=new.colour, size=new.size
                )
                change = Change(wording=other, things=(old,))
                number = "one" if new.number == "one" and not old.several else ""
                read = (match["old"], new.noun, new.colour, new.size, number)
                return _Understood(change, plain_words(" ".join(read)), _said_of(wording, old, vocabulary))
    return None


def _elsewhere(wording: Wording, text: str, vocabulary: Vocabulary) -> _Understood | None:
    """'at night', 'move it to the beach', 'make it an ink drawing'."""
    setting, setting_words = _named(text, vocabulary.ways["setting"])
    style, style_words = _named(text, vocabulary.ways["style"])
    if not setting and not style:
        return None
    new = with_setting(wording, setting, vocabulary) if setting else wording
    new = with_style(new, style, vocabulary) if style else new
    change = Change(wording=new, where="everywhere" if style else "around things")
    return _Understood(change, (*setting_words, *style_words))


def _named(text: str, ways: Mapping[Words, str]) -> tuple[str, Words]:
    """Of settings or styles the one that the text names, by its longest words, and these; empty for none."""
    nouns = {noun: usual for way, usual in ways.items() if (noun := _noun_of(way))}
    said = f" {' '.join(plain_words(text))} "
    for way, usual in sorted({**nouns, **ways}.items(), key=lambda each: -len(" ".join(each[0]))):
        if f" {' '.join(way)} " in said:
            return usual, way
    return "", ()


def _noun_of(way: Words) -> Words:
    """'the beach' of 'at the beach': as an instruction names it behind words of its own; empty for none."""
    return next((way[i:] for i, word in enumerate(way[:-1]) if word in ARTICLES), ())
