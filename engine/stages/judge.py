"""judge: a captioner looks at a picture, says what it sees, scores it against the Plan, answers each fact."""

import math
from collections.abc import Sequence

import torch

from ..models.from_transformers_vision import Captioner
from ..stage import ModelKey, Models, Report
from ..values import FactAnswer, Picture, Verdict

BYTES_A_ROW = (
    6_000_000  # of activations for one picture and one text; measured on the pocket captioner, generous
)
ASKS_AT_ONCE = 64


class JudgeStage:
    """Picture to Verdict; a draft's preview is judged as a Picture too.

    The score is the text's likelihood given the picture against its likelihood given none (a pointwise mutual
    information, as in Lin et al. 2024, "Revisiting the Role of Language Priors in Vision-Language Models"),
    calibrated to a probability. Where nothing was asked, the captioner's own caption is scored.

    Args:
        model: an `image-text-to-text` captioner.
    """

    name = "judge"
    takes = Picture
    gives = Verdict

    def __init__(self, *, model: ModelKey) -> None:
        self.uses = (model,)

    def workspace(self, batch: Sequence[Picture]) -> int:
        """Activations of the pictures, and of the facts asked at once."""
        asks = min(ASKS_AT_ONCE, max(len(picture.plan.facts) if picture.plan else 0 for picture in batch))
        return BYTES_A_ROW * (len(batch) + asks)

    def run(self, batch: Sequence[Picture], models: Models, report: Report) -> list[Verdict]:
        model: Captioner = models[self.uses[0]]
        seen = model.look([picture.pixels for picture in batch])
        report.step(1, 4)
        captions = model.captions(seen)
        report.step(2, 4)
        texts = [p.plan.prompt if p.plan else caption for p, caption in zip(batch, captions, strict=True)]
        scores = _scores(model, seen, texts)
        report.step(3, 4)
        answers = _answers(model, seen, batch)
        report.step(4, 4)
        return [
            Verdict(caption=caption, score=score, answers=row)
            for caption, score, row in zip(captions, scores, answers, strict=True)
        ]


def _scores(model: Captioner, seen: torch.Tensor, texts: Sequence[str]) -> list[float]:
    fit = model.calibration
    with_picture = model.nats(seen, texts)
    without = model.nats(model.blank().expand(len(texts), -1, -1), texts)
    logits = fit.weight * (fit.alpha * without - with_picture) + fit.bias
    return [_finite(p) for p in logits.double().sigmoid().tolist()]


def _answers(model: Captioner, seen: torch.Tensor, batch: Sequence[Picture]) -> list[tuple[FactAnswer, ...]]:
    """Each picture is asked on its own, so that the shapes do not depend on its neighbours' facts."""
    rows: list[tuple[FactAnswer, ...]] = []
    for i, picture in enumerate(batch):
        facts = picture.plan.facts if picture.plan else ()
        probabilities: list[float] = []
        for start in range(0, len(facts), ASKS_AT_ONCE):
            texts = [fact.text for fact in facts[start : start + ASKS_AT_ONCE]]
            probabilities += model.yes(seen[i : i + 1].expand(len(texts), -1, -1), texts).tolist()
        answers = zip(facts, probabilities, strict=True)
        rows.append(tuple(FactAnswer(fact=fact, probability=_finite(p)) for fact, p in answers))
    return rows


def _finite(p: float) -> float:
    """A probability; what is not a number counts as no."""
    return 0.0 if math.isnan(p) else min(1.0, max(0.0, p))
