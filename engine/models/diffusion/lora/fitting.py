"""LoRA weights held to a pipeline: which of its layers each changes, or why they belong to another model."""

import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence

import torch

from ....errors import CheckpointError
from .file import LoraFile
from .layers import Layer, weight_shape
from .layout import Layout, Place
from .sites import ONE_ENCODER, Site, sites_of

_log = logging.getLogger(__name__)
_SHOWN = 3
_MOST_KEPT = 32  # files whose places a pipeline remembers


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What a layer of a file does to one of the pipeline.

    Args:
        rows: of the file's layer that are the pipeline's; `None` for all.
    """

    layer: Layer
    rows: torch.Tensor | None = None


Fitted = Mapping[Place, Sequence[Change]]
"""The changes of each layer of a pipeline."""


def fit(file: LoraFile, layout: Layout, *, partial: bool = False) -> Fitted:
    """Where everything in a file goes.

    Args:
        partial: go without what has no place.

    Raises:
        CheckpointError: it is for another kind of pipeline; or some of it has no place.
    """
    if (file, partial) not in layout.fitted:
        if len(layout.fitted) >= _MOST_KEPT:
            layout.fitted.clear()
        layout.fitted[file, partial] = _fit(file, layout, partial=partial)
    return layout.fitted[file, partial]


def _fit(file: LoraFile, layout: Layout, *, partial: bool) -> Fitted:
    shapes = {name: weight_shape(each) for name, each in file.shapes.items()}
    sites = sites_of(shapes, layout)
    unfit = {name: why for name in sites if (why := _misfit(shapes[name], sites[name], layout))}
    placed = {name: each for name, each in sites.items() if name not in unfit}
    _refuse(file, layout, placed, unfit, partial=partial)
    layers = file.layers()
    found: dict[Place, list[Change]] = {}
    for name, each in placed.items():
        for site in each:
            found.setdefault(site.place, []).append(Change(layer=layers[name], rows=site.rows))
    return found


def _refuse(
    file: LoraFile,
    layout: Layout,
    placed: Mapping[str, Sequence[Site]],
    unfit: Mapping[str, str],
    *,
    partial: bool,
) -> None:
    """Raise `CheckpointError` for what is not wholly for this pipeline."""
    made_for = f" (it says that it was made for {file.made_for})" if file.made_for else ""
    other = f"it belongs to another model{made_for}"
    if not file.shapes:
        raise CheckpointError(
            f"{file.path}: has no LoRA weights for a {layout.name}: {_named(file.strays)}: {other}"
        )
    if not placed and not unfit:
        raise CheckpointError(
            f"{file.path}: none of its {_count(file.shapes)} has a place in this {layout.name}:"
            f" {_named(file.shapes)}: {other}"
        )
    if unfit and (not placed or not partial):
        name, why = next(iter(unfit.items()))
        more = f" (and {len(unfit) - 1} more do not fit)" if len(unfit) > 1 else ""
        raise CheckpointError(f"{file.path}: {name} {why}{more}: {other}")
    homeless = [name for name in file.shapes if name not in placed and name not in unfit]
    if (homeless or file.strays) and not partial:
        lost = f"{_count(homeless)} of its {len(file.shapes)} have no place in this {layout.name}"
        lost = lost if homeless else "it holds what is no LoRA weight of a known form"
        raise CheckpointError(
            f"{file.path}: {lost}: {_named([*homeless, *file.strays])}: it is damaged, or belongs to another"
            f" model{made_for}; to go without them, set partial = true beside it in the recipe"
        )
    _refuse_texts_alone(file, layout, placed, partial=partial)
    if lost := [*homeless, *unfit, *file.strays]:
        _log.warning("diptych: %s: without %d of its parts: %s", file.path, len(lost), _named(lost))


def _refuse_texts_alone(
    file: LoraFile, layout: Layout, placed: Mapping[str, Sequence[Site]], *, partial: bool
) -> None:
    """Raise `CheckpointError` for weights of text encoders alone, where it cannot be told whose: CLIP is the
    same in several families."""
    components = {site.place[0] for sites in placed.values() for site in sites}
    if layout.denoiser in components or partial:
        return
    several = len(layout.text_encoders) > 1
    named = any(name.startswith(ONE_ENCODER) for name in placed)
    if several and (named or len(components) == 1):
        why = (
            f"names its text encoder {ONE_ENCODER.rstrip('_')}, as files for Stable Diffusion 1 and 2 do"
            if named
            else f"changes the {next(iter(components))} alone, which other pipelines have, too"
        )
        made_for = f" (it says that it was made for {file.made_for})" if file.made_for else ""
        raise CheckpointError(
            f"{file.path}: {why}{made_for}: it belongs to another model than this {layout.name}; if it does"
            f" not,"
            " set partial = true beside it in the recipe"
        )


def _misfit(shape: tuple[int, ...], sites: Iterable[Site], layout: Layout) -> str:
    """Why a layer's weight does not fit where its name leads; empty where it does."""
    for site in sites:
        wanted = layout.shape_at(site.place)
        if not shape:
            continue
        rows = shape[0] if site.rows is None else len(site.rows)
        given = (rows, *shape[1:])
        if _numbers(given) != _numbers(wanted) or given[0] != wanted[0]:
            shown = "x".join(map(str, given))
            return f"is for a weight of {shown}, and {site.place[1]} of this {layout.name} has {_sides(wanted)}"
    return ""


def _numbers(shape: Sequence[int]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def _sides(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _count(names: Iterable[str]) -> str:
    count = len(list(names))
    return f"{count} layer{'s' if count != 1 else ''}"


def _named(names: Iterable[str]) -> str:
    """The first three, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
