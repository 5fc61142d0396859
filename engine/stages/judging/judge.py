"""judge: a captioner looks at a picture, says what it sees, scores it against the Plan, answers each fact."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from ...models.checkpoint.folder import folder_of
from ...models.vision.caption_decoder import ImageFeatures
from ...models.vision.captioner import TEXT_LENGTH, Captioner, answers_facts
from ...models.vision.picture_reader import PictureReader
from ...stage import ModelKey, Models, RunContext
from ...values import Fact, FactAnswer, Picture, Verdict
from . import generic_judge as reading

# Of the pocket captioner, measured:
BYTES_A_SIGHT = 400_000  # what the texts of a picture look at; 300 000
BYTES_A_LOOK = 1_200_000  # activations of its image encoder; 1 050 000
BYTES_A_TOKEN = 12_500  # activations of texts and questions; 12 200
ASKS_AT_ONCE = 64
MORE_ASKS = 4  # of a picture: in the place of a fact that the captioner never learnt

Part = tuple[int, Sequence[Fact]]
"""A picture's place in the batch, and some of what is asked about it."""


class JudgeStage:
    """Picture to Verdict; a draft's preview is judged as a Picture too.

    All facts of the plan are answered; the score is of those alone that were asked, see `Calibration`. Of a
    plan without asked facts its prompt is the one fact, of a picture without a plan the captioner's caption.

    Captioners of the kind that this package trains are carried out here, in batches; for those of the library,
    and chat models, see `reading`.

    Args:
        model: an `image-text-to-text` captioner or chat model.
        sharpness: of a captioner that takes no questions: log-odds of a text for each nat a token.
        likelihood: also say how much likelier the picture makes the request's prompt (a pointwise mutual
            information, as in Lin et al. 2024, "Revisiting the Role of Language Priors in Vision-Language
            Models"); it takes no part in the score.
    """

    name = "judge"
    takes = Picture
    gives = Verdict
    rows_on_cpu = 4  # see `Stage`: measured to be twice as quick as one, and half as quick as sixteen

    def __init__(
        self, *, model: ModelKey[Captioner | PictureReader], sharpness: float = 1.0, likelihood: bool = False
    ) -> None:
        self._captioner = model
        self.uses = (model,)
        self._sharpness = sharpness
        self._likelihood = likelihood

    def workspace(self, batch: Sequence[Picture]) -> int:
        """What texts look at, and activations of the pictures, of the texts or of the facts asked at once."""
        if not answers_facts(folder_of(self._captioner.checkpoint)):
            return reading.workspace(self._captioner, batch)
        facts = [len(fact.text) for picture in batch for fact in facts_of(picture, "")]
        asked = min(ASKS_AT_ONCE, len(facts) + MORE_ASKS * len(batch)) * min(
            TEXT_LENGTH, max(facts, default=0) + 4
        )  # tokens, at most
        texts = BYTES_A_TOKEN * max(TEXT_LENGTH * len(batch), asked)
        looks = len(batch) + 1  # one of them at no picture
        return BYTES_A_SIGHT * looks + max(BYTES_A_LOOK * len(batch), texts)

    def run(self, batch: Sequence[Picture], models: Models, context: RunContext) -> list[Verdict]:
        model = models[self._captioner]
        if isinstance(model, PictureReader):
            return reading.verdicts(
                model, batch, context, sharpness=self._sharpness, likelihood=self._likelihood
            )
        features = model.look([picture.judged for picture in batch])
        context.step(1, 3)
        captions = _captions(model, features, batch, batch_invariant=context.batch_invariant)
        context.step(2, 3)
        facts = [facts_of(picture, caption) for picture, caption in zip(batch, captions, strict=True)]
        found = _probabilities(model, features, facts, batch_invariant=context.batch_invariant)
        context.check("answers", map(_all_finite, found))
        wordings = [p.plan.prompt if p.plan else None for p in batch]
        gains = _gains(model, features, wordings, batch_invariant=context.batch_invariant)
        wished = [p.plan.request.prompt if p.plan else None for p in batch]
        likelihoods: list[float | None] = [None] * len(batch)
        if self._likelihood:
            likelihoods = _gains(model, features, wished, batch_invariant=context.batch_invariant)
        context.check("likelihoods", map(_all_finite, zip(gains, likelihoods, strict=True)))
        context.step(3, 3)
        answers = [
            tuple(
                FactAnswer(fact=fact, probability=min(1.0, max(0.0, _number(p))))
                for fact, p in zip(*row, strict=True)
            )
            for row in zip(facts, found, strict=True)
        ]
        return [
            Verdict(
                caption=caption,
                score=model.calibration.score([a.probability for a in row if a.fact.asked]),
                answers=row[: len(picture.plan.facts)] if picture.plan else (),
                likelihood=None if likelihood is None else _number(likelihood),
                fit=None
                if gain is None
                else model.calibration.fit(_number(gain), [a.probability for a in row]),
            )
            for picture, caption, row, gain, likelihood in zip(
                batch, captions, answers, gains, likelihoods, strict=True
            )
        ]


def facts_of(picture: Picture, caption: str) -> tuple[Fact, ...]:
    """What is asked about a picture: the facts of its plan; where none of them was asked for, its prompt, too;
    without a plan, the caption."""
    plan = picture.plan
    if plan is None:
        return (Fact(kind="other", text=caption),)
    return plan.facts if plan.asked else (*plan.facts, Fact(kind="other", text=plan.prompt))


def _captions(
    model: Captioner, features: ImageFeatures, batch: Sequence[Picture], *, batch_invariant: bool
) -> list[str]:
    """The caption of each picture; previews get none, since nobody would read it."""
    if all(picture.is_preview for picture in batch):
        return [""] * len(batch)
    said = model.captions(features, batch_invariant=batch_invariant)
    return ["" if picture.is_preview else caption for picture, caption in zip(batch, said, strict=True)]


def _gains(
    model: Captioner, features: ImageFeatures, texts: Sequence[str | None], *, batch_invariant: bool
) -> list[float | None]:
    """Nats a token by which each picture makes a text likelier; `None` where there is none."""
    said = [text or "" for text in texts]
    shown = model.negative_log_likelihood(features, said, batch_invariant=batch_invariant)
    unseen = model.negative_log_likelihood(model.blank, said, batch_invariant=batch_invariant)
    gains = (unseen - shown).tolist()
    return [None if text is None else gain for gain, text in zip(gains, texts, strict=True)]


def _probabilities(
    model: Captioner, features: ImageFeatures, facts: Sequence[Sequence[Fact]], *, batch_invariant: bool
) -> list[list[float]]:
    """That each picture shows each of its facts. Questions about all pictures are asked together; those
    about each on their own, where shapes must be batch-invariant."""
    parts = [
        (row, each[start : start + ASKS_AT_ONCE])
        for row, each in enumerate(facts)
        for start in range(0, len(each), ASKS_AT_ONCE)
    ]
    answers: list[list[float]] = [[] for _ in facts]

    def asks(part: Part) -> int:
        return sum(len(model.calibration.asked_for(fact)) for fact in part[1])

    for asked in _together(parts, asks, at_once=1 if batch_invariant else ASKS_AT_ONCE):
        found = model.shows(features.of([row for row, _ in asked]), [each for _, each in asked])
        for (row, _), probabilities in zip(asked, found, strict=True):
            answers[row] += probabilities
    return answers


def _together(parts: Sequence[Part], asks: Callable[[Part], int], *, at_once: int) -> Iterator[Sequence[Part]]:
    """Groups of parts: at most `at_once` questions, if each had as many as the longest, or one part alone."""
    group: list[Part] = []
    for part in parts:
        if group and max(map(asks, (*group, part))) * (len(group) + 1) > at_once:
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _number(x: float) -> float:
    """Zero for what is none: its row has failed."""
    return x if math.isfinite(x) else 0.0


def _all_finite(numbers: Iterable[float | None]) -> bool:
    return all(each is None or math.isfinite(each) for each in numbers)
