r"""The syntax of prompts with variants in them, that of the `dynamicprompts` library (its docs/SYNTAX.md):

    {red|blue} boat               one of these          {0.5::red|2::blue}        by weight
    {2$$red|blue|white}           two of them           {1-2$$ and $$red|blue}    one or two, joined by ' and '
    __colour__                    a line of colour.txt  __birds/*__               of all files that match
    ${c=!{red|blue}} ${c} ${c}    chosen once           ${c={red|blue}} ${c}      anew at each use
    ${c:red}                      red where c is unset  __boat(c=red)__           with c set in that line

Unlike there, `#` and `//` are characters like any other, so are `$` and `%` before anything but `{`; variables
are set in the order of the text; and `\{`, `\}`, `\|`, `\${`, `\%{` and `\__` stand for the characters
themselves. Not read: `@` (by turns), `%{...}` (wrapping).

This file turns text into a tree, in time that grows with its length only. It knows no files and no chances.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

MAX_CHARACTERS = 100_000
MAX_DEPTH = 30
MAX_REFERENCE = 300  # characters between the underscores of a wildcard


class TemplateError(ValueError):
    """A template that cannot be understood or resolved; one line that does not name the place."""


@dataclasses.dataclass(frozen=True)
class Sequence:
    """Parts, one after the other."""

    parts: tuple["Node", ...]


@dataclasses.dataclass(frozen=True)
class Choice:
    """From `low` to `high` of the options, none twice, joined by `separator`."""

    options: tuple["Node", ...]
    weights: tuple[float, ...]
    low: int = 1
    high: int = 1
    separator: str = ","
    random: bool = False  # even where all variants are wanted


@dataclasses.dataclass(frozen=True)
class Wildcard:
    """A line of the file that `name` names, in which `variables` are set."""

    name: "Node"
    variables: Mapping[str, "Node"] = dataclasses.field(default_factory=dict)
    random: bool = False


@dataclasses.dataclass(frozen=True)
class Assign:
    """Sets a variable for what follows: to the node itself, or (`now`) to what is chosen from it here."""

    name: str
    value: "Node"
    now: bool = False
    keep: bool = False  # where it is set already


@dataclasses.dataclass(frozen=True)
class Use:
    """What a variable is set to."""

    name: str
    default: "Node | None" = None


Node = str | Sequence | Choice | Wildcard | Assign | Use

_PLAIN = re.compile(r"(?:[^\\{}|$%_]|_(?!_))+")
_ESCAPED = re.compile(r"\\([$%]?\{|[}|]|__)")
_HEAD = re.compile(  # of a variant: how it is sampled, how many, joined by what
    r"\s*(?P<sampler>[~!@])?\s*"
    r"(?:(?P<low>\d{0,6})(?P<dash>-)?(?P<high>\d{0,6})\$\$(?:(?P<separator>[^${}]*?)\$\$)?)?",
    re.ASCII,
)
_WEIGHT = re.compile(r"\s*(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})::", re.ASCII)
_VARIABLE = re.compile(
    r"\$\{\s*(?P<name>[A-Za-z_][\w-]{0,99})\s*(?P<joint>\?=!?|=!?|:|(?=\}))\s*",
    re.ASCII,
)


def parse(text: str) -> Node:
    """The tree of a template.

    Raises:
        TemplateError: a brace is not closed, or it is too long or nested too deep.
    """
    if len(text) > MAX_CHARACTERS:
        raise TemplateError(f"has {len(text)} characters: with variants, at most {MAX_CHARACTERS} are read")
    return _Parser(text, depth=0).sequence("")


def is_template(text: str) -> bool:
    """Whether there is anything in the text that `parse` would make more of than the text itself."""
    return "{" in text or "__" in text or "\\" in text


class _Parser:
    """Reads on from `at`; each method takes what it is named for, or raises TemplateError."""

    def __init__(self, text: str, *, depth: int) -> None:
        self._text = text
        self._at = 0
        self._depth = depth

    def sequence(self, stops: str) -> Node:
        """Everything up to one of the characters `stops`, or the end."""
        parts: list[Node] = []
        literal: list[str] = []
        while self._at < len(self._text) and self._text[self._at] not in stops:
            part = self._part()
            if isinstance(part, str):
                literal.append(part)
                continue
            if literal:
                parts.append("".join(literal))
                literal.clear()
            parts.append(part)
        if literal or not parts:
            parts.append("".join(literal))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _part(self) -> Node:
        text, at = self._text, self._at
        if found := _PLAIN.match(text, at):
            self._at = found.end()
            return found[0]
        if found := _ESCAPED.match(text, at):
            self._at = found.end()
            return found[1]
        if text[at] == "{":
            return self._inside(self._choice)
        if text.startswith("${", at):
            return self._inside(self._variable)
        if text.startswith("%{", at):
            raise self._error(r"%{...} (wrapping) is not read: write \%{ for the characters", at)
        if text.startswith("__", at) and (end := self._reference_end(at + 2)):
            self._at = end + 2
            return self._inside(lambda: self._reference(text[at + 2 : end]))
        self._at += 1
        return text[at]

    def _inside(self, read: Callable[[], Node]) -> Node:
        if self._depth >= MAX_DEPTH:
            raise self._error(f"variants nest more than {MAX_DEPTH} deep", self._at)
        self._depth += 1
        node = read()
        self._depth -= 1
        return node

    def _choice(self) -> Node:
        start = self._at
        head = _HEAD.match(self._text, start + 1)
        assert head is not None, "every part of a head may be missing"
        self._at = head.end()
        options: list[Node] = []
        weights: list[float] = []
        while True:
            weight = _WEIGHT.match(self._text, self._at)
            self._at = weight.end() if weight else self._at
            self._skip_blanks()
            weights.append(float(weight[1]) if weight else 1.0)
            options.append(self.sequence("|}"))
            if self._at >= len(self._text):
                raise self._error(r"a brace is not closed: close it, or write \{ for the character", start)
            self._at += 1
            if self._text[self._at - 1] == "}":
                break
        low, high = _bounds(head, len(options))
        separator = "," if head["separator"] is None else head["separator"]
        return Choice(tuple(options), tuple(weights), low, high, separator, self._sampler(head[1], start))

    def _variable(self) -> Node:
        start = self._at
        head = _VARIABLE.match(self._text, start)
        if head is None:
            raise self._error(r"${ must be followed by a name: write \${ for the characters", start)
        self._at = head.end()
        value = self.sequence("}")
        if self._at >= len(self._text):
            raise self._error("${ is not closed by }", start)
        self._at += 1
        name, joint = head["name"], head["joint"]
        if "=" not in joint:
            return Use(name, value if joint else None)
        return Assign(name, value, now=joint.endswith("!"), keep=joint.startswith("?"))

    def _reference(self, content: str) -> Node:
        sampler = content[0] if content[0] in "~!@" else ""
        name, _, spec = content.removeprefix(sampler).removesuffix(")").partition("(")
        variables: dict[str, Node] = {}
        for pair in spec.split(",") if spec else ():
            key, _, value = pair.partition("=")
            variables[key.strip()] = self._parse_apart(value.strip())
        random = self._sampler(sampler, self._at)
        return Wildcard(self._parse_apart(name.strip()), variables, random)

    def _parse_apart(self, text: str) -> Node:
        return _Parser(text, depth=self._depth).sequence("")

    def _reference_end(self, start: int) -> int:
        """Where the underscores that close a wildcard's name are; 0 where it is none, but just underscores."""
        level = 0
        for at in range(start, min(start + MAX_REFERENCE, len(self._text))):
            character = self._text[at]
            if level == 0 and (character in "|}\n" or self._text.startswith("__", at)):
                content = self._text[start:at]
                closed = self._text.startswith("__", at) and content.strip("~!@(") != ""
                return at if closed and content == content.strip() else 0
            level += (character == "{") - (character == "}")
        return 0

    def _sampler(self, symbol: str | None, at: int) -> bool:
        if symbol == "@":
            raise self._error("@ (variants by turns) is not read: take it out", at)
        return symbol == "~"

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _error(self, message: str, at: int) -> TemplateError:
        return TemplateError(f"at place {at + 1}: {message}")


def _bounds(head: re.Match[str], options: int) -> tuple[int, int]:
    low, high = head["low"], head["high"]
    if low is None or not (low or head["dash"] or high):
        return 1, 1
    least = int(low) if low else 1
    most = int(high) if high else options if head["dash"] else least
    return min(least, most), max(least, most)
