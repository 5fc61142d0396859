"""Draws `rooms.svg`: the rooms of the code, floor by floor, as `tests/test_architecture.py` checks them.

    python docs/draw_rooms.py

Run it again when `FLOORS` changes; a test fails while the picture is out of date.
"""

import ast
from pathlib import Path
from xml.sax.saxutils import escape

DOCS = Path(__file__).parent
SOURCE = DOCS.parent / "tests" / "test_architecture.py"
PICTURE = DOCS / "rooms.svg"

WIDTH, LEFT, ROW, BOX, LETTER = 1100, 90, 30, 22, 6.7  # pixels; a letter's is the mean width at this size
COLOURS = {"prompts": "#fff3c9", "engine": "#d5e8fb", "pipelines": "#dff3dc", "benchmarks": "#ece3f6"}
NOTES = {  # a room, and what is written at the end of its floor
    "prompts.reader": "prompt files become rows",
    "engine.values": "what travels from stage to stage",
    "engine.memory": "the budget of memory",
    "engine.chain": "decoding; stages joined by type; the loop's rules",
    "engine.runner": "waves: where chain and memory meet",
    "engine.models": "adapters to transformers and diffusers",
    "engine.stages.planning": "one file for each stage",
    "pipelines.recipes": "from a TOML file to a chain",
    "pipelines.text_to_image": "what people call from Python",
    "pipelines.editing": "pipelines made of text_to_image",
    "pipelines.rendering": "batches in a folder: journal, provenance, gallery",
    "pipelines.training": "trainers of the pocket models",
    "pipelines.cli": "the command line",
}


def floors() -> list[list[str]]:
    """The names of the rooms, ground floor first."""
    for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS":
            return [rooms.split() for rooms in ast.literal_eval(node.value)]
    raise ValueError(f"{SOURCE}: has no FLOORS")


def drawing(rooms_by_floor: list[list[str]]) -> str:
    """The picture as SVG: the ground floor at the bottom, each room in the colour of its top folder."""
    height = ROW * len(rooms_by_floor) + 70
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        *_legend(),
        *_arrow(height),
    ]
    for floor, rooms in enumerate(rooms_by_floor):
        top = height - 20 - ROW * (floor + 1)
        parts.append(f'<path d="M{LEFT} {top + ROW - 3}H{WIDTH - 20}" stroke="#e4e4e4"/>')
        left = float(LEFT)
        for room in rooms:
            part, left = _room(room, left, top)
            parts.append(part)
            if room in NOTES:
                note = (
                    f'<text x="{WIDTH - 20}" y="{top + 17}" text-anchor="end" fill="#666">{NOTES[room]}</text>'
                )
                parts.append(note)
    return "\n".join([*parts, "</svg>", ""])


def _room(room: str, left: float, top: int) -> tuple[str, float]:
    """One room's box, and where the next one starts."""
    folder, _, rest = room.partition(".")
    name = escape(rest.replace(".", "/") or f"{folder}/")
    width = round(LETTER * len(name) + 18)
    box = f'<rect x="{left:.0f}" y="{top + 2}" width="{width}" height="{BOX}" rx="4" fill="{COLOURS[folder]}"'
    text = f'<text x="{left + width / 2:.0f}" y="{top + 17}" text-anchor="middle">{name}</text>'
    return f'{box} stroke="#8a8a8a"/>{text}', left + width + 8


def _legend() -> list[str]:
    parts: list[str] = []
    for i, (folder, colour) in enumerate(COLOURS.items()):
        x = LEFT + 140 * i
        parts.append(f'<rect x="{x}" y="12" width="18" height="18" rx="4" fill="{colour}" stroke="#8a8a8a"/>')
        parts.append(f'<text x="{x + 26}" y="26">{folder}/</text>')
    return parts


def _arrow(height: int) -> list[str]:
    return [
        f'<path d="M60 60V{height - 40}m-7 -12l7 14l7 -14" fill="none" stroke="#333" stroke-width="2"/>',
        f'<text x="45" y="{height // 2}" text-anchor="middle" transform="rotate(-90 45 {height // 2})">'
        "imports run down only</text>",
    ]


if __name__ == "__main__":
    PICTURE.write_text(drawing(floors()), encoding="utf-8")
    print(PICTURE)
