"""draft: a causal LM over image tokens writes the whole grid; the codebook shows what the tokens look like."""

from collections.abc import Sequence

from ..ar.decoding import decode_grid
from ..ar.sampling import Sampling
from ..errors import InputError, RowError
from ..models.checkpoint import read_config
from ..models.from_transformers import CACHE_NEEDS, ImageTokenModel, cache_bytes
from ..models.patch_codebook import PatchCodebook
from ..randomness import RowKey, uniforms
from ..stage import ModelKey, Models, Report
from ..values import Draft, Plan, Settings

DEFAULTS = Settings(temperature=1.0, top_k=0, top_p=1.0, draft_guidance_scale=1.0)


class DraftStage:
    """Plan to Draft.

    Args:
        model: an `image-token-lm`.
        codebook: the `image-tokenizer` whose tokens the model writes.
    """

    name = "draft"
    takes = Plan
    gives = Draft

    def __init__(self, *, model: ModelKey, codebook: ModelKey) -> None:
        self.uses = (model, codebook)

    def workspace(self, batch: Sequence[Plan]) -> int:
        """The key-value cache of both branches, and the logits of one step in double precision."""
        needed = ("image_token_grid", "image_text_length", "vocab_size", *CACHE_NEEDS)
        config = read_config(self.uses[0].checkpoint, *needed)
        rows = len(batch) * (2 if any(_settings(plan).draft_guidance_scale != 1 for plan in batch) else 1)
        height, width = config["image_token_grid"]
        cache = cache_bytes(config, rows=rows, length=config["image_text_length"] + 1 + height * width)
        return cache + 6 * 8 * rows * config["vocab_size"]

    def run(self, batch: Sequence[Plan], models: Models, report: Report) -> list[Draft]:
        """Raises `RowError` for a size whose grid the model does not draw."""
        model: ImageTokenModel = models[self.uses[0]]
        book: PatchCodebook = models[self.uses[1]]
        if model.codebook != book.codebook or model.grid != book.grid:
            raise InputError(
                f"{self.uses[0].checkpoint} writes tokens of {model.codebook} on a grid of {model.grid},"
                f" {self.uses[1].checkpoint} reads {book.codebook} on {book.grid}:"
                " name a matching pair in the recipe"
            )
        for i, plan in enumerate(batch):
            _check_shape(i, plan, model.grid)
        settings = [_settings(plan) for plan in batch]
        scales = [float(each.draft_guidance_scale or 0) for each in settings]
        guided = any(scale != 1 for scale in scales)
        keys = [RowKey(plan.request.seed, plan.request.candidate) for plan in batch]
        count = model.grid[0] * model.grid[1]
        tokens = decode_grid(
            model.begin([plan.prompt for plan in batch], guided=guided),
            count=count,
            legal=model.legal,
            sampling=[_sampling(each) for each in settings],
            guidance=scales if guided else None,
            uniforms=uniforms(keys, self.name, count),
            report=report,
        ).reshape(-1, *model.grid)
        previews = book.decode(tokens.to(book.centroids.device)).cpu()
        return [
            Draft(plan=plan, tokens=row, codebook=book.codebook, preview=preview)
            for plan, row, preview in zip(batch, tokens, previews, strict=True)
        ]


def _settings(plan: Plan) -> Settings:
    return plan.request.settings.over(DEFAULTS)


def _sampling(settings: Settings) -> Sampling:
    temperature, top_k, top_p = settings.temperature, settings.top_k, settings.top_p
    assert temperature is not None and top_k is not None and top_p is not None, "DEFAULTS has all of them"
    return Sampling(temperature=temperature, top_k=top_k, top_p=top_p)


def _check_shape(index: int, plan: Plan, grid: tuple[int, int]) -> None:
    height, width = plan.request.height, plan.request.width
    if height * grid[1] != width * grid[0]:
        raise RowError(
            index, f"{width}x{height} pixels: this drafter's grid is {grid[1]}x{grid[0]}; ask for that shape"
        )
