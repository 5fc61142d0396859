"""control: makes of the pictures whose structure rows follow what the painter's ControlNets read; and what a
painter is steered by.

It stands between encoding the text and denoising, so that what finds depth has left before the denoiser comes.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from ...errors import CheckpointError
from ...models.checkpoint.folder import folder_of
from ...models.diffusion.control.fitting import asked_fault, refuse_control
from ...models.diffusion.control.key import DEPTH, EDGES, NONE, ControlKey
from ...models.diffusion.control.steering import Steering, needs_autoencoder
from ...models.diffusion.pipeline_parts import DENOISER, components_of
from ...models.diffusion.single_files.assembly import pipeline_folder
from ...stage import ModelKey, Models, RunContext
from ...values import Request
from ...values.control import Control
from .conditioned import Conditioned
from .edges import edges_of

if TYPE_CHECKING:
    from ...models.diffusion.pipeline import PipelinePart

_WORK = 64  # bytes a pixel, of finding edges
_DEPTH_WORK = 4096  # the same, of finding depth


@dataclasses.dataclass(frozen=True, kw_only=True)
class Controls:
    """What of a recipe steers a painter.

    Args:
        keys: the controls that rows may ask for.
        model: any part of the pipeline that is steered.
        from_picture: whether it starts from a picture.
    """

    keys: tuple[ControlKey, ...]
    model: "ModelKey[PipelinePart]"
    from_picture: bool

    @property
    def models(self) -> tuple[ModelKey[Any], ...]:
        """The ControlNets, each once."""
        return tuple(dict.fromkeys(key.model for key in self.keys))

    def models_for(self, requests: Sequence[Request]) -> tuple[ModelKey[Any], ...]:
        """The ControlNets that these requests ask for."""
        kinds = {each.kind for request in requests for each in request.controls}
        return tuple(dict.fromkeys(key.model for key in self.keys if key.name in kinds))

    def estimators_for(self, requests: Sequence[Request]) -> tuple[ModelKey[Any], ...]:
        """What makes the control pictures that these requests need."""
        kinds = {each.kind for request in requests for each in request.controls if not each.ready}
        found = (key.estimator for key in self.keys if key.name in kinds and key.estimator is not None)
        return tuple(dict.fromkeys(found))

    @property
    def estimators(self) -> tuple[ModelKey[Any], ...]:
        """What makes control pictures of photographs, each once."""
        found = (key.estimator for key in self.keys if key.estimator is not None)
        return tuple(dict.fromkeys(found))

    @property
    def encodes(self) -> bool:
        """Whether the autoencoder reads the control pictures."""
        if not self.keys:
            return False
        try:
            return needs_autoencoder(next(iter(components_of(pipeline_folder(self.model), DENOISER))))
        except CheckpointError:
            return False  # whoever loads it says so

    def key_of(self, control: Control) -> ControlKey:
        """The recipe's control that a row's is for."""
        return next(key for key in self.keys if key.name == control.kind)

    def refuse(self) -> None:
        """Raise, from the checkpoints' small files, why the painter cannot be steered by one of them."""
        for key in self.keys:
            try:
                folder = pipeline_folder(self.model)
                folder_of(key.model.checkpoint)
            except CheckpointError:
                continue  # whoever loads it says so
            refuse_control(folder, key, from_picture=self.from_picture)

    def fault(self, request: Request) -> str:
        """Why the painter cannot follow the controls of a request; empty where it can."""
        try:
            folder = pipeline_folder(self.model)
        except CheckpointError:
            return ""
        return asked_fault(folder, self.keys, request.controls, from_picture=self.from_picture)

    def steering(
        self, rows: Sequence[Conditioned], models: Models, vae: "ModelKey[PipelinePart]"
    ) -> Steering | None:
        """What steers rows of the same kinds of controls; `None` where they have none."""
        asked = rows[0].plan.request.controls if self.keys else ()
        if not asked:
            return None
        keys = [self.key_of(each) for each in asked]
        maps = [torch.stack([row.maps[i] for row in rows]) for i in range(len(asked))]
        return Steering(
            models=[models[key.model] for key in keys],
            pictures=[each.permute(0, 3, 1, 2).float() / 255 for each in maps],
            weights=[each.weight for each in asked],
            starts=[each.start for each in asked],
            stops=[each.stop for each in asked],
            modes=[key.mode for key in keys],
            vae=models[vae].vae if self.encodes else None,
        )


class ControlStage:
    """Conditioned to Conditioned: with a control picture for each control.

    Args:
        name: of the stage.
    """

    takes = Conditioned
    gives = Conditioned
    reads = ()

    def __init__(self, controls: Controls, *, name: str = "control") -> None:
        self.name = name
        self.uses = controls.estimators
        self._controls = controls

    def uses_for(self, requests: Sequence[Request]) -> tuple[ModelKey[Any], ...]:
        """What finds depth, only where a photograph needs it."""
        return self._controls.estimators_for(requests)

    def workspace(self, batch: Sequence[Conditioned]) -> int:
        request = batch[0].plan.request
        each = _DEPTH_WORK if self.uses else _WORK
        return request.height * request.width * each

    def run(self, batch: Sequence[Conditioned], models: Models, context: RunContext) -> list[Conditioned]:
        known: dict[tuple[str, str], torch.Tensor] = {}
        rows: list[Conditioned] = []
        for i, row in enumerate(batch):
            maps = tuple(self._map(each, models, known) for each in row.plan.request.controls)
            rows.append(dataclasses.replace(row, maps=maps))
            context.step(i + 1, len(batch))
        return rows

    def _map(
        self, control: Control, models: Models, known: dict[tuple[str, str], torch.Tensor]
    ) -> torch.Tensor:
        """uint8 (h, w, 3), found once for each picture."""
        key = self._controls.key_of(control)
        if control.ready or key.preprocess == NONE:
            return control.picture
        found = (control.picture_hash, key.name)
        if found not in known:
            if key.preprocess == EDGES:
                known[found] = edges_of(control.picture)
            else:
                assert key.preprocess == DEPTH and key.estimator is not None, "recipes are held to this"
                known[found] = models[key.estimator].depth_of(control.picture)
        return known[found]
