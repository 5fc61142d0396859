"""Values as scripts hand them to the page."""

import json
import unicodedata
from typing import Any


def cleaned(text: str | None, limit: int) -> str | None:
    """The text without control characters and half surrogate pairs, and cut at `limit` characters."""
    if text is None:
        return None
    cut = text[:limit].rstrip() + " …" if len(text) > limit else text
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in cut)


def json_line(value: Any) -> str:
    """The value as JSON on one line."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
