"""Tensors that are made of several come and go part by part, and are the same each time."""

import copy
import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file, save_file

from diptych.engine.errors import CheckpointError
from diptych.engine.models.checkpoint.composed import taken_apart
from diptych.engine.models.checkpoint.float8 import Float8Weight
from diptych.engine.models.checkpoint.host_weights import HostWeights
from diptych.engine.models.checkpoint.slots import Shared, slots_of

EIGHT = torch.float8_e4m3fn


class Block(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(8, 8), torch.nn.Conv2d(8, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.a(x)[:, :, None, None])[:, :, 0, 0]


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList(Block() for _ in range(20))
        self.norm = torch.nn.LayerNorm(8)

    @torch.inference_mode()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


@dataclasses.dataclass(frozen=True)
class Handle:
    net: Net


def saved(folder: Path, *, scale: bool = False, dtype: torch.dtype = torch.float32) -> tuple[Net, Path, Any]:
    """A net as a library makes it of a file of eight-bit floats, the file, and the net it stands for."""
    torch.manual_seed(0)
    net, tensors = Net().to(dtype), dict[str, torch.Tensor]()
    right = copy.deepcopy(net)
    for name, tensor in net.state_dict().items():
        tensors[name] = tensor
        if name.endswith("weight") and tensor.ndim > 1:
            by = (tensor.abs().max() / 448).float() if scale else torch.tensor(1.0)
            small = (tensor / by).to(EIGHT)
            tensors[name] = small
            if scale:
                tensors[name.removesuffix("weight") + "scale_weight"] = by
            right.get_parameter(name).data = small.to(dtype) * (by.to(dtype) if scale else 1)
            net.get_parameter(name).data = small.to(dtype)  # whoever reads it knows of no scale
    save_file(tensors, folder / "model.safetensors")
    return net, folder / "model.safetensors", right


X = torch.linspace(-1, 1, 16).reshape(2, 8)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_eight_bit_floats_stay_so_and_stand_for_what_the_file_means(
    tmp_path: Path, scale: bool, dtype: torch.dtype
) -> None:
    net, path, right = saved(tmp_path, scale=scale, dtype=dtype)
    weights = HostWeights(net, [path], Shared(), streams="")
    expected = right(X.to(dtype))
    assert torch.equal(weights.fill("cpu")(X.to(dtype)), expected)
    weight: Any = net.get_parameter("blocks.0.a.weight")
    assert isinstance(weight, Float8Weight) and weight.dtype == dtype and weight.stored.dtype == EIGHT
    weights.drop()
    assert net.get_parameter("blocks.0.a.weight").device.type == "meta"
    assert torch.equal(weights.fill("cpu")(X.to(dtype)), expected)
    taken = sum(slot.like.nbytes for slot in slots_of(net, []))
    whole = sum(each.nbytes for each in right.state_dict().values())
    assert taken < whole / (1.5 if dtype.itemsize == 2 else 2.5)


def test_such_weights_are_streamed_with_their_scales(tmp_path: Path) -> None:
    net, path, right = saved(tmp_path, scale=True)

    weights = HostWeights(Handle(net), [path], Shared(), streams="net")
    handle = weights.fill("cpu", streamed=True)
    assert torch.equal(handle.net(X), right(X))
    assert net.get_parameter("blocks.3.a.weight").device.type == "meta"  # gone again
    assert weights.stream is not None and weights.stream.bytes > 0


def test_two_models_of_one_file_hold_its_numbers_once(tmp_path: Path) -> None:
    first, path, _ = saved(tmp_path)
    second, _, _ = saved(tmp_path)
    shared = Shared()
    one, two = HostWeights(first, [path], shared), HostWeights(second, [path], shared)
    one.fill("cpu")
    two.fill("cpu")
    weight, other = (cast(Any, net.get_parameter("blocks.0.a.weight")) for net in (first, second))
    assert isinstance(weight, Float8Weight) and isinstance(other, Float8Weight)
    assert weight.stored.data_ptr() == other.stored.data_ptr()


def test_scales_that_belong_to_nothing_are_refused(tmp_path: Path) -> None:
    net, path, _ = saved(tmp_path)
    save_file({**load_file(path), "other.scale_weight": torch.tensor(0.5)}, path)
    with pytest.raises(CheckpointError, match="is a scale of a weight that the model has not"):
        slots_of(net, [path])


def test_a_scale_of_another_shape_is_refused(tmp_path: Path) -> None:
    net, path, _ = saved(tmp_path, scale=True)
    save_file({**load_file(path), "blocks.0.a.scale_weight": torch.ones(5)}, path)
    with pytest.raises(CheckpointError, match=r"blocks.0.a.scale_weight has the shape \(5,\)"):
        slots_of(net, [path])


def test_a_scale_for_each_row() -> None:
    stored, scale = torch.ones(3, 2).to(EIGHT), torch.tensor([[1.0], [2.0], [4.0]])
    weight: Any = Float8Weight(stored, scale, torch.float32)
    assert torch.equal(torch.nn.functional.linear(torch.eye(2), weight), torch.tensor([[1.0, 2, 4], [1, 2, 4]]))
    conv = Float8Weight(stored[:, :, None, None], scale, torch.float32)
    assert conv.whole().shape == (3, 2, 1, 1)


def test_a_kind_of_tensor_that_nobody_knows_is_refused_by_name() -> None:
    class Odd(torch.Tensor):
        pass

    with pytest.raises(CheckpointError, match="Odd, which cannot be moved here"):
        taken_apart(torch.ones(2).as_subclass(Odd))
