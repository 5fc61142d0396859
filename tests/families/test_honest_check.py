"""What a check passes, a render renders; what a render refuses, a check refuses: good recipes, spoilt."""

import copy
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych.engine.errors import DiptychError, InputError
from diptych.engine.models.diffusion.classes.kinds import kind_of
from diptych.engine.stages.painting.call_check import refuse_arguments
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.new import new_recipe
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.text_to_image import TextToImage

from .painting import Twin
from .pipeline_twins import aura_flow, flux, flux2, stable_diffusion_3, z_image
from .unet_twins import stable_diffusion, stable_diffusion_xl

MAKERS = (stable_diffusion, flux)
CLASSES = ("StableDiffusionImg2ImgPipeline", "FluxPipeline", "WanPipeline", "FluxPipelin", "DDIMPipeline")


def recipe(folder: Path) -> dict[str, Any]:
    settings: dict[str, Any] = {"tile_above": 512}
    return {
        "picture": {"height": 64, "width": 64},
        "defaults": {"num_inference_steps": 2},
        "stages": {"paint": {"family": "diffusers", "checkpoint": str(folder), "settings": settings}},
    }


def misspelt(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    middles = (word[at + 1 :], "q" + word[at:], word[at] + word[at:])
    return word[:at] + chance.choice(middles)


Spoil = Callable[[dict[str, Any], Path, random.Random], None]


def stage_of(table: dict[str, Any]) -> dict[str, Any]:
    return table["stages"]["paint"]


def spoil_family(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    stage_of(table)["family"] = chance.choice((misspelt("diffusers", chance), "causal-lm", "image-tokenizer"))


def spoil_scheduler(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    names = ("DDIM", "EulerDiscreteScheduler", "FlowMatchEulerDiscrete", "UniPCMultistep", "Karras", "heun")
    name = chance.choice(names)
    stage_of(table)["settings"]["scheduler"] = chance.choice((name, misspelt(name, chance)))


def spoil_scheduler_config(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    name = chance.choice(("num_train_timesteps", "steps_offset", "shift", "beta_start", "use_dynamic_shifting"))
    value = chance.choice((1000, 0.5, True, "x", 1))
    stage_of(table)["settings"]["scheduler_config"] = {chance.choice((name, misspelt(name, chance))): value}


def spoil_arguments(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    name = chance.choice(("clip_skip", "max_sequence_length", "eta", "guidance_rescale", "prompt", "image"))
    stage_of(table)["settings"]["arguments"] = {name: chance.choice((1, 0.0, "x", True))}


def spoil_steps(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    """A strength that may be too small for the steps, of a stage that goes over the picture."""
    table["stages"]["repaint"] = copy.deepcopy(stage_of(table))
    table["stages"]["repaint"]["settings"]["strength"] = chance.choice((0.01, 0.3, 0.49, 0.5, 1.0))
    table["defaults"]["num_inference_steps"] = chance.choice((1, 2, 3))


def spoil_settings(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    stage_of(table)["settings"][misspelt("tile_above", chance)] = 64


def spoil_key(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    name = chance.choice(("dtype", "part", "dtpye", "attention"))
    stage_of(table)[name] = chance.choice(("float16", "vae", "x", 3))


def spoil_size(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    table["picture"]["width"] = chance.choice((64, 72, 60, 0, 100000, "64"))


def spoil_class(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    change(folder / "model_index.json", {"_class_name": chance.choice(CLASSES)})


def spoil_index(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    names = [name for name, entry in index.items() if isinstance(entry, list)]
    del index[chance.choice(names)]
    (folder / "model_index.json").write_text(json.dumps(index))


def spoil_files(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    chance.choice(files).unlink()


def spoil_scheduler_file(table: dict[str, Any], folder: Path, chance: random.Random) -> None:
    changes = ({"_class_name": "EulerDiscreteSchedular"}, {"num_train_timesteps": "x"}, {"_class_name": 3}, {})
    change(folder / "scheduler" / "scheduler_config.json", chance.choice(changes))


def change(path: Path, more: dict[str, Any]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


SPOILERS: tuple[Spoil, ...] = tuple(each for name, each in list(globals().items()) if name.startswith("spoil_"))


def is_passed(path: Path) -> tuple[bool, str]:
    try:
        found = check(read_recipe(path), device="cpu")
    except DiptychError as error:
        return False, str(error)
    return found.ready, "; ".join(found.checkup.troubles)


def is_rendered(path: Path) -> tuple[bool, str]:
    try:
        made = TextToImage.from_recipe(path, device="cpu")("a boat", seed=1)
    except DiptychError as error:
        return False, str(error)
    return not made.failures, "; ".join(failure.reason for failure in made.failures)


def written(table: dict[str, Any], place: Path) -> Path:
    import tomli_w

    path = place / "mine.toml"
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    return path


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda each: each.__name__)
def test_what_a_check_passes_a_render_renders(spoil: Spoil, seed: int, twin: Twin, tmp_path: Path) -> None:
    chance = random.Random(f"{spoil.__name__} {seed}")
    folder = shutil.copytree(twin(chance.choice(MAKERS)), tmp_path / "folder")
    table = copy.deepcopy(recipe(folder))
    spoil(table, folder, chance)
    path = written(table, tmp_path)
    (passed, checked), (rendered, failed) = is_passed(path), is_rendered(path)
    assert passed == rendered, f"{spoil.__name__}: check: {checked or 'passes'}; render: {failed or 'renders'}"
    for said in (checked, failed):
        assert "\n" not in said


def test_a_good_recipe_passes_and_renders(twin: Twin, tmp_path: Path) -> None:
    for i, make in enumerate(MAKERS):
        (place := tmp_path / str(i)).mkdir()
        path = written(recipe(twin(make)), place)
        assert is_passed(path) == (True, "") and is_rendered(path) == (True, "")


UNABLE: list[tuple[dict[str, Any], str]] = [
    ({"scheduler_config": {"prediction_type": "x"}}, "cannot go 2 steps as it is told to"),
    ({"scheduler": "DDIM", "scheduler_config": {"steps_offset": 3000}}, "index 3500 is out of bounds"),
    ({"scheduler": "PNDM"}, "PNDMScheduler cannot go 2 steps"),
    ({"scheduler": "UniPCMultistep", "scheduler_config": {"predict_x0": False}}, "numbers that are none"),
    ({"scheduler": "DDPM", "scheduler_config": {"variance_type": "learned"}}, "DDPMScheduler cannot go"),
    ({"scheduler": "DPMSolverMultistep", "scheduler_config": {"solver_type": "x"}}, "x is not implemented"),
    ({"arguments": {"timesteps": [900, 5]}, "scheduler": "EulerDiscrete"}, ""),
]


@pytest.mark.parametrize(("settings", "said"), UNABLE)
def test_a_scheduler_is_held_to_its_steps_before_they_are_painted(
    settings: dict[str, Any], said: str, twin: Twin, tmp_path: Path
) -> None:
    table = recipe(twin(stable_diffusion))
    stage_of(table)["settings"] = settings
    path = written(table, tmp_path)
    (passed, checked), (rendered, failed) = is_passed(path), is_rendered(path)
    assert passed == rendered == (not said), (checked, failed)
    assert said in checked and failed == (f"encode: {checked}" if said else "")


@pytest.mark.parametrize("strength", [0.3, 0.5])
def test_a_repaint_that_would_paint_nothing_is_refused_in_the_same_line(
    strength: float, twin: Twin, tmp_path: Path
) -> None:
    table = recipe(twin(stable_diffusion))
    table["stages"]["repaint"] = copy.deepcopy(stage_of(table))
    table["stages"]["repaint"]["settings"]["strength"] = strength
    path = written(table, tmp_path)
    (passed, checked), (rendered, failed) = is_passed(path), is_rendered(path)
    if strength * 2 >= 1:
        assert passed and rendered
        return
    assert checked == "strength 0.3 of 2 steps leaves none to paint: raise one of them"
    assert not passed and not rendered and failed == f"repaint_encode: {checked}"


def test_sizes_that_a_pipeline_is_told_are_lists_of_a_recipe(twin: Twin, tmp_path: Path) -> None:
    table = recipe(twin(stable_diffusion_xl))
    for size, said in (
        ([48, 64], ""),
        ([64], "target_size = [64]: must be a list of 2"),
        ("64", "a list of 2"),
    ):
        stage_of(table)["settings"]["arguments"] = {"target_size": size}
        path = written(table, tmp_path)
        (passed, checked), (rendered, failed) = is_passed(path), is_rendered(path)
        assert passed == rendered == (not said) and said in checked and checked == failed


@pytest.mark.parametrize(
    ("part", "said"),
    [("text_encoder", "by gptq"), ("unet", "by gptq, which diffusers does not read"), ("vae", "by gptq")],
)
def test_each_component_of_a_pipeline_is_looked_at(part: str, said: str, twin: Twin, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(twin(stable_diffusion), tmp_path / "folder"))
    change(folder / part / "config.json", {"quantization_config": {"quant_method": "gptq"}})
    path = written(recipe(folder), tmp_path)
    (passed, checked), (rendered, failed) = is_passed(path), is_rendered(path)
    assert not passed and not rendered and checked == failed and said in checked


def test_a_pipeline_of_pickles_alone_is_refused_for_them(twin: Twin, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(twin(stable_diffusion), tmp_path / "folder"))
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_name("pytorch_model.bin" if file.stem == "model" else f"{file.stem}.bin"))
    path = written(recipe(folder), tmp_path)
    for passed, said in (is_passed(path), is_rendered(path)):
        assert not passed and "is a pickle" in said and "get them, too" not in said


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("WanPipeline", "makes video, and no pictures"),
        ("FluxControlPipeline", "is steered by a second picture"),
        ("StableDiffusionInpaintPipeline", r"has it as \[stages.repaint\] behind a stage that paints"),
    ],
)
def test_no_recipe_is_written_for_what_its_check_would_refuse(
    kind: str, said: str, twin: Twin, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(twin(stable_diffusion), tmp_path / "folder"))
    change(folder / "model_index.json", {"_class_name": kind})
    with pytest.raises(DiptychError, match=said):
        new_recipe(str(folder))


NO_SUCH: list[tuple[Callable[[Path], None], dict[str, Any], str]] = [
    (stable_diffusion, {"clip_skip": -1}, "arguments: clip_skip = -1: must be at least 0"),
    (stable_diffusion, {"clip_skip": 99}, "arguments: clip_skip = 99: must be at most"),
    (stable_diffusion, {"timesteps": []}, "arguments: timesteps = []: must be a list of whole numbers"),
    (stable_diffusion, {"sigmas": [1.0]}, "arguments: sigmas: DDIMScheduler takes none: leave it out"),
    (stable_diffusion_xl, {"clip_skip": 99}, "arguments: clip_skip = 99: must be at most"),
    (flux, {"sigmas": 0.5}, "arguments: sigmas = 0.5: must be a list of numbers"),
    (flux, {"max_sequence_length": 0}, "arguments: max_sequence_length = 0: must be at least 1"),
    (flux2, {"max_sequence_length": -1}, "arguments: max_sequence_length = -1: must be at least 1"),
    (flux2, {"max_sequence_length": 10**7}, "tokens the text encoders read"),
    (flux2, {"text_encoder_out_layers": [1]}, "text_encoder_out_layers = [1]: must be a list of 3"),
    (flux2, {"text_encoder_out_layers": [1, 2, 99]}, "text_encoder_out_layers = 99: must be at most"),
    (flux2, {"caption_upsample_temperature": 0.5}, "is what rows and settings say: leave it out"),
    (z_image, {"max_sequence_length": 10**7}, "tokens the text encoders read"),
    (aura_flow, {"max_sequence_length": 10**7}, "must be at most 4096: so many tokens the text encoders read"),
]


@pytest.mark.parametrize(("make", "arguments", "said"), NO_SUCH)
def test_tokens_layers_and_steps_that_a_pipeline_has_not_are_refused_by_name(
    make: Callable[[Path], None], arguments: dict[str, Any], said: str, twin: Twin, tmp_path: Path
) -> None:
    table = recipe(twin(make))
    stage_of(table)["settings"]["arguments"] = arguments
    path = written(table, tmp_path)
    (passed, checked), (rendered, failed) = is_passed(path), is_rendered(path)
    assert not passed and not rendered
    assert said in checked and checked == failed.removeprefix("encode: ")


@pytest.mark.parametrize("value", [5, "abc", ["a"], [9.5, 18, 27], [9, 18], [True, False, True]])
def test_layers_that_are_chosen_are_numbers_as_many_as_there_must_be(value: Any) -> None:
    diffusers: Any = pytest.importorskip("diffusers")
    for name in ("Flux2KleinPipeline", "Flux2KleinInpaintPipeline"):
        pipeline = getattr(diffusers, name)
        with pytest.raises(InputError, match="must be a list of 3: a whole number, a whole number"):
            refuse_arguments(pipeline, kind_of(pipeline), {"text_encoder_out_layers": value})


def test_what_is_said_of_types_in_texts_is_read_too() -> None:
    diffusers: Any = pytest.importorskip("diffusers")
    pipeline = diffusers.HunyuanImagePipeline
    with pytest.raises(InputError, match="must be a list of numbers"):
        refuse_arguments(pipeline, kind_of(pipeline), {"sigmas": []})


@pytest.mark.parametrize("scheduler", ["EulerDiscrete", "HeunDiscrete"])
def test_steps_of_ones_own_are_counted_where_a_picture_is_begun_from(
    scheduler: str, twin: Twin, tmp_path: Path
) -> None:
    table = recipe(twin(stable_diffusion))
    table["stages"]["repaint"] = copy.deepcopy(stage_of(table))
    own = {
        "HeunDiscrete": {"timesteps": [900, 700, 500, 300, 100]},
        "EulerDiscrete": {"sigmas": [9.0, 5, 3, 1]},
    }
    table["stages"]["repaint"]["settings"] |= {
        "strength": 0.6,
        "scheduler": scheduler,
        "arguments": own[scheduler],
    }
    path = written(table, tmp_path)
    assert (is_passed(path), is_rendered(path)) == ((True, ""), (True, ""))


@pytest.mark.parametrize("make", [stable_diffusion, stable_diffusion_xl, stable_diffusion_3])
def test_layers_of_clip_can_be_skipped(make: Callable[[Path], None], twin: Twin, tmp_path: Path) -> None:
    table, pictures = recipe(twin(make)), []
    for skipped in ({}, {"clip_skip": 0}, {"clip_skip": 1}):
        stage_of(table)["settings"]["arguments"] = skipped
        path = written(table, tmp_path)
        assert is_passed(path) == (True, "")
        made = TextToImage.from_recipe(path, device="cpu")("a boat, (red:1.3)" if skipped else "a boat", seed=1)
        assert not made.failures
        pictures.append(made.images[0].tobytes())
    assert len(set(pictures)) == 3
