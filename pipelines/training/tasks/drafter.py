"""Trains the drafter: a causal LM that reads a prompt and writes the grid of image tokens.

Cross-entropy on the image tokens alone; those that show things weigh more. The prompt is dropped at times,
which gives classifier-free guidance its second branch (Ho & Salimans 2021; for tokens, Gafni et al. 2022).
"""

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ....engine.models.vision.patch_codebook import PatchCodebook
from ...sheets.sample_sheet import COUNT, Column
from ..data.source import DRAFT_SIDE, TrainingData, indices_of, shows_thing
from ..data.texts import id_of, padded
from ..loop.placement import copy_on, in_float32
from ..loop.weights import save_transformers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TEXT_LENGTH = 28
SHOWN_TEMPERATURE, SHOWN_TOP = 0.7, 32  # where samples are shown


def wording_of(
    data: TrainingData, scene: Any, rng: random.Random, *, plain: float = 0.7, drop: float = 0.1
) -> str:
    """The text condition of drafter and refiner: mostly the planner's wording, sometimes any wording, or
    nothing."""
    if rng.random() < drop:
        return ""
    return data.prompt_of(scene) if rng.random() < plain else data.caption_of(scene, rng)


class DrafterTask:
    """A Llama over one vocabulary: text ids first, then the codebook's.

    Args:
        thing_weight: by how much more a token weighs that shows a thing.
        label_smoothing: of the cross-entropy.
        plain: share of texts that are the full wording, as a planner writes it; others are any wording.
        drop: share of rows without a text.
        compiled: whether PyTorch compiles what is computed, which takes a C++ compiler, or Triton on a GPU.
        hidden_size, layers, heads: of the model.
    """

    name = "drafter"

    def __init__(
        self,
        data: TrainingData,
        codebook: PatchCodebook,
        tokenizer: "PreTrainedTokenizerFast",
        *,
        hidden_size: int = 192,
        layers: int = 6,
        heads: int = 6,
        thing_weight: float = 2.0,
        label_smoothing: float = 0.0,
        plain: float = 0.7,
        drop: float = 0.1,
        compiled: bool = False,
        seed: int = 0,
    ) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        self.data, self.codebook, self.tokenizer = data, codebook, tokenizer
        self.thing_weight, self.label_smoothing, self.seed = thing_weight, label_smoothing, seed
        self.plain, self.drop = plain, drop
        self.offset = len(tokenizer)
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=self.offset + codebook.codebook.size,
            hidden_size=hidden_size,
            intermediate_size=hidden_size * 8 // 3 // 64 * 64,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            max_position_embeddings=TEXT_LENGTH + codebook.grid[0] * codebook.grid[1] + 1,
            tie_word_embeddings=True,
            bos_token_id=id_of(tokenizer, "<s>"),
            eos_token_id=None,
            pad_token_id=id_of(tokenizer, "<pad>"),
        )
        config.image_token_offset = self.offset
        config.image_token_grid = list(codebook.grid)
        config.image_text_length = TEXT_LENGTH
        config.image_codebook = codebook.codebook.name
        self.model = LlamaForCausalLM(config)
        self._nats = torch.compile(self._nats_of, dynamic=False) if compiled else self._nats_of
        if compiled:
            self.model.set_attn_implementation("eager")  # fused, it is the quicker one

    def batch(self, step: int, size: int) -> dict[str, torch.Tensor]:
        """Pictures as the tokens are to show them, uint8 (b, h, w, 3), text ids (b, t) that end where the
        picture begins, and a weight for each token (b, s)."""
        indices = indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        batch = self.data.take(indices, DRAFT_SIDE)
        rngs = [random.Random(f"{self.seed}/{step}/{i}") for i in range(size)]
        texts = [
            wording_of(self.data, scene, rng, plain=self.plain, drop=self.drop)
            for scene, rng in zip(batch.scenes, rngs, strict=True)
        ]
        start = id_of(self.tokenizer, "<image>")
        rows = [[*ids, start] for ids in padded(self.tokenizer, texts, TEXT_LENGTH)]
        weights = 1 + self.thing_weight * shows_thing(batch.masks, self.codebook.grid[0]).flatten(1)
        return {"pixels": batch.pixels, "text": torch.tensor(rows), "weights": weights}

    def rows(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """What the model reads, int64 (b, t + s - 1), and the tokens that it is to foresee, int64 (b, s)."""
        device = batch["pixels"].device
        with in_float32(device):
            tokens = copy_on(device, self.codebook).encode(batch["pixels"]).flatten(1)
        return torch.cat([batch["text"], tokens[:, :-1] + self.offset], 1), tokens

    def loss(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        (ids, targets), weights = self.rows(batch), batch["weights"]
        nats = self._nats(ids, targets)
        return {"loss": (nats * weights).sum() / weights.sum(), "nats": nats.mean()}

    def _nats_of(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """What each token costs (b, s)."""
        logits = self.model(input_ids=ids, use_cache=False, logits_to_keep=targets.shape[1]).logits
        logits = logits[..., self.offset :].float().transpose(1, 2)  # (b, v, s)
        return F.cross_entropy(logits, targets, reduction="none", label_smoothing=self.label_smoothing)

    def show(self) -> list[Column]:
        """What is drafted for held-out prompts, above what their own pictures' tokens show."""
        data = self.data.held_out()
        batch = data.take(range(COUNT), DRAFT_SIDE)
        prompts = [data.prompt_of(scene) for scene in batch.scenes]
        drafts = self.codebook.decode(self._drawn(prompts).reshape(COUNT, *self.codebook.grid))
        truths = self.codebook.decode(self.codebook.encode(batch.pixels))
        return [((d, t), prompt) for d, t, prompt in zip(drafts, truths, prompts, strict=True)]

    @torch.inference_mode()
    def _drawn(self, prompts: list[str]) -> torch.Tensor:
        """Tokens int64 (b, s), each drawn from the likeliest `SHOWN_TOP`."""
        g = torch.Generator().manual_seed(0)
        start = id_of(self.tokenizer, "<image>")
        rows = [[*ids, start] for ids in padded(self.tokenizer, prompts, TEXT_LENGTH)]
        ids, cache, tokens = torch.tensor(rows, device=self.model.device), None, list[torch.Tensor]()
        for _ in range(self.codebook.grid[0] * self.codebook.grid[1]):
            out = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            best = (
                out.logits[:, -1, self.offset :].float().cpu().topk(min(SHOWN_TOP, self.codebook.codebook.size))
            )
            drawn = torch.multinomial((best.values / SHOWN_TEMPERATURE).softmax(-1), 1, generator=g)
            tokens.append(best.indices.gather(1, drawn))
            ids, cache = (tokens[-1] + self.offset).to(ids.device), out.past_key_values
        return torch.cat(tokens, 1)

    def save(self, folder: Path) -> None:
        save_transformers(self.model, folder, self.tokenizer)
