"""judge: a captioner looks at a picture, says what it sees, scores it against the Plan, answers each fact."""

import math
from collections.abc import Iterator, Sequence

import torch

from ..models.caption_decoder import Sight
from ..models.checkpoint import folder_of
from ..models.from_transformers_vision import TEXT_LENGTH, Captioner, answers_facts
from ..models.picture_reader import PictureReader
from ..stage import ModelKey, Models, Report
from ..values import Fact, FactAnswer, Picture, Verdict
from . import reading

# Of the pocket captioner, measured:
BYTES_A_SIGHT = 400_000  # what the texts of a picture look at; 300 000
BYTES_A_LOOK = 1_200_000  # activations of its image encoder; 1 050 000
BYTES_A_TOKEN = 12_500  # activations of texts and questions; 12 200
ASKS_AT_ONCE = 64
SUREST = 6.0  # log-odds of a fact, either way, as the score takes them

Part = tuple[int, Sequence[Fact]]
"""A picture's place in the batch, and some of what is asked about it."""


class JudgeStage:
    """Picture to Verdict; a draft's preview is judged as a Picture too.

    The score is the text's likelihood given the picture against its likelihood given none (a pointwise mutual
    information, as in Lin et al. 2024, "Revisiting the Role of Language Priors in Vision-Language Models"), and
    its worst fact, calibrated to a probability. Where nothing was asked, the captioner's own caption is scored.

    Captioners of the kind that this package trains are carried out here, in batches; for those of the library,
    and chat models, see `reading`.

    Args:
        model: an `image-text-to-text` captioner or chat model.
        sharpness: of a captioner that was never calibrated: log-odds of the score for each nat a token.
    """

    name = "judge"
    takes = Picture
    gives = Verdict

    def __init__(self, *, model: ModelKey, sharpness: float = 1.0) -> None:
        self.uses = (model,)
        self._sharpness = sharpness

    def workspace(self, batch: Sequence[Picture]) -> int:
        """What texts look at, and activations of the pictures, of the texts or of the facts asked at once."""
        if not answers_facts(folder_of(self.uses[0].checkpoint)):
            return reading.workspace(self.uses[0], batch)
        facts = [len(fact.text) for picture in batch if picture.plan for fact in picture.plan.facts]
        asked = min(ASKS_AT_ONCE, len(facts)) * min(TEXT_LENGTH, max(facts, default=0) + 4)  # tokens, at most
        texts = BYTES_A_TOKEN * max(TEXT_LENGTH * len(batch), asked)
        looks = len(batch) + 1  # one of them at no picture
        return BYTES_A_SIGHT * looks + max(BYTES_A_LOOK * len(batch), texts)

    def run(self, batch: Sequence[Picture], models: Models, report: Report) -> list[Verdict]:
        model: Captioner | PictureReader = models[self.uses[0]]
        if isinstance(model, PictureReader):
            return reading.verdicts(model, batch, report, sharpness=self._sharpness)
        fixed = report.fixed_shapes
        sight = model.look([picture.pixels for picture in batch])
        report.step(1, 4)
        captions = _captions(model, sight, batch, fixed)
        report.step(2, 4)
        texts = [p.plan.prompt if p.plan else caption for p, caption in zip(batch, captions, strict=True)]
        answers = _answers(model, sight, batch, fixed)
        report.step(3, 4)
        worst = [worst_of([answer.probability for answer in each]) for each in answers]
        scores = _scores(model, sight, texts, worst, fixed)
        report.step(4, 4)
        return [
            Verdict(caption=caption, score=score, answers=row)
            for caption, score, row in zip(captions, scores, answers, strict=True)
        ]


def _captions(model: Captioner, sight: Sight, batch: Sequence[Picture], fixed: bool) -> list[str]:
    """Of each picture, but not of previews, of which nobody reads one."""
    if all(picture.is_preview for picture in batch):
        return [""] * len(batch)
    said = model.captions(sight, fixed_shapes=fixed)
    return ["" if picture.is_preview else caption for picture, caption in zip(batch, said, strict=True)]


def _scores(
    model: Captioner, sight: Sight, texts: Sequence[str], worst: Sequence[float], fixed: bool
) -> list[float]:
    shown = model.nats(sight, texts, fixed_shapes=fixed)
    unseen = model.nats(model.blank, texts, fixed_shapes=fixed)
    odds = model.calibration.odds(shown, unseen, torch.tensor(worst))
    return [_finite(p) for p in odds.double().sigmoid().tolist()]


def _answers(
    model: Captioner, sight: Sight, batch: Sequence[Picture], fixed: bool
) -> list[tuple[FactAnswer, ...]]:
    """All questions about all pictures; in fixed shapes, those about each picture on their own."""
    facts = [picture.plan.facts if picture.plan else () for picture in batch]
    parts = [
        (row, each[start : start + ASKS_AT_ONCE])
        for row, each in enumerate(facts)
        for start in range(0, len(each), ASKS_AT_ONCE)
    ]
    answers: list[list[FactAnswer]] = [[] for _ in batch]
    for asked in _together(parts, at_once=1 if fixed else ASKS_AT_ONCE):
        found = model.shows(sight.of([row for row, _ in asked]), [each for _, each in asked])
        for (row, each), probabilities in zip(asked, found, strict=True):
            pairs = zip(each, probabilities, strict=True)
            answers[row] += [FactAnswer(fact=fact, probability=_finite(p)) for fact, p in pairs]
    return [tuple(each) for each in answers]


def _together(parts: Sequence[Part], *, at_once: int) -> Iterator[Sequence[Part]]:
    """Groups of parts: at most `at_once` questions, if each had as many as the longest, or one part alone."""
    group: list[Part] = []
    for part in parts:
        if group and max(len(facts) for _, facts in (*group, part)) * (len(group) + 1) > at_once:
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def worst_of(probabilities: Sequence[float]) -> float:
    """The log-odds of the fact that is shown least, as the score takes them; 0 where there is none."""
    p = min(max(min(probabilities, default=0.5), 1e-9), 1 - 1e-9)
    return max(-SUREST, min(SUREST, math.log(p / (1 - p))))


def _finite(p: float) -> float:
    """A probability; what is not a number counts as no."""
    return 0.0 if math.isnan(p) else min(1.0, max(0.0, p))
