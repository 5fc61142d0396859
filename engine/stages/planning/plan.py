"""plan: a causal LM expands a prompt into a Plan, decoded under a grammar, so that it always parses.

A model that comes with a vocabulary fills in what a rule has read; one that comes with words alone is told
those of the prompt; any other reads the prompt, and quotes it.
"""

import functools
from collections.abc import Sequence

from ...ar.sampling import Sampling
from ...errors import InputError
from ...language.closed_vocabulary.vocabulary import FILE
from ...models.checkpoint.folder import folder_of
from ...models.language.causal_lm import LanguageModel, decoder_config, decoding_bytes
from ...models.registry import BYTES
from ...stage import ModelKey, Models, RunContext
from ...values import Plan, Request
from . import chat_plan, vocabulary_plan, words_plan


class PlanStage:
    """Request to Plan.

    Args:
        model: a `causal-lm`.
        temperature, top_p: how what the prompt leaves open is filled in.
        prompt_tokens: that instructions and prompt may have together.
        max_tokens: of a Plan; one that is cut off falls back to the user's own words.
        thinking_tokens: that a model which thinks aloud may think for before each Plan, at most; what it thinks
            is dropped. With 0 it does not think.
        instructions: the system message of a chat model; if empty, one that asks it to quote and to expand.
        must_agree: Plans of a chat model that do not say what their prompts say are made again.

    Raises:
        InputError: `thinking_tokens` is negative.
    """

    name = "plan"
    takes = Request
    gives = Plan
    token_by_token = True  # its steps are short, see `guards.threads`

    def __init__(
        self,
        *,
        model: ModelKey[LanguageModel],
        temperature: float = 1.0,
        top_p: float = 0.9,
        prompt_tokens: int = 80,
        max_tokens: int = 112,
        thinking_tokens: int = 0,
        instructions: str = "",
        must_agree: bool = True,
    ) -> None:
        if thinking_tokens < 0:
            raise InputError(f"thinking_tokens = {thinking_tokens}: must be 0 (none) or more")
        self._planner = model
        self.uses = (model,)
        self._sampling = Sampling(temperature=temperature, top_p=top_p)
        self._prompt_tokens = prompt_tokens
        self._new_tokens = chat_plan.new_tokens(max_tokens, thinking_tokens)
        self._chat = functools.partial(
            chat_plan.Chat,
            sampling=self._sampling,
            instructions=instructions,
            prompt_tokens=prompt_tokens,
            max_tokens=max_tokens,
            thinking_tokens=thinking_tokens,
            must_agree=must_agree,
        )

    @property
    def _fills_in(self) -> bool:
        """Whether the model writes no more than a wording, of what a rule has read."""
        return (folder_of(self._planner.checkpoint) / FILE).exists()

    def workspace(self, batch: Sequence[Request]) -> int:
        """The key-value cache, and what reading and drawing take."""
        return decoding_bytes(
            decoder_config(self._planner.checkpoint),
            rows=len(batch),
            prefix=self._prompt_tokens,
            new_tokens=vocabulary_plan.WORDING_TOKENS if self._fills_in else self._new_tokens,
            bytes_each=BYTES[self._planner.dtype],
        )

    def run(self, batch: Sequence[Request], models: Models, context: RunContext) -> list[Plan]:
        """Raises `RowError` for a prompt that is too long, or of which the model knows no word."""
        model = models[self._planner]
        if model.vocabulary is not None:
            writing = vocabulary_plan.Writing(
                model=model,
                vocabulary=model.vocabulary,
                sampling=self._sampling,
                prompt_tokens=self._prompt_tokens,
            )
            return vocabulary_plan.plans_of(batch, writing, context)
        if model.words is not None:
            known = words_plan.Writing(
                model=model,
                words=model.words,
                sampling=self._sampling,
                prompt_tokens=self._prompt_tokens,
                new_tokens=self._new_tokens,
            )
            return words_plan.plans_of(batch, known, context)
        return chat_plan.plans_of(batch, self._chat(model=model), context)
