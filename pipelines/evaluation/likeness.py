"""How like renders pictures are as a whole, and how unlike each other: distances of the inspector's features.

The Fréchet distance is that of Heusel et al. (2017), between what the inspector's backbone makes of pictures,
averaged over each, and of the renders of the same scenes. No Inception network is in it, so it compares with no
FID of the literature; with the distance of renders to other renders, stated along, it does.
"""

import dataclasses
import random
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ...engine.watch import Watcher
from ..pocket.world import Scene
from ..text_to_image import TextToImage
from ..training.data.source import PICTURE_SIDE, WorldData
from .alignment import Judged, render_scenes
from .figures import Figure, Measure
from .inspector import Inspector

Features = Callable[[torch.Tensor], torch.Tensor]
"""Pictures uint8 (b, h, w, 3) to float64 (b, d)."""

UNIT = ""


def evaluate_likeness(features: Features, judged: Sequence[Judged]) -> dict[str, Figure]:
    """The Fréchet distance of pictures, and of drafts' previews, to the renders of the same scenes.

    `renders` is that of renders to renders that differ in the small natural variations alone: what remains
    where pictures are as good as renders.
    """
    rows = [row for row in judged if row.pixels is not None]
    if not rows:
        return {}
    scenes = [row.scene for row in rows]
    renders = features(_renders(scenes)).numpy()
    compared = {"pictures": _features_of(features, [row.pixels for row in rows])}
    previews = [row.preview for row in rows]
    if all(preview is not None for preview in previews):
        compared["drafts"] = _features_of(features, previews)
    compared["renders"] = features(_renders([_varied(scene, 0) for scene in scenes])).numpy()
    return {name: _distance(each, renders) for name, each in compared.items()}


def evaluate_diversity(
    pipe: TextToImage,
    inspector: Inspector,
    scenes: Sequence[Scene],
    *,
    seeds: int,
    seed: int = 0,
    steps: int | None = None,
    watch: Watcher | None = None,
) -> dict[str, Figure]:
    """How far apart, on average, pictures of one prompt with different seeds are, and renders of one scene."""
    wanted = [scene for scene in scenes for _ in range(seeds)]
    judged = render_scenes(pipe, inspector.look, wanted, seed=seed, steps=steps, watch=watch)
    pictures, renders = [], []
    for start in range(0, len(judged), seeds):
        rows = [row.pixels for row in judged[start : start + seeds] if row.pixels is not None]
        if len(rows) > 1:
            pictures.append(spread(inspector.features(torch.stack(rows))))
        variants = [_varied(judged[start].scene, i) for i in range(seeds)]
        renders.append(spread(inspector.features(_renders(variants))))
    return {"pictures": Measure.mean_of(pictures, UNIT), "renders": Measure.mean_of(renders, UNIT)}


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Squared, between the Gaussians that fit two sets of features (n, d) and (m, d), as FID is.

    |mu1 - mu2|² + tr(S1 + S2 - 2 (S1 S2)^½). With S1 = X'X and S2 = Y'Y the last trace is the sum of the
    singular values of X Y', which is exact for fewer pictures than features, too.
    """
    x, y = (rows - rows.mean(0) for rows in (one, other))
    x, y = x / np.sqrt(len(x)), y / np.sqrt(len(y))
    common = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    apart = np.square(one.mean(0) - other.mean(0)).sum()
    return float(apart + np.square(x).sum() + np.square(y).sum() - 2 * common)


def spread(features: torch.Tensor) -> float:
    """The mean distance of two different rows of (n, d)."""
    return float(torch.pdist(features).mean())


def _distance(some: np.ndarray, renders: np.ndarray) -> Measure:
    """With an interval over scenes: a picture and the render of its scene are drawn together."""
    return Measure.resampled(lambda i: frechet_distance(some[i], renders[i]), len(renders), UNIT)


def _features_of(features: Features, pictures: Sequence[torch.Tensor | None]) -> np.ndarray:
    return torch.cat([features(picture[None]) for picture in pictures if picture is not None]).numpy()


def _renders(scenes: Sequence[Scene]) -> torch.Tensor:
    return WorldData("held-out").render(list(scenes), PICTURE_SIDE).pixels


def _varied(scene: Scene, i: int) -> Scene:
    """The same scene with another natural variation."""
    rng = random.Random(f"evaluate/varied/{scene.variation}/{i}")
    return dataclasses.replace(scene, variation=rng.randrange(2**31))
