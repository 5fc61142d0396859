"""Pictures as the frames of one animated file."""

import dataclasses
from pathlib import Path
from typing import Any

from ...engine.errors import InputError
from ..render_result import RenderResult

KINDS = (".gif", ".webp", ".png")


@dataclasses.dataclass(frozen=True, repr=False)
class Animation(RenderResult):
    """What came of a call: its outcomes are the frames, in order."""

    def save(self, path: str | Path, *, fps: float = 12, there_and_back: bool = True) -> None:
        """Write an animated GIF, WebP or PNG that loops without end.

        Args:
            path: its ending says which.
            fps: frames a second, 1 to 50.
            there_and_back: run to the end and back again, so that it goes on without a leap.

        Raises:
            InputError: another kind of file, or another pace.
        """
        kind = check(path, fps)
        frames = [outcome.image for outcome in self.outcomes]
        frames += frames[-2:0:-1] if there_and_back else []
        options: dict[str, Any] = {"quality": 85, "method": 4} if kind == ".webp" else {"optimize": True}
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        first, *others = frames
        first.save(path, save_all=True, append_images=others, duration=round(1000 / fps), loop=0, **options)


def check(path: str | Path, fps: float) -> str:
    """The kind of file, by its ending; errors as `Animation.save`."""
    kind = Path(path).suffix.lower()
    if kind not in KINDS:
        raise InputError(f"{path}: no such animation: name a file that ends in {', '.join(KINDS)}")
    if not 1 <= fps <= 50:
        raise InputError(f"fps = {fps}: must lie between 1 and 50 frames a second")
    return kind
