"""Where a file lies once links are followed, and which links may lead out of a folder: those of the Hub's cache
alone. Prompt files, pictures and checkpoints have this one rule.

Imports nothing of the package.
"""

import os
from pathlib import Path


def lies_in(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder or below, once links are followed.

    In a snapshot of the Hugging Face cache all files are links, from `models--ORG--NAME/snapshots/REVISION/...`
    (`datasets--...`) to `models--ORG--NAME/blobs/NAME`: those lie in the snapshot, if they are named in it.
    """
    try:
        real, home = path.resolve(), folder.resolve()
        if real.is_relative_to(home):
            return True
        named_in = Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))
        return named_in and any(real.parent == blobs for blobs in _blobs_of(folder, home))
    except (OSError, RuntimeError, ValueError):  # a link to itself, a NUL in its name
        return False


def _blobs_of(folder: Path, home: Path) -> list[Path]:
    """Where the files are of the snapshots that a folder is, or lies in; `home` is the same, resolved."""
    here = Path(os.path.abspath(folder))
    snapshots = (each for place in (here, home) for each in (place, *place.parents))
    return [each.parent.parent.resolve() / "blobs" for each in snapshots if each.parent.name == "snapshots"]
