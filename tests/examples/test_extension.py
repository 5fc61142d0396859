"""The example package that extends diptych: its entry points do what they say, without being installed; and so
does the package as it was for the version before the rooms."""

import importlib.metadata
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from diptych import InputError, TextToImage, find_pipeline

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / "examples/extension", ROOT / "tests/pipelines/rendering/older/b3416b5/extension"]
OAK = (115, 77, 38)


@pytest.fixture(params=PACKAGES, ids=["today", "older"])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package's module, as if it were installed with the entry points of its pyproject.toml."""
    package: Path = request.param
    groups = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    made = importlib.metadata.EntryPoints(
        importlib.metadata.EntryPoint(name, value, group)
        for group, entries in groups.items()
        for name, value in entries.items()
    )
    real = importlib.metadata.entry_points
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda **wanted: (  # libraries that ask for all of them as they are imported get their own
            importlib.metadata.EntryPoints([*made.select(**wanted), *real(**wanted)]) if wanted else real()
        ),
    )
    monkeypatch.syspath_prepend(package)
    yield importlib.import_module("diptych_frames")
    sys.modules.pop("diptych_frames", None)


@pytest.fixture
def oak(installed: Any, tmp_path: Path) -> Path:
    installed.make_moulding(tmp_path / "oak", red=OAK[0] / 255, green=OAK[1] / 255, blue=OAK[2] / 255)
    return tmp_path / "oak"


def test_its_pipeline_puts_its_stage_and_its_model_into_the_chain(oak: Path) -> None:
    pipe = find_pipeline("framed").from_recipe("pocket", moulding=oak, width=12, device="cpu")
    outcome = pipe("a red boat at sunset", num_inference_steps=1).outcomes[0]
    assert outcome.image.getpixel((5, 200)) == outcome.image.getpixel((250, 100)) == OAK
    assert outcome.image.getpixel((13, 13)) != OAK
    assert "frame" in outcome.timings


def test_the_judge_looks_at_the_picture_without_the_frame(oak: Path, request: pytest.FixtureRequest) -> None:
    if "older" in request.node.callspec.id:
        pytest.skip("it paints its frame into the picture")
    framed = find_pipeline("framed").from_recipe("pocket", moulding=oak, width=24, device="cpu")
    bare = TextToImage.from_recipe("pocket", device="cpu")
    one, other = (pipe("a red boat at sunset", seed=3).outcomes[0] for pipe in (framed, bare))
    assert one.image.getpixel((5, 200)) == OAK != other.image.getpixel((5, 200))
    assert one.verdict == other.verdict and one.accepted
    assert one.picture.bare is not None and one.picture.bare.equal(other.picture.pixels)


def test_a_recipe_file_can_name_them(oak: Path, tmp_path: Path) -> None:
    shipped = (ROOT / "pipelines" / "recipes" / "pocket.toml").read_text(encoding="utf-8")
    frame = '[stages.frame]\nfamily = "moulding"\ncheckpoint = "./oak"\nsettings = { width = 3 }\n\n'
    path = tmp_path / "framed.toml"
    path.write_text(shipped.replace("[stages.judge]", frame + "[stages.judge]"), encoding="utf-8")
    chain = TextToImage.from_recipe(path, device="cpu").runner.chain
    assert [stage.name for stage in chain.stages] == ["plan", "draft", "refine", "frame", "judge"]


def test_without_the_package_its_names_are_unknown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such pipeline: 'framed'; known are text-to-image"):
        find_pipeline("framed")
