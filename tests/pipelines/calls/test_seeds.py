"""The seed of each picture: of one seed, of a list, of generators."""

from typing import Any

import numpy as np
import pytest
import torch

from diptych import InputError, TextToImage
from diptych.engine.randomness import derive_seed
from diptych.engine.values import MAX_SEED


def seeds(pipe: TextToImage, prompt: str | list[str], **call: Any) -> list[int]:
    return [outcome.request.seed for outcome in pipe(prompt, **call).outcomes]


def test_a_list_says_exactly_the_seed_of_each_picture(pipe: TextToImage) -> None:
    assert seeds(pipe, ["a", "b"], seed=[1, 2]) == [1, 2]
    assert seeds(pipe, "a", seed=[4, 9], num_images_per_prompt=2) == [4, 9]
    assert seeds(pipe, ["a", "b"], seed=np.array([1, 2, 3, 4]), num_images_per_prompt=2) == [1, 2, 3, 4]
    assert seeds(pipe, "a", seed=[5]) == [5]


def test_the_pictures_of_a_prompt_stand_side_by_side_and_count_up(pipe: TextToImage) -> None:
    out = pipe(["a", "b"], seed=7, num_images_per_prompt=2)
    first, second = derive_seed(7, 1), derive_seed(7, 2)
    assert [each.request.prompt for each in out.outcomes] == ["a", "a", "b", "b"]
    assert [each.request.row for each in out.outcomes] == [1, 2, 3, 4]
    assert [each.request.seed for each in out.outcomes] == [first, first + 1, second, second + 1]
    assert seeds(pipe, "a", seed=7, num_images_per_prompt=3) == [7, 8, 9]
    assert seeds(pipe, "a", seed=MAX_SEED, num_images_per_prompt=2) == [MAX_SEED, 0]
    assert seeds(pipe, "a", copies=2) == [0, 1]


def test_a_new_generator_is_its_seed_and_a_used_one_gives_another(pipe: TextToImage) -> None:
    generator = torch.Generator().manual_seed(7)
    assert seeds(pipe, "a", generator=generator) == [7]
    again = seeds(pipe, "a", generator=generator)
    assert again != [7]
    replay = torch.Generator().manual_seed(7)
    seeds(pipe, "a", generator=replay)
    assert seeds(pipe, "a", generator=replay) == again
    assert seeds(pipe, ["a", "b"], generator=torch.Generator().manual_seed(7)) == seeds(
        pipe, ["a", "b"], seed=7
    )
    many = [torch.Generator().manual_seed(i) for i in (3, 4)]
    assert seeds(pipe, ["a", "b"], generator=many) == [3, 4]


@pytest.mark.parametrize(
    ("prompt", "call", "message"),
    [
        ("a", {"seed": [1, 2]}, "2 seeds for 1 pictures: .*num_images_per_prompt=2 makes 2"),
        ("a", {"seed": []}, "0 seeds for 1 pictures"),
        (["a", "b"], {"seed": [1]}, "1 seeds for 2 pictures: give one, or one for each"),
        ("a", {"seed": "x"}, "seed = 'x': must be a whole number"),
        ("a", {"seed": [1.5]}, "seed = 1.5: must be a whole number"),
        ("a", {"seed": -1}, "seed = -1: must lie between 0"),
        ("a", {"generator": 7}, "generator = 7: must be a torch.Generator"),
        ("a", {"generator": [7]}, "generator = 7: must be a torch.Generator"),
        ("a", {"seed": 1, "generator": torch.Generator()}, "both seed and generator are given"),
    ],
)
def test_seeds_that_do_not_fit_are_refused(
    pipe: TextToImage, prompt: str | list[str], call: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        pipe(prompt, **call)
    assert pipe.runner.memory.events == []


def test_a_stream_of_unknown_length_takes_one_seed_after_the_other(pipe: TextToImage) -> None:
    assert [each.request.seed for each in pipe.stream(iter(["a", "b"]), seed=[8, 9])] == [8, 9]
    with pytest.raises(InputError, match="no seed for picture 2"):
        list(pipe.stream(iter(["a", "b"]), seed=[8]))


def test_each_prompt_may_have_its_own_negative_prompt(pipe: TextToImage) -> None:
    two: Any = ["rain", "fog"]
    out = pipe(["a", "b"], negative_prompt=two, num_images_per_prompt=2)
    assert [each.request.negative_prompt for each in out.outcomes] == ["rain", "rain", "fog", "fog"]
    with pytest.raises(InputError, match="1 negative prompts for 2 prompts"):
        pipe(["a", "b"], negative_prompt=two[:1])
