"""Weights are made on the meta device and filled from their files: the host never holds more than one copy."""

import importlib
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

diffusers: Any = importlib.import_module("diffusers")

MIB = 2**20

LOAD = """
    import sys, threading, time
    import diffusers, transformers, torch
    from diptych.engine.models.registry import Registry
    from diptych.engine.stage import ModelKey

    def held():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

    key = ModelKey("diffusers", sys.argv[1], part="denoiser")
    diffusers.FluxTransformer2DModel, diffusers.FluxPipeline, torch.zeros(9) @ torch.zeros(9)
    before, most, going = held(), 0, True

    def watch():
        global most
        while going:
            most = max(most, held())
            time.sleep(0.001)

    thread = threading.Thread(target=watch)
    thread.start()
    registry = Registry()
    registry.load(key, "cpu")
    going = False
    thread.join()
    print((most - before) / registry.weight_bytes(key))
"""


def test_the_host_holds_one_copy_at_its_peak(tmp_path: Path) -> None:
    from .pipeline_twins import flux

    flux(tmp_path)
    large = diffusers.FluxTransformer2DModel(
        in_channels=16,
        num_layers=2,
        num_single_layers=4,
        num_attention_heads=8,
        attention_head_dim=64,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=(16, 16, 32),
    )
    size = sum(each.nbytes for each in large.parameters())
    assert size > 100 * MIB
    large.save_pretrained(tmp_path / "transformer")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOAD), str(tmp_path)], capture_output=True, text=True, check=True
    )
    copies = float(done.stdout.split()[-1])
    assert copies < 1.5, f"{copies:.2f} copies"
