"""Which tensors of a model stay in float32 though the model is loaded in half precision: the libraries'
classes say so of what overflows there, as T5's last projections do."""

import importlib

_LIBRARIES = ("diffusers", "transformers")


def kept_in_float32(library: str, class_name: str, dtype: str) -> frozenset[str]:
    """Names of modules whose tensors stay in float32.

    Args:
        library, class_name: as a pipeline's index names a component.
        dtype: that the component is loaded in.
    """
    if dtype == "float32" or library not in _LIBRARIES:
        return frozenset()
    kind = getattr(importlib.import_module(library), class_name, None)
    kept = set(getattr(kind, "_keep_in_fp32_modules_strict", None) or ())
    if dtype == "float16" or library == "diffusers":
        kept |= set(getattr(kind, "_keep_in_fp32_modules", None) or ())
    return frozenset(kept)


def is_kept(name: str, kept: frozenset[str]) -> bool:
    """Whether a tensor of this name is one of a module that stays in float32."""
    return not kept.isdisjoint(name.split("."))
