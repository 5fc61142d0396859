"""What a checkpoint's small files may say, looked at before a library reads them.

Libraries trust these files: a tokenizer with an id of 2^31 takes 10 GB, a config with 100 000 layers a minute,
a named pipe waits for ever. So each file that they read is read here first, within bounds of size, depth and
number of values, and refused in one line where a number in it is none that a model could have.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ...guards.links import lies_in
from ...messages import reason_of, shown
from .bounded import Unfit, is_file, parse_bounded, read_bounded, tables_in

MIB = 2**20
MOST_FILES = 20_000  # in a checkpoint's folder
MOST_FOLDERS_DEEP = 5
MOST_LAYERS = 512  # the deepest of today have some 130
MOST_TOKENS = 2**22  # in a vocabulary; the largest of today have some 2^18
MOST_ADDED_TOKENS = 20_000  # what they take grows with the square of their number
MOST_NUMBER = 2**31  # of what a config counts
MOST_BLOCKS = 64  # of a model whose config names each
MOST_LENGTH = 2**24  # tokens that a model reads, as its tokenizer says
MOST_PADDED = 2**12  # where prompts are padded to it
NO_LENGTH = 10**18  # libraries write 10^30 for no limit
MOST_TIMESTEPS = 1_000_000  # of a noise schedule, which is a table of them
MOST_PATTERN = 10_000  # characters of a regular expression

_SIZES = {"tokenizer.json": 64 * MIB, "vocab.json": 64 * MIB, "config.json": 4 * MIB}
_SIZES_BY_ENDING = {".json": 16 * MIB, ".jinja": MIB, ".model": 64 * MIB, ".txt": 64 * MIB}
_INDEX = ".index.json"
_INDEX_BYTES = 64 * MIB
_MANY_VALUES = 8_000_000  # of a vocabulary with its merges, or of an index of shards

SIZES = (
    "attention_head_dim",
    "base_dim",
    "d_ff",
    "d_model",
    "dim",
    "embed_dim",
    "head_dim",
    "hidden_size",
    "image_size",
    "intermediate_size",
    "n_embd",
    "n_head",
    "n_heads",
    "n_layer",
    "n_positions",
    "num_attention_heads",
    "num_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "num_layers",
    "patch_size",
    "sample_size",
    "spatial_merge_size",
    "vocab_size",
    "block_out_channels",
    "encoder_block_out_channels",
    "decoder_block_out_channels",
    "max_position_embeddings",
)
"""Names under which configs count what a model is made of: whole numbers from 1 on, lists of them, or none."""

_QUANTISATION = "quantization_config"  # which counts nothing that a model is made of
_TABLES = ("text_config", "vision_config", "vq_config", _QUANTISATION)
_MAY_BE_NEGATIVE = ("max_position_embeddings", "image_size", "sample_size")  # -1 stands for nothing said
_LAYERS = re.compile(r"(num|n)_?(\w+_)?(layers?|blocks?)|(\w+_)?layers_per_block|depth|depths|layers")
_BLOCKS = re.compile(r"(\w+_)?(block_out_channels|block_types|layers_per_block)")


def vet(folder: Path) -> None:
    """Look at every small file of a checkpoint that libraries may read. A part of it may be a link to a folder
    elsewhere, whose files are then that folder's own.

    Raises:
        CheckpointError: one is no file, leads elsewhere, is too large or nested too deep, or says what cannot
            be.
    """
    for link in sorted(each for each in folder.iterdir() if each.is_symlink() and each.is_dir()):
        _vet_files(link.resolve())
    _vet_files(folder)


def _vet_files(folder: Path) -> None:
    """As `vet`, of what lies in a folder itself, without the folders that links lead to."""
    for path in files_in(folder):
        limit = most_bytes(path.name)
        if limit is None:
            if path.suffix == ".safetensors" and not is_file(path):
                raise CheckpointError(f"{path}: is no file: {_AGAIN}")
            continue
        _refuse_link_out(path, folder)
        try:
            data = read_bounded(path, most=limit)
            if path.suffix == ".json":
                _look(path.name, parse_bounded(data, values=values_of(path.name)))
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({reason_of(error)}): check its rights") from None
        except Unfit as error:
            raise CheckpointError(f"{path}: {error}: {_AGAIN}") from None


_AGAIN = "copy the checkpoint again, or name another"


def most_bytes(name: str) -> int | None:
    """That a file of this name may have; `None` for what is not looked at here: weights, read by their
    headers, and what nobody reads."""
    if name.endswith(_INDEX) or re.search(r"\.index\.[\w-]+\.json$", name):
        return _INDEX_BYTES
    return _SIZES.get(name) or _SIZES_BY_ENDING.get(os.path.splitext(name)[1])


def files_in(folder: Path) -> Iterator[Path]:
    """What a checkpoint's folder holds, folders in it included, in order; links to folders are not followed.

    Raises:
        CheckpointError: it holds more than a checkpoint does, as a home folder would.
    """
    count = 0
    start = len(folder.parts)
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if len(here.parts) - start < MOST_FOLDERS_DEEP - 1)
        count += len(names) + len(folders)
        if count > MOST_FILES:
            raise CheckpointError(
                f"{folder}: holds more than {MOST_FILES} files: name the folder of one checkpoint"
            )
        yield from (here / name for name in sorted(names))


def _refuse_link_out(path: Path, folder: Path) -> None:
    """A link may lead to another file of the checkpoint, or of the Hub's cache that its folder is part of."""
    if not path.is_symlink():
        return
    try:
        path.resolve()
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{path}: is a link that leads nowhere ({error})") from None
    if not lies_in(path, folder):
        raise CheckpointError(
            f"{path}: is a link that leads out of its checkpoint: copy the file there instead"
        )


def values_of(name: str) -> int:
    """Values that a JSON file of this name may hold."""
    return _MANY_VALUES if name.startswith(("tokenizer.json", "vocab")) or ".index." in name else 400_000


def _look(name: str, value: Any) -> None:
    """Raises `Unfit` where a JSON file says what no library should be handed."""
    if name in ("config.json", "model_index.json", "preprocessor_config.json", "generation_config.json"):
        _look_at_table(value)
    if name == "config.json":
        _look_at_config(value)
    if name == "scheduler_config.json":
        _look_at_table(value)
        _each(value.get("num_train_timesteps"), "num_train_timesteps", 1, MOST_TIMESTEPS)
    if name == "tokenizer.json":
        _look_at_tokenizer(value)
    if name == "tokenizer_config.json":
        _look_at_table(value)
        _look_at_added(value.get("added_tokens_decoder"), "added_tokens_decoder")
        length = value.get("model_max_length")
        if length is not None and (not isinstance(length, int | float) or isinstance(length, bool)):
            raise Unfit(f"model_max_length = {shown(length)}: must be a number")
        most = MOST_PADDED if str(value.get("tokenizer_class", "")).startswith("CLIP") else MOST_LENGTH
        if length is not None and most < length < NO_LENGTH:
            raise Unfit(f"model_max_length = {shown(length)}: no model reads so many tokens (at most {most})")
    if name in ("vocab.json", "added_tokens.json"):
        _look_at_vocabulary(value, name)


def _look_at_table(value: Any) -> None:
    if not isinstance(value, dict):
        raise Unfit("holds no JSON object")


def _look_at_config(config: dict[str, Any]) -> None:
    if not isinstance(config.get(_QUANTISATION), dict | None):
        raise Unfit(f"{_QUANTISATION} must be a table")
    for table in tables_in({name: value for name, value in config.items() if name != _QUANTISATION}):
        for name, value in table.items():
            if name in SIZES:
                least = -1 if name in _MAY_BE_NEGATIVE else 0
                _each(value, name, least, MOST_NUMBER)
            if _LAYERS.fullmatch(name):
                _each(value, name, -1, MOST_LAYERS, kinds=(int, float, str, bool, dict))
            if _BLOCKS.fullmatch(name) and isinstance(value, list) and len(value) > MOST_BLOCKS:
                raise Unfit(f"{name} names {len(value)} blocks: no model has so many (at most {MOST_BLOCKS})")
            if name in _TABLES and not isinstance(value, dict | None):
                raise Unfit(f"{name} must be a table")
            if isinstance(value, int) and abs(value) > 2**63:
                raise Unfit(f"{name} is a number of {value.bit_length()} bits")


def _each(value: Any, name: str, least: int, most: int, *, kinds: tuple[type, ...] = (int,)) -> None:
    """Raises where a number, or one in a list, is none or lies outside."""
    level = [value]
    while level:
        each = level.pop()
        if isinstance(each, list):
            level += each
        elif each is None:
            continue
        elif not isinstance(each, kinds) or (isinstance(each, bool) and bool not in kinds):
            raise Unfit(f"{name} = {shown(each)}: must be a whole number")
        elif isinstance(each, int | float) and not least <= each <= most:
            raise Unfit(f"{name} = {shown(each)}: no model has so many (from {least} to {most})")


def refuse_absent_layers(config: dict[str, Any], tensors: Iterable[str]) -> None:
    """Raise `Unfit` where a config says many more layers than the weights have: building them would take long,
    only to find that out. Some models use one layer several times, so that a few more are no reason.

    Args:
        tensors: their names; of those in a list the items are numbered.
    """
    numbers = (int(part) for name in tensors for part in name.split(".") if part.isdecimal())
    held = 1 + max((number for number in numbers if number < MOST_LAYERS), default=0)
    for table in tables_in(config):
        for name, value in table.items():
            counts = value if isinstance(value, list) else [value]
            most = max((count for count in counts if type(count) is int), default=0)
            if _LAYERS.fullmatch(name) and most > max(_FEW_LAYERS, 4 * held):
                raise Unfit(f"{name} = {most}: the weights have {held}")


_FEW_LAYERS = 48


def _look_at_tokenizer(value: Any) -> None:
    _look_at_table(value)
    model = value.get("model")
    if isinstance(model, dict):
        _look_at_vocabulary(model.get("vocab"), "vocab")
    _look_at_added(value.get("added_tokens"), "added_tokens")
    for part in ("normalizer", "pre_tokenizer", "decoder", "post_processor"):
        _look_at_steps(value.get(part), part)


def _look_at_vocabulary(vocabulary: Any, name: str) -> None:
    """A table of ids, or a list of pieces with their scores."""
    if not isinstance(vocabulary, dict | list):
        return
    if len(vocabulary) > MOST_TOKENS:
        raise Unfit(f"{name} has {len(vocabulary)} tokens, of at most {MOST_TOKENS}")
    if isinstance(vocabulary, dict):
        for token, number in vocabulary.items():
            _look_at_id(number, token)


def _look_at_added(added: Any, name: str) -> None:
    """A list of tokens with their ids, or a table of them by id."""
    if not isinstance(added, dict | list):
        return
    if len(added) > MOST_ADDED_TOKENS:
        raise Unfit(f"{name} has {len(added)} tokens, of at most {MOST_ADDED_TOKENS}")
    if isinstance(added, dict):
        for number in added:
            _look_at_id(int(number) if number.isdecimal() and len(number) < 20 else number, number)
        return
    for token in added:
        if not isinstance(token, dict):
            raise Unfit(f"{name}: {shown(token)} is no token")
        _look_at_id(token.get("id"), token.get("content"))


def _look_at_id(number: Any, token: Any) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < MOST_TOKENS:
        raise Unfit(f"token {shown(token)} has the id {shown(number)}: must lie from 0 to {MOST_TOKENS - 1}")


_MOST_STEPS = 64  # of a tokenizer's work on a text
_MOST_GROWTH = 64  # times that a text may become longer by what is put in the place of its parts


def _look_at_steps(step: Any, part: str) -> None:
    """Steps that would each make a text longer, or a regular expression that nobody would write."""
    growth = 1
    tables = list(tables_in(step))
    if len(tables) > 16 * _MOST_STEPS:
        raise Unfit(f"{part} has {len(tables)} parts: no tokenizer has so many")
    for table in tables:
        content = table.get("content")
        if table.get("type") in ("Replace", "Prepend") and isinstance(content, str):
            growth *= max(1, len(content))
        pattern = table.get("Regex")
        if isinstance(pattern, str) and len(pattern) > MOST_PATTERN:
            raise Unfit(f"{part} has a pattern of {len(pattern)} characters, of at most {MOST_PATTERN}")
    if growth > _MOST_GROWTH:
        raise Unfit(f"{part} makes texts {growth} times as long: no tokenizer does")
