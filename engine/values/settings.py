"""How a request is to be carried out: the table of settings.

One field of `Settings` is one setting, whole: its type, range, unit, help, and the names that people have for
it. The keywords of pipelines, the columns of prompt files, the `[defaults]` of recipes and the options of the
command line are made from this table; a new setting is a new field here, and its twin in `Wishes`.
"""

import dataclasses
import math
from typing import Annotated, TypedDict

from .loras import loras_text, parse_loras
from .setting import Setting, argument_lines, declared


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """How a request is to be carried out; `None` means 'what the recipe says'.

    Raises:
        InputError: a value is of the wrong kind, or lies outside its range.
    """

    num_inference_steps: Annotated[
        int | None,
        Setting(
            "Denoising steps.",
            low=1,
            high=1000,
            short=("steps",),
            aliases=("step", "num_steps", "sampling_steps", "ddim_steps"),
        ),
    ] = None
    guidance_scale: Annotated[
        float | None,
        Setting(
            "Classifier-free guidance of the refiner; 1 is none.",
            low=0.0,
            high=50.0,
            short=("guidance", "cfg"),
            aliases=("cfg_scale",),
        ),
    ] = None
    scheduler: Annotated[
        str | None,
        Setting("A scheduler class of diffusers, such as EulerDiscrete, for painters that take one."),
    ] = None
    loras: Annotated[
        str | None,
        Setting(
            "LoRA weights by the names that the recipe has for them, such as 'ink:0.8, paper'.", short=("lora",)
        ),
    ] = None
    temperature: Annotated[
        float | None, Setting("Of the draft's tokens; 0 takes the likeliest.", low=0.0, high=5.0)
    ] = None
    top_k: Annotated[
        int | None, Setting("The draft keeps the k likeliest tokens; 0 keeps all.", low=0, high=1_000_000)
    ] = None
    top_p: Annotated[
        float | None,
        Setting("The draft keeps the smallest set of tokens of this probability.", low=0.0, high=1.0),
    ] = None
    draft_guidance_scale: Annotated[
        float | None,
        Setting(
            "Classifier-free guidance of the drafter; 1 is none.",
            low=0.0,
            high=50.0,
            short=("draft_guidance",),
            aliases=("draft_cfg_scale",),
        ),
    ] = None
    candidates: Annotated[int | None, Setting("Drafts of each prompt in a round.", low=1, high=4096)] = None
    keep: Annotated[
        int | None,
        Setting("Drafts of a round that are painted, those with the best previews.", low=1, high=4096),
    ] = None
    rounds: Annotated[int | None, Setting("How often a prompt is planned, at most.", low=1, high=100)] = None
    accept: Annotated[
        float | None, Setting("The score at which a picture is taken at once.", low=0.0, high=1.0)
    ] = None
    seconds: Annotated[
        float | None,
        Setting(
            "No new round is started after this much time on the request's batch.",
            low=0.0,
            high=math.inf,
            unit="seconds",
        ),
    ] = None
    repairs: Annotated[
        int | None,
        Setting(
            "How often the best picture is mended where it misses something, before all is planned anew.",
            low=0,
            high=100,
        ),
    ] = None
    ignore_left_out: Annotated[
        bool | None, Setting("Accept pictures although the plan left out some of the prompt's words.")
    ] = None
    pick: Annotated[
        int | None,
        Setting(
            "The candidate that is taken, whatever its score, if it comes to a picture.", low=0, high=2**31 - 1
        ),
    ] = None

    def __post_init__(self) -> None:
        for name, setting in declared(type(self)).items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, setting.check(value))
        if self.loras is not None:
            object.__setattr__(self, "loras", loras_text(parse_loras(self.loras)))

    def __repr__(self) -> str:
        """What is set."""
        said = ", ".join(f"{k}={v}" for k, v in dataclasses.asdict(self).items() if v is not None)
        return f"Settings({said})"

    def over(self, defaults: "Settings") -> "Settings":
        """These settings where they say something, `defaults` where they do not."""
        said = ((name, getattr(self, name)) for name in declared(type(self)))
        return dataclasses.replace(defaults, **{name: value for name, value in said if value is not None})


Settings.__doc__ = (Settings.__doc__ or "").replace("\n    Raises:", f"{argument_lines(Settings)}\n    Raises:")


class Wishes(TypedDict, total=False):
    """What a call may ask for beside the prompt; what it leaves out is as the recipe says. See `Settings`.

    The frame of a `Request`, and the fields of `Settings` once more: type checkers cannot be told so in any
    other way. A test holds both equal.
    """

    height: int
    width: int
    negative_prompt: str
    num_inference_steps: int | None
    guidance_scale: float | None
    scheduler: str | None
    loras: str | None
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
    pick: int | None


NO_SETTINGS = Settings()
"""What leaves everything to the recipe."""
