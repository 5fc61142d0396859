"""Vision-to-text models of transformers as captioners: captions, likelihoods of a text, yes or no about a fact.

Knows the library's classes and the checkpoint's image processor. Knows nothing of verdicts or of the loop.
"""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...ar.decoding import decode_greedy
from ...errors import CheckpointError
from ...values import Fact
from ..checkpoint.bounded import MOST_BYTES, Unfit, is_file, read_bounded
from ..checkpoint.folder import outlined, read_json, whole
from ..checkpoint.tokenizer import load_tokenizer
from ..checkpoint.vetting import most_bytes
from ..language.causal_lm import single_id
from .calibration import Calibration, read_calibration
from .caption_decoder import CaptionDecoder, ImageFeatures
from .captioner_loader import load_reader
from .picture_reader import PictureReader

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, VisionEncoderDecoderModel

CAPTION = "<s><caption>"
TEXT_LENGTH = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captioner:
    """An image encoder that a BERT decoder reads through cross-attention.

    Args:
        caption_start: ids that a caption begins with.
        answers: ids of 'no' and of 'yes'.
        text_length: tokens that a text is cut or padded to: its shape must not depend on its neighbours.
    """

    model: "VisionEncoderDecoderModel"
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
    def look(self, pictures: Sequence[torch.Tensor]) -> ImageFeatures:
        """What the decoder reads of pictures uint8 (h, w, 3), of any sizes."""
        images = [picture.numpy() for picture in pictures]
        values = self.processor(images=images, input_data_format="channels_last", return_tensors="pt")[
            "pixel_values"
        ]
        return self.encode(values)

    @functools.cached_property
    def blank(self) -> ImageFeatures:
        """What the decoder reads where there is no picture: one of them."""
        size = self.processor.size
        return self.encode(torch.zeros(1, 3, size["height"], size["width"]))

    @torch.inference_mode()
    def encode(self, values: torch.Tensor) -> ImageFeatures:
        """What the decoder reads of pictures as the image encoder is given them, (b, 3, h, w)."""
        values = values.to(self.device, self.model.dtype)
        return self._decoder.features(seen_by(self.model, values))

    @property
    def _decoder(self) -> CaptionDecoder:
        return CaptionDecoder(self.model.decoder)

    @torch.inference_mode()
    def negative_log_likelihood(
        self, features: ImageFeatures, texts: Sequence[str], *, batch_invariant: bool = False
    ) -> torch.Tensor:
        """-log p(text | picture) a token, end included, for each text: float32 (b,).

        Args:
            sight: one picture for each text, or one for all.
            batch_invariant: what runs depends on the number of texts alone.
        """
        rows = [self._caption_ids(text) for text in texts]
        start = len(self.caption_start)
        ids = self._padded(rows, self.text_length if batch_invariant else max(map(len, rows)))
        hidden = self._decoder.read(ids, features)[:, start - 1 : -1]
        logits = self._decoder.logits(hidden)  # (b, t, v), each for the token after it
        nats = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, start:], reduction="none")
        counts = torch.tensor([len(row) - start for row in rows], device=self.device)
        inside = torch.arange(nats.shape[1], device=self.device)[None] < counts[:, None]
        return ((nats * inside).sum(1) / counts).cpu()

    def yes(self, features: ImageFeatures, facts: Sequence[Sequence[str]]) -> list[list[float]]:
        """The probability of 'yes' to whether the picture shows a fact, for each fact about each picture."""
        found = self.asked(features, facts)[0].sigmoid().tolist()
        return [row[: len(each)] for row, each in zip(found, facts, strict=True)]

    def shows(self, features: ImageFeatures, facts: Sequence[Sequence[Fact]]) -> list[list[float]]:
        """The probability that the picture shows a fact, calibrated, for each fact about each picture."""
        asked = [[other for fact in each for other in self.calibration.asked_for(fact)] for each in facts]
        yes, said = self.asked(features, [[fact.text for fact in each] for each in asked])
        found: list[list[float]] = []
        for i, each in enumerate(facts):
            fits = [self.calibration.of(fact.kind) for fact in asked[i]]
            odds = (fit.odds(yes[i, j], said[i, j]) for j, fit in enumerate(fits))
            probabilities = (float(each.sigmoid()) for each in odds)
            found.append([self.calibration.answer(fact, probabilities) for fact in each])
        return found

    @torch.inference_mode()
    def asked(
        self, features: ImageFeatures, facts: Sequence[Sequence[str]]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """For each fact about each picture the log-odds of 'yes' to it, and the nats with which the captioner
        would name it itself: float32 (b, k), k being the most facts of a picture; further ones are padding."""
        most = max(map(len, facts))
        rows = [self._ask_ids(fact) for each in facts for fact in [*each, *[""] * (most - len(each))]]
        ids = self._padded(rows, max(map(len, rows)))
        logits = self._decoder.logits(self._decoder.read(ids, features))
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        no, yes = logits[torch.arange(len(rows), device=self.device), lengths - 1][:, list(self.answers)].T
        nats = torch.nn.functional.cross_entropy(logits[:, 1:-1].mT, ids[:, 2:], reduction="none")
        words = torch.arange(2, ids.shape[1], device=self.device)[None] < lengths[:, None] - 1
        odds = (yes - no).masked_fill(~(yes - no).isfinite(), torch.nan)  # infinite odds would look sure
        return odds.view(-1, most).cpu(), (nats * words).sum(1).view(-1, most).cpu()

    def captions(
        self, features: ImageFeatures, *, max_tokens: int = 32, batch_invariant: bool = False
    ) -> list[str]:
        """The likeliest caption, word by word, for each row."""
        rows = decode_greedy(
            self._decoder.begin(self.caption_start, features, new_tokens=max_tokens),
            count=max_tokens,
            stop=single_id(self.tokenizer.eos_token_id),
            batch_invariant=batch_invariant,
        )
        return [str(self.tokenizer.decode(row)).strip() for row in rows]

    def _caption_ids(self, text: str) -> list[int]:
        """The start, the text (encoded after it, as in training: alone, words begin otherwise), the end."""
        prefix = self._ids(f"{CAPTION}{text}")
        return [*prefix[: self.text_length - 1], single_id(self.tokenizer.eos_token_id)]

    def _ask_ids(self, fact: str) -> list[int]:
        *prefix, answer = self._ids(f"<s><ask>{fact}<answer>")
        return [*prefix[: self.text_length - 1], answer]

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def _padded(self, rows: Sequence[list[int]], length: int) -> torch.Tensor:
        """int64 (b, length); what follows a row's end is never looked at."""
        pad = single_id(self.tokenizer.pad_token_id)
        return torch.tensor([row + [pad] * (length - len(row)) for row in rows], device=self.device)


def seen_by(model: "VisionEncoderDecoderModel", values: torch.Tensor) -> torch.Tensor:
    """What the decoder reads of pictures (b, 3, h, w): what the image encoder sees, place by place, (b, s, d).

    A convolutional encoder gives (b, d, y, x), which the library's own `forward` hands to the decoder as it is.
    """
    encoder: Any = model.encoder
    seen = encoder(pixel_values=values).last_hidden_state
    return seen.flatten(2).mT if seen.ndim == 4 else seen


def answers_facts(folder: Path) -> bool:
    """Whether a captioner's folder holds one of this package's kind, which was trained to answer facts.

    Raises:
        CheckpointError: it does, but of a kind that is no more.
    """
    path = folder / "tokenizer.json"
    if not is_file(path) or b'"<caption>"' not in _read(path):
        return False
    config = read_json(folder / "config.json")
    if config.get("model_type") == "blip":
        raise CheckpointError(f"{folder}: was trained by an earlier version of diptych: train it again")
    return config.get("model_type") == "vision-encoder-decoder"


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, most=most_bytes(path.name) or MOST_BYTES)
    except (OSError, Unfit) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}): copy the checkpoint again") from None


def load_any_captioner(folder: Path, dtype: torch.dtype, device: torch.device) -> Captioner | PictureReader:
    """A captioner of this package's kind, or any other, or a chat model, that the library knows."""
    load = load_captioner if answers_facts(folder) else load_reader
    return load(folder, dtype, device)


def load_captioner(folder: Path, dtype: torch.dtype, device: torch.device) -> Captioner:
    """A captioner of this package's kind from a transformers folder, with `calibration.json` beside its
    weights."""
    from transformers import BlipImageProcessorPil, VisionEncoderDecoderModel

    tokenizer = load_tokenizer(folder)
    processor = BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)
    loaded = VisionEncoderDecoderModel.from_pretrained(
        folder,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **outlined(device),
    )
    model = whole(loaded, folder)
    yes, no = (tokenizer.encode(f"<answer> {word}", add_special_tokens=False)[-1] for word in ("yes", "no"))
    return Captioner(
        model=model.to(device).eval().requires_grad_(False),
        processor=processor,
        tokenizer=tokenizer,
        caption_start=tuple(tokenizer.encode(CAPTION, add_special_tokens=False)),
        answers=(no, yes),
        text_length=min(TEXT_LENGTH, model.config.decoder.max_position_embeddings),
        calibration=read_calibration(folder),
    )
