"""Two runs into one folder: the second is refused, unless the first is dead."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diptych import InputError
from diptych.pipelines.rendering.output.folder import OutputFolder
from diptych.pipelines.rendering.output.lock import LOCK, FolderLock

HOLDER = """
import sys, time
from pathlib import Path
from diptych.pipelines.rendering.output.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_run_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    told = rf"process {os.getpid()} on .*: wait for it, or name another"
    with OutputFolder(tmp_path), pytest.raises(InputError, match=told):
        OutputFolder(tmp_path)
    OutputFolder(tmp_path).close()
    assert os.listdir(tmp_path) == []


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match=rf"process {holder.pid} on "):
            FolderLock(tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (tmp_path / LOCK).exists()
    lock = FolderLock(tmp_path)
    assert lock.held
    lock.release()
    lock.release()
    assert not (tmp_path / LOCK).exists()


def test_a_lock_whose_file_was_just_taken_away_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder before takes its file away between our opening and our locking of it."""
    flock, times = fcntl.flock, list[int]()

    def late(descriptor: int, operation: int) -> None:
        times.append(descriptor)
        if len(times) == 1:
            (tmp_path / LOCK).unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    lock = FolderLock(tmp_path)
    assert len(times) == 2 and (tmp_path / LOCK).exists()
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(InputError, match="another run"):
        FolderLock(tmp_path)
    lock.release()


def test_without_locks_in_the_file_system_the_run_goes_on_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    lock = FolderLock(tmp_path)
    assert not lock.held and "cannot be locked here" in caplog.text
    lock.release()


def test_a_hostile_lock_file_is_not_printed_as_it_is(tmp_path: Path) -> None:
    with OutputFolder(tmp_path):
        (tmp_path / LOCK).write_bytes(b"\x1b[2J\xff" + b"9" * 5000)
        with pytest.raises(InputError) as caught:
            OutputFolder(tmp_path)
    assert "\x1b" not in str(caught.value) and len(str(caught.value)) < 600


def test_a_lock_that_is_another_files_name_is_not_written_to(tmp_path: Path) -> None:
    precious, folder = tmp_path / "precious.txt", tmp_path / "out"
    folder.mkdir()
    precious.write_text("mine", encoding="utf-8")
    os.link(precious, folder / LOCK)
    with pytest.raises(InputError, match="another file's name"):
        FolderLock(folder)
    assert precious.read_text(encoding="utf-8") == "mine"
