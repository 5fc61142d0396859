"""Beginning with weights that exist: words keep their rows, image tokens their numbers."""

from pathlib import Path
from typing import Any

import pytest
import torch

from diptych import InputError
from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.pipelines.training.data.source import WorldData
from diptych.pipelines.training.data.texts import train_text_tokenizer
from diptych.pipelines.training.loop.warm_start import start_from
from diptych.pipelines.training.tasks.captioner import CaptionerTask
from diptych.pipelines.training.tasks.drafter import DrafterTask
from diptych.pipelines.training.tasks.inspector import InspectorTask
from diptych.pipelines.training.tasks.planner import PlannerTask


@pytest.fixture(scope="module")
def old_words(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer of fewer sentences than the one that the tasks have: its pieces differ."""
    return train_text_tokenizer(WorldData(count=40), tmp_path_factory.mktemp("old"), sentences=40, size=340)


def drafter(data: WorldData, book: PatchCodebook, words: Any, seed: int) -> DrafterTask:
    return DrafterTask(data, book, words, hidden_size=48, layers=1, heads=2, seed=seed)


def captioner(data: WorldData, book: PatchCodebook, words: Any, seed: int) -> CaptionerTask:
    return CaptionerTask(data, book, words, channels=(8, 8, 48), depths=(1, 1, 1), text_layers=1, seed=seed)


def kept(task: Any, folder: Path) -> dict[str, torch.Tensor]:
    """The weights of `task`, which are saved as shipped ones are."""
    task.save(folder / task.name)
    return {name: value.half().float() for name, value in task.model.state_dict().items()}


def test_words_that_both_know_keep_their_rows_and_others_begin_as_the_mean_of_their_parts(
    data: WorldData, book: PatchCodebook, words: Any, old_words: Any, tmp_path: Path
) -> None:
    old = kept(drafter(data, book, old_words, 1), tmp_path)["model.embed_tokens.weight"]
    task = drafter(data, book, words, 2)
    assert start_from(task, tmp_path) > 0
    new = task.model.state_dict()["model.embed_tokens.weight"]
    shared = 0
    for piece, i in words.get_vocab().items():
        if piece in old_words.get_vocab():
            shared += 1
            torch.testing.assert_close(new[i], old[old_words.get_vocab()[piece]])
        else:
            parts = old_words.encode(piece.replace("▁", " "), add_special_tokens=False)
            torch.testing.assert_close(new[i], old[parts].mean(0), msg=piece)
    assert 100 < shared < len(words)


def test_image_tokens_keep_their_numbers_and_the_layers_their_weights(
    data: WorldData, book: PatchCodebook, words: Any, old_words: Any, tmp_path: Path
) -> None:
    old = kept(drafter(data, book, old_words, 1), tmp_path)
    task = drafter(data, book, words, 2)
    start_from(task, tmp_path)
    new = task.model.state_dict()
    name = "model.embed_tokens.weight"
    torch.testing.assert_close(new[name][len(words) :], old[name][len(old_words) :])
    layers = [key for key in new if ".layers." in key]
    assert layers
    for key in layers:
        torch.testing.assert_close(new[key], old[key])


def test_a_number_for_each_word_is_mixed_as_rows_are(
    data: WorldData, book: PatchCodebook, words: Any, old_words: Any, tmp_path: Path
) -> None:
    before = captioner(data, book, old_words, 1)
    (bias,) = (n for n, p in before.model.named_parameters() if n.endswith("predictions.bias"))
    with torch.no_grad():
        before.model.get_parameter(bias).copy_(torch.arange(len(old_words)) / 64)
        for name, value in before.model.named_buffers():
            if "running" in name:
                value.uniform_(0.5, 2.0)
    old = kept(before, tmp_path)
    task = captioner(data, book, words, 2)
    start_from(task, tmp_path)
    new = task.model.state_dict()
    for piece in ("▁boat", "yes", "<answer>", "▁red"):
        if piece in words.get_vocab() and piece in old_words.get_vocab():
            assert float(new[bias][words.get_vocab()[piece]]) == float(old[bias][old_words.get_vocab()[piece]])
    looks = [key for key in new if key.startswith("captioner.encoder") and new[key].is_floating_point()]
    assert any("running_mean" in key for key in looks)
    for key in looks:
        torch.testing.assert_close(new[key], old[key])
    assert not torch.equal(new["classifier.weight"], old["classifier.weight"])  # it does not ship


def test_another_width_begins_anew_where_it_does_not_fit(
    data: WorldData, words: Any, old_words: Any, tmp_path: Path
) -> None:
    kept(PlannerTask(data, old_words, hidden_size=48, layers=1, heads=2, seed=1), tmp_path)
    task = PlannerTask(data, words, hidden_size=32, layers=1, heads=2, seed=2)
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    assert start_from(task, tmp_path) == 0
    assert all(torch.equal(value, before[name]) for name, value in task.model.state_dict().items())


def test_the_inspector_always_begins_anew(data: WorldData, tmp_path: Path) -> None:
    task = InspectorTask(data, widths=(8, 8))
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    assert start_from(task, tmp_path) == 0
    assert all(torch.equal(value, before[name]) for name, value in task.model.state_dict().items())


def test_a_folder_without_the_model_is_refused(data: WorldData, words: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes a folder of shipped weights"):
        start_from(PlannerTask(data, words, hidden_size=32, layers=1, heads=2), tmp_path)
