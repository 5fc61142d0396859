"""What a person chose among a batch's pictures: other candidates than the engine's, and ratings.

They lie in `choices.json` in the output folder, apart from what the run wrote: no run depends on them.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import msgspec

from ....engine.errors import InputError
from ....engine.messages import reason_of
from ..schema import MAX_CHARACTERS, SchemaError, fit, parse_json

CHOICES = "choices.json"
VERSION = 1
STARS = 5

_PICTURE = r"\d{4,}-[a-z0-9-]+\.pick-\d+\.png"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen for one row.

    Args:
        id: of the row, as results have it: a choice counts for no other row that comes to have its number.
        pick: the index of the candidate that was picked; `None` where the engine's own winner stands.
        picture: file name of that candidate's picture in the folder.
        rating: stars, from 1 to 5; `None` for none.
    """

    id: str | None = None
    pick: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None
    picture: Annotated[str, msgspec.Meta(pattern=rf"\A{_PICTURE}\Z")] | None = None
    rating: Annotated[int, msgspec.Meta(ge=1, le=STARS)] | None = None

    @property
    def says_nothing(self) -> bool:
        return self.pick is None and self.rating is None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """Choices by the number of their row."""

    version: int = VERSION
    rows: Mapping[int, Choice] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Those of an output folder; none where nothing was chosen yet.

        Raises:
            InputError: its `choices.json` is damaged, or of a later version.
        """
        path = folder / CHOICES
        try:
            if not path.exists():
                return cls()
            if not path.is_file() or path.is_symlink() or path.stat().st_size > MAX_CHARACTERS:
                raise InputError(f"{path}: is no file of choices: move it away")
            values = parse_json(path.read_bytes(), where=str(path))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({reason_of(error)})") from None
        if isinstance(values, dict) and isinstance(values.get("version"), int) and values["version"] > VERSION:
            raise InputError(f"{path}: is of version {values['version']}, later than {VERSION}: update diptych")
        try:
            lines = fit(values, _File, where=str(path)).rows
        except SchemaError as error:
            raise InputError(f"{error}: mend it, or move it away") from None
        return cls(rows={int(row): choice for row, choice in lines.items()})

    def to_json(self) -> str:
        return json.dumps({"version": self.version, "rows": self._lines()}, indent=1, allow_nan=False) + "\n"

    def with_row(self, row: int, choice: Choice) -> "Choices":
        """These, with another choice for a row; one that says nothing is left out."""
        rows = {number: each for number, each in self.rows.items() if number != row}
        if not choice.says_nothing:
            rows[row] = choice
        return dataclasses.replace(self, rows=dict(sorted(rows.items())))

    def _lines(self) -> dict[str, dict[str, Any]]:
        return {str(row): _line(choice) for row, choice in self.rows.items()}


def _line(choice: Choice) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(choice).items() if value is not None}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    rows: dict[Annotated[str, msgspec.Meta(pattern=r"\A[1-9]\d{0,17}\Z")], Choice]


def pick_name(picture: str, candidate: int) -> str:
    """File name of a candidate's picture beside the row's: `0003-a-boat.pick-2.png`."""
    return f"{picture.removesuffix('.png')}.pick-{candidate}.png"
