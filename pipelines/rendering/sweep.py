"""Sweeps: every prompt with every combination of some settings' values, shown on labelled grids.

All pictures of a prompt have its one seed, so that what differs between them comes from the settings alone.
"""

import dataclasses
import io
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.randomness import derive_seed
from ...prompts.row import Row
from ...prompts.settings import COLUMNS, FieldError, plain_name, setting, shown
from ..files import RESULTS, write_atomically
from ..sheets.grid import Labels, grid
from .output.record import Record
from .schema import SchemaError

if TYPE_CHECKING:
    import PIL.Image

MAX_COMBINATIONS = 400
MAX_GRIDS = 100
_SIDE = 192  # pixels of a picture on a grid


@dataclasses.dataclass(frozen=True)
class Axis:
    """One setting and the values that it takes, under the name that the user has for it."""

    name: str
    called: str
    values: tuple[Any, ...]

    def labels(self) -> list[str]:
        return [f"{self.called} {_plain(value)}" for value in self.values]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The settings to go through. The first runs from left to right, the others from top to bottom."""

    axes: tuple[Axis, ...]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Sweep":
        """From what was typed: `guidance=1,2,4`, one setting each.

        Raises:
            InputError: it is not so written, names no setting or one twice, or makes too many combinations.
        """
        axes = tuple(_axis(text) for text in texts)
        names = [axis.name for axis in axes]
        for axis in axes:
            if names.count(axis.name) > 1:
                raise InputError(f"--sweep {axis.called}: is given twice: put all values behind one")
        if (count := math.prod(len(axis.values) for axis in axes)) > MAX_COMBINATIONS:
            raise InputError(f"--sweep: {count} combinations: at most {MAX_COMBINATIONS} are made of a prompt")
        return cls(axes)

    @property
    def combinations(self) -> list[dict[str, Any]]:
        """Settings by name, in the order of the grid: row by row."""
        first, *others = self.axes
        names = [axis.name for axis in (*others, first)]
        values = itertools.product(*(axis.values for axis in (*others, first)))
        return [dict(zip(names, each, strict=True)) for each in values]

    def rows(self, rows: Iterable[Row], *, seed: int, alone: bool = False) -> Iterator[Row]:
        """Each row once with every combination; read as they are asked for.

        Args:
            seed: of the batch; a row's own, or one made of this and its number, holds for all its combinations.
            alone: there is one prompt, not a file, and its seed is `seed` itself.
        """
        for number, row in enumerate(rows, start=1):
            own = {"seed": seed if alone else derive_seed(seed, number), **row.settings}
            for settings in self.combinations:
                yield dataclasses.replace(row, settings={**own, **settings})

    def write_grids(self, out: Path) -> list[str]:
        """Write a grid of each prompt's pictures into the folder that they were rendered into.

        Returns:
            the names of the files: `sweep.png`, or `sweep-0001.png` and so on where there are several prompts.

        Raises:
            InputError: the folder cannot be read or written.
        """
        count = len(self.combinations)
        try:
            lines = (out / RESULTS).read_text(encoding="utf-8").splitlines()
            records = {record.row: record for record in map(Record.from_json, lines)}
            prompts = min(MAX_GRIDS, -(-max(records, default=0) // count))
            names: list[str] = []
            for number in range(prompts):
                names.append("sweep.png" if prompts == 1 else f"sweep-{number + 1:04d}.png")
                page = [records.get(number * count + place + 1) for place in range(count)]
                write_atomically(out / names[-1], self._grid(page, out))
        except (OSError, UnicodeDecodeError, SchemaError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{out}: the grids of the sweep cannot be made ({reason})") from None
        return names

    def _grid(self, page: Sequence[Record | None], out: Path) -> bytes:
        first, *others = self.axes
        combined = itertools.product(*(axis.labels() for axis in others))
        labels = Labels(
            title=next((record.prompt for record in page if record), ""),
            columns=first.labels(),
            rows=[", ".join(each) for each in combined] if others else (),
            captions=[_caption(record) for record in page],
        )
        images = [_picture(record, out) for record in page]
        stream = io.BytesIO()
        grid(images, columns=len(first.values), labels=labels, side=_SIDE).save(stream, format="PNG")
        return stream.getvalue()


def _axis(text: str) -> Axis:
    called, joint, listed = text.partition("=")
    called = called.strip()
    values = [value.strip() for value in listed.split(",")]
    if not joint or not called or not all(values):
        raise InputError(f"--sweep {shown(text)}: write a setting and its values as in guidance=1,2,4")
    name = _NAMES.get(plain_name(called))
    if name is None:
        raise InputError(f"--sweep {shown(called)}: no such setting: choose one of {', '.join(_NUMERIC)}")
    try:
        found = [setting(name, value, called=called) for value in values]
    except FieldError as error:
        raise InputError(f"--sweep {error}") from None
    if None in found:
        raise InputError(f"--sweep {called} = -1: is any seed: name those that are to be gone through")
    return Axis(name, called, tuple(dict.fromkeys(found)))


def _plain(value: Any) -> Any:
    """2.0 as people write it: 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_NUMERIC = {name: row for name, row in COLUMNS.items() if row.kind is not str}  # or on or off
_NAMES = {plain_name(each): name for name, row in _NUMERIC.items() for each in row.names}


def _caption(record: Record | None) -> str:
    if record is None or record.score is None:
        return "failed" if record else ""
    return f"{100 * record.score:.0f} %: {record.caption}"


def _picture(record: Record | None, out: Path) -> "PIL.Image.Image | None":
    import PIL.Image

    if record is None or record.picture is None:
        return None
    try:
        with PIL.Image.open(out / record.picture) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, PIL.Image.DecompressionBombError):
        return None
