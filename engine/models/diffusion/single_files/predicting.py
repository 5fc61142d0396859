"""What a single file's denoiser predicts, as far as the file says: noise, or velocities. Painted as the other,
pictures are noise or grey."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....errors import CheckpointError
from .recognising import Header

_VELOCITY = ("v", "v_prediction", "vprediction", "v-prediction")
_TELLING = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
_SPREAD = 0.09
"""Of that bias in Stable Diffusion 2: it is larger in models that predict velocities (so ComfyUI tells them
apart)."""


def scheduler_settings(file: Path, header: Header, family: str) -> dict[str, Any]:
    """What a scheduler's config must say beside what the family's says; reads at most one small tensor."""
    if family not in ("SD 1.5", "SD 2", "SDXL"):
        return {}
    said = metadata_of(file).get("modelspec.prediction_type", "").lower()
    if said in _VELOCITY or "v_pred" in header:
        ends = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"} if "ztsnr" in header else {}
        return {"prediction_type": "v_prediction", **ends}
    if said in ("epsilon", "eps"):
        return {"prediction_type": "epsilon"}
    name = next((each for each in header if each.endswith(_TELLING)), None)
    if family == "SD 2" and name is not None:
        return {"prediction_type": "v_prediction" if _spread(file, name) > _SPREAD else "epsilon"}
    return {}


def metadata_of(file: Path) -> Mapping[str, str]:
    """What a file says of itself beside its tensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            return opened.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(f"{file}: is damaged or cut off ({error}): copy the checkpoint again") from None


def _spread(file: Path, name: str) -> float:
    from safetensors import safe_open

    with safe_open(file, framework="pt", device="cpu") as opened:
        return float(opened.get_tensor(name).float().std(unbiased=False))
