"""LoRA for a diffusers pipeline: trained on a twin of Stable Diffusion that is tiny and knows nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from diptych import InputError
from diptych.pipelines.training.data.folder_data import FolderData, open_folder
from diptych.pipelines.training.run import run_training
from diptych.pipelines.training.tasks.lora import LoraTask, check_base

SIDE = 32


def tiny_pipeline(prediction: str = "epsilon") -> Any:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    letters = [*map(chr, range(97, 123)), *(f"{chr(i)}</w>" for i in range(97, 123)), ",</w>"]
    words = {piece: i for i, piece in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    end = words["<|endoftext|>"]
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=24,
        bos_token_id=end - 1,
        eos_token_id=end,
        pad_token_id=end,
    )
    pipeline: Any = StableDiffusionPipeline  # its annotations are narrower than what it takes
    vae: Any = AutoencoderKL
    scheduler: Any = DDIMScheduler
    return pipeline(
        unet=UNet2DConditionModel(
            sample_size=SIDE // 2,
            block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=16,
            attention_head_dim=8,
            norm_num_groups=4,
        ),
        vae=vae(
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=4,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(vocab=words, merges=[], model_max_length=24),
        scheduler=scheduler(prediction_type=prediction, clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bases") / "tiny"
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def mine(picture_folder: Path, tmp_path: Path) -> FolderData:
    return open_folder(picture_folder, tmp_path / "cache", side=SIDE, say=lambda _: None)


def painted(pipe: Any) -> torch.Tensor:
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    return torch.from_numpy(
        pipe("a red boat", num_inference_steps=2, generator=generator, output_type="np").images
    )


def test_diffusers_loads_what_was_trained_and_paints_otherwise(
    base: Path, picture_folder: Path, tmp_path: Path, tiny_config: Path
) -> None:
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    out = tmp_path / "run"
    lr = tmp_path / "lr.toml"
    lr.write_text(f"{tiny_config.read_text()}\n".replace("log_every = 1\n", "log_every = 1\nlr = 0.05\n"))
    assert run_training("lora", out, data=str(picture_folder), base=base, rank=4, steps=6, config=lr)
    saved = load_file(out / "lora" / "model" / "pytorch_lora_weights.safetensors")
    assert {min(value.shape) for value in saved.values()} == {4}
    assert all(name.startswith("unet.") and "lora" in name for name in saved)
    pipe = StableDiffusionPipeline.from_pretrained(base, safety_checker=None)
    before = painted(pipe)
    pipe.load_lora_weights(str(out / "lora" / "model"))
    assert float((painted(pipe) - before).abs().max()) > 1e-3
    for name in ("loss.csv", "loss.png", "samples.png"):
        assert (out / "lora" / name).exists()
    assert "base" in json.loads((out / "sizes.json").read_text())["lora"]
    with pytest.raises(InputError, match="was started with rank = 4, which is now 2"):
        run_training("lora", out, data=str(picture_folder), base=base, steps=6, config=tiny_config)


def test_only_the_added_matrices_are_trained(base: Path, mine: FolderData) -> None:
    task = LoraTask(mine, base, rank=2)
    before = {name: p.clone() for name, p in task.pipe.unet.named_parameters()}
    assert all("lora" in name for name in task.model.state_dict())
    optimizer = torch.optim.SGD(task.model.parameters(), lr=1.0)
    for step in range(2):  # the second matrices begin at nothing, so that the first move at the second step
        task.loss(task.batch(step, 2))["loss"].backward()
        optimizer.step()
    moved = {name for name, p in task.pipe.unet.named_parameters() if not torch.equal(p, before[name])}
    assert moved and moved == {name.replace("/", ".") for name in task.model.state_dict()}


def test_a_batch_depends_on_seed_and_step_alone(base: Path, mine: FolderData) -> None:
    one, two = LoraTask(mine, base, seed=3).batch(7, 2), LoraTask(mine, base, seed=3).batch(7, 2)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert one["pixels"].shape == (2, 3, SIDE, SIDE) and one["noise"].shape == (2, 4, SIDE // 2, SIDE // 2)
    assert not torch.equal(one["noise"], LoraTask(mine, base, seed=4).batch(7, 2)["noise"])


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_loss_is_that_of_what_the_base_predicts(
    prediction: str, mine: FolderData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_pipeline(prediction).save_pretrained(tmp_path / "base")
    task = LoraTask(mine, tmp_path / "base")
    batch = task.batch(0, 2)
    with torch.no_grad():
        vae = task.pipe.vae
        clean = vae.encode(batch["pixels"]).latent_dist.mode() * vae.config.scaling_factor
    velocity = task.pipe.scheduler.get_velocity(clean, batch["noise"], batch["times"])
    perfect = {"epsilon": batch["noise"], "v_prediction": velocity, "sample": clean}[prediction]

    class Answer:
        sample = perfect

    monkeypatch.setattr(task.pipe.unet, "forward", lambda *_, **__: Answer)
    assert float(task.loss(batch)["loss"]) < 1e-8


def test_a_base_of_another_kind_is_refused(base: Path, tmp_path: Path) -> None:
    assert check_base(base) == SIDE
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    with pytest.raises(InputError, match="holds a FluxPipeline: LoRA is trained for a StableDiffusionPipeline"):
        check_base(tmp_path)
    with pytest.raises(InputError, match=r"has no model_index\.json"):
        check_base(tmp_path / "none")
