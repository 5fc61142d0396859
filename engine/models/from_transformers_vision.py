"""Vision-to-text models of transformers as captioners: captions, likelihoods of a text, yes or no about a fact.

Knows the library's classes and the checkpoint's image processor. Knows nothing of verdicts or of the loop.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import CheckpointError
from .checkpoint import read_json, whole
from .from_transformers import single_id

if TYPE_CHECKING:
    from transformers import BlipForConditionalGeneration, PreTrainedTokenizerFast

CAPTION = "<s><caption>"
TEXT_LENGTH = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """From likelihoods to a probability, fitted on held-out matched and mismatched pairs.

    score = sigmoid(weight · (nats without the picture · alpha - nats with it) + bias), nats per token.
    """

    alpha: float = 1.0
    weight: float = 1.0
    bias: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captioner:
    """A BLIP-style captioner: an image encoder read by a text decoder through cross-attention.

    Args:
        caption_start: ids that a caption begins with.
        answers: ids of 'no' and of 'yes'.
        text_length: tokens that a text is cut or padded to: its shape must not depend on its neighbours.
    """

    model: "BlipForConditionalGeneration"
    processor: Any
    tokenizer: "PreTrainedTokenizerFast"
    caption_start: tuple[int, ...]
    answers: tuple[int, int]
    text_length: int
    calibration: Calibration

    @property
    def device(self) -> torch.device:
        return self.model.device

    @torch.inference_mode()
    def look(self, pictures: Sequence[torch.Tensor]) -> torch.Tensor:
        """What the decoder reads: pictures uint8 (h, w, 3), of any sizes, to (b, s, d)."""
        images = [picture.numpy() for picture in pictures]
        values = self.processor(images=images, input_data_format="channels_last", return_tensors="pt")[
            "pixel_values"
        ]
        return self._encode(values)

    @torch.inference_mode()
    def blank(self) -> torch.Tensor:
        """What the decoder reads where there is no picture: (1, s, d)."""
        vision: Any = self.model.config.vision_config
        return self._encode(torch.zeros(1, 3, vision.image_size, vision.image_size))

    def _encode(self, values: torch.Tensor) -> torch.Tensor:
        values = values.to(self.device, self.model.dtype)
        return self.model.vision_model(pixel_values=values).last_hidden_state

    @torch.inference_mode()
    def nats(self, seen: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
        """-log p(text | picture) a token, end included, for each row: float32 (b,)."""
        rows = [self._caption_ids(text) for text in texts]
        start = len(self.caption_start)
        ids = self._padded(rows, self.text_length)
        logits = self._decode(ids, seen)[:, start - 1 : -1]  # (b, t, v), each for the token after it
        nats = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, start:], reduction="none")
        counts = torch.tensor([len(row) - start for row in rows], device=self.device)
        inside = torch.arange(nats.shape[1], device=self.device)[None] < counts[:, None]
        return ((nats * inside).sum(1) / counts).cpu()

    @torch.inference_mode()
    def yes(self, seen: torch.Tensor, facts: Sequence[str]) -> torch.Tensor:
        """The probability of 'yes' to whether the picture shows the fact, for each row: float32 (b,)."""
        rows = [self._ask_ids(fact) for fact in facts]
        logits = self._decode(self._padded(rows, max(len(row) for row in rows)), seen)
        last = torch.tensor([len(row) - 1 for row in rows], device=self.device)
        at_end = logits[torch.arange(len(rows), device=self.device), last]
        return at_end[:, list(self.answers)].softmax(-1)[:, 1].cpu()

    @torch.inference_mode()
    def captions(self, seen: torch.Tensor, *, max_tokens: int = 32) -> list[str]:
        """The likeliest caption, word by word, for each row."""
        ids = torch.tensor([list(self.caption_start)] * len(seen), device=self.device)
        stop = single_id(self.tokenizer.eos_token_id)
        running = torch.ones(len(seen), dtype=torch.bool, device=self.device)
        for _ in range(max_tokens):
            chosen = self._decode(ids, seen)[:, -1].argmax(-1)
            ids = torch.cat([ids, torch.where(running, chosen, stop)[:, None]], 1)
            running &= chosen != stop
            if not running.any():
                break
        rows = ids[:, len(self.caption_start) :].tolist()
        ended = [row[: row.index(stop)] if stop in row else row for row in rows]
        return [str(self.tokenizer.decode(row)).strip() for row in ended]

    def _decode(self, ids: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        return self.model.text_decoder(
            input_ids=ids, encoder_hidden_states=seen, use_cache=False
        ).logits.float()

    def _caption_ids(self, text: str) -> list[int]:
        """The start, the text (encoded after it, as in training: alone, words begin otherwise), the end."""
        begun = self._ids(f"{CAPTION}{text}")
        return [*begun[: self.text_length - 1], single_id(self.tokenizer.eos_token_id)]

    def _ask_ids(self, fact: str) -> list[int]:
        *begun, answer = self._ids(f"<s><ask>{fact}<answer>")
        return [*begun[: self.text_length - 1], answer]

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def _padded(self, rows: Sequence[list[int]], length: int) -> torch.Tensor:
        """int64 (b, length); what follows a row's end is never looked at."""
        pad = single_id(self.tokenizer.pad_token_id)
        return torch.tensor([row + [pad] * (length - len(row)) for row in rows], device=self.device)


def load_captioner(folder: Path, dtype: torch.dtype, device: torch.device) -> Captioner:
    """A captioner from a transformers folder, with `calibration.json` beside its weights."""
    from transformers import AutoTokenizer, BlipForConditionalGeneration, BlipImageProcessorPil

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    processor = BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)
    loaded = BlipForConditionalGeneration.from_pretrained(
        folder, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
    )
    model = whole(loaded, folder)
    yes, no = (tokenizer.encode(f"<answer> {word}", add_special_tokens=False)[-1] for word in ("yes", "no"))
    return Captioner(
        model=model.to(device).eval().requires_grad_(False),
        processor=processor,
        tokenizer=tokenizer,
        caption_start=tuple(tokenizer.encode(CAPTION, add_special_tokens=False)),
        answers=(no, yes),
        text_length=min(TEXT_LENGTH, model.config.text_config.max_position_embeddings),
        calibration=read_calibration(folder),
    )


def read_calibration(folder: Path) -> Calibration:
    """The captioner's calibration; the plain one where it was never calibrated.

    Raises:
        CheckpointError: the file does not hold the three numbers.
    """
    path = folder / "calibration.json"
    if not path.exists():
        return Calibration()
    try:
        return Calibration(**{k: float(v) for k, v in read_json(path).items()})
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: {error}: run the calibration again") from None
