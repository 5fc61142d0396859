"""The one budget for everything on the device: models are leased, never simply loaded.

device.py           the budget and the leases
account.py          what the device says of its memory; the budget where none is given
allocator.py        the free memory that the host's allocator keeps
ceilings.py         how large work may be since memory ran out
residents.py        what is on the device; brings and drops it
eviction.py         which models go so that others fit
lease_plan.py       which leases are to come
sizes.py            what models take on the device
memory_probe.py     what stages' work took at most, against what they declare
loader.py           what is asked of whoever loads the models
dry_run_loader.py   the same decisions without the deeds
log.py              every decision and deed, with bytes and milliseconds
units.py            amounts of memory, as people write them and as messages say them
"""

from .device import DeviceMemory
from .loader import Loader
from .log import Event, EventKind, EventLog
from .memory_probe import MemoryProbe
from .units import format_bytes, parse_bytes

__all__ = [
    "DeviceMemory",
    "Event",
    "EventKind",
    "EventLog",
    "Loader",
    "MemoryProbe",
    "format_bytes",
    "parse_bytes",
]
