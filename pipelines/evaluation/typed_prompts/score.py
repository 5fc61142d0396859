"""Whether the score can be believed, on texts as people type them, right and wrong in one word.

Renders: held-out scenes, each with a caption in one of many wordings, and with captions of scenes that differ
from it in one respect. The planner of the recipe reads them; its asked facts alone are scored. A wrong caption
that does not say what is wrong is none, nor is any of which the planner leaves something out.

Pictures: those that were painted of typed prompts, nothing left out, by what the inspector sees: the score that
the loop gave them; and where all is right, that of the same facts with one of them made wrong.
"""

import dataclasses
import random
from collections.abc import Iterator, Sequence

import torch

from ....engine.randomness import derive_seed
from ....engine.values import Fact, Picture, Plan, Request
from ....engine.watch import Watcher
from ...pocket.world import Scene, caption_of
from ...pocket.world.words import an
from ...text_to_image import TextToImage
from ...training.data.mismatch import mismatched, mismatches_of
from ...training.data.source import PICTURE_SIDE, WorldData
from ..captioner import Judge, judge_with
from ..figures import Measure
from ..inspector import Seen, Sighting
from .facts_seen import shows
from .facts_wrong import made_wrong
from .renders import WordsRow, plans_of
from .scored import AS_PAINTED, MATCHED, Scored, measured

FIRST = 900_000  # of the held-out scenes used here: far from those of calibration, `evaluate` and `bench loop`
WRONG = 2  # texts a picture
BATCH = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Text:
    """A text about a render, to be read by the planner."""

    picture: int
    mismatch: str
    text: str


def score_figures(
    pipe: TextToImage, rows: Sequence[WordsRow], *, renders: int, watch: Watcher | None = None
) -> dict[str, Measure]:
    """AUC by kind of mismatch, and calibration error: of renders, then of the pictures of typed prompts."""
    judge = judge_with(pipe.runner.chain.stages[-1], pipe.runner.memory)
    shown = scored_renders(pipe, judge, count=renders, watch=watch)
    return measured(shown, "renders") | measured(scored_pictures(judge, rows), "pictures")


def scored_renders(
    pipe: TextToImage, judge: Judge, *, count: int, watch: Watcher | None = None
) -> list[list[Scored]]:
    """For each of `count` held-out renders the scores of a right text and of wrong ones."""
    batch = WorldData("held-out").take(range(FIRST, FIRST + count), PICTURE_SIDE)
    texts = [text for i, scene in enumerate(batch.scenes) for text in _texts(i, scene)]
    requests = [pipe.request(each.text, seed=derive_seed(0, i), row=i) for i, each in enumerate(texts, 1)]
    truths = [sighting_of(*shown) for shown in zip(batch.scenes, batch.masks, strict=True)]
    asked: list[tuple[_Text, Picture]] = []
    for each, plan in zip(texts, plans_of(pipe, requests, watch=watch), strict=True):
        if isinstance(plan, str) or plan.left_out or not plan.asked:
            continue
        scene, truth = batch.scenes[each.picture], truths[each.picture]
        wrong = any(_shows(scene, truth, fact) is False for fact in plan.asked)
        if wrong or each.mismatch == MATCHED:
            asked.append((each, _picture(batch.pixels[each.picture], plan)))
    found: list[list[tuple[str, float]]] = [[] for _ in batch.scenes]
    for (each, _), score in zip(asked, _scores(judge, [picture for _, picture in asked]), strict=True):
        found[each.picture].append((each.mismatch, score))
    return [_weighted(each) for each in found if each]


def scored_pictures(judge: Judge, rows: Sequence[WordsRow]) -> list[list[Scored]]:
    """For each painted picture of a typed prompt its score, and where it is right those of wrong facts."""
    painted = [row for row in rows if row.pixels is not None and row.score is not None and not row.left_out]
    wrong: list[tuple[int, str, Picture]] = []
    for i, row in enumerate(painted):
        if not row.wanting:
            wrong += [(i, kind, picture) for kind, picture in _wrong_pictures(i, row)]
    found = [[(MATCHED if not row.wanting else AS_PAINTED, row.score or 0.0)] for row in painted]
    scores = _scores(judge, [picture for _, _, picture in wrong])
    for (i, kind, _), score in zip(wrong, scores, strict=True):
        found[i].append((kind, score))
    return [_weighted(each) for each in found]


def sighting_of(scene: Scene, mask: torch.Tensor) -> Sighting:
    """What an observer without errors sees: the centres of the things' boxes in a mask, uint8 (h, h)."""
    side = mask.shape[0]
    things = []
    for i, thing in enumerate(scene.things, start=1):
        rows, columns = (mask == i).nonzero().T
        x, y = (float(each.min() + each.max() + 1) / (2 * side) for each in (columns, rows))
        things.append(Seen(kind=thing.kind, colour=thing.colour, x=x, y=y))
    return Sighting(things=tuple(things), setting=scene.setting, style=scene.style)


def _texts(i: int, scene: Scene) -> Iterator[_Text]:
    """One right text and some wrong ones, worded by the same draws, so that they differ in little else."""
    rng = random.Random(f"words/score/{i}")
    wording = rng.random()
    yield _Text(picture=i, mismatch=MATCHED, text=caption_of(scene, random.Random(wording)))
    kinds = mismatches_of(scene)
    for kind in rng.sample(kinds, min(WRONG, len(kinds))):
        text = caption_of(mismatched(scene, kind, rng), random.Random(wording))
        yield _Text(picture=i, mismatch=kind, text=text)


def _shows(scene: Scene, seen: Sighting, fact: Fact) -> bool | None:
    """Whether a render shows a fact: by what it was drawn of, sizes too."""
    if fact.kind != "size":
        return shows(seen, fact.claim)
    return any(fact.text == an(f"{thing.size} {thing.kind}") for thing in scene.things)


def _wrong_pictures(i: int, row: WordsRow) -> Iterator[tuple[str, Picture]]:
    """The row's picture, each time with one asked fact made wrong; those that the inspector calls so."""
    assert row.pixels is not None and row.seen is not None, "the row was painted"
    rng = random.Random(f"words/score/picture/{i}")
    kinds = sorted({fact.kind for fact in row.asked})
    rng.shuffle(kinds)
    made = 0
    for kind in kinds:
        claims = made_wrong([fact.claim for fact in row.asked], kind, rng)
        if made < WRONG and claims is not None and any(shows(row.seen, claim) is False for claim in claims):
            made += 1
            facts = tuple(Fact(kind=kind, text=text) for kind, text in claims)  # type: ignore[arg-type]
            prompt = ", ".join(fact.text for fact in facts)
            yield kind, _picture(row.pixels, Plan(request=Request(prompt=prompt), prompt=prompt, facts=facts))


def _picture(pixels: torch.Tensor, plan: Plan) -> Picture:
    return Picture(pixels=pixels, plan=dataclasses.replace(plan, facts=plan.asked))


def _scores(judge: Judge, pictures: Sequence[Picture]) -> list[float]:
    parts = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
    return [verdict.score for part in parts for verdict in judge(part)]


def _weighted(texts: Sequence[tuple[str, float]]) -> list[Scored]:
    """The wrong texts together weigh as much as the right one."""
    wrong = sum(kind != MATCHED for kind, _ in texts)
    return [Scored(kind, 1.0 if kind == MATCHED else 1 / wrong, score) for kind, score in texts]
