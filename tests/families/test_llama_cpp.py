"""Planners from GGUF files, by the real llama.cpp, where it is installed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from diptych.engine.errors import CheckpointError, InputError
from diptych.engine.stage import ModelKey, NoProgress, RunContext
from diptych.engine.values import Plan, Request
from diptych.pipelines.recipes.build import build_stage
from diptych.pipelines.recipes.reader import StageRecipe, read_recipe
from diptych.pipelines.recipes.revisions import revision_of

PROMPTS = ["a red boat", "two blue birds above a house", "a cat"]


class Noting(NoProgress):
    """Keeps what fails and what is noted."""

    def __init__(self) -> None:
        self.failed: dict[int, str] = {}
        self.notes: list[str] = []

    def fail(self, row: int, reason: str, /) -> None:
        self.failed[row] = reason

    def note(self, text: str, /) -> None:
        self.notes.append(text)

    def view(self, what: str, i: int, make: Any, /) -> None:
        return None


def stage_of(path: Path, **settings: Any) -> Any:
    recipe = read_recipe("pocket")
    return build_stage(
        recipe, StageRecipe(name="plan", model=ModelKey("llama-cpp", str(path)), settings=settings)
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("xllamacpp")
    pytest.importorskip("gguf")
    from .gguf_planner import write_gguf

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(path)
    return path


def planned(path: Path, prompts: Iterable[str], **settings: Any) -> list[Plan]:
    progress = Noting()
    stage = stage_of(path, must_agree=False, temperature=0.8, max_tokens=600, **settings)
    requests = [Request(prompt=prompt, seed=3 + i) for i, prompt in enumerate(prompts)]
    plans = stage.run(requests, {}, RunContext(progress))
    assert not progress.failed
    return plans


def test_a_plan_is_written_under_the_schema_and_is_the_same_alone(file: Path) -> None:
    together = planned(file, PROMPTS)
    again = planned(file, PROMPTS)
    assert [(plan.prompt, plan.facts) for plan in together] == [(plan.prompt, plan.facts) for plan in again]
    alone = planned(file, PROMPTS[:1])
    assert (alone[0].prompt, alone[0].facts) == (together[0].prompt, together[0].facts)
    assert all(plan.by.startswith("tiny.gguf") and "by llama.cpp (xllamacpp 2" in plan.by for plan in together)


def test_its_bytes_count_as_work_and_its_content_as_its_revision(file: Path) -> None:
    stage = stage_of(file)
    request = Request(prompt="a boat")
    assert stage.uses == () and stage.workspace([request]) > file.stat().st_size
    assert stage_of(file, context=8192).workspace([request]) > stage.workspace([request])
    stage.rehearse(request, {})
    assert len(revision_of(str(file))) == 16


@pytest.mark.parametrize("keep", [0, 3, 100, 0.5, 0.99])
def test_a_damaged_file_is_one_clear_line(file: Path, tmp_path: Path, keep: float) -> None:
    data = file.read_bytes()
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    with pytest.raises(CheckpointError, match=r"broken\.gguf: .*: copy it again"):
        planned(broken, PROMPTS[:1])


def test_what_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file: name a GGUF file"):
        stage_of(tmp_path / "nothing.gguf").workspace([])
    with pytest.raises(InputError, match=r"stages.plan\]: max_tokens = 900: must be less than context = 512"):
        stage_of(tmp_path / "nothing.gguf", max_tokens=900, context=512)


def test_only_a_planner_is_of_this_family(tmp_path: Path) -> None:
    model = ModelKey[Any]("llama-cpp", str(tmp_path / "model.gguf"))
    with pytest.raises(InputError, match=r"family 'llama-cpp' is for \[stages.plan\] alone"):
        build_stage(read_recipe("pocket"), StageRecipe(name="judge", model=model))
    with pytest.raises(InputError, match=r"did you mean 'llama-cpp'\?"):
        build_stage(
            read_recipe("pocket"), StageRecipe(name="plan", model=ModelKey[Any]("lama-cpp", str(tmp_path)))
        )
