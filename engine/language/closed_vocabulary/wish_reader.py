"""Reads a prompt into a wish, by rule, from left to right.

A noun takes the adjectives and the number before it, if no other noun stands between; what is said without a
noun ('it is red', tags) is said of the noun before, or else of the next. What does not belong to a known noun
('a red dog', 'the dog is red') is left out with it.
"""

import dataclasses
from collections.abc import Sequence

from ...values.fact import Span
from ..words.content import joined
from ..words.grammar_words import (
    AND,
    ANOTHER,
    DEFINITE,
    EVERYTHING,
    JOINS,
    ONE,
    OTHERS,
    PRONOUNS,
    SAID_TO_BE,
    VERBS_FOLLOW,
    WHICH,
)
from .context import ARTICLES, in_context, of_others
from .negation import affirmed
from .phrases import Piece, pieces_of
from .relations import OpenRelations
from .surroundings import Surroundings, is_one
from .vocabulary import Term, Vocabulary
from .wish import BETWEEN, Relation, Said, Thing, Wish

MOST_THINGS = 64  # that are read; far more than anybody draws
_SPOKEN = ("kind", "colour", "size", "number", "several")


def wish_of(prompt: str, vocabulary: Vocabulary) -> Wish:
    """Read a prompt."""
    pieces, cannot = pieces_of(prompt, vocabulary)
    found = affirmed(in_context(pieces), vocabulary)
    reader = _Reader(found.pieces, vocabulary)
    reader.read()
    return Wish(
        prompt=prompt,
        things=tuple(reader.things),
        relations=tuple(reader.relations),
        setting=reader.setting,
        style=reader.style,
        denied=found.denied,
        left_out=joined(prompt, [*reader.left_out, *found.left_out, *cannot]),
    )


class _Reader(Surroundings):
    """One prompt under way: the noun spoken of last, and adjectives that wait for theirs."""

    def __init__(self, pieces: Sequence[Piece], vocabulary: Vocabulary) -> None:
        super().__init__(pieces)
        self._vocabulary = vocabulary
        self._waiting: list[Piece] = []
        self._places: list[Piece] = []  # said before any thing of their part of the sentence
        self._open = OpenRelations()
        self._spoken: int | None = None  # the thing that what follows without a noun is said of
        self._since_break: int | None = None  # the thing spoken of in this part of the sentence
        self._strange = False  # whether the noun spoken of last is an unknown one
        self._part = 0  # of the sentence, which breaks part
        self._parts: list[int] = []  # in which each thing was spoken of first
        self.things: list[Thing] = []
        self.setting: Said | None = None
        self.style: Said | None = None
        self.left_out: list[Span] = []

    def read(self) -> None:
        i = 0
        while i < len(self._pieces):
            piece = self._pieces[i]
            if piece.category in _SPOKEN or piece.role == "unknown":
                i = self._run(i)
            else:
                self._other(i, piece)
                i += 1
        self._leave_out(self._waiting)
        self._open.close()
        self._settle_places()
        self._settle_style()
        self.left_out += self._open.left_out

    @property
    def relations(self) -> list[Relation]:
        return self._open.relations

    def _leave_out(self, pieces: Sequence[Piece]) -> None:
        self.left_out += [each.span for each in pieces if each.role in ("term", "own", "unknown")]

    # Runs: numbers, adjectives, nouns and unknown words that follow each other

    def _run(self, start: int) -> int:
        """Read one run; returns the place after it."""
        end = start
        while end < len(self._pieces) and self._goes_on(start, end):
            end += 1
        run = self._coloured(self._pieces[start:end], self._word(start - 1))
        heads = [i for i, piece in enumerate(run) if piece.category == "kind"]
        for at in () if heads else (-1, 0):  # 'an orange'; 'une rose rouge'
            if not heads and (noun := self._noun_of(run[at], start, end)):
                run[at], heads = noun, [at % len(run)]
        if not heads:
            self._headless(run, start, end)
            return end
        first, article = 0, self._word(start - 1) in ARTICLES
        for head, following in zip(heads, [*heads[1:], None], strict=True):
            if following == head + 1 and (article or head > first):
                self._leave_out(run[head : head + 1])  # 'a tree house': its name alone
                run[head] = dataclasses.replace(run[head], role="praise", term=None)
                continue
            self._head(run[first : head + 1], start)
            first = head + 1
        for piece in run[first:]:
            self._of_last(piece, ends=piece is run[-1])
        return end

    def _coloured(self, run: list[Piece], before: str) -> list[Piece]:
        """The run, in which a thing that is a colour, too, is one before a noun: 'a rose cup'; behind one, as
        in French: 'un chat rose'; or where it is said to be one: 'that is chestnut'."""

        known, nouns = self._vocabulary.colour_nouns, self._vocabulary.nouns
        kinds = [piece.category == "kind" for piece in run]
        for i, piece in enumerate(run):
            word = piece.word.removesuffix("s") if piece.term and piece.term.plural else piece.word
            if not kinds[i] or len(piece.words) > 1 or word not in known:
                continue
            leads, ends = any(kinds[i + 1 : i + 2]), i + 1 == len(run)
            behind = ends and i > 0 and kinds[i - 1] and word in nouns
            if leads or behind or (before in SAID_TO_BE and len(run) == 1):
                run[i] = dataclasses.replace(piece, term=Term("colour", known[word]))
        return run

    def _noun_of(self, piece: Piece, start: int, end: int) -> Piece | None:
        """The thing that a word for a colour names: 'an orange'; not 'an orange and red boat', 'is orange'."""
        kind = self._vocabulary.nouns.get(piece.word)
        counted = any(each.category == "number" for each in self._pieces[start : end - 1])
        article = self._word(start - 1) in ARTICLES | self._vocabulary.articles
        if kind is None or not (article or counted) or self._joined_noun(end):
            return None
        return dataclasses.replace(piece, term=Term("kind", kind))

    def _goes_on(self, start: int, end: int) -> bool:
        piece = self._pieces[end]
        if piece.category in _SPOKEN or piece.role in ("unknown", "praise"):
            return True
        # 'big and red boat', 'small, red cat': adjectives that a joint parts before their noun
        comma = piece.role == "break"
        if not (comma or self._word(end) in AND) or end == start:
            return False
        if self._pieces[end - 1].category not in ("colour", "size") or not self._adjectives_alone(start, end):
            return False
        if comma and self._spoken is not None and self._is_break(start - 1):
            return False  # 'cat, black, red house'
        if comma and self._word(start - 1) == "in":
            return False  # 'a book in black, small house'
        if comma and self._word(start - 1) in ARTICLES and self._is_noun(end + 1):
            return True  # 'a big, red, house'
        after = self._piece(end + 1)
        return after is not None and after.category in ("colour", "size") and self._noun_follows(end + 1)

    def _head(self, run: Sequence[Piece], start: int) -> None:
        """A noun, with what stands before it in its run."""
        *said, noun = run
        assert noun.term is not None, "a head is a term"
        found = Thing(kind=Said(noun.term.value, noun.span))
        owners = [
            i for i, piece in enumerate(said) if piece.role == "unknown" and piece.words[-1].endswith("'s")
        ]
        cut = owners[-1] if owners else 0  # 'a black cat's red chair'
        cut = max(cut, of_others(said, noun))
        self._leave_out(said[:cut])
        for piece in [*self._waiting, *said[cut:]]:
            self._put(found, piece)
        self._waiting = []
        if noun.term.plural and found.number is None and self._word(start - 1) not in ONE:
            found.number = Said("several", noun.span)
        known = self._again(found, start)
        if known is None and len(self.things) == MOST_THINGS:
            self.left_out += found.spans
            return
        if known is None:
            self.things.append(found)
            self._parts.append(self._part)
            known = len(self.things) - 1
        self._spoken = self._since_break = known
        self._strange = False
        for place in self._places:
            self._place(known, place)
        self._places = []
        self._open.take(known)

    def _again(self, found: Thing, start: int) -> int | None:
        """The thing that was spoken of before, with what is new said of it, too; `None` for another one."""
        before = self._word(start - 1)
        said = (found.colour, found.size, found.number and found.number.value) not in (
            (None, None, None),
            (None, None, "several"),
        )
        bare = not said and before not in ANOTHER
        for i, thing in enumerate(self.things):
            several = found.number is not None and found.number.value == "several" and thing.number is not None
            other = dataclasses.replace(found, number=None) if several else found  # 'three cats, ... the cats'
            if thing.kind.value != found.kind.value or not thing.agrees(other):
                continue
            again = self._parts[i] < self._part and (
                before in DEFINITE or (before not in OTHERS and (thing.is_bare or thing.says(found)))
            )
            if again or (bare and (thing.number is None) == (found.number is None)):
                thing.colour, thing.size = thing.colour or found.colour, thing.size or found.size
                thing.number = thing.number or found.number
                return i
        return None

    def _put(self, thing: Thing, piece: Piece) -> None:
        """Say something of a thing; what was said otherwise before, or says nothing, is left out."""
        if piece.role in ("praise", "break", "function"):
            return
        category = piece.category
        if piece.term is None or category not in ("colour", "size", "number", "several"):
            self._leave_out([piece])
            return
        name = "number" if category == "several" else category
        if category == "colour" and piece.term.value not in self._vocabulary.kinds[thing.kind.value].can_be:
            self._leave_out([piece])  # nobody has drawn it so
            return
        now: Said | None = getattr(thing, name)
        if now is None or (now.value == "several" and category == "number"):
            setattr(thing, name, Said(piece.term.value, piece.span))
        elif now.value != piece.term.value and category != "several":
            self._leave_out([piece])

    def _of_last(self, piece: Piece, *, ends: bool) -> None:
        """What follows a noun in its run: 'un bateau rouge', 'fish x4', 'cat sitting'."""
        describes = piece.category in ("colour", "size") or (piece.category == "number" and ends)
        if describes and self._spoken is not None:
            self._put(self.things[self._spoken], piece)
        else:
            self._leave_out([piece])

    # Runs without a known noun

    def _headless(self, run: Sequence[Piece], start: int, end: int) -> None:
        """Adjectives or unknown words without a noun that is known."""
        if any(piece.role == "unknown" for piece in run):
            self._leave_out(run)
            if self._word(start - 1) not in VERBS_FOLLOW:
                self._open.close()
                self._strange = True
                self._since_break = None
            return
        adjectives = [piece for piece in run if piece.category in ("colour", "size")]
        numbers = [p for p in run if p.category in ("number", "several") and not is_one(p)]
        after_noun = self._vocabulary.after_noun
        if self._named_after(end) or any(piece.word in after_noun for piece in adjectives):
            self._leave_out(run)  # 'orange sunset', 'black ink'; 'roses'
        elif self._said_of(start) == "all":
            for thing in self.things:
                for piece in adjectives:
                    self._put(thing, piece)
        elif self._is_one_of_it(start, run):  # 'a fish. a blue one'
            for piece in adjectives:
                self._put(self.things[-1], piece)
        elif self._said_of(start) == "strange" or any(is_one(piece) for piece in run if adjectives):
            self._leave_out([*adjectives, *numbers])
        elif self._word(start - 1) in ("a", "an", "un", "une") and not self._joined_noun(end):
            self._leave_out(run)  # 'a rose', 'an orange': nouns of another kind
            self._strange = True
        elif self._spoken is not None and self._word(start - 1) not in ("a", "an", "un", "une"):
            for piece in [*adjectives, *([] if self._strange else numbers)]:
                self._put(self.things[self._spoken], piece)
            self._leave_out(numbers if self._strange else [])
        elif self._word(end) in AND and self._word(end + 1) in ARTICLES:
            self._leave_out([*adjectives, *numbers])  # 'rose and a cat'
        else:
            self._waiting += adjectives
            self._leave_out(numbers)

    def _is_one_of_it(self, start: int, run: Sequence[Piece]) -> bool:
        """Whether a run is 'a blue one', after a single thing that has no colour yet."""
        article = self._word(start - 1) in ("a", "an") and self._is_break(start - 2)
        plain = bool(self.things) and self.things[-1].colour is None and self.things[-1].number is None
        return article and plain and is_one(run[-1]) and run[0].category in ("colour", "size")

    def _said_of(self, start: int) -> str:
        """Of what a run without a noun is said: 'all' things, a 'strange' noun, or that spoken of last."""
        at = start - 1
        functions: list[str] = []
        while (piece := self._piece(at)) is not None and piece.role == "function":
            functions.append(piece.word)
            at -= 1
        if {*functions} & EVERYTHING and self.things:
            return "all"
        tag = self._is_break(at) and not functions
        return "strange" if self._strange and not (tag and self._spoken is not None) else "last"

    # Other pieces

    def _other(self, i: int, piece: Piece) -> None:
        match piece.category:
            case "place":
                if self._since_break is not None:
                    self._place(self._since_break, piece)
                elif self._strange and self._said_of(i) == "strange":
                    self._leave_out([piece])
                else:
                    self._places.append(piece)
            case "relation":
                self._relation(i, piece)
            case "setting":
                self.setting = self._once(self.setting, piece)
            case "style":
                self.style = self._once(self.style, piece)
            case _:
                self._grammar(i, piece)

    def _grammar(self, i: int, piece: Piece) -> None:
        """Breaks, joints, prepositions, and settings of some kinds."""
        word = self._word(i)
        if piece.role == "own":
            self._own_setting(piece)
        elif piece.role == "break" or (word in JOINS and not self._still_of_it(i + 1)):
            self._since_break = None
            self._part += piece.role == "break"
            self._open.part()
        elif piece.role == "function" and self._stands_to(i) and self._noun_after(i):
            self.left_out.append(piece.span)
            self._since_break = None

    def _own_setting(self, piece: Piece) -> None:
        kinds = [thing.kind.value for thing in self.things]
        kinds += [each.term.value for each in self._pieces if each.category == "kind" and each.term]
        meant = next((s for kind in kinds if (s := self._vocabulary.setting_of(kind, piece.words))), "")
        if meant and (self.setting is None or self.setting.value == meant):
            self.setting = self.setting or Said(meant, piece.span)
        else:
            self._leave_out([piece])

    def _once(self, before: Said | None, piece: Piece) -> Said:
        """The first setting or style that is said; another one is left out."""
        assert piece.term is not None
        if before is not None and before.value != piece.term.value:
            self._leave_out([piece])
        return before or Said(piece.term.value, piece.span)

    def _place(self, thing: int, piece: Piece) -> None:
        assert piece.term is not None
        now = self.things[thing].place
        if now is None:
            self.things[thing].place = Said(piece.term.value, piece.span)
        elif now.value != piece.term.value:
            self._leave_out([piece])

    def _settle_places(self) -> None:
        """Places after which no thing came are of the last thing that was spoken of."""
        for piece in self._places:
            if self._spoken is None or self._strange:
                self._leave_out([piece])
            else:
                self._place(self._spoken, piece)
        self._places = []

    def _settle_style(self) -> None:
        """A style in which nobody draws one of the things is left out."""
        kinds = [self._vocabulary.kinds[thing.kind.value] for thing in self.things]
        if self.style and any(kind.drawn_in and self.style.value not in kind.drawn_in for kind in kinds):
            self.left_out += [self.style.span] if self.style.span else []
            self.style = None

    def _of_last_two(self, i: int, piece: Piece) -> bool:
        """Whether 'between' is said of the two things before it: 'between them'."""
        return self._word(i + 1) in PRONOUNS or piece.words in self._vocabulary.after_two

    def _relation(self, i: int, piece: Piece) -> None:
        """'a cat above a house', 'a chair with a clock above it', 'under a tree a snail'."""
        assert piece.term is not None, "a relation is a term"
        said, first = Said(piece.term.value, piece.span), self._since_break
        others = [thing for thing in range(len(self.things)) if thing != first]
        if piece.words in self._vocabulary.after_things and len(self.things) > 1:
            count = 3 if said.value == BETWEEN and len(self.things) > 2 else 2
            self._open.relations.append(
                Relation(said=said, things=tuple(range(len(self.things) - count, len(self.things))))
            )
        elif self._word(i + 1) in WHICH or (first is None and self._strange and not self._is_break(i - 1)):
            self._leave_out([piece])
        elif said.value == BETWEEN and len(self.things) > 1 and self._of_last_two(i, piece):
            self._open.begin_between(said, (len(self.things) - 2, len(self.things) - 1))
        elif self._word(i + 1) in PRONOUNS and first is not None and others:
            self._open.relations.append(Relation(said=said, things=(first, others[-1])))
        else:
            behind = piece.words in self._vocabulary.after_things
            self._open.begin(said, first, before=self._spoken, turned=behind and first is not None)
