"""Verdicts by a captioner or chat model of the library: one picture after the other.

A chat model is asked whether the picture shows each fact: its probability of 'yes' is the answer. A captioner
that takes no questions says how likely a text is, given the picture, against how likely it is given a grey one
(the pointwise mutual information a token); `sharpness` times that is the log-odds.
"""

import math
from collections.abc import Sequence

from ...models.language.causal_lm import decoder_config, decoding_bytes
from ...models.registry import BYTES
from ...models.vision.picture_reader import PictureReader, grey
from ...models.vision.picture_sizes import picture_bytes, picture_tokens
from ...stage import ModelKey, RunContext
from ...values import FactAnswer, Picture, Verdict

TEXT_TOKENS = 400  # of a question or a plan, and what stands around it
CAPTION_TOKENS = 48


def workspace(key: ModelKey[object], batch: Sequence[Picture]) -> int:
    """Bytes of the largest picture alone: the vision model's activations, and two caches, of what texts share
    and of one text."""
    config, size = decoder_config(key.checkpoint), BYTES[key.dtype]
    most = 0
    for height, width in {(int(p.judged.shape[0]), int(p.judged.shape[1])) for p in batch}:
        prefix = picture_tokens(key.checkpoint, height, width) + TEXT_TOKENS
        read = decoding_bytes(config, rows=2, prefix=prefix, new_tokens=CAPTION_TOKENS, bytes_each=size)
        most = max(most, read + picture_bytes(key.checkpoint, height, width, bytes_each=size))
    return most


def verdicts(
    model: PictureReader,
    batch: Sequence[Picture],
    context: RunContext,
    *,
    sharpness: float = 1.0,
    likelihood: bool = False,
) -> list[Verdict]:
    """What the model makes of each picture. The score is that of the asked fact that is shown least: models of
    the library are not calibrated, and no more than that can be said of all facts together."""
    found: list[Verdict] = []
    for i, picture in enumerate(batch):
        plan = picture.plan
        caption = "" if picture.is_preview else model.caption(picture.judged, max_tokens=CAPTION_TOKENS)
        facts = plan.facts if plan else ()
        asked = [fact.asked for fact in facts]
        texts = [fact.text for fact in facts]
        if not any(asked):
            asked, texts = [*asked, True], [*texts, plan.prompt if plan else caption]
        answers = probabilities(model, picture, texts, sharpness=sharpness)
        context.of_rows([i]).check("answers", [not any(map(math.isnan, answers))])
        answers = [0.0 if math.isnan(p) else p for p in answers]
        answered = [FactAnswer(fact=fact, probability=p) for fact, p in zip(facts, answers, strict=False)]
        found.append(
            Verdict(
                caption=caption,
                score=min(p for p, was_asked in zip(answers, asked, strict=True) if was_asked),
                answers=tuple(answered),
                likelihood=_gain(model, picture, plan.request.prompt) if likelihood and plan else None,
            )
        )
        context.step(i + 1, len(batch))
    return found


def _gain(model: PictureReader, picture: Picture, text: str) -> float | None:
    """Nats a token by which the picture makes a text likelier; a chat model is not asked for it."""
    if model.chats:
        return None
    (shown,), (unseen,) = (
        model.negative_log_likelihood(picture.judged, [text]),
        model.negative_log_likelihood(grey(picture.judged), [text]),
    )
    return unseen - shown


def probabilities(
    model: PictureReader, picture: Picture, texts: Sequence[str], *, sharpness: float = 1.0
) -> list[float]:
    """For each text, that the picture shows it; NaN where the model gives no number."""
    if model.chats:
        found = model.yes(picture.judged, texts)
    else:
        shown, unseen = (
            model.negative_log_likelihood(picture.judged, texts),
            model.negative_log_likelihood(grey(picture.judged), texts),
        )
        pairs = zip(shown, unseen, strict=True)
        found = [_sigmoid(sharpness * (b - a)) if math.isfinite(b - a) else math.nan for a, b in pairs]
    return [p if math.isnan(p) else min(1.0, max(0.0, p)) for p in found]


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))
