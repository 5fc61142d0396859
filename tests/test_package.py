"""The package as it is installed: its public face, how quick its import is, and what is in its wheel."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import diptych

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "engine", "pipelines", "prompts")


def test_every_public_name_is_there() -> None:
    for name in diptych.__all__:
        assert getattr(diptych, name) is not None
    assert set(dir(diptych)) == set(diptych.__all__)
    with pytest.raises(AttributeError, match=r"no attribute 'Nonsense'$"):
        _ = diptych.Nonsense  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError, match=r"'Text2Image' \(did you mean 'TextToImage'\?\)"):
        _ = diptych.Text2Image  # pyright: ignore[reportAttributeAccessIssue]


def test_what_the_type_checker_sees_is_what_is_imported() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.name: str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
    assert typed.pop("__version__") == "engine.version"
    assert typed == diptych._HOMES
    assert set(typed) | {"__version__"} == set(diptych.__all__)


def test_importing_is_quick_and_imports_nothing_heavy() -> None:
    code = "import diptych, sys; print(sorted({'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_light_modules_stay_light() -> None:
    modules = ["engine.runner", "engine.loop", "engine.memory", "prompts.reader"]
    modules += ["pipelines.cli.main", "pipelines.text_to_image", "pipelines.rendering.batch"]
    imports = "; ".join(f"import diptych.{module}" for module in modules)
    code = f"{imports}; import sys; print(sorted({{'torch', 'transformers', 'diffusers'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_folder_with_modules_is_listed_as_a_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {path.parent for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    names = {".".join(("diptych", *path.relative_to(ROOT).parts)) for path in found}
    assert set(project["tool"]["setuptools"]["packages"]) == names | {"diptych"}


def test_the_wheel_holds_every_module_and_data_file(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    wanted = _copy_sources(sources)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(sources)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("diptych/")}
    names = {name for name in names if not name.endswith(".so")}  # only where a compiler is
    assert names == {f"diptych/{name}" for name in wanted}


def _copy_sources(target: Path) -> set[str]:
    """Copies what the package is made of, and says which files those are; building leaves things behind."""
    files = [ROOT / "__init__.py", ROOT / "py.typed"]
    files += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    files = [path for path in files if "__pycache__" not in path.parts]
    extra = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE") if (ROOT / name).exists()]
    for path in [*files, *extra]:
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    if not (target / "README.md").exists():
        (target / "README.md").write_text("Diptych\n", encoding="utf-8")
    built = (".cpp", ".h", ".so")  # what the machine code is made of, and a build of it that lies in the tree
    return {path.relative_to(ROOT).as_posix() for path in files if path.suffix not in built}
