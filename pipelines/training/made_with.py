"""What each thing in a training's folder was made with: its sizes and its data, noted in `sizes.json`, so that
nobody goes on with other ones."""

import json
from pathlib import Path

from ...engine.errors import InputError
from ..files import write_atomically
from .config import Table
from .data.source import TrainingData

SIZES = "sizes.json"


class MadeWith:
    """The notes of one folder.

    Args:
        out: the training's folder.
        data: what is trained on now.
    """

    def __init__(self, out: Path, data: TrainingData) -> None:
        self._out, self._data = out, data

    def check(self, name: str, sizes: Table) -> None:
        """Raises `InputError` where what is there was made with other sizes, or on other data."""
        if not (self._out / name).exists():
            return
        now = self._named(sizes)
        before = {"data": "world"} | _noted(self._out).get(name, now)
        for key in {**before, **now}:
            was, wanted = before.get(key), now.get(key)
            if was != wanted:
                raise InputError(
                    f"{self._out / name}: was started with {key} = {was}, which is now {wanted}: "
                    f"take another --out, or remove the folder"
                )

    def note(self, name: str, sizes: Table) -> None:
        """Note what a thing is made with."""
        known = _noted(self._out) | {name: sizes if self._data.name == "world" else self._named(sizes)}
        write_atomically(self._out / SIZES, (json.dumps(known, indent=2) + "\n").encode())

    def _named(self, sizes: Table) -> Table:
        """The sizes, and the name of the data that goes with them."""
        return {**sizes, "data": self._data.name}


def check_data(out: Path, data: TrainingData) -> None:
    """Raises `InputError` if what lies in `out` was trained on other data."""
    for name, sizes in _noted(out).items():
        if (before := sizes.get("data", "world")) != data.name:
            raise InputError(
                f"{out / name}: was trained on {before}, not on {data.name}: name that with --data"
            )


def _noted(out: Path) -> dict[str, Table]:
    """By name; empty where nobody has noted anything."""
    path = out / SIZES
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
