"""draft: a causal LM over image tokens writes the whole grid; the codebook shows what the tokens look like."""

import functools
from collections.abc import Sequence

import torch

from ...ar.continuous import GridRow
from ...ar.decoding import READ_AT_ONCE, TokenConstraints, decode_grid
from ...ar.sampling import Sampling
from ...errors import InputError, RowError
from ...models.checkpoint.folder import read_config
from ...models.diffusion.control.key import ControlKey
from ...models.language.causal_lm import DECODING_NEEDS, ImageTokenModel, decoding_bytes, packed_bytes
from ...models.vision.patch_codebook import PatchCodebook
from ...models.vision.readers.edge_reader import EdgeReader
from ...models.vision.readers.sketch_reader import SketchReader
from ...randomness import RowKey, uniforms
from ...stage import ModelKey, Models, RunContext
from ...values import Codebook, Draft, Plan, Settings
from .continuous_drafts import ContinuousDrafts
from .followed_lines import KIND, with_lines
from .initial_tokens import token_constraints, whole_or_none

PAPER = 233  # of 255: the grey of what is not drafted yet
READS = ("temperature", "top_k", "top_p", "draft_guidance_scale")
DEFAULTS = Settings(temperature=1.0, top_k=0, top_p=1.0, draft_guidance_scale=1.0)


class DraftStage:
    """Plan to Draft. A request's start decides which tokens are drawn, see `token_constraints`.

    Args:
        model: an `image-token-lm`.
        codebook: the `image-tokenizer` whose tokens the model writes.
        reader: the `sketch-reader` that shows it the sketches of plans; without one they are passed over.
        edges: the `edge-reader` by which it follows the lines of control pictures.
    """

    name = "draft"
    takes = Plan
    gives = Draft
    token_by_token = True  # its steps are short, see `guards.threads`

    def __init__(
        self,
        *,
        model: ModelKey[ImageTokenModel],
        codebook: ModelKey[PatchCodebook],
        reader: ModelKey[SketchReader] | None = None,
        edges: ModelKey[EdgeReader] | None = None,
    ) -> None:
        self._drafter, self._codebook, self._reader, self._edges = model, codebook, reader, edges
        self.uses = (model, codebook, *(each for each in (reader, edges) if each is not None))
        self.reads = READS
        self.control_keys = () if edges is None else (ControlKey(name=KIND, model=edges),)

    def workspace(self, batch: Sequence[Plan]) -> int:
        """The key-value cache of both branches, and what reading and writing take; initial tokens are read many
        at once."""
        needed = ("image_token_grid", "image_text_length", *DECODING_NEEDS)
        config = read_config(self._drafter.checkpoint, *needed)
        guided = any(settings_of(plan).draft_guidance_scale != 1 for plan in batch)
        height, width = config["image_token_grid"]
        prefix = config["image_text_length"] + 1
        rows = len(batch) * (2 if guided else 1)
        begins = any(plan.request.start is not None for plan in batch)
        return decoding_bytes(
            config,
            rows=rows,
            prefix=prefix,
            new_tokens=height * width,
            at_once=READ_AT_ONCE if begins else 1,
        )

    def cpu_workspace(self) -> int:
        """See `Stage`."""
        return packed_bytes(read_config(self._drafter.checkpoint, *DECODING_NEEDS), self._drafter.dtype)

    def size_fault(self, height: int, width: int) -> str:
        """Why the model does not draft for this size; empty where it does."""
        config = read_config(self._drafter.checkpoint, "image_token_grid")
        return _shape_fault(tuple(config["image_token_grid"]), height, width)

    def rows_apart(self, models: Models) -> bool:
        """See `Stage`."""
        return models[self._drafter].rows_apart

    def rehearse(self, plan: Plan, models: Models) -> Draft:
        """A blank draft of models without their weights; errors as `run`."""
        model, book = self._pair(models)
        _check_shape(0, plan, model.grid)
        return blank_draft(plan, book.codebook, model.grid)

    def _pair(self, models: Models) -> tuple[ImageTokenModel, PatchCodebook]:
        """Drafter and codebook, which go together."""
        model, book = models[self._drafter], models[self._codebook]
        if model.codebook != book.codebook or model.grid != book.grid:
            raise InputError(
                f"{self._drafter.checkpoint} writes tokens of {model.codebook} on a grid of {model.grid},"
                f" {self._codebook.checkpoint} reads {book.codebook} on {book.grid}:"
                " name a matching pair in the recipe"
            )
        return model, book

    def _shown(self, batch: Sequence[Plan], models: Models) -> torch.Tensor | None:
        """What the drafter is shown of the plans' sketches, (b, s, d); nothing, in rows that have none."""
        sketches = [plan.sketch for plan in batch]
        if self._reader is None or not any(sketches):
            return None
        reader, (model, book) = models[self._reader], self._pair(models)
        if reader.codebook != book.codebook.name or reader.grid != model.grid:
            raise InputError(
                f"{self._reader.checkpoint} reads sketches as {reader.codebook} on {reader.grid}, and"
                f" {self._drafter.checkpoint} writes {book.codebook.name} on {model.grid}: name a matching pair"
            )
        embeddings = model.embeddings
        shown = [
            embeddings.new_zeros(1, model.grid[0] * model.grid[1], embeddings.shape[1], dtype=torch.float32)
            if sketch is None
            else reader.read(sketch.pixels[None], book, embeddings)
            for sketch in sketches
        ]
        return torch.cat(shown)

    def _with_lines(
        self, given: TokenConstraints | None, batch: Sequence[Plan], models: Models, count: int
    ) -> TokenConstraints | None:
        reader, book = None if self._edges is None else models[self._edges], models[self._codebook]
        if reader is not None and (reader.codebook != book.codebook.name or reader.grid != book.grid):
            raise InputError(
                f"{reader.codebook} on {reader.grid} is what the edge reader knows, and the drafter writes"
                f" {book.codebook.name} on {book.grid}: name a matching pair"
            )
        return with_lines(given, batch, reader, count=count)

    def run(self, batch: Sequence[Plan], models: Models, context: RunContext) -> list[Draft]:
        """Raises `RowError` for a size whose grid the model does not draw, or a start that is not of it."""
        model, book = self._pair(models)
        for i, plan in enumerate(batch):
            _check_shape(i, plan, model.grid)
        settings = [settings_of(plan) for plan in batch]
        scales = [float(each.draft_guidance_scale or 0) for each in settings]
        guided = any(scale != 1 for scale in scales)
        count = model.grid[0] * model.grid[1]
        given = token_constraints(batch, model, book, context)
        if given is not None and given.kept.all():
            tokens = given.tokens
        else:
            tokens = decode_grid(
                model.begin(
                    [plan.wording for plan in batch],
                    guided=guided,
                    batch_invariant=context.batch_invariant,
                    shown=self._shown(batch, models),
                ),
                count=count,
                sampling=[sampling_of(each) for each in settings],
                guidance=scales if guided else None,
                uniforms=self._uniforms(batch, count),
                context=context,
                given=self._with_lines(given, batch, models, count),
                shown=functools.partial(_begun, book),
            )
        return self._drafts(batch, tokens, given, models, context)

    def _uniforms(self, batch: Sequence[Plan], count: int) -> torch.Tensor:
        keys = [RowKey(plan.request.seed, plan.request.candidate) for plan in batch]
        return uniforms(keys, self.name, count)

    def _drafts(
        self,
        batch: Sequence[Plan],
        tokens: torch.Tensor,
        given: TokenConstraints | None,
        models: Models,
        context: RunContext,
    ) -> list[Draft]:
        """What the tokens (b, n) come to, -1 where the model gave no numbers."""
        model, book = self._pair(models)
        context.check("logits", (tokens >= 0).all(1).tolist(), by=self._drafter)
        tokens = tokens.clamp_min(0)
        if given is not None:
            tokens = whole_or_none(tokens, given.tokens, batch)
        tokens = tokens.reshape(-1, *model.grid)
        begins = [None] * len(batch) if given is None else given.tokens.reshape(-1, *model.grid)
        shown, sound = book.shown(tokens.to(book.centroids.device))
        previews = shown.cpu()
        context.check("pixels", sound.tolist(), by=self._codebook)
        return [
            Draft(plan=plan, tokens=row, codebook=book.codebook, preview=preview, initial_tokens=begin)
            for plan, row, preview, begin in zip(batch, tokens, previews, begins, strict=True)
        ]

    def may_join(self, plan: Plan) -> bool:
        """See `Stage`: a draft that begins with nothing and follows no lines."""
        request = plan.request
        free = request.start is None and not request.controls
        return free and not self.size_fault(request.height, request.width)

    def continuous(self, models: Models) -> ContinuousDrafts | None:
        """See `Stage`."""
        model, book = self._pair(models)
        if not self.rows_apart(models):
            return None
        count = model.grid[0] * model.grid[1]

        def row_of(plan: Plan, models: Models) -> GridRow:
            settings = settings_of(plan)
            scale = float(settings.draft_guidance_scale or 0)
            shown = self._shown([plan], models)
            return GridRow(
                prefixes=[model.text_of(text) for text in (plan.wording, *([""] if scale != 1 else []))],
                sampling=sampling_of(settings),
                guidance=scale,
                uniforms=self._uniforms([plan], count)[0],
                shown=None if shown is None else shown[0],
            )

        def drawn(plan: Plan, tokens: torch.Tensor, models: Models, context: RunContext) -> Draft:
            (draft,) = self._drafts([plan], tokens, None, models, context)
            return draft

        return ContinuousDrafts(model, row_of=row_of, drawn=drawn, begun=functools.partial(_begun, book))


def blank_draft(plan: Plan, codebook: Codebook, grid: tuple[int, int]) -> Draft:
    """One that says nothing but how large it is, and of which codebook."""
    preview = torch.zeros(plan.request.height, plan.request.width, 3, dtype=torch.uint8)
    return Draft(plan=plan, tokens=torch.zeros(grid, dtype=torch.long), codebook=codebook, preview=preview)


def _begun(book: PatchCodebook, tokens: torch.Tensor) -> list[torch.Tensor]:
    """What the first tokens (b, i) of grids look like: uint8 (h, w, 3) of each, blank where no token is
    yet."""
    rows, columns = book.grid
    whole = tokens.new_zeros(len(tokens), rows * columns)
    whole[:, : tokens.shape[1]] = tokens
    pictures = book.decode(whole.reshape(-1, rows, columns).to(book.centroids.device)).cpu()
    deep, wide = pictures.shape[1] // rows, pictures.shape[2] // columns
    full, rest = divmod(tokens.shape[1], columns)
    pictures[:, full * deep : (full + 1) * deep, rest * wide :] = PAPER
    pictures[:, (full + 1) * deep :] = PAPER
    return list(pictures)


def settings_of(plan: Plan) -> Settings:
    """A plan's settings, with the drafters' own where it is silent."""
    return plan.request.settings.over(DEFAULTS)


def sampling_of(settings: Settings) -> Sampling:
    """How tokens are drawn."""
    temperature, top_k, top_p = settings.temperature, settings.top_k, settings.top_p
    assert temperature is not None and top_k is not None and top_p is not None, "DEFAULTS has all of them"
    return Sampling(temperature=temperature, top_k=top_k, top_p=top_p)


def _check_shape(index: int, plan: Plan, grid: tuple[int, int]) -> None:
    if fault := _shape_fault(grid, plan.request.height, plan.request.width):
        raise RowError(index, fault)


def _shape_fault(grid: tuple[int, ...], height: int, width: int) -> str:
    rows, columns = grid
    if height * columns == width * rows:
        return ""
    side = max(1, round(min(height / rows, width / columns)))
    shape = "square" if rows == columns else f"{columns} wide to {rows} high"
    return (
        f"{width}x{height} pixels: this drafter's pictures are {shape}: ask for {columns * side}x{rows * side},"
        " say"
    )
