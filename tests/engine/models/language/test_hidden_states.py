"""Hidden states of the pocket drafter at image tokens: those that its own logits are made of."""

import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.models.checkpoint.folder import folder_of
from diptych.engine.models.language.causal_lm import ImageTokenModel, load_image_token_model
from diptych.engine.models.language.hidden_states import states_of_tokens

PROMPTS = ["a red boat at sunset", "two blue birds"]


@pytest.fixture(scope="module")
def drafter() -> ImageTokenModel:
    return load_image_token_model(folder_of("pocket/drafter"), torch.float32, torch.device("cpu"))


@pytest.fixture(scope="module")
def tokens(drafter: ImageTokenModel) -> torch.Tensor:
    shape = (2, *drafter.grid)
    return torch.randint(drafter.codebook.size, shape, generator=torch.Generator().manual_seed(0))


def test_the_last_states_give_the_logits_of_drafting(drafter: ImageTokenModel, tokens: torch.Tensor) -> None:
    found = states_of_tokens(drafter, PROMPTS, tokens)
    decoding = drafter.begin(PROMPTS, guided=False)
    for place in range(3):
        logits = decoding.step(tokens.flatten(1)[:, place])
        from_states = torch.stack([each.states[place] for each in found]) @ drafter.embeddings.T
        assert torch.allclose(from_states, logits, atol=2e-3)


def test_states_know_the_tokens_up_to_their_own_and_no_later_ones(
    drafter: ImageTokenModel, tokens: torch.Tensor
) -> None:
    other = tokens.clone()
    other[0, 1, 0] = (other[0, 1, 0] + 1) % drafter.codebook.size
    one, two = (states_of_tokens(drafter, PROMPTS, each)[0].states for each in (tokens, other))
    changed = (one - two).abs().amax(1) > 1e-5
    first = drafter.grid[1]
    assert not changed[:first].any() and changed[first:].float().mean() > 0.9


def test_layers_lie_side_by_side(drafter: ImageTokenModel, tokens: torch.Tensor) -> None:
    (both, _) = states_of_tokens(drafter, PROMPTS, tokens, layers=(-2, -1))
    (last, _) = states_of_tokens(drafter, PROMPTS, tokens)
    assert both.width == 2 * last.width and torch.equal(both.states[:, last.width :], last.states)


def test_other_grids_and_layers_are_refused(drafter: ImageTokenModel, tokens: torch.Tensor) -> None:
    with pytest.raises(InputError, match="the drafter's is"):
        states_of_tokens(drafter, PROMPTS, tokens[:, 1:])
    with pytest.raises(InputError, match="99 lies outside"):
        states_of_tokens(drafter, PROMPTS, tokens, layers=(99,))
