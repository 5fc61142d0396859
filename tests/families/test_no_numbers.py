"""Models of every family whose weights are NaN: rows fail by name, wherever in the chain it is."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from diptych.engine.errors import CheckpointError
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Failed, run_stage
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey
from diptych.engine.stages.drafting.draft_multimodal import MultimodalDraftStage
from diptych.engine.stages.judging.judge import JudgeStage
from diptych.engine.stages.planning.plan import PlanStage
from diptych.engine.values import Fact, Picture, Plan, Request, Settings

from .captioner_twins import CAPTIONERS
from .drafter_twins import DRAFTERS
from .painting import SIDE, Twin, painted, stages_of, value_of
from .pipeline_twins import FAMILIES
from .planner_twins import PLANNERS
from .unet_twins import latent_consistency

Which = Callable[[str], bool]


class Poisoned(Registry):
    """Loads models, and puts NaN, or another value, in the place of their weights.

    Args:
        part: of keys that name one, whose weights are lost; all, if empty.
        which: of parameters and buffers, by their names.
    """

    value = torch.nan

    def __init__(self, part: str = "", which: Which = lambda name: True) -> None:
        super().__init__()
        self._part, self._which = part, which

    def load(self, key: ModelKey[Any], device: str, *, streamed: bool = False) -> Any:
        handle = super().load(key, device, streamed=streamed)
        if self._part in ("", key.part):
            for field in dataclasses.fields(handle):
                if isinstance(module := getattr(handle, field.name), torch.nn.Module):
                    self._poison(module)
        return handle

    def _poison(self, module: torch.nn.Module) -> None:
        with torch.no_grad():
            for name, tensor in module.named_parameters():
                if self._which(name):
                    tensor.fill_(self.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_pipelines_fail_at_the_part_that_gave_nan(family: str, twin: Twin) -> None:
    stages = stages_of(family, twin(FAMILIES[family]))
    for part, what in (("text", "text encodings"), ("denoiser", "latents"), ("vae", "pixels")):
        (reason,) = painted(stages, [value_of(family)], memory=DeviceMemory(Poisoned(part)))
        assert isinstance(reason, str) and f"gave {what} that are no numbers" in reason


def test_pipelines_without_phases_fail_too(twin: Twin) -> None:
    stages = stages_of("SD 1.5", twin(latent_consistency), phases=False)
    (reason,) = painted(stages, [value_of("SD 1.5")], memory=DeviceMemory(Poisoned()))
    assert isinstance(reason, str) and "gave pixels that are no numbers" in reason


@pytest.mark.parametrize("name", PLANNERS)
def test_planners_fail(name: str, twin: Twin) -> None:
    stage = PlanStage(model=ModelKey("causal-lm", str(twin(PLANNERS[name]))), prompt_tokens=640)
    requests = [Request(prompt="a red boat"), Request(prompt="snow")]
    results = run_stage(stage, requests, memory=DeviceMemory(Poisoned()))
    assert all(
        isinstance(each, Failed) and "gave logits that are no numbers" in each.reason for each in results
    )


@pytest.mark.parametrize("name", DRAFTERS)
@pytest.mark.parametrize("what", ["logits", "pixels"])
def test_drafters_fail(name: str, what: str, twin: Twin) -> None:
    if (name, what) == ("glm_image", "pixels"):
        pytest.skip("its previews are false colours")
    part = "vision_language_encoder" if name == "glm_image" else ""
    key = ModelKey("multimodal-lm", str(twin(DRAFTERS[name])), part=part)
    seen: Which = lambda parameter: ("vqmodel" in parameter) == (what == "pixels")  # noqa: E731
    request = Request(prompt="a boat", height=64, width=64, settings=Settings(temperature=0.0))
    plans = [Plan(request=request, prompt="a boat", facts=())] * 2
    results = run_stage(MultimodalDraftStage(model=key), plans, memory=DeviceMemory(Poisoned(which=seen)))
    assert all(isinstance(each, Failed) and f"gave {what} that are no" in each.reason for each in results)


@pytest.mark.parametrize("name", CAPTIONERS)
def test_captioners_fail(name: str, twin: Callable[[Callable[[Path], None]], Path]) -> None:
    stage = JudgeStage(model=ModelKey("image-text-to-text", str(twin(CAPTIONERS[name]))))
    plan = Plan(request=Request(prompt="a boat"), prompt="a boat", facts=(Fact(kind="thing", text="a boat"),))
    pictures = [Picture(pixels=torch.zeros(SIDE, SIDE, 3, dtype=torch.uint8), plan=plan)] * 2
    results = run_stage(stage, pictures, memory=DeviceMemory(Poisoned()))
    assert all(
        isinstance(each, Failed) and "gave answers that are no numbers" in each.reason for each in results
    )


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, 3e38])
def test_what_a_decoder_makes_infinite_is_no_white_picture(
    twin: Twin, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Poisoned, "value", value)
    poisoned = Poisoned("", lambda name: name.startswith("decoder.conv_out"))
    stages = stages_of("SD 1.5", twin(FAMILIES["SD 1.5"]))
    at_once = stages_of("SD 1.5", twin(latent_consistency), phases=False)
    for each in (stages, at_once):
        (reason,) = painted(each, [value_of("SD 1.5")], memory=DeviceMemory(poisoned))
        assert isinstance(reason, str) and "gave pixels that are no numbers" in reason


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_weights_that_are_no_numbers_are_refused_by_name(twin: Twin, tmp_path: Path, value: str) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(twin(FAMILIES["SD 1.5"]), folder)
    file = next((folder / "vae").glob("*.safetensors"))
    tensors = load_file(file)
    tensors["decoder.conv_out.bias"][0] = float(value)
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"decoder\.conv_out\.bias holds"):
        painted(stages_of("SD 1.5", folder), [value_of("SD 1.5")], memory=DeviceMemory(Registry()))
