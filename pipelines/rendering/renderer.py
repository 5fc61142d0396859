"""What a batch asks of a pipeline: `TextToImage` in this process, `RayTextToImage` in many."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from ...engine.memory import EventLog
from ...engine.values import Failure, Outcome, Request
from ...engine.watch import Watcher
from ..recipes.environment import Environment
from ..text_to_image import TextToImage


class Renderer(Protocol):
    """Carries out requests, here or elsewhere."""

    @property
    def local(self) -> TextToImage:
        """The pipeline in this process, which makes the requests; it may have to look at pictures for that."""
        ...

    @property
    def log(self) -> EventLog:
        """What memory did, wherever the requests were carried out."""
        ...

    def environment(self) -> Environment:
        """What its pictures are made with.

        Raises:
            CheckpointError: a checkpoint cannot be read.
        """
        ...

    def run(
        self, requests: Iterable[Request], *, watch: Watcher | None = None, in_order: bool = True
    ) -> Iterator[Outcome | Failure]:
        """Outcomes and failures of any number of requests, each as soon as it is there and, with `in_order`,
        those of the requests before it (which many machines do not heed).

        Refuses at once what can never work, but reads no request before it is iterated.
        """
        ...
