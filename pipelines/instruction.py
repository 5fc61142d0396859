"""An instruction in words ("make the boat red") and a wording; what the wording becomes by it, and where.

Rules over what the wording says of things, of the setting and of the style, in the words of the pocket world.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Literal

from ..engine.fact import Fact
from ..engine.start import Wording
from .phrases import Phrase, colour_of, phrase_of, phrases_in, replaced, size_of
from .pocket.world.words import SETTING_WORDS, STYLE_WORDS, TAG_WORDS

Where = Literal["thing", "around things", "everywhere"]
PLAIN_STYLE = "flat"  # which is not said
_INSTEAD = (
    r"(?:(?:put|draw|paint|show|place|use)\s+)?(?P<new>.+?)\s+(?:instead|in (?:the )?place)\s+of\s+(?P<old>.+)",
    r"(?:replace|swap|exchange|substitute)\s+(?P<old>.+?)\s+(?:by|with|for)\s+(?P<new>.+)",
    r"(?:change|turn|transform|make)\s+(?P<old>.+?)\s+(?:into|to)\s+(?P<new>.+)",
)
_BECOMES = (
    r"(?:make|paint|colou?r|turn|dye|change)\s+(?P<old>.+?)\s+(?:to\s+|into\s+)?(?P<how>[\w-]+)",
    r"(?P<old>.+?)\s+(?:is|should be|must be|becomes)\s+(?P<how>[\w-]+)",
)
_MORE = {"bigger": "big", "larger": "big", "smaller": "small", "tinier": "small"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """What an instruction comes to.

    Args:
        wording: what the picture is to show.
        where: what of it is to be drawn anew.
        thing: what the old wording says of the one thing that changes, where one does.
    """

    wording: Wording
    where: Where
    thing: Phrase | None = None


def changed(wording: Wording, instruction: str) -> Change | None:
    """The change that an instruction asks for; `None` where it is not understood, or says nothing of these."""
    text = re.sub(r"^(?:please|now)\s+", "", " ".join(instruction.lower().split())).strip(" .!,")
    return _becomes(wording, text) or _instead(wording, text) or _elsewhere(wording, text)


def _becomes(wording: Wording, text: str) -> Change | None:
    """'make the boat red', 'the boat should be bigger'."""
    for pattern in _BECOMES:
        if (match := re.fullmatch(pattern, text)) and (old := phrase_of(match["old"], wording.prompt)):
            how = _MORE.get(match["how"], match["how"])
            if colour_of(how) or size_of(how):
                return _other_thing(wording, old, colour=colour_of(how), size=size_of(how) and how)
    return None


def _instead(wording: Wording, text: str) -> Change | None:
    """'put a cat instead of the boat', 'replace the boat by a cat'."""
    for pattern in _INSTEAD:
        if (match := re.fullmatch(pattern, text)) and (old := phrase_of(match["old"], wording.prompt)):
            (new, *_) = phrases_in(match["new"]) or [None]
            if new is not None:
                return _other_thing(wording, old, kind=new.kind, colour=new.colour, size=new.size)
    return None


def _other_thing(wording: Wording, old: Phrase, **words: str) -> Change:
    """The wording with other words for one thing, in its prompt and in its facts."""
    facts = []
    for fact in wording.facts:
        text = fact.text
        for phrase in reversed(phrases_in(text)):
            if phrase.kind == old.kind:
                said = {name: word for name, word in words.items() if name == "kind" or getattr(phrase, name)}
                text = replaced(text, phrase, phrase.named(**said))
        facts.append(dataclasses.replace(fact, text=text))
    prompt = replaced(wording.prompt, old, old.named(**words))
    return Change(wording=Wording(prompt=prompt, facts=tuple(facts)), where="thing", thing=old)


def _elsewhere(wording: Wording, text: str) -> Change | None:
    """'at night', 'move it to the beach', 'make it an ink drawing'."""
    if setting := _named(text, SETTING_WORDS):
        said = SETTING_WORDS[setting][0]
        prompt = _swapped(wording.prompt, SETTING_WORDS, said)
        return Change(wording=_with_fact(wording, prompt, "setting", said), where="around things")
    if style := _named(text, STYLE_WORDS):
        said = "" if style == PLAIN_STYLE else STYLE_WORDS[style][0]
        prompt = _swapped(wording.prompt, STYLE_WORDS, said)
        return Change(wording=_with_fact(wording, prompt, "style", said), where="everywhere")
    return None


def _named(text: str, words: Mapping[str, tuple[str, ...]]) -> str:
    """Of settings or styles the one that the text names, by its longest words; empty for none."""
    ways = [
        (way, name) for name in words for way in (*words[name], TAG_WORDS[name], name, *_nouns(words[name]))
    ]
    for way, name in sorted(ways, key=lambda each: -len(each[0])):
        if re.search(rf"\b{re.escape(way)}\b", text):
            return name
    return ""


def _nouns(ways: tuple[str, ...]) -> list[str]:
    """'the beach' of 'at the beach': as an instruction names it behind words of its own."""
    return [found[1] for way in ways if (found := re.search(r"\b((?:a|an|the) [\w -]+)$", way))]


def _swapped(prompt: str, words: Mapping[str, tuple[str, ...]], said: str) -> str:
    """The prompt with `said` in place of the setting or style that it names, or at its end."""
    ways = sorted((way for each in words.values() for way in each), key=len, reverse=True)
    for way in ways:
        pattern = rf",?\s*\b{re.escape(way)}\b"
        if re.search(pattern, prompt):
            return re.sub(pattern, f", {said}" if said else "", prompt, count=1).strip(" ,")
    return f"{prompt}, {said}" if said else prompt


def _with_fact(wording: Wording, prompt: str, kind: Literal["setting", "style"], said: str) -> Wording:
    facts = [fact for fact in wording.facts if fact.kind != kind]
    facts += [Fact(kind=kind, text=said)] if said else []
    return Wording(prompt=prompt, facts=tuple(facts))
