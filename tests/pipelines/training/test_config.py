"""Sizes and steps: what ships, what a file may change, and what is said of a file that is wrong."""

from pathlib import Path

import pytest

from diptych import InputError
from diptych.pipelines.training.config import read_config, sizes_of, training_of
from diptych.pipelines.training.parts import Parts
from diptych.pipelines.training.trainers import MODELS


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_config_speaks_of_every_model() -> None:
    config = read_config()
    for name in MODELS:
        settings = training_of(config, name)
        assert settings.steps >= 500 and settings.batch_size >= 8 and settings.seed == config["seed"]
        assert "training" not in sizes_of(config, name)


def test_the_shipped_config_passes_its_own_checks(tmp_path: Path) -> None:
    from diptych.pipelines.training.config import POCKET

    assert read_config(written(tmp_path, POCKET.read_text(encoding="utf-8"))) == read_config()


def test_the_example_passes_and_its_sizes_fit_together(tmp_path: Path) -> None:
    config = read_config(Path(__file__).parents[3] / "examples" / "train_small.toml")
    config["text"] |= {"sentences": 200, "size": 400}
    config["tokenizer"] |= {"size": 64, "pictures": 40, "iterations": 1}
    config["latents"]["pictures"] = 8
    parts = Parts(tmp_path, config, say=lambda _: None)
    for name in MODELS:
        assert parts.task(name).name == name


def test_names_of_earlier_versions_are_still_read(tmp_path: Path) -> None:
    older = "[refiner.drops]\nspoilt_rows = 0.25\nspoilt_tokens = 0.125\n[inspector]\nspoilt = 0.5\n"
    config = read_config(written(tmp_path, older))
    assert (
        config["refiner"]["drops"] | {"corrupted_rows": 0.25, "corrupted_tokens": 0.125}
        == config["refiner"]["drops"]
    )
    assert config["inspector"]["corrupted"] == 0.5


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path, "seed = 3\n[drafter]\nlayers = 2\n[drafter.training]\nlr = 1\n")
    config, shipped = read_config(path), read_config()
    assert (
        config["drafter"]["layers"] == 2
        and config["drafter"]["hidden_size"] == shipped["drafter"]["hidden_size"]
    )
    assert config["planner"] == shipped["planner"]
    settings = training_of(config, "drafter", steps=7)
    assert (settings.lr, settings.steps, settings.seed) == (1.0, 7, 3)
    assert isinstance(settings.lr, float)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[draftr]\nlayers = 2", "'draftr' is not known .did you mean 'drafter'..; known are"),
        ("[drafter]\nlayer = 2", r"\[drafter\]: 'layer' is not known .did you mean 'layers'"),
        ("[drafter.training]\nstep = 2", r"\[drafter\]: \[training\]: 'step' is not known"),
        ("drafter = 3", r"must be a table: \[drafter\]"),
        ("[drafter]\nlayers = 2.5", "must be of kind int"),
        ("[drafter]\nlayers = true", "must be of kind int"),
        ("[drafter]\nlayers = 0", "must lie between 1 and"),
        ("[drafter.training]\nlr = nan", "must lie between"),
        ("[drafter.training]\nlr = inf", "must lie between"),
        ("[drafter.training]\nwarmup = 0", "must lie between 1"),
        ("[refiner]\nchannels = 96", "must be a list"),
        ("[refiner]\nchannels = []", "must be a list"),
        ("[refiner]\nchannels = [96, -1]", "must lie between"),
        ("[captioner]\nblank = 1.5", "must lie between 0.0 and 1.0"),
        ("[text]\npieces = 'words'", "must be one of learnt, phrases"),
        ("[drafter]\ncompiled = 1", "must be of kind bool"),
        ("[tokenizer]\niterations = -1", "must lie between 0"),
        ("precision = 'half'", "must be one of auto, float32, bfloat16"),
        ("[refiner]\nsigmas = 'many'", "must be one of first, noisy, even, middle"),
        ("[refiner.objective]\npath = 'vp'", "must be one of flow, ddpm"),
        ("[refiner.objective]\nprediction = 3", "must be of kind str"),
        ("seed = -1", "must lie between 0"),
        ("seed = ", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_config(written(tmp_path, text))
    assert "\n" not in str(caught.value) and "mine.toml" in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        read_config(tmp_path / "none.toml")
