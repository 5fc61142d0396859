"""Sweeps: every prompt with every combination of some settings' values, shown on labelled grids.

All pictures of a prompt have its one seed, so that what differs between them comes from the settings alone.
"""

import dataclasses
import io
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.messages import reason_of, shown
from ...engine.randomness import derive_seed
from ...engine.values.fact import scored
from ...prompts.row import Row
from ...prompts.settings import COLUMNS, FieldError, plain_name, setting
from ..files import RESULTS, opened, write_atomically
from ..pictures.pixels import rgb_of
from ..sheets.grid import Labels, grid
from .output.record import Record
from .schema import SchemaError, bounded_lines

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

    def write_grids(self, out: Path, placed: Mapping[int, int]) -> list[str]:
        """Write a grid of each prompt's pictures into the folder that they were rendered into.

        Args:
            placed: rows of the folder by their numbers among those of `rows`.

        Returns:
            the names of the files: `sweep.png`, or `sweep-0001.png` and so on where there are several prompts;
            where the folder had other rows before, each is named by its first row.

        Raises:
            InputError: the folder cannot be read or written.
        """
        count = len(self.combinations)
        prompts = min(MAX_GRIDS, -(-max(placed, default=0) // count))
        try:
            records = _records(out, {row for number, row in placed.items() if number <= prompts * count})
            names: list[str] = []
            for number in range(prompts):
                rows = [placed.get(number * count + place + 1, 0) for place in range(count)]
                first = next(filter(None, rows), 0)
                moved = any(row and row != number * count + place + 1 for place, row in enumerate(rows))
                names.append("sweep.png" if prompts == 1 else f"sweep-{number + 1:04d}.png")
                if moved:
                    names[-1] = f"sweep-{first:04d}.png"
                write_atomically(out / names[-1], self._grid([records.get(row) for row in rows], out))
        except (OSError, SchemaError) as error:
            reason = reason_of(error)
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


def _records(out: Path, rows: Set[int]) -> dict[int, Record]:
    """What the results in a folder say of these rows."""
    found: dict[int, Record] = {}
    with opened(out / RESULTS, follow=False) as file:
        for line, _ in bounded_lines(file):
            record = Record.from_json(line)
            if record.row in rows:
                found[record.row] = record
    return found


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
    return f"{scored(record.score, record.left_out, percent=True)}: {record.caption}"


def _picture(record: Record | None, out: Path) -> "PIL.Image.Image | None":
    if record is None or record.picture is None:
        return None
    try:
        with opened(out / record.picture, follow=False) as file:
            return rgb_of(file.read())
    except (InputError, OSError):
        return None
