"""Atoms and whole prompts, as GenEval 2 counts them (Kamath et al. 2025, arXiv 2512.16853, Soft-TIFA).

An atom is one fact that the prompt asks for. Soft-TIFA takes a prompt's arithmetic mean of its atoms' scores
(AM, how much of it is right) and their geometric mean (GM, whether all of it is), and the mean of each over
prompts. Here atoms are the prompt's own facts, and the inspector answers them with yes or no, so that the
geometric mean is 1 where all atoms are right, and else 0. Sizes, which it cannot tell, are no atoms.
"""

from collections.abc import Sequence

import numpy as np

from ...pipelines.evaluation.inspector import Sighting
from ...pipelines.evaluation.typed_prompts.facts_seen import Claim, shows
from ...pipelines.pocket.world import Scene, facts_of


def atoms_of(scene: Scene) -> tuple[Claim, ...]:
    """What the full wording of a scene asks for. A number is asked for of a group alone."""
    return tuple(
        claim
        for claim in facts_of(scene)
        if claim[0] != "size" and (claim[0] != "count" or scene.arrangement == "group")
    )


def atoms_right(seen: Sighting | None, scene: Scene) -> list[bool]:
    """Whether a picture shows each of `atoms_of(scene)`; none where there is no picture to be seen."""
    return [seen is not None and shows(seen, claim) is True for claim in atoms_of(scene)]


def am_and_gm(seen: Sequence[Sighting | None], scenes: Sequence[Scene]) -> np.ndarray:
    """For each prompt the share of its atoms that are right, and whether all are: float (prompts, 2)."""
    right = [atoms_right(*each) for each in zip(seen, scenes, strict=True)]
    return np.array([(np.mean(row), float(all(row))) for row in right]).reshape(-1, 2)
