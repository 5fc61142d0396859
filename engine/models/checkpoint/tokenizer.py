"""The tokenizer in a checkpoint's folder."""

from pathlib import Path
from typing import Any

from ...errors import CheckpointError

FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt", "tokenizer_config.json")


def require_tokenizer(folder: Path) -> None:
    """Raises `CheckpointError` where a folder has none: the libraries make an empty one, or say nothing."""
    if not any((folder / name).exists() for name in FILES) and not list(folder.glob("*.model")):
        raise CheckpointError(f"{folder}: has no tokenizer (tokenizer.json): copy the checkpoint again")


def load_tokenizer(folder: Path, *, trust_remote_code: bool = False) -> Any:
    """The library's tokenizer of a folder.

    Raises:
        CheckpointError: there is none.
    """
    from transformers import AutoTokenizer

    require_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
