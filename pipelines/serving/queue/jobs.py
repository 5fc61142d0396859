"""What is asked of the server, as it is kept: jobs, their rows, and the bounds on both.

A job is what one client asked for at once. Its rows are carried out one by one, in any order, and each comes to
a picture or to a reason. All that decides a row, its seed among it, is settled when the job is accepted: what
comes of it does not depend on when it is carried out, nor on how often the server dies meanwhile.
"""

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from ....engine.errors import DiptychError, InputError

MOST_PRIORITY = 100
INPUT = re.compile(r"[0-9a-f]{64}\.(?:png|jpg|webp)")
"""Names of pictures that clients have sent."""

_PICTURES = ("image", "mask_image", "sketch", "reference", "control")

State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
RowState = Literal["queued", "done", "failed", "cancelled"]
Way = Literal["make", "edit", "upscale"]


class QueueFullError(DiptychError):
    """The server has as much to do as it takes; later there may be room."""


class TooLargeError(InputError):
    """A body, a picture or a number of rows is above the server's bounds."""


class KeyUsedError(InputError):
    """A client has sent another request with the same key before."""


class InputGoneError(InputError):
    """A picture is not among the server's inputs any more."""


class UnknownRecipeError(InputError):
    """There is no such recipe here."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what clients may ask for.

    Args:
        body_bytes: of a request's body.
        pixels: of a picture that is sent, or asked for.
        queued_rows: of all jobs together.
        job_rows: of one job.
        pictures: of one request of a protocol that waits for its pictures.
        kept_jobs: finished jobs whose pictures are kept; those that finished first go.
        linger_s: seconds for which a job stays in any case once it has ended: somebody may wait for it.
        candidates: of a picture; and as many rounds.
    """

    body_bytes: int = 64 * 2**20
    pixels: int = 4096 * 4096
    queued_rows: int = 100_000
    job_rows: int = 20_000
    pictures: int = 16
    kept_jobs: int = 10_000
    linger_s: float = 600.0
    candidates: int = 64


class RowSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One picture to be made.

    Args:
        prompt: what it shows; of an edit the instruction.
        seed: 0 to 2**64 - 1.
        settings: as a row of a prompt file has them; pictures are names of files among the server's inputs.
        way: how: from a prompt (and perhaps a picture); by an instruction; or enlarged.
        deliver: width and height within which it is handed over, where that is not what is painted.
        template: the prompt as it was written, if something was filled in.
    """

    prompt: str
    seed: int
    settings: dict[str, Any] = {}
    way: Way = "make"
    deliver: tuple[int, int] | None = None
    template: str | None = None


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is not accepted yet.

    Args:
        recipe: that carries it out.
        client: who asks, for fairness.
        priority: the higher goes first.
        protocol: by which it came.
        title: for people.
        key: of several jobs of a client with the same one, only the first is accepted; the others are that one.
        said: a digest of what the client said: with the same key it must say the same.
        paused: it waits until it is told to go on.
    """

    recipe: str
    rows: list[RowSpec]
    client: str = ""
    priority: int = 0
    protocol: str = "own"
    title: str = ""
    key: str | None = None
    said: str = ""
    paused: bool = False


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as the server knows it.

    Args:
        order: of acceptance.
        state: `running` once one of its rows is under way.
        rows, done, failed: numbers of rows.
        created, finished: seconds since 1970.
    """

    id: str
    order: int
    client: str
    priority: int
    protocol: str
    recipe: str
    title: str
    state: State
    rows: int
    done: int = 0
    failed: int = 0
    created: float
    finished: float | None = None

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "cancelled")


class RowResult(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a row.

    Args:
        number: from 1.
        record: as a line of `results.jsonl`, of a row that is done or failed.
        picture: whether there is one.
        error: why it failed.
        tokens: drafted for it.
        seconds: from when it was begun.
    """

    number: int
    spec: RowSpec
    state: RowState
    record: dict[str, Any] | None = None
    picture: bool = False
    error: str = ""
    tokens: int = 0
    seconds: float = 0.0


def dumped(spec: RowSpec) -> str:
    """A row as the store has it."""
    return json.dumps(msgspec.to_builtins(spec))  # seeds are larger than some encoders' numbers


def spec_of(text: str) -> RowSpec:
    """A row of what `dumped` gives."""
    return msgspec.convert(json.loads(text), RowSpec)


def inputs_in(settings: Mapping[str, Any]) -> Iterator[str]:
    """Names of inputs, and of nothing else: texts are anybody's, and may look like paths."""
    for each in _PICTURES:
        said = settings.get(each, "")
        names = said if isinstance(said, list | tuple) else [said]
        yield from (str(name) for name in names if INPUT.fullmatch(str(name)))


def new_id() -> str:
    """A name that nobody can guess: whoever knows it may see the job's pictures."""
    return secrets.token_hex(16)


def any_seed() -> int:
    """A seed for whoever does not care: short enough to be typed."""
    return secrets.randbelow(2**32)


def now() -> float:
    return time.time()
