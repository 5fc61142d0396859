"""What must be known of a diffusers pipeline beyond its public call, by the name of its class.

A pipeline that is not listed is called as it documents itself; the library then says which sizes it refuses.
"""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family:
    """Pipelines that are called alike.

    Args:
        multiple: both sides of a picture are multiples of it, in pixels.
        guidance: what its call names the scale of classifier-free guidance.
        negative: the negative prompt that stands for none; `None`, where leaving it out is best.
        image_to_image: the class that starts from a picture; empty, if there is none.
        tokens: whether it paints from the tokens of a draft too.
        weighs: whether its text encoders, of the CLIP kind, can count words for more or less, see `texts`.
    """

    multiple: int = 8
    guidance: str = "guidance_scale"
    negative: str | None = None
    image_to_image: str = ""
    tokens: bool = False
    weighs: bool = False


FAMILIES: dict[str, Family] = {
    "StableDiffusionPipeline": Family(image_to_image="StableDiffusionImg2ImgPipeline", weighs=True),
    "StableDiffusionXLPipeline": Family(image_to_image="StableDiffusionXLImg2ImgPipeline", weighs=True),
    "StableDiffusion3Pipeline": Family(multiple=16, image_to_image="StableDiffusion3Img2ImgPipeline"),
    "FluxPipeline": Family(multiple=16, image_to_image="FluxImg2ImgPipeline"),
    "Flux2Pipeline": Family(multiple=16),
    "Flux2KleinPipeline": Family(multiple=16),
    "ZImagePipeline": Family(multiple=16, image_to_image="ZImageImg2ImgPipeline"),
    "QwenImagePipeline": Family(
        multiple=16, guidance="true_cfg_scale", negative=" ", image_to_image="QwenImageImg2ImgPipeline"
    ),
    "PixArtSigmaPipeline": Family(multiple=16),
    "PixArtAlphaPipeline": Family(multiple=16),
    "SanaPipeline": Family(multiple=32),
    "GlmImagePipeline": Family(multiple=32, tokens=True),
}

ALWAYS: Mapping[str, object] = {"use_resolution_binning": False, "clean_caption": False}
"""Given to every call that takes it: pictures are of the size asked for, prompts are read as they are."""


def family_of(class_name: str) -> Family:
    """What is known of a pipeline of this class."""
    return FAMILIES.get(class_name, Family())
