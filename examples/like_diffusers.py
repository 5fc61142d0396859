"""The calls that people know from diffusers: generator, num_images_per_prompt, callbacks, arrays.

    python examples/like_diffusers.py [OUT]    # out/examples, if not given

What comes out: OUT/like_diffusers.png: two prompts, two pictures of each, on one sheet.
"""

import sys
from pathlib import Path

import torch

from diptych import TextToImage, grid

PROMPTS = ["a red boat at sunset", "a blue cat in the snow"]


def main(out: Path, *, steps: int | None = None, few: bool = False) -> None:
    """Render into `out`; `steps` of denoising, or as many as the recipe says; a `few` pictures only."""
    pipe = TextToImage.from_pretrained("pocket", torch_dtype=torch.float32).to("cpu")
    print(pipe)

    def tell(pipe: TextToImage, step: int, timestep: float, kwargs: dict) -> dict:
        print(f"step {step + 1} of {kwargs['num_steps']}, {kwargs['total']} pictures")
        return kwargs  # pipe._interrupt = True would stop the call here

    generator = torch.Generator().manual_seed(7)  # the same as seed=7
    n = 1 if few else 2
    more = {"num_images_per_prompt": n, "num_inference_steps": steps, "callback_on_step_end": tell}
    result = pipe(PROMPTS, generator=generator, guidance_scale=1.0, **more)
    print(result)  # a line for each picture: score, seed, size and why

    array = pipe(PROMPTS[0], seed=[3, 4], num_images_per_prompt=2, steps=1, output_type="np").images
    print(array.shape, array.dtype)
    out.mkdir(parents=True, exist_ok=True)
    grid(result.images, columns=n).save(out / "like_diffusers.png")  # None, where a row failed, stays empty


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples"))
