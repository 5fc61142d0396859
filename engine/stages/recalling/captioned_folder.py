"""A folder of pictures with captions, and which of them a prompt speaks of, by BM25 (Robertson & Zaragoza
2009).

The caption of a picture is the text file beside it, its line in `metadata.jsonl` (`file_name`, `text`), or else
its file's name. Pictures are opened when they are asked for, not before.
"""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...errors import InputError
from ...language.words.content import plain_words
from ...messages import shown

ENDINGS = (".png", ".webp", ".jpg", ".jpeg")
MOST_FILES = 20_000
MOST_CAPTION = 2_000  # characters
MOST_BYTES = 50_000_000  # of a picture's file, and of metadata.jsonl
MOST_SIDE = 8_192  # pixels of a picture
KEPT_SIDE = 1_024
UNTOLD = frozenset(
    ("a", "an", "the", "of", "in", "on", "at", "by", "with", "and", "or", "is", "are", "to", "from")
)
"""Words of grammar, which tell no caption from another."""


@dataclass(frozen=True)
class Entry:
    """A picture of the folder."""

    path: Path
    caption: str

    @property
    def name(self) -> str:
        """The caption without its article."""
        return re.sub(r"^(a|an|the)\s+", "", self.caption.strip(), flags=re.IGNORECASE)

    def picture(self) -> np.ndarray:
        """uint8 (h, w, 4), at most `KEPT_SIDE` pixels a side.

        Raises:
            InputError: it cannot be read, or is far too large.
        """
        try:
            if self.path.stat().st_size > MOST_BYTES:
                raise ValueError(f"has more than {MOST_BYTES} bytes")
            with Image.open(self.path, formats=("PNG", "WEBP", "JPEG")) as image:
                if max(image.size) > MOST_SIDE:
                    raise ValueError(f"{image.width}x{image.height} pixels, of at most {MOST_SIDE} a side")
                found = image.convert("RGBA")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(f"{self.path}: cannot be read ({error}): mend it or take it away") from None
        found.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
        return np.array(found)


class CaptionedFolder:
    """The pictures of a folder by their captions.

    Args:
        folder: it, not what lies in folders in it.

    Raises:
        InputError: it cannot be read, has no pictures, or far too many; or the library is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.entries = _entries(folder)
        try:
            import bm25s
        except ImportError:
            raise InputError("[stages.retrieve] needs bm25s: pip install 'diptych[retrieve]'") from None
        self._index: Any = bm25s.BM25()
        self._words = [_words(each.caption) for each in self.entries]
        self._index.index(self._words, show_progress=False)

    @functools.cached_property
    def _whole(self) -> np.ndarray:
        """The score of each caption for itself."""
        own = [float(self._index.get_scores(words)[i]) for i, words in enumerate(self._words)]
        return np.maximum(np.array(own), 1e-9)

    def find(self, prompt: str, *, limit: int, threshold: float) -> list[Entry]:
        """The entries that a prompt speaks of most, the first one first.

        Args:
            threshold: of its own score that a caption must have for the prompt, at least, 0 to 1: about the
                share of its words, rare ones counting more, that the prompt has.
        """
        words = _words(prompt)
        if not words:
            return []
        shares = np.asarray(self._index.get_scores(words)) / self._whole
        order = np.argsort(-shares, kind="stable")[:limit]
        return [self.entries[int(i)] for i in order if shares[i] >= threshold and shares[i] > 0]


def _words(text: str) -> list[str]:
    """Once each, in the singular as far as an 's' tells, without those of grammar; a word that is of no use
    stands for none, which the index cannot take."""
    found = dict.fromkeys(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
        for word in plain_words(text)
        if word not in UNTOLD
    )
    return list(found) or [""]


def _entries(folder: Path) -> tuple[Entry, ...]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
        told = _metadata(folder / "metadata.jsonl")
        if not paths or len(paths) > MOST_FILES:
            much = f"more than {MOST_FILES}" if paths else "no"
            raise InputError(f"[stages.retrieve] folder {shown(str(folder))} has {much} pictures")
        return tuple(Entry(path, _caption(path, told)) for path in paths)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text in UTF-8"
        raise InputError(f"[stages.retrieve] folder {shown(str(folder))}: cannot be read ({reason})") from None


def _caption(path: Path, told: dict[str, str]) -> str:
    beside = path.with_suffix(".txt")
    if beside.is_file():
        with beside.open(encoding="utf-8") as file:
            said = file.read(MOST_CAPTION)
    else:
        said = told.get(path.name, "")
    return " ".join(said.split()) or re.sub(r"[-_]+", " ", path.stem)


def _metadata(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: has more than {MOST_BYTES} bytes")
    found: dict[str, str] = {}
    for i, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line) if line.strip() else {}
            if row:
                found[str(row["file_name"])] = str(row["text"])[:MOST_CAPTION]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(f"{path}, line {i}: must say file_name and text, as JSON") from None
    return found
