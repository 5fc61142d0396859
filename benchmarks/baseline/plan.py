"""Plan, as a script does it: `generate`, held to a JSON schema by a logits processor of llguidance.

As shown in the guides "Text generation" and "Chat templates" of transformers, and in llguidance's own examples
(`fill_next_token_bitmask` for each row of a batch). A planner with a vocabulary of its own is asked for no more
than what the prompt leaves open, as the engine asks it: the prompt is read by the same rules.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from llguidance.torch import allocate_token_bitmask, fill_next_token_bitmask
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor

from ...engine.ar.plan_schema import PLAN_LARK
from ...engine.ar.wording_grammar import wording_in, wording_lark
from ...engine.language.closed_vocabulary.composition import composition_of
from ...engine.language.closed_vocabulary.vocabulary import read_vocabulary
from ...engine.language.closed_vocabulary.wish_reader import wish_of
from ...engine.language.closed_vocabulary.wording import asked_wording, facts_of, only_wording, wordings


@dataclasses.dataclass(frozen=True)
class Planned:
    """The wording for the models, the facts to be asked about, and how many tokens were written."""

    prompt: str
    facts: tuple[str, ...]
    tokens: int


class JsonProcessor(LogitsProcessor):
    """Leaves each row only the tokens from which its JSON can still be completed; then the end token."""

    def __init__(self, tokenizer: LLTokenizer, grammars: Sequence[str], stop: int) -> None:
        self.matchers = [LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark)) for lark in grammars]
        self.bitmask = allocate_token_bitmask(len(grammars), tokenizer.vocab_size)
        self.bits = torch.arange(32, dtype=torch.int32)
        self.stop = stop
        self.has_begun = False

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for i, matcher in enumerate(self.matchers):
            if self.has_begun and not matcher.is_stopped():
                matcher.consume_token(int(input_ids[i, -1]))
            if not matcher.is_stopped():
                fill_next_token_bitmask(matcher, self.bitmask, i)
        self.has_begun = True
        allowed = ((self.bitmask[:, :, None] >> self.bits) & 1).bool().flatten(1)[:, : scores.shape[1]]
        stopped = [matcher.is_stopped() for matcher in self.matchers]
        allowed[stopped] = torch.arange(allowed.shape[1]) == self.stop
        return scores.masked_fill(~allowed.to(scores.device), -torch.inf)


class Planner:
    """A causal LM that writes Plans.

    Args:
        sampling: arguments of `generate` for sampling, e.g. `{"do_sample": False}`.
        device: where its inputs go.
        weights_on: where its weights lie at first; as `device`, if not given.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dtype: torch.dtype,
        device: torch.device,
        sampling: dict[str, Any],
        max_new_tokens: int,
        weights_on: torch.device | None = None,
    ) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        self.model.to(weights_on or device)
        size = max(len(self.tokenizer), self.model.config.vocab_size)
        self.grammar_tokenizer = from_tokenizer(self.tokenizer, n_vocab=size)
        self.vocabulary = read_vocabulary(folder)
        self.device, self.sampling, self.max_new_tokens = device, sampling, max_new_tokens

    def __call__(self, prompts: Sequence[str]) -> list[Planned]:
        if self.vocabulary is None:
            rows = self._written(prompts, [PLAN_LARK] * len(prompts))
            return [self._read(row, prompt) for row, prompt in zip(rows, prompts, strict=True)]
        asked = [composition_of(wish_of(prompt, self.vocabulary)) for prompt in prompts]
        said = [only_wording(each, self.vocabulary) for each in asked]
        open_rows = [i for i, wording in enumerate(said) if not wording]
        texts = [asked_wording(asked[i], self.vocabulary) for i in open_rows]
        grammars = [wording_lark(wordings(asked[i], self.vocabulary)) for i in open_rows]
        tokens = [0] * len(prompts)
        for i, row in zip(open_rows, self._written(texts, grammars) if texts else [], strict=True):
            said[i], tokens[i] = wording_in(self.tokenizer.decode(row)), len(row)
        planned: list[Planned] = []
        for wording, each, count in zip(said, asked, tokens, strict=True):
            facts = facts_of(composition_of(wish_of(wording, self.vocabulary)), each, self.vocabulary)
            planned.append(Planned(wording, tuple(fact.text for fact in facts), count))
        return planned

    @torch.inference_mode()
    def _written(self, prompts: Sequence[str], grammars: Sequence[str]) -> list[list[int]]:
        """The tokens of each row, up to its end."""
        conversations = [[{"role": "user", "content": prompt}] for prompt in prompts]
        inputs: Any = self.tokenizer.apply_chat_template(
            conversations, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
        )
        stop = self.tokenizer.eos_token_id
        written = self.model.generate(
            **inputs.to(self.device),
            **self.sampling,
            max_new_tokens=self.max_new_tokens,
            logits_processor=[JsonProcessor(self.grammar_tokenizer, grammars, stop)],
        )
        rows = written[:, inputs["input_ids"].shape[1] :].tolist()
        return [row[: row.index(stop)] if stop in row else row for row in rows]

    def _read(self, ids: list[int], prompt: str) -> Planned:
        """The Plan in a row of tokens; one that was cut off falls back to the user's own words."""
        try:
            plan = json.loads(self.tokenizer.decode(ids))
        except json.JSONDecodeError:
            return Planned(prompt, (prompt,), len(ids))
        return Planned(plan["prompt"], tuple(dict.fromkeys(f["text"] for f in plan["facts"])), len(ids))
