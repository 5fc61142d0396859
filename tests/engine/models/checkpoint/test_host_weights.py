"""Weights come and go, and are the same each time."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from diptych.engine.memory import DeviceMemory
from diptych.engine.models.checkpoint.host_weights import HostWeights
from diptych.engine.models.checkpoint.slots import Shared, slots_of
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey

POCKET = {
    "causal-lm": "pocket/planner",
    "image-token-lm": "pocket/drafter",
    "image-tokenizer": "pocket/tokenizer",
    "diffusers": "pocket/refiner",
    "image-text-to-text": "pocket/captioner",
}


class Net(torch.nn.Module):
    """Layers in a list, a head tied to the embedding, a buffer that is in no file."""

    angles: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(7, 6)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(6, 6) for _ in range(4))
        conv: Any = torch.nn.Conv2d(6, 6, 3, padding=1)
        self.conv = conv.to(memory_format=torch.channels_last)
        self.head = torch.nn.Linear(6, 7, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("angles", torch.rand(6), persistent=False)
        self.fail_at: int | None = None

    @torch.inference_mode()
    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embed(ids) + self.angles
        for i, layer in enumerate(self.layers):
            if i == self.fail_at:
                layer(x[..., :1])
            x = layer(x)
        x = self.conv(x.T[None, :, :, None])[0, :, :, 0].T
        return self.head(x)


@dataclasses.dataclass(frozen=True)
class Handle:
    net: Net
    name: str = "net"


IDS = torch.arange(5)


@pytest.fixture
def net(tmp_path: Path) -> Net:
    """A net in float32 that was read from float16."""
    torch.manual_seed(0)
    net = Net()
    halves = {
        name: tensor.half().contiguous() for name, tensor in net.state_dict().items() if name != "head.weight"
    }
    save_file(halves, tmp_path / "model.safetensors")
    net.load_state_dict({name: tensor.float() for name, tensor in halves.items()}, strict=False)
    return net.eval().requires_grad_(False)


def master_of(handle: Any, folder: Path, *, shared: Shared | None = None, streams: str = "") -> HostWeights:
    return HostWeights(
        handle, [folder / "model.safetensors"], Shared() if shared is None else shared, streams=streams
    )


def is_empty(module: torch.nn.Module) -> bool:
    return all(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))


def test_a_model_comes_back_as_it_went(net: Net, tmp_path: Path) -> None:
    before = net(IDS)
    master = master_of(Handle(net), tmp_path)
    for _ in range(2):
        master.drop()
        assert is_empty(net)
        assert torch.equal(master.fill("cpu").net(IDS), before)


def test_a_handle_is_a_new_one_each_time(net: Net, tmp_path: Path) -> None:
    master = master_of(Handle(net), tmp_path)
    first = master.fill("cpu")
    master.drop()
    second = master.fill("cpu")
    assert first is not second and first == second


def test_a_handle_that_somebody_kept_is_of_no_use(net: Net, tmp_path: Path) -> None:
    master = master_of(Handle(net), tmp_path)
    kept = master.fill("cpu")
    master.drop()
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        kept.net(IDS).tolist()


def test_the_masters_are_the_files_own_tensors(net: Net, tmp_path: Path) -> None:
    slots = slots_of(net, [tmp_path / "model.safetensors"])
    kept = [slot for slot in slots if slot.source is None]
    assert [slot.places[0][1] for slot in kept] == ["angles"]
    assert {slot.master.dtype for slot in slots if slot.source} == {torch.float16}


def test_what_a_library_made_of_a_file_is_kept_as_it_made_it(net: Net, tmp_path: Path) -> None:
    with torch.no_grad():
        net.layers[1].weight.copy_(net.layers[1].weight.T.clone())  # type: ignore[union-attr]
    before = net(IDS)
    master = master_of(net, tmp_path)
    master.drop()
    assert torch.equal(master.fill("cpu")(IDS), before)


def test_ties_and_layouts_stay(net: Net, tmp_path: Path) -> None:
    master = master_of(net, tmp_path)
    master.drop()
    master.fill("cpu")
    assert net.head.weight is net.embed.weight
    assert isinstance(net.head.weight, torch.nn.Parameter)
    assert net.conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_master_in_the_right_dtype_is_its_own_device_copy(tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 3)
    save_file(dict(layer.state_dict()), tmp_path / "model.safetensors")
    master = master_of(layer, tmp_path)
    master.drop()
    addresses = []
    for _ in range(2):
        master.fill("cpu")
        addresses.append(layer.weight.data_ptr())
        master.drop()
    assert addresses[0] == addresses[1]


def test_two_models_of_one_file_share_their_tensors(net: Net, tmp_path: Path) -> None:
    shared = Shared()
    other = Net()
    other.load_state_dict(net.state_dict())
    other.angles = net.angles.clone()
    one, two = (master_of(each, tmp_path, shared=shared) for each in (net, other))
    for _ in range(2):
        assert net.embed.weight is other.embed.weight
        before = other(IDS)
        one.drop()
        assert is_empty(net) and torch.equal(other(IDS), before)
        two.drop()
        two.fill("cpu")
        one.fill("cpu")


def test_what_holds_no_weights_is_no_handle(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="holds no weights"):
        slots_of({"net": Net()}, [])


# Streamed


@pytest.fixture
def streamed(net: Net, tmp_path: Path) -> HostWeights:
    master = master_of(Handle(net), tmp_path, streams="net")
    master.drop()
    return master


def test_a_streamed_model_computes_the_same_bits(net: Net, streamed: HostWeights) -> None:
    whole = streamed.fill("cpu").net(IDS)
    streamed.drop()
    handle = streamed.fill("cpu", streamed=True)
    for _ in range(2):
        assert torch.equal(handle.net(IDS), whole)
        assert all(is_empty(layer) for layer in net.layers)
        assert not net.embed.weight.is_meta and not net.conv.weight.is_meta
    assert streamed.stream is not None
    assert streamed.stream.bytes == 2 * 4 * 4 * (6 * 6 + 6)


def test_blocks_use_one_window_of_memory(net: Net, streamed: HostWeights) -> None:
    addresses: list[int] = []

    def note(layer: Any, *_: Any) -> None:
        addresses.append(layer.weight.data_ptr())

    for layer in net.layers:
        layer.register_forward_hook(note)
    streamed.fill("cpu", streamed=True).net(IDS)
    assert len(addresses) == 4 and len(set(addresses)) == 1


def test_a_block_that_fails_is_dropped_like_any_other(net: Net, streamed: HostWeights) -> None:
    handle = streamed.fill("cpu", streamed=True)
    net.fail_at = 2
    with pytest.raises(RuntimeError):
        handle.net(IDS)
    assert all(is_empty(layer) for layer in net.layers)


def test_a_model_is_whole_again_after_it_was_streamed(net: Net, streamed: HostWeights) -> None:
    streamed.fill("cpu", streamed=True)
    streamed.fill("cpu")
    assert not any(tensor.is_meta for tensor in net.parameters())
    assert net(IDS).shape == (5, 7)


# As the registry does it


@pytest.mark.parametrize("family", POCKET)
def test_the_pocket_models_come_back_as_they_went(family: str) -> None:
    key, registry = ModelKey(family, POCKET[family]), Registry()
    before = {name: tensor.clone() for name, tensor in state_of(registry.load(key, "cpu")).items()}
    registry.unload(key)
    after = state_of(registry.load(key, "cpu"))
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_streamed_refiner_fits_a_budget_that_is_too_small_for_it_whole() -> None:
    key, registry = ModelKey("diffusers", POCKET["diffusers"]), Registry()
    whole, least = (sum(registry.weights(key, streamed=streamed).values()) for streamed in (False, True))
    assert least < whole / 3
    memory = DeviceMemory(registry, budget_bytes=whole // 2)
    torch.manual_seed(0)
    latents, condition = torch.randn(2, 1, 48, 16, 16)
    inputs = latents, torch.ones(1), torch.randn(1, 24, 128), condition
    with memory.lease([key]) as models:
        streamed = models[key].predict(*inputs)
        assert sum(tensor.nbytes for tensor in state_of(models[key]).values() if not tensor.is_meta) < least
    assert [(event.kind, event.bytes > 0) for event in memory.events] == [
        ("load", True),
        ("lease", False),
        ("stream", True),
    ]
    assert memory.peak_bytes == least
    memory.release_all()
    assert torch.equal(registry.load(key, "cpu").predict(*inputs), streamed)


def state_of(handle: Any) -> dict[str, torch.Tensor]:
    modules = [handle] if isinstance(handle, torch.nn.Module) else vars(handle).values()
    found: dict[str, torch.Tensor] = {}
    for i, module in enumerate(modules):
        if isinstance(module, torch.nn.Module):
            found |= {f"{i}.{name}": tensor for name, tensor in module.state_dict().items()}
    return found


# On a GPU


@pytest.mark.cuda
@pytest.mark.parametrize("as_streamed", [False, True])
def test_a_model_travels_to_the_gpu_and_back_again(net: Net, tmp_path: Path, as_streamed: bool) -> None:
    ids = IDS.cuda()
    master = master_of(Handle(net), tmp_path, streams="net")
    before = master.fill("cuda").net(ids)
    for _ in range(3):
        master.drop()
        assert is_empty(net)
        master.begin_to_fill("cuda", streamed=as_streamed)
        assert torch.equal(master.arrive().net(ids), before)
