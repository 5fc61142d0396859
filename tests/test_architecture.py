"""DESIGN's import arrows, held by reading every file's syntax tree; and that importing is quick, by importing.

A room may import what its line in `MAY_IMPORT` names, and itself; imports for the type checker count too.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "engine", "pipelines", "prompts")

VALUES = {"engine.fact", "engine.settings", "engine.start", "engine.values"}
LOW = {"engine.errors", "engine.randomness", "engine.stage", *VALUES}
HINGE = {"engine.chain", "engine.memory", "engine.watch"}
MAY_IMPORT: dict[str, set[str]] = {
    "engine.errors": set(),
    "engine.watch": set(),
    "engine.fact": set(),
    "engine.settings": {"engine.errors"},
    "engine.start": {"engine.errors", "engine.fact"},
    "engine.values": {"engine.errors", "engine.fact", "engine.settings", "engine.start"},
    "engine.extensions": {"engine.errors"},
    "engine.randomness": {"engine.errors"},
    "engine.stage": {"engine.errors"},
    "engine.repair": {"engine.fact", "engine.start", "engine.values"},
    "engine.language": {"engine.errors", "engine.fact"},
    "engine.ar": LOW,
    "engine.diffusion": LOW,
    "engine.models": {*LOW, "engine.ar", "engine.diffusion", "engine.extensions", "engine.language"},
    "engine.stages": {
        *LOW,
        "engine.ar",
        "engine.diffusion",
        "engine.language",
        "engine.models",
        "engine.repair",
    },
    "engine.chain": LOW,
    "engine.memory": LOW,
    "engine.loop": LOW,
    "engine.quest": {*LOW, "engine.loop", "engine.repair"},
    "engine.samples": LOW,
    "engine.microbatch": {*LOW, *HINGE},
    "engine.mode": {*LOW, *HINGE, "engine.microbatch", "engine.samples"},
    "engine.forecast": {*LOW, *HINGE, "engine.microbatch", "engine.mode", "engine.samples"},
    "engine.runner": {
        *LOW,
        *HINGE,
        "engine.loop",
        "engine.microbatch",
        "engine.mode",
        "engine.quest",
        "engine.repair",
    },
    "prompts": set(),
    "pipelines": {"engine", "prompts", ""},
    "pipelines.cli": {"engine", "prompts", "pipelines", "benchmarks", ""},
    "benchmarks": {"engine", "prompts", "pipelines", ""},
}

LIBRARIES = {"transformers", "diffusers"}
HEAVY = LIBRARIES | {"torch"}
QUICK = [
    "diptych",
    "diptych.engine.chain",
    "diptych.engine.errors",
    "diptych.engine.forecast",
    "diptych.engine.loop",
    "diptych.engine.memory",
    "diptych.engine.randomness",
    "diptych.engine.runner",
    "diptych.engine.stage",
    "diptych.engine.values",
    "diptych.pipelines",
    "diptych.pipelines.cli",
    "diptych.prompts.reader",
]

WEIGHTS = ("model", "module", "network", "unet", "vae", "encoder", "decoder", "transformer", "pipe", "handle")


def files() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    """`engine/memory.py` is `engine.memory`, `engine/ar/__init__.py` is `engine.ar`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything imported; names inside the package are given without `diptych`."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            yield node.lineno, module
            if node.level:  # `from . import loop` names a module too
                yield from ((node.lineno, f"{module}.{alias.name}".lstrip(".")) for alias in node.names)


def room_of(name: str) -> str | None:
    """The room that a module lies in; `None` for what is no part of the package."""
    inside = name == "" or name.split(".")[0] in FOLDERS
    rooms = (room for room in MAY_IMPORT if name == room or name.startswith(room + "."))
    return max(rooms, key=len, default=name) if inside else None


def allowed(room: str, target: str) -> bool:
    rooms = (room, *MAY_IMPORT[room])
    return any(target == other or (other and target.startswith(other + ".")) for other in rooms)


def id_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", files(), ids=id_of)
def test_imports_run_one_way(path: Path) -> None:
    name = name_of(path)
    room = room_of(name)
    assert room is not None
    if path.name == "__init__.py" and room not in MAY_IMPORT:
        room_imports = [target for _, target in imports_of(path) if room_of(target) is not None]
        assert room_imports == [], f"{id_of(path)} stands above its rooms and imports none of them"
        return
    assert room in MAY_IMPORT, f"{id_of(path)} lies in no known room: give it a line in MAY_IMPORT"
    for line, target in imports_of(path):
        target_room = room_of(target)
        if target_room is None or target_room == "engine":
            continue
        assert allowed(room, target), f"{id_of(path)}:{line}: {room} must not import {target}"


def test_the_two_panels_never_import_each_other() -> None:
    for one, other in (("ar", "diffusion"), ("diffusion", "ar")):
        for path in sorted((ROOT / "engine" / one).rglob("*.py")):
            targets = [target for _, target in imports_of(path)]
            assert not [target for target in targets if target.startswith(f"engine.{other}")], id_of(path)


@pytest.mark.parametrize("path", files(), ids=id_of)
def test_imports_inside_the_package_are_relative(path: Path) -> None:
    absolute = [(line, target) for line, target in imports_of(path) if target.split(".")[0] == "diptych"]
    assert absolute == []


@pytest.mark.parametrize("path", files(), ids=id_of)
def test_only_adapters_and_trainers_import_the_libraries(path: Path) -> None:
    name = name_of(path)
    if name.startswith(("engine.models.from_", "pipelines.training.", "benchmarks.")):
        return
    found = [(line, target) for line, target in imports_of(path) if target.split(".")[0] in LIBRARIES]
    assert found == [], f"{id_of(path)} imports a library that only engine/models/from_*.py may"


@pytest.mark.parametrize("path", files(), ids=id_of)
def test_weights_are_moved_by_memory_and_its_loader_alone(path: Path) -> None:
    movers = ("engine.memory", "engine.models.", "pipelines.training.", "benchmarks.baseline.")
    if name_of(path).startswith(movers):
        return
    moves = [f"{id_of(path)}:{call.lineno}: {ast.unparse(call)}" for call in weight_moves(tree_of(path))]
    assert moves == []


def weight_moves(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls that load weights or move them: `.cuda()` of anything, `.to()` of what is named like a model, and
    the reading of checkpoints. Tensors may be moved."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        receiver = ast.unparse(node.func.value).lower().split(".")[-1]
        match node.func.attr:
            case "cuda" | "from_pretrained" | "load_state_dict" | "to_empty":
                yield node
            case "to" if any(word in receiver for word in WEIGHTS):
                yield node


@pytest.mark.parametrize(
    "code",
    ["model.to('cuda')", "self.vae.to(device)", "handle.unet.cuda()", "LlamaModel.from_pretrained(name)"],
)
def test_a_move_of_weights_is_seen(code: str) -> None:
    assert list(weight_moves(ast.parse(code)))


@pytest.mark.parametrize("code", ["tokens.to(device)", "noise.to(dtype=dtype)", "models[key].run(x)"])
def test_a_move_of_tensors_is_let_pass(code: str) -> None:
    assert not list(weight_moves(ast.parse(code)))


@pytest.mark.parametrize("path", files(), ids=id_of)
def test_files_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= 60, f"{id_of(path)}:{node.lineno}: {node.name} has {lines} lines"


@pytest.mark.parametrize("module", QUICK)
def test_what_is_imported_first_is_quick(module: str) -> None:
    code = f"import sys, {module}; print(*{HEAVY!r}.intersection(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "", f"import {module} imports {done.stdout.strip()}"
