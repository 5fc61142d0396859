"""On a GPU whoever asks for a number waits for all work before it: no step does so. The meta device holds none,
and so refuses whoever asks; what is known on the host, such as noise levels, may be looked at there."""

import pytest
import torch

from diptych.engine.ar.sampling import Sampler, Sampling
from diptych.engine.diffusion.denoising import denoise
from diptych.engine.guards.finite import finite_rows
from diptych.engine.models.checkpoint.roots import ROOTS
from diptych.engine.models.diffusion.refiner import PreviewRefiner
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey

REFINER: ModelKey[PreviewRefiner] = ModelKey("diffusers", str(ROOTS["pocket"].folder / "refiner"))


def test_the_meta_device_refuses_whoever_asks() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        bool(finite_rows(torch.zeros(2, 3, device="meta")).all())


def test_no_step_of_refining_waits() -> None:
    refiner = Registry().outline(REFINER)
    assert refiner is not None and refiner.device.type == "meta"
    condition = torch.zeros(2, *refiner.latent_shape(64, 64), device="meta")
    text = torch.zeros(2, refiner.text_length, refiner.unet.config["cross_attention_dim"], device="meta")
    estimates = denoise(
        lambda noisy, sigma: refiner.predict(noisy, sigma, text, condition),
        torch.zeros_like(condition),
        scheduler=refiner.new_scheduler(),
        sigmas=[1.0, 0.6, 0.3],
    )
    last = list(estimates)[-1]
    latents = (last * refiner.latents.residual_scale + condition).float()
    pixels, sound = refiner.latents.painted(latents)
    assert pixels.shape == (2, 64, 64, 3) and sound.shape == (2,), "what is asked once, with the pixels"


@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling(top_k=20), Sampling(top_p=0.9), Sampling(temperature=0)]
)
def test_no_drawing_of_a_token_waits(sampling: Sampling) -> None:
    rows = [sampling, Sampling(temperature=0.7)]
    logits, uniform = torch.zeros(2, 100, device="meta"), torch.zeros(2, dtype=torch.float64, device="meta")
    assert Sampler(rows, "meta").draw(logits, uniform).shape == (2,)
