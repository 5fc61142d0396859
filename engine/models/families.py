"""The families of models that there are: where the adapter of each is, and what library it needs."""

FAMILIES: dict[str, tuple[str, str]] = {
    "causal-lm": ("language.causal_lm", "load_language_model"),
    "image-token-lm": ("language.causal_lm", "load_image_token_model"),
    "multimodal-lm": ("language.multimodal_lm", "load_drafter"),
    "masked-token-transformer": ("diffusion.masked_tokens", "load_masked_token_model"),
    "image-text-to-text": ("vision.captioner", "load_any_captioner"),
    "diffusers": ("diffusion.refiner", "load_refiner"),
    "image-tokenizer": ("vision.patch_codebook", "load_codebook"),
    "picture-memory": ("vision.picture_memory", "load_picture_memory"),
    "sketch-reader": ("vision.readers.sketch_reader", "load_sketch_reader"),
    "thing-finder": ("vision.thing_finder", "load_thing_finder"),
    "edge-reader": ("vision.readers.edge_reader", "load_edge_reader"),
    "control": ("diffusion.control.loading", "load_control"),
    "depth-estimator": ("vision.depth_estimator", "load_depth_estimator"),
    "ip-adapter": ("diffusion.references.adapter", "load_adapter"),
    "image-encoder": ("diffusion.references.image_encoder", "load_image_encoder"),
}
"""Family: (module of this folder, function of (folder, dtype, device) that loads one)."""

STREAMED: dict[str, str] = {"diffusers": "unet", "control": "control"}
"""Family: the part of it whose blocks may be streamed, as both the handle and the checkpoint's folder call it
(of `WHOLE` families, the folder itself).
Its blocks must be called as modules: their weights are not there for code that reads them from outside."""

WHOLE = ("control",)
"""Families whose checkpoint is one module, which lies in the folder itself."""

PARTS: dict[str, tuple[str, str]] = {"diffusers": ("diffusion.pipeline_folder", "load_part")}
"""Family: as `FAMILIES`, the function that loads one of `pipeline_parts.PARTS`, where a key names one."""

WITH_CODE = ("causal-lm",)
"""Families whose adapters can run code that comes with a checkpoint, where a key asks for it."""

LIBRARIES: dict[str, tuple[str, ...]] = {
    **{name: ("transformers",) for name in FAMILIES},
    **dict.fromkeys(
        ("diffusers", "ip-adapter", "control", "masked-token-transformer"), ("transformers", "diffusers")
    ),
    **dict.fromkeys(("image-tokenizer", "picture-memory", "sketch-reader", "edge-reader", "thing-finder"), ()),
}
"""Family: the libraries that load it."""
