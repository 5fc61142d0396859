"""How a Ray cluster is shared out among workers: plain arithmetic over what its nodes have."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ....engine.errors import InputError

LOCAL = "local"
"""The address of a Ray that is started on this machine."""

CPUS_A_WORKER = 4  # where there is no GPU and nobody says how many workers there shall be
MAX_WORKERS = 4096

Resources = Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """What each of a number of workers gets; Ray takes whole numbers, and fractions below one."""

    workers: int
    cpus: float
    gpus: float = 0

    def options(self) -> dict[str, Any]:
        """As Ray's actors are asked for."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus}


def share_of(nodes: Sequence[Resources], workers: int | None = None, *, gpus: bool = True) -> Share:
    """The largest equal share with which so many workers find room on these nodes.

    Args:
        nodes: what each has, as Ray says it: `{"CPU": 8.0, "GPU": 1.0}`.
        workers: one for each GPU, if not given; without GPUs one for every `CPUS_A_WORKER` cores.
        gpus: whether workers get a GPU, or a part of one, where there are any.

    Raises:
        InputError: there are no cores, or the number of workers makes no sense.
    """
    if workers is not None and not 1 <= workers <= MAX_WORKERS:
        raise InputError(f"--workers {workers}: must lie between 1 and {MAX_WORKERS}")
    all_gpus = int(sum(node.get("GPU", 0) for node in nodes)) if gpus else 0
    usable = [node for node in nodes if node.get("CPU", 0) > 0 and (not all_gpus or node.get("GPU", 0) > 0)]
    all_cpus = int(sum(node["CPU"] for node in usable))
    if all_cpus < 1:
        raise InputError("the Ray cluster has no CPU cores: start a node that has some")
    count = workers or all_gpus or max(len(usable), all_cpus // CPUS_A_WORKER)
    gpu = _part(all_gpus, count) if all_gpus else 0.0
    for cpus in range(max(1, all_cpus // count), 0, -1):
        if sum(_room(node, cpus, gpu) for node in usable) >= count:
            return Share(workers=count, cpus=cpus, gpus=gpu)
    return Share(workers=count, cpus=_part(all_cpus, count), gpus=gpu)


def _part(whole: int, count: int) -> float:
    """One each where there are enough; else the same part of one for each."""
    return 1.0 if count <= whole else 1.0 / math.ceil(count / whole)


def _room(node: Resources, cpus: float, gpus: float) -> int:
    """Workers that such a node has room for."""
    by_cpu = node.get("CPU", 0) // cpus
    return int(min(by_cpu, node.get("GPU", 0) // gpus) if gpus else by_cpu)
