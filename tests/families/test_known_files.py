"""Files of the true sizes, which hold a header and nothing else: what each is, what it would take, and the
recipe that is written for it. Nothing of the weights is read, for there are none."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from accelerate import init_empty_weights

from diptych.engine.models.checkpoint.folder import read_header
from diptych.engine.models.diffusion.single_files.known import configs_of, known_families
from diptych.engine.models.diffusion.single_files.recognising import recognise

from . import single_file_twins as twins

NAMES = {
    "SD": "unet",
    "FLUX.1": "flux",
    "FLUX.2": "flux2",
    "SD 3": "sd3",
    "Z-Image": "z_image",
    "Qwen-Image": "weights_of",
}

PARAMETERS = {
    "SD 1.5": 859_520_964,
    "SD 2": 865_910_724,
    "SDXL": 2_567_463_684,
    "SD 3": 2_084_951_104,
    "FLUX.1 dev": 11_901_408_320,
    "FLUX.1 schnell": 11_891_178_560,
    "Z-Image": 6_154_908_736,
    "Qwen-Image": 20_430_401_088,
}
"""That the makers' own files hold of the denoiser."""


def module(family: str, name: str) -> Any:
    """A component of the true size, without its weights."""
    configs = configs_of(family)
    library, kind = configs["model_index.json"][name]
    found = getattr(importlib.import_module(library), kind)
    config = configs[f"{name}/config.json"]
    with init_empty_weights():
        return (
            found.from_config(config) if library == "diffusers" else found(found.config_class.from_dict(config))
        )


def denoiser(family: str) -> twins.State:
    """Its tensors under its makers' names, without any bytes."""
    name = "unet" if "unet" in configs_of(family)["model_index.json"] else "transformer"
    state = module(family, name).state_dict()
    names = max((each for each in NAMES if family.startswith(each)), key=len)
    found = getattr(twins, NAMES[names])
    return found({key: tensor.to("meta") for key, tensor in state.items()})


@pytest.mark.parametrize("family", known_families())
def test_a_denoiser_alone_is_known_by_its_header(family: str, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    state = denoiser(family)
    twins.write_outline(twins.prefixed(state, "model.diffusion_model."), file)
    assert recognise(read_header(file))[:3] == ("model", family, ("denoiser",))
    twins.write_outline(state, file)
    assert recognise(read_header(file))[:3] == ("model", family, ("denoiser",))
    if family in PARAMETERS:
        assert sum(tensor.numel() for tensor in state.values()) == PARAMETERS[family]


def test_the_configs_ship_complete() -> None:
    for family in known_families():
        configs = configs_of(family)
        for name, entry in configs["model_index.json"].items():
            if isinstance(entry, list) and entry[0] == "diffusers" and name != "scheduler":
                assert configs[f"{name}/config.json"]["_class_name"] == entry[1], family
