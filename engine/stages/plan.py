"""plan: a causal LM expands a prompt into a Plan, decoded under a grammar, so that it always parses."""

import json
import re
from collections.abc import Sequence

from ..ar.decoding import decode_text
from ..ar.grammar import PlanGrammar
from ..ar.sampling import Sampling
from ..errors import RowError
from ..models.checkpoint import read_config
from ..models.from_transformers import CACHE_NEEDS, LanguageModel, cache_bytes
from ..randomness import RowKey, uniforms
from ..stage import ModelKey, Models, Report
from ..values import Fact, Plan, Request

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|[,:]")
INSTRUCTIONS = (
    "Expand the user's wish for a picture into one full sentence that says what is in it, of which colour and"
    " size, where it stands, and in which setting. Then list the facts that the picture must show."
    " Answer in JSON."
)


class PlanStage:
    """Request to Plan.

    Args:
        model: a `causal-lm`.
        temperature, top_p: how what the prompt leaves open is filled in.
        prompt_tokens: that instructions and prompt may have together; shorter ones are padded to as many, so
            that their shape does not depend on the neighbours.
        max_tokens: of a Plan; one that is cut off falls back to the user's own words.
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
    ) -> None:
        self.uses = (model,)
        self._sampling = Sampling(temperature=temperature, top_p=top_p)
        self._prompt_tokens = prompt_tokens
        self._max_tokens = max_tokens

    def workspace(self, batch: Sequence[Request]) -> int:
        """The key-value cache, and the logits of one step in double precision."""
        config = read_config(self.uses[0].checkpoint, *CACHE_NEEDS, "vocab_size")
        cache = cache_bytes(config, rows=len(batch), length=self._prompt_tokens + self._max_tokens)
        return cache + 6 * 8 * len(batch) * config["vocab_size"]

    def run(self, batch: Sequence[Request], models: Models, report: Report) -> list[Plan]:
        """Raises `RowError` for a prompt that is too long, or of which the model knows no word."""
        model: LanguageModel = models[self.uses[0]]
        for i, request in enumerate(batch):
            _check_words(i, request.prompt, model)
        keys = [RowKey(request.seed, request.candidate) for request in batch]
        rows = [model.prompt_ids(_instructions(request), _known(request.prompt, model)) for request in batch]
        written = decode_text(
            model.begin(rows, width=self._prompt_tokens, new_tokens=self._max_tokens),
            grammars=[PlanGrammar(model.grammar_tokenizer, model.stop) for _ in batch],
            sampling=[self._sampling] * len(batch),
            uniforms=uniforms(keys, self.name, self._max_tokens),
            stop=model.stop,
            report=report,
        )
        return [_plan(request, model.decode(ids)) for request, ids in zip(batch, written, strict=True)]


def _instructions(request: Request) -> str:
    if not request.missed:
        return INSTRUCTIONS
    missed = "; ".join(fact.text for fact in request.missed)
    return f"{INSTRUCTIONS} Earlier pictures missed these, so stress them: {missed}."


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
