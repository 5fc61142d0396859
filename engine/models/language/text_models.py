"""Which class of the library writes text from a folder's config: a causal language model, or one that sees
pictures, too, and is asked with words alone.
"""

from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ..checkpoint.folder import read_json

WRITES = "AutoModelForCausalLM"
SEES = "AutoModelForImageTextToText"


def auto_class(config: Any) -> str:
    """The name of the library's class for a config: `WRITES`, but for what only `SEES` knows."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    )

    kind = type(config)
    own_code = WRITES in (getattr(config, "auto_map", None) or {})
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING or own_code or kind not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return WRITES
    return SEES


def refuse_readers(config: Any, folder: Path) -> None:
    """Raise `CheckpointError` for a model that writes no text after a prompt: one that reads both ways, as BERT
    does, or that has an encoder for what it is asked."""
    text = config.get_text_config()
    reads_both_ways = getattr(text, "is_decoder", None) is False and text.model_type in _BOTH_WAYS
    if reads_both_ways or getattr(config, "is_encoder_decoder", False):
        kind = (
            "reads text, and writes none after it" if reads_both_ways else "has an encoder for what it is asked"
        )
        raise CheckpointError(
            f"{folder}/config.json: a {config.model_type} {kind}: name a model that chats, such as a Qwen3"
        )


_BOTH_WAYS = (
    "bert",
    "bert-generation",
    "big_bird",
    "camembert",
    "data2vec-text",
    "electra",
    "ernie",
    "megatron-bert",
    "rembert",
    "roberta",
    "roberta-prelayernorm",
    "roc_bert",
    "roformer",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)


def with_text_template(tokenizer: Any, folder: Path) -> Any:
    """The tokenizer, with the chat template that stands beside it for the processor of pictures, if it has no
    other."""
    path = folder / "chat_template.json"
    if getattr(tokenizer, "chat_template", None) is None and path.is_file():
        template = read_json(path).get("chat_template")
        tokenizer.chat_template = template if isinstance(template, str) else None
    return tokenizer
