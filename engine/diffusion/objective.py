"""What a diffusion model was trained to predict, and how that becomes its estimate of the clean latents.

The loop in `denoising` walks along a flow, x_sigma = (1 - sigma) x + sigma noise. A DDPM-style model knows
another path, alpha x + s noise with alpha² + s² = 1; up to a factor its points are the flow's (Kingma & Gao
2023), so it is asked about the one with the same ratio of picture to noise. Thus one loop serves every kind.
"""

import dataclasses
import math
from typing import Literal, get_args

import torch

from ..errors import InputError

Path = Literal["flow", "ddpm"]
Prediction = Literal["sample", "velocity", "epsilon", "v_prediction"]

PREDICTIONS: dict[str, tuple[Prediction, ...]] = {
    "flow": ("sample", "velocity"),
    "ddpm": ("sample", "epsilon", "v_prediction"),
}
"""What can be predicted on each path: the clean latents, the flow's velocity (noise - x), the noise, or v."""

DDPM_END = 0.96  # of time: later the picture is all but gone, and estimates of it explode
TRAIN_TIMESTEPS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """A path and a prediction on it. Latents are (b, c, h, w), sigmas (b,) in [0, 1], always the flow's.

    On the path 'ddpm' alpha = cos(pi t / 2) and s = sin(pi t / 2) at time t in [0, 1] (Nichol & Dhariwal 2021,
    eq. 17, without offset; v as Salimans & Ho 2022, appendix D).

    Raises:
        InputError: that is not predicted on this path.
    """

    path: Path = "flow"
    prediction: Prediction = "sample"

    def __post_init__(self) -> None:
        if self.path not in PREDICTIONS:
            raise InputError(f"path {self.path!r} is not known; known are {', '.join(get_args(Path))}")
        if self.prediction not in PREDICTIONS[self.path]:
            known = ", ".join(PREDICTIONS[self.path])
            raise InputError(
                f"prediction {self.prediction!r} does not go with path {self.path!r}: take {known}"
            )

    def sigma(self, time: torch.Tensor) -> torch.Tensor:
        """The flow's sigma (b,) at a time (b,) in [0, 1] of the path; training draws times."""
        if self.path == "flow":
            return time
        angle = time.clamp_max(DDPM_END) * math.pi / 2
        return torch.sin(angle) / (torch.sin(angle) + torch.cos(angle))

    def noisy(self, clean: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """The point of the path that the model is shown."""
        alpha, s = self._coefficients(sigma)
        return alpha * clean + s * noise

    def target(self, clean: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """What the model is to predict."""
        alpha, s = self._coefficients(sigma)
        match self.prediction:
            case "sample":
                return clean
            case "velocity":
                return noise - clean
            case "epsilon":
                return noise
            case "v_prediction":
                return alpha * noise - s * clean

    def timestep(self, sigma: torch.Tensor) -> torch.Tensor:
        """The timestep that the model gets for the noise level, 0 to 1000: (b,)."""
        return (sigma if self.path == "flow" else self._time(sigma)) * TRAIN_TIMESTEPS

    def shown(self, flow: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """The model's point of its path, for a point of the flow."""
        if self.path == "flow":
            return flow
        return flow / torch.sqrt((1 - sigma) ** 2 + sigma**2)[:, None, None, None]

    def clean(self, predicted: torch.Tensor, shown: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """The clean latents, from what the model predicts of the point that it was shown."""
        alpha, s = self._coefficients(sigma)
        match self.prediction:
            case "sample":
                return predicted
            case "velocity":
                return shown - s * predicted
            case "epsilon":
                return (shown - s * predicted) / alpha
            case "v_prediction":
                return alpha * shown - s * predicted

    def _coefficients(self, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the clean latents and of the noise, each (b, 1, 1, 1)."""
        if self.path == "flow":
            alpha, s = 1 - sigma, sigma
        else:
            angle = self._time(sigma) * math.pi / 2
            alpha, s = torch.cos(angle), torch.sin(angle)
        return alpha[:, None, None, None], s[:, None, None, None]

    @staticmethod
    def _time(sigma: torch.Tensor) -> torch.Tensor:
        """When the DDPM path has as much noise for its picture as the flow has at sigma: 0 to `DDPM_END`."""
        return (torch.atan2(sigma, 1 - sigma) * 2 / math.pi).clamp_max(DDPM_END)
