"""plan: a causal LM expands a prompt into a Plan, decoded under a grammar, so that it always parses.

A model that comes with a vocabulary fills in what a rule has read; one that comes with words alone is told
those of the prompt; any other reads the prompt, and quotes it.
"""

import functools
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from ...ar.sampling import Sampling
from ...errors import InputError
from ...language.closed_vocabulary.known_words import FILE as WORDS
from ...language.closed_vocabulary.vocabulary import FILE, Vocabulary
from ...models.checkpoint.folder import folder_of
from ...models.language.causal_lm import LanguageModel, decoder_config, decoding_bytes, packed_bytes
from ...models.registry import BYTES
from ...models.vision.picture_memory import PictureMemory
from ...stage import ModelKey, Models, RunContext
from ...values import Plan, Request, Settings
from ...values.setting import Setting, declared
from . import chat_plan, vocabulary_plan, words_plan

_DRAWN = declared(Settings)
_TOKENS = Setting("Tokens that a language model reads or writes.", low=1, high=1_000_000)


class Room(NamedTuple):
    """How many tokens instructions and prompt may have together, and a Plan."""

    prompt_tokens: int
    max_tokens: int


_TRAINED = Room(prompt_tokens=80, max_tokens=112)
"""Of planners that this package trains: they get no instructions."""
_CHAT_PLAN = 288  # tokens of a chat model's Plan
_PROMPT = 512  # that a prompt may have beside the instructions
_FEW = 1024  # entries of a vocabulary that can hold little more than bytes


def _room_of_chat(
    config: Mapping[str, Any], instructions: str, *, max_tokens: int | None, thinking_tokens: int
) -> Room:
    """Room for a chat model's instructions and a prompt, as its config lets it have: a token has two bytes at
    least, about, and one where the vocabulary is of bytes; all within its positions.

    Args:
        config: see `decoder_config`.
        instructions: the stage's own; if empty, the usual ones.
        max_tokens: what the recipe says of it, if it does.
    """
    positions = config.get("max_position_embeddings") or sys.maxsize
    plan = max_tokens or min(_CHAT_PLAN, max(64, positions // 4))
    said = len((instructions or chat_plan.INSTRUCTIONS).encode()) + len(chat_plan.QUOTING)
    tokens = said if config["vocab_size"] <= _FEW else said // 2
    left = positions - chat_plan.new_tokens(plan, thinking_tokens)
    return Room(prompt_tokens=max(1, min(tokens + _PROMPT, left)), max_tokens=plan)


class PlanStage:
    """Request to Plan.

    Args:
        model: a `causal-lm`.
        memory: a `picture-memory`, whose vocabulary is read in place of the one that the model comes with.
        temperature, top_p: how what the prompt leaves open is filled in.
        prompt_tokens: that instructions and prompt may have together; `None` for what the checkpoint has room
            for, see `_room_of_chat`.
        max_tokens: of a Plan; one that is cut off falls back to the user's own words; `None` as before.
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
        memory: ModelKey[PictureMemory] | None = None,
        temperature: Annotated[float, _DRAWN["temperature"]] = 1.0,
        top_p: Annotated[float, _DRAWN["top_p"]] = 0.9,
        prompt_tokens: Annotated[int | None, _TOKENS] = None,
        max_tokens: Annotated[int | None, _TOKENS] = None,
        thinking_tokens: int = 0,
        instructions: str = "",
        must_agree: bool = True,
    ) -> None:
        if thinking_tokens < 0:
            raise InputError(f"thinking_tokens = {thinking_tokens}: must be 0 (none) or more")
        self._planner, self._memory = model, memory
        self.uses = (model,) if memory is None else (model, memory)
        self._sampling = Sampling(temperature=temperature, top_p=top_p)
        self._told = (prompt_tokens, max_tokens)
        self._thinking_tokens = thinking_tokens
        self._chat = functools.partial(
            chat_plan.Chat,
            sampling=self._sampling,
            instructions=instructions,
            thinking_tokens=thinking_tokens,
            must_agree=must_agree,
        )

    @property
    def _room(self) -> Room:
        """What the recipe says of it, and for the rest what the checkpoint has room for."""
        folder, (prompt_tokens, max_tokens) = folder_of(self._planner.checkpoint), self._told
        usual = _TRAINED
        if not any((folder / name).exists() for name in (FILE, WORDS)):
            usual = _room_of_chat(
                decoder_config(self._planner.checkpoint),
                self._chat.keywords["instructions"],
                max_tokens=max_tokens,
                thinking_tokens=self._thinking_tokens,
            )
        return Room(prompt_tokens or usual.prompt_tokens, max_tokens or usual.max_tokens)

    def workspace(self, batch: Sequence[Request]) -> int:
        """The key-value cache, and what reading and drawing take."""
        fills_in = (folder_of(self._planner.checkpoint) / FILE).exists()  # it writes no more than a wording
        room = self._room
        return decoding_bytes(
            decoder_config(self._planner.checkpoint),
            rows=len(batch),
            prefix=room.prompt_tokens,
            new_tokens=vocabulary_plan.WORDING_TOKENS
            if fills_in
            else chat_plan.new_tokens(room.max_tokens, self._thinking_tokens),
            bytes_each=BYTES[self._planner.dtype],
        )

    def cpu_workspace(self) -> int:
        """See `Stage`."""
        return packed_bytes(decoder_config(self._planner.checkpoint), self._planner.dtype)

    def rows_apart(self, models: Models) -> bool:
        """See `Stage`."""
        return models[self._planner].rows_apart

    def rehearse(self, request: Request, models: Models) -> None:
        """Make sure, of a model without its weights, that a prompt has room beside the instructions.

        Raises:
            InputError: it has none.
        """
        model = models[self._planner]
        if self._vocabulary(models) is None and model.words is None:
            chat = self._chat(model=model, **self._room._asdict())
            chat_plan.check_room(request, chat)

    def run(self, batch: Sequence[Request], models: Models, context: RunContext) -> list[Plan]:
        """Raises `RowError` for a prompt that is too long, or of which the model knows no word."""
        model, room, vocabulary = models[self._planner], self._room, self._vocabulary(models)
        if vocabulary is not None:
            writing = vocabulary_plan.Writing(
                model=model,
                vocabulary=vocabulary,
                sampling=self._sampling,
                prompt_tokens=room.prompt_tokens,
            )
            return vocabulary_plan.plans_of(batch, writing, context)
        if model.words is not None:
            known = words_plan.Writing(
                model=model,
                words=model.words,
                sampling=self._sampling,
                prompt_tokens=room.prompt_tokens,
                new_tokens=chat_plan.new_tokens(room.max_tokens, self._thinking_tokens),
            )
            return words_plan.plans_of(batch, known, context)
        return chat_plan.plans_of(batch, self._chat(model=model, **room._asdict()), context)

    def _vocabulary(self, models: Models) -> Vocabulary | None:
        """Raises `InputError` where a memory's is to be read by a planner that takes any words."""
        own = models[self._planner].vocabulary
        if self._memory is None:
            return own
        if own is None:
            raise InputError(
                "[stages.plan.models.memory] is for planners that come with a vocabulary: take it out, since this"
                " one reads any words"
            )
        return models[self._memory].vocabulary
