"""repaint behind another stage that paints: a pipeline goes over its picture, as SDXL's refiner does over that
of the base model. What a draft is to `paint.repaint_stages` the picture is here."""

from typing import TYPE_CHECKING, Unpack

from ...errors import InputError
from ...models.diffusion.control.key import ControlKey
from ...stage import AnyStage, ModelKey
from ...values import Picture
from .paint import painting_stages
from .pipeline_call import CallSettings, PipelineCall
from .referring import Referring

if TYPE_CHECKING:
    from ...models.diffusion.pipeline import PipelinePart
    from ...models.diffusion.references.adapter import ReferenceAdapter
    from ...models.diffusion.references.image_encoder import ImageEncoder

NAME = "repaint"


def repaint_picture_stages(
    *,
    model: "ModelKey[PipelinePart]",
    references: "ModelKey[ReferenceAdapter] | None" = None,
    image_encoder: "ModelKey[ImageEncoder] | None" = None,
    controls: tuple[ControlKey, ...] = (),
    strength: float = 0.3,
    **settings: Unpack[CallSettings],
) -> tuple[AnyStage, ...]:
    """Picture to Picture, see `paint.paint_stages`.

    Args:
        strength: how much of the picture is painted over, above 0 to 1.
    """
    if not 0 < strength <= 1:
        raise InputError(f"strength = {strength}: must lie above 0, and be at most 1")
    call = PipelineCall(name=NAME, strength=strength, **settings)
    # the painter's own phases go by the short names
    referring = Referring.of(model, references, image_encoder)
    return painting_stages(model, call, Picture, referring, controls, prefix=f"{NAME}_")
