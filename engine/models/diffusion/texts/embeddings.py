"""Textual inversion (Gal et al. 2022, "An image is worth one word"): words of a user's own, which stand for
vectors that a text encoder reads in the place of tokens.

    emb_params          of one text encoder, as web UIs write it
    <the word>          likewise, as diffusers writes it
    clip_l, clip_g      of the two of SDXL
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from ....errors import CheckpointError, InputError
from ....messages import did_you_mean, shown
from ...checkpoint.folder import read_header

_ENCODERS = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
_TOKENIZERS = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}
_MOST_VECTORS = 256
_TAG = re.compile(r"<embedding:([^<>\n]{1,200})>", re.IGNORECASE)


def word_of(file: str) -> str:
    """The name by which prompts use an embedding: that of its file."""
    return Path(file).name.removesuffix(".safetensors")


def spelt(text: str, words: Sequence[str]) -> str:
    """A prompt in which each of these words stands as the tokenizers know it: `<embedding:word>`.

    Raises:
        InputError: it asks for an embedding that is none of them.
    """
    if not words:
        return text
    known = {word.casefold(): word for word in words}
    for found in _TAG.finditer(text):
        if found[1].strip().casefold() not in known:
            raise InputError(f"embedding {shown(found[1])}: not known{did_you_mean(found[1], list(words))}")
    longest = sorted(words, key=len, reverse=True)
    either = "|".join(re.escape(word) for word in longest)
    pattern = rf"<embedding:\s*({either})\s*>|\bembedding:({either})(?![\w-])|(?<![\w:<-])({either})(?![\w>-])"
    return re.sub(
        pattern, lambda found: token_of(next(filter(None, found.groups()))), text, flags=re.IGNORECASE
    )


def token_of(word: str) -> str:
    """What stands for a word in prompts as tokenizers read them; nothing that anybody writes by chance."""
    return f"<embedding:{word.casefold()}>"


def add_embeddings(pipeline: Any, encoders: Mapping[str, Any], files: Sequence[str]) -> None:
    """Let the text encoders of a pipeline know these words.

    Args:
        encoders: by name; those of the pipeline.

    Raises:
        CheckpointError: a file is missing, damaged, or for another kind of text encoder.
    """
    words = [word_of(file) for file in files]
    for file, word in zip(files, words, strict=True):
        if words.count(word) > 1:
            raise CheckpointError(f"{file}: two embeddings are called {shown(word)}: give one another name")
        vectors = _vectors(pipeline, encoders, Path(file).expanduser())
        for name, rows in vectors.items():
            _add(encoders[name], getattr(pipeline, _TOKENIZERS[name]), token_of(word), rows)


def embedding_bytes(files: Sequence[str], bytes_each: int) -> int:
    """Of their vectors beside a model; errors as `add_embeddings`."""
    headers = (read_header(_file(Path(file).expanduser())) for file in files)
    shapes = (entry["shape"] for header in headers for entry in header.values())
    return sum(torch.Size(shape).numel() * bytes_each for shape in shapes)


def _vectors(pipeline: Any, encoders: Mapping[str, Any], path: Path) -> dict[str, torch.Tensor]:
    """Of each text encoder: (n, d)."""
    kind = type(pipeline).__name__
    able = [name for name in encoders if name in _TOKENIZERS and _is_clip(encoders[name])]
    if len(able) < len(encoders) or not able:
        raise CheckpointError(f"{path}: {kind} takes no embeddings: they are for Stable Diffusion 1, 2 and XL")
    header = read_header(_file(path))
    names = [name for name in header if name in _ENCODERS] or list(header)
    if len(names) != len(able) or (len(able) > 1 and set(names) != set(_ENCODERS)):
        has, wants = (
            ", ".join(map(shown, list(header)[:3])) or "nothing",
            ", ".join(each for each, encoder in _ENCODERS.items() if encoder in able),
        )
        raise CheckpointError(
            f"{path}: holds {has}, and {kind} wants {wants if len(able) > 1 else 'one embedding'}: it is for"
            " another kind of model"
        )
    found: dict[str, torch.Tensor] = {}
    with safe_open(path, framework="pt", device="cpu") as file:
        for name in names:
            encoder = _ENCODERS.get(name, able[0])
            encoder = encoder if encoder in able else able[0]
            rows = file.get_tensor(name)
            rows = rows[None] if rows.dim() == 1 else rows
            width = encoders[encoder].get_input_embeddings().weight.shape[1]
            if rows.dim() != 2 or rows.shape[1] != width or not 0 < rows.shape[0] <= _MOST_VECTORS:
                raise CheckpointError(
                    f"{path}: {name} has the shape {'x'.join(map(str, rows.shape))}, and {encoder} of this"
                    f" {kind} reads"
                    f" vectors of {width}: it is for another kind of model"
                )
            if not bool(rows.isfinite().all()):
                raise CheckpointError(
                    f"{path}: {name} holds NaN or infinity: it is damaged: get the file again"
                )
            found[encoder] = rows
    return found


def _file(path: Path) -> Path:
    if path.suffix != ".safetensors" or not path.is_file():
        raise CheckpointError(f"{path}: no such .safetensors file: name the file of an embedding")
    return path


def _is_clip(encoder: Any) -> bool:
    return type(encoder).__name__.startswith("CLIPText")


def _add(encoder: Any, tokenizer: Any, token: str, vectors: torch.Tensor) -> None:
    """A token for each vector: further ones are called as the library expects them, and put in by it."""
    tokens = [token, *(f"{token}_{i}" for i in range(1, len(vectors)))]
    tokenizer.add_tokens(tokens)
    ids = tokenizer.convert_tokens_to_ids(tokens)
    table = encoder.get_input_embeddings()
    old = table.weight.detach()
    rows = max(old.shape[0], max(ids) + 1)
    weight = torch.empty((rows, old.shape[1]), dtype=old.dtype, device=old.device)
    if not old.is_meta:
        weight[: len(old)] = old
        weight[torch.tensor(ids)] = vectors.to(old.dtype)
    table.weight = torch.nn.Parameter(weight, requires_grad=False)
    table.num_embeddings = encoder.config.vocab_size = rows
