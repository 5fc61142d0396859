"""Where what a recipe names lies: a checkpoint's folder, a folder in it, or a file, on this disk or in the
Hub's cache; and what a file says of its tensors."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....errors import CheckpointError
from ....messages import did_you_mean
from ...checkpoint.bounded import is_file
from ...checkpoint.folder import folder_of, read_header, shown_name
from ...checkpoint.hub import cached, how_to_get
from ...quantised.gguf_header import ENDING as GGUF
from ...quantised.gguf_header import read_gguf_header

ENDINGS = (".safetensors", GGUF)
"""Of names that are those of single files."""

_PICKLES = (".bin", ".ckpt", ".pkl", ".pt", ".pth")


def is_single_file(checkpoint: str) -> bool:
    """Whether a checkpoint's name is that of a file."""
    return checkpoint.endswith(ENDINGS)


def place_of(checkpoint: str) -> Path:
    """The folder or file that a name stands for: a path, `ORGANISATION/NAME` of the Hub (and `@REVISION`), or
    a file or folder in it (`ORGANISATION/NAME/vae`), or a name of the package's own.

    Raises:
        CheckpointError: there is none.
    """
    path = Path(checkpoint)
    with contextlib.suppress(RuntimeError):  # the home of a user that there is not
        path = path.expanduser()
    if is_file(path):
        if path.suffix in _PICKLES:
            raise CheckpointError(
                f"{path}: is a pickle, which can run any code when opened: name a .safetensors file of the"
                " model"
            )
        return path
    organisation, _, rest = checkpoint.partition("/")
    name, slash, inner = rest.partition("/")
    if (
        slash
        and inner
        and ".." not in Path(inner).parts
        and (root := cached(f"{organisation}/{name}")) is not None
    ):
        found = root / inner
        if is_file(found) or found.is_dir():
            return found
        raise CheckpointError(
            f"{shown_name(checkpoint)}: the cache has {organisation}/{name} without it: get it with"
            f" {how_to_get(f'{organisation}/{name}')} {inner}"
        )
    if not is_single_file(checkpoint):
        return folder_of(checkpoint)
    near = (
        [each.name for each in path.parent.glob("*") if is_single_file(each.name)]
        if path.parent.is_dir()
        else []
    )
    command = how_to_get(f"{organisation}/{name}") if slash and inner else ""
    hint = f"get it with {command} {inner}" if command else f"check the path{did_you_mean(path.name, near)}"
    raise CheckpointError(f"{shown_name(checkpoint)}: no such file: {hint}")


def header_of(file: Path) -> Mapping[str, Mapping[str, Any]]:
    """A single file's tensors, as `read_header` gives them: by name their dtype, shape and bytes. Of a GGUF
    file the dtype is the name of the blocks' kind.

    Raises:
        CheckpointError: it is damaged.
    """
    if file.suffix != GGUF:
        return read_header(file)
    return {
        name: {"dtype": each.kind, "shape": list(each.shape), "data_offsets": [0, each.bytes]}
        for name, each in read_gguf_header(file).tensors.items()
    }
