"""Plans of a planner with a closed vocabulary: a rule reads the prompt, and the model fills in what is open.

Whatever the model writes says what was asked: its wording is held to a grammar of the composition. The facts
are those of the wording, asked where the wish has them, else added.
"""

import dataclasses
from collections.abc import Sequence

from ...ar.decoding import decode_text
from ...ar.sampling import Sampling
from ...ar.wording_grammar import WordingGrammar, wording_in
from ...errors import RowError
from ...language.closed_vocabulary.composition import Composition, composition_of
from ...language.closed_vocabulary.keeping import kept
from ...language.closed_vocabulary.named import with_names
from ...language.closed_vocabulary.phrases import misspelt_in
from ...language.closed_vocabulary.vocabulary import Vocabulary, scripts_of
from ...language.closed_vocabulary.wish import Said, Thing, Wish
from ...language.closed_vocabulary.wish_reader import wish_of
from ...language.closed_vocabulary.wording import asked_wording, facts_of, only_wording
from ...language.closed_vocabulary.wording import wordings as wordings_of
from ...language.words.common_words import FUNCTION_WORDS
from ...language.words.content import plain_words
from ...messages import nearest, shown, some_of
from ...models.language.causal_lm import LanguageModel
from ...randomness import RowKey, uniforms
from ...stage import RunContext
from ...values import Plan, Request

STAGE = "plan"  # of the draws
WORDING_TOKENS = 96  # of the longest wording, and what stands around it
_SHOWN = 60  # characters of a prompt in a message
_WORDS_COMPARED = 50  # of a prompt that names nothing
_SLIP = 0.7  # how alike a word must be to be a hint


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writing:
    """How a model fills in what a wish leaves open.

    Args:
        prompt_tokens: tokens of its input, at most.
    """

    model: LanguageModel
    vocabulary: Vocabulary
    sampling: Sampling
    prompt_tokens: int


def plans_of(batch: Sequence[Request], writing: Writing, context: RunContext) -> list[Plan]:
    """A Plan of each request.

    Raises:
        RowError: a prompt names nothing that the vocabulary has.
    """
    known = [with_names(writing.vocabulary, [each.name for each in row.references]) for row in batch]
    asked = [_composition(i, *each) for i, each in enumerate(zip(batch, known, strict=True))]
    wordings = [only_wording(*each) for each in zip(asked, known, strict=True)]
    rows = [i for i, wording in enumerate(wordings) if not wording or context.batch_invariant]
    for i, wording in zip(rows, _written(rows, batch, asked, known, writing, context), strict=True):
        wordings[i] = wording
    return [
        Plan(
            request=request,
            prompt=wording,
            facts=facts_of(composition_of(wish_of(wording, vocabulary)), each, vocabulary),
            left_out=each.left_out,
            read_as=misspelt_in(request.prompt, vocabulary),
        )
        for request, each, wording, vocabulary in zip(batch, asked, wordings, known, strict=True)
    ]


def _written(
    rows: Sequence[int],
    batch: Sequence[Request],
    asked: Sequence[Composition],
    known: Sequence[Vocabulary],
    writing: Writing,
    context: RunContext,
) -> list[str]:
    """The full wordings of these rows of a batch, by the model."""
    if not rows:
        context.step(1, 1)
        return []
    model = writing.model
    prompt_ids = [model.prompt_ids("", asked_wording(asked[i], known[i])) for i in rows]
    grammars = [
        WordingGrammar(model.grammar_tokenizer, model.stop, wording=wordings_of(asked[i], known[i]))
        for i in rows
    ]
    written = decode_text(
        model.begin(
            prompt_ids,
            prompt_tokens=writing.prompt_tokens,
            new_tokens=WORDING_TOKENS,
            batch_invariant=context.batch_invariant,
        ),
        grammars=grammars,
        sampling=[writing.sampling] * len(rows),
        uniforms=uniforms([RowKey(batch[i].seed, batch[i].candidate) for i in rows], STAGE, WORDING_TOKENS),
        stop=model.stop,
        context=context,
    )
    context.of_rows(rows).check("logits", [ids is not None for ids in written])
    wordings = [
        asked_wording(asked[i], known[i]) if ids is None else wording_in(model.decode(ids))
        for i, ids in zip(rows, written, strict=True)
    ]
    for i, wording in zip(rows, wordings, strict=True):
        if not wording:
            raise RowError(i, f"the planner's wording is longer than its {WORDING_TOKENS} tokens: ask for less")
    return wordings


def _composition(index: int, request: Request, vocabulary: Vocabulary) -> Composition:
    """What of a request can be drawn."""
    wish = own = wish_of(request.prompt, vocabulary)
    shown = request.start.shows if request.start else ""
    if shown:
        wish = kept(wish, wish_of(shown, vocabulary))
    if not wish.things and own.setting:  # a place without a thing: what is usual there
        wish = dataclasses.replace(wish, things=(Thing(kind=Said(_plain_kind(wish, vocabulary), None)),))
    if not wish.things:
        raise RowError(index, _refusal(request.prompt, vocabulary))
    return composition_of(wish)


def _plain_kind(wish: Wish, vocabulary: Vocabulary) -> str:
    """What is usual in the setting of a wish that names no thing, and that it does not deny."""
    allowed = [kind for kind in vocabulary.kinds.values() if ("kind", kind.name) not in wish.denied]
    fitting = [kind.name for kind in allowed if wish.setting and wish.setting.value in kind.settings[:1]]
    usual = vocabulary.plain_kinds.get(wish.setting.value, "") if wish.setting else ""
    plain = [kind.name for kind in allowed if kind.name == vocabulary.plain_kind]
    named = [kind.name for kind in allowed if kind.name == usual]
    return [*named, *fitting, *plain, *(kind.name for kind in allowed), vocabulary.plain_kind][0]


def _refusal(prompt: str, vocabulary: Vocabulary) -> str:
    """Why nothing can be drawn of a prompt, and what can be drawn."""
    said = shown(prompt, most=_SHOWN)
    return (
        f"{said} names nothing that this planner knows{_near(prompt, vocabulary)}."
        f" Things: {some_of(list(vocabulary.kinds))};"
        f" colours: {', '.join(vocabulary.colours)}; settings: {', '.join(vocabulary.settings)};"
        f" styles: {', '.join(vocabulary.styles)}. `diptych prompts --words` lists all words"
    )


def _near(prompt: str, vocabulary: Vocabulary) -> str:
    """A hint at the thing that a prompt may have meant: the one whose name is most like one of its words; or at
    the languages that are read, where a word is in a script of none."""
    terms = vocabulary.languages.get("", vocabulary.terms)  # of other languages a hint would be a riddle
    things = [phrase[0] for phrase, term in terms.items() if len(phrase) == 1 and term.category == "kind"]
    for word in plain_words(prompt)[:_WORDS_COMPARED]:
        scripts = scripts_of(word)
        if scripts and not scripts & vocabulary.scripts:
            languages = ", ".join(name or "en" for name in vocabulary.languages or ("",))
            return f" ({shown(word)}: it reads {languages})"
        if word not in things and word not in FUNCTION_WORDS and (near := nearest(word, things, cutoff=_SLIP)):
            return f" ({shown(word)}: did you mean {near!r}?)"
    return ""
