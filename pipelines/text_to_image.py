"""Text to image: prompts in, pictures out, with their plans, drafts and verdicts.

    pipe = TextToImage.from_recipe("pocket")
    out = pipe("a red boat at sunset", seed=7)
    out.images[0].save("boat.png")

This file knows prompts, seeds and defaults. What a stage does, and which models do it, it does not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from ..engine.dummy_values import dummy_values
from ..engine.memory import DeviceMemory, EventLog, parse_bytes
from ..engine.randomness import derive_seed
from ..engine.runner import Runner
from ..engine.values import Failure, Outcome, Request, Settings
from ..engine.values import Wishes as Wishes
from ..engine.values.request import check_names
from ..engine.values.setting import declared
from ..engine.values.start import Start
from ..engine.watch import Watcher
from .device import choose_device
from .recipes.build import refuse_choice, told_of_configs
from .recipes.environment import Environment, environment_of
from .recipes.reader import Recipe, read_recipe
from .render_result import RenderResult as RenderResult
from .render_result import gathered


class TextToImage:
    """A chain of models that makes pictures of prompts. `from_recipe` is the usual way to one.

    Args:
        runner: carries requests through the chain.
        recipe: the defaults of requests.
    """

    def __init__(self, runner: Runner, recipe: Recipe) -> None:
        self.runner = runner
        self.recipe = recipe

    @classmethod
    def from_recipe(
        cls,
        recipe: str | Path | Mapping[str, Any] | Recipe = "pocket",
        *,
        device: str = "auto",
        memory: str | int | None = None,
        deterministic: bool = False,
        micro_batch: int = 16,
        wave: int = 64,
        trust_remote_code: bool = False,
    ) -> "TextToImage":
        """The pipeline of a recipe. No weights are loaded before the first call.

        Args:
            recipe: a recipe's name (`pocket`), a `.toml` file, or the same as a table.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
            memory: what models and their work may take on the device: `"2GiB"`, or bytes; `None` sets no limit.
            deterministic: the same bits whatever else is in the batch.
            micro_batch: rows that a stage works on at once, at most.
            wave: rows under way at a time, at most.
            trust_remote_code: agree that code which comes with a checkpoint is run, where the recipe says so.

        Raises:
            InputError: the recipe, the device or the amount of memory is not understood or not there; or the
                recipe runs code, and this was not agreed to.
            CheckpointError: weights are missing or damaged.
            MemoryBudgetError: a stage's weights can never fit.
        """
        from .recipes.build import build_aim, build_chain, registry

        read = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
        budget = parse_bytes(memory) if isinstance(memory, str) else memory
        where = choose_device(device)
        device_memory = DeviceMemory(registry(), device=where, budget_bytes=budget)
        chain = build_chain(read, trust_remote_code=trust_remote_code)
        runner = Runner(
            chain,
            device_memory,
            aim=build_aim(read),
            micro_batch=micro_batch,
            wave=wave,
            batch_invariant=deterministic,
        )
        pipe = cls(runner, read)
        pipe.check()
        return pipe

    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        seed: int = 0,
        watch: Watcher | None = None,
        **wishes: Unpack[Wishes],
    ) -> RenderResult:
        """Make a picture of each prompt.

        Args:
            prompt: one, or a list of them, which is rendered as a batch.
            seed: of a single prompt; each of a list gets a seed of its own, made of this one and its place.
            watch: gets progress, and may stop the work.
            wishes: settings that differ from the recipe's.

        Raises:
            InputError: a prompt or setting is wrong; nothing was rendered.
            DiptychError: no picture could be made at all; the message is the first failure's.
        """
        return gathered(self.stream(prompt, seed=seed, watch=watch, **wishes))

    def stream(
        self,
        prompts: str | Iterable[str],
        *,
        seed: int = 0,
        watch: Watcher | None = None,
        **wishes: Unpack[Wishes],
    ) -> Iterator[Outcome | Failure]:
        """As a call, but yields each result as soon as it is there. Prompts are read a wave at a time.

        Raises:
            InputError: a setting is wrong, or (while iterating) a prompt.
        """
        return self.run(self.requests(prompts, seed=seed, **wishes), watch=watch)

    def requests(
        self, prompts: str | Iterable[str], *, seed: int = 0, **wishes: Unpack[Wishes]
    ) -> Iterable[Request]:
        """The requests of a prompt or of several, as a call carries them out; an iterator's are made lazily.

        Raises:
            InputError: a prompt or setting is wrong.
        """
        if isinstance(prompts, str):
            return [self.request(prompts, seed=seed, row=1, **wishes)]
        requests = self._requests(prompts, seed, wishes)
        return list(requests) if isinstance(prompts, Sequence) else requests  # a list is looked at as a whole

    def request(
        self,
        prompt: str,
        *,
        seed: int = 0,
        row: int = 0,
        start: Start | None = None,
        **wishes: Unpack[Wishes],
    ) -> Request:
        """The request for one picture, with the recipe's defaults where `wishes` are silent.

        Args:
            start: what it begins with beside the prompt.

        Raises:
            InputError: the prompt or a setting is wrong.
        """
        frame: dict[str, Any] = {"height": self.recipe.height, "width": self.recipe.width}
        settings: dict[str, Any] = {}
        check_names(wishes)
        for name, value in wishes.items():
            (settings if name in declared(Settings) else frame)[name] = value
        resolved = Settings(**settings).over(self.recipe.defaults)
        if not self.runner.chain.judges:
            refuse_choice(resolved)
        return Request(prompt=prompt, seed=seed, row=row, settings=resolved, start=start, **frame)

    def run(self, requests: Iterable[Request], *, watch: Watcher | None = None) -> Iterator[Outcome | Failure]:
        """Carry out requests as they are; see `Runner.run`."""
        return self.runner.run(requests, watch=watch)

    @property
    def local(self) -> "TextToImage":
        """Itself: it works in this process. See `rendering.renderer`."""
        return self

    @property
    def log(self) -> EventLog:
        """What memory did so far."""
        return self.runner.memory.log

    def environment(self) -> Environment:
        """What its pictures are made with. Reads checkpoints to hash them.

        Raises:
            CheckpointError: one cannot be read.
        """
        return environment_of(self.recipe, self.runner)

    def check(self) -> None:
        """Make sure, without loading anything, that all weights are there and each stage can do one row.

        Raises:
            CheckpointError: weights are missing or damaged.
            MemoryBudgetError: the weights of a stage, or the work on one small row, can never fit.
        """
        memory = self.runner.memory
        for uses in self.runner.chain.uses_in_order():
            memory.check(uses)
        values = dummy_values(self.request("a picture"), self.runner.chain.stages)
        for stage in self.runner.chain.stages:
            if stage.takes in values:
                with told_of_configs(stage):
                    needed = stage.workspace([values[stage.takes]])
                memory.check(stage.uses, needed)

    def _requests(self, prompts: Iterable[str], seed: int, wishes: Wishes) -> Iterator[Request]:
        for row, prompt in enumerate(prompts, start=1):
            yield self.request(prompt, seed=derive_seed(seed, row), row=row, **wishes)
