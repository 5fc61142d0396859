"""Draft, as a script does it: `generate` over image tokens, with the library's own classifier-free guidance.

As shown in the guides "Text generation" and "Generation strategies" of transformers: sampling by `generate`'s
own arguments, `guidance_scale` with `negative_prompt_ids`, and a logits processor that leaves only legal
tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor

from ...engine.models.vision.patch_codebook import PatchCodebook


class OnlyImageTokens(LogitsProcessor):
    """Nothing but the ids from `first` on."""

    def __init__(self, first: int, vocabulary: int, device: torch.device) -> None:
        self.illegal = torch.arange(vocabulary, device=device) < first

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return scores.masked_fill(self.illegal, -torch.inf)


class Drafter:
    """A causal LM over image tokens, and the codebook that shows them; arguments as `plan.Planner`."""

    def __init__(
        self,
        folder: Path,
        codebook: Path,
        *,
        dtype: torch.dtype,
        device: torch.device,
        sampling: dict[str, Any],
        guidance_scale: float,
        weights_on: torch.device | None = None,
    ) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        self.model.to(weights_on or device)
        self.codebook = PatchCodebook.from_pretrained(codebook).to(device)
        self.device, self.sampling, self.guidance_scale = device, sampling, guidance_scale

    @torch.inference_mode()
    def __call__(self, prompts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """int64 tokens (b, h, w) and uint8 previews (b, h', w', 3)."""
        rows, columns = self.model.config.image_token_grid
        written = self.tokens(prompts, rows * columns)
        tokens = written.reshape(-1, rows, columns)
        return tokens, self.codebook.decode(tokens)

    def tokens(self, prompts: Sequence[str], count: int) -> torch.Tensor:
        """int64 (b, count), counted from the first image token."""
        config = self.model.config
        ids = self._prefix(prompts)
        guidance: dict[str, Any] = {}
        if self.guidance_scale != 1:
            guidance = {
                "guidance_scale": self.guidance_scale,
                "negative_prompt_ids": self._prefix([""] * len(prompts)),
            }
        first = config.image_token_offset
        written = self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            **self.sampling,
            **guidance,
            max_new_tokens=count,
            logits_processor=[OnlyImageTokens(first, config.vocab_size, self.device)],
        )
        return written[:, ids.shape[1] :] - first

    def _prefix(self, prompts: Sequence[str]) -> torch.Tensor:
        """`<s> text </s>`, padded to the length that the model was trained with, and the start of the
        picture."""
        length = self.model.config.image_text_length
        start = self.tokenizer.convert_tokens_to_ids("<image>")
        rows = [[*framed(self.tokenizer, prompt, length), start] for prompt in prompts]
        return torch.tensor(rows, device=self.device)


def framed(tokenizer: Any, text: str, length: int) -> list[int]:
    """`<s> text </s>`, cut or padded to `length` ids."""
    ids = tokenizer.encode(text, add_special_tokens=False)[: length - 2]
    ids = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    return ids + [tokenizer.pad_token_id] * (length - len(ids))
