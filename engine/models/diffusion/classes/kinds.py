"""What a pipeline class of diffusers makes, and of what, read off its call: whether it can paint for a recipe.

Nothing here is known by name where the class itself says it: its arguments, those that it cannot do without,
and the kind of output that its call returns.
"""

import dataclasses
import functools
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from ....errors import CheckpointError
from ....messages import did_you_mean, first_line
from ..pipeline_families import FAMILIES
from ..pipeline_parts import COMPONENTS, VAE, read_index

ADVICE = "name a text-to-image pipeline of diffusers"

_MADE = {
    "frames": "video",
    "videos": "video",
    "video": "video",
    "audios": "sound",
    "audio": "sound",
    "texts": "text",
    "text": "text",
    "image_embeds": "embeddings for another pipeline",
    "image_embeddings": "embeddings for another pipeline",
    "prompt_embeds": "embeddings for another pipeline",
    "prediction": "maps of what is in a picture",
    "rgb": "pictures with depth",
}
"""What a field of a pipeline's output holds, where it holds no pictures."""
_PICTURES = ("images", "image")
_STEERING = ("controlnet", "adapter", "motion_adapter", "depth_estimator", "image_projection")
"""Components that read a second picture."""
_SECOND = ("control_image", "mask_image", "image_latents", "gligen_boxes")
"""Arguments of a call that say what is in a second picture, or where."""
_LEFT_OUT = ("safety_checker", "vision_language_encoder")
"""Components with weights that a picture of a text, or of a draft's tokens, is made without."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """What a pipeline class is.

    Args:
        makes: the fields of its output; empty where nothing says them.
        takes: the arguments of its call.
        needs: those that it cannot do without, but the prompt.
        steering: what steers it by another picture; empty for nothing.
        encodes: whether its text is encoded by a method of its own, `encode_prompt`.
        one_text: whether a call takes one prompt, and no list of them.
        others: components with weights that it cannot do without, and that are none of `COMPONENTS`.
        decodes: whether it has an autoencoder.
    """

    name: str
    makes: tuple[str, ...]
    takes: tuple[str, ...]
    needs: tuple[str, ...]
    steering: str
    encodes: bool
    one_text: bool
    others: tuple[str, ...]
    decodes: bool

    @property
    def starts_from_picture(self) -> bool:
        """Whether it paints over a picture, at a strength."""
        return "image" in self.takes and "strength" in self.takes

    @property
    def masks(self) -> bool:
        """Whether it does so within a mask."""
        return self.starts_from_picture and "mask_image" in self.takes

    @property
    def fault(self) -> str:
        """Why it can paint no picture for a recipe; empty where nothing is known against it."""
        if self.makes and not set(self.makes) & set(_PICTURES):
            made = " and ".join(dict.fromkeys(_MADE.get(name, name) for name in self.makes[:1]))
            return f"makes {made}, and no pictures"
        if {"num_frames", "video_length"} & set(self.takes):
            return "makes video, and no pictures"
        if "prompt" not in self.takes:
            return "reads no prompt"
        if self.steering:
            return f"is steered by a second picture ({self.steering})"
        if missing := [name for name in self.needs if name != "image" or not self.starts_from_picture]:
            return f"needs {' and '.join(missing)} beside a prompt"
        if "image" in self.takes and not self.starts_from_picture and not _paints_of_text(self.name):
            return "changes a picture that it is given, and paints none of text alone"
        if not self.encodes:
            return "has no step of its own that reads text (encode_prompt), and is not known here"
        if self.others:
            return f"needs further models ({', '.join(self.others)}), which are not loaded here"
        if not self.decodes:
            return "paints without an autoencoder, which is not known here"
        return ""


@functools.cache
def kind_of(pipeline: Any) -> Kind:
    """What this class of pipelines is."""
    call = inspect.signature(pipeline.__call__).parameters
    made = inspect.signature(pipeline.__init__).parameters
    optional: set[str] = set(getattr(pipeline, "_optional_components", ()))
    steering = [name for name in _STEERING if name in made and name not in optional]
    steering += [name for name in _SECOND if name in call and "strength" not in call]
    others = [
        name
        for name, each in made.items()
        if name not in COMPONENTS and name not in optional and name not in _LEFT_OUT and _has_weights(each)
    ]
    varying = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    needs = [
        name
        for name, each in call.items()
        if each.default is inspect.Parameter.empty
        and each.kind not in varying
        and name not in ("self", "prompt")
    ]
    hint = str(call["prompt"].annotation) if "prompt" in call else ""
    return Kind(
        name=pipeline.__name__,
        makes=_output_of(pipeline),
        takes=tuple(name for name in call if name != "self"),
        needs=tuple(needs),
        steering=steering[0] if steering else "",
        encodes=hasattr(pipeline, "encode_prompt"),
        one_text="str" in hint and "list" not in hint.lower(),
        others=tuple(others),
        decodes=any(COMPONENTS.get(name) == VAE for name in made),
    )


def _has_weights(parameter: inspect.Parameter) -> bool:
    """Whether an argument of a pipeline's constructor must be given, and is a model."""
    from torch.nn import Module

    hint = parameter.annotation
    required = parameter.default is inspect.Parameter.empty
    return required and inspect.isclass(hint) and issubclass(hint, Module)


def pipeline_class(folder: Path) -> Any:
    """The class that a folder's `model_index.json` names.

    Raises:
        CheckpointError: diffusers has no such class, or it is one that paints no picture of a text.
    """
    import diffusers

    name = read_index(folder)["_class_name"]
    where = f"{folder}/model_index.json"
    found = getattr(diffusers, name, None) if name.isidentifier() else None
    if not inspect.isclass(found) or not name.endswith("Pipeline"):
        known = [each for each in dir(diffusers) if each.endswith("Pipeline")]
        raise CheckpointError(
            f"{where}: {name!r} is no text-to-image pipeline of diffusers"
            f" {diffusers.__version__}{did_you_mean(name, known)}"
        )
    try:
        kind = kind_of(found)
    except ImportError as error:  # a stand-in for a class that needs what is not installed
        raise CheckpointError(f"{where}: {first_line(error)}") from None
    if fault := kind.fault:
        raise CheckpointError(f"{where}: {name} {fault}: {ADVICE}")
    return found


def _paints_of_text(name: str) -> bool:
    """Whether a class that may be given a picture paints without one, as the library or our own table says."""
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

    known: Any = AUTO_TEXT2IMAGE_PIPELINES_MAPPING
    return name in FAMILIES or any(each.__name__ == name for each in known.values())


def _output_of(pipeline: Any) -> tuple[str, ...]:
    """The fields of what a call returns, by the class that it makes at its end."""
    try:
        source = inspect.getsource(inspect.unwrap(pipeline.__call__))
    except (OSError, TypeError):
        return ()
    names = re.findall(r"return (\w+)\(", source)
    module = sys.modules.get(pipeline.__module__)
    for name in reversed(names):
        output = getattr(module, name, None)
        if dataclasses.is_dataclass(output):
            return tuple(field.name for field in dataclasses.fields(output))
    return ()
