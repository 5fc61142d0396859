"""How well the judge reads pictures: held-out renders, of which everything is known, and finished pictures."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from ...engine.memory import DeviceMemory
from ...engine.stage import RunContext, Stage
from ...engine.values import Fact, Picture, Plan, Request, Verdict
from ..pocket.world import Scene, facts_of, false_facts_of, prompt_of
from ..training.data.source import PICTURE_SIDE, WorldData
from .alignment import Judged
from .captions import right_of
from .figures import Figure, Share

Judge = Callable[[Sequence[Picture]], Sequence[Verdict]]
Shown = tuple[torch.Tensor, Scene]  # a picture, uint8 (h, w, 3), and what it shows

ALL_FACTS = "all facts"


def judge_with(stage: Stage[Picture, Verdict], memory: DeviceMemory) -> Judge:
    """A chain's judge stage as a function."""

    def judge(pictures: Sequence[Picture]) -> Sequence[Verdict]:
        with memory.lease(stage.uses, memory.work_of(stage, pictures)) as models:
            return stage.run(pictures, models, RunContext())

    return judge


def evaluate_captioner(judge: Judge, *, count: int) -> dict[str, Figure]:
    """Captions and answers for `count` held-out renders."""
    return read_with(judge, _renders(count))


def evaluate_captioner_on(judge: Judge, judged: Iterable[Judged]) -> dict[str, Figure]:
    """The same for finished pictures in which the inspector finds their scene and nothing else."""
    return read_with(judge, ((row.pixels, row.scene) for row in judged if row.right and row.pixels is not None))


def read_with(judge: Judge, shown: Iterable[Shown], *, batch_size: int = 16) -> dict[str, Figure]:
    """How often captions say what is true, and answers to questions of each kind of fact are right.

    A question is right where a true fact is answered yes, or a false one of the same kind no; `all facts` where
    all of a picture's questions are, true and false. Captions: see `captions.right_of`.
    """
    captions: dict[str, list[bool]] = defaultdict(list)
    answers: dict[str, list[bool]] = defaultdict(list)
    for rows in _batches(shown, batch_size):
        asked = [_asked(scene) for _, scene in rows]
        pictures = [_picture(*row, facts) for row, facts in zip(rows, asked, strict=True)]
        for (_, scene), facts, verdict in zip(rows, asked, judge(pictures), strict=True):
            for name, truth in right_of(verdict.caption, scene).items():
                captions[f"caption, {name}"].append(truth)
            _count_answers(answers, verdict, facts)
    counted = dict(sorted(answers.items())) | captions
    return {name: Share.of_truths(truths) for name, truths in counted.items()}


def _renders(count: int) -> Iterator[Shown]:
    data = WorldData("held-out")
    for index in range(count):
        batch = data.take([index], PICTURE_SIDE)
        yield batch.pixels[0], batch.scenes[0]


def _batches(shown: Iterable[Shown], size: int) -> Iterator[list[Shown]]:
    rows: list[Shown] = []
    for row in shown:
        rows.append(row)
        if len(rows) == size:
            yield rows
            rows = []
    if rows:
        yield rows


def _asked(scene: Scene) -> list[tuple[Fact, bool]]:
    """The true facts of a scene and as many false ones."""
    true = facts_of(scene)
    false = false_facts_of(scene, random.Random(f"evaluate/captioner/{scene.variation}"))
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
        answers[kind].append(truth)
    answers[ALL_FACTS].append(all(truth for _, truth in right))
