r"""How strongly each part of a prompt counts, by the marks of web UIs (AUTOMATIC1111):

(red boat)  ((x))     1.1 times as much, and again for each pair
[red boat]            divided by 1.1
(red boat:1.3)        as much as it says
\(  \)  \[  \]        the characters themselves
a BREAK b             the parts are read apart from each other
"""

import dataclasses
import re

_PAIR, _SQUARE = 1.1, 1 / 1.1
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_MARK = re.compile(
    r"\\[\\()\[\]]|\\|\(|\[|:\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*\)|\)|\]|[^\\()\[\]:]+|:", re.DOTALL
)
_SAID = re.compile(r"\((?P<text>[^()\[\]]+):\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*\)")
_OTHERS = re.compile(r"<(?:lora|lyco|hypernet|lbw):[^<>\n]{0,200}>", re.IGNORECASE)
_HIGHEST = 100.0


@dataclasses.dataclass(frozen=True)
class Part:
    """Some words of a prompt.

    Args:
        weight: how strongly they count; 1 for as much as ever.
    """

    text: str
    weight: float


def parts_of(prompt: str) -> list[list[Part]]:
    """The parts of a prompt, in order, without their marks; those between two BREAKs are a list."""
    return [_parts(each) for each in _BREAK.split(prompt)]


def has_weights(prompt: str) -> bool:
    """Whether anything in it counts for more or less, or is read apart."""
    parts = parts_of(prompt)
    return len(parts) > 1 or any(part.weight != 1 for each in parts for part in each)


def plain_text(prompt: str) -> str:
    """A prompt without any of the marks."""
    return _joined(" ".join("".join(part.text for part in each) for each in parts_of(prompt)))


def without_said_weights(prompt: str) -> str:
    """A prompt without weights that are said as numbers, and without BREAK; other brackets stay, as people
    write them in sentences."""
    before = None
    while before != prompt:
        before, prompt = prompt, _SAID.sub(lambda found: found["text"], prompt)
    return prompt if prompt == before and not _BREAK.search(prompt) else _joined(_BREAK.sub(" ", prompt))


def says_weights(prompt: str) -> bool:
    """Whether a weight is said as a number, or a BREAK."""
    return bool(_SAID.search(prompt) or _BREAK.search(prompt))


def without_other_tags(prompt: str) -> str:
    """A prompt without `<lora:name:1>` and the like, which are no words."""
    return _joined(_OTHERS.sub(" ", prompt)) if _OTHERS.search(prompt) else prompt


def weighted_again(text: str, prompt: str) -> tuple[str, list[str]]:
    """A text that somebody made of a prompt, with the prompt's weights at the same words; and those words that
    it does not have."""
    text, lost = without_said_weights(text), []
    for part in (part for each in parts_of(prompt) for part in each if part.weight != 1):
        words = part.text.strip(" \t\n,.;")
        found = re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) if words else None
        if found is None:
            lost += [words] if words else []
        else:
            text = f"{text[: found.start()]}({found[0]}:{part.weight:.4g}){text[found.end() :]}"
    return text, lost


def _parts(prompt: str) -> list[Part]:
    texts: list[tuple[str, float]] = []
    round_from: list[int] = []
    square_from: list[int] = []

    def multiply(start: int, factor: float) -> None:
        texts[start:] = [(text, weight * factor) for text, weight in texts[start:]]

    for found in _MARK.finditer(prompt):
        mark, said = found[0], found[1]
        if mark == "(":
            round_from.append(len(texts))
        elif mark == "[":
            square_from.append(len(texts))
        elif said is not None and round_from:
            multiply(round_from.pop(), max(-_HIGHEST, min(_HIGHEST, float(said))))
        elif mark == ")" and round_from:
            multiply(round_from.pop(), _PAIR)
        elif mark == "]" and square_from:
            multiply(square_from.pop(), _SQUARE)
        else:
            texts.append((mark[1:] if len(mark) == 2 and mark[0] == "\\" else mark, 1.0))
    for start in round_from:  # that nothing closes
        multiply(start, _PAIR)
    for start in square_from:
        multiply(start, _SQUARE)
    merged: list[Part] = []
    for text, weight in ((text, round(weight, 6)) for text, weight in texts):
        if merged and merged[-1].weight == weight:
            merged[-1] = Part(merged[-1].text + text, weight)
        else:
            merged.append(Part(text, weight))
    return merged


def _joined(text: str) -> str:
    return re.sub(r"[^\S\n]{2,}", " ", text).strip()
