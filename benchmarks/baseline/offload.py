"""CPU offload, as a script does it: `enable_model_cpu_offload` of a diffusers pipeline that holds all the
models.

As shown in diffusers' guide "Reduce memory usage": the weights stay in main memory, each model comes to the
device when it is first called and goes back when the next one is. After each batch all of them go, as at the
end of every call of diffusers' own pipelines.
"""

from typing import Any

import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline


class Offloaded(DiffusionPipeline):
    """All models of the script in the order of their use."""

    model_cpu_offload_seq = "planner->drafter->text_encoder->unet->vae->vision->reader"
    _optional_components = ["vae"]  # noqa: RUF012 (as diffusers wants it)

    def __init__(
        self, planner: Any, drafter: Any, text_encoder: Any, unet: Any, vae: Any, vision: Any, reader: Any
    ) -> None:
        super().__init__()
        self.register_modules(
            planner=planner,
            drafter=drafter,
            text_encoder=text_encoder,
            unet=unet,
            vae=vae,
            vision=vision,
            reader=reader,
        )


def offloaded(script: Any, device: torch.device) -> Offloaded:
    """Bring the models of a `script.Script` to `device` when they are needed; they are on the CPU now."""
    pipeline = Offloaded(
        planner=script.planner.model,
        drafter=script.drafter.model,
        text_encoder=script.refiner.text_encoder,
        unet=script.refiner.unet,
        vae=getattr(script.refiner.latents, "vae", None),
        vision=script.judge.model.encoder,
        reader=script.judge.model.decoder,
    )
    pipeline.enable_model_cpu_offload(device=device)
    return pipeline
