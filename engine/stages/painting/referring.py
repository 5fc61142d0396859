"""How a pipeline's stages take after reference pictures: by an IP-Adapter, or as a pipeline that edits them."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import CheckpointError, InputError
from ...models.diffusion.pipeline_families import family_of
from ...models.diffusion.pipeline_parts import read_index
from ...models.diffusion.pipeline_sizes import BYTES
from ...models.diffusion.references.families import ADAPTER, IMAGE_ENCODER
from ...models.diffusion.references.image_encoder import refuse_encoder, vision_bytes
from ...models.diffusion.single_files.assembly import pipeline_folder
from ...stage import ModelKey, Models
from ...values import Plan, Reference, Request

if TYPE_CHECKING:
    import PIL.Image

    from ...models.diffusion.references.adapter import ReferenceAdapter
    from ...models.diffusion.references.image_encoder import ImageEncoder
    from ...models.diffusion.references.seeing import Seeing, Taking
    from .conditioned import Conditioned

READS = "references"

EDITED_SIDE = 1024
"""Pixels a side, about, to which editors scale the pictures that they are given."""

LEAST_EDITED = 64
"""Pixels a side: FLUX.2 refuses less, and the others make nothing of so little."""

ONE_PICTURE = ("StableDiffusion3", "SD3")
"""Pipelines, by the beginning of their names, whose adapters take after one picture."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Referring:
    """What takes after references, beside a pipeline's own models.

    Args:
        adapter: an IP-Adapter, family `ip-adapter`, beside the pipeline that it is for.
        encoder: what sees for it, family `image-encoder`.
    """

    adapter: "ModelKey[ReferenceAdapter]"
    encoder: "ModelKey[ImageEncoder]"

    @classmethod
    def of(
        cls,
        model: ModelKey[Any],
        references: "ModelKey[ReferenceAdapter] | None",
        image_encoder: "ModelKey[ImageEncoder] | None",
    ) -> "Referring | None":
        """Of the models that a recipe names; `None` where it names none.

        Raises:
            InputError: one of the two is missing, or of another family.
        """
        if references is None and image_encoder is None:
            return None
        if references is None or image_encoder is None:
            raise InputError("references: name both checkpoint, of the adapter, and image_encoder")
        for key, family in ((references, ADAPTER), (image_encoder, IMAGE_ENCODER)):
            if key.family != family:
                raise InputError(f"references: family {key.family!r}: must be {family!r}")
        if dict(model.tuning).get("compile"):
            raise InputError("compile = true: a compiled model cannot wear an adapter: leave out one of them")
        bare = ModelKey[Any](model.family, model.checkpoint, parts=model.parts, config=model.config)
        return cls(adapter=dataclasses.replace(references, beside=(bare,)), encoder=image_encoder)

    def refuse(self) -> None:
        """Raise, from headers and configs, what keeps the adapter from being worn; of files that are not on
        this disk nothing is known.

        Raises:
            CheckpointError: it is none, or one for another kind of pipeline; or the encoder is none.
        """
        from ...models.diffusion.references.adapter import adapter_outline

        try:
            read_index(pipeline_folder(self.adapter.beside[0]))
        except CheckpointError:
            return  # whoever loads it says so
        adapter_outline(self.adapter)
        refuse_encoder(self.encoder.checkpoint)

    def fault(self, references: Sequence[Reference]) -> str:
        """Why so many pictures are not taken after; empty where they are."""
        try:
            name = str(read_index(pipeline_folder(self.adapter.beside[0]))["_class_name"])
        except CheckpointError:
            return ""
        if len(references) > 1 and name.startswith(ONE_PICTURE):
            return f"{len(references)} reference pictures: the adapter of {name} takes one: give one"
        return ""

    def seeing_bytes(self, requests: Iterable[Request]) -> int:
        """Working memory to see the references of one request."""
        count = max((len(request.references) for request in requests), default=0)
        return 2 * count * vision_bytes(self.encoder, bytes_each=BYTES[self.encoder.dtype])

    def seeing(self, plan: Plan, models: Models) -> "Seeing | None":
        """What sees a row's references; `None` where it has none."""
        from ...models.diffusion.references.adapter import adapter_outline
        from ...models.diffusion.references.seeing import Seeing

        if not plan.request.references:
            return None
        return Seeing(
            pictures=pictures_of(plan.request),
            encoder=models[self.encoder],
            outline=adapter_outline(self.adapter),
        )

    def taking(self, batch: "Sequence[Conditioned]", models: Models) -> "Taking | None":
        """What a micro-batch's references are for the adapter; `None` where it has none."""
        from ...models.diffusion.references.seeing import Taking

        references = batch[0].plan.request.references
        if not references:
            return None
        return Taking(
            adapter=models[self.adapter],
            rows=[row.seen for row in batch],
            weights=[each.weight for each in references],
        )


def pictures_of(request: Request) -> "list[PIL.Image.Image]":
    """A request's references, as the library takes pictures."""
    import PIL.Image

    return [PIL.Image.fromarray(each.pixels.numpy()) for each in request.references]


def most_edited(model: ModelKey[Any]) -> int:
    """How many pictures a pipeline edits by instruction, at most; 0 where it edits none, or is not here."""
    try:
        return family_of(str(read_index(pipeline_folder(model))["_class_name"])).edits
    except CheckpointError:
        return 0


def editing_fault(references: Sequence[Reference], most: int) -> str:
    """Why so many pictures are not edited; empty where they are."""
    if len(references) > most:
        takes = "one" if most == 1 else str(most)
        return f"{len(references)} reference pictures: its editor takes {takes}: give no more"
    if any(min(each.picture.shape[:2]) < LEAST_EDITED for each in references):
        return f"a reference picture is too small: its editor takes {LEAST_EDITED} pixels a side, at least"
    if any(each.weight != 1 for each in references):
        return "reference_weight: an editor takes pictures as they are: leave it out"
    return ""


def with_a_picture(plan: Plan) -> Plan:
    """A plan with a grey picture to edit, where none matters."""
    import torch

    grey = torch.full((EDITED_SIDE // 8, EDITED_SIDE // 8, 3), 128, dtype=torch.uint8)
    request = dataclasses.replace(plan.request, references=(Reference(picture=grey),))
    return dataclasses.replace(plan, request=request)


def any_references(requests: Iterable[Request]) -> bool:
    return any(request.references for request in requests)
