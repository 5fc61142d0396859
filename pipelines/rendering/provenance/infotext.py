"""The `parameters` text in which web UIs, and the tools around them, keep how a picture was made.

    a red boat at sunset
    Negative prompt: blurry
    Steps: 20, CFG scale: 7.0, Seed: 7, Size: 512x512, Model hash: 0123456789, Model: pocket, Version: …

As AUTOMATIC1111 writes it (`modules/infotext_utils.py`): the prompt, the negative prompt, and on the last line
names with values, of which those with a comma, colon or line end in them stand in JSON quotes.
"""

import json
import re
from typing import Any

from ....engine.values import Request
from ...recipes.environment import Environment


def infotext(request: Request, environment: Environment) -> str:
    """How a picture was made, in the words of other tools."""
    settings = request.settings
    refiner = environment.table["stages"].get("refine", {}).get("checkpoint")
    parameters = {
        "Steps": settings.num_inference_steps,
        "CFG scale": settings.guidance_scale,
        "Seed": request.seed,
        "Size": f"{request.width}x{request.height}",
        "Model hash": environment.revisions.get(refiner, "")[:10] or None,
        "Model": environment.recipe,
        "Version": f"diptych {environment.versions['diptych']}",
    }
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
    said = (f"{name}: {_quoted(value)}" for name, value in parameters.items() if value is not None)
    return "\n".join([*lines, ", ".join(said)])


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[,:\n]", text) else text
