"""The marks of other tools' prompt syntax, and which of them ask for something.

    (red boat:1.3)  ((x))  [x]  {x}      weights: the words stay, their marks do not (AUTOMATIC1111)
    cat::2 castle::1                     weights that part phrases (Midjourney)
    a BREAK b, a AND b                   two phrases (AUTOMATIC1111)
    [cat:dog:0.5]  [cat|dog]             another prompt in the middle of the work: cannot be carried out
    <lora:ink:0.8>  embedding:name       extra weights: not applied, and nothing that a picture shows
    a boat --ar 3:2 --no trees           options (Midjourney): cannot be carried out
    Negative prompt: …  Steps: 20, …     how another tool made a picture (AUTOMATIC1111): cannot be carried out
    subject: a cat; style: ink           labels are no words, nor is /imagine
    a cat with a 🎩                     a picture sign where a noun would stand; elsewhere it is an ornament
    2. a cat    - a cat    #3 a cat      a list's number or mark is no word

A `Marked` prompt has the same length as what was typed, so that the places of words are those of the prompt.
"""

import dataclasses
import re

from ...values.fact import Span

_OPTION = r"(?<!\S)--?(?:no\s+[^-\n]*|[A-Za-z][\w-]*(?:[ =]+(?!-)[\d.:x]+)?(?=\s|$))"
_WEIGHTS = re.compile(r"<[A-Za-z]+:[^<>\n]{1,200}>|\bembedding:[\w.-]+")
_CANNOT = re.compile(
    r"\[[^\[\]\n:]{0,200}:[^\[\]\n:]{0,200}:\s*[\d.]+\s*\]"
    r"|\[[^\[\]\n|]{1,200}(?:\|[^\[\]\n|]{1,200})+\]"
    rf"|{_OPTION}"
    r"|\bNegative prompt:.*|\bSteps:\s*\d+\s*,.*",
    re.DOTALL,
)
_LABEL = re.compile(
    r"^\s*/imagine(?:\s+prompt)?\s*:?|"
    r"\b(?:prompt|subject|object|style|setting|scene|place|location|time|size|colou?r|background|sujet|décor)\"?\s*:(?!\d)",
    re.IGNORECASE,
)
_AMOUNT = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)"
_WEIGHT = re.compile(rf"::?\s*{_AMOUNT}\s*(?=[)\]}}])|::\s*(?:{_AMOUNT})?|(?<=[\w)])[+-]{{2,}}(?!\S)")
_LISTED = re.compile(r"(?m)^[^\S\n]*(?:\d+\s*[.):]\s+|#\s*\d+\s*[.):]?\s+|[-*\u2022]\s+)")
_RATIO = re.compile(r"\b\d+\s*[:/]\s*\d+\b|\b\d+\s*[x\u00d7]\s*\d+\b|\b\d+[.,]\d+\b")
_SIGN = re.compile(
    r"(?i)\b(?:an?|the|my|his|her|with|and|holding|wearing|un|une|le|la|avec|et)[^\S\n]+"
    r"([\U0001F000-\U0001FAFF\u2600-\u27BF]+)"
)
_NOUN_FOLLOWS = re.compile(r"[^\S\n]+[^\W\d_]")
_JOINT = re.compile(r"\b(?:BREAK|AND)\b")
_BRACKETS = re.compile(r"[()\[\]{}\\\"\u201c\u201d\u00ab\u00bb*_~`|]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Marked:
    """A prompt with its marks taken out.

    Args:
        text: as long as the prompt; blanks where marks were, semicolons where two phrases were joined.
        cannot: what asks for something that no words do.
        weights: extra weights, which ask for nothing to be seen; none are applied.
    """

    text: str
    cannot: tuple[Span, ...] = ()
    weights: tuple[Span, ...] = ()


def marked(prompt: str) -> Marked:
    """The words of a prompt, and the marks that cannot be carried out."""
    cannot: list[Span] = []
    weights = tuple(Span.of(prompt, *found.span()) for found in _WEIGHTS.finditer(prompt))

    def note(found: re.Match[str]) -> str:
        cannot.append(Span.of(prompt, found.start(), found.start() + len(found[0].rstrip())))
        return ";" + " " * (len(found[0]) - 1)

    def note_count(found: re.Match[str]) -> str:
        """'1,000 cats' asks for a number that nobody can draw; a ratio by itself asks for nothing."""
        return note(found) if _NOUN_FOLLOWS.match(prompt, found.end()) else _blank(found)

    text = _CANNOT.sub(note, _WEIGHTS.sub(_semicolon, prompt))
    for pattern, fill in (
        (_LABEL, _semicolon),
        (_WEIGHT, _weight),
        (_LISTED, _blank),
        (_RATIO, note_count),
        (_JOINT, _semicolon),
    ):
        text = pattern.sub(fill, text)
    cannot += [Span.of(prompt, found.start(1), found.end(1)) for found in _SIGN.finditer(text)]
    return Marked(text=_BRACKETS.sub(" ", text), cannot=tuple(cannot), weights=weights)


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _weight(found: re.Match[str]) -> str:
    return _semicolon(found) if found[0].startswith("::") else _blank(found)


def _semicolon(found: re.Match[str]) -> str:
    return ";" + " " * (len(found[0]) - 1)
