"""A tiny icon set that was drawn for these tests, as two hands; nothing of it is of the packages."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from diptych.pipelines.pocket.art.collection import Art
from diptych.pipelines.pocket.art.hands import Hand, draw_icons, write_hand
from diptych.pipelines.pocket.art.things import Kind, Said
from diptych.pipelines.pocket.world import COLOURS

BODIES = {
    "ball": '<circle cx="16" cy="16" r="14" fill="#d8242c"/><circle cx="11" cy="10" r="4" fill="#ff8a80"/>',
    "crate": '<path fill="#8a5a30" d="M2 6h28v22H2z"/><path fill="#6b4320" d="M2 14h28v3H2z"/>',
    "mug": '<path fill="#e4e6ea" d="M6 6h16v22H6z"/><path fill="#5a3418" d="M6 6h16v3H6z"/>',
    "wagon": '<path fill="#2462dc" d="M2 8h28v14H2z"/><circle cx="9" cy="24" r="4" fill="#222"/>'
    '<circle cx="23" cy="24" r="4" fill="#222"/>',
    "kite": '<path fill="#2f9e44" d="M16 2 28 16 16 30 4 16z"/>',
    "pin": '<path fill="#fcdc2c" d="M15 2h2v28h-2z"/><circle cx="16" cy="5" r="4" fill="#fcdc2c"/>',
}
ALL = tuple(COLOURS)
_FRENCH = {"ball": ("m", "ballon"), "crate": ("f", "caisse"), "mug": ("f", "tasse"), "wagon": ("m", "chariot")}


def icons() -> bytes:
    """The set in Iconify's JSON format, with an alias."""
    bodies = {name: {"body": body} for name, body in BODIES.items()}
    aliases = {"sphere": {"parent": "ball"}}
    return json.dumps(
        {"prefix": "tiny", "icons": bodies, "aliases": aliases, "width": 32, "height": 32}
    ).encode()


def tiny_kinds() -> dict[str, Kind]:
    def kind(name: str, **fields: Any) -> Kind:
        said = {"en": Said(words=(name, f"little {name}"), plurals=(f"{name}s", f"little {name}s"))}
        if name in _FRENCH:
            gender, word = _FRENCH[name]
            said["fr"] = Said(words=(word,), plurals=(f"{word}s",), gender=gender)
        return Kind(name=name, said=said, icon=name, category="toys", **fields)

    kinds = (
        kind("ball", colours=ALL, own="red"),
        kind("crate", own="brown", carries=True, size="large"),
        kind("mug", colours=ALL, turns="grey", size="small"),
        kind("wagon", colours=ALL, own="blue", carries=True, size="large"),
        kind("kite", colours=ALL, own="green", stands="air"),
        kind("pin", own="yellow", size="small"),
    )
    return {each.name: each for each in kinds}


@pytest.fixture(scope="session")
def kinds() -> Mapping[str, Kind]:
    return tiny_kinds()


@pytest.fixture(scope="session")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Hand]:
    folder = tmp_path_factory.mktemp("hands")
    drawn = list(draw_icons(icons(), {name: name for name in BODIES}, where="tiny"))
    opened = {}
    for style in ("sticker", "emoji"):
        write_hand(style, drawn, folder / f"{style}.safetensors", source="tiny 1")
        opened[style] = Hand(folder / f"{style}.safetensors")
    return opened


@pytest.fixture(scope="session")
def art(hands: Mapping[str, Hand], kinds: Mapping[str, Kind]) -> Art:
    return Art(hands, kinds)
