"""Where drawn things stand in scenes to train on: where a plan's things stand, too (see
`engine.stages.recalling.places`). So a model has three times as many patches to learn as there are drawings,
and not a hundred times."""

from ....engine.stages.recalling import places
from ....engine.stages.recalling.places import BIG, CELLS, MEDIUM, SMALL, Place
from .scene import ArtScene

__all__ = ["BIG", "CELLS", "MEDIUM", "SMALL", "Place", "places_of"]


def places_of(scene: ArtScene) -> list[Place]:
    """A place for each thing of `scene`, in order."""
    things = scene.things
    return places.places_of(scene.arrangement, [each.size for each in things], [each.place for each in things])
