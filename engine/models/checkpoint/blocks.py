"""Which parts of a model are blocks that can be streamed to the device one by one: found from names alone.

A block is an item of a list of modules, such as a layer; what stands outside of lists is none.
"""

from collections.abc import Mapping

PARTS = 16
"""An item is a block if it is at most this part of the whole; else the items of the lists within it are."""


def blocks_of(tensors: Mapping[str, int]) -> dict[str, int]:
    """Which modules are blocks, from the names of tensors alone: items of lists are numbered.

    Args:
        tensors: by name (`up_blocks.0.resnets.1.conv1.weight`), how large they are.

    Returns:
        by path (`up_blocks.0.resnets.1`), how large the block is. None is within another.
    """
    sizes: dict[str, int] = {}
    for name, size in tensors.items():
        for item in _items(name):
            sizes[item] = sizes.get(item, 0) + size
    most = sum(tensors.values()) / PARTS
    blocks: dict[str, int] = {}
    for name in tensors:
        for item in _items(name):
            innermost = not any(other.startswith(f"{item}.") for other in sizes)
            if sizes[item] <= most or innermost:
                blocks[item] = sizes[item]
                break
    return blocks


def _items(name: str) -> list[str]:
    """The list items that a tensor lies in, the outermost first."""
    parts = name.split(".")[:-1]
    return [".".join(parts[: i + 1]) for i, part in enumerate(parts) if part.isdigit()]


def windows_on(device: str) -> int:
    """How many blocks are on a device at a time: over a bus, one is on its way while another works."""
    return 2 if device.startswith("cuda") else 1


def streamed_size(tensors: Mapping[str, int], device: str = "cpu") -> int:
    """What stays, and as much as the largest block for each block that is there at a time."""
    blocks = blocks_of(tensors).values()
    windows = min(windows_on(device), len(blocks))
    return sum(tensors.values()) - sum(blocks) + windows * max(blocks, default=0)
