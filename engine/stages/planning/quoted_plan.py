"""What a chat model wrote, as a Plan: facts that quote the user's prompt are asked, with the words that they
quote; all others are added.

Knows texts only. What an asked fact says beside its quote is dropped, and so is what is added against the
prompt.
"""

import dataclasses
import json
from collections.abc import Iterable

from ...language.open_vocabulary.agreement import contradictions, disagreements
from ...language.open_vocabulary.quoting import Quoted, has_sign
from ...language.open_vocabulary.statements import statements_of
from ...language.words.content import content_words
from ...values import Fact, FactKind, Plan, Request, Span
from ...values.fact import once

Written = tuple[FactKind, str, str]
"""Kind, quote and text of a fact."""


def read_plan(request: Request, text: str, *, must_agree: bool = True) -> Plan:
    """The Plan in `text`, which parses unless it was cut off; then the user's words are the plan.

    Args:
        must_agree: whether its facts are held to the prompt; else they are as they were written.
    """
    try:
        read = json.loads(text)
    except json.JSONDecodeError:
        return users_own(request)
    written = [(fact["kind"], fact["quote"], fact["text"]) for fact in read["facts"]]
    return plan_of(request, read["prompt"], written, must_agree=must_agree)


def plan_of(request: Request, prompt: str, written: Iterable[Written], *, must_agree: bool = True) -> Plan:
    """The Plan of a wording and its facts; the user's words, where it has none, or there is nothing to quote.

    Args:
        must_agree: as `read_plan`.
    """
    if not prompt.strip():
        return users_own(request)
    quoted = Quoted(request.prompt)
    facts = _facts(quoted, written, must_agree=must_agree)
    left_out = quoted.left_out_by(_spans(facts))
    if not _spans(facts) and not left_out:  # there is nothing that could be quoted
        return users_own(request)
    return Plan(request=request, prompt=_one_line(prompt), facts=once(facts), left_out=left_out)


def users_own(request: Request) -> Plan:
    """The user's words are the plan, and all of them the one thing to be seen."""
    whole = Span.of(request.prompt, 0, len(request.prompt))
    fact = Fact(kind="other", text=_one_line(request.prompt), span=whole)
    left_out = Quoted(request.prompt).left_out_by([whole])
    return Plan(request=request, prompt=request.prompt, facts=(fact,), left_out=left_out)


def reasons_against(plan: Plan) -> list[str]:
    """Why a plan is none of its prompt, a line each; nothing where it is."""
    spans = _spans(plan.facts)
    if not spans:
        return ["the plan quotes nothing of the prompt"]
    return disagreements(plan.request.prompt, plan.prompt, [span.text for span in spans])


def in_users_words(plan: Plan) -> Plan:
    """A plan that does not agree with its prompt, in the user's words: what it asks for stays, what it left out
    is asked for as it stands there, and nothing is added."""
    prompt, facts = plan.request.prompt, list(plan.asked)
    if not facts:
        return dataclasses.replace(users_own(plan.request), by=plan.by)
    for said in statements_of(prompt):
        if any(said.span.start < left.end and left.start < said.span.end for left in plan.left_out):
            facts.append(Fact(kind="other", text=said.text, span=said.span))
    return Plan(
        request=plan.request,
        prompt=prompt,
        facts=once(facts),
        left_out=Quoted(prompt).left_out_by(_spans(facts)),
        by=plan.by,
    )


def _facts(quoted: Quoted, written: Iterable[Written], *, must_agree: bool) -> list[Fact]:
    """As they were written, claims that were made twice among them."""
    found: list[Fact] = []
    used: list[Span] = []
    for kind, quote, text in written:
        text = _one_line(text)
        span = quoted.place(quote, used)
        says_something = bool(content_words(text)) or has_sign(text)
        if span is not None:
            used.append(span)
            is_true = quoted.true_to(span, text) if must_agree else says_something
            found.append(Fact(kind=kind, text=text if is_true else _one_line(span.text), span=span))
        elif says_something and not (must_agree and contradictions(quoted.prompt, text)):
            found.append(Fact(kind=kind, text=text, asked=False))
    return found


def _spans(facts: Iterable[Fact]) -> list[Span]:
    return [fact.span for fact in facts if fact.span is not None]


def _one_line(text: str) -> str:
    return " ".join(text.split())
