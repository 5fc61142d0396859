"""Whether a pipeline's parts fit each other, from their configs alone: latents of one kind, texts as wide as
the denoiser reads them. Says it in one line that names both."""

from collections.abc import Callable, Mapping
from typing import Any

from ....errors import CheckpointError

Config = Mapping[str, Any]

_STANDS_IN = {"AutoencoderKL": ("AutoencoderTiny", "AsymmetricAutoencoderKL", "ConsistencyDecoderVAE")}
"""Autoencoders that may take another's place."""

_PACKED = {"FluxPipeline": 4, "Flux2Pipeline": 4, "Flux2KleinPipeline": 4, "QwenImagePipeline": 4}
"""How many latents a denoiser reads at once, where they are more than one."""


def refuse_unfit(
    index: Config,
    configs: Mapping[str, Config],
    told: Mapping[str, str],
    *,
    whole: str,
    own: Mapping[str, Config],
) -> None:
    """Raise `CheckpointError` where a part does not fit.

    Args:
        index: the pipeline's `model_index.json`.
        configs: of its components.
        told: how a message calls their places.
        whole: how it calls the pipeline.
        own: configs that the pipeline came with, by path.
    """
    kind = str(index.get("_class_name"))
    name = next((each for each in ("unet", "transformer") if each in configs), None)
    if name is None or kind not in _READ:
        return
    _check_vae(kind, configs, told, told.get(name, whole), name, own)
    for encoder, wanted in _widths(kind, configs[name], configs).items():
        said = configs.get(encoder)
        got = None if said is None else _width(said, projected=wanted[1])
        if got and wanted[0] and got != wanted[0]:
            raise CheckpointError(
                f"{told.get(encoder, encoder)}: is a {encoder} of width {got}, and the {name} of"
                f" {told.get(name, whole)} reads {wanted[0]}: name the {encoder} of this model"
            )


def _check_vae(
    kind: str,
    configs: Mapping[str, Config],
    told: Mapping[str, str],
    whole: str,
    denoiser: str,
    own: Mapping[str, Config],
) -> None:
    vae = configs.get("vae")
    if vae is None:
        return
    where = told.get("vae", whole)
    usual: Config = own.get("vae/config.json", {})
    expected, got = usual.get("_class_name"), vae.get("_class_name")
    if expected and got != expected and got not in _STANDS_IN.get(str(expected), ()):
        raise CheckpointError(
            f"{where}: is an {got}, and {whole} was made with an {expected}: name one of its kind"
        )
    channels = _channels(vae)
    reads = configs[denoiser].get("in_channels")
    packed = _PACKED.get(kind, 1)
    if channels and isinstance(reads, int) and reads != 9 and reads != packed * channels:
        raise CheckpointError(
            f"{where}: is an autoencoder of {channels} channels, and {whole} paints latents of"
            f" {reads // packed}: name an"
            " autoencoder of its family"
        )
    for name, default in (("scaling_factor", 0.18215), ("shift_factor", None)):
        said, wanted = vae.get(name, default), usual.get(name, default)
        if usual and got == expected and got == "AutoencoderKL" and said != wanted and not _near(said, wanted):
            raise CheckpointError(
                f"{where}: is an autoencoder whose {name} is {said}, and {whole} was made with {wanted}: name"
                " an"
                " autoencoder of its family"
            )


def _near(one: Any, other: Any) -> bool:
    return isinstance(one, float) and isinstance(other, float) and abs(one - other) <= 0.01 * abs(other)


def _channels(vae: Config) -> int | None:
    found = vae.get(
        "latent_channels", vae.get("z_dim", 4 if vae.get("_class_name") == "AutoencoderKL" else None)
    )
    return found if isinstance(found, int) else None


_Want = dict[str, tuple[int | None, bool]]
"""By text encoder: the width that its texts must have, and whether that is of what its projection gives."""


def _widths(kind: str, denoiser: Config, configs: Mapping[str, Config]) -> _Want:
    find = _READ.get(kind)
    return find(denoiser, configs) if find is not None else {}


def _one(name: str, *, divided: int = 1) -> Callable[[Config, Mapping[str, Config]], _Want]:
    def find(denoiser: Config, _: Mapping[str, Config]) -> _Want:
        width = denoiser.get(name)
        return {"text_encoder": (width // divided if isinstance(width, int) else None, False)}

    return find


def _sdxl(denoiser: Config, configs: Mapping[str, Config]) -> _Want:
    texts, first = denoiser.get("cross_attention_dim"), _width(configs.get("text_encoder", {}))
    pooled, times = (
        denoiser.get("projection_class_embeddings_input_dim"),
        denoiser.get("addition_time_embed_dim"),
    )
    wanted: _Want = {}
    if isinstance(texts, int) and first:
        wanted["text_encoder_2"] = (texts - first, False)
    if (
        isinstance(pooled, int)
        and isinstance(times, int)
        and configs.get("text_encoder_2", {}).get("projection_dim")
    ):
        wanted |= (
            {}
            if _width(configs["text_encoder_2"], projected=True) == pooled - 6 * times
            else {"text_encoder_2": (pooled - 6 * times, True)}
        )
    return wanted


def _sd3(denoiser: Config, configs: Mapping[str, Config]) -> _Want:
    pooled, first = (
        denoiser.get("pooled_projection_dim"),
        _width(configs.get("text_encoder", {}), projected=True),
    )
    second = pooled - first if isinstance(pooled, int) and first else None
    return {"text_encoder_3": (denoiser.get("joint_attention_dim"), False), "text_encoder_2": (second, True)}


def _flux(denoiser: Config, _: Mapping[str, Config]) -> _Want:
    return {
        "text_encoder_2": (denoiser.get("joint_attention_dim"), False),
        "text_encoder": (denoiser.get("pooled_projection_dim"), False),
    }


_READ: dict[str, Callable[[Config, Mapping[str, Config]], _Want]] = {
    "StableDiffusionPipeline": _one("cross_attention_dim"),
    "StableDiffusionXLPipeline": _sdxl,
    "StableDiffusion3Pipeline": _sd3,
    "FluxPipeline": _flux,
    "Flux2Pipeline": _one("joint_attention_dim", divided=3),
    "Flux2KleinPipeline": _one("joint_attention_dim", divided=3),
    "ZImagePipeline": _one("cap_feat_dim"),
    "QwenImagePipeline": _one("joint_attention_dim"),
}
"""By the class of a pipeline, what its denoiser reads."""


def _width(config: Config, *, projected: bool = False) -> int | None:
    nested = config.get("text_config")
    said = {**config, **nested} if isinstance(nested, dict) else config
    found = said.get("projection_dim") if projected else said.get("hidden_size") or said.get("d_model")
    return found if isinstance(found, int) else None
