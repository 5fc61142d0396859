"""Plans of a planner that knows words, but not what they mean: one that was trained on a user's pictures.

It gets those words of the prompt that it knows, and writes a Plan in JSON. Its facts are asked where the
prompt has all their words, else added; what the prompt says beyond them is asked for clause by clause.
"""

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ...ar.decoding import decode_text
from ...ar.plan_schema import SchemaGrammar
from ...ar.sampling import Sampling
from ...errors import RowError
from ...language.closed_vocabulary.known_words import Known, known_in
from ...language.words.content import content_words, plain
from ...models.language.causal_lm import LanguageModel
from ...randomness import RowKey, uniforms
from ...stage import RunContext
from ...values import Plan, Request
from ...values.fact import Fact, FactKind, Span, once

STAGE = "plan"  # of the draws
_SHOWN = 60  # characters of a prompt in a message
_SOME = 8  # words that a message names


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writing:
    """How a model makes Plans of the words that it knows.

    Args:
        prompt_tokens: tokens of its input, at most.
        new_tokens: of a Plan, at most; of one that is cut off, what was asked stays.
    """

    model: LanguageModel
    words: frozenset[str]
    sampling: Sampling
    prompt_tokens: int
    new_tokens: int


def plans_of(batch: Sequence[Request], writing: Writing, context: RunContext) -> list[Plan]:
    """A Plan of each request.

    Raises:
        RowError: the planner knows none of a prompt's words, or the prompt is too long.
    """
    known = [_known(i, request, writing.words) for i, request in enumerate(batch)]
    model = writing.model
    written = decode_text(
        model.begin(
            [model.prompt_ids("", each.text) for each in known],
            prompt_tokens=writing.prompt_tokens,
            new_tokens=writing.new_tokens,
            batch_invariant=context.batch_invariant,
        ),
        grammars=SchemaGrammar(model.grammar_tokenizer, model.stop).copies(len(batch)),
        sampling=[writing.sampling] * len(batch),
        uniforms=uniforms([RowKey(each.seed, each.candidate) for each in batch], STAGE, writing.new_tokens),
        stop=model.stop,
        context=context,
    )
    context.check("logits", [ids is not None for ids in written])
    rows = zip(batch, known, written, strict=True)
    return [read_plan(request, each, model.decode(ids or [])) for request, each, ids in rows]


def read_plan(request: Request, known: Known, text: str) -> Plan:
    """The Plan in `text`, which parses unless it was cut off; then what was asked is the plan."""
    try:
        read: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError:
        read = {"prompt": known.text, "facts": []}
    stated = [(fact["kind"], " ".join(fact["text"].split())) for fact in read["facts"]]
    facts = [_fact(kind, said, known.places) for kind, said in stated if content_words(said)]
    carried = {word for fact in facts if fact.asked for word in _words(fact.text)}
    wanting = [clause for clause in known.clauses if not clause.words <= carried]
    asked = [Fact(kind="other", text=clause.text, span=clause.span) for clause in wanting]
    return Plan(
        request=request,
        prompt=" ".join(read["prompt"].split()) or known.text,
        facts=once([*asked, *facts]),
        left_out=known.left_out,
    )


def _fact(kind: FactKind, text: str, places: Mapping[str, Span]) -> Fact:
    """Asked, by the first of its words in the prompt, where all of them stand there."""
    words = _words(text)
    if all(word in places for word in words):
        return Fact(kind=kind, text=text, span=min(places[word] for word in words))
    return Fact(kind=kind, text=text, asked=False)


def _words(text: str) -> list[str]:
    return [plain(word.text) for word in content_words(text)]


def _known(index: int, request: Request, words: Collection[str]) -> Known:
    known = known_in(request.prompt, words)
    if not known.clauses:
        raise RowError(index, _refusal(request.prompt, words))
    return known


def _refusal(prompt: str, words: Iterable[str]) -> str:
    """Why nothing can be planned for a prompt, and some words that would do."""
    said = sorted(word for word in words if content_words(word))
    some = ", ".join(said[:: max(1, len(said) // _SOME)][:_SOME])
    short = prompt if len(prompt) <= _SHOWN else f"{prompt[: _SHOWN - 3]}..."
    return f"{short!r} has no word that the planner knows: it knows words such as {some}"
