"""A server, as a stage asks it: many requests at a time, each tried again where that may help, none for ever.

What the server does not take of the API is found out once and remembered, and that it was gone: then each
request is tried once, so that a thousand rows do not wait for it one after the other.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import queue
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ..errors import InputError
from ..messages import AGAIN
from .address import Address
from .answers import Answer, Garbled, read_answer, read_error, read_models
from .exchange import Connection, Gone, Late, Response, connected
from .form import Form

WAITS_S = (0.5, 1.0, 2.0, 4.0)
"""Before each further try where the server cannot be reached, or does not say how long it is busy for."""
_LONGEST_WAIT_S = 8.0
_TICK_S = 0.25
_BEGUN_S = 5.0  # in which a thread has begun
_BUSY = (408, 425, 429, 502, 503, 504)
_BROKEN_TRIES = 2  # where the server says that it failed (500)
_MOST_FORMS = 12  # that are tried, one after the other

Found = TypeVar("Found")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """One question.

    Args:
        messages: of the conversation, as the API has them.
        seed: of the draws.
        max_tokens: of the answer.
        schema: of the JSON that is wanted; `None` for any text.
        top_logprobs: how many tokens' probabilities are wanted in each place.
        more: further fields of the request's body, as a recipe says them.
    """

    messages: tuple[Mapping[str, Any], ...]
    seed: int
    max_tokens: int
    temperature: float
    top_p: float = 1.0
    schema: Mapping[str, object] | None = None
    top_logprobs: int = 0
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def wanted(self, model: str) -> dict[str, Any]:
        """The fields of a body, but for the answer's format."""
        fields: dict[str, Any] = {
            "model": model,
            "messages": list(self.messages),
            "seed": self.seed,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "stream": False,
        }
        if self.top_logprobs:
            fields |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        return fields | dict(self.more)


_OWN = (*Asked(messages=(), seed=0, max_tokens=1, temperature=0).wanted(""), "n", "response_format", "tools")
"""Fields of a body that `more` must not say."""


def more_fields(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Further fields of each body, as a recipe says them.

    Raises:
        InputError: the stage says one of them itself, or it can stand in no JSON.
    """
    for name in said:
        if name in _OWN:
            raise InputError(f"more: {name} is said by the stage itself, or not used: leave it out")
    try:
        msgspec.json.encode(dict(said))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"more: can stand in no JSON ({error})") from None
    return said


@dataclasses.dataclass(frozen=True)
class Trouble:
    """Why there is no answer, in one line; it ends with `messages.AGAIN` where that may change."""

    reason: str


class Server:
    """A server at an address. It is asked by one thread at a time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._form = Form()
        self._model = address.model
        self._gone = False

    def __repr__(self) -> str:
        return f"Server({self.address.url}, model={self._model!r})"

    @property
    def where(self) -> str:
        """For messages."""
        return f"the server at {self.address.url}"

    def by(self, answer: Answer | None = None) -> str:
        """Which model answers, and where, for a picture's history."""
        return f"{(answer and answer.by) or self._model or 'a model'} at {self.address.url}"

    def ask(
        self, asked: Sequence[Asked], *, step: Callable[[int, int], None] = lambda i, n: None
    ) -> list[Answer | Trouble]:
        """The answer to each question, or why there is none.

        Args:
            step: is called now and then while the server works, with the number of questions that are answered
                and of all; may raise to break off.

        Raises:
            InputError: the key is not there.
        """
        key, done = self.address.key(), [0]

        async def all_of_them() -> list[Answer | Trouble]:
            turn = asyncio.Semaphore(self.address.at_once)
            async with connected(self.address, key) as connection:
                trouble = await self._find_model(connection)

                async def one(each: Asked) -> Answer | Trouble:
                    async with turn:
                        found = trouble or await self._answer(connection, each)
                    done[0] += 1
                    return found

                return await asyncio.gather(*map(one, asked))

        found = _beside(all_of_them, lambda: step(done[0], len(asked)))
        step(len(asked), len(asked))
        return found

    def models(self) -> list[str] | Trouble:
        """What the server says it has, or why it does not say.

        Raises:
            InputError: the key is not there.
        """
        key = self.address.key()

        async def listed() -> list[str] | Trouble:
            async with connected(self.address, key) as connection:
                return await self._models(connection)

        return _beside(listed, lambda: None)

    async def _find_model(self, connection: Connection) -> Trouble | None:
        """Settle which model is meant where the recipe names none."""
        if self._model:
            return None
        found = await self._models(connection)
        if isinstance(found, Trouble):
            return found
        if len(found) != 1:
            some = ", ".join(found[:8]) or "none"
            return Trouble(f"{self.where} has {len(found)} models ({some}): name one as model in the recipe")
        self._model = found[0]
        return None

    async def _models(self, connection: Connection) -> list[str] | Trouble:
        until = time.monotonic() + self.address.timeout_seconds
        response = await self._reached(lambda: connection.get("/models", until=until), until=until)
        if isinstance(response, Trouble):
            return response
        if response.status != 200:
            return self._refused(response)
        try:
            return read_models(response.data)
        except Garbled as error:
            return self._garbled(error)

    async def _answer(self, connection: Connection, asked: Asked) -> Answer | Trouble:
        until = time.monotonic() + self.address.timeout_seconds
        form, response = self._form, Trouble(f"{self.where} refuses each form of what it is asked")
        for _ in range(_MOST_FORMS):
            body = form.body(asked.wanted(self._model), schema=asked.schema)

            def post(body: Mapping[str, Any] = body) -> Coroutine[Any, Any, Response]:
                return connection.post("/chat/completions", body, until=until)

            response = await self._reached(post, until=until)
            if isinstance(response, Trouble):
                return response
            if response.status == 200:
                self._form = form
                try:
                    return read_answer(response.data)
                except Garbled as error:
                    return self._garbled(error)
            said = read_error(response.data)
            other = form.without(response.status, said, wants_json=asked.schema is not None, sent=body)
            if other is None:
                return self._refused(response)
            form = other
        return self._refused(response) if isinstance(response, Response) else response

    async def _reached(
        self, send: Callable[[], Coroutine[Any, Any, Response]], *, until: float
    ) -> Response | Trouble:
        """The response, after as many tries as it takes within the time and `WAITS_S`."""
        lost = busy = broken = 0
        while True:
            wait: float | None = None
            try:
                response = await send()
                self._gone = False
                if response.status == 500 and broken < _BROKEN_TRIES:
                    wait, broken = WAITS_S[min(broken, len(WAITS_S) - 1)], broken + 1
                elif response.status in _BUSY:
                    wait = _backoff(busy) if response.wait_s is None else response.wait_s
                    busy += 1
                else:
                    return response
                if time.monotonic() + wait > until:
                    return self._refused(response)
            except Garbled as error:
                return self._garbled(error)
            except Late:
                return Trouble(
                    f"{self.where} gave no answer within {self.address.timeout_seconds:g} s: raise"
                    f" timeout_seconds in the recipe, or see what it does, {AGAIN}"
                )
            except Gone as error:
                if self._gone or lost == len(WAITS_S) or time.monotonic() + WAITS_S[lost] > until:
                    self._gone = True
                    return Trouble(f"{self.where} does not answer ({error}): start it, {AGAIN}")
                wait, lost = WAITS_S[lost], lost + 1
            await asyncio.sleep(wait)

    def _garbled(self, error: Garbled) -> Trouble:
        return Trouble(f"{self.where} answers what OpenAI's API does not have ({error}): check url, {AGAIN}")

    def _refused(self, response: Response) -> Trouble:
        """What a response that is no answer means."""
        status, said = response.status, read_error(response.data)
        why, variable = f"{status}: {said}" if said else str(status), self.address.api_key_env
        if response.leads_to:
            return Trouble(f"{self.where} sends to {response.leads_to}, which is not followed: correct url")
        if status in (401, 403):
            if not variable:
                return Trouble(f"{self.where} wants a key ({status}): name its variable as api_key_env")
            return Trouble(f"{self.where} refuses the key ({status}): set {variable} to another, {AGAIN}")
        if status == 404:
            return Trouble(f"{self.where} has no model {self._model!r} ({why}): check model and url, {AGAIN}")
        if status in _BUSY:
            return Trouble(f"{self.where} is too busy ({why}): wait, or lower at_once in the recipe, {AGAIN}")
        if status >= 500:
            return Trouble(f"{self.where} failed ({why}): see what it says itself, {AGAIN}")
        return Trouble(f"{self.where} refuses what it is asked ({why})")


def _backoff(tries: int) -> float:
    """Seconds to wait before a further try, where nobody says how long."""
    return min(_LONGEST_WAIT_S, WAITS_S[0] * 2.0**tries)


def _beside(work: Callable[[], Coroutine[Any, Any, Found]], tick: Callable[[], None]) -> Found:
    """Carry out `work` on an event loop in a thread of its own, for the caller may be in one; meanwhile call
    `tick`, which may raise to break it off."""
    tasks: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = queue.SimpleQueue()

    async def known() -> Found:
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"
        tasks.put((asyncio.get_running_loop(), task))
        return await work()

    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="diptych-server") as pool:
        future = pool.submit(lambda: asyncio.run(known()))
        try:
            while True:
                with contextlib.suppress(concurrent.futures.TimeoutError):
                    return future.result(_TICK_S)
                if not future.done():
                    tick()
        except BaseException:
            with contextlib.suppress(queue.Empty, RuntimeError):  # it never began, or is over already
                loop, task = tasks.get(timeout=_BEGUN_S)
                loop.call_soon_threadsafe(task.cancel)
            raise
