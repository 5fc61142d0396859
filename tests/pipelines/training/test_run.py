"""`diptych train`: all models from nothing to shipped weights, at sizes that take seconds."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych import CheckpointError, DiptychError, InputError, TextToImage
from diptych.engine.language.closed_vocabulary.known_words import read_words
from diptych.engine.language.closed_vocabulary.vocabulary import read_vocabulary
from diptych.engine.models.checkpoint.folder import parameter_count
from diptych.pipelines.cli import main as cli
from diptych.pipelines.files import replacing_folder
from diptych.pipelines.recipes.build import build_chain, registry
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.training.loop.batches import CAN_FORK
from diptych.pipelines.training.run import run_training
from diptych.pipelines.training.shipping import SHIPPED, ship
from diptych.pipelines.training.together import _how


@pytest.fixture
def run(tmp_path: Path, tiny_config: Path):
    def trained(what: str, *, steps: int | None = 2, config: Path = tiny_config, **options) -> Path:
        assert run_training(what, tmp_path / "run", config=config, steps=steps, **options)
        return tmp_path / "run"

    return trained


def test_all_models_are_trained_and_gathered_with_a_recipe(run, capsys: pytest.CaptureFixture[str]) -> None:
    out = run("all")
    weights = out / "weights"
    assert capsys.readouterr().out.strip() == str(weights / "recipe.toml")
    assert sorted(path.name for path in weights.iterdir() if path.is_dir()) == sorted(SHIPPED)
    assert read_vocabulary(weights / "planner") is not None
    assert not (weights / "planner" / "words.json").exists()
    assert (weights / "captioner" / "calibration.json").exists()
    assert (weights / "planner" / "spiece.model").exists()
    for name in SHIPPED:
        assert parameter_count(weights / name) > 0
    for name in ("loss.csv", "loss.png", "state.safetensors", "progress.json", "samples.png"):
        assert (out / "drafter" / name).exists()
    assert (out / "planner" / "samples.txt").read_text().count("planned:") > 3
    chain, loader = build_chain(read_recipe(weights / "recipe.toml").on("cpu")), registry()
    for key in {key for uses in chain.uses_in_order() for key in uses}:
        assert str(weights) in key.checkpoint
        assert loader.load(key, "cpu") is not None

    before = (weights / "drafter" / "model.safetensors").read_bytes()
    shutil.rmtree(weights)
    run("all")  # nothing is left to train
    assert (weights / "drafter" / "model.safetensors").read_bytes() == before


def test_a_users_folder_teaches_models_that_render(run, picture_folder: Path, tmp_path: Path) -> None:
    out = run("all", data=str(picture_folder), steps=3)
    weights = out / "weights"
    assert not (weights / "inspector").exists()
    known = read_words(weights / "planner")
    assert known is not None and {"a", "balloon"} <= known and read_vocabulary(weights / "planner") is None
    assert json.loads((out / "sizes.json").read_text())["drafter"]["data"].startswith("mine, 20 pictures")
    pipe = TextToImage.from_recipe(weights / "recipe.toml")
    (outcome,) = pipe("a balloon in a zeppelin", seed=1, num_inference_steps=1).outcomes
    assert outcome.image.size == (256, 256)
    assert [span.text for span in outcome.left_out] == ["zeppelin"] and not outcome.accepted
    assert "a balloon" in [fact.text for fact in outcome.plan.asked]

    with pytest.raises(InputError, match=r"was started with data = mine, 20 pictures.*which is now world"):
        run("drafter")
    with pytest.raises(InputError, match="was trained on mine, 20 pictures"):
        run("ship", steps=None, into=tmp_path / "package")
    run("ship", steps=None, into=tmp_path / "package", data=str(picture_folder))
    assert (tmp_path / "package" / "captioner" / "calibration.json").exists()


def test_a_training_begun_with_shipped_weights_keeps_their_latents(run, tmp_path: Path) -> None:
    first = run("all")
    begun = tmp_path / "begun"
    shutil.move(first, begun)
    again = run("refiner", beginning=str(begun / "weights"))
    old, new = (folder / "model.safetensors" for folder in (begun / "latents", again / "latents"))
    assert old.read_bytes() == new.read_bytes()
    with pytest.raises(InputError, match="there is no such folder"):
        run("refiner", beginning=str(tmp_path / "none"))


def test_a_model_alone_brings_what_it_stands_on_and_goes_on(run, capsys: pytest.CaptureFixture[str]) -> None:
    out = run("drafter")
    assert sorted(path.name for path in out.iterdir()) == [
        "drafter",
        "sizes.json",
        "text",
        "tokenizer",
        "tokenizer-samples.png",
    ]
    assert capsys.readouterr().out.strip() == str(out / "drafter" / "model")
    book = (out / "tokenizer" / "model.safetensors").read_bytes()
    run("drafter", steps=3)
    assert json.loads((out / "drafter" / "progress.json").read_text()) == {"step": 3}
    assert (out / "tokenizer" / "model.safetensors").read_bytes() == book


def test_other_sizes_than_those_a_folder_was_begun_with_are_refused(run, tmp_path: Path) -> None:
    run("inspector")
    other = tmp_path / "other.toml"
    other.write_text("[inspector]\nwidths = [8, 16]\n[inspector.training]\nbatch_size = 2\n")
    with pytest.raises(
        InputError, match=r"inspector: was started with widths = \[8, 8\], which is now \[8, 16\]"
    ):
        run("inspector", config=other)
    with pytest.raises(InputError, match="was started with seed = 0"):
        run("inspector", seed=1)


def test_sizes_that_do_not_fit_together_are_refused(run, tmp_path: Path) -> None:
    odd = tmp_path / "odd.toml"
    odd.write_text("[text]\nsentences = 120\nsize = 320\n[planner]\nhidden_size = 33\nlayers = 1\nheads = 2\n")
    with pytest.raises(InputError, match=r"\[planner\]: these sizes do not fit together") as caught:
        run("planner", config=odd)
    assert "\n" not in str(caught.value)


def test_a_prediction_that_is_not_of_the_path_is_refused(run, tmp_path: Path, tiny_config: Path) -> None:
    odd = tmp_path / "odd.toml"
    odd.write_text(f'{tiny_config.read_text()}\n[refiner.objective]\npath = "ddpm"\nprediction = "velocity"\n')
    with pytest.raises(InputError, match="does not go with path 'ddpm': take sample, epsilon, v_prediction"):
        run("refiner", config=odd)


@pytest.mark.parametrize(
    ("what", "options", "message"),
    [
        ("draftr", {}, "did you mean 'drafter'"),
        ("all", {"into": Path("elsewhere")}, "--into goes with ship alone"),
        ("ship", {}, "holds no trained model"),
        ("ship", {"data": "pictures"}, "name a folder with --into"),
        ("inspector", {"data": "pictures"}, "trained on the world or on art alone"),
        ("planner", {"data": "nowhere"}, "there is no such folder"),
        ("lora", {}, "--base"),
        ("lora", {"base": Path("nowhere")}, "has no model_index.json"),
        ("drafter", {"rank": 4}, "go with lora alone"),
        ("drafter", {"together": True}, "--together goes with all alone"),
        ("drafter", {"steps": 5, "minutes": 1.0}, "--steps and --minutes do not go together"),
        ("drafter", {"cache": True, "data": "pictures"}, "are kept in any case: leave --cache out"),
        ("planner", {"cache": True}, "none of the pictures that --cache keeps"),
        ("inspector", {"cache": True}, "none of the pictures that --cache keeps"),
        ("ship", {"cache": True}, "none of the pictures that --cache keeps"),
        ("art", {"steps": 5, "seed": 1}, "train art: has no use for --steps, --seed"),
        ("ship", {"minutes": 5.0, "beginning": "pocket"}, "train ship: has no use for --minutes, --start-from"),
    ],
)
def test_wrong_wishes_are_refused_before_anything_is_written(
    tmp_path: Path, what: str, options: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run_training(what, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_workers_are_refused_where_processes_cannot_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diptych.pipelines.training.run.CAN_FORK", False)
    with pytest.raises(InputError, match="--workers are forked"):
        run_training("drafter", tmp_path / "run", workers=1)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(InputError, match="is a file"):
        run_training("planner", tmp_path / "run")


def test_shipping_replaces_what_was_trained_and_leaves_the_rest(run, tmp_path: Path) -> None:
    out, into, said = run("inspector"), tmp_path / "package", list[str]()
    (into / "inspector").mkdir(parents=True)
    (into / "inspector" / "old.txt").write_text("old")
    (into / "drafter").mkdir()
    assert ship(out, into, say=said.append) == ["inspector"]
    assert sorted(path.name for path in into.iterdir()) == ["drafter", "inspector"]
    assert not (into / "inspector" / "old.txt").exists()
    assert any("after 2 steps" in line for line in said)
    assert any(line.startswith("drafter: is not trained") for line in said)


def test_damaged_weights_are_not_shipped(run, tmp_path: Path) -> None:
    out, into = run("inspector"), tmp_path / "package"
    ship(out, into, say=lambda _: None)
    whole = (into / "inspector" / "model.safetensors").read_bytes()
    (out / "inspector" / "model" / "model.safetensors").write_bytes(whole[:-10])
    with pytest.raises(CheckpointError, match="damaged"):
        ship(out, into, say=lambda _: None)
    assert (into / "inspector" / "model.safetensors").read_bytes() == whole


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with replacing_folder(tmp_path / "a") as part:
            (part / text).write_text(text)
    with pytest.raises(ZeroDivisionError), replacing_folder(tmp_path / "a") as part:
        (part / "third").write_text(str(1 / 0))
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "second"]


@pytest.fixture
def diptych(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs `diptych` with these arguments; returns exit status, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["diptych", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_the_command_line_trains_and_ships(diptych, tmp_path: Path, tiny_config: Path) -> None:
    out, into = tmp_path / "run", tmp_path / "package"
    threads = torch.get_num_threads()
    status, said, log = diptych(
        "train",
        "inspector",
        "-o",
        out,
        "--config",
        tiny_config,
        "--steps",
        2,
        "--threads",
        threads,
        "--seed",
        5,
    )
    assert status == 0 and said.strip() == str(out / "inspector" / "model") and "step 2/2" in log
    assert "Writing" not in log and "%" not in log  # no progress bars of the libraries
    assert json.loads((out / "sizes.json").read_text())["inspector"]["seed"] == 5
    status, said, _ = diptych("train", "ship", "-o", out, "--into", into)
    assert status == 0 and said.strip() == str(into) and (into / "inspector" / "config.json").exists()


def test_the_command_line_says_in_one_line_what_is_wrong(diptych, tmp_path: Path) -> None:
    status, out, err = diptych("train", "evrything", "-o", tmp_path / "run")
    assert (status, out, err.count("\n")) == (2, "", 1) and "known are tokenizer" in err


def test_a_stopped_training_ends_with_130_and_says_how_to_go_on(
    diptych, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diptych.pipelines.training.run.run_training", lambda *_, **__: False)
    status, _, err = diptych("train", "planner", "-o", tmp_path / "run")
    assert status == 130 and "the same command goes on" in err


@pytest.fixture
def two_models(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """All models there are: a process of its own for each takes its time."""
    models = ("planner", "captioner")
    monkeypatch.setattr("diptych.pipelines.training.run.MODELS", models)
    return models


def test_models_that_train_together_become_what_they_become_one_after_the_other(
    two_models: tuple[str, ...], tmp_path: Path, tiny_config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    how: dict[str, Any] = {"config": tiny_config, "steps": 2, "threads": 1}
    assert run_training("all", tmp_path / "apart", **how)
    capfd.readouterr()
    helped = {"cache": True, "workers": int(CAN_FORK)}
    assert run_training("all", tmp_path / "together", together=True, **helped, **how)
    assert capfd.readouterr().out.split() == [str(tmp_path / "together" / "weights" / "recipe.toml")]
    for name in two_models:
        path = Path("weights", name, "model.safetensors")
        apart, together = ((tmp_path / way / path).read_bytes() for way in ("apart", "together"))
        assert apart == together, name


def test_a_process_that_is_ended_from_outside_is_said_to_be() -> None:
    assert (_how(2), _how(1)) == ("failed", "failed")
    assert _how(-9) == "was ended by SIGKILL, perhaps for want of memory"
    assert _how(-11) == "was ended by SIGSEGV"


def test_one_of_several_that_fails_leaves_the_others_whole(
    two_models: tuple[str, ...], tmp_path: Path, tiny_config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "captioner").mkdir()
    (tmp_path / "captioner" / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(DiptychError) as caught:
        run_training("all", tmp_path, together=True, config=tiny_config, steps=1, threads=1)
    said = capfd.readouterr().err
    alone = "train all: captioner failed; the same command goes on with what is left"
    assert str(caught.value) == alone, said  # a planner that the system ended is named with the signal
    assert f"diptych: {tmp_path / 'captioner'}: every state in it is damaged" in said, said
    assert "Traceback" not in said, said
    assert json.loads((tmp_path / "planner" / "progress.json").read_text()) == {"step": 1}
