"""Scenes of things that people drew: more kinds, more hands and more languages than the illustrated world
has."""

from .collection import Art, prepare
from .scene import ArtScene, ArtThing, sample_scene
from .things import LANGUAGES, Kind, Kinds, known_kinds, own_kinds
from .words import HANDS

__all__ = [
    "HANDS",
    "LANGUAGES",
    "Art",
    "ArtScene",
    "ArtThing",
    "Kind",
    "Kinds",
    "known_kinds",
    "own_kinds",
    "prepare",
    "sample_scene",
]
