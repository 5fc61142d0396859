"""How far text encoders reach, and which of their layers are looked at: what arguments of a call may say of
them, and what the library still calls by an older name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ....errors import InputError
from ....messages import shown
from ..pipeline_parts import TEXT, component_config, components_of

MOST_TOKENS = 4096
"""That are read by what counts from token to token, as T5 does, and has no last place: the work grows with the
square."""

_LENGTH, _SKIP, _LAYERS = "max_sequence_length", "clip_skip", "text_encoder_out_layers"


def refuse_layers(folder: Path, arguments: Mapping[str, Any]) -> None:
    """Raise `InputError` where a pipeline's text encoders have no such tokens or layers.

    Args:
        folder: the pipeline's.
        arguments: of its call, each of the kind that it takes.
    """
    if not any(arguments.get(name) is not None for name in (_LENGTH, _SKIP, _LAYERS)):
        return
    configs = [component_config(folder, name) for name in components_of(folder, TEXT)]
    if (length := arguments.get(_LENGTH)) is not None:
        reach = _numbers(configs, "max_position_embeddings")
        most = max(reach) if len(reach) == len(configs) else MOST_TOKENS
        _refuse(_LENGTH, length, least=1, most=most, why="tokens the text encoders read")
    if (skipped := arguments.get(_SKIP)) is not None:
        clip = [config for config in configs if str(config.get("model_type")).startswith("clip")]
        layers = _numbers(clip, "num_hidden_layers")
        most = min(layers) - 1 if layers else None
        _refuse(_SKIP, skipped, least=0, most=most, why="layers can be skipped")
    if (chosen := arguments.get(_LAYERS)) is not None:
        layers = _numbers(configs, "num_hidden_layers")
        for each in chosen:
            _refuse(_LAYERS, each, least=0, most=max(layers, default=None), why="layers the text encoder has")


def _numbers(configs: Sequence[Mapping[str, Any]], name: str) -> list[int]:
    """What those configs say that say it."""
    return [config[name] for config in configs if type(config.get(name)) is int]


def _refuse(name: str, value: int, *, least: int, most: int | None, why: str) -> None:
    if value < least:
        raise InputError(f"arguments: {name} = {shown(value)}: must be at least {least}")
    if most is not None and value > most:
        raise InputError(f"arguments: {name} = {shown(value)}: must be at most {most}: so many {why}")


def with_text_model(encoder: Any) -> None:
    """Let a CLIP text model of transformers 5, whose layers are its own, be asked for its `text_model`, as
    pipelines of the library do that skip layers."""
    if not hasattr(encoder, "text_model") and hasattr(encoder, "final_layer_norm"):
        vars(encoder)["text_model"] = encoder  # beside its modules: there it would hold itself
