"""The one budget for everything on the device: models are leased, never simply loaded.

device.py      the budget and the leases
sizes.py       what models take on the device
foresight.py   which leases are to come
peaks.py       what stages' work took at most, against what they declare
loader.py      what is asked of whoever loads the models
rehearsal.py   the same decisions without the deeds
log.py         every decision and deed, with bytes and milliseconds
"""

from .device import DeviceMemory
from .loader import Loader
from .log import Event, EventKind, format_bytes
from .memory_probe import MemoryProbe

__all__ = ["DeviceMemory", "Event", "EventKind", "Loader", "MemoryProbe", "format_bytes"]
