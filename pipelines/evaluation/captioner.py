"""How well the judge reads pictures: held-out renders, of which everything is known."""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch

from ...engine.memory import DeviceMemory
from ...engine.stage import Silent, Stage
from ...engine.values import Fact, Picture, Plan, Request, Verdict
from ..pocket.world import Scene, facts_of, false_facts_of, prompt_of
from ..pocket.world.words import COLOUR_WORDS, KIND_WORDS, SETTING_WORDS
from ..training.data import PICTURE_SIDE, WorldData
from .figures import Figure, Share
from .inspector import Pair, pairs_of

Judge = Callable[[Sequence[Picture]], Sequence[Verdict]]

_KINDS = {word.split()[-1]: kind for kind, words in KIND_WORDS.items() for word in words}
_COLOURS = {word: colour for colour, words in COLOUR_WORDS.items() for word in words}


def judge_with(stage: Stage[Picture, Verdict], memory: DeviceMemory) -> Judge:
    """A chain's judge stage as a function."""

    def judge(pictures: Sequence[Picture]) -> Sequence[Verdict]:
        with memory.lease(stage.uses, stage.workspace(pictures)) as models:
            return stage.run(pictures, models, Silent())

    return judge


def evaluate_captioner(judge: Judge, *, count: int, batch_size: int = 16) -> dict[str, Figure]:
    """Captions and answers for `count` held-out renders.

    A caption is right where it names every thing with its colour, and nothing else; an answer is right where a
    true fact is answered yes, or a false one of the same kind no.
    """
    data = WorldData("held-out")
    captions: dict[str, list[bool]] = defaultdict(list)
    answers: dict[str, list[bool]] = defaultdict(list)
    for start in range(0, count, batch_size):
        batch = data.take(range(start, min(count, start + batch_size)), PICTURE_SIDE)
        asked = [_asked(scene, start + i) for i, scene in enumerate(batch.scenes)]
        rows = zip(batch.pixels, batch.scenes, asked, strict=True)
        verdicts = judge([_picture(pixels, scene, facts) for pixels, scene, facts in rows])
        for scene, facts, verdict in zip(batch.scenes, asked, verdicts, strict=True):
            things = "one thing" if len(scene.things) == 1 else "two things"
            captions[f"caption, {things} in colour"].append(named_pairs(verdict.caption) == pairs_of(scene))
            captions["caption, setting"].append(scene.setting in named_settings(verdict.caption))
            _count_answers(answers, verdict, facts)
    counted = dict(sorted(captions.items())) | dict(sorted(answers.items()))
    return {name: Share.of_truths(truths) for name, truths in counted.items()}


def named_pairs(caption: str) -> frozenset[Pair]:
    """The (kind, colour) pairs that a caption names; a thing without a colour has ''.

    A colour right before a thing is that thing's, any other the thing's before it ('a boat that is red').
    """
    pairs: list[Pair] = []
    before = ""
    for word in re.findall(r"[a-z-]+", caption.lower().replace("hot-air", "")):
        if word in _KINDS:
            pairs.append((_KINDS[word], _COLOURS.get(before, "")))
        elif before in _COLOURS and pairs and not pairs[-1][1]:
            pairs[-1] = (pairs[-1][0], _COLOURS[before])
        before = word
    if before in _COLOURS and pairs and not pairs[-1][1]:
        pairs[-1] = (pairs[-1][0], _COLOURS[before])
    return frozenset(pairs)


def named_settings(caption: str) -> frozenset[str]:
    """The settings that a caption names."""
    text = caption.lower()
    return frozenset(setting for setting, ways in SETTING_WORDS.items() if any(way in text for way in ways))


def _asked(scene: Scene, index: int) -> list[tuple[Fact, bool]]:
    """The true facts of a scene and as many false ones."""
    true, false = facts_of(scene), false_facts_of(scene, random.Random(f"evaluate/captioner/{index}"))
    said = [(fact, True) for fact in true] + [(fact, False) for fact in false]
    return [(Fact(kind=kind, text=text), truth) for (kind, text), truth in said]  # type: ignore[arg-type]


def _picture(pixels: torch.Tensor, scene: Scene, facts: Sequence[tuple[Fact, bool]]) -> Picture:
    prompt = prompt_of(scene)
    plan = Plan(request=Request(prompt=prompt), prompt=prompt, facts=tuple(fact for fact, _ in facts))
    return Picture(pixels=pixels, plan=plan)


def _count_answers(
    answers: dict[str, list[bool]], verdict: Verdict, facts: Sequence[tuple[Fact, bool]]
) -> None:
    pairs = zip(verdict.answers, facts, strict=True)
    right = [(fact.kind, answer.shown == truth) for answer, (fact, truth) in pairs]
    for kind, truth in right:
        answers[f"facts, {kind}"].append(truth)
    answers["all facts"].append(all(truth for _, truth in right))
