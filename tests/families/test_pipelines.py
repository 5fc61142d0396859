"""Every diffusers family through the stages, phase by phase: the picture is the library's own, and a row's is
the same whatever its neighbours."""

import dataclasses
import importlib
from typing import Any

import pytest
import torch

from diptych.engine.errors import Cancelled, InputError
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching
from diptych.engine.models.registry import Registry
from diptych.engine.runner import shape_of
from diptych.engine.stage import ModelKey, NoProgress, RunContext
from diptych.engine.stages.painting.paint import paint_stages, token_stages
from diptych.engine.values import Draft, Picture, Plan

from .painting import (
    CALLS,
    SIDE,
    STEPS,
    Twin,
    draft,
    key,
    library_picture,
    library_pipeline,
    painted,
    pictures,
    plan,
)
from .painting import stages_of as stages_of
from .painting import value_of as value_of
from .pipeline_twins import (
    FAMILIES,
    aura_flow,
    flux,
    glm_image,
    sana,
    stable_diffusion,
    stable_diffusion_3,
)
from .unet_twins import latent_consistency

diffusers: Any = importlib.import_module("diffusers")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_picture_is_the_librarys_own(family: str, twin: Twin) -> None:
    folder = twin(FAMILIES[family])
    value = value_of(family)
    encode, denoise, decode = stages_of(family, folder)
    registry = Registry()
    models: dict[ModelKey, Any] = {
        each: registry.load(each, "cpu") for stage in (encode, denoise, decode) for each in stage.uses
    }
    (latents,) = denoise.run(encode.run([value], models, RunContext()), models, RunContext())
    (picture,) = decode.run([latents], models, RunContext())
    arguments = decode._call.call(models[decode.uses[0]].family, [latents.conditioned])
    shades = models[decode.uses[0]].decode(latents.latents, latents.conditioned.encoded, arguments)

    stage = "paint_tokens" if isinstance(value, Draft) else "paint"
    expected = library_picture(folder, value, stage=stage, **CALLS[family])
    torch.testing.assert_close(shades, expected, atol=1e-4, rtol=0)
    assert picture.pixels.shape == (SIDE, SIDE, 3) and expected.std() > 0.01
    assert (picture.pixels.float() / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_a_pipeline_that_is_not_listed_is_called_as_it_documents_itself(twin: Twin) -> None:
    (ours,) = pictures(paint_stages(model=key(twin(aura_flow))), [plan("SD 1.5")])
    expected = library_picture(twin(aura_flow), plan("SD 1.5"), **CALLS["SD 1.5"])
    assert (ours / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_a_pipeline_that_has_no_phases_paints_at_once(twin: Twin) -> None:
    folder = twin(latent_consistency)
    (stage,) = stages = paint_stages(model=key(folder), phases=False)
    rows = [plan("SD 1.5", seed=seed) for seed in (7, 8)]
    together = pictures(stages, rows)
    for row, pixels in zip(rows, together, strict=True):
        expected = library_picture(folder, row, guidance_scale=5.0)
        assert (pixels / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4
    assert [each.part for each in stage.uses] == ["text", "denoiser", "vae"]
    good, bad = painted(stages, [rows[0], plan("SD 1.5", width=60)])
    assert isinstance(good, Picture) and "multiples of 8" in bad

    in_phases = paint_stages(model=key(folder))
    (reason,) = painted(in_phases, rows[:1])
    assert "phases = false" in reason


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_is_the_same_alone_and_in_a_batch(family: str, twin: Twin) -> None:
    stages = stages_of(family, twin(FAMILIES[family]))
    texts = ["a red boat", "two blue birds above a small house in the snow; 'the moon'", "a red boat"]
    rows = [value_of(family, prompt=text, seed=seed) for seed, text in enumerate(texts)]
    memory = DeviceMemory(Registry())
    together = pictures(stages, rows, memory=memory)
    for row, beside in zip(rows, together, strict=True):
        (alone,) = pictures(stages, [row], memory=memory)
        assert (alone - beside).abs().max() <= 1
    assert (together[0] - together[2]).abs().max() > 1  # the same text from another seed


@pytest.mark.parametrize("family", ["SD 1.5", "FLUX.1", "Z-Image"])
def test_batch_invariant_rows_have_the_same_bits_beside_any_neighbours(family: str, twin: Twin) -> None:
    stages = stages_of(family, twin(FAMILIES[family]))
    memory = DeviceMemory(Registry())
    fixed = Batching(alike=shape_of, batch_invariant=True, micro_batch=3)
    rows = [value_of(family, prompt=text) for text in ("a red boat", "two blue birds in the snow")]
    together = pictures(stages, rows, memory=memory, batching=fixed)
    for row, beside in zip(rows, together, strict=True):
        assert torch.equal(pictures(stages, [row], memory=memory, batching=fixed)[0], beside)


HALF = [("SDXL", "float16"), ("FLUX.1", "bfloat16"), ("Qwen-Image", "bfloat16"), ("Sana", "bfloat16")]


@pytest.mark.parametrize(("family", "dtype"), HALF)
def test_half_precision_paints_about_the_same(family: str, dtype: str, twin: Twin) -> None:
    model = key(twin(FAMILIES[family]))
    (half,) = pictures(paint_stages(model=dataclasses.replace(model, dtype=dtype)), [plan(family)])
    (full,) = pictures(paint_stages(model=model), [plan(family)])
    assert (half - full).abs().float().mean() < 2


@pytest.mark.parametrize("family", FAMILIES)
def test_a_streamed_denoiser_paints_the_same(family: str, twin: Twin) -> None:
    encode, denoise, _ = stages_of(family, twin(FAMILIES[family]))
    registry = Registry()
    whole = {each: registry.load(each, "cpu") for stage in (encode, denoise) for each in stage.uses}
    conditioned = encode.run([value_of(family)], whole, RunContext())
    (first,) = denoise.run(conditioned, whole, RunContext())
    model, *_ = denoise.uses  # and of editors what encodes the pictures that rows may have
    assert registry.weight_bytes(model) > sum(registry.weights(model, streamed=True).values())
    streamed = {model: registry.load(model, "cpu", streamed=True)}
    (again,) = denoise.run(conditioned, streamed, RunContext())
    torch.testing.assert_close(first.latents, again.latents, atol=1e-5, rtol=0)
    assert registry.brought(model)[0] > 0


def test_each_phase_has_the_device_to_itself(twin: Twin) -> None:
    folder = twin(flux)
    stages = paint_stages(model=key(folder))
    registry = Registry()
    weights = [registry.weight_bytes(stage.uses[0]) for stage in stages]
    workspaces = [10_000_000] * 3
    for stage, most in zip(stages, workspaces, strict=True):
        stage.workspace = lambda batch, most=most: most
    memory = DeviceMemory(registry, budget_bytes=max(weights) + 10_000_000)
    (tight,) = pictures(stages, [plan("FLUX.1")], memory=memory)
    evicted = [event.key.part for event in memory.events if event.kind == "evict" and event.key]
    assert evicted == ["text", "denoiser"] and memory.peak_bytes <= memory.budget_bytes
    assert torch.equal(tight, pictures(paint_stages(model=key(folder)), [plan("FLUX.1")])[0])


def test_a_run_tells_of_its_steps_and_can_be_stopped(twin: Twin) -> None:
    encode, denoise, _ = paint_stages(model=key(twin(stable_diffusion)))
    registry = Registry()
    models: dict[ModelKey, Any] = {
        each: registry.load(each, "cpu") for stage in (encode, denoise) for each in stage.uses
    }
    conditioned = encode.run([plan("SD 1.5")], models, RunContext())

    class Stopper(NoProgress):
        told: list[tuple[int, int]] = []  # noqa: RUF012

        def step(self, i: int, n: int, /) -> None:
            self.told.append((i, n))
            if i == 2:
                raise Cancelled("enough")

    with pytest.raises(Cancelled):
        denoise.run(conditioned, models, RunContext(Stopper()))
    assert Stopper.told == [(1, STEPS), (2, STEPS)]
    (after,) = denoise.run(conditioned, models, RunContext())  # what was stopped left nothing behind
    anew: dict[ModelKey, Any] = {key: Registry().load(key, "cpu") for key in denoise.uses}
    (fresh,) = denoise.run(conditioned, anew, RunContext())
    assert torch.equal(after.latents, fresh.latents)


@pytest.mark.parametrize(
    ("family", "size", "message"),
    [
        ("SD 1.5", (60, 64), "60x64 pixels: StableDiffusionPipeline paints multiples of 8: ask for 64x64, say"),
        ("SD 3", (64, 72), "multiples of 16"),
        ("SD 3", (64, 256), "64x256 pixels: this StableDiffusion3Pipeline paints at most 192 on a side"),
        ("FLUX.1", (72, 64), "multiples of 16"),
        ("Sana", (64, 80), "multiples of 32"),
    ],
)
def test_a_size_that_is_not_painted_fails_its_row_alone(
    family: str, size: tuple[int, int], message: str, twin: Twin
) -> None:
    width, height = size
    rows = [plan(family), plan(family, width=width, height=height)]
    stages = stages_of(family, twin(FAMILIES[family]))
    good, bad = painted(stages, rows)
    assert isinstance(good, Picture)
    assert message in bad and "\n" not in bad
    first: Any = stages[0]
    assert message in (fault := first.size_fault(height, width)) and fault in bad  # known from configs alone
    assert first.size_fault(rows[0].request.height, rows[0].request.width) == ""


def test_sides_may_differ(twin: Twin) -> None:
    for family in ("FLUX.1", "Sana"):
        row = plan(family, width=96, height=64)
        (pixels,) = pictures(stages_of(family, twin(FAMILIES[family])), [row])
        assert pixels.shape == (64, 96, 3)


def test_a_scheduler_is_chosen_by_name(twin: Twin) -> None:
    folder = twin(stable_diffusion)
    chosen = {"scheduler": "EulerDiscreteScheduler", "scheduler_config": {"timestep_spacing": "trailing"}}
    (ours,) = pictures(paint_stages(model=key(folder), **chosen), [plan("SD 1.5")])
    pipeline = library_pipeline(folder)
    own = diffusers.EulerDiscreteScheduler.from_config(pipeline.scheduler.config, timestep_spacing="trailing")
    pipeline.save_pretrained(euler := folder.parent / "euler")
    own.save_pretrained(euler / "scheduler")
    index = (euler / "model_index.json").read_text().replace("DDIMScheduler", "EulerDiscreteScheduler")
    (euler / "model_index.json").write_text(index)
    expected = library_picture(euler, plan("SD 1.5"), **CALLS["SD 1.5"])
    assert (ours / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4
    (default,) = pictures(paint_stages(model=key(folder)), [plan("SD 1.5")])
    assert (ours - default).abs().max() > 1

    (reason,) = painted(paint_stages(model=key(folder), scheduler="EulerDiscreteSheduler"), [plan("SD 1.5")])
    near = "did you mean EulerDiscreteScheduler?"
    assert reason == f"scheduler 'EulerDiscreteSheduler' is not one of diffusers: {near}"


def test_a_request_names_a_scheduler_of_its_own_and_a_wrong_one_fails_alone(twin: Twin) -> None:
    folder = twin(stable_diffusion)
    (wanted,) = pictures(
        paint_stages(model=key(folder), scheduler="DPMSolverMultistepScheduler"), [plan("SD 1.5")]
    )
    names = ["DPMSolverMultistep", None, "Eulre", "FlowMatchEulerDiscreteScheduler"]
    rows = [with_scheduler(plan("SD 1.5"), name) for name in names]
    chosen, own, misspelt, unfit = painted(paint_stages(model=key(folder)), rows)
    assert (chosen.pixels - wanted.float()).abs().max() <= 1
    assert (own.pixels.float() - wanted).abs().max() > 1
    assert "scheduler 'Eulre' is not one of diffusers" in misspelt
    assert "FlowMatchEulerDiscreteScheduler does not fit this checkpoint: choose one of" in unfit


def with_scheduler(plan: Plan, name: str | None) -> Plan:
    settings = dataclasses.replace(plan.request.settings, scheduler=name)
    return dataclasses.replace(plan, request=dataclasses.replace(plan.request, settings=settings))


def test_arguments_of_the_librarys_call_can_be_set(twin: Twin) -> None:
    folder = twin(stable_diffusion_3)
    (ours,) = pictures(paint_stages(model=key(folder), arguments={"max_sequence_length": 32}), [plan("SD 3")])
    expected = library_picture(folder, plan("SD 3"), max_sequence_length=32, **CALLS["SD 3"])
    assert (ours / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_large_pictures_are_decoded_in_tiles(twin: Twin) -> None:
    folder = twin(sana)
    row = plan("Sana", width=128, height=128)
    (tiled,) = pictures(paint_stages(model=key(folder), tile_above=64), [row])
    (whole,) = pictures(paint_stages(model=key(folder)), [row])
    assert tiled.shape == whole.shape


def test_tokens_decide_what_is_painted_from_them(twin: Twin) -> None:
    stages = token_stages(model=key(twin(glm_image)))
    first = draft(plan("GLM-Image"))
    other = Draft(plan=first.plan, tokens=63 - first.tokens, codebook=first.codebook, preview=first.preview)
    one, two = pictures(stages, [first, other])
    assert (one - two).abs().max() > 1
    (reason,) = painted(stages, [draft(first.plan, grid=(2, 3))])
    assert reason == "a draft of 3x2 tokens for 64x64 pixels: it must be 2x2"
    (reason,) = painted(stages, [draft(first.plan, size=32)])
    assert "a codebook of 64, the draft's is random of 32" in reason


def test_a_pipeline_of_another_kind_is_refused_by_name(twin: Twin) -> None:
    (reason,) = painted(token_stages(model=key(twin(flux))), [draft(plan("FLUX.1"))])
    assert reason == "FluxPipeline does not go with stage paint_tokens: make it paint or repaint in the recipe"
    with pytest.raises(InputError, match="strength = 0"):
        from diptych.engine.stages.painting.paint import repaint_stages

        repaint_stages(model=key(twin(flux)), strength=0)
