"""On a GPU whoever asks for a number waits for all work before it: no step of a stage does so."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from diptych import TextToImage
from diptych.benchmarks.decode import plans_of
from diptych.engine.microbatch import Batching, Done, run_stage

_aten: Any = torch.ops.aten
ASKING = {_aten._local_scalar_dense, _aten.equal, _aten.is_nonzero, _aten.nonzero, _aten.item}


class Asked(TorchDispatchMode):
    """Counts what would wait for a device."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func._overloadpacket in ASKING
        return func(*args, **(kwargs or {}))


def test_refining_asks_for_no_number_at_any_step() -> None:
    pipe = TextToImage.from_recipe("pocket", device="cpu")
    stages = {stage.name: stage for stage in pipe.runner.chain.stages}
    asked: dict[int, int] = {}
    for steps in (1, 2, 5):  # the first loads the models
        plans = plans_of(pipe, ["a red boat"], 1.0)
        request = pipe.request("a red boat", seed=1, num_inference_steps=steps)
        plans = [type(plan)(request=request, prompt=plan.prompt, facts=()) for plan in plans]
        values: list[Any] = list(plans)
        for name in ("draft", "refine"):
            with Asked() as mode:
                results = run_stage(
                    stages[name], values, memory=pipe.runner.memory, batching=Batching(micro_batch=1)
                )
            assert all(isinstance(each, Done) for each in results), results
            values = [each.value for each in results if isinstance(each, Done)]
        asked[steps] = mode.count
    assert asked[2] == asked[5], "the number of questions does not grow with the steps"
