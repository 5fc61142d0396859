"""How the house is built, held by reading every file's syntax tree; and that importing is quick, by importing.

A room is a folder; the modules that stand in a top folder by themselves are rooms of their own. `FLOORS` is the
house from the ground up: a room may import what stands below it, and itself. `docs/architecture.md` draws it.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "engine", "pipelines", "prompts")

FLOORS = [
    "engine.errors engine.kernels engine.messages engine.randomness engine.version engine.watch",
    "engine.values engine.guards engine.stage",
    "prompts.plain_files prompts.row prompts.settings prompts.template",
    "prompts.entry prompts.planner prompts.text",
    "prompts.other_tools",
    "prompts.formats",
    "prompts.wildcards",
    "prompts.reader prompts.variants prompts",
    "engine.extensions engine.diffusion engine.memory engine.models.checkpoint engine.remote",
    "engine.ar engine.language.words engine.chain engine.dummy_values engine.loop engine.microbatch"
    " engine.models.quantised",
    "engine.repair engine.language.open_vocabulary engine.language.closed_vocabulary engine.execution_mode",
    "engine.waves",
    "engine.forecast engine.runner",
    "engine.desk",
    "engine.models.language",
    "engine.models.diffusion engine.models.vision",
    "engine.models",
    "engine.stages.planning engine.stages.drafting engine.stages.judging engine.stages.recalling",
    "engine.stages.painting",
    "pipelines.device pipelines.everyday_words pipelines.files pipelines.terminal pipelines.render_result",
    "pipelines.pictures pipelines.rendering.schema",
    "pipelines.pocket.world pipelines.catalogue pipelines.sheets pipelines.pocket.art.fetching",
    "pipelines.grid pipelines.pocket.world.drawing pipelines.explaining pipelines.rendering.output",
    "pipelines.pocket.art pipelines.rendering.gallery",
    "pipelines.recipes",
    "pipelines.calls pipelines.unused_settings pipelines.vocabulary",
    "pipelines.text_to_image pipelines.picture_judge",
    "pipelines.workflow pipelines.rendering.provenance pipelines.rendering.renderer",
    "pipelines.editing pipelines.interpolate pipelines.storyboard pipelines.style_sheet pipelines.upscale",
    "pipelines.rendering.ray pipelines.rendering.rows",
    "pipelines.rendering pipelines.training.data pipelines.training.loop",
    "pipelines.training.tasks",
    "pipelines.training.handover",
    "pipelines.training",
    "pipelines.evaluation",
    "pipelines.evaluation.typed_prompts pipelines.evaluation.handover",
    "pipelines.evaluation.art pipelines.evaluation.recalled",
    "pipelines.serving",
    "pipelines.cli.front pipelines.cli.tables",
    "pipelines.cli",
    "benchmarks.baseline benchmarks.harness",
    "benchmarks benchmarks.loop",
]
"""Rooms of one floor do not import each other, and a file of a room may import others of its own room."""

FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}

MOST_FILES = 16
"""Of a folder, `__init__.py` aside."""

WORLDLY = ("pipelines.pocket", "pipelines.training", "pipelines.evaluation", "benchmarks")
"""Rooms that train on the illustrated world or measure by it; others read words by `pipelines.vocabulary`."""

LIBRARIES = {"transformers", "diffusers"}
HEAVY = LIBRARIES | {"torch"}
QUICK = [
    "diptych",
    "diptych.engine.chain",
    "diptych.engine.errors",
    "diptych.engine.forecast",
    "diptych.engine.guards.threads",
    "diptych.engine.loop",
    "diptych.engine.memory",
    "diptych.engine.randomness",
    "diptych.engine.runner",
    "diptych.engine.stage",
    "diptych.engine.values",
    "diptych.pipelines",
    "diptych.pipelines.cli.main",
    "diptych.prompts.reader",
]

WEIGHTS = ("model", "module", "network", "unet", "vae", "encoder", "decoder", "transformer", "pipe", "handle")


def files() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    """`engine/loop.py` is `engine.loop`, `engine/ar/__init__.py` is `engine.ar`."""
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
    """The room that a module, or a name in it, lies in; `None` for what is no part of the package."""
    if name.split(".")[0] not in FOLDERS:
        return None
    return max((room for room in FLOOR if name == room or name.startswith(room + ".")), key=len, default=name)


def test_imports_run_one_way() -> None:
    known = {name_of(path) for path in files()}
    wrong = []
    for path in files():
        name, room = name_of(path), room_of(name_of(path))
        if path.name == "__init__.py" and name in {other.rpartition(".")[0] for other in FLOOR}:
            continue  # the face of a room with rooms in it hands on what they have
        if room not in FLOOR or (room == name.split(".")[0] != "benchmarks"):
            wrong.append(f"{path.relative_to(ROOT)}: lies in no known room: give it a place in FLOORS")
            continue
        for line, target in imports_of(path):
            absolute = target.split(".")[0] == "diptych"
            other = room_of(target)
            is_folder = any(each.startswith(target + ".") for each in known) and target not in FLOOR
            if absolute or (other is not None and not is_folder and not may_import(room, other)):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {room} must not import {target}")
    assert wrong == []


def may_import(room: str, other: str) -> bool:
    return room == other or (other in FLOOR and FLOOR[other] < FLOOR[room])


def test_only_adapters_and_trainers_import_the_libraries_and_the_panels_never_each_other() -> None:
    able = ("engine.models.", "pipelines.training.", "benchmarks.")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {target}"
        for path in files()
        for line, target in imports_of(path)
        if (target.split(".")[0] in LIBRARIES and not name_of(path).startswith(able))
        or (name_of(path).startswith("engine.ar") and target.startswith("engine.diffusion"))
        or (name_of(path).startswith("engine.diffusion") and target.startswith("engine.ar"))
    ]
    assert found == []


def test_the_illustrated_world_is_known_to_those_alone_that_train_on_it_or_measure_by_it() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {target}"
        for path in files()
        if not name_of(path).startswith(WORLDLY)
        for line, target in imports_of(path)
        if target.startswith("pipelines.pocket")
    ]
    found += [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in files()
        if name_of(path).startswith("engine")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and str(node.value).startswith("pocket")
    ]
    assert found == []


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


def test_weights_are_moved_by_memory_and_its_loader_alone() -> None:
    seen = ["model.to('cuda')", "self.vae.to(device)", "handle.unet.cuda()", "LlamaModel.from_pretrained(name)"]
    let_pass = ["tokens.to(device)", "noise.to(dtype=dtype)", "models[key].run(x)"]
    assert all(list(weight_moves(ast.parse(code))) for code in seen)
    assert not any(list(weight_moves(ast.parse(code))) for code in let_pass)
    movers = ("engine.memory", "engine.models.", "pipelines.training.", "benchmarks.baseline.")
    moves = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"
        for path in files()
        if not name_of(path).startswith(movers)
        for call in weight_moves(tree_of(path))
    ]
    assert moves == []


def test_files_functions_and_folders_are_small() -> None:
    large = []
    for path in (*files(), *sorted((ROOT / "tests").rglob("*.py"))):
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400:
            large.append(f"{path.relative_to(ROOT)}: {lines} lines")
    for path in files():
        where = path.relative_to(ROOT)
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                large += [f"{where}:{node.lineno}: {node.name} has {lines} lines"] if lines > 60 else []
    for folder in {path.parent for path in files()}:
        count = sum(path.name != "__init__.py" for path in folder.glob("*.py"))
        large += [f"{folder.relative_to(ROOT)}: {count} files"] if count > MOST_FILES else []
    assert large == []


def test_what_is_imported_first_is_quick() -> None:
    code = f"""
import importlib, sys
for name in {QUICK!r}:
    importlib.import_module(name)
    print(name, *{HEAVY!r}.intersection(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == QUICK
