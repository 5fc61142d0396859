"""Feeds mutated recipes and checkpoints' files to what reads them: a result or a named error comes out, soon.

    python tests/families/fuzz_files.py --count 50000 --seed 1             # recipes, and as many files
    python tests/families/fuzz_files.py --count 50000 --every 50           # every 50th checkpoint is also built

Mutations know the structure: values of valid files are replaced by others of their kind, of other kinds and by
hostile ones, keys are dropped, doubled and renamed, tables are nested; a few mutations spoil the bytes. A file
that gave anything else than a named error, or took too long, is printed and kept.
"""

import argparse
import copy
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from diptych import DiptychError
from diptych.engine.chain import Chain
from diptych.engine.dummy_values import dummy_values
from diptych.engine.models.registry import Registry
from diptych.engine.values import Request
from diptych.pipelines.recipes.build import build_chain, told_of_configs
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.recipes.rehearsal import rehearse
from diptych.pipelines.recipes.sizes import size_of

SLOW_S = 20.0  # for one of them, on a busy machine; most take some milliseconds
HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 7, 2**16, 2**31, 2**63, 10**30, 10**400, -(2**40)),
    *(0.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan")),
    *("", "x", "a" * 5000, "\x00", "../../x", "~nosuchuser/x", "/dev/zero", "\ud800", "\u202e", "{{ 1 // 0 }}"),
    *([], {}, [[]], [None], {"": 1}, [1] * 3000, {"a": {"b": [1, {"c": 2}]}}),
]


def mutated(value: Any, draw: random.Random, *, times: int = 3) -> Any:
    """A JSON value that differs in a few places."""
    made = copy.deepcopy(value)
    for _ in range(draw.randint(1, times)):
        places = list(_places(made))
        if not places:
            return draw.choice(HOSTILE)
        table, key = draw.choice(places)
        match draw.randrange(7):
            case 0 | 1 | 2:
                table[key] = copy.deepcopy(draw.choice(HOSTILE))
            case 3:
                table[key] = _near(table[key], draw)
            case 4:
                del table[key]
            case 5:
                other, name = draw.choice(places)
                table[key] = copy.deepcopy(other[name]) if name in _keys(other) else None
            case _:
                for _ in range(draw.choice([1, 5, 40, 90])):
                    table[key] = {"a": table[key]} if draw.random() < 0.5 else [table[key]]
    return made


def _keys(table: Any) -> Any:
    return table if isinstance(table, dict) else range(len(table))


def _near(value: Any, draw: random.Random) -> Any:
    """Another of its kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value * draw.choice([-1, 2, 10, 1000, 10**6]) + draw.choice([-1, 0, 1])
    if isinstance(value, float):
        return value * draw.choice([-1, 0, 1e10, 1e-10])
    if isinstance(value, str):
        return draw.choice([value * 2, value[:-1], value.upper(), f" {value}", f"{value}\n", value[::-1]])
    if isinstance(value, list):
        return value * draw.choice([0, 2, 50])
    return list(value) if isinstance(value, dict) else value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(_keys(value)) if isinstance(value, dict | list) else ():
        yield value, key
        yield from _places(value[key])


def spoilt(data: bytes, draw: random.Random) -> bytes:
    """Bytes of which some are others, gone, or there twice."""
    start, end = sorted(draw.randint(0, len(data)) for _ in range(2))
    middle = draw.choice([b"", b"\x00", b"[" * 5000, b"\xff", data[start:end] * 2, draw.randbytes(20)])
    return data[:start] + middle + data[end:]


def toml(table: Any) -> str:
    """A recipe as TOML; inline, but for its stages. What TOML has no word for is left to be refused."""
    lines = [f"{_name(key)} = {_inline(value)}" for key, value in table.items() if key != "stages"]
    stages = table.get("stages")
    if not isinstance(stages, dict):
        return "\n".join([*lines, f"stages = {_inline(stages)}"])
    for name, stage in stages.items():
        lines.append(f"[stages.{_name(name)}]")
        fields = stage.items() if isinstance(stage, dict) else [("x", stage)]
        lines += [f"{_name(key)} = {_inline(value)}" for key, value in fields]
    return "\n".join(lines)


def _name(key: Any) -> str:
    return json.dumps(str(key))


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_name(key)} = {_inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, float):
        return {"inf": "inf", "-inf": "-inf", "nan": "nan"}.get(repr(value), repr(value))
    return json.dumps(value) if value is not None else "null"


RECIPE: dict[str, Any] = {
    "summary": "all of it",
    "picture": {"height": 64, "width": 64},
    "defaults": {
        "num_inference_steps": 2,
        "guidance_scale": 1.5,
        "candidates": 2,
        "accept": 0.5,
        "seconds": 9.0,
    },
    "stages": {
        "plan": {
            "family": "causal-lm",
            "checkpoint": "pocket/planner",
            "settings": {"template": "tags", "temperature": 0.5, "prompt_tokens": 99, "must_agree": True},
        },
        "draft": {
            "family": "image-token-lm",
            "checkpoint": "pocket/drafter",
            "models": {"codebook": {"family": "image-tokenizer", "checkpoint": "pocket/tokenizer"}},
        },
        "repaint": {
            "family": "diffusers",
            "checkpoint": "./paint",
            "dtype": "bfloat16",
            "part": "",
            "loras": [{"checkpoint": "./ink.safetensors", "weight": 0.5}],
            "settings": {
                "scheduler": "DDIMScheduler",
                "scheduler_config": {"beta_start": 0.1},
                "arguments": {"eta": 0.5},
                "strength": 0.5,
                "tile_above": 512,
            },
        },
        "judge": {
            "family": "image-text-to-text",
            "checkpoint": "someone/captioner",
            "revision": "main",
            "trust_remote_code": False,
            "settings": {"sharpness": 2.0, "likelihood": True},
        },
    },
}


def try_recipe(folder: Path, draw: random.Random) -> None:
    """Read a mutated recipe, and build its chain. Anything but a `DiptychError` is a fault."""
    text = toml(mutated(RECIPE, draw)).encode("utf-8", "surrogatepass")
    path = folder / "fuzzed.toml"
    path.write_bytes(spoilt(text, draw) if draw.random() < 0.2 else text)
    try:
        build_chain(read_recipe(path))
    except DiptychError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000, f"no line: {str(error)[:300]!r}"


class Checkpoints:
    """Checkpoints of which one small file at a time is another.

    Args:
        folders: of the recipe's stages, by name; copies, which are written to.
        recipe: names them.
    """

    def __init__(self, folders: dict[str, Path], recipe: Path) -> None:
        self._folders = folders
        self._recipe = read_recipe(recipe)
        self._chain: Chain = build_chain(self._recipe)
        self._files = [
            path
            for folder in folders.values()
            for path in sorted(folder.rglob("*"))
            if path.suffix in (".json", ".jinja", ".txt", ".model")
        ]
        self.path = self._files[0]

    def try_one(self, draw: random.Random, *, build: bool) -> None:
        """Change a file, and do what is done before anything is loaded; and, to `build`, outlines of all
        models.

        Anything but a `DiptychError` is a fault.
        """
        self.path = path = draw.choice(self._files)
        before = path.read_bytes()
        try:
            path.write_bytes(self._changed(path, before, draw))
            self._use(build)
        except DiptychError as error:
            assert "\n" not in str(error), f"no line: {error}"
        finally:
            path.write_bytes(before)

    def _changed(self, path: Path, data: bytes, draw: random.Random) -> bytes:
        if path.suffix != ".json" or draw.random() < 0.15:
            return spoilt(data, draw)
        return json.dumps(mutated(json.loads(data), draw)).encode("utf-8", "surrogatepass")

    def _use(self, build: bool) -> None:
        size_of(self._recipe.stages)
        registry = Registry()
        values = dummy_values(Request(prompt="a boat", height=64, width=64), self._chain.stages)
        for stage in self._chain.stages:
            for key in stage.uses:
                registry.weights(key)
        assert "\n" not in self._chain.size_fault(64, 64)
        for stage in self._chain.stages:
            if stage.takes in values:
                with told_of_configs(stage):
                    assert stage.workspace([values[stage.takes]]) >= 0
        if build:
            for trouble in rehearse(self._recipe, self._chain):
                assert "\n" not in trouble, f"no line: {trouble}"


def run(what: str, count: int, seed: int, one: Callable[[random.Random], object], kept: Path) -> int:
    """Try so many; returns how many were faults. Each has a seed of its own."""
    faults, slowest = 0, 0.0
    for i in range(count):
        began = time.monotonic()
        try:
            one(random.Random(f"{seed}/{i}"))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            faults += 1
            print(f"{what} {seed}/{i}: {type(error).__name__}: {str(error)[:300]}", flush=True)
            if (source := kept / "fuzzed.toml").exists():
                shutil.copy(source, kept / f"{what}-{seed}-{i}.toml")
        seconds = time.monotonic() - began
        slowest = max(slowest, seconds)
        if seconds > SLOW_S:
            faults += 1
            print(f"{what} {seed}/{i}: took {seconds:.1f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} {what}: {faults} faults; the slowest took {slowest:.2f} s; at most {peak:.0f} MiB", flush=True
    )
    return faults


def checkpoints_in(folder: Path, twins: dict[str, Callable[[Path], None]]) -> Checkpoints:
    """Twins written to `folder`, and a recipe of them."""
    families = {"plan": "causal-lm", "paint": "diffusers", "judge": "image-text-to-text"}
    for name, make in twins.items():
        make(folder / name)
    lines = [
        f'[stages.{name}]\nfamily = "{families[name]}"\ncheckpoint = "{folder / name}"\n' for name in twins
    ]
    recipe = folder / "mine.toml"
    recipe.write_text("".join(lines), encoding="utf-8")
    return Checkpoints({name: folder / name for name in twins}, recipe)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="recipes, and as many files")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--every", type=int, default=100, metavar="N", help="checkpoints that are also built")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.families import captioner_twins, planner_twins, unet_twins

    kept = Path(tempfile.mkdtemp())
    faults = run("recipes", options.count, options.seed, lambda draw: try_recipe(kept, draw), kept)
    made = checkpoints_in(
        kept,
        {
            "plan": planner_twins.llama3,
            "paint": unet_twins.stable_diffusion,
            "judge": captioner_twins.blip,
        },
    )
    (kept / "fuzzed.toml").unlink()
    every = options.every
    faults += run(
        "checkpoints' files",
        options.count,
        options.seed,
        lambda draw: made.try_one(draw, build=draw.randrange(every) == 0),
        kept,
    )
    if not faults:
        shutil.rmtree(kept)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
