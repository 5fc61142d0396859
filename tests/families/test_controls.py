"""Pipelines that are steered by ControlNets and T2I-Adapters: pixels are the library's own."""

import dataclasses
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.errors import CheckpointError, InputError
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching
from diptych.engine.models.diffusion.control.classes import steering_class
from diptych.engine.models.diffusion.control.key import ControlKey
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, generators
from diptych.engine.runner import shape_of
from diptych.engine.stage import ModelKey
from diptych.engine.stages.painting.edges import edges_of
from diptych.engine.stages.painting.paint import paint_stages, repaint_stages
from diptych.engine.values import Control, Plan
from diptych.engine.values.start import Start

from .control_twins import CONTROLS, controlnet, depth_estimator, stable_diffusion_for_adapters
from .painting import CALLS, SIDE, STEPS, Twin, draft, key, library_pipeline, painted, pictures, plan
from .pipeline_twins import FAMILIES, flux, stable_diffusion, stable_diffusion_xl

diffusers: Any = importlib.import_module("diffusers")

EACH = sorted(CONTROLS)
FIXED = Batching(alike=shape_of, batch_invariant=True, micro_batch=3)
Control_ = Callable[[str, str], Path]


def photo(seed: int) -> torch.Tensor:
    """uint8 (h, w, 3): blocks of random shades."""
    coarse = torch.randint(256, (8, 8, 3), generator=torch.Generator().manual_seed(seed))
    return coarse.repeat_interleave(SIDE // 8, 0).repeat_interleave(SIDE // 8, 1).to(torch.uint8)


@pytest.fixture(scope="session")
def control(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Control_:
    """The folder of a tiny control, by the family of its pipeline and its kind."""
    made: dict[tuple[str, str], Path] = {}

    def folder_of(family: str, kind: str) -> Path:
        if (family, kind) not in made:
            made[family, kind] = tmp_path_factory.mktemp("control")
            CONTROLS[family, kind](twin(base_of(family, kind)), made[family, kind])
        return made[family, kind]

    return folder_of


def control_key(folder: Path, name: str = "map", **more: Any) -> ControlKey:
    return ControlKey(name=name, model=ModelKey("control", str(folder)), **more)


def base_of(family: str, kind: str) -> Callable[[Path], None]:
    return stable_diffusion_for_adapters if kind == "adapter" else FAMILIES[family]


def mode_of(kind: str) -> int | None:
    return 1 if kind == "union" else None


def steered(family: str, *controls: Control, seed: int = 7, **more: Any) -> Plan:
    made = plan(family, seed=seed, **more)
    request = dataclasses.replace(made.request, controls=controls)
    return dataclasses.replace(made, request=request)


def mean_of_spread(self: Any, generator: Any = None) -> torch.Tensor:
    return (
        self.mode()
        if generator is None
        else self.mean
        + self.std * torch.cat([torch.randn((1, *self.mean.shape[1:]), generator=each) for each in generator])
    )


def library_picture(family: str, folder: Path, net: Path, row: Plan, mode: int | None) -> torch.Tensor:
    """float32 (h, w, 3), 0 to 1: the library's own control pipeline, of all components at once."""
    name, net_class = (
        json.loads((path / which).read_text())["_class_name"]
        for path, which in ((folder, "model_index.json"), (net, "config.json"))
    )
    kind = steering_class(name, net_class, from_picture=False)
    model = getattr(diffusers, net_class).from_pretrained(net)
    base = library_pipeline(folder)
    is_adapter = "Adapter" in kind.__name__
    extra = {"adapter" if is_adapter else "controlnet": model}
    parts = {**{k: v for k, v in base.components.items()}, **extra}
    pipeline = kind(**{k: v for k, v in parts.items() if k in kind.__init__.__code__.co_varnames})
    pipeline.set_progress_bar_config(disable=True)
    request = row.request
    (asked,) = request.controls
    taken = kind.__call__.__wrapped__.__code__.co_varnames
    picture = asked.picture.permute(2, 0, 1)[None].float() / 255
    call: dict[str, Any] = {"control_image" if "control_image" in taken else "image": picture}
    call["adapter_conditioning_scale" if is_adapter else "controlnet_conditioning_scale"] = asked.weight
    if "control_guidance_start" in taken:
        call |= {"control_guidance_start": asked.start, "control_guidance_end": asked.stop}
    if mode is not None:
        call["control_mode"] = mode
    images = pipeline(
        prompt=request.prompt,
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        generator=[generators([RowKey(request.seed, request.candidate)], "paint")[0]],
        output_type="np",
        **call,
        **{k: v for k, v in CALLS[family].items() if k in taken},
    ).images
    return torch.from_numpy(images[0]).float()


@pytest.mark.parametrize(("family", "kind"), EACH)
def test_a_steered_picture_is_the_librarys_own_alone_and_in_a_batch(
    family: str, kind: str, twin: Twin, control: Control_, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, net, mode = twin(base_of(family, kind)), control(family, kind), mode_of(kind)
    stages = paint_stages(model=key(folder), controls=(control_key(net, mode=mode),))
    rows = [steered(family, Control(kind="map", picture=photo(i), weight=0.8), seed=i) for i in (7, 8)]
    plain = steered(family, seed=7)
    together = pictures(stages, [*rows, plain])
    monkeypatch.setattr(
        diffusers.models.autoencoders.vae.DiagonalGaussianDistribution, "sample", mean_of_spread
    )
    for row, ours in zip(rows, together, strict=False):
        expected = library_picture(family, folder, net, row, mode)
        assert (ours / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4
    monkeypatch.undo()
    (alone,) = pictures(stages, rows[1:])
    assert (alone - together[1]).abs().max() <= 1  # as without controls
    (alone,), (_, beside, _) = (pictures(stages, each, batching=FIXED) for each in (rows[1:], [*rows, plain]))
    assert torch.equal(alone, beside)
    (unsteered,) = pictures(paint_stages(model=key(folder)), [plain])
    assert torch.equal(together[2], unsteered)
    assert (together[0] - unsteered).abs().max() > 1


def test_the_picture_weight_and_range_of_a_control_count(twin: Twin, control: Control_) -> None:
    net = control_key(control("SD 1.5", "controlnet"))
    stages = paint_stages(model=key(twin(stable_diffusion)), controls=(net,))
    said: list[dict[str, Any]] = [{}, {"weight": 0.3}, {"stop": 0.4}, {"start": 0.4}, {"picture": photo(2)}]
    rows = [steered("SD 1.5", Control(**{"kind": "map", "picture": photo(1), **each})) for each in said]
    found = pictures(stages, rows)
    for i, one in enumerate(found):
        for other in found[i + 1 :]:
            assert not torch.equal(one, other)


def test_a_range_that_no_step_lies_in_is_refused(twin: Twin, control: Control_) -> None:
    net = control_key(control("SD 1.5", "controlnet"))
    stages = paint_stages(model=key(twin(stable_diffusion)), controls=(net,))
    said: list[dict[str, Any]] = [{"stop": 0.3}, {"start": 0.5, "stop": 0.9}, {"start": 0.7}, {"stop": 0.4}]
    rows = [steered("SD 1.5", Control(**{"kind": "map", "picture": photo(1), **each})) for each in said]
    *refused, counts = painted(stages, rows)
    for each, why in zip(said, refused, strict=False):
        assert f"none of {STEPS} steps lies whole" in why and str({"stop": 1.0, **each}["stop"]) in why
    (plain,) = pictures(stages, [steered("SD 1.5")])
    assert (counts.pixels.int() - plain).abs().max() > 1


def test_two_controls_steer_together(twin: Twin, control: Control_) -> None:
    net = control("SD 1.5", "controlnet")
    keys = (control_key(net, "one"), control_key(net, "two"))
    stages = paint_stages(model=key(twin(stable_diffusion)), controls=keys)
    one, two = (Control(kind=kind, picture=photo(i), weight=0.5) for i, kind in enumerate(("one", "two")))
    alone, other, both = pictures(
        stages, [steered("SD 1.5", one), steered("SD 1.5", two), steered("SD 1.5", one, two)]
    )
    assert not torch.equal(both, alone) and not torch.equal(both, other)


def test_a_control_steers_what_starts_from_a_picture(twin: Twin, control: Control_) -> None:
    net = control_key(control("SD 1.5", "controlnet"))
    stages = repaint_stages(model=key(twin(stable_diffusion)), controls=(net,))

    def begun(*controls: Control) -> Any:
        row = steered("SD 1.5", *controls)
        start = Start(picture=photo(3), strength=0.9)
        return draft(dataclasses.replace(row, request=dataclasses.replace(row.request, start=start)))

    plain, free = (
        pictures(stages, [begun(Control(kind="map", picture=photo(1)))])[0],
        pictures(stages, [begun()])[0],
    )
    assert (plain - free).abs().max() > 1


def test_a_photograph_becomes_edges_unless_its_picture_is_ready(twin: Twin, control: Control_) -> None:
    net = control_key(control("SD 1.5", "controlnet"), preprocess="edges")
    stages = paint_stages(model=key(twin(stable_diffusion)), controls=(net,))
    found, ready, raw = pictures(
        stages,
        [
            steered("SD 1.5", Control(kind="map", picture=photo(1))),
            steered("SD 1.5", Control(kind="map", picture=edges_of(photo(1)), ready=True)),
            steered("SD 1.5", Control(kind="map", picture=photo(1), ready=True)),
        ],
    )
    assert torch.equal(found, ready) and not torch.equal(found, raw)


def test_depth_is_found_by_the_model_that_the_recipe_names(twin: Twin, control: Control_) -> None:
    estimator = ModelKey("depth-estimator", str(twin(depth_estimator)))
    net = control_key(control("SD 1.5", "controlnet"), preprocess="depth", estimator=estimator)
    stages = paint_stages(model=key(twin(stable_diffusion)), controls=(net,))
    found, raw = pictures(
        stages,
        [
            steered("SD 1.5", Control(kind="map", picture=photo(1))),
            steered("SD 1.5", Control(kind="map", picture=photo(1), ready=True)),
        ],
    )
    assert not torch.equal(found, raw)


@pytest.mark.parametrize(("family", "kind"), EACH)
def test_a_controls_bytes_are_those_of_its_file(family: str, kind: str, control: Control_) -> None:
    folder, registry = control(family, kind), Registry()
    counted = registry.weight_bytes(ModelKey("control", str(folder)))
    handle = registry.load(ModelKey("control", str(folder)), "cpu")
    held = sum(each.numel() * each.element_size() for each in handle.control.state_dict().values())
    assert abs(counted - held) <= 0.02 * held


def test_the_budget_is_kept_and_a_control_can_be_streamed(twin: Twin, control: Control_) -> None:
    net = control_key(control("SD 1.5", "controlnet"))
    stages = paint_stages(model=key(twin(stable_diffusion)), controls=(net,))
    row = steered("SD 1.5", Control(kind="map", picture=photo(1)))
    (expected,) = pictures(stages, [row])
    whole = DeviceMemory(Registry())
    denoise = stages[2]
    least = whole.weight_bytes(denoise.uses, streamed=True)
    assert least < whole.weight_bytes(denoise.uses)
    budget = max(whole.weight_bytes(each.uses, streamed=True) for each in stages) + 2**24
    memory = DeviceMemory(Registry(), budget_bytes=budget)
    (found,) = pictures(stages, [row], memory=memory)
    assert torch.equal(found, expected)
    assert memory.accounted_bytes <= budget


def test_a_control_of_another_family_or_size_is_refused_before_anything_is_loaded(
    twin: Twin, control: Control_, tmp_path: Path
) -> None:
    def refusal(pipeline: Path, net: Path, **more: Any) -> str:
        with pytest.raises((InputError, CheckpointError)) as caught:
            denoise: Any = paint_stages(model=key(pipeline), controls=(control_key(net, **more),))[0]
            denoise.refuse()
        return str(caught.value)

    sd, xl = twin(stable_diffusion), twin(stable_diffusion_xl)
    assert "does not steer StableDiffusionPipeline" in refusal(sd, control("FLUX.1", "controlnet"))
    assert "its cross_attention_dim is" in refusal(sd, control("SDXL", "controlnet"))
    assert "its cross_attention_dim is" in refusal(xl, control("SD 1.5", "controlnet"))
    assert "say which, as in mode = 0" in refusal(twin(flux), control("FLUX.1", "union"))
    assert "mode = 9: must be below 4" in refusal(twin(flux), control("FLUX.1", "union"), mode=9)
    assert "leave it out" in refusal(sd, control("SD 1.5", "controlnet"), mode=1)
    assert "name a ControlNet or a T2I-Adapter" in refusal(sd, sd / "unet")
    with pytest.raises(InputError, match="starts StableDiffusion3Pipeline from a picture"):
        denoise: Any = repaint_stages(
            model=key(twin(FAMILIES["SD 3"])), controls=(control_key(control("SD 3", "controlnet")),)
        )[0]
        denoise.refuse()


def test_what_a_row_asks_of_controls_in_vain_is_one_line(twin: Twin, control: Control_) -> None:
    net = control("Z-Image", "controlnet")
    keys = (control_key(net, "one"), control_key(net, "two"))
    stages = paint_stages(model=key(twin(FAMILIES["Z-Image"])), controls=keys)
    one, two = (Control(kind=kind, picture=photo(1)) for kind in ("one", "two"))
    rows = [
        steered("Z-Image", one, two),
        steered("Z-Image", dataclasses.replace(one, stop=0.5)),
        steered("Z-Image", dataclasses.replace(one, kind="edges")),
        steered("Z-Image", dataclasses.replace(one, ready=False)),
    ]
    several, ranged, unknown, unready = painted(stages, rows)
    assert several == "ZImageControlNetPipeline takes one control at a time: keep one of 2"
    assert "leave out control_start and control_stop" in ranged
    assert "control_type 'edges': the recipe has no such control: it has one, two" in unknown
    assert "with control_ready = true" in unready


def test_a_damaged_control_is_one_line(control: Control_, tmp_path: Path, twin: Twin) -> None:
    controlnet(twin(stable_diffusion), tmp_path)
    (weights,) = tmp_path.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(CheckpointError) as caught:
        Registry().load(ModelKey("control", str(tmp_path)), "cpu")
    assert "\n" not in str(caught.value)
