"""What a painter's table says of reference pictures: the adapter that takes after them, and what sees for it.

[stages.paint.references]
checkpoint = "./ip-adapter_sd15.safetensors"
image_encoder = "./image_encoder"        # a folder, or a Hub id
dtype = "float16"                        # of both; the painter's, if not said
"""

from collections.abc import Callable, Mapping
from typing import Any

from ....engine.errors import InputError
from ....engine.messages import did_you_mean, shown
from ....engine.models.diffusion.references.families import ADAPTER, IMAGE_ENCODER
from ....engine.stage import ModelKey

KEY = "references"
PAINTERS = ("paint", "repaint")
"""Stages whose pipelines can wear an adapter."""
_ENCODER = "image_encoder"
_KNOWN = ("checkpoint", _ENCODER, "dtype")

ReadModel = Callable[[Mapping[str, Any], str], ModelKey[Any]]
"""A model's table and where it stands, to its key."""


def reference_models(
    table: Mapping[str, Any], stage: str, where: str, read: ReadModel, *, dtype: str
) -> dict[str, ModelKey[Any]]:
    """The models that a stage's table names for references, by the roles that they play in it; none where it
    says nothing of them.

    Args:
        table: of the stage.
        stage: its name.
        dtype: of the painter.

    Raises:
        InputError: it says what cannot be.
    """
    if KEY not in table:
        return {}
    said, where = table[KEY], f"{where}: {KEY}"
    if stage not in PAINTERS:
        able = " and ".join(f"[stages.{name}]" for name in PAINTERS)
        raise InputError(f"{where}: an adapter is for {able}: leave it out")
    if not isinstance(said, Mapping):
        raise InputError(f"{where}: must be a table of checkpoint and image_encoder, not {shown(said)}")
    for name in said:
        if name not in _KNOWN:
            hint = did_you_mean(name, _KNOWN)
            raise InputError(f"{where}: {shown(name)} is not known{hint}; known are {', '.join(_KNOWN)}")
    for name in ("checkpoint", _ENCODER):
        if name not in said:
            what = (
                "the adapter's .safetensors file" if name == "checkpoint" else "the folder of what sees for it"
            )
            raise InputError(f"{where}: {name} is missing: name {what}")
    shared = {"dtype": said.get("dtype", dtype)}
    return {
        KEY: read({"family": ADAPTER, "checkpoint": said["checkpoint"], **shared}, where),
        _ENCODER: read({"family": IMAGE_ENCODER, "checkpoint": said[_ENCODER], **shared}, where),
    }
