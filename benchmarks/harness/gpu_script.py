"""Everything that is to be found out on a machine with a GPU, in six minutes: `make gpu`.

The machine may be bare: a Python with torch, no network. What else is needed lies as wheels in a folder that
`--wheels` names; `--download FOLDER` fills one, where there is a network and Diptych is installed. This file
needs nothing but Python, and runs from any checkout: `python3 benchmarks/harness/gpu_script.py`.

    setup       what there is: device, versions; the wheels are unpacked beside the results
    tests       the tests that are marked `cuda`
    parity      the pocket recipe on CPU and GPU: same tokens, pixels within 2 of 255, scores within 1e-3
    decode, refine, streaming, chain    the parts of `diptych bench gpu`

Each step is a process with its own time limit, and all together have one. After every step `gpu.json` in the
folder of the results is whole: it has a line for each step, and says which were not reached.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 360.0
TAIL = 2000  # characters of a step's last words that are kept
TORCHS_OWN = ("torch", "triton", "nvidia", "numpy", "setuptools")
"""Distributions that are there with torch, or begin so; they are never replaced."""

FACTS = """
import json, torch
there = torch.cuda.is_available()
print(json.dumps({
    "torch": torch.__version__,
    "cuda": torch.version.cuda,
    "devices": torch.cuda.device_count() if there else 0,
    "device": torch.cuda.get_device_name() if there else None,
    "memory_bytes": torch.cuda.get_device_properties(0).total_memory if there else None,
    "bfloat16": torch.cuda.is_bf16_supported() if there else None,
}))
"""


def no_fault(result: Any) -> str:
    """For what needs no GPU."""
    return ""


def no_device(result: Any) -> str:
    """For the facts about a machine."""
    return "" if result["devices"] else "torch sees no GPU: its driver or its build of torch does not fit"


def all_skipped(result: Any) -> str:
    """For what `read_tests` has read."""
    ran = result["tests"] - result["skipped"]
    return "" if ran else f"none of the {result['tests']} tests ran, all were skipped: torch sees no GPU"


@dataclass(frozen=True)
class Step:
    """One process.

    Args:
        limit_s: it is ended after so many seconds.
        needs: modules without which it is not begun.
        read: what to keep of its output, given what it printed.
        fault: why what was kept shows nothing, though the process went well; "" if it does.
    """

    name: str
    limit_s: float
    command: Sequence[str]
    needs: Sequence[str] = ()
    read: Callable[[str], Any] = lambda printed: json.loads(printed)
    fault: Callable[[Any], str] = no_fault


@dataclass
class Journal:
    """What was found so far, and the file that says so."""

    path: Path
    limit_s: float
    clock: Callable[[], float] = time.monotonic
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = self.clock()

    @property
    def left_s(self) -> float:
        return self.limit_s - (self.clock() - self._started)

    def write(self, *, finished: bool = False) -> None:
        """The file is whole at any time: it is written beside and moved."""
        body = {
            "finished": finished,
            "seconds": round(self.limit_s - self.left_s, 1),
            "limit_s": self.limit_s,
            "machine": self.machine,
            "steps": self.steps,
        }
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
        os.replace(beside, self.path)

    def carry_out(self, steps: Sequence[Step], environment: dict[str, str]) -> bool:
        """Step after step; whether all of them passed. What was skipped has shown nothing."""
        self.steps |= {step.name: {"state": "not reached", "limit_s": step.limit_s} for step in steps}
        self.write()
        for step in steps:
            self.steps[step.name] = told = self._told(step, environment)
            self.write(finished=step is steps[-1])
            reason = f": {told['reason']}" if "reason" in told else ""
            print(
                f"{step.name:10} {told['state']}, {told['seconds']:.0f} s{reason}", file=sys.stderr, flush=True
            )
        return all(told["state"] == "passed" for told in self.steps.values())

    def _told(self, step: Step, environment: dict[str, str]) -> dict[str, Any]:
        limit = min(step.limit_s, self.left_s)
        told: dict[str, Any] = {"state": "skipped", "limit_s": step.limit_s, "seconds": 0.0}
        if limit <= 1:
            return told | {"state": "not reached", "reason": f"the {self.limit_s:.0f} s of all steps are over"}
        if missing := [name for name in step.needs if not there(name, environment)]:
            needed = ", ".join(missing)
            return told | {"reason": f"needs {needed}: put the wheels into the folder of --wheels"}
        started = self.clock()
        code, printed, said = run(step.command, environment, limit)
        told["seconds"] = round(self.clock() - started, 1)
        if code is None:
            return told | {"state": "timed out", "reason": f"ended after {limit:.0f} s", "tail": said[-TAIL:]}
        try:
            result = step.read(printed)
        except Exception as error:  # whatever it printed instead
            result, said = None, f"{said}\n{printed}\n{error!r}"
        if code == 0 and result is not None:
            fault = step.fault(result)
            return (
                told
                | {"state": "failed" if fault else "passed", "result": result}
                | ({"reason": fault} if fault else {})
            )
        return told | {
            "state": "failed",
            "reason": f"exit status {code}",
            "result": result,
            "tail": said[-TAIL:],
        }


def run(command: Sequence[str], environment: dict[str, str], limit_s: float) -> tuple[int | None, str, str]:
    """Exit status (`None` if it was ended for its time), standard output and error. Its children end, too."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=err, text=True, start_new_session=True
        )
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        texts: list[str] = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
    return code, texts[0], texts[1]


def there(module: str, environment: dict[str, str]) -> bool:
    """Whether a step's process will find this module."""
    places = environment["PYTHONPATH"].split(os.pathsep)
    if any((Path(place) / each).exists() for place in places for each in (module, f"{module}.py")):
        return True
    return importlib.util.find_spec(module) is not None


def steps_of(size: str, device: str, out: Path, python: str = sys.executable) -> list[Step]:
    """All steps, what tells most first."""
    chain = ("transformers", "diffusers", "llguidance", "msgspec", "typer", "spellchecker")
    report = out / "tests.xml"
    on_gpu = size == "full" and device != "cpu"
    files = [
        str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.cuda" in path.read_text()
    ]
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "cuda", f"--junitxml={report}"]
    bench = [python, "-m", "diptych", "bench", "gpu", "--json", "--size", size, "--device", device]
    bench += ["--models", str(out / "models")]
    bench += ["--prompts", "16", "--repeats", "2"] if size == "full" else ["--prompts", "2", "--repeats", "1"]
    limits = {
        "decode": 90.0,
        "refine": 90.0,
        "streaming": 60.0,
        "chain": 150.0,
    }  # `decode` makes the models, too
    return [
        Step("setup", 30, [python, "-c", FACTS], fault=no_device if on_gpu else no_fault),
        Step("parity", 60, [python, "-m", "diptych.benchmarks.harness.parity", "--device", device], chain),
        Step(
            "tests",
            75,
            [*tests, *files],
            (*chain, "pytest", "hypothesis"),
            lambda _: read_tests(report),
            all_skipped if on_gpu else no_fault,
        ),
        *(
            Step(part, limit, [*bench, "--only", part], (*chain, "accelerate"))
            for part, limit in limits.items()
        ),
    ]


def read_tests(report: Path) -> dict[str, Any]:
    """Of pytest's report: how many there were, and the names of those that failed."""
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    bad = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in suite.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return counts | {"failed": bad}


def unpack(wheels: Path, to: Path) -> list[str]:
    """Unpack those wheels whose distributions are not there in the same version; returns their names.

    No resolver is asked: a folder that `--download` filled is whole, and torch stays what it is.
    """
    names: list[str] = []
    for wheel in sorted(wheels.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        if not name.startswith(TORCHS_OWN) and _version(name) != version:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(to)
            names.append(name)
    return names


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def needed() -> dict[str, str]:
    """The distributions that all steps need beside torch and its own, with the versions that are installed."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [*project["dependencies"], "pytest", "hypothesis"]
    found: dict[str, str] = {}
    while waiting:
        wanted = Requirement(waiting.pop())
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        if name in found or name.startswith(TORCHS_OWN) or (version := _version(name)) is None:
            continue
        found[name] = version
        waiting += importlib.metadata.requires(name) or []
    return dict(sorted(found.items()))


def download(folder: Path) -> int:
    """Fill a folder with the wheels of `needed`, by pip."""
    pins = [f"{name}=={version}" for name, version in needed().items()]
    return subprocess.call(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-d", str(folder), *pins]
    )


def environment_of(out: Path) -> dict[str, str]:
    """Of all steps: the package under its name, whatever its folder is called, and what was unpacked."""
    home = out / "home"
    home.mkdir(parents=True, exist_ok=True)
    link = home / "diptych"
    if not link.exists():
        link.symlink_to(ROOT, target_is_directory=True)
    offline = {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **offline, "PYTHONPATH": os.pathsep.join([str(home), str(out / "packages")])}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 where no step failed."""
    parser = argparse.ArgumentParser(prog="make gpu", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--size", choices=("full", "tiny"), default="full", help="tiny: a dry run on any device"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--wheels", type=Path, help="folder of wheels, for a machine without them")
    parser.add_argument(
        "--download", type=Path, metavar="FOLDER", help="fill such a folder, and do nothing else"
    )
    parser.add_argument("--out", type=Path, default=Path("out/gpu"), help="folder of gpu.json and the models")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for all steps together")
    said = parser.parse_args(arguments)
    if said.download is not None:
        return download(said.download)
    if said.wheels is not None and not said.wheels.is_dir():
        parser.error(
            f"--wheels {said.wheels}: is no folder: fill one with --download, where there is a network"
        )
    out = said.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    journal = Journal(out / "gpu.json", said.limit)
    journal.machine = {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if said.wheels is not None:
        journal.machine["unpacked"] = unpack(said.wheels, out / "packages")
    sound = journal.carry_out(steps_of(said.size, said.device, out), environment_of(out))
    print(f"{journal.path}: {said.limit - journal.left_s:.0f} s", file=sys.stderr)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
