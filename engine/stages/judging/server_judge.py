"""judge: a vision-language model behind a server says what it sees, and answers each fact; see `remote.server`.

Whether a picture shows a fact is asked as a chat model of this machine is asked it. Where the server says how
likely tokens were, the answer is the probability of 'yes' against 'no'; where it does not, the word that it
said counts as `SURE`, or the opposite. Neither is calibrated, and the verdict says which of them it was.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from ...messages import shown
from ...models.vision.picture_reader import ASK, DESCRIBE
from ...randomness import RowKey, whole_seed
from ...remote.address import MOST_AT_ONCE, Address
from ...remote.answers import Answer
from ...remote.of_server import OfServer
from ...remote.server import Asked, Server, Trouble, more_fields
from ...stage import Models, RunContext
from ...values import FactAnswer, Picture, Verdict
from ...values.setting import Setting

if TYPE_CHECKING:
    import torch

SURE = 0.9
"""The probability that a plain 'yes' stands for: an assumption, no measurement."""
TRIES = 2  # where an answer is neither yes nor no
CAPTION_TOKENS = 96
_TOP = 20  # tokens whose probabilities are asked for: the most that OpenAI and vLLM give
_LEAST = 0.05  # that yes and no must have together, for their ratio to say something
_MARKS = " \t\n\r*_\"'`.,:;!()[]<>|\u2581\u0120"


class ServerJudgeStage(OfServer):
    """Picture to Verdict, by a model behind a server: it takes nothing of the device.

    The score is that of the asked fact that is shown least, as of other models that are not calibrated.

    Args:
        url, model, api_key_env, timeout_seconds, at_once, more: as `ServerPlanStage` has them.
        max_tokens: of an answer; a model that thinks needs more of them.
        likelihood: accepted as of other judges; a chat model is not asked for it.

    Raises:
        InputError: as `ServerPlanStage`.
    """

    name = "judge"
    takes = Picture
    gives = Verdict

    def __init__(
        self,
        *,
        url: str = "",
        model: str = "",
        api_key_env: str = "",
        timeout_seconds: Annotated[float, Setting("Of an answer.", low=0.1, high=86_400.0)] = 120.0,
        at_once: Annotated[int, Setting("Requests under way.", low=1, high=MOST_AT_ONCE)] = 8,
        max_tokens: Annotated[int, Setting("Of an answer.", low=1, high=1_000_000)] = CAPTION_TOKENS,
        likelihood: bool = False,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self.server = Server(
            Address.of(
                url=url,
                model=model,
                api_key_env=api_key_env,
                timeout_seconds=timeout_seconds,
                at_once=at_once,
            )
        )
        self._max_tokens = max_tokens
        self._more = more_fields(more or {})

    def run(self, batch: Sequence[Picture], models: Models, context: RunContext) -> list[Verdict]:
        """A picture for which the server has no answer fails by itself.

        Raises:
            InputError: the key is not there.
        """
        seen = [data_uri(picture.judged) for picture in batch]
        captions = self._captions(batch, seen, context)
        questions: list[tuple[int, str]] = []
        for i, picture in enumerate(batch):
            if isinstance(captions[i], str):
                questions += [(i, text) for text in _texts(picture, str(captions[i]))]
        found = self._shown(batch, seen, questions, context)
        return [
            self._verdict(picture, captions[i], [found[i, text] for text in _texts(picture, str(captions[i]))])
            if isinstance(captions[i], str)
            else Verdict(caption="", score=0.0)
            for i, picture in enumerate(batch)
        ]

    def _captions(self, batch: Sequence[Picture], seen: Sequence[str], context: RunContext) -> list[str | None]:
        """What the model sees; empty for previews, and `None` for a picture whose row has failed.

        Args:
            seen: the pictures, as `data_uri` has them.
        """
        finished = [i for i, picture in enumerate(batch) if not picture.is_preview]
        asked = [self._asked(batch[i], seen[i], DESCRIBE, "caption") for i in finished]
        captions: list[str | None] = [""] * len(batch)
        for i, answer in zip(finished, self.server.ask(asked, step=context.step), strict=True):
            if isinstance(answer, Trouble):
                context.fail(i, answer.reason)
                captions[i] = None
            else:
                captions[i] = " ".join(answer.text.split())
                if not captions[i]:
                    context.fail(i, f"{self.server.where} says nothing of a picture: raise max_tokens")
                    captions[i] = None
        return captions

    def _shown(
        self,
        batch: Sequence[Picture],
        seen: Sequence[str],
        questions: Sequence[tuple[int, str]],
        context: RunContext,
    ) -> dict[tuple[int, str], tuple[float, str]]:
        """For each picture and text, the probability that the picture shows it, and how it was found."""
        found: dict[tuple[int, str], tuple[float, str]] = {}
        left = list(dict.fromkeys(questions))
        for attempt in range(1, TRIES + 1):
            asked = [
                self._asked(batch[i], seen[i], ASK.format(text=text), f"{text}/{attempt}", top=_TOP)
                for i, text in left
            ]
            unclear: list[tuple[int, str]] = []
            for (i, text), answer in zip(left, self.server.ask(asked, step=context.step), strict=True):
                if isinstance(answer, Trouble):
                    context.fail(i, answer.reason)
                    found[i, text] = 0.0, ""
                elif (said := probability_of_yes(answer)) is not None:
                    found[i, text] = said
                elif attempt < TRIES:
                    unclear.append((i, text))
                else:
                    context.fail(i, f"{self.server.where} says neither yes nor no: {shown(answer.text)}")
                    found[i, text] = 0.0, ""
            left = unclear
            if not left:
                break
        return found

    def _asked(self, picture: Picture, seen: str, text: str, what: str, *, top: int = 0) -> Asked:
        request = picture.plan.request if picture.plan else None
        key = RowKey(request.seed, request.candidate) if request else RowKey(0)
        content = [
            {"type": "image_url", "image_url": {"url": seen}},
            {"type": "text", "text": text},
        ]
        return Asked(
            messages=({"role": "user", "content": content},),
            seed=whole_seed(key, f"judge/{what}"),
            max_tokens=self._max_tokens,
            temperature=0.0,
            top_logprobs=top,
            more=self._more,
        )

    def _verdict(self, picture: Picture, caption: str | None, found: Sequence[tuple[float, str]]) -> Verdict:
        facts = picture.plan.facts if picture.plan else ()
        asked = [fact.asked for fact in facts]
        if not any(asked):
            asked = [*asked, True]
        ways = ", ".join(dict.fromkeys(how for _, how in found if how))
        return Verdict(
            caption=caption or "",
            score=min(p for (p, _), was_asked in zip(found, asked, strict=True) if was_asked),
            answers=tuple(
                FactAnswer(fact=fact, probability=p) for fact, (p, _) in zip(facts, found, strict=False)
            ),
            by=f"{self.server.by()}, {ways}, not calibrated",
        )


def probability_of_yes(answer: Answer) -> tuple[float, str] | None:
    """That the answer is yes, and how that was found; `None` where it is neither yes nor no."""
    yes, no = (sum(p for token, p in answer.first if _word(token) == word) for word in ("yes", "no"))
    if yes + no >= _LEAST:
        return min(1.0, yes / (yes + no)), "by the probabilities of its words"
    words = answer.text.split()
    said = _word(words[0]) if words else ""
    if said in ("yes", "no"):
        sure = SURE if said == "yes" else 1 - SURE
        return sure, f"by its words alone ({SURE:g} for yes, {1 - SURE:g} for no)"
    return None


def data_uri(pixels: "torch.Tensor") -> str:
    """A picture, uint8 (h, w, 3), as a PNG file in an address."""
    import PIL.Image

    data = io.BytesIO()
    PIL.Image.fromarray(pixels.numpy()).save(data, "PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"


def _word(token: str) -> str:
    return token.strip(_MARKS).lower()


def _texts(picture: Picture, caption: str) -> list[str]:
    """What is asked about a picture: the facts of its plan; where none of them was asked for, its prompt, too;
    without a plan, the caption."""
    plan = picture.plan
    texts = [fact.text for fact in plan.facts] if plan else []
    if not plan or not any(fact.asked for fact in plan.facts):
        texts.append(plan.prompt if plan else caption)
    return texts
