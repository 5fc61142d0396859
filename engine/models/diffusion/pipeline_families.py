"""What must be known of a diffusers pipeline beyond its public call, by the name of its class.

A pipeline that is not listed is called as it documents itself; the library then says which sizes it refuses.
"""

import dataclasses
import math
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
        sizes: width and height of all that it paints; empty, where others are painted too.
        pixels: of its pictures, to which it scales what is asked for; 0, where it does not.
        weighs: whether its text encoders, of the CLIP kind, can count words for more or less, see `texts`.
        edits: how many pictures it edits by what its prompt says, at most; 0, where it edits none.
        must_edit: whether it paints nothing without a picture.
    """

    multiple: int = 8
    guidance: str = "guidance_scale"
    negative: str | None = None
    image_to_image: str = ""
    tokens: bool = False
    sizes: tuple[tuple[int, int], ...] = ()
    pixels: int = 0
    weighs: bool = False
    edits: int = 0
    must_edit: bool = False

    def painted(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what it paints where this is asked for."""
        if self.pixels:
            scale = math.sqrt(self.pixels / (width * height))
            height, width = (int(side * scale // self.multiple * self.multiple) for side in (height, width))
        if self.sizes and (width, height) not in self.sizes:
            width, height = min(self.sizes, key=lambda size: abs(size[0] / size[1] - width / height))
        return height, width


_KANDINSKY_5 = (
    (1024, 1024),
    (640, 1408),
    (1408, 640),
    (768, 1280),
    (1280, 768),
    (896, 1152),
    (1152, 896),
)

FAMILIES: dict[str, Family] = {
    "StableDiffusionPipeline": Family(image_to_image="StableDiffusionImg2ImgPipeline", weighs=True),
    "StableDiffusionXLPipeline": Family(image_to_image="StableDiffusionXLImg2ImgPipeline", weighs=True),
    "StableDiffusion3Pipeline": Family(multiple=16, image_to_image="StableDiffusion3Img2ImgPipeline"),
    "FluxPipeline": Family(multiple=16, image_to_image="FluxImg2ImgPipeline"),
    "FluxKontextPipeline": Family(multiple=16, edits=1),
    "Flux2Pipeline": Family(multiple=16, edits=8),
    "Flux2KleinPipeline": Family(multiple=16, edits=8),
    "ZImagePipeline": Family(multiple=16, image_to_image="ZImageImg2ImgPipeline"),
    "QwenImagePipeline": Family(
        multiple=16, guidance="true_cfg_scale", negative=" ", image_to_image="QwenImageImg2ImgPipeline"
    ),
    "QwenImageEditPipeline": Family(
        multiple=16, guidance="true_cfg_scale", negative=" ", edits=1, must_edit=True
    ),
    "QwenImageEditPlusPipeline": Family(
        multiple=16, guidance="true_cfg_scale", negative=" ", edits=8, must_edit=True
    ),
    "PixArtSigmaPipeline": Family(multiple=16),
    "PixArtAlphaPipeline": Family(multiple=16),
    "SanaPipeline": Family(multiple=32),
    "GlmImagePipeline": Family(multiple=32, tokens=True),
    "Krea2Pipeline": Family(multiple=16),
    "NucleusMoEImagePipeline": Family(multiple=16),
    "QwenImage21Pipeline": Family(multiple=32, guidance="true_cfg_scale", negative=" "),
    "HiDreamImagePipeline": Family(multiple=16, pixels=1024**2),
    "Kandinsky3Pipeline": Family(multiple=64),
    "Kandinsky5T2IPipeline": Family(multiple=64, sizes=_KANDINSKY_5),
    "DreamLitePipeline": Family(multiple=16),
    "DreamLiteMobilePipeline": Family(multiple=16),
    "Flux2KleinKVPipeline": Family(multiple=16, edits=8),
    "BriaFibo2Pipeline": Family(multiple=16),
}

ALWAYS: Mapping[str, object] = {"use_resolution_binning": False, "clean_caption": False}
"""Given to every call that takes it: pictures are of the size asked for, prompts are read as they are."""


def other_size(name: str, height: int, width: int, painted_height: int, painted_width: int) -> str:
    """What is said where a pipeline of this class would paint another size than was asked for."""
    painted = f"{painted_width}x{painted_height}"
    return f"{width}x{height} pixels: {name} would paint {painted} instead: ask for that size"


def family_of(class_name: str) -> Family:
    """What is known of a pipeline of this class."""
    return FAMILIES.get(class_name, Family())
