"""Reads a prompt into a wish, by rule, from left to right.

A noun takes the adjectives and the number before it, if no other noun stands between; what is said without a
noun ('it is red', tags) is said of the thing before, or else of the next. What does not belong to a known noun
('a red dog') is left out with it, and so is what is negated.
"""

import dataclasses
from collections.abc import Sequence

from ..fact import Span
from .common_words import FUNCTION_WORDS, words
from .content import joined
from .phrases import Piece, pieces_of
from .vocabulary import Vocabulary
from .wish import BETWEEN, Relation, Said, Thing, Wish

DETERMINERS = words(
    """
    a an the my his her its their our your this that these those some un une le la les l des du mon ma mes
    """
)
PRONOUNS = words("it them him her")
DEFINITE = words("the this that these those it its le la les l ce cette il elle")
WITHIN = words("in on into onto at dans sur")
"""Function words that say how one thing stands to another where a noun follows."""
_ENDS_NEGATION = words("but mais instead")
_LEADS = words("under beneath deep among when while during amid sous")
"""What leads to a setting, beside function words."""
_JOINS = words("and with et avec")
_SPOKEN = ("kind", "colour", "size", "number", "several")


def wish_of(prompt: str, vocabulary: Vocabulary) -> Wish:
    """Read a prompt."""
    pieces, cannot = pieces_of(prompt, vocabulary)
    reader = _Reader(pieces, vocabulary)
    reader.read()
    left_out = joined(prompt, [*reader.left_out, *cannot])
    return Wish(
        prompt=prompt,
        things=tuple(reader.things),
        relations=tuple(reader.relations),
        setting=reader.setting,
        style=reader.style,
        left_out=left_out,
    )


@dataclasses.dataclass
class _Open:
    """A relation under way, with the things that came so far, in their order."""

    said: Said
    things: list[int]
    before: int | None = None  # what was spoken of before, in another part of the sentence

    def __post_init__(self) -> None:
        self.inverted = not self.things

    def in_order(self) -> tuple[int, ...]:
        """The things, the subject first: 'under a tree a snail' is said of the snail."""
        if self.inverted and self.takes == 2:
            return tuple(reversed(self.things))
        return (*self.things[2:], *self.things[:2]) if self.inverted else tuple(self.things)

    @property
    def takes(self) -> int:
        return 3 if self.said.value == BETWEEN else 2


class _Reader:
    """One prompt under way: the thing spoken of last, and adjectives that wait for their noun."""

    def __init__(self, pieces: Sequence[Piece], vocabulary: Vocabulary) -> None:
        self._pieces, self._vocabulary = list(pieces), vocabulary
        self._waiting: list[Piece] = []
        self._places: list[Piece] = []  # said before any thing of their part of the sentence
        self._open: list[_Open] = []  # relations of which not all things came yet
        self._spoken: int | None = None  # the thing that what follows without a noun is said of
        self._since_break: int | None = None  # the thing spoken of in this part of the sentence
        self.things: list[Thing] = []
        self.relations: list[Relation] = []
        self.setting: Said | None = None
        self.style: Said | None = None
        self.left_out: list[Span] = []

    def read(self) -> None:
        i = 0
        while i < len(self._pieces):
            piece = self._pieces[i]
            if piece.role == "negation":
                i = self._negated(i)
            elif piece.category in _SPOKEN or piece.role == "unknown":
                i = self._run(i)
            else:
                self._other(i, piece)
                i += 1
        self._give_back()
        self._close_relations()
        self._settle_places()

    # Runs: numbers, adjectives, nouns and unknown words that follow each other

    def _run(self, start: int) -> int:
        """Read one run; returns the place after it."""
        end = start
        while end < len(self._pieces) and self._goes_on(start, end):
            end += 1
        run = self._pieces[start:end]
        heads = [i for i, piece in enumerate(run) if piece.category == "kind"]
        if not heads:
            self._headless(run, start, end)
            return end
        first = 0
        for head in heads:
            self._head(run[first : head + 1], self._before(start), several_heads=head != heads[0])
            first = head + 1
        for piece in run[first:]:
            self._of_last(piece)
        return end

    def _goes_on(self, start: int, end: int) -> bool:
        piece = self._pieces[end]
        if piece.category in _SPOKEN or piece.role in ("unknown", "praise"):
            return True
        after = self._pieces[end + 1 : end + 2]
        # 'big and red boat', 'small, red cat': adjectives that a joint parts before their noun
        joint = piece.role == "break" or piece.words in (("and",), ("et",))
        before = self._pieces[end - 1] if end > start else None
        if not (joint and before and before.category in ("colour", "size") and after):
            return False
        return after[0].category in ("colour", "size") and self._noun_follows(end + 1) and self._opened(start)

    def _noun_follows(self, at: int) -> bool:
        """Whether nothing but adjectives stands between this place and a noun."""
        while at < len(self._pieces) and self._pieces[at].category in ("colour", "size"):
            at += 1
        return at < len(self._pieces) and self._pieces[at].category == "kind"

    def _opened(self, start: int) -> bool:
        """Whether the run has no noun yet to which its first adjectives could belong."""
        return not any(piece.category == "kind" for piece in self._pieces[start : start + 1])

    def _before(self, start: int) -> str:
        """The function word before a run, if one is."""
        piece = self._pieces[start - 1] if start else None
        return piece.words[0] if piece and piece.role == "function" else ""

    def _head(self, run: Sequence[Piece], before: str, *, several_heads: bool) -> None:
        """A noun, with what stands before it in its run."""
        *said, noun = run
        assert noun.term is not None, "a head is a term"
        found = Thing(kind=Said(noun.term.value, noun.span))
        for piece in [*self._waiting, *said]:
            self._put(found, piece)
        self._waiting = []
        if noun.term.plural and found.number is None:
            found.number = Said("several", noun.span)
        known = self._again(found, definite=before in DEFINITE)
        if known is None:
            self.things.append(found)
            known = len(self.things) - 1
        self._spoken = self._since_break = known
        for place in self._places:
            self._place(known, place)
        self._places = []
        self._second_thing(known)

    def _again(self, found: Thing, *, definite: bool) -> int | None:
        """Whether this was spoken of before: the thing's number, with what is new said of it, too."""
        for i, thing in enumerate(self.things):
            if thing.kind.value != found.kind.value:
                continue
            alike = thing.colour is None or found.colour is None or thing.colour.value == found.colour.value
            counts = found.number is None or thing.number is not None
            if alike and (definite or (counts and found.number is None and found.colour is None)):
                thing.colour, thing.size = thing.colour or found.colour, thing.size or found.size
                return i
        return None

    def _put(self, thing: Thing, piece: Piece) -> None:
        """Say something of a thing; what was said otherwise before, or says nothing, is left out."""
        category = piece.category
        if piece.role in ("praise", "break", "function"):
            return
        if piece.term is None or category not in ("colour", "size", "number", "several"):
            self.left_out.append(piece.span)
            return
        name = "number" if category == "several" else category
        now: Said | None = getattr(thing, name)
        if now is None or now.value == "several":
            setattr(thing, name, Said(piece.term.value, piece.span))
        elif now.value != piece.term.value and category != "several":
            self.left_out.append(piece.span)

    def _of_last(self, piece: Piece) -> None:
        """What follows a noun in its run: 'un bateau rouge', 'cat sitting'."""
        if piece.category in ("colour", "size") and self._spoken is not None:
            self._put(self.things[self._spoken], piece)
        elif piece.role != "praise":
            self.left_out.append(piece.span)

    def _headless(self, run: Sequence[Piece], start: int, end: int) -> None:
        """Adjectives or unknown words without a noun that is known."""
        if any(piece.role == "unknown" for piece in run):
            self.left_out += [piece.span for piece in run if piece.role != "praise"]
            self._close_relations()
            self._since_break = None if self._starts_part(start) else self._since_break
            return
        if self._named_after(end):  # 'orange sunset', 'black ink'
            self.left_out += [piece.span for piece in run if piece.role != "praise"]
            return
        adjectives = [piece for piece in run if piece.category in ("colour", "size")]
        rest = [piece for piece in run if piece.category in ("number", "several") and not _one(piece)]
        article = self._before(start) in ("a", "an", "un", "une")
        if article and not self._joined_noun(end):  # 'a rose', 'an orange': nouns of another kind
            self.left_out += [piece.span for piece in run if piece.role != "praise"]
        elif self._spoken is not None and not article:
            for piece in adjectives:
                self._put(self.things[self._spoken], piece)
            self.left_out += [piece.span for piece in rest if piece.category != "several"]
        else:
            self._waiting += [*adjectives, *rest]

    def _named_after(self, at: int) -> bool:
        """Whether a setting or style follows that is named as things are, and not by 'in' or 'at'."""
        piece = self._pieces[at] if at < len(self._pieces) else None
        return (
            piece is not None
            and piece.category in ("setting", "style")
            and piece.words[0] not in FUNCTION_WORDS | _LEADS
        )

    def _joined_noun(self, at: int) -> bool:
        """Whether after 'and' or a comma adjectives go on to a noun: 'a red and white boat'."""
        piece = self._pieces[at] if at < len(self._pieces) else None
        joint = piece is not None and (piece.role == "break" or piece.words in (("and",), ("et",)))
        return joint and self._pieces[at + 1 : at + 2] != [] and self._noun_follows(at + 1)

    def _give_back(self) -> None:
        """Adjectives that found no noun."""
        self.left_out += [piece.span for piece in self._waiting]
        self._waiting = []

    # Other pieces

    def _other(self, i: int, piece: Piece) -> None:
        match piece.category:
            case "place":
                if self._since_break is None:
                    self._places.append(piece)
                else:
                    self._place(self._since_break, piece)
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
        if piece.role == "break" or piece.words[0] in _JOINS:
            self._since_break = None
            if any(
                relation.things and relation.before is not None for relation in self._open if relation.inverted
            ):
                self._close_relations()
        elif piece.role == "own":
            self._own_setting(piece)
        elif piece.role == "function" and piece.words[0] in WITHIN and self._noun_after(i):
            self.left_out.append(piece.span)
            self._since_break = None

    def _noun_after(self, i: int) -> bool:
        """Whether a run with a known noun follows, after no more than a determiner."""
        at = i + 1
        if at < len(self._pieces) and self._pieces[at].words[:1] and self._pieces[at].words[0] in DETERMINERS:
            at += 1
        while at < len(self._pieces) and self._pieces[at].category in ("colour", "size", "number"):
            at += 1
        return at < len(self._pieces) and self._pieces[at].category == "kind"

    def _own_setting(self, piece: Piece) -> None:
        kinds = [thing.kind.value for thing in self.things]
        kinds += [p.term.value for p in self._pieces if p.category == "kind" and p.term]
        meant = next((s for kind in kinds if (s := self._vocabulary.setting_of(kind, piece.words))), "")
        if not meant:
            self.left_out.append(piece.span)
        elif self.setting is None or self.setting.value == meant:
            self.setting = self.setting or Said(meant, piece.span)
        else:
            self.left_out.append(piece.span)

    def _once(self, before: Said | None, piece: Piece) -> Said:
        """The first setting or style that is said; another one is left out."""
        assert piece.term is not None
        if before is not None and before.value != piece.term.value:
            self.left_out.append(piece.span)
        return before or Said(piece.term.value, piece.span)

    def _place(self, thing: int, piece: Piece) -> None:
        assert piece.term is not None
        now = self.things[thing].place
        if now is None:
            self.things[thing].place = Said(piece.term.value, piece.span)
        elif now.value != piece.term.value:
            self.left_out.append(piece.span)

    def _settle_places(self) -> None:
        """Places after which no thing came are of the last thing that was spoken of."""
        for piece in self._places:
            if self._spoken is None:
                self.left_out.append(piece.span)
            else:
                self._place(self._spoken, piece)
        self._places = []

    # Relations

    def _relation(self, i: int, piece: Piece) -> None:
        """'a cat above a house', 'a chair with a clock above it', 'under a tree a snail'."""
        assert piece.term is not None, "a relation is a term"
        said, first = Said(piece.term.value, piece.span), self._since_break
        after = self._pieces[i + 1] if i + 1 < len(self._pieces) else None
        others = [thing for thing in range(len(self.things)) if thing != first]
        if after and after.words[:1] and after.words[0] in PRONOUNS and first is not None and others:
            self.relations.append(Relation(said=said, things=(first, others[-1])))
        else:
            self._open.append(_Open(said, [] if first is None else [first], before=self._spoken))

    def _second_thing(self, thing: int) -> None:
        """A thing came: relations that wait for it have it, or another one."""
        for relation in list(self._open):
            relation.things.append(thing)
            if len(relation.things) == relation.takes:
                self._open.remove(relation)
                self._relate(relation)

    def _relate(self, relation: "_Open") -> None:
        things = relation.in_order()
        if len(set(things)) == relation.takes:
            self.relations.append(Relation(said=relation.said, things=things))
        elif relation.said.span:
            self.left_out.append(relation.said.span)

    def _close_relations(self) -> None:
        """Relations to what is unknown, or never came; or whose first thing stands in the part before."""
        waiting, self._open = self._open, []
        for relation in waiting:
            if relation.inverted and len(relation.things) == 1 and relation.before is not None:
                relation = _Open(relation.said, [relation.before, *relation.things])
            self._relate(relation)

    # Negation

    def _negated(self, start: int) -> int:
        """Leave out a negation and all that it holds of; returns the place after it."""
        self._give_back()
        end = start + 1
        while end < len(self._pieces) and not self._negation_ends(start, end):
            end += 1
        held = [p for p in self._pieces[start:end] if p.role not in ("function", "praise", "break")]
        self.left_out += [piece.span for piece in held]
        return end

    def _negation_ends(self, start: int, at: int) -> bool:
        piece = self._pieces[at]
        if piece.role == "break" or piece.role == "negation":
            return True
        held = any(each.role in ("term", "unknown") for each in self._pieces[start + 1 : at])
        if held and piece.category in ("setting", "place") and piece.words[0] in FUNCTION_WORDS | _LEADS:
            return True  # 'a train without smoke in the desert'
        word = piece.words[0]
        if word in _ENDS_NEGATION or word in ("just", "only"):
            return True
        after = self._pieces[at + 1] if at + 1 < len(self._pieces) else None
        opens = after is not None and (
            (after.words[:1] and after.words[0] in DETERMINERS) or after.category == "number"
        )
        return word in _JOINS and bool(opens)

    def _starts_part(self, start: int) -> bool:
        return start == 0 or self._pieces[start - 1].role == "break"


def _one(piece: Piece) -> bool:
    """'the one', 'this one': no number."""
    return piece.term is not None and piece.term.value == "1"
