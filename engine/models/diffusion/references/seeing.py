"""How a pipeline's call sees references: what its own method makes of them is kept while texts are encoded, and
given back when the denoiser works."""

import contextlib
import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ..classes.calling import Encoded
from .adapter import ReferenceAdapter, taking_after
from .image_encoder import ImageEncoder

if TYPE_CHECKING:
    import PIL.Image

_METHOD = "prepare_ip_adapter_image_embeds"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seeing:
    """One row's references, and what sees them.

    Args:
        outline: the adapter without its weights, by which a pipeline knows how to see.
    """

    pictures: "Sequence[PIL.Image.Image]"
    encoder: ImageEncoder
    outline: ReferenceAdapter

    def recorded(self, pipeline: Any) -> list[object]:
        """Let a copy of a pipeline see; returns a list that fills with what it makes of the pictures."""
        vars(pipeline).update(image_encoder=self.encoder.model, feature_extractor=self.encoder.processor)
        name = "unet" if hasattr(pipeline, "unet") else "transformer"
        denoiser = copy.copy(getattr(pipeline, name))  # an outline
        count = len(self.pictures)
        place = "encoder_hid_proj" if self.outline.several else "image_proj"
        vars(denoiser)[place] = self.outline.projections(count)
        vars(denoiser)["attn_processors"] = self.outline.processors([1.0] * count)
        vars(pipeline)[name] = denoiser
        method = getattr(pipeline, _METHOD)
        seen: list[object] = []

        def keep(*args: Any, **kwargs: Any) -> object:
            seen.append(method(*args, **kwargs))
            return seen[-1]

        setattr(pipeline, _METHOD, keep)
        return seen


@dataclasses.dataclass(frozen=True, kw_only=True)
class Taking:
    """What the references of a micro-batch's rows are for an adapter.

    Args:
        rows: of each row what `Seeing.recorded` kept.
        weights: of the references, which are the same for all rows.
    """

    adapter: ReferenceAdapter
    rows: Sequence[Encoded]
    weights: Sequence[float]

    def of_row(self, i: int) -> "Taking":
        return dataclasses.replace(self, rows=self.rows[i : i + 1])

    def worn_by(self, denoiser: Any) -> contextlib.AbstractContextManager[None]:
        """While a denoiser works."""
        return taking_after(denoiser, self.adapter, self.weights)

    def played_back(self, pipeline: Any, device: torch.device) -> Mapping[str, object]:
        """Let a copy of a pipeline have what was kept; returns arguments for its call."""
        calls: Iterator[object] = iter([_together(each, device) for each in zip(*self.rows, strict=True)])
        setattr(pipeline, _METHOD, lambda *_, **__: next(calls))
        return {"ip_adapter_image": [None] * len(self.weights)}


def _together(rows: Sequence[Any], device: torch.device) -> Any:
    """What the method would have given for these rows at once: with guidance all that is held against them
    comes first."""
    if isinstance(rows[0], list | tuple):
        return [_together(each, device) for each in zip(*rows, strict=True)]
    without = [row[:-1] for row in rows]  # of one row, there is one thing or none
    return torch.cat([*without, *(row[-1:] for row in rows)]).to(device)
