"""draft by a model that both reads and draws: Janus, GLM-Image; each row with its own seed."""

from collections.abc import Sequence

from ...ar.decoding import decode_grid
from ...errors import InputError, RowError
from ...models.checkpoint.folder import folder_of
from ...models.language.causal_lm import decoder_config, decoding_bytes
from ...models.language.multimodal_lm import TEXT_TOKENS, Drafter, drawn, size_fault
from ...models.registry import BYTES
from ...randomness import RowKey, uniforms
from ...stage import ModelKey, Models, RunContext
from ...values import Draft, Plan
from .draft import blank_draft, sampling_of, settings_of

BYTES_A_PIXEL = 2_000  # of a VQ decoder at work on one picture; Janus-Pro's widest layers, twice 128 channels


class MultimodalDraftStage:
    """Plan to Draft. The grid follows the request's size, one for all of a batch. A picture that a request
    starts from is left to the stage that paints.

    Args:
        model: a `multimodal-lm`.
    """

    name = "draft"
    reads = ("temperature", "top_k", "top_p", "draft_guidance_scale")
    takes = Plan
    gives = Draft
    token_by_token = True  # its steps are short, see `guards.threads`

    def __init__(self, *, model: ModelKey[Drafter]) -> None:
        self._drafter = model
        self.uses = (model,)

    def workspace(self, batch: Sequence[Plan]) -> int:
        """The key-value cache of both branches, what reading and drawing take, and one preview's decoding."""
        key = self._drafter
        folder, request = folder_of(key.checkpoint) / key.part, batch[0].request
        tokens, preview = drawn(folder, request.height, request.width)
        branches = 2 if any(settings_of(plan).draft_guidance_scale != 1 for plan in batch) else 1
        read = decoding_bytes(
            decoder_config(str(folder)),
            rows=branches * len(batch),
            prefix=TEXT_TOKENS,
            new_tokens=tokens,
            bytes_each=BYTES[key.dtype],
        )
        return read + BYTES_A_PIXEL * preview

    def size_fault(self, height: int, width: int) -> str:
        """Why the model does not draft for this size; empty where it does."""
        return size_fault(folder_of(self._drafter.checkpoint) / self._drafter.part, height, width)

    def rehearse(self, plan: Plan, models: Models) -> Draft:
        """A blank draft of a model without its weights; errors as `run`."""
        model = models[self._drafter]
        return blank_draft(plan, model.codebook, self._grid([plan], model))

    def run(self, batch: Sequence[Plan], models: Models, context: RunContext) -> list[Draft]:
        """Raises `RowError` for a size whose grid the model does not draw, or a prompt that is too long."""
        model = models[self._drafter]
        grid = self._grid(batch, model)
        settings = [settings_of(plan) for plan in batch]
        scales = [float(each.draft_guidance_scale or 0) for each in settings]
        guided = any(scale != 1 for scale in scales)
        keys = [RowKey(plan.request.seed, plan.request.candidate) for plan in batch]
        lead = model.lead(grid)
        count = lead + grid[0] * grid[1]
        tokens = decode_grid(
            model.begin(
                [plan.prompt for plan in batch], grid, guided=guided, batch_invariant=context.batch_invariant
            ),
            count=count,
            sampling=[sampling_of(each) for each in settings],
            guidance=scales if guided else None,
            uniforms=uniforms(keys, self.name, count),
            context=context,
        )[:, lead:]
        context.check("logits", (tokens >= 0).all(1).tolist())
        tokens = tokens.clamp_min(0).reshape(-1, *grid)
        previews, sound = model.previews(tokens)
        context.check("pixels", sound.tolist())
        return [
            Draft(plan=plan, tokens=row, codebook=model.codebook, preview=preview)
            for plan, row, preview in zip(batch, tokens, previews, strict=True)
        ]

    def _grid(self, batch: Sequence[Plan], model: Drafter) -> tuple[int, int]:
        grids: list[tuple[int, int]] = []
        for i, plan in enumerate(batch):
            start = plan.request.start
            if start is not None and start.tokens is not None:
                raise RowError(i, "this drafter draws whole grids: it begins with no tokens of another draft")
            try:
                grids.append(model.grid(plan.request.height, plan.request.width))
            except InputError as error:
                raise RowError(i, str(error)) from None
        assert len(set(grids)) == 1, f"a batch has grids {set(grids)}"
        return grids[0]
