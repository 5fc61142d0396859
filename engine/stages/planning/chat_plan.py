"""Plans of a chat model, which reads any words: it quotes what is asked for, and fills in the rest.

A Plan that does not say what its prompt says is made again, with other draws, and at last given up for the
user's own words.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from ...ar.decoding import Grammar, decode_text
from ...ar.grammar import PlanGrammar
from ...ar.sampling import Sampling
from ...ar.thinking import ThinkFirst, answer_of
from ...errors import InputError
from ...language.words.prompt_weights import (
    says_weights,
    weighted_again,
    without_other_tags,
    without_said_weights,
)
from ...models.language.causal_lm import LanguageModel, position_count
from ...randomness import RowKey, uniforms
from ...stage import RunContext
from ...values import Plan, Request
from .quoted_plan import in_users_words, read_plan, reasons_against

INSTRUCTIONS = (
    "Expand the user's wish for a picture into one full sentence that says what is in it, of which colour and"
    " size, where it stands, and in which setting. Keep every word of the wish that says what is to be seen,"
    " and change no colour and no number. Then list the facts that the picture must show."
)
QUOTING = (
    ' Answer in JSON: {"prompt":"...","facts":[{"kind":"...","quote":"...","text":"..."}]}. The quote of a fact'
    " is copied from the user's words, letter for letter, and each of these words that says what is to be seen"
    ' stands in a quote. The quote of a fact that you add yourself is "".'
)
"""Added to instructions that do not mention quotes."""
STARTING = (
    "The picture is made from another one, which shows this: {shows}. What the wish does not change stays as it"
    ' is there, and stands in the sentence; as a fact it has the quote "".'
)
"""Added for a request with an init image."""
_MOST_SHOWN = 300  # characters of that
TRIES = 3
_ROOM_FOR_PROMPT = 256  # tokens
AROUND_THINKING = 3  # tokens that end the reasoning and lead over to the Plan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chat:
    """How a chat model is asked for Plans.

    Args:
        instructions: the system message; if empty, one that asks it to quote and to expand.
        prompt_tokens: that instructions and prompt may have together.
        max_tokens: of a Plan; one that is cut off falls back to the user's own words.
        thinking_tokens: that it may think for before each Plan, at most; 0 for a model that does not think.
        must_agree: make Plans again that do not say what their prompts say.
    """

    model: LanguageModel
    sampling: Sampling
    instructions: str = ""
    prompt_tokens: int
    max_tokens: int
    thinking_tokens: int = 0
    must_agree: bool = True

    @property
    def new_tokens(self) -> int:
        """Of a row, at most: with what ends the reasoning, where there is any."""
        return new_tokens(self.max_tokens, self.thinking_tokens)


def new_tokens(max_tokens: int, thinking_tokens: int) -> int:
    """Of a row, at most: with what ends the reasoning, where there is any."""
    return max_tokens + (thinking_tokens + AROUND_THINKING if thinking_tokens else 0)


def plans_of(batch: Sequence[Request], chat: Chat, context: RunContext) -> list[Plan]:
    """A Plan of each request; a row's depends on no other row. The model reads a prompt without the weights
    that its words are given as numbers, and they stand at the same words of the Plan's prompt again.

    Raises:
        RowError: a prompt is too long.
        InputError: the model does not think aloud, but is to.
    """

    def write(rows: Sequence[int], attempt: int) -> list[Plan]:
        return _written(rows, batch, chat, context, attempt=attempt)

    draws = chat.sampling.temperature > 0
    return agreed(batch, write, context, must_agree=chat.must_agree, draws=draws)


def agreed(
    batch: Sequence[Request],
    write: Callable[[Sequence[int], int], list[Plan]],
    context: RunContext,
    *,
    must_agree: bool,
    draws: bool,
) -> list[Plan]:
    """Plans of a batch that say what their prompts say: those that do not are made again. Weights that words of
    a prompt are given as numbers stand at the same words of its plan.

    Args:
        write: makes plans of these rows of the batch, at this attempt, from 1.
        must_agree: whether they are held to that.
        draws: whether another attempt may come to another plan.
    """
    made = _agreed(batch, write, context, must_agree=must_agree, draws=draws)
    return [_weighted(plan, context) for plan in made]


def wish_of(request: Request) -> str:
    """The prompt as a model reads it: without weights said as numbers, and without the tags of other tools."""
    return without_said_weights(without_other_tags(request.prompt))


def _weighted(plan: Plan, context: RunContext) -> Plan:
    """With the weights of the request's words at the same words."""
    request = plan.request
    if plan.prompt == request.prompt or not says_weights(request.prompt):
        return plan
    prompt, lost = weighted_again(plan.prompt, request.prompt)
    if lost:
        context.note(f"the plan of {request.prompt[:40]!r} has no such words to weigh: {'; '.join(lost)[:200]}")
    return dataclasses.replace(plan, prompt=prompt)


def _agreed(
    batch: Sequence[Request],
    write: Callable[[Sequence[int], int], list[Plan]],
    context: RunContext,
    *,
    must_agree: bool,
    draws: bool,
) -> list[Plan]:
    """Plans, made again where they do not agree with their prompts."""
    plans = dict(enumerate(write(range(len(batch)), 1)))
    if not must_agree:
        return list(plans.values())
    reasons = _reasons(plans, plans)
    causes = "; ".join(f"{plans[i].request.prompt[:40]!r}: {reason}" for i, (reason, *_) in reasons.items())
    count = len(reasons)
    for attempt in range(2, TRIES + 1):
        if not reasons or not draws:
            break
        rows = range(len(batch)) if context.batch_invariant else list(reasons)  # their number must not tell
        again = dict(zip(rows, write(rows, attempt), strict=True))
        plans |= {i: again[i] for i in reasons}
        reasons = _reasons(plans, reasons)
    plans |= {i: in_users_words(plans[i]) for i in reasons}
    if count:
        left = f", {len(reasons)} of them at last in the user's own words" if reasons else ""
        context.note(f"{count} of {len(batch)} plans made again{left}: {causes}")
    return list(plans.values())


def _reasons(plans: dict[int, Plan], rows: Iterable[int]) -> dict[int, list[str]]:
    """Of those rows whose plans do not agree with their prompts."""
    return {i: found for i in rows if (found := reasons_against(plans[i]))}


def _written(
    rows: Sequence[int], batch: Sequence[Request], chat: Chat, context: RunContext, *, attempt: int
) -> list[Plan]:
    """Plans of these rows of a batch, as the model writes them."""
    model, requests = chat.model, [batch[i] for i in rows]
    close = _thinks_until(chat)
    prompt_ids = [_prompt_ids(request, chat) for request in requests]
    keys = [RowKey(request.seed, request.candidate) for request in requests]
    written = decode_text(
        model.begin(
            prompt_ids,
            prompt_tokens=chat.prompt_tokens,
            new_tokens=chat.new_tokens,
            batch_invariant=context.batch_invariant,
        ),
        grammars=_grammars(requests, chat, close),
        sampling=[chat.sampling] * len(rows),
        uniforms=uniforms(keys, "plan" if attempt == 1 else f"plan/{attempt}", chat.new_tokens),
        stop=model.stop,
        context=context,
    )
    context.of_rows(rows).check("logits", [ids is not None for ids in written])
    answers = [ids or [] for ids in written]
    if close is not None:
        answers = [answer_of(ids, close) for ids in answers]
    return [
        read_plan(request, model.decode(ids), must_agree=chat.must_agree)
        for request, ids in zip(requests, answers, strict=True)
    ]


def _prompt_ids(request: Request, chat: Chat) -> list[int]:
    instructions = told(request, chat.instructions)
    return chat.model.prompt_ids(instructions, wish_of(request), thinking=chat.thinking_tokens > 0)


def told(request: Request, instructions: str) -> str:
    """The system message for a request.

    Args:
        instructions: the stage's own; if empty, the usual ones.
    """
    instructions = instructions or INSTRUCTIONS
    instructions = instructions if '"quote"' in instructions else f"{instructions}{QUOTING}"
    if request.start and request.start.shows:
        instructions = f"{instructions} {STARTING.format(shows=request.start.shows[:_MOST_SHOWN])}"
    if request.missed:
        missed = "; ".join(fact.text for fact in request.missed)
        instructions = f"{instructions} Earlier pictures missed these, so stress them: {missed}."
    if known := "; ".join(each.name for each in request.references if each.name):
        instructions = f"{instructions} There are pictures of these, which the painter will see: {known}."
    return instructions


def check_room(request: Request, chat: Chat) -> None:
    """Raise `InputError` where instructions and prompt have no room, or the model does not think aloud but is
    to; asks the tokenizer alone."""
    _thinks_until(chat)
    count = len(_prompt_ids(request, chat))
    left = position_count(chat.model.model.config) - chat.new_tokens
    if count > left:
        raise InputError(
            f"the planner has {left + chat.new_tokens} positions: {count} for instructions and prompt leave no"
            f" room for {chat.new_tokens} tokens of a plan: name another planner, or a shorter template"
        )
    if count > chat.prompt_tokens:
        raise InputError(
            f"prompt_tokens = {chat.prompt_tokens}: instructions and a short prompt have {count} tokens:"
            f" raise it to {count + _ROOM_FOR_PROMPT}, say, or leave it out"
        )


def _thinks_until(chat: Chat) -> int | None:
    """The id that ends the reasoning, where there is to be any."""
    if not chat.thinking_tokens:
        return None
    close = chat.model.thinks_until
    if close is None:
        name = chat.model.tokenizer.name_or_path
        raise InputError(f"{name} does not think aloud: take thinking_tokens out of the recipe")
    return close


def _grammars(requests: Sequence[Request], chat: Chat, close: int | None) -> list[Grammar]:
    model, tokenizer = chat.model, chat.model.tokenizer
    prompts = [request.prompt for request in requests]
    plans = list(PlanGrammar.for_each(prompts, model.grammar_tokenizer, model.stop))
    if close is None:
        return [*plans]
    return [
        ThinkFirst(
            plan,
            close=close,
            most=chat.thinking_tokens,
            gap=tokenizer.encode("\n", add_special_tokens=False)[-1:],
            barred=[model.stop, *tokenizer.all_special_ids],
            vocabulary=len(tokenizer),
        )
        for plan in plans
    ]
