"""The engine as the benchmarks run it: all prompts in one go, with the seconds that each stage took."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

from ...engine.errors import DiptychError
from ...engine.memory import DeviceMemory, EventLog
from ...engine.values import Failure, Outcome
from ...engine.watch import Watcher
from ...pipelines.recipes.reader import Recipe
from ...pipelines.text_to_image import TextToImage
from .timing import Clock


class Engine:
    """A pipeline.

    Args:
        memory: its budget in bytes; `None` sets no limit.
        clock: what stages are timed with.
        deterministic: in the deterministic mode.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        device: str,
        clock: Clock,
        memory: int | None = None,
        deterministic: bool = False,
    ) -> None:
        self.pipe = TextToImage.from_recipe(recipe, device=device, memory=memory, deterministic=deterministic)
        self.pipe.runner.batching = dataclasses.replace(self.pipe.runner.batching, clock=clock)
        self.seconds: defaultdict[str, float] = defaultdict(float)  # by stage, since the beginning

    @property
    def memory(self) -> DeviceMemory:
        return self.pipe.runner.memory

    @property
    def device(self) -> str:
        return self.memory.device

    @property
    def log(self) -> EventLog:
        return self.memory.log

    def run(self, prompts: Sequence[str], *, watch: Watcher | None = None) -> list[Outcome]:
        """All prompts as one batch. Raises `DiptychError` if any fails: the work would not be equal."""
        requests = [self.pipe.request(text, seed=i, row=i + 1) for i, text in enumerate(prompts)]
        outcomes: list[Outcome] = []
        for result in self.pipe.run(requests, watch=watch):
            if isinstance(result, Failure):
                raise DiptychError(f"{result.request.prompt!r} failed at {result.stage}: {result.reason}")
            outcomes.append(result)
            for stage, seconds in result.timings.items():
                self.seconds[stage] += seconds
        return outcomes
