"""Trains the planner: a causal LM that turns any wording into a full Plan, written as JSON.

Cross-entropy on the Plan alone. What the prompt leaves open (a place, a setting) the Plan fills in: the scene
that the wording was made from says how, so the planner learns to imagine as its world does.
"""

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ...sheets.sample_sheet import COUNT
from ..data.source import IGNORED, TrainingData, indices_of
from ..data.texts import id_of, plan_json
from ..loop.weights import save_transformers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MAX_POSITIONS = 192
PROMPT_WEIGHT = 4.0  # of the expanded prompt's tokens; the facts repeat them


class PlannerTask:
    """A small Llama."""

    name = "planner"

    def __init__(
        self,
        data: TrainingData,
        tokenizer: "PreTrainedTokenizerFast",
        *,
        hidden_size: int = 160,
        layers: int = 4,
        heads: int = 5,
        seed: int = 0,
    ) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        self.data, self.tokenizer, self.seed = data, tokenizer, seed
        self._facts_begin = id_of(tokenizer, '","facts":[')
        torch.manual_seed(seed)
        self.model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=hidden_size,
                intermediate_size=hidden_size * 8 // 3 // 32 * 32,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                max_position_embeddings=MAX_POSITIONS,
                tie_word_embeddings=True,
                bos_token_id=id_of(tokenizer, "<s>"),
                eos_token_id=id_of(tokenizer, "</s>"),
                pad_token_id=id_of(tokenizer, "<pad>"),
            )
        )

    def batch(self, step: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Input ids int64 (b, t), padded on the right, and labels, -100 where nothing is to be learnt."""
        rows = []
        for i, index in enumerate(
            indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        ):
            rng = random.Random(f"planner/{self.seed}/{step}/{i}")
            scene = self.data.to_plan(int(index), rng)
            prompt = self.data.prompt_of(scene)
            text = prompt if rng.random() < 0.1 else self.data.caption_of(scene, rng)
            asked = self.tokenizer.encode(f"<s>{text}<plan>", add_special_tokens=False)
            plan = plan_json(prompt, self.data.facts_of(scene))
            answer = self.tokenizer.encode(f"{plan}</s>", add_special_tokens=False)
            row = asked + answer
            rows.append((row[:MAX_POSITIONS], ([IGNORED] * len(asked) + answer)[:MAX_POSITIONS]))
        longest = max(len(ids) for ids, _ in rows)
        ids = torch.full((size, longest), id_of(self.tokenizer, "<pad>"))
        labels = torch.full((size, longest), IGNORED)
        for i, (row, wanted) in enumerate(rows):
            ids[i, : len(row)], labels[i, : len(row)] = torch.tensor(row), torch.tensor(wanted)
        return ids, labels

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
        ids, labels = batch
        logits = self.model(input_ids=ids, use_cache=False).logits[:, :-1]
        wanted = labels[:, 1:]
        nats = F.cross_entropy(logits.transpose(1, 2).float(), wanted, ignore_index=IGNORED, reduction="none")
        inside = wanted != IGNORED
        before_facts = inside & ((wanted == self._facts_begin).cumsum(1) == 0)  # they only repeat the prompt
        weights = inside.float() + (PROMPT_WEIGHT - 1) * before_facts.float()
        loss = (nats * weights).sum() / weights.sum()
        prompt = (nats * before_facts).sum() / before_facts.sum().clamp_min(1)
        return {"loss": loss, "prompt": prompt, "all": nats.sum() / inside.sum()}

    def show(self) -> str:
        """Held-out wordings and what is planned for them, word by word the likeliest, under no grammar."""
        data, lines = self.data.held_out(), list[str]()
        model: Any = self.model
        for i, scene in enumerate(data.scenes(range(COUNT))):
            text = data.caption_of(scene, random.Random(i))
            asked = self.tokenizer.encode(f"<s>{text}<plan>", add_special_tokens=False)
            ids = torch.tensor([asked], device=self.model.device)
            written = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=MAX_POSITIONS - len(asked),
                do_sample=False,
            )
            plan = self.tokenizer.decode(written[0, len(asked) :], skip_special_tokens=True)
            lines += [f"asked:   {text}", f"wanted:  {data.prompt_of(scene)}", f"planned: {plan}", ""]
        return "\n".join(lines)

    def save(self, folder: Path) -> None:
        save_transformers(self.model, folder, self.tokenizer)
