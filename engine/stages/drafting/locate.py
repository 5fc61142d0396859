"""locate: asks the drafter where in a picture something is that is given in words.

A token that shows the thing is likely after the wording that names it, and much less so after wordings that
name something else in its place; a token that does not is as likely after each. So the mean of these
differences, in nats, is a map of the thing. (Couairon et al. 2022, "DiffEdit", contrast two prompts of a
diffusion model in this way; an autoregressive one states its likelihoods.)
"""

import dataclasses
from collections.abc import Sequence

import torch
from torch.nn.functional import max_pool2d

from ...ar.decoding import token_log_probs
from ...models.language.causal_lm import ImageTokenModel
from ...models.vision.patch_codebook import PatchCodebook
from ...stage import ModelKey, Models, RunContext
from ...values import Plan, Request
from ...values.start import Start, Wording
from .draft import DraftStage
from .initial_tokens import shrunk

EDGE = 0.25  # nats: a token that differs by more belongs to what the surest token shows, if it touches that
SURE = 6.0  # nats: of pictures that do not show it, few come so far; of those that do, few do not


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sought:
    """Something that is looked for.

    Args:
        picture: uint8 (h, w, 3) on the CPU.
        tokens: its tokens, int64 (h', w'), where they are known.
        wording: says what the picture shows.
        others: the same wording, with something else named in place of what is looked for; at least one.
    """

    picture: torch.Tensor
    wording: str
    others: tuple[str, ...]
    tokens: torch.Tensor | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """Where it is.

    Args:
        heat: float32 (h, w): nats by which each token speaks for the wording.
        margin: nats by which all of them together speak for it, against the likeliest of the others.
    """

    heat: torch.Tensor
    margin: float

    @property
    def seen(self) -> bool:
        """Whether it is in the picture at all."""
        return self.margin >= SURE

    @property
    def cells(self) -> torch.Tensor:
        """bool (h, w): the surest token, and those that hang together with it."""
        inside, cells = self.heat > EDGE, self.heat == self.heat.max()
        while not torch.equal(grown := (max_pool2d(cells[None].float(), 3, 1, 1)[0] > 0) & inside, cells):
            cells = grown
        return cells

    @property
    def box(self) -> torch.Tensor:
        """bool (h, w): the smallest box around `cells`."""
        cells = self.cells
        return cells.any(1)[:, None] & cells.any(0)[None] if cells.any() else cells


class LocateStage:
    """Sought to Found, with the models of a draft stage.

    Args:
        model: an `image-token-lm`.
        codebook: the `image-tokenizer` whose tokens the model writes.
    """

    name = "locate"
    takes = Sought
    gives = Found

    def __init__(self, *, model: ModelKey[ImageTokenModel], codebook: ModelKey[PatchCodebook]) -> None:
        self._drafter, self._codebook = model, codebook
        self.uses = (model, codebook)
        self._draft = DraftStage(model=model, codebook=codebook)

    def workspace(self, batch: Sequence[Sought]) -> int:
        """That of a draft for each wording."""
        wordings = [each for sought in batch for each in (sought.wording, *sought.others)]
        start = Start(wording=Wording(prompt=""))  # tokens are read, many at once
        return self._draft.workspace(
            [Plan(request=Request(prompt=each, start=start), prompt=each, facts=()) for each in wordings]
        )

    def cpu_workspace(self) -> int:
        """See `Stage`."""
        return self._draft.cpu_workspace()

    def run(self, batch: Sequence[Sought], models: Models, context: RunContext) -> list[Found]:
        model, book = models[self._drafter], models[self._codebook]
        prompts: list[str] = []
        rows: list[torch.Tensor] = []
        for sought in batch:
            tokens = sought.tokens
            if tokens is None:
                small = shrunk(sought.picture, book.side)
                tokens = book.encode(small[None].to(book.centroids.device))[0].cpu()
            prompts += [sought.wording, *sought.others]
            rows += [tokens.flatten()] * (1 + len(sought.others))
        decoding = model.begin(prompts, guided=False, batch_invariant=context.batch_invariant)
        found = token_log_probs(decoding, torch.stack(rows), context)
        parts = found.split([1 + len(sought.others) for sought in batch])
        context.check("logits", [not bool(part.isnan().any()) for part in parts], by=self._drafter)
        return [_found(part[0], part[1:], model.grid) for part in parts]


def _found(wanted: torch.Tensor, others: torch.Tensor, grid: tuple[int, int]) -> Found:
    """From the likelihoods of the tokens after the wording, (n,), and after the others, (k, n)."""
    margin = float((wanted.sum() - others.sum(1)).min())
    return Found(heat=(wanted - others).mean(0).reshape(grid), margin=margin)
