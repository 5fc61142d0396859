"""The tokenizer in a checkpoint's folder."""

from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from .folder import read_json

FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt", "tokenizer_config.json")
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "tekken.json", "*.model", "*.tiktoken", "*vocab*")
_OF_BYTES = ("ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")
"""Classes whose words are bytes or characters, which no file says."""


def require_tokenizer(folder: Path) -> None:
    """Raises `CheckpointError` where a folder has none, or one without its words: the libraries make an empty
    one, or say nothing, and all prompts are the same to it."""
    config = folder / "tokenizer_config.json"
    if config.is_file() and read_json(config).get("tokenizer_class") in _OF_BYTES:
        return
    if not any(found.stat().st_size for name in _VOCABULARIES for found in folder.glob(name)):
        raise CheckpointError(
            f"{folder}: has no tokenizer (no tokenizer.json or vocabulary): copy the checkpoint again"
        )


def load_tokenizer(folder: Path, *, trust_remote_code: bool = False) -> Any:
    """The library's tokenizer of a folder.

    Raises:
        CheckpointError: there is none.
    """
    from transformers import AutoTokenizer

    require_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
