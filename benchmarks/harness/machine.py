"""What a benchmark ran on: processor, threads, device and the versions of the libraries."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any

from ...engine.version import __version__

LIBRARIES = ("torch", "transformers", "diffusers", "accelerate", "llguidance", "numpy")


def describe(device: str) -> dict[str, Any]:
    """The machine and the versions, for a benchmark's JSON."""
    import torch

    facts: dict[str, Any] = {
        "device": device_name(device),
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": usable_cores(),
        "torch_threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "diptych": __version__,
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        facts["device_memory_bytes"] = properties.total_memory
        facts["cuda"] = torch.version.cuda
    return facts | {name: importlib.metadata.version(name) for name in LIBRARIES}


def device_name(device: str) -> str:
    """The name of the GPU, or of the processor."""
    if not device.startswith("cuda"):
        return processor()
    import torch

    return torch.cuda.get_device_name(device)


def file_name(device: str, benchmark: str) -> str:
    """`nvidia-h100-gpu.json`: what the result of a benchmark on a device is kept as."""
    slug = re.sub(r"[^a-z0-9]+", "-", device_name(device).lower()).strip("-")
    return f"{slug}-{benchmark}.json"


def processor() -> str:
    """The processor's name, as well as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def usable_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resident_bytes() -> int | None:
    """What the process holds of main memory now; `None` where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
