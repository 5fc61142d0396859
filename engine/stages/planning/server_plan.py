"""plan: a chat model behind a server expands a prompt into a Plan; see `remote.server`.

It is asked for JSON by a schema. What comes back is held to it here, for not every server keeps to one, and to
the prompt, as the plans of a model of this machine are.
"""

import contextlib
import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args

import msgspec

from ...ar.grammar import MOST_FACTS
from ...ar.plan_schema import plan_schema
from ...randomness import RowKey, whole_seed
from ...remote.address import MOST_AT_ONCE, Address
from ...remote.answers import Answer
from ...remote.of_server import OfServer
from ...remote.server import Asked, Server, Trouble, more_fields
from ...stage import Models, RunContext
from ...values import FactKind, Plan, Request, Settings
from ...values.setting import MAX_PROMPT_CHARACTERS, Setting, declared
from . import chat_plan
from .quoted_plan import Written, plan_of, users_own

PLAN_SCHEMA = plan_schema(
    {
        "kind": {"type": "string", "enum": list(get_args(FactKind))},
        "quote": {"type": "string"},
        "text": {"type": "string", "minLength": 1},
    }
)
"""As `ar.grammar.PlanGrammar` has it, but for the quotes, which no schema can hold to the prompt."""

_KINDS: dict[str, FactKind] = {kind: kind for kind in get_args(FactKind)}
JSON_ALONE = " Write the JSON alone, and nothing around it."
NO_PLAN = "the user's own words, for the answer was no plan"
_DRAWN = declared(Settings)
_FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)
_NOT_ONE_LINE = re.compile(r"[\x00-\x1f\x7f]+")


class _WrittenFact(msgspec.Struct):
    kind: str
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    quote: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class _WrittenPlan(msgspec.Struct):
    prompt: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PROMPT_CHARACTERS)]
    facts: Annotated[list[_WrittenFact], msgspec.Meta(max_length=MOST_FACTS)]


class ServerPlanStage(OfServer):
    """Request to Plan, by a model behind a server: it takes nothing of the device.

    Args:
        url: of the server, up to where `/chat/completions` begins.
        model: as the server calls it; empty for the only one that it has.
        api_key_env: the environment variable that holds its key; empty for none.
        timeout_seconds: that the answer to one request may take, with all tries.
        at_once: requests under way at a time, at most.
        temperature, top_p: how what the prompt leaves open is filled in.
        max_tokens: of an answer, with what the model thinks before it.
        instructions: the system message; if empty, one that asks it to quote and to expand.
        must_agree: Plans that do not say what their prompts say are made again.
        more: further fields of each request's body, `{ chat_template_kwargs = { enable_thinking = false } }`.

    Raises:
        InputError: the address is none; `more` says what the stage says itself.
    """

    name = "plan"
    takes = Request
    gives = Plan
    asks_others = True

    def __init__(
        self,
        *,
        url: str = "",
        model: str = "",
        api_key_env: str = "",
        timeout_seconds: Annotated[float, Setting("Of an answer.", low=0.1, high=86_400.0)] = 120.0,
        at_once: Annotated[int, Setting("Requests under way.", low=1, high=MOST_AT_ONCE)] = 8,
        temperature: Annotated[float, _DRAWN["temperature"]] = 1.0,
        top_p: Annotated[float, _DRAWN["top_p"]] = 0.9,
        max_tokens: Annotated[int, Setting("Of an answer.", low=1, high=1_000_000)] = 1024,
        instructions: str = "",
        must_agree: bool = True,
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
        self._temperature, self._top_p, self._max_tokens = temperature, top_p, max_tokens
        self._instructions = instructions
        self._must_agree = must_agree
        self._more = more_fields(more or {})

    def run(self, batch: Sequence[Request], models: Models, context: RunContext) -> list[Plan]:
        """A row for which the server has no answer fails by itself.

        Raises:
            InputError: the key is not there.
        """
        return self.plans_by(self.server, batch, context)

    def plans_by(self, server: Server, batch: Sequence[Request], context: RunContext) -> list[Plan]:
        """Plans that a server writes, as `run` gives them."""
        draws = self._temperature > 0
        context = dataclasses.replace(context, batch_invariant=False)  # each row is a request of its own

        def write(rows: Sequence[int], attempt: int) -> list[Plan]:
            some = [batch[i] for i in rows]
            return self._written(server, some, context.of_rows(rows), attempt=attempt, draws=draws)

        return chat_plan.agreed(batch, write, context, must_agree=self._must_agree, draws=draws)

    def _written(
        self, server: Server, batch: Sequence[Request], context: RunContext, *, attempt: int, draws: bool
    ) -> list[Plan]:
        """Plans of requests. What cannot be read is asked for again, and at last given up for the user's own
        words."""
        plans: dict[int, Plan] = {}
        left, cut_off = list(range(len(batch))), False
        for reading in range(chat_plan.TRIES if draws else 1):
            stage = f"plan/{attempt}/{reading}" if attempt > 1 or reading else "plan"
            found = server.ask([self._asked(batch[i], stage) for i in left], step=context.step)
            for i, answer in zip(left, found, strict=True):
                if isinstance(answer, Trouble):
                    context.fail(i, answer.reason)
                    plans[i] = users_own(batch[i])
                elif (plan := self._read(server, batch[i], answer)) is not None:
                    plans[i] = plan
                else:
                    cut_off = cut_off or answer.cut_off
            left = [i for i in left if i not in plans]
            if not left:
                break
        if left:
            why = "; some were cut off: raise max_tokens" if cut_off else ""
            context.note(f"{len(left)} of {len(batch)} answers of {server.where} are no plans{why}")
            by = f"{server.by()}: {NO_PLAN}"
            plans |= {i: dataclasses.replace(users_own(batch[i]), by=by) for i in left}
        return [plans[i] for i in range(len(batch))]

    def _asked(self, request: Request, stage: str) -> Asked:
        system = chat_plan.told(request, self._instructions) + JSON_ALONE
        return Asked(
            messages=(
                {"role": "system", "content": system},
                {"role": "user", "content": chat_plan.wish_of(request)},
            ),
            seed=whole_seed(RowKey(request.seed, request.candidate), stage),
            schema=PLAN_SCHEMA,
            more=self._more,
            max_tokens=self._max_tokens,
            temperature=self._temperature,
            top_p=self._top_p,
        )

    def _read(self, server: Server, request: Request, answer: Answer) -> Plan | None:
        """The Plan in an answer; `None` where there is none."""
        read = _plan_in(answer.text)
        if read is None:
            return None
        written: list[Written] = [(_kind(fact.kind), fact.quote, _one_line(fact.text)) for fact in read.facts]
        plan = plan_of(request, _one_line(read.prompt), written, must_agree=self._must_agree)
        return dataclasses.replace(plan, by=server.by(answer))


def _kind(said: str) -> FactKind:
    """The kind of that name; `other` for one that there is not."""
    return _KINDS.get(said, "other")


def _plan_in(text: str) -> _WrittenPlan | None:
    """The plan in what a model wrote: all of it, what stands between fences, or from the first brace to the
    last; `None` where there is none."""
    fenced = _FENCE.search(text)
    for part in (text, fenced[1] if fenced else "", text[text.find("{") : text.rfind("}") + 1]):
        with contextlib.suppress(msgspec.DecodeError, RecursionError, ValueError):  # ValidationError is one
            return msgspec.json.decode(part, type=_WrittenPlan)
    return None


def _one_line(text: str) -> str:
    return _NOT_ONE_LINE.sub(" ", text)
