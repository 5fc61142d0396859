"""A picture whose plan a server wrote is made again by the plan in its history, without the server."""

from pathlib import Path

from diptych import Outcome, TextToImage, read_recipe
from diptych.pipelines.rendering.provenance.provenance import picture_bytes, read_history
from diptych.pipelines.rendering.provenance.rerender import rerender

from ....engine.remote.started import Started

STAGES = {
    "draft": {
        "family": "image-token-lm",
        "checkpoint": "pocket/drafter",
        "models": {"codebook": {"family": "image-tokenizer", "checkpoint": "pocket/tokenizer"}},
    },
    "refine": {"family": "diffusers", "checkpoint": "pocket/refiner"},
    "judge": {"family": "image-text-to-text", "checkpoint": "pocket/captioner"},
}


def test_the_same_bytes_without_the_server(tmp_path: Path) -> None:
    server = Started(tmp_path / "asked.jsonl")
    try:
        plan = {"family": "openai-server", "settings": {"url": server.url, "model": "tiny"}}
        pipe = TextToImage.from_recipe(read_recipe({"stages": {"plan": plan, **STAGES}}), deterministic=True)
        (outcome,) = pipe.run([pipe.request("a red boat", seed=5, row=1)])
        assert isinstance(outcome, Outcome)
        path = tmp_path / "picture.png"
        path.write_bytes(picture_bytes(outcome, pipe.environment()))
    finally:
        server.kill()
    assert read_history(path)["plan"].get("by") == f"tiny (fp_7) at {server.url}"
    (again,) = rerender([path])
    assert again.difference == "" and again.data == path.read_bytes() and again.as_promised
