"""How a device computes while a stage works: the device itself, the precision of products, the attention, and
whether its libraries may choose anew each time. Whatever is set is put back afterwards: the settings of the
program that hosts the engine are its own.

On CUDA the deterministic mode asks cuDNN for algorithms that add in a fixed order and lets it time none, keeps
attention to kernels that do so, and gives cuBLAS one workspace (`settle_workspace`), without which two streams
may get different kernels. On other devices nothing is to be asked for. Imports torch only where it is needed.
"""

import contextlib
import os
import sys
import warnings
from collections.abc import Generator, Iterable, Mapping, MutableMapping
from typing import Any

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
_PRECISE: Mapping[str, Mapping[str, str]] = {
    "highest": {"cuda": "ieee", "cudnn": "ieee", "mkldnn": "ieee"},
    "high": {"cuda": "tf32", "cudnn": "tf32", "mkldnn": "tf32"},
    "medium": {"cuda": "tf32", "cudnn": "tf32", "mkldnn": "bf16"},
}


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
def computing(device: str, tunings: Iterable[Tuning] = (), *, deterministic: bool = False) -> Generator[None]:
    """While the block runs, the device's own way and that of the models that work in it.

    Args:
        device: as torch calls it; `cuda:1` becomes the current device.
        tunings: of the models at work. Where they differ, the highest precision holds, and the first attention.
        deterministic: on CUDA, the same bits each time.
    """
    said = list(tunings)
    on_cuda = device.startswith("cuda")
    precision = min(
        (str(each["matmul_precision"]) for each in said if "matmul_precision" in each), key=_rank, default=""
    )
    names = [str(each["attention"]) for each in said if "attention" in each]
    kernels = ATTENTIONS[names[0]] if names else _STEADY if deterministic and on_cuda else ()
    with contextlib.ExitStack() as stack:
        if on_cuda and ":" in device:
            import torch

            stack.enter_context(torch.cuda.device(device))
        if on_cuda and deterministic:
            stack.enter_context(_deterministic())
        if precision:
            stack.enter_context(_set(_precisions(precision)))
        if kernels:
            stack.enter_context(_attending(kernels))
        yield


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


def _precisions(name: str) -> list[tuple[Any, str, Any]]:
    """Where torch keeps the precision of float32 products and convolutions, and what to put there."""
    import torch

    backends, wanted = torch.backends, _PRECISE[name]
    if hasattr(backends.cuda.matmul, "fp32_precision"):  # torch 2.9 and later
        return [
            (backends.cuda.matmul, "fp32_precision", wanted["cuda"]),
            (backends.cudnn.conv, "fp32_precision", wanted["cudnn"]),
            (backends.mkldnn.matmul, "fp32_precision", wanted["mkldnn"]),
        ]
    allowed = wanted["cuda"] == "tf32"
    return [(backends.cuda.matmul, "allow_tf32", allowed), (backends.cudnn, "allow_tf32", allowed)]


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
