"""How a cluster is shared out: every worker finds room, and none gets less than it could."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import InputError
from diptych.pipelines.rendering.ray.share import Share, share_of

GPU_BOX = {"CPU": 16.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("nodes", "workers", "share"),
    [
        ([{"CPU": 2.0}], 2, Share(workers=2, cpus=1)),
        ([{"CPU": 2.0}], None, Share(workers=1, cpus=2)),
        ([{"CPU": 16.0}], None, Share(workers=4, cpus=4)),
        ([{"CPU": 2.0}], 5, Share(workers=5, cpus=1 / 3)),
        ([{"CPU": 4.0}] * 3, 2, Share(workers=2, cpus=4)),  # six cores are nowhere together
        ([{"CPU": 4.0}] * 3, None, Share(workers=3, cpus=4)),
        ([GPU_BOX], None, Share(workers=4, cpus=4, gpus=1)),
        ([GPU_BOX], 8, Share(workers=8, cpus=2, gpus=0.5)),
        ([GPU_BOX], 2, Share(workers=2, cpus=8, gpus=1)),
        ([GPU_BOX, {"CPU": 64.0}], None, Share(workers=4, cpus=4, gpus=1)),  # the second box has no GPU
    ],
)
def test_each_worker_gets_an_equal_share(
    nodes: list[dict[str, float]], workers: int | None, share: Share
) -> None:
    assert share_of(nodes, workers) == share


def test_gpus_are_left_alone_where_they_are_not_wanted() -> None:
    assert share_of([GPU_BOX], 2, gpus=False) == Share(workers=2, cpus=8)


def test_without_cores_or_with_a_strange_number_of_workers_there_is_no_share() -> None:
    with pytest.raises(InputError, match="no CPU cores"):
        share_of([{"memory": 1e9}], 2)
    with pytest.raises(InputError, match="--workers 0"):
        share_of([{"CPU": 2.0}], 0)


@given(
    st.lists(st.tuples(st.integers(1, 64), st.integers(0, 8)), min_size=1, max_size=6),
    st.integers(1, 200),
)
def test_there_is_room_for_all_workers(boxes: list[tuple[int, int]], workers: int) -> None:
    nodes = [{"CPU": float(cpus), "GPU": float(gpus)} for cpus, gpus in boxes]
    for wants_gpus in (True, False):
        share = share_of(nodes, workers, gpus=wants_gpus)
        assert share.cpus == int(share.cpus) or share.cpus < 1
        room = 0
        for node in nodes:
            by_cpu = int(node["CPU"] / share.cpus + 1e-9)
            room += min(by_cpu, int(node["GPU"] / share.gpus + 1e-9)) if share.gpus else by_cpu
        # cores may lie apart from GPUs so unluckily that some workers wait for others; never without GPUs
        assert room >= workers or share.gpus
