"""Judge, as a script does it: `generate` for the caption, the decoder's likelihoods for the facts.

After the vision-encoder-decoder page of transformers. Each picture is encoded once for all, and all texts
of a batch go through the decoder in one padded call.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from transformers import AutoTokenizer, BlipImageProcessorPil, VisionEncoderDecoderModel
from transformers.modeling_outputs import BaseModelOutput

MAX_CAPTION_TOKENS = 32


@dataclasses.dataclass(frozen=True)
class Judged:
    """A caption, and of each fact the probability of 'yes' and the nats of its words."""

    caption: str
    answers: tuple[float, ...]
    said: tuple[float, ...]


class Judge:
    """A captioner; arguments as `plan.Planner`."""

    def __init__(
        self,
        folder: Path,
        *,
        dtype: torch.dtype,
        device: torch.device,
        weights_on: torch.device | None = None,
    ) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.processor = BlipImageProcessorPil.from_pretrained(folder)
        self.model: Any = VisionEncoderDecoderModel.from_pretrained(folder, dtype=dtype).eval()
        self.model.to(weights_on or device)
        self.device, self.dtype = device, dtype
        self.start = self._ids("<s><caption>")
        self.no, self.yes = (self._ids(f"<answer> {word}")[-1] for word in ("no", "yes"))
        self.length = min(64, self.model.config.decoder.max_position_embeddings)

    @torch.inference_mode()
    def __call__(self, pictures: torch.Tensor, facts: Sequence[Sequence[str]]) -> list[Judged]:
        """Pictures uint8 (b, h, w, 3); any number of facts for each."""
        images = [picture.numpy() for picture in pictures]
        found = self.processor(images=images, input_data_format="channels_last", return_tensors="pt")
        values = found["pixel_values"].to(self.device, self.dtype)
        seen = self._seen(values)
        captions = self._captions(seen)
        answers, said = self._answers(seen, facts)
        return [Judged(*row) for row in zip(captions, answers, said, strict=True)]

    def _seen(self, values: torch.Tensor) -> torch.Tensor:
        """(b, s, d)."""
        seen = self.model.encoder(pixel_values=values).last_hidden_state
        return seen.flatten(2).mT if seen.ndim == 4 else seen  # what the library forgets after a ResNet

    def _captions(self, seen: torch.Tensor) -> list[str]:
        stop = int(self.tokenizer.eos_token_id)
        written = self.model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=seen),
            decoder_input_ids=torch.tensor([self.start] * len(seen), device=self.device),
            max_new_tokens=MAX_CAPTION_TOKENS,
            do_sample=False,
        )
        rows = written[:, len(self.start) :].tolist()
        ended = [row[: row.index(stop)] if stop in row else row for row in rows]
        return [str(self.tokenizer.decode(row)).strip() for row in ended]

    def _answers(
        self, seen: torch.Tensor, facts: Sequence[Sequence[str]]
    ) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
        """All questions about all pictures of the batch at once: of 'yes', and of the fact's own words."""
        counts = [len(row) for row in facts]
        rows = [self._ids(f"<s><ask>{fact}<answer>") for row in facts for fact in row]
        if not rows:
            return [() for _ in facts], [() for _ in facts]
        whose = torch.tensor(counts, device=self.device)
        ids = self._padded(rows)
        logits = self._read(ids, seen.repeat_interleave(whose, 0))
        last = torch.tensor([len(row) - 1 for row in rows], device=self.device)
        at_end = logits[torch.arange(len(rows), device=self.device), last]
        answers = iter(at_end[:, [self.no, self.yes]].softmax(-1)[:, 1].tolist())
        nats = F.cross_entropy(logits[:, 1:-1].transpose(1, 2), ids[:, 2:], reduction="none")
        beyond = torch.arange(2, ids.shape[1], device=self.device)[None] >= last[:, None]
        said = iter(nats.masked_fill(beyond, 0.0).sum(1).tolist())
        return [tuple(next(answers) for _ in row) for row in facts], [
            tuple(next(said) for _ in row) for row in facts
        ]

    def _read(self, ids: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        return self.model.decoder(input_ids=ids, encoder_hidden_states=seen, use_cache=False).logits.float()

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def _padded(self, rows: Sequence[list[int]]) -> torch.Tensor:
        """int64 (b, t), padded on the right, where a causal decoder never looks."""
        pad, width = int(self.tokenizer.pad_token_id), max(map(len, rows))
        return torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=self.device)
