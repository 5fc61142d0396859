"""Hidden states of a drafter at the image tokens that it wrote. Knows no painter."""

from collections.abc import Sequence
from typing import Any

import torch

from ...errors import InputError
from ...values.hidden_states import HiddenStates
from .causal_lm import ImageTokenModel, text_ids


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
