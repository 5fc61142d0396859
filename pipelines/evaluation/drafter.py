"""How well the drafter foresees the tokens of pictures that it never saw."""

import math
from typing import Any

import torch
import torch.nn.functional as F

from ..pocket.world import prompt_of
from ..training.data.source import WorldData
from .figures import Figure, Measure


@torch.inference_mode()
def evaluate_drafter(drafter: Any, codebook: Any, *, count: int, batch_size: int = 16) -> dict[str, Figure]:
    """Bits a token of `count` held-out renders, given the full wording, and given nothing.

    Args:
        drafter: an `image-token-lm` handle: `model`, `tokenizer`, `legal`, `start`, `text_length`.
        codebook: the `image-tokenizer` handle that its tokens belong to.
    """
    data = WorldData("held-out")
    told: list[float] = []
    untold: list[float] = []
    for start in range(0, count, batch_size):
        batch = data.take(range(start, min(count, start + batch_size)), codebook.side[0])
        tokens = codebook.encode(batch.pixels).flatten(1)  # (b, s)
        prompts = [prompt_of(scene) for scene in batch.scenes]
        told += bits_a_token(drafter, prompts, tokens)
        untold += bits_a_token(drafter, [""] * len(prompts), tokens)
    gain = [without - bits for bits, without in zip(told, untold, strict=True)]
    return {
        "told the prompt": Measure.mean_of(told, "bits a token"),
        "told nothing": Measure.mean_of(untold, "bits a token"),
        "what the prompt saves": Measure.mean_of(gain, "bits a token"),
    }


def bits_a_token(drafter: Any, prompts: list[str], tokens: torch.Tensor) -> list[float]:
    """-log2 p(tokens | prompt) a token, for each row; tokens int64 (b, s)."""
    from ...engine.models.language.causal_lm import text_ids

    rows = [[*text_ids(drafter.tokenizer, text, drafter.text_length), drafter.start] for text in prompts]
    ids = torch.cat([torch.tensor(rows), tokens[:, :-1].cpu() + drafter.legal.start], 1)
    output = drafter.model(input_ids=ids.to(drafter.device), use_cache=False, logits_to_keep=tokens.shape[1])
    logits = output.logits[..., drafter.legal].float().transpose(1, 2)  # (b, v, s)
    nats = F.cross_entropy(logits, tokens.to(logits.device), reduction="none").mean(1)
    return (nats / math.log(2)).tolist()
