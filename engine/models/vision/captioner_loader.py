"""Loads captioners and vision-language chat models of transformers, with the checkpoint's own processor.

Knows the library's classes. A processor that also takes videos is loaded without that part: it needs
torchvision, and pictures do not.
"""

from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError
from ..checkpoint.folder import whole
from ..language.causal_lm import single_id
from ..language.picture_processor import for_pictures
from ..quantised.pretrained import from_pretrained
from .picture_reader import CaptionReader, ChatReader, PictureReader, end_of


def load_reader(folder: Path, dtype: torch.dtype, device: torch.device) -> PictureReader:
    """A captioner or chat model from a transformers folder.

    Raises:
        CheckpointError: the library knows no such model, or it neither captions nor chats.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    processor = _processor(folder, config)
    loaded = from_pretrained(
        AutoModelForImageTextToText,
        folder,
        device,
        config=config,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    model = whole(loaded, folder).to(device).eval().requires_grad_(False)
    template = getattr(processor, "chat_template", None) or processor.tokenizer.chat_template
    match config.model_type:
        case "blip":
            text = config.text_config
            return CaptionReader(
                model=model,
                processor=processor,
                end=text.sep_token_id,
                prompt="",
                begin=(text.bos_token_id,),
                encodes=False,
            )
        case "blip-2":
            encodes = not config.use_decoder_only_language_model
            return _captioner(model, processor, prompt="", encodes=encodes)
        case "florence2":
            return _captioner(model, processor, prompt="<CAPTION>", encodes=True)
        case _ if template:
            end = end_of(model, processor.tokenizer, chats=True)
            return ChatReader(model=model, processor=processor, end=end, template=template)
        case kind:
            raise CheckpointError(
                f"{folder}: a {kind} without a chat template is no captioner that is known: name a BLIP,"
                " BLIP-2, Florence-2 or a vision-language chat model"
            )


def _captioner(model: Any, processor: Any, *, prompt: str, encodes: bool) -> CaptionReader:
    begin: tuple[int, ...] = ()
    if encodes:
        generation = model.generation_config
        text = model.config.get_text_config()
        start = _first(generation.decoder_start_token_id, text.decoder_start_token_id)
        forced = _first(generation.forced_bos_token_id, getattr(text, "forced_bos_token_id", None))
        begin = (single_id(start), *([] if forced is None else [int(forced)]))
    end = end_of(model, processor.tokenizer, chats=False)
    return CaptionReader(model=model, processor=processor, end=end, prompt=prompt, begin=begin, encodes=encodes)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _processor(folder: Path, config: Any) -> Any:
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    try:
        kind = PROCESSOR_MAPPING[type(config)]
    except KeyError:
        message = f"{folder}/config.json: a {config.model_type} reads no pictures: name another captioner"
        raise CheckpointError(message) from None
    return for_pictures(kind).from_pretrained(folder, local_files_only=True)
