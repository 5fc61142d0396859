"""Models of one's own: README's recipe as it is written, every subset of its stages, and what is wrong with a
recipe: `recipes check` says no exactly where a render fails."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from diptych import DiptychError, InputError, TextToImage
from diptych.pipelines.cli.main import app
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.reader import read_recipe

from .captioner_twins import blip
from .lora_files import lora_of
from .painting import Twin
from .pipeline_twins import stable_diffusion
from .planner_twins import byte_llama, llama3

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
DRAFT = """[stages.draft]
family = "image-token-lm"
checkpoint = "pocket/drafter"
models.codebook = { family = "image-tokenizer", checkpoint = "pocket/tokenizer" }
"""


def tables(twin: Twin, *, planner: Callable[[Path], None] = llama3) -> dict[str, str]:
    """The stages of README's recipe, by name, on twins."""
    return {
        "plan": f'[stages.plan]\nfamily = "causal-lm"\ncheckpoint = "{twin(planner)}"\n',
        "draft": DRAFT,
        "paint": f'[stages.paint]\nfamily = "diffusers"\ncheckpoint = "{twin(stable_diffusion)}"\n',
        "judge": f'[stages.judge]\nfamily = "image-text-to-text"\ncheckpoint = "{twin(blip)}"\n',
    }


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def rendered(path: Path) -> Any:
    """The outcome of one prompt, in two steps."""
    return TextToImage.from_recipe(path)("a red boat", num_inference_steps=2).outcomes[0]


@pytest.mark.parametrize("planner", [llama3, byte_llama])
def test_readmes_recipe_runs_as_it_is_written(
    planner: Callable[[Path], None], twin: Twin, tmp_path: Path
) -> None:
    text = README.split("```toml\n")[1].split("```")[0]
    for checkpoint, make in (
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", planner),
        ("stabilityai/stable-diffusion-xl-base-1.0", stable_diffusion),
        ("Salesforce/blip-image-captioning-base", blip),
    ):
        assert checkpoint in text
        text = text.replace(checkpoint, str(twin(make)))
    text = text.replace('dtype = "float16"', "")  # the autoencoder alone computes in half precision on a CPU
    path = written(tmp_path, text)
    assert check(read_recipe(path)).ready
    outcome = rendered(path)
    assert outcome.image.size == (64, 64), "the size that the painter was made for"
    assert outcome.judged and outcome.verdict.answers


def test_the_size_is_that_of_the_painter_unless_the_recipe_says_another(twin: Twin, tmp_path: Path) -> None:
    paint = tables(twin)["paint"]
    for picture, size in (
        ("", (64, 64)),
        ("[picture]\nwidth = 128\n", (64, 128)),
        ("[picture]\nheight = 96\nwidth = 128\n", (96, 128)),
    ):
        recipe = read_recipe(written(tmp_path, f"{picture}{paint}"))
        assert (recipe.height, recipe.width) == size
    for name, side in (("pocket", 256), ("sd15", 512), ("sana", 1024), ("llama-flux-schnell", 1024)):
        known = read_recipe(name)  # sizes of checkpoints that are not here are known by their configs
        shipped = Path(known_path(name)).read_text(encoding="utf-8")
        kept = "\n".join(line for line in shipped.splitlines() if not line.startswith(("height", "width")))
        recipe = read_recipe(written(tmp_path, kept))
        assert (recipe.height, recipe.width) == (side, side), name
        assert known.height == side


def known_path(name: str) -> Path:
    return Path(__file__).parents[2] / "pipelines" / "recipes" / f"{name}.toml"


@pytest.mark.parametrize(
    "stages", [("paint",), ("plan", "paint"), ("paint", "judge"), ("plan", "paint", "judge")]
)
def test_plan_and_judge_may_be_left_out(stages: tuple[str, ...], twin: Twin, tmp_path: Path) -> None:
    path = written(tmp_path, "".join(tables(twin)[name] for name in stages))
    assert check(read_recipe(path)).ready
    outcome = rendered(path)
    assert outcome.judged == ("judge" in stages)
    if "plan" not in stages:
        assert outcome.plan.prompt == "a red boat"
    if "judge" not in stages:
        assert not outcome.accepted and outcome.best.reason == "the only one: not judged"
        with pytest.raises(InputError, match=r"has no \[stages.judge\]"):
            _ = outcome.verdict
        pipe = TextToImage.from_recipe(path)
        wishes: list[Any] = [{"candidates": 2}, {"rounds": 2}, {"repairs": 1}, {"accept": 0.9}]
        for wish in wishes:
            with pytest.raises(InputError, match=r"nothing is scored without \[stages.judge\]"):
                pipe("a red boat", **wish)


def test_a_drafter_without_a_planner_and_a_judge(twin: Twin, tmp_path: Path) -> None:
    refine = '[stages.refine]\nfamily = "diffusers"\ncheckpoint = "pocket/refiner"\n'
    path = written(tmp_path, DRAFT + refine)
    assert check(read_recipe(path)).ready
    outcome = rendered(path)
    assert outcome.draft is not None and not outcome.judged and outcome.image.size == (256, 256)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (
            ("draft", "paint"),
            r"\[stages.draft\] .*cannot be followed by \[stages.paint\] .*leave out the draft",
        ),
        (("plan",), r"ends with \[stages.plan\] .*put a stage that paints"),
        (("judge",), r"begins with \[stages.judge\] .*put \[stages.paint\]"),
        (("judge", "paint"), r"begins with \[stages.judge\]"),
        (("paint", "plan"), r"ends with \[stages.plan\]"),
        (("draft",), r"ends with \[stages.draft\]"),
    ],
)
def test_a_chain_that_does_not_fit_is_told_in_the_recipes_own_names(
    stages: tuple[str, ...], message: str, twin: Twin, tmp_path: Path
) -> None:
    path = written(tmp_path, "".join(tables(twin)[name] for name in stages))
    for use in (rendered, lambda path: check(read_recipe(path))):
        with pytest.raises(InputError, match=message) as caught:
            use(path)
        assert "encode" not in str(caught.value) and "\n" not in str(caught.value)


# check's verdict is render's

Break = Callable[[Path, dict[str, Path]], object]
"""Given a folder to write to and copies of the checkpoints: spoils one, or says what to replace in the
recipe."""


def _changed(which: str, file: str, **values: Any) -> Break:
    def spoil(_: Path, copies: dict[str, Path]) -> None:
        path = copies[which] / file
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return spoil


def _told(old: str, new: str) -> Break:
    return lambda folder, _: (old, new.replace("FOLDER", str(folder)))


def _removed(which: str, *names: str) -> Break:
    def spoil(_: Path, copies: dict[str, Path]) -> None:
        for name in names:
            path = copies[which] / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def _lora(keep: int, *, foreign: int = 0) -> Break:
    def make(folder: Path, copies: dict[str, Path]) -> tuple[str, str]:
        file = lora_of(copies["paint"], folder / "ink.safetensors")
        tensors = load_file(file)
        layers = sorted({name.rsplit(".", 2)[0] for name in tensors})
        kept = {name: each for name, each in tensors.items() if name.rsplit(".", 2)[0] in layers[:keep]}
        for i in range(foreign):
            kept |= {f"unet.no.such.{i}.lora_{ab}.weight": torch.zeros(2, 2) for ab in "AB"}
        save_file(kept, file)
        paint = f'checkpoint = "{copies["paint"]}"'
        return paint, f'{paint}\nloras = [{{ checkpoint = "{file}" }}]'

    return make


def _misfit(_: Path, copies: dict[str, Path]) -> None:
    file = copies["paint"] / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["conv_in.weight"] = torch.zeros(4, 4, 3, 3)
    save_file(tensors, file, metadata={"format": "pt"})


def _lacking(_: Path, copies: dict[str, Path]) -> None:
    file = copies["plan"] / "model.safetensors"
    tensors = load_file(file)
    tensors.pop(next(iter(sorted(tensors))))
    save_file(tensors, file, metadata={"format": "pt"})


def _swapped(stage: str, other: str) -> Break:
    return lambda _, copies: (f'checkpoint = "{copies[stage]}"', f'checkpoint = "{copies[other]}"')


PAINT = 'family = "diffusers"'
PLAN = 'family = "causal-lm"'

MATRIX: dict[str, tuple[Break, str]] = {
    "nothing": (_told("", ""), ""),
    "a LoRA that fits": (_lora(4), ""),
    "a misspelt setting": (_told(PAINT, f"{PAINT}\nsettings.schedular = 'x'"), "did you mean 'scheduler'"),
    "a misspelt scheduler": (
        _told(PAINT, f"{PAINT}\nsettings.scheduler = 'DDIMSchedulr'"),
        "did you mean DDIMScheduler",
    ),
    "a misspelt argument": (
        _told(PAINT, f"{PAINT}\nsettings.arguments = {{ guidanc_rescale = 1 }}"),
        "did you mean 'guidance_rescale'",
    ),
    "a misspelt key of the scheduler": (
        _told(PAINT, f"{PAINT}\nsettings.scheduler_config = {{ beta_strat = 1 }}"),
        "did you mean 'beta_start'",
    ),
    "a misspelt stage": (_told("[stages.judge]", "[stages.judg]"), "did you mean 'judge'"),
    "no such folder": (_told("JUDGE", "FOLDER/none"), "no such checkpoint"),
    "not in the Hub's cache": (_told("JUDGE", "someone/none-such"), "get it with hf download"),
    "a single file": (
        _told("PLAN", "FOLDER/model.safetensors"),
        "single files, parts and config are for pipelines that paint",
    ),
    "no room for instructions": (_told(PLAN, f"{PLAN}\nsettings.prompt_tokens = 100"), "prompt_tokens = 100"),
    "too few positions": (_changed("plan", "config.json", max_position_embeddings=128), "positions"),
    "a judge that cannot see": (_swapped("judge", "plan"), "reads no pictures|Unrecognized configuration"),
    "a painter that cannot paint": (_swapped("paint", "plan"), "a pipeline of diffusers is wanted here"),
    "a planner that paints": (_swapped("plan", "paint"), "one model is wanted here"),
    "a LoRA that is not there": (
        _told(PAINT, f"{PAINT}\nloras = [{{ checkpoint = 'FOLDER/none.safetensors' }}]"),
        "no such file",
    ),
    "a LoRA of which little fits": (_lora(1, foreign=15), "15 layers of its 16 have no"),
    "weights that do not fit": (_misfit, "do not fit each other|has the shape"),
    "weights that are lacking": (_lacking, "lacks the weights"),
    "no tokenizer of the pipeline": (_removed("paint", "tokenizer"), "has no tokenizer"),
    "no tokenizer of the planner": (
        _removed("plan", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
        "has no tokenizer",
    ),
    "no scheduler": (_removed("paint", "scheduler"), "scheduler"),
    "no weights of the autoencoder": (_removed("paint", "vae"), "vae/config.json: no such file"),
    "a size of text": (_changed("plan", "config.json", hidden_size="x"), "hidden_size = 'x': must be a"),
    "100 000 layers": (_changed("plan", "config.json", num_hidden_layers=100_000), "no model has so many"),
    "300 layers": (_changed("plan", "config.json", num_hidden_layers=300), "the weights have"),
    "no heads": (_changed("plan", "config.json", num_attention_heads=0), "num_attention_heads|zero"),
    "a length of text": (_changed("plan", "tokenizer_config.json", model_max_length="x"), "model_max_length"),
    "a template without end": (
        lambda _, copies: (copies["plan"] / "chat_template.jinja").write_text("{{ 'a' * 10**10 }}") and None,
        "too much memory",
    ),
    "a size that is not painted": (
        _told("[stages.plan]", "[picture]\nheight = 60\n[stages.plan]"),
        "multiples of 8",
    ),
}


@pytest.mark.parametrize("name", MATRIX)
def test_a_recipe_checks_out_exactly_where_it_renders(name: str, twin: Twin, tmp_path: Path) -> None:
    spoil, message = MATRIX[name]
    copies = {}
    for stage, make in (("plan", llama3), ("paint", stable_diffusion), ("judge", blip)):
        copies[stage] = tmp_path / stage
        shutil.copytree(twin(make), copies[stage])
    shutil.copy(copies["plan"] / "model.safetensors", tmp_path / "model.safetensors")
    text = "".join(
        f'[stages.{stage}]\nfamily = "{family}"\ncheckpoint = "{copies[stage]}"\n'
        for stage, family in (("plan", "causal-lm"), ("paint", "diffusers"), ("judge", "image-text-to-text"))
    )
    replaced = spoil(tmp_path, copies)
    old, new = replaced if isinstance(replaced, tuple) else ("", "")
    old = str(copies[old.lower()]) if old.lower() in copies else old
    path = written(tmp_path, text.replace(old, new, 1) if old else text)
    troubles, failed = _checked(path), ""
    try:
        rendered(path)
    except DiptychError as error:
        failed = str(error)
    assert bool(troubles) == bool(failed) == bool(message), (troubles, failed)
    if message:
        assert re.search(message, " ".join(troubles)), troubles
        assert all("\n" not in trouble for trouble in (*troubles, failed))


def _checked(path: Path) -> list[str]:
    """What `recipes check` says against it; nothing where it is ready."""
    try:
        found = check(read_recipe(path))
    except DiptychError as error:
        return [str(error)]
    return [*found.checkup.troubles, *found.missing, *found.known, *found.bare]


def test_the_results_of_a_recipe_without_a_judge_say_so_everywhere(twin: Twin, tmp_path: Path) -> None:
    path = written(tmp_path, tables(twin)["paint"])
    out = tmp_path / "out"
    said = ["render", "-p", "a red boat", "--seed", "0", "--steps", "2", "--recipe", str(path), "-o", str(out)]
    for done in ("1 done", "0 made now, 1 done before"):
        result = CliRunner().invoke(app, said)
        assert result.exit_code == 0, result.output
        assert f"{done} (not judged: the recipe has no judge), 0 failed" in result.output
    (line,) = (out / "results.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert (row["status"], row["score"], row["caption"], row["accepted"]) == ("done", None, None, False)
    assert '"unjudged"' in "".join(page.read_text() for page in out.rglob("*.js"))
    shown = CliRunner().invoke(app, ["show", str(out / row["picture"])])
    assert shown.exit_code == 0 and "not judged: the recipe has no judge" in shown.output
