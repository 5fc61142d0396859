"""How a device computes while a stage works: the device itself, the precision of products, the attention, and
whether its libraries may choose anew each time. Whatever is set is put back afterwards: the settings of the
program that hosts the engine are its own. Most of them are the process's: work in other threads that wants the
same shares them, and what wants others waits its turn (`_Shared`).

On CUDA the deterministic mode asks cuDNN for algorithms that add in a fixed order and lets it time none, keeps
attention to kernels that do so, and gives cuBLAS one workspace (`settle_workspace`), without which two streams
may get different kernels. On other devices nothing is to be asked for. Imports torch only where it is needed.
"""

import collections
import contextlib
import dataclasses
import os
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, MutableMapping
from typing import Any

from .loading import LOOK_S

Tuning = Mapping[str, bool | str]
"""How one model is computed, by the names of a recipe's table."""

PRECISIONS = ("highest", "high", "medium")
"""Of products of float32 matrices, as `torch.set_float32_matmul_precision` names them."""

ATTENTIONS: Mapping[str, tuple[str, ...]] = {
    "sdpa": (),
    "math": ("MATH",),
    "efficient": ("EFFICIENT_ATTENTION", "MATH"),
    "flash": ("FLASH_ATTENTION", "MATH"),
    "cudnn": ("CUDNN_ATTENTION", "MATH"),
}
"""Names of attention: the kernels of `torch.nn.attention.SDPBackend` that may be taken, the first that can.
What a kernel cannot do (a mask, a dtype) is left to plain products; `sdpa` leaves the choice to torch."""

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"

_OURS = ":4096:8"
_STEADY = ("EFFICIENT_ATTENTION", "MATH")  # forward, both add in a fixed order


def settle_workspace(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Let cuBLAS have one workspace; true where that is settled, which must be before CUDA is first used.

    What somebody else has set stands.
    """
    if WORKSPACE in environment:
        return True
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return False
    environment[WORKSPACE] = _OURS
    return True


@contextlib.contextmanager
def computing(
    device: str,
    tunings: Iterable[Tuning] = (),
    *,
    deterministic: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
) -> Generator[None]:
    """While the block runs, the device's own way and that of the models that work in it.

    Args:
        device: as torch calls it; `cuda:1` becomes the current device.
        tunings: of the models at work. Where they differ, the highest precision holds, and the first attention.
        deterministic: on CUDA, the same bits each time.
        meanwhile: is called now and then while others want something else, and may raise.
    """
    on_cuda = device.startswith("cuda")
    wish = _wish_of(tunings, deterministic=on_cuda and deterministic)
    with contextlib.ExitStack() as stack:
        if on_cuda and ":" in device:
            import torch

            stack.enter_context(torch.cuda.device(device))
        stack.enter_context(_shared.held(wish, meanwhile))
        yield


@dataclasses.dataclass(frozen=True)
class _Wish:
    """Settings that are the whole process's; as it stands by default, the host's own."""

    precision: str = ""
    kernels: tuple[str, ...] = ()
    deterministic: bool = False

    def enter(self, stack: contextlib.ExitStack) -> None:
        if self.deterministic:
            stack.enter_context(_deterministic())
        if self.precision:
            stack.enter_context(_precise(self.precision))
        if self.kernels:
            stack.enter_context(_attending(self.kernels))


def _wish_of(tunings: Iterable[Tuning], *, deterministic: bool = False) -> _Wish:
    said = list(tunings)
    precision = min(
        (str(each["matmul_precision"]) for each in said if "matmul_precision" in each), key=_rank, default=""
    )
    names = [str(each["attention"]) for each in said if "attention" in each]
    kernels = ATTENTIONS[names[0]] if names else _STEADY if deterministic else ()
    return _Wish(precision, kernels, deterministic)


def compute_alike(stages: Iterable[Iterable[Tuning]]) -> bool:
    """Whether stages whose models have these tunings can compute at the same time."""
    return len({_wish_of(tunings) for tunings in stages}) <= 1


class _Shared:
    """One setting of the process at a time, for as many threads as want the same. Whoever wants another waits;
    whoever comes after somebody that waits, waits behind. Work within work has its own wish at once."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: collections.deque[object] = collections.deque()
        self._wish = _Wish()
        self._users = 0
        self._settings = contextlib.ExitStack()
        self._own = threading.local()

    @contextlib.contextmanager
    def held(self, wish: _Wish, meanwhile: Callable[[], None] = lambda: None) -> Generator[None]:
        depth: int = getattr(self._own, "depth", 0)
        if depth == 0:
            self._take(wish, meanwhile)
        self._own.depth = depth + 1
        try:
            with contextlib.ExitStack() as within:
                if depth:
                    wish.enter(within)
                yield
        finally:
            self._own.depth = depth
            if depth == 0:
                self._give()

    def _take(self, wish: _Wish, meanwhile: Callable[[], None]) -> None:
        ticket = object()

        def is_next() -> bool:
            return self._queue[0] is ticket and (not self._users or self._wish == wish)

        with self._lock:
            self._queue.append(ticket)
            try:
                while not self._changed.wait_for(is_next, LOOK_S):
                    meanwhile()
                if not self._users:
                    with contextlib.ExitStack() as settings:
                        wish.enter(settings)
                        self._settings = settings.pop_all()
                    self._wish = wish
                self._users += 1
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _give(self) -> None:
        with self._lock:
            self._users = max(0, self._users - 1)  # a fork's child begins with none
            try:
                if not self._users:
                    self._settings.close()
            finally:
                self._changed.notify_all()


_shared = _Shared()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.__init__)  # those who computed are not there


def _rank(precision: str) -> int:
    return PRECISIONS.index(precision)


@contextlib.contextmanager
def _deterministic() -> Generator[None]:
    import torch

    cudnn, filling = torch.backends.cudnn, torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    settings = [(cudnn, "deterministic", True), (cudnn, "benchmark", False)]
    settings.append((filling, "fill_uninitialized_memory", False))  # whoever reads it has another fault
    with _set(settings), warnings.catch_warnings():
        # what has no such algorithm, as a sum along long rows, goes on as it is
        warnings.filterwarnings("ignore", message=".*deterministic")
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@contextlib.contextmanager
def _precise(name: str) -> Generator[None]:
    """Precision of float32 products and convolutions.

    Torch keeps it under old and new names, and reading an old one raises where only new ones were set; so the
    old ones are set, which set the new ones, and both are put back.
    """
    import torch

    backends: Any = torch.backends
    owners = (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.matmul)
    new = [(each, each.fp32_precision) for each in owners if hasattr(each, "fp32_precision")]  # torch 2.9 on
    old: list[tuple[Callable[[Any], None], Any]] = []
    for read, write in (
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        (lambda: backends.cudnn.allow_tf32, lambda value: setattr(backends.cudnn, "allow_tf32", value)),
    ):
        with contextlib.suppress(RuntimeError):  # the host itself has set new ones alone
            old.append((write, read()))
    try:
        torch.set_float32_matmul_precision(name)
        backends.cudnn.allow_tf32 = name != "highest"
        yield
    finally:
        for write, value in old:
            write(value)
        for owner, value in new:
            owner.fp32_precision = value


@contextlib.contextmanager
def _set(settings: Iterable[tuple[Any, str, Any]]) -> Generator[None]:
    """Settings of objects, and back to what they were."""
    before: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, value in settings:
            before.append((owner, name, getattr(owner, name)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)


@contextlib.contextmanager
def _attending(kernels: Iterable[str]) -> Generator[None]:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel([getattr(SDPBackend, name) for name in kernels], set_priority=True):
        yield
