"""Which class of diffusers steers a pipeline by a control: found by the library's own naming.

StableDiffusionXLPipeline   and a ControlNetModel        StableDiffusionXLControlNetPipeline
                                ControlNetUnionModel     StableDiffusionXLControlNetUnionPipeline
                                T2IAdapter               StableDiffusionXLAdapterPipeline
… that starts from a picture                             StableDiffusionXLControlNetImg2ImgPipeline
"""

import inspect
import re
from typing import Any

_WAYS = ("Img2Img", "Inpaint")
_ADAPTER = "T2IAdapter"
_UNION = "ControlNetUnionModel"


def word_of(control_class: str) -> str:
    """What the names of pipelines say of a control of this class; empty for what is none."""
    if control_class == _ADAPTER:
        return "Adapter"
    if control_class == _UNION:
        return "ControlNetUnion"
    return "ControlNet" if control_class.endswith("ControlNetModel") else ""


def steering_class(pipeline_class: str, control_class: str, *, from_picture: bool) -> Any:
    """The class that steers pictures of `pipeline_class` by controls of `control_class`; `None` for none.

    Args:
        from_picture: whether it also starts from a picture.
    """
    import diffusers

    if not (word := word_of(control_class)):
        return None
    stem = pipeline_class.removesuffix("Pipeline")
    way = next((each for each in _WAYS if stem.endswith(each)), "")
    stem = stem.removesuffix(way)
    way = way or ("Img2Img" if from_picture else "")
    found = getattr(diffusers, f"{stem}{word}{way}Pipeline", None)
    able = inspect.isclass(found) and control_class in classes_read(found)
    return found if able and (not from_picture or "strength" in _arguments(found)) else None


def classes_read(kind: Any) -> set[str]:
    """The classes of controls that a pipeline's constructor takes, as its annotation names them."""
    taken = inspect.signature(kind.__init__).parameters
    name = component_of(kind)
    return set(re.findall(r"\w+", str(taken[name].annotation))) if name in taken else set()


def component_of(kind: Any) -> str:
    """What a pipeline calls its control."""
    return "controlnet" if "controlnet" in inspect.signature(kind.__init__).parameters else "adapter"


def takes_several(kind: Any) -> bool:
    """Whether a pipeline can be steered by several controls at once."""
    hint = str(inspect.signature(kind.__init__).parameters[component_of(kind)].annotation).lower()
    return "list" in hint and "controlnetunionmodel" not in hint


def takes_ranges(kind: Any) -> bool:
    """Whether a control may count in some of the steps alone."""
    return "control_guidance_start" in _arguments(kind)


def _arguments(kind: Any) -> Any:
    return inspect.signature(kind.__call__).parameters
