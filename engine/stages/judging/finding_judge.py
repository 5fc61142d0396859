"""judge: finds the things of a picture, says what it sees, and answers the facts of the Plan by what it found.

It looks at a picture before it knows of any plan. Made for recipes that show their drafter pictures of a
memory: it knows the things of that memory by pictures of them. What the drafter draws without the memory, by
heart, a captioner may judge that knows the same.
"""

from collections.abc import Sequence

from ...language.closed_vocabulary.by_heart import drawn_by_heart
from ...models.vision.captioner import Captioner
from ...models.vision.picture_reader import PictureReader
from ...models.vision.thing_finder import LONGEST, SIDE, ThingFinder
from ...models.vision.things_found import View, look
from ...stage import ModelKey, Models, RunContext
from ...values import FactAnswer, Picture, Verdict
from .found_caption import caption_of
from .found_facts import FactReader, log_odds
from .judge import JudgeStage, facts_of

BYTES_A_PIXEL = 150  # activations of the network, of what it looks at; measured: 126
BYTES_A_VALUE = 8  # of a picture, while it is made smaller


class FindingJudgeStage:
    """Picture to Verdict; a draft's preview is judged as a Picture too.

    Facts, score and captions are as `JudgeStage` has them; a likelihood it cannot say.

    Args:
        model: a `thing-finder` that was shown a memory.
        captioner: an `image-text-to-text` model for pictures of plans that are drawn by heart; without one, all
            are judged by the finder.
        likelihood: accepted as of other judges; the captioner alone is asked for it.
    """

    name = "judge"
    takes = Picture
    gives = Verdict

    def __init__(
        self,
        *,
        model: ModelKey[ThingFinder],
        captioner: ModelKey[Captioner | PictureReader] | None = None,
        likelihood: bool = False,
    ) -> None:
        self._finder = model
        self._by_heart = None if captioner is None else JudgeStage(model=captioner, likelihood=likelihood)
        self.uses = (model,) if captioner is None else (model, captioner)

    def workspace(self, batch: Sequence[Picture]) -> int:
        """One picture's activations, which are looked at one by one; or what the captioner takes."""
        longest = max((_longest(picture) for picture in batch), default=1.0)
        largest = max((picture.judged.numel() for picture in batch), default=0)
        own = round(BYTES_A_PIXEL * SIDE * SIDE * longest) + BYTES_A_VALUE * largest
        return max(own, 0 if self._by_heart is None else self._by_heart.workspace(batch))

    def run(self, batch: Sequence[Picture], models: Models, context: RunContext) -> list[Verdict]:
        finder = models[self._finder]
        verdicts: list[Verdict | None] = [None] * len(batch)
        by_heart = [i for i, picture in enumerate(batch) if self._knows(finder, picture)]
        if by_heart and self._by_heart is not None:
            told = self._by_heart.run([batch[i] for i in by_heart], models, context.of_rows(by_heart))
            for i, verdict in zip(by_heart, told, strict=True):
                verdicts[i] = verdict
        reader = FactReader(finder.words)
        for i, picture in enumerate(batch):
            if verdicts[i] is None:
                verdicts[i] = _verdict(finder, reader, picture, look(finder, [picture.judged])[0])
            context.step(i + 1, len(batch))
        return [verdict for verdict in verdicts if verdict is not None]

    def _knows(self, finder: ThingFinder, picture: Picture) -> bool:
        """Whether the captioner is asked."""
        if self._by_heart is None or picture.plan is None:
            return False
        return drawn_by_heart(picture.plan.prompt, finder.words, styles=finder.styles, by_heart=finder.by_heart)


def _verdict(finder: ThingFinder, reader: FactReader, picture: Picture, view: View) -> Verdict:
    calibration = finder.calibration
    caption = "" if picture.is_preview else caption_of(view, reader.vocabulary)
    answers = []
    for fact in facts_of(picture, caption):
        odds = log_odds(reader.probability(fact.text, view))
        answers.append(FactAnswer(fact=fact, probability=calibration.of(fact.kind).probability(odds)))
    asked = [each.probability for each in answers if each.fact.asked]
    return Verdict(
        caption=caption,
        score=calibration.score(asked),
        answers=tuple(answers[: len(picture.plan.facts)]) if picture.plan else (),
        fit=calibration.fit(0.0, [each.probability for each in answers]) if picture.plan else None,
    )


def _longest(picture: Picture) -> float:
    height, width = int(picture.judged.shape[0]), int(picture.judged.shape[1])
    return min(float(LONGEST), max(height, width) / max(1, min(height, width)))
