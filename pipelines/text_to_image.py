"""Text to image: prompts in, pictures out, with their plans, drafts and verdicts.

    pipe = TextToImage.from_recipe("pocket")
    out = pipe("a red boat at sunset", seed=7)
    out.images[0].save("boat.png")

This file knows prompts, seeds and defaults. What a stage does, and which models do it, it does not.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from ..engine.dummy_values import dummy_values
from ..engine.errors import InputError
from ..engine.memory import DeviceMemory, parse_bytes
from ..engine.randomness import derive_seed
from ..engine.runner import Runner
from ..engine.values import Failure, Outcome, Request, Settings
from ..engine.values.start import Start
from ..engine.watch import Watcher
from .device import choose_device
from .recipes.reader import Recipe, read_recipe
from .render_result import RenderResult as RenderResult
from .render_result import gathered

if TYPE_CHECKING:
    pass


class Wishes(TypedDict, total=False):
    """What a call may ask for beside the prompt; what it leaves out is as the recipe says. See `Settings`."""

    height: int
    width: int
    negative_prompt: str
    num_inference_steps: int | None
    guidance_scale: float | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    draft_guidance_scale: float | None
    candidates: int | None
    keep: int | None
    rounds: int | None
    accept: float | None
    seconds: float | None
    repairs: int | None
    ignore_left_out: bool | None


_FRAME = ("height", "width", "negative_prompt")  # fields of a Request; the other wishes are its settings


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
        recipe: str | Path | Recipe = "pocket",
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
            recipe: a recipe's name (`pocket`), or a `.toml` file.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
            memory: what models and their work may take on the device: `"2GiB"`, or bytes; `None` sets no limit.
            deterministic: the same bits whatever else is in the batch.
            micro_batch: rows that a stage works on at once, at most.
            wave: rows under way at a time, at most.
            trust_remote_code: agree that code which comes with a checkpoint is run, where the recipe says so.

        Raises:
            InputError: the recipe, the device or the amount of memory is not understood or not there; or the
                recipe runs code, and nobody has agreed.
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
            deterministic=deterministic,
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
            watch: is told of progress, and may stop the work.
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
        if isinstance(prompts, str):
            return self.run([self.request(prompts, seed=seed, row=1, **wishes)], watch=watch)
        if isinstance(prompts, Sequence):  # all of them are looked at before the first is rendered
            return self.run(list(self._requests(prompts, seed, wishes)), watch=watch)
        return self.run(self._requests(prompts, seed, wishes), watch=watch)

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
        for name, value in wishes.items():
            if name not in Wishes.__annotations__:
                near = difflib.get_close_matches(name, Wishes.__annotations__, n=1)
                hint = f": did you mean {near[0]!r}?" if near else ""
                raise InputError(f"no such setting: {name!r}{hint}")
            (frame if name in _FRAME else settings)[name] = value
        resolved = Settings(**settings).over(self.recipe.defaults)
        return Request(prompt=prompt, seed=seed, row=row, settings=resolved, start=start, **frame)

    def run(self, requests: Iterable[Request], *, watch: Watcher | None = None) -> Iterator[Outcome | Failure]:
        """Carry out requests as they are; see `Runner.run`."""
        return self.runner.run(requests, watch=watch)

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
                memory.check(stage.uses, stage.workspace([values[stage.takes]]))

    def _requests(self, prompts: Iterable[str], seed: int, wishes: Wishes) -> Iterator[Request]:
        for row, prompt in enumerate(prompts, start=1):
            yield self.request(prompt, seed=derive_seed(seed, row), row=row, **wishes)
