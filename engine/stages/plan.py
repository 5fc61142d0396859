"""plan: a causal LM expands a prompt into a Plan, decoded under a grammar, so that it always parses."""

import json
import re
from collections.abc import Sequence

from ..ar.decoding import Grammar, decode_text
from ..ar.grammar import PlanGrammar
from ..ar.sampling import Sampling
from ..ar.thinking import ThinkFirst, answer_of
from ..errors import InputError, RowError
from ..models.from_transformers import LanguageModel, decoder_config, decoding_bytes
from ..models.registry import BYTES
from ..randomness import RowKey, uniforms
from ..stage import ModelKey, Models, Report
from ..values import Fact, Plan, Request

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|\d+|[,:]")
INSTRUCTIONS = (
    "Expand the user's wish for a picture into one full sentence that says what is in it, of which colour and"
    " size, where it stands, and in which setting. Then list the facts that the picture must show."
    " Answer in JSON."
)
AROUND_THINKING = 3  # tokens that end the reasoning and lead over to the Plan


class PlanStage:
    """Request to Plan.

    Args:
        model: a `causal-lm`.
        temperature, top_p: how what the prompt leaves open is filled in.
        prompt_tokens: that instructions and prompt may have together.
        max_tokens: of a Plan; one that is cut off falls back to the user's own words.
        thinking_tokens: that a model which thinks aloud may think for before each Plan, at most; what it thinks
            is dropped. With 0 it does not think.
        instructions: what the model is told; the pocket planner's, if empty.

    Raises:
        InputError: `thinking_tokens` is negative.
    """

    name = "plan"
    takes = Request
    gives = Plan

    def __init__(
        self,
        *,
        model: ModelKey,
        temperature: float = 1.0,
        top_p: float = 0.9,
        prompt_tokens: int = 80,
        max_tokens: int = 112,
        thinking_tokens: int = 0,
        instructions: str = "",
    ) -> None:
        if thinking_tokens < 0:
            raise InputError(f"thinking_tokens = {thinking_tokens}: must be 0 (none) or more")
        self.uses = (model,)
        self._thinking_tokens = thinking_tokens
        self._instructions = instructions or INSTRUCTIONS
        self._sampling = Sampling(temperature=temperature, top_p=top_p)
        self._prompt_tokens = prompt_tokens
        self._max_tokens = max_tokens

    def workspace(self, batch: Sequence[Request]) -> int:
        """The key-value cache, and what reading and drawing take."""
        return decoding_bytes(
            decoder_config(self.uses[0].checkpoint),
            rows=len(batch),
            prefix=self._prompt_tokens,
            new_tokens=self._new_tokens,
            bytes_each=BYTES[self.uses[0].dtype],
        )

    def run(self, batch: Sequence[Request], models: Models, report: Report) -> list[Plan]:
        """Raises `RowError` for a prompt that is too long, or of which the model knows no word."""
        model: LanguageModel = models[self.uses[0]]
        for i, request in enumerate(batch):
            _check_words(i, request.prompt, model)
        keys = [RowKey(request.seed, request.candidate) for request in batch]
        close = self._thinks_until(model)
        rows = [self._prompt_ids(request, model) for request in batch]
        written = decode_text(
            model.begin(
                rows,
                width=self._prompt_tokens,
                new_tokens=self._new_tokens,
                fixed_shapes=report.fixed_shapes,
            ),
            grammars=self._grammars(model, len(batch)),
            sampling=[self._sampling] * len(batch),
            uniforms=uniforms(keys, self.name, self._new_tokens),
            stop=model.stop,
            report=report,
            compact=not report.fixed_shapes,
        )
        answers = written if close is None else [answer_of(ids, close) for ids in written]
        return [_plan(request, model.decode(ids)) for request, ids in zip(batch, answers, strict=True)]

    @property
    def _new_tokens(self) -> int:
        """Of a row, at most: with what ends the reasoning, where there is any."""
        return self._max_tokens + (self._thinking_tokens + AROUND_THINKING if self._thinking_tokens else 0)

    def _prompt_ids(self, request: Request, model: LanguageModel) -> list[int]:
        told, asked = _told(self._instructions, request), _known(request.prompt, model)
        return model.prompt_ids(told, asked, thinking=self._thinking_tokens > 0)

    def _thinks_until(self, model: LanguageModel) -> int | None:
        """The id that ends the reasoning, where there is to be any."""
        if not self._thinking_tokens:
            return None
        close = model.thinks_until
        if close is None:
            checkpoint = self.uses[0].checkpoint
            raise InputError(f"{checkpoint} does not think aloud: take thinking_tokens out of the recipe")
        return close

    def _grammars(self, model: LanguageModel, count: int) -> Sequence[Grammar]:
        plans = PlanGrammar(model.grammar_tokenizer, model.stop).copies(count)
        close = self._thinks_until(model)
        if close is None:
            return plans
        tokenizer = model.tokenizer
        return [
            ThinkFirst(
                plan,
                close=close,
                most=self._thinking_tokens,
                gap=tokenizer.encode("\n", add_special_tokens=False)[-1:],
                barred=[model.stop, *tokenizer.all_special_ids],
                vocabulary=len(tokenizer),
            )
            for plan in plans
        ]


def _told(instructions: str, request: Request) -> str:
    if not request.missed:
        return instructions
    missed = "; ".join(fact.text for fact in request.missed)
    return f"{instructions} Earlier pictures missed these, so stress them: {missed}."


def _known(prompt: str, model: LanguageModel) -> str:
    """The prompt without the words that the model does not know: they would lead a small model astray."""
    if model.words is None:
        return prompt
    kept: list[str] = []
    for word in _WORD.findall(prompt.lower()):
        if word in model.words or word in model.fillers:
            kept.append(word)
        elif word.removesuffix("s") in model.words:
            kept.append(word.removesuffix("s"))
        elif word in ",:" and kept and kept[-1] not in ",:":
            kept.append(word)
    return " ".join(kept).replace(" ,", ",").replace(" :", ":")


def _check_words(index: int, prompt: str, model: LanguageModel) -> None:
    if model.words is None:
        return
    said = _WORD.findall(prompt.lower())
    if model.words.isdisjoint({*said, *(word.removesuffix("s") for word in said)}):
        some = ", ".join(sorted(model.words)[:: max(1, len(model.words) // 8)][:8])
        short = prompt if len(prompt) <= 60 else f"{prompt[:57]}..."
        raise RowError(index, f"{short!r} has no word that the planner knows: it knows words such as {some}")


def _plan(request: Request, text: str) -> Plan:
    """The Plan in `text`, which parses unless it was cut off; then the user's words are the plan."""
    try:
        read = json.loads(text)
    except json.JSONDecodeError:
        return Plan(request=request, prompt=request.prompt, facts=(Fact(kind="other", text=request.prompt),))
    facts = (Fact(kind=fact["kind"], text=fact["text"]) for fact in read["facts"])
    return Plan(request=request, prompt=read["prompt"], facts=tuple(dict.fromkeys(facts)))
