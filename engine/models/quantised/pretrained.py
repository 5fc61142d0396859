"""Models of transformers from their folders, quantised or not, whole or in outline.

Weights of bitsandbytes have no outline of the library's own: it looks at their numbers. Theirs is that of the
same model with plain weights. And they are read to the host, where the library would take a GPU of its own
choice.
"""

import copy
import functools
import logging
from pathlib import Path
from typing import Any

import torch

from ..checkpoint.folder import outlined
from .bitsandbytes_component import is_bitsandbytes
from .gguf_planner import gguf_in, read_gguf


def from_pretrained(kind: Any, folder: Path, device: torch.device, **options: Any) -> Any:
    """A model and what the library says of its loading, for `folder.whole`.

    Args:
        kind: a class of transformers, or one of its `Auto` classes.
        device: `meta` for an outline.
        options: of the library's `from_pretrained`.
    """
    file = gguf_in(folder)
    if file is not None and device.type != "meta":
        return read_gguf(kind, file, **options)
    if file is None and not is_bitsandbytes(folder):
        return kind.from_pretrained(folder, output_loading_info=True, **options, **outlined(device))
    if device.type != "meta":
        _hush()
        return kind.from_pretrained(folder, output_loading_info=True, **options, device_map={"": "cpu"})
    config = copy.deepcopy(options.get("config") or _config_of(folder))
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        model = (
            kind.from_config(config, dtype=options["dtype"]) if hasattr(kind, "from_config") else kind(config)
        )
    return model.to(options["dtype"]), {"missing_keys": ()}


def _config_of(folder: Path) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


@functools.cache
def _hush() -> None:
    """Leave out the line that bitsandbytes logs at every product in eight bits."""
    logging.getLogger("bitsandbytes.autograd._functions").addFilter(
        lambda record: not str(record.msg).startswith("MatMul8bitLt: inputs will be cast")
    )
