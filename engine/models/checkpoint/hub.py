"""Checkpoints of the Hugging Face Hub that are in the cache on this machine.

Nothing is downloaded here, so nothing waits for a network, and no token is ever read: `hf download`, which
comes with huggingface_hub, does both.
"""

import re
from pathlib import Path

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_ID_AT = re.compile(rf"(?P<id>{_ID.pattern})(?:@(?P<revision>[\w./-]+))?")


def cached(checkpoint: str) -> Path | None:
    """Where `ORGANISATION/NAME` or `ORGANISATION/NAME@REVISION` lies in the cache; `None` if it does not."""
    found = _ID_AT.fullmatch(checkpoint)
    if found is None:
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(found["id"], revision=found["revision"], local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def how_to_get(checkpoint: str) -> str:
    """The command that downloads it; empty for what is no id of the Hub."""
    found = _ID_AT.fullmatch(checkpoint)
    if found is None:
        return ""
    return f"hf download {found['id']}" + (f" --revision {found['revision']}" if found["revision"] else "")


def is_unfinished(folder: Path) -> bool:
    """Whether a download into this folder, or into the part of the cache that it belongs to, was broken off."""
    above = [folder, *folder.parents][:4]
    places = [each / ".cache" / "huggingface" / "download" for each in above] + [
        each / "blobs" for each in above
    ]
    return any(next(place.rglob("*.incomplete"), None) is not None for place in places)
