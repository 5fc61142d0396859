"""Trains a drafter on what the captioner thinks of its own drafts (preference tuning).

Policy gradient on groups (GRPO, Shao et al. 2024, "DeepSeekMath"; advantages are not divided by their spread, as
in Liu et al. 2025, "Understanding R1-Zero-Like Training"): several drafts of each prompt are drawn by the stage
that draws them in the chain, and their facts answered by the stage that judges them there. Tokens of drafts that
are better than their group's mean become likelier, those of worse ones less likely, and a Kullback-Leibler term
holds the drafter near what it began as. Each draft teaches once, so nothing needs to be clipped.

Whether it draws better then is for the inspector to say, which takes no part: `diptych evaluate`.
"""

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ...engine.models.from_transformers import ImageTokenModel, load_image_token_model, text_ids
from ...engine.models.from_transformers_vision import load_captioner
from ...engine.models.patch_codebook import PatchCodebook
from ...engine.randomness import derive_seed
from ...engine.stage import ModelKey, Silent
from ...engine.stages.draft import DraftStage
from ...engine.stages.judge import JudgeStage
from ...engine.values import Draft, Fact, Picture, Plan, Request, Settings
from .data import TrainingData, indices_of
from .placement import copy_on, in_float32
from .samples import COUNT, Column
from .weights import save_transformers

DRAFTER, TOKENIZER, CAPTIONER = (
    ModelKey(family, f"pocket/{name}")  # of which the stages here are handed others
    for family, name in (
        ("image-token-lm", "drafter"),
        ("image-tokenizer", "tokenizer"),
        ("image-text-to-text", "captioner"),
    )
)
LEAST_SPREAD = 0.02  # of the scores in a group, between the best and the worst: below it nothing is learnt


class PreferenceTask:
    """A drafter that goes on from a folder of shipped weights, whose captioner scores what it draws.

    Args:
        weights: of the folder: `drafter`, `tokenizer` and `captioner` are read.
        candidates: drafts of each prompt, at least two.
        temperature: at which they are drawn; the drafter is trained as what it is at this temperature.
        divergence: the weight of the Kullback-Leibler term, in score for each nat a token.
    """

    name = "preference"

    def __init__(
        self,
        data: TrainingData,
        weights: Path,
        *,
        candidates: int = 8,
        temperature: float = 1.0,
        divergence: float = 0.05,
        seed: int = 0,
    ) -> None:
        assert candidates > 1, (
            "candidates = 1: with nothing to compare it with, no draft is better than another"
        )
        assert temperature > 0, "temperature = 0: then all drafts of a prompt are the same"
        cpu = torch.device("cpu")
        self.data, self.seed = data, seed
        self.candidates, self.temperature, self.divergence = candidates, temperature, divergence
        self.drafter = load_image_token_model(weights / "drafter", torch.float32, cpu)
        self.before = load_image_token_model(weights / "drafter", torch.float32, cpu)
        self.codebook = PatchCodebook.from_pretrained(weights / "tokenizer")
        self.captioner = load_captioner(weights / "captioner", torch.float32, cpu)
        self.model: Any = self.drafter.model.requires_grad_(True)

    def batch(self, step: int, size: int) -> list[Plan]:
        """`size` prompts of the training data's pictures, each as often as it is drafted."""
        indices = indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        return [
            self._plan(scene, seed=derive_seed(self.seed, step * size + i), candidate=candidate)
            for i, scene in enumerate(self.data.scenes(indices))
            for candidate in range(self.candidates)
        ]

    def loss(self, batch: Sequence[Plan]) -> dict[str, torch.Tensor]:
        """The policy gradient's loss, with the drafts' mean score and how far the drafter has come from what it
        was, in nats a token."""
        drafts = self._drafted(batch, self.drafter)
        scores = torch.tensor(self._scored(drafts)).view(-1, self.candidates)
        advantages = (scores - scores.mean(1, keepdim=True)).flatten()
        telling = (scores.amax(1) - scores.amin(1) > LEAST_SPREAD).repeat_interleave(self.candidates)
        rows = telling.nonzero()[:, 0].tolist() or [0]  # one at least, so that there is a loss
        likely, distance = self._compared([drafts[row] for row in rows])
        gains = advantages[rows].to(likely.device) * likely.mean(1)
        return {
            "loss": (self.divergence * distance - gains).sum() / len(drafts),
            "score": scores.mean().to(likely.device),
            "divergence": distance.detach().mean(),
        }

    def show(self) -> list[Column]:
        """Drafts of held-out prompts; below them what the drafter drew, with the same draws, when it began."""
        data = self.data.held_out()
        plans = [self._plan(scene, seed=i) for i, scene in enumerate(data.scenes(range(COUNT)))]
        now, before = (self._drafted(plans, drafter) for drafter in (self.drafter, self.before))
        return [
            ((new.preview, old.preview), plan.prompt) for new, old, plan in zip(now, before, plans, strict=True)
        ]

    def save(self, folder: Path) -> None:
        save_transformers(self.model, folder, self.drafter.tokenizer)

    def _plan(self, scene: Any, *, seed: int, candidate: int = 0) -> Plan:
        settings = Settings(temperature=self.temperature, top_k=0, top_p=1.0)
        prompt = self.data.prompt_of(scene)
        facts = tuple(Fact(kind=kind, text=text) for kind, text in self.data.facts_of(scene))  # type: ignore[arg-type]
        request = Request(prompt=prompt, seed=seed, candidate=candidate, settings=settings)
        return Plan(request=request, prompt=prompt, facts=facts)

    def _drafted(self, plans: Sequence[Plan], drafter: ImageTokenModel) -> list[Draft]:
        device = self.drafter.device
        drafter = dataclasses.replace(drafter, model=copy_on(device, drafter.model))
        models = {DRAFTER: drafter, TOKENIZER: copy_on(device, self.codebook)}
        with in_float32(device):
            return DraftStage(model=DRAFTER, codebook=TOKENIZER).run(plans, models, Silent())

    def _scored(self, drafts: Sequence[Draft]) -> list[float]:
        """How many of its facts each draft shows, as a share: one that is half right is better than one that is
        all wrong, between which the loop's own score hardly tells. That score, where there are no facts."""
        device = self.drafter.device
        models = {CAPTIONER: dataclasses.replace(self.captioner, model=copy_on(device, self.captioner.model))}
        seen = [Picture(pixels=each.preview, plan=each.plan, draft=each, is_preview=True) for each in drafts]
        with in_float32(device):
            verdicts = JudgeStage(model=CAPTIONER).run(seen, models, Silent())
        answers = [[answer.probability for answer in verdict.answers] for verdict in verdicts]
        return [
            statistics.fmean(each) if each else verdict.score
            for each, verdict in zip(answers, verdicts, strict=True)
        ]

    def _compared(self, drafts: Sequence[Draft]) -> tuple[torch.Tensor, torch.Tensor]:
        """How likely the tokens are now, log-probabilities (b, s), and an estimate of the divergence from how
        likely they were, in nats a token, (b,): k3 of Schulman 2020, "Approximating KL Divergence"."""
        likely = self._likely(self.drafter.model, drafts)
        with torch.no_grad():
            was = self._likely(copy_on(self.drafter.device, self.before.model), drafts)
        ratio = was - likely
        return likely, (ratio.exp() - 1 - ratio).mean(1)

    def _likely(self, model: Any, drafts: Sequence[Draft]) -> torch.Tensor:
        """Of the drafts' tokens after the prompt and those before them, at the temperature: (b, s)."""
        drafter = self.drafter
        prefixes = [
            [*text_ids(drafter.tokenizer, each.plan.prompt, drafter.text_length), drafter.start]
            for each in drafts
        ]
        tokens = torch.stack([each.tokens.flatten() for each in drafts]).to(drafter.device)
        text = torch.tensor(prefixes, device=drafter.device)
        ids = torch.cat([text, tokens[:, :-1] + drafter.offset], 1)
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=tokens.shape[1]).logits
        logits = logits[..., drafter.legal].float() / self.temperature
        return logits.log_softmax(-1).gather(2, tokens[..., None])[..., 0]
