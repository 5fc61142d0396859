"""Kills a run at every single thing that it does to the disk, one after the other, and goes on each time.

    python tests/pipelines/rendering/crash_points.py [ROWS]

A child process renders ROWS rows (2 if not given) of fake pictures into a new folder and kills itself with
SIGKILL just before its k-th deed: a file opened for writing, a name given or taken away, a folder made, bytes
synced. A second child renders into the same folder again, undisturbed. What is then in the folder must be what
it is without a crash: the same pictures, the same results but for times, nothing else. So for k = 1, 2, ...
until a child gets through.
"""

import importlib
import os
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import torch

from diptych import Recipe, Settings, TextToImage
from diptych.engine.memory import DeviceMemory
from diptych.engine.runner import Runner

HERE = Path(__file__).parent
DEEDS = ("os.rename", "os.remove", "os.mkdir", "os.truncate")


def in_child(work: Any) -> int:
    """Run `work` in a forked process; returns 0, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(point: int) -> None:
    """From now on, count what this process does to the disk, and die just before the `point`-th deed."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if done == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in DEEDS or writes:
            count()

    fsync = os.fsync

    def counted_fsync(descriptor: int) -> None:
        count()
        fsync(descriptor)

    os.fsync = counted_fsync  # audit hooks are not told of it
    sys.addaudithook(hook)


def main(rows: int) -> None:
    torch.set_num_threads(1)  # threads do not outlive a fork
    sys.path.insert(0, str(HERE.parents[2]))
    fakes = importlib.import_module("tests.pipelines.conftest")
    batches = importlib.import_module("tests.pipelines.rendering.conftest")
    recipe = Recipe(name="fake", summary="", stages={}, defaults=Settings(), height=32, width=48)
    prompts = [f"a boat {i}" if i != 1 else "poison" for i in range(rows)]

    def work(out: Path, point: int | None = None) -> None:
        if point is not None:
            die_at(point)
        runner = Runner(fakes.fake_chain(), DeviceMemory(fakes.NameLoader(fakes.MIB)))
        batches.render_into(TextToImage(runner, recipe), out, *prompts)

    memory = Path("/dev/shm")  # where there is no waiting for a disk
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as temporary:
        base = Path(temporary)
        assert in_child(lambda: work(base / "whole")) == 0
        expected = batches.files_in(base / "whole")
        point = 0
        while True:
            point += 1
            out = base / "out"
            status = in_child(lambda out=out, point=point: work(out, point))
            if status == 0:
                break
            assert status == -signal.SIGKILL, f"point {point}: ended with {status}"
            assert in_child(lambda out=out: work(out)) == 0, f"point {point}: did not go on"
            found = batches.files_in(out)
            different = {name for name in {*expected, *found} if expected.get(name) != found.get(name)}
            assert not different, f"point {point}: {sorted(different)} are not as without a crash"
            shutil.rmtree(out)
    print(f"{point - 1} crash points, {rows} rows: all as without a crash")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
