"""Text to image: prompts in, pictures out, with their plans, drafts and verdicts.

    pipe = TextToImage.from_recipe("pocket")
    out = pipe("a red boat at sunset", seed=7)
    out.images[0].save("boat.png")

This file knows prompts and defaults. What a stage does, and which models do it, it does not.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ..engine.dummy_values import dummy_values
from ..engine.errors import InputError
from ..engine.memory import DeviceMemory, EventLog
from ..engine.runner import Runner
from ..engine.values import Failure, Outcome, Request, Settings
from ..engine.values import Wishes as Wishes
from ..engine.values.loras import Asked, parse_loras, without_tags
from ..engine.values.setting import declared
from ..engine.values.start import Start
from ..engine.watch import Watcher
from .calls.building import Building, PipeOptions, device_of, with_dtype
from .calls.call import Call, prompts_of
from .calls.control_check import offered_controls, refuse_controls
from .calls.described import described
from .calls.keywords import CallOptions, RequestOptions, settings_of
from .calls.reference_check import refuse_references
from .calls.signature import spelled_out
from .calls.unknown import refuse_attribute
from .pictures.controls import controls_for
from .recipes import DEFAULT_RECIPE
from .recipes.build import refuse_choice, told_of_configs
from .recipes.environment import Environment, environment_of, origin_of
from .recipes.lora_table import rack_of
from .recipes.reader import DTYPES, Recipe
from .render_result import RenderResult as RenderResult
from .render_result import gathered
from .unused_settings import UnusedWarnings, unread_by

if TYPE_CHECKING:
    import torch


PAINTERS = ("paint", "repaint", "paint_tokens", "refine")
"""Stages of recipes that paint."""


class TextToImage:
    """A chain of models that makes pictures of prompts. `from_recipe` is the usual way to one.

    Calls from several threads wait for their turn: models and memory are there once.

    Args:
        runner: carries requests through the chain.
        recipe: the defaults of requests.
    """

    def __init__(self, runner: Runner, recipe: Recipe) -> None:
        self.runner = runner
        self.recipe = recipe.on(runner.memory.device)
        self._sizes: dict[tuple[int, int], str] = {}  # that were asked about, with what is against them
        self._unused = UnusedWarnings()

    @classmethod
    @spelled_out
    def from_recipe(
        cls, recipe: str | Path | Mapping[str, Any] | Recipe = DEFAULT_RECIPE, **options: Unpack[PipeOptions]
    ) -> "TextToImage":
        """The pipeline of a recipe. No weights are loaded before the first call.

        Args:
            recipe: a recipe's name (`pocket`), a `.toml` file, or the same as a table.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`, or a `torch.device`.
            memory: what models and their work may take on the device: `"2GiB"`, or bytes; `None` sets no limit.
            deterministic: the same bits whatever else is in the batch.
            micro_batch: rows that a stage works on at once, at most.
            wave: rows under way at a time, at most.
            stall_seconds: without progress, after which a line says that a stage hangs, perhaps; 0 for never.
            trust_remote_code: agree that code which comes with a checkpoint is run, where the recipe says so.
            torch_dtype: what all models compute in, in place of what the recipe says: `torch.float16`.

        Raises:
            InputError: the recipe, the device or another option is not understood or not there; or the recipe
                runs code, and this was not agreed to.
            CheckpointError: weights are missing or damaged.
            MemoryBudgetError: a stage's weights can never fit.
        """
        building = Building.of(recipe, options)
        pipe = cls(_runner(building), building.recipe)
        pipe.check()
        return pipe

    @classmethod
    @spelled_out
    def from_pretrained(
        cls, recipe: str | Path | Recipe = DEFAULT_RECIPE, **options: Unpack[PipeOptions]
    ) -> "TextToImage":
        """As `from_recipe`, which says more, by the name that diffusers has for it."""
        return cls.from_recipe(recipe, **options)

    @spelled_out
    def __call__(self, prompt: str | Sequence[str], **call: Unpack[CallOptions]) -> RenderResult:
        """Make pictures of each prompt.

        Args:
            prompt: one, or a list of them, which is rendered as a batch.
            seed: of a single prompt's first picture, and the others count up from it; each prompt of a list
                gets a seed of its own, made of this one and its place. A list says the seed of each picture. 0,
                if neither this nor a generator is given.
            num_images_per_prompt: how many pictures are made of each prompt.
            generator: what the seed is taken from: that of a new one's `manual_seed`, else one drawn from it.
            output_type: what `images` of the result holds: `pil`, `np` or `pt`.
            callback_on_step_end: `(pipe, step, timestep, kwargs)`, called after each step of painting; stops
                the call by `pipe._interrupt = True`.
            watch: gets progress, and may stop the work.

        Raises:
            InputError: a prompt or keyword is wrong; nothing was rendered.
            DiptychError: no picture could be made at all; the message is the first failure's.
        """
        said = Call.of(call)
        return self.carried_out(self._requested(prompts_of(prompt), said), said)

    @spelled_out
    def stream(self, prompts: str | Iterable[str], **call: Unpack[CallOptions]) -> Iterator[Outcome | Failure]:
        """As a call, but yields each result as soon as it is there. Prompts are read a wave at a time.

        Raises:
            InputError: a keyword is wrong, or (while iterating) a prompt.
        """
        said = Call.of(call)
        return self.run(self._requested(prompts, said), watch=said.watcher(self))

    @spelled_out
    def requests(self, prompts: str | Iterable[str], **call: Unpack[CallOptions]) -> Iterable[Request]:
        """The requests of a prompt or of several, as a call carries them out; an iterator's are made lazily.

        Raises:
            InputError: a prompt or keyword is wrong.
        """
        return self._requested(prompts, Call.of(call))

    @spelled_out
    def request(
        self,
        prompt: str,
        *,
        seed: int = 0,
        row: int = 0,
        start: Start | None = None,
        **wishes: Unpack[RequestOptions],
    ) -> Request:
        """The request for one picture, with the recipe's defaults where `wishes` are silent.

        Args:
            start: what it begins with beside the prompt.

        Raises:
            InputError: the prompt or a setting is wrong.
        """
        frame: dict[str, Any] = {"height": self.recipe.height, "width": self.recipe.width}
        settings: dict[str, Any] = {}
        for name, value in settings_of(wishes).items():
            (settings if name in declared(Settings) else frame)[name] = value
        if fault := self._size_fault(frame["height"], frame["width"]):
            raise InputError(fault)
        resolved = Settings(**settings).over(self.recipe.defaults)
        prompt, resolved = self._with_loras(prompt, resolved)
        if not self.runner.chain.judges:
            refuse_choice(resolved)
        if references := frame.get("references"):
            refuse_references(self.recipe.name, self.runner.chain, references)
        if controls := frame.get("controls"):
            sides = {name: frame[name] for name in ("height", "width")}
            offered = offered_controls(self.runner.chain)
            frame["controls"] = controls_for(controls, offered, recipe=self.recipe.name, **sides)
        request = Request(prompt=prompt, seed=seed, row=row, settings=resolved, start=start, **frame)
        refuse_controls(self.recipe.name, self.runner.chain, request)
        return request

    def run(
        self, requests: Iterable[Request], *, watch: Watcher | None = None, in_order: bool = True
    ) -> Iterator[Outcome | Failure]:
        """Carry out requests as they are; see `Runner.run`."""
        results = self.runner.run(requests, watch=watch, in_order=in_order)
        return _signed(results, origin_of(self.recipe, self.runner))

    def carried_out(self, requests: Iterable[Request], call: Call) -> RenderResult:
        """What comes of the requests of a call. Raises `DiptychError` where nothing does."""
        asked = list(requests)
        results = self.run(asked, watch=call.watcher(self))
        return gathered(results, asked=asked, output_type=call.output_type)

    @property
    def device(self) -> "torch.device":
        """Where its models work."""
        import torch

        return torch.device(self.runner.memory.device)

    @property
    def dtype(self) -> "torch.dtype":
        """What the model that paints computes in; others of the recipe may differ."""
        import torch

        painters = [s.model.dtype for s in self.recipe.stages.values() if s.name in PAINTERS]
        every = [key.dtype for stage in self.recipe.stages.values() for key in stage.keys]
        return getattr(torch, (painters or every or ["float32"])[-1])

    def to(self, *where: Any, device: Any = None, dtype: Any = None) -> "TextToImage":
        """Work elsewhere, or in another dtype, from now on: `to("cuda")`, `to(torch.float16)`, or both. Those
        who share the pipeline go with it.

        Returns:
            itself.

        Raises:
            InputError: there is no such device or dtype.
            MemoryBudgetError: a stage's weights can never fit in that dtype.
        """
        device, dtype = _where(where, device, dtype)
        recipe = with_dtype(self.recipe, dtype)
        name = self.runner.memory.device if device is None else device_of(device)
        if recipe == self.recipe and name == self.runner.memory.device:
            return self
        moved = TextToImage(_moved(self.runner, recipe, name), recipe)
        moved.check()
        with self.runner.memory.turn:
            self.runner.memory.release_all()
            self.runner, self.recipe = moved.runner, recipe
            self._sizes.clear()
        return self

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
                    needed = memory.work_of(stage, [values[stage.takes]])
                memory.check(stage.uses, needed)

    def __repr__(self) -> str:
        """Recipe, stages with their models, device and memory."""
        return described(type(self).__name__, self.recipe, self.runner.memory, self.runner.chain.stages)

    if not TYPE_CHECKING:  # a type checker that saw this would take any name for an attribute

        def __getattr__(self, name: str) -> Any:
            """Reached for names that are not there alone: says what to do in place of what diffusers has."""
            refuse_attribute(self, name)

    def _with_loras(self, prompt: str, settings: Settings) -> tuple[str, Settings]:
        """The prompt without its `<lora:name:0.8>`, which become part of the settings; as they are, where the
        recipe offers none.

        Raises:
            InputError: one is not known.
        """
        rack = rack_of(self.recipe)
        tagged: tuple[Asked, ...] = ()
        if rack and isinstance(prompt, str):
            prompt, tagged = without_tags(prompt)
        if (not tagged and not settings.loras) or "loras" in unread_by(self.runner.chain):
            return prompt, settings
        names = {each.name.casefold() for each in tagged}
        others = [each for each in parse_loras(settings.loras or "") if each.name.casefold() not in names]
        asked = rack.canonical([*others, *tagged])
        return prompt, dataclasses.replace(settings, loras=asked)

    def _size_fault(self, height: object, width: object) -> str:
        """Why the recipe makes no pictures of this size; found out once for each, as sizes repeat."""
        if type(height) is not int or type(width) is not int:
            return ""  # the request says what is wrong with it
        if (height, width) not in self._sizes:
            self._sizes[height, width] = self.runner.chain.size_fault(height, width)
        return self._sizes[height, width]

    def _requested(self, prompts: str | Iterable[str], call: Call) -> Iterable[Request]:
        wanted = call.pictures(prompts)
        made = (self.request(each.prompt, seed=each.seed, row=each.row, **each.wishes) for each in wanted)
        requests = self._unused.of(self, made, call.wishes)
        return list(requests) if isinstance(prompts, Sequence) else requests  # a list is looked at as a whole


def _runner(building: Building) -> Runner:
    """Carries out what a recipe says; loads nothing."""
    from .recipes.build import build_aim, build_chain, registry

    return Runner(
        build_chain(building.recipe, trust_remote_code=building.trust_remote_code),
        DeviceMemory(registry(), device=building.device, budget_bytes=building.budget_bytes),
        aim=build_aim(building.recipe),
        micro_batch=building.micro_batch,
        wave=building.wave,
        batch_invariant=building.deterministic,
        stall_s=building.stall_seconds,
    )


def _signed(results: Iterator[Outcome | Failure], origin: str) -> Iterator[Outcome | Failure]:
    """Outcomes that say what made them."""
    for each in results:
        yield dataclasses.replace(each, origin=origin) if isinstance(each, Outcome) else each


def _moved(runner: Runner, recipe: Recipe, device: str) -> Runner:
    """The same for this recipe and device."""
    building = Building(
        recipe=recipe,
        device=device,
        budget_bytes=runner.memory.given_bytes,
        deterministic=runner.batching.batch_invariant,
        micro_batch=runner.batching.micro_batch,
        wave=runner.wave,
        stall_seconds=runner.stall_s,
        trust_remote_code=True,  # agreed to when the pipeline was made
    )
    return _runner(building)


def _where(where: tuple[Any, ...], device: Any, dtype: Any) -> tuple[Any, Any]:
    """The device and the dtype among what `to` is given, in any order."""
    for each in where:
        if type(each).__name__ == "dtype" or (isinstance(each, str) and each in DTYPES):
            dtype = each
        else:
            device = each
    return device, dtype
