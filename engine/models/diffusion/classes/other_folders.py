"""What a folder holds that is no pipeline: said where one is wanted."""

from pathlib import Path

from ...checkpoint.folder import read_json

_MODELS = {
    "controlnet": "a ControlNet, which steers a pipeline by a second picture and paints nothing by itself",
    "adapter": "an adapter, which steers a pipeline by a second picture and paints nothing by itself",
    "autoencoder": "an autoencoder, one part of a pipeline",
    "vqmodel": "an autoencoder, one part of a pipeline",
    "unet": "a U-Net, one part of a pipeline",
    "transformer": "a transformer, one part of a pipeline",
}
_FILES = {
    "lora": "LoRA weights, which a recipe names under loras, beside a pipeline",
    "adapter_model": "LoRA weights, which a recipe names under loras, beside a pipeline",
    "ip-adapter": "an IP-Adapter, which steers a pipeline by a second picture and paints nothing by itself",
    "ip_adapter": "an IP-Adapter, which steers a pipeline by a second picture and paints nothing by itself",
    "learned_embeds": "a textual inversion, words for a pipeline's text encoder",
}


def what_it_holds(folder: Path) -> str:
    """What a folder without `model_index.json` holds, where its class or its files' names say it; else empty.

    Raises:
        CheckpointError: its `config.json` cannot be read.
    """
    names = [path.name.lower() for path in folder.glob("*.safetensors")]
    if (folder / "modular_model_index.json").is_file():
        return "a modular pipeline, which is not run: name the pipeline that it was made of"
    if (folder / "config.json").is_file():
        named = str(read_json(folder / "config.json").get("_class_name") or "").lower()
        return next((said for word, said in _MODELS.items() if word in named), "")
    return next((said for word, said in _FILES.items() if any(word in name for name in names)), "")
