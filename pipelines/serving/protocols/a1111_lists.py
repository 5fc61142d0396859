"""What the API of AUTOMATIC1111's web UI lists, and its options.

GET  /sdapi/v1/options, sd-models, samplers, schedulers, upscalers, loras; latent-upscale-modes, sd-vae and
     others that are empty here
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ....engine.errors import InputError
from ...recipes.lora_table import rack_of
from ...recipes.reader import Recipe
from ..pictures import Format
from ..replies import ApiError
from ..runtime import Runtime

SAMPLERS = {
    "Euler": "EulerDiscrete",
    "Euler a": "EulerAncestralDiscrete",
    "DPM++ 2M": "DPMSolverMultistep",
    "DPM++ SDE": "DPMSolverSDE",
    "Heun": "HeunDiscrete",
    "LMS": "LMSDiscrete",
    "DPM2": "KDPM2Discrete",
    "DPM2 a": "KDPM2AncestralDiscrete",
    "DDIM": "DDIM",
    "PNDM": "PNDM",
    "UniPC": "UniPCMultistep",
    "DDPM": "DDPM",
    "LCM": "LCM",
}
"""Names that people have for samplers, and the schedulers of diffusers that they are."""

AUTOMATIC = "Automatic"
PLAIN_UPSCALERS = ("None", "Lanczos")
PROTOCOL = "a1111"
MODEL = "sd_model_checkpoint"
FORMAT = "samples_format"
WITHOUT_EFFECT = ("refresh-checkpoints", "refresh-loras", "refresh-vae", "skip")
"""Addresses that clients ask for before others, of works that are not here."""

_FORMATS: dict[str, Format] = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
EMPTY: dict[str, Any] = {
    **dict.fromkeys(("latent-upscale-modes", "sd-vae", "sd-modules", "prompt-styles", "hypernetworks"), ()),
    **dict.fromkeys(("face-restorers", "realesrgan-models", "script-info", "extensions"), ()),
    "embeddings": {"loaded": {}, "skipped": {}},
    "scripts": {"txt2img": [], "img2img": []},
    "cmd-flags": {},
    "memory": {"ram": {}, "cuda": {}},
}
"""What lists say of which nothing is here."""


class Chosen(NamedTuple):
    """A recipe's name, and the format in which pictures are sent."""

    recipe: str
    format: Format


class Options:
    """What `options` keeps for as long as the server lives."""

    def __init__(self, runtime: Runtime) -> None:
        self._pipes = runtime.pipes
        self.said: dict[str, str] = {MODEL: runtime.pipes.usual, FORMAT: "png"}

    def set(self, said: Mapping[str, Any]) -> None:
        """Keep what is said. Errors as `with_`."""
        self.said = self.said | self._known(said)

    def with_(self, said: Mapping[str, Any] | None) -> Chosen:
        """What holds where one request says otherwise: `override_settings`.

        Raises:
            InputError, ApiError: there is no such recipe or format.
        """
        found = self.said | self._known(said or {})
        return Chosen(found[MODEL], _FORMATS[found[FORMAT]])

    def _known(self, said: Mapping[str, Any]) -> dict[str, str]:
        known = {name: text_of(name, said[name]) for name in self.said if said.get(name) is not None}
        if MODEL in known:
            known[MODEL] = self._pipes.name_of(known[MODEL])
        if FORMAT in known:
            known[FORMAT] = known[FORMAT].lower()
        if known.get(FORMAT, "png") not in _FORMATS:
            raise ApiError(400, f"{FORMAT}: must be one of {', '.join(_FORMATS)}", param=FORMAT)
        return known


def lists(runtime: Runtime, options: Options) -> dict[str, Callable[[], Any]]:
    """What is told as it is, by name."""
    return {
        "options": lambda: options.said,
        "sd-models": lambda: [_model(name) for name in runtime.pipes.recipes],
        "samplers": lambda: [
            {"name": name, "aliases": [name.lower()], "options": {"scheduler": ours}}
            for name, ours in {AUTOMATIC: "", **SAMPLERS}.items()
        ],
        "schedulers": lambda: [{"name": "automatic", "label": AUTOMATIC, "aliases": None}],
        "upscalers": lambda: [
            {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": 4}
            for name in (*PLAIN_UPSCALERS, *runtime.pipes.recipes)
        ],
        **{name: functools.partial(dict.get, EMPTY, name) for name in EMPTY},
        "loras": lambda: [_lora(name) for recipe in runtime.pipes.recipes.values() for name in _loras(recipe)],
    }


def _model(name: str) -> dict[str, Any]:
    return {"title": name, "model_name": name, "hash": None, "sha256": None, "filename": name, "config": None}


def _loras(recipe: Recipe) -> list[str]:
    """Names of the LoRA weights that prompts of a recipe may ask for, as `<lora:NAME:0.8>`."""
    return rack_of(recipe).names()


def _lora(name: str) -> dict[str, Any]:
    return {"name": name, "alias": name, "path": name, "metadata": {}}


def text_of(name: str, value: Any) -> str:
    """A field that must be text. Raises `InputError` where it is not."""
    if not isinstance(value, str):
        raise InputError(f"{name}: must be text")
    return value
