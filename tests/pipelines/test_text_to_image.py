"""Prompts in, pictures out: seeds, defaults, results and failures. The models are fakes (see conftest)."""

from collections.abc import Callable, Iterator

import pytest

from diptych import DiptychError, Failure, InputError, MemoryBudgetError, Outcome, TextToImage
from diptych.engine.randomness import derive_seed


def test_a_single_prompt_gets_the_seed_itself(pipe: TextToImage) -> None:
    out = pipe("a red boat", seed=7)
    assert [outcome.request.seed for outcome in out.outcomes] == [7]
    assert out.images[0].size == (48, 32)


def test_each_prompt_of_a_list_gets_a_seed_made_of_its_place(pipe: TextToImage) -> None:
    out = pipe(["a red boat", "a red boat"], seed=7)
    assert [outcome.request.seed for outcome in out.outcomes] == [derive_seed(7, 1), derive_seed(7, 2)]
    assert [outcome.request.row for outcome in out.outcomes] == [1, 2]


def test_a_prompt_of_a_list_is_the_same_alone(pipe: TextToImage) -> None:
    batch = pipe([f"prompt {i}" for i in range(20)], seed=3)
    alone = pipe("prompt 11", seed=derive_seed(3, 12))
    assert batch.images[11].tobytes() == alone.images[0].tobytes()


def test_what_a_call_leaves_out_is_as_the_recipe_says(pipe: TextToImage) -> None:
    request = pipe.request("a boat", guidance_scale=5.0)
    assert (request.settings.guidance_scale, request.settings.num_inference_steps) == (5.0, 3)
    assert (request.height, request.width) == (32, 48)
    assert pipe.request("a boat", height=64).height == 64


def test_a_setting_that_is_none_is_as_the_recipe_says(pipe: TextToImage) -> None:
    assert pipe.request("a boat", num_inference_steps=None).settings.num_inference_steps == 3


def test_an_unknown_setting_is_named_with_its_nearest(pipe: TextToImage) -> None:
    with pytest.raises(InputError, match=r"'guidence': did you mean 'guidance'"):
        pipe("a boat", guidence=2.0)  # pyright: ignore[reportCallIssue]


def test_several_candidates_leave_a_trail(pipe: TextToImage) -> None:
    outcome = pipe("a boat", candidates=4).outcomes[0]
    assert [candidate.index for candidate in outcome.trail] == [0, 1, 2, 3]
    assert outcome.verdict.score == max(c.verdict.score for c in outcome.trail if c.verdict)


def test_a_row_that_fails_is_a_failure_beside_the_outcomes(pipe: TextToImage) -> None:
    out = pipe(["a boat", "poison", "a tree"])
    assert [outcome.request.row for outcome in out.outcomes] == [1, 3]
    assert [(failure.request.row, failure.stage) for failure in out.failures] == [(2, "refine")]
    assert [image and image.size for image in out.images] == [(48, 32), None, (48, 32)]


def test_a_single_prompt_that_fails_raises(pipe: TextToImage) -> None:
    with pytest.raises(DiptychError, match=r"refine: .*poison"):
        pipe("poison")


def test_nothing_is_rendered_if_a_prompt_of_a_list_is_wrong(pipe: TextToImage) -> None:
    with pytest.raises(InputError, match=r"empty"):
        pipe(["a boat", "  "])
    assert pipe.runner.memory.events == []


def test_a_stream_yields_before_all_prompts_are_read(make_pipe: Callable[..., TextToImage]) -> None:
    read: list[int] = []

    def prompts() -> Iterator[str]:
        for i in range(10):
            read.append(i)
            yield f"prompt {i}"

    stream = make_pipe(wave=2).stream(prompts())
    first = next(stream)
    assert isinstance(first, Outcome) and first.request.row == 1
    assert len(read) < 10
    assert sum(isinstance(result, Failure) for result in stream) == 0


def test_check_refuses_a_budget_that_no_stage_fits(make_pipe: Callable[..., TextToImage]) -> None:
    pipe = make_pipe(budget=1000)
    with pytest.raises(MemoryBudgetError, match=r"budget"):
        pipe.check()
    assert pipe.runner.memory.events == []


def test_check_counts_the_work_on_one_row(make_pipe: Callable[..., TextToImage]) -> None:
    make_pipe(budget=2**20 + 1000).check()
    with pytest.raises(MemoryBudgetError):
        make_pipe(budget=2**20 + 999).check()


def test_a_size_that_the_recipe_does_not_paint_is_refused_before_anything_is_loaded() -> None:
    pipe = TextToImage.from_recipe("pocket", device="cpu")
    for size in ({"height": 100}, {"height": 128, "width": 128}, {"width": 512}):
        with pytest.raises(InputError, match="pixels: this refiner paints 256x256 and no other size"):
            pipe("a boat", **size)  # pyright: ignore[reportArgumentType]
    assert pipe.request("a boat", height=256, width=256).height == 256
    assert not [event for event in pipe.log.events if event.kind == "load"]
