"""Reference pictures by IP-Adapters: pictures are the library's own, alone and beside others."""

import importlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

from diptych.engine.errors import CheckpointError, InputError
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, generators
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.painting.paint import paint_stages, repaint_stages
from diptych.engine.values import Plan, Reference

from . import adapter_twins, pipeline_twins
from .painting import CALLS, STEPS, Twin, draft, key, library_pipeline, pictures, plan

diffusers: Any = importlib.import_module("diffusers")
transformers: Any = importlib.import_module("transformers")

Make = Callable[[Path, Path], None]

FAMILIES: dict[str, tuple[str, Callable[[Path], None], Make, Callable[[Path], None]]] = {
    "SD 1.5": (
        "SD 1.5",
        pipeline_twins.stable_diffusion,
        adapter_twins.unet_adapter,
        adapter_twins.clip_encoder,
    ),
    "SD 1.5 plus": (
        "SD 1.5",
        pipeline_twins.stable_diffusion,
        lambda folder, file: adapter_twins.unet_adapter(folder, file, plus=True),
        adapter_twins.clip_encoder,
    ),
    "SDXL": (
        "SDXL",
        pipeline_twins.stable_diffusion_xl,
        adapter_twins.unet_adapter,
        adapter_twins.clip_encoder,
    ),
    "FLUX.1": ("FLUX.1", pipeline_twins.flux, adapter_twins.flux_adapter, adapter_twins.clip_encoder),
    "SD 3.5": (
        "SD 3",
        pipeline_twins.stable_diffusion_3,
        adapter_twins.sd3_adapter,
        adapter_twins.siglip_encoder,
    ),
}


class Setup:
    """A pipeline, an adapter for it, and what sees for that."""

    def __init__(self, family: str, twin: Twin, tmp_path: Path) -> None:
        self.calls, make, adapter, encoder = FAMILIES[family]
        self.folder, self.encoder = twin(make), twin(encoder)
        self.file = tmp_path / "adapter.safetensors"
        adapter(self.folder, self.file)
        self.several = family != "SD 3.5"

    @property
    def adapter(self) -> ModelKey[Any]:
        return ModelKey("ip-adapter", str(self.file))

    @property
    def sees(self) -> ModelKey[Any]:
        return ModelKey("image-encoder", str(self.encoder))

    def stages(self) -> tuple[Any, ...]:
        return paint_stages(model=key(self.folder), references=self.adapter, image_encoder=self.sees)

    def plan(self, *references: Reference, seed: int = 7) -> Plan:
        return plan(self.calls, seed=seed, references=references)

    def by_library(self, value: Plan) -> torch.Tensor:
        """int32 (h, w, 3)."""
        request, pipeline = value.request, library_pipeline(self.folder)
        more: dict[str, Any] = {}
        if request.references:
            seen = [PIL.Image.fromarray(each.picture.numpy()) for each in request.references]
            more = {"ip_adapter_image": seen if self.several else seen[0]}
            self._wear(pipeline, [each.weight for each in request.references])
        images = pipeline(
            prompt=request.prompt,
            height=request.height,
            width=request.width,
            num_inference_steps=STEPS,
            generator=generators([RowKey(request.seed, request.candidate)], "paint")[0],
            output_type="np",
            **CALLS[self.calls],
            **more,
        ).images
        return (torch.from_numpy(images[0]).float() * 255).round().int()

    def _wear(self, pipeline: Any, weights: list[float]) -> None:
        count, place, name = len(weights), str(self.file.parent), self.file.name
        if not self.several:
            kind, processor = transformers.SiglipVisionModel, transformers.SiglipImageProcessorPil
            vars(pipeline)["feature_extractor"] = processor.from_pretrained(self.encoder)
        else:
            kind = transformers.CLIPVisionModelWithProjection
        vars(pipeline)["image_encoder"] = kind.from_pretrained(self.encoder)
        if not self.several:
            pipeline.load_ip_adapter(place, weight_name=name, image_encoder_folder=None)
            pipeline.set_ip_adapter_scale(weights[0])
            return
        given: dict[str, Any] = {"weight_name": [name] * count}
        if self.calls == "FLUX.1":
            given["image_encoder_pretrained_model_name_or_path"] = None
        else:
            given |= {"subfolder": [""] * count, "image_encoder_folder": None}
        pipeline.load_ip_adapter([place] * count, **given)
        pipeline.set_ip_adapter_scale(weights)


def reference(seed: int, weight: float = 1.0) -> Reference:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (40 + seed, 50, 3), generator=generator).to(torch.uint8)
    return Reference(picture=pixels, weight=weight)


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_with_and_without_references_are_the_librarys_own_alone_and_together(
    family: str, twin: Twin, tmp_path: Path
) -> None:
    setup = Setup(family, twin, tmp_path)
    stages, memory = setup.stages(), DeviceMemory(Registry())
    rows = [setup.plan(), setup.plan(reference(1)), setup.plan(reference(2)), setup.plan(reference(1, 0.3))]
    if setup.several:
        rows.append(setup.plan(reference(1, 0.5), reference(3, 1.5)))
    together = pictures(stages, rows, memory=memory)
    for row, beside in zip(rows, together, strict=True):
        (alone,) = pictures(stages, [row], memory=memory)
        expected = setup.by_library(row)
        assert (alone - expected).abs().max() == 0
        assert (beside - expected).abs().max() <= 1
    for one, other in itertools.pairwise(together):
        assert (one - other).abs().max() > 1


def test_what_sees_and_what_takes_after_is_loaded_for_rows_with_references_alone(
    twin: Twin, tmp_path: Path
) -> None:
    setup = Setup("SD 1.5", twin, tmp_path)
    stages, memory = setup.stages(), DeviceMemory(Registry())
    encode, paint, _ = stages
    pictures(stages, [setup.plan()], memory=memory)
    assert not {"image-encoder", "ip-adapter"} & {each.family for each in memory.resident}
    pictures(stages, [setup.plan(reference(1))], memory=memory)
    assert {encode.uses[-1], paint.uses[-1]} <= set(memory.resident)


@pytest.mark.parametrize("family", ["SD 1.5 plus", "FLUX.1", "SD 3.5"])
def test_the_bytes_of_adapter_and_encoder_are_those_that_they_take(
    family: str, twin: Twin, tmp_path: Path
) -> None:
    setup = Setup(family, twin, tmp_path)
    registry = Registry()
    encode, paint, _ = setup.stages()
    for used in (encode.uses[-1], paint.uses[-1]):
        handle: Any = registry.load(used, "cpu")
        modules = [each for each in vars(handle).values() if isinstance(each, torch.nn.Module)]
        taken = sum(tensor.nbytes for module in modules for tensor in module.state_dict().values())
        assert taken == pytest.approx(registry.weight_bytes(used), rel=0.02)


def test_a_budget_that_holds_one_stage_at_a_time_is_kept(twin: Twin, tmp_path: Path) -> None:
    setup = Setup("SDXL", twin, tmp_path)
    stages, free = setup.stages(), DeviceMemory(Registry())
    row = setup.plan(reference(1))
    (expected,) = pictures(stages, [row], memory=free)
    least = max(free.weight_bytes(each.uses) for each in stages[:2])
    work = max(free.work_of(stages[0], [row]), 64 * 2**20)
    tight = DeviceMemory(Registry(), budget_bytes=least + work)
    (made,) = pictures(stages, [row], memory=tight)
    assert (made - expected).abs().max() == 0
    peaks = [event.resident_bytes + event.workspace_bytes for event in tight.log.events]
    assert peaks and max(peaks) <= least + work


def test_the_denoiser_is_as_it_was_once_a_row_is_done(twin: Twin, tmp_path: Path) -> None:
    setup = Setup("SD 1.5 plus", twin, tmp_path)
    stages, memory = setup.stages(), DeviceMemory(Registry())
    (before,) = pictures(stages, [setup.plan()], memory=memory)
    pictures(stages, [setup.plan(reference(1))], memory=memory)
    (after,) = pictures(stages, [setup.plan()], memory=memory)
    assert torch.equal(before, after)


@pytest.mark.parametrize("family", ["SD 1.5 plus", "SDXL", "FLUX.1", "SD 3.5"])
def test_a_streamed_denoiser_takes_after_the_same(family: str, twin: Twin, tmp_path: Path) -> None:
    setup = Setup(family, twin, tmp_path)
    encode, denoise, _ = setup.stages()
    registry = Registry()
    whole = {each: registry.load(each, "cpu") for stage in (encode, denoise) for each in stage.uses}
    conditioned = encode.run([setup.plan(reference(1))], whole, RunContext())
    (first,) = denoise.run(conditioned, whole, RunContext())
    model, adapter = denoise.uses
    streamed = {model: registry.load(model, "cpu", streamed=True), adapter: whole[adapter]}
    (again,) = denoise.run(conditioned, streamed, RunContext())
    torch.testing.assert_close(first.latents, again.latents, atol=1e-5, rtol=0)
    assert registry.brought(model)[0] > 0


def test_a_picture_is_painted_over_after_a_reference_as_by_the_library(twin: Twin, tmp_path: Path) -> None:
    setup = Setup("SD 1.5", twin, tmp_path)
    stages = repaint_stages(
        model=key(setup.folder), references=setup.adapter, image_encoder=setup.sees, strength=0.7
    )
    rows = [draft(setup.plan(reference(1, 0.5))), draft(setup.plan()), draft(setup.plan(reference(2, 0.5)))]
    made = pictures(stages, rows, memory=DeviceMemory(Registry()))
    for value, picture in zip(rows, made, strict=True):
        request = value.plan.request
        pipeline = library_pipeline(setup.folder, diffusers.StableDiffusionImg2ImgPipeline)
        more: dict[str, Any] = {}
        if request.references:
            setup._wear(pipeline, [0.5])
            more["ip_adapter_image"] = [PIL.Image.fromarray(request.references[0].picture.numpy())]
        preview = PIL.Image.fromarray(value.preview.numpy())
        images = pipeline(
            prompt=request.prompt,
            image=preview.resize((request.width, request.height), PIL.Image.Resampling.BICUBIC),
            strength=0.7,
            num_inference_steps=STEPS,
            generator=generators([RowKey(request.seed, request.candidate)], "repaint")[0],
            output_type="np",
            **CALLS["SD 1.5"],
            **more,
        ).images
        expected = (torch.from_numpy(images[0]).float() * 255).round().int()
        assert (picture - expected).abs().max() <= 1
    assert (made[0] - made[1]).abs().max() > 1 and (made[0] - made[2]).abs().max() > 1


def test_an_adapter_of_another_family_is_refused_before_anything_is_loaded(twin: Twin, tmp_path: Path) -> None:
    other, setup = Setup("SDXL", twin, tmp_path), Setup("SD 1.5", twin, tmp_path)
    other_file = tmp_path / "xl.safetensors"
    adapter_twins.unet_adapter(other.folder, other_file)
    setup.file = other_file
    with pytest.raises(CheckpointError, match="does not fit UNet2DConditionModel of this pipeline") as caught:
        setup.stages()[0].refuse()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"image_proj.proj.weight": (4, 4)}, "holds no IP-Adapter"),
        ({"image_proj.proj.0.weight": (4, 4), "image_proj.norm.weight": (4,), "ip_adapter.1.x": (1,)}, "faces"),
    ],
)
def test_a_file_that_is_no_adapter_is_one_line(
    tensors: dict[str, tuple[int, ...]], said: str, twin: Twin, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    setup = Setup("SD 1.5", twin, tmp_path)
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, setup.file)
    with pytest.raises(CheckpointError, match=said):
        setup.stages()[0].refuse()


def test_an_encoder_that_is_none_and_a_compiled_model_are_refused(twin: Twin, tmp_path: Path) -> None:
    setup = Setup("SD 1.5", twin, tmp_path)
    setup.encoder = setup.folder / "vae"
    with pytest.raises(CheckpointError, match="an image encoder is a CLIPVisionModelWithProjection"):
        setup.stages()[0].refuse()
    compiled: Any = ModelKey("diffusers", str(setup.folder), tuning=(("compile", True),))
    with pytest.raises(InputError, match="a compiled model cannot wear an adapter"):
        paint_stages(model=compiled, references=setup.adapter, image_encoder=setup.sees)
    with pytest.raises(InputError, match="family 'ip-adapter': must be 'image-encoder'"):
        paint_stages(model=key(setup.folder), references=setup.adapter, image_encoder=setup.adapter)
    with pytest.raises(InputError, match="name both checkpoint, of the adapter, and image_encoder"):
        paint_stages(model=key(setup.folder), references=setup.adapter)


def test_an_adapter_that_takes_one_picture_says_so(twin: Twin, tmp_path: Path) -> None:
    encode = Setup("SD 3.5", twin, tmp_path).stages()[0]
    assert encode.reference_fault([reference(1)]) == ""
    assert "takes one" in encode.reference_fault([reference(1), reference(2)])
