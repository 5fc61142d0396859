"""What a language model holds at each token of what it read, the vectors between its layers: of a drafter, at
the image tokens that it wrote. Knows no painter."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch

from ...errors import InputError
from .causal_lm import ImageTokenModel, text_ids


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class HiddenStates:
    """Hidden states of one row, handed from a language model to whatever is conditioned on them.

    Args:
        states: floating-point (t, d): one vector for each token; those of several layers lie side by side.
        mask: bool (t,): which tokens count.
        positions: int64 (t,), 0 or more: the token's place in what was read; that of an image token in its
            grid, row by row.
        layers: which hidden states these are, as transformers counts them: 0 are the embeddings, -1 the last.

    Raises:
        InputError: the shapes do not go together, or what counts holds NaN or infinity.
    """

    states: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor
    layers: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.states.ndim != 2 or not self.states.is_floating_point():
            raise InputError(
                f"hidden states are floating-point (t, d), not {self.states.dtype} {tuple(self.states.shape)}"
            )
        count, width = self.states.shape
        for name, each in (("mask", self.mask), ("positions", self.positions)):
            if tuple(each.shape) != (count,):
                raise InputError(f"hidden states of {count} tokens: their {name} is {tuple(each.shape)}")
        if not self.layers or width % len(self.layers):
            raise InputError(f"hidden states of {len(self.layers)} layers are {width} wide: they do not divide")
        if count and int(self.positions.min()) < 0:
            raise InputError(f"hidden states at place {int(self.positions.min())}: places begin at 0")
        if not bool(self.states[self.mask].isfinite().all()):
            raise InputError('hidden states hold NaN or infinity: try dtype = "float32" for the language model')

    @property
    def width(self) -> int:
        """Numbers at each token, those of all layers together."""
        return int(self.states.shape[1])

    def on_grid(self, grid: tuple[int, int]) -> torch.Tensor:
        """The states of image tokens where the tokens stand: (d, h, w), zeros where none counts.

        Raises:
            InputError: a token stands outside the grid.
        """
        rows, columns = grid
        if len(self.positions) and int(self.positions.max()) >= rows * columns:
            raise InputError(
                f"hidden states at place {int(self.positions.max())} of a grid of {columns}x{rows} tokens"
            )
        laid = self.states.new_zeros(rows * columns, self.width)
        laid[self.positions[self.mask]] = self.states[self.mask]
        return laid.T.reshape(self.width, rows, columns)


@torch.inference_mode()
def states_of_tokens(
    model: ImageTokenModel, prompts: Sequence[str], tokens: torch.Tensor, *, layers: Sequence[int] = (-1,)
) -> list[HiddenStates]:
    """What the model holds at each image token once it has read the prompt and the tokens up to it.

    One pass over prompt and tokens: what decoding step by step comes by, up to rounding.

    Args:
        tokens: int64 (b, h, w), on the model's grid.
        layers: which hidden states, as transformers counts them; several lie side by side.

    Raises:
        InputError: the grid is another one, or the model has no such layer.
    """
    if tuple(tokens.shape[1:]) != tuple(model.grid):
        raise InputError(f"tokens on a grid of {tuple(tokens.shape[1:])}: the drafter's is {model.grid}")
    count = int(model.model.config.get_text_config().num_hidden_layers) + 1
    for layer in layers:
        if not -count <= layer < count:
            raise InputError(
                f"layers: {layer} lies outside {-count} to {count - 1}: the drafter has no such one"
            )
    prefix = [[*text_ids(model.tokenizer, text, model.text_length), model.start] for text in prompts]
    ids = torch.cat([torch.tensor(prefix), tokens.flatten(1) + model.offset], 1).to(model.device)
    read: Any = model.model(input_ids=ids, use_cache=False, output_hidden_states=True, logits_to_keep=1)
    of_image = [read.hidden_states[layer][:, len(prefix[0]) :] for layer in layers]
    together = torch.cat(of_image, -1).cpu()  # (b, s, d)
    places = torch.arange(together.shape[1])
    mask = torch.ones(len(places), dtype=torch.bool)
    return [HiddenStates(states=row, mask=mask, positions=places, layers=tuple(layers)) for row in together]
