"""A recipe for a checkpoint that somebody has: what it is, from its header and small files, and the table that
paints with it, with comments where something is to be filled in."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.errors import CheckpointError, DiptychError, InputError
from ...engine.memory import format_bytes
from ...engine.messages import reason_of
from ...engine.models.checkpoint.bounded import is_file
from ...engine.models.checkpoint.folder import read_json
from ...engine.models.checkpoint.vetting import files_in, vet
from ...engine.models.diffusion.classes.kinds import kind_of, pipeline_class
from ...engine.models.diffusion.pipeline_parts import read_index
from ...engine.models.diffusion.pipeline_sizes import made_for
from ...engine.models.diffusion.single_files.assembly import pipeline_folder
from ...engine.models.diffusion.single_files.known import configs_of
from ...engine.models.diffusion.single_files.places import header_of, is_single_file, place_of
from ...engine.models.diffusion.single_files.predicting import scheduler_settings
from ...engine.models.diffusion.single_files.recognising import Found, Header, recognise, refuse_scaled, unused
from ...engine.models.diffusion.single_files.tensors import names_of
from ...engine.stage import ModelKey

_SOURCES = {
    "SD 1.5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "SD 2": "stabilityai/stable-diffusion-2-1",
    "SDXL": "stabilityai/stable-diffusion-xl-base-1.0",
    "SD 3": "stabilityai/stable-diffusion-3-medium-diffusers",
    "SD 3.5 medium": "stabilityai/stable-diffusion-3.5-medium",
    "SD 3.5 large": "stabilityai/stable-diffusion-3.5-large",
    "FLUX.1 dev": "black-forest-labs/FLUX.1-dev",
    "FLUX.1 schnell": "black-forest-labs/FLUX.1-schnell",
    "FLUX.2 dev": "black-forest-labs/FLUX.2-dev",
    "FLUX.2 klein 4B": "black-forest-labs/FLUX.2-klein-4B",
    "FLUX.2 klein 9B": "black-forest-labs/FLUX.2-klein-9B",
    "Z-Image": "Tongyi-MAI/Z-Image-Turbo",
    "Qwen-Image": "Qwen/Qwen-Image",
}
"""Where a family's other parts are to be had."""

_DEFAULTS = {
    "SD 1.5": (30, 7.5),
    "SD 2": (30, 7.5),
    "SDXL": (30, 5.0),
    "SD 3": (28, 7.0),
    "SD 3.5 medium": (40, 4.5),
    "SD 3.5 large": (28, 3.5),
    "FLUX.1 dev": (28, 3.5),
    "FLUX.1 schnell": (4, 0.0),
    "FLUX.2 dev": (28, 4.0),
    "FLUX.2 klein 4B": (4, 1.0),
    "FLUX.2 klein 9B": (4, 1.0),
    "Z-Image": (9, 0.0),
    "Qwen-Image": (50, 4.0),
}
"""Steps and guidance that a family's makers advise."""

_NUMBERS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8", "F8_E5M2": "float8"}


class New(NamedTuple):
    """A recipe for a checkpoint.

    Args:
        said: what the checkpoint is, a line each.
        text: the recipe.
        missing: components that are not on this disk, and where they are to be had.
    """

    said: tuple[str, ...]
    text: str
    missing: tuple[str, ...]


def new_recipe(checkpoint: str, out: Path | None = None) -> New:
    """The recipe for a checkpoint.

    Args:
        out: the file that it is written to, from whose folder paths are given.

    Raises:
        CheckpointError: there is no such checkpoint, it is damaged, or it is nothing that paints; the message
            says what
            it is, and what to do with it.
    """
    place = place_of(checkpoint)
    if not is_file(place):
        inner = _only_file(place)
        if inner is None:
            return _of_folder(place, _named(place, checkpoint, out))
        place = inner
        checkpoint = str(inner)
    if not is_single_file(str(place)):
        raise CheckpointError(
            f"{place}: only the headers of .safetensors and .gguf files are looked into: name such a file"
        )
    return _of_file(place, _named(place, checkpoint, out))


def _named(place: Path, checkpoint: str, out: Path | None) -> str:
    """How the recipe names it: from its own folder where it lies there, else by its whole path; ids as they
    are."""
    if not Path(checkpoint).expanduser().exists():
        return checkpoint
    whole = place.resolve()
    beside = (out or Path("recipe.toml")).resolve().parent
    return f"./{whole.relative_to(beside).as_posix()}" if whole.is_relative_to(beside) else str(whole)


def _only_file(folder: Path) -> Path | None:
    """The single file of a folder that holds nothing else of a model."""
    if any((folder / name).is_file() for name in ("model_index.json", "config.json", "adapter_config.json")):
        return None
    found = [path for path in sorted(folder.iterdir()) if is_single_file(path.name)]
    if not found:
        raise CheckpointError(
            f"{folder}: has no model_index.json, config.json or .safetensors file: name the folder of a"
            " checkpoint"
        )
    if found[1:]:
        names = ", ".join(path.name for path in found[:4])
        raise CheckpointError(f"{folder}: holds {len(found)} single files ({names}): name one of them")
    return found[0]


def _of_file(file: Path, named: str) -> New:
    header = header_of(file)
    refuse_scaled(header, file)
    found = recognise(header)
    if found.kind != "model":
        what = found.what or f"nothing that is known (its first tensor is called {next(iter(header), 'none')})"
        raise CheckpointError(
            f"{file}: holds {what}, and is no model that paints: {found.do or 'name another file'}"
        )
    said = [*_said_of_file(header, found), *_said_of_prediction(file, header, found)]
    if not found.family:
        raise CheckpointError(f"{file}: is {said[0]}: {_without_configs(found)}")
    missing, sources = _parts(header, found)
    key = ModelKey("diffusers", str(file), parts=tuple(sources.items()))
    size = _size(key, configs_of(found.family))
    said.append(f"made for pictures of {size[1]}x{size[0]} pixels")
    lines = [*_head(said, found.what), *_defaults(found.family), *_stage(named), *_table(sources, missing)]
    return New(tuple(said), "\n".join(lines) + "\n", tuple(missing))


def _without_configs(found: Found) -> str:
    if "inpainting" in found.what or "paints from a picture" in found.what:
        return "it paints over pictures: name the folder of its pipeline as checkpoint of [stages.repaint]"
    if "refiner" in found.what:
        return (
            "it refines what another model painted, and is for [stages.repaint] behind the base model, with the"
            " folder of its pipeline as checkpoint"
        )
    return "its configs do not ship: write a recipe with config = the folder of its pipeline, or of its configs"


def _said_of_file(header: Header, found: Found) -> Iterator[str]:
    used = header.keys() - set(unused(header))
    numbers = Counter[str]()
    for name in used:
        start, end = header[name]["data_offsets"]
        numbers[header[name]["dtype"]] += end - start
    kinds = " and ".join(_NUMBERS.get(kind, kind) for kind, _ in numbers.most_common(2))
    held = "all in one" if len(found.parts) == 3 else " and ".join(found.parts) + " alone"
    yield f"{found.what}, {held}, {format_bytes(sum(numbers.values()))} in {kinds}"
    if left := len(header) - len(used):
        yield f"{left} tensors belong to no model (copies that training keeps), and are not loaded"


def _said_of_prediction(file: Path, header: Header, found: Found) -> Iterator[str]:
    if file.suffix == ".gguf":
        return  # it has no place for that
    said = scheduler_settings(file, header, found.family).get("prediction_type")
    if said == "v_prediction":
        yield "predicts velocities (v-prediction), as the file says"


def _parts(header: Header, found: Found) -> tuple[list[str], dict[str, str]]:
    """Lines of what is missing on this disk; and the parts that the recipe names, with their places."""
    source = _SOURCES[found.family]
    configs = configs_of(found.family)
    sources: dict[str, str] = {}
    for name, entry in configs["model_index.json"].items():
        config = configs.get(f"{name}/config.json")
        is_there = config is not None and names_of(header, name, config)
        if name.startswith(("text_encoder", "vae")) and isinstance(entry, list) and not is_there:
            sources[name] = source
    if not any("tokenizer/tokenizer_config.json" in path for path in configs) and "tokenizer" not in sources:
        sources["tokenizer"] = source
    if not sources:
        return [], {}
    try:
        folder = place_of(source)
        missing = [name for name in sources if not (folder / name).is_dir()]
    except DiptychError:
        missing = list(sources)
    included = " ".join(f"--include '{name}/*'" for name in missing)
    names = ", ".join(missing)
    return (
        [f"{names}: hf download {source} {included} --include model_index.json"] if missing else []
    ), sources


def _size(key: ModelKey[Any], configs: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    try:
        return made_for(pipeline_folder(key))
    except DiptychError:  # parts are missing: the denoiser's config says as much
        denoiser = configs.get("unet/config.json") or configs.get("transformer/config.json", {})
        side = 8 * int(denoiser.get("sample_size") or 128)
        return side, side


def _of_folder(folder: Path, named: str) -> New:
    vet(folder)
    if (folder / "adapter_config.json").is_file():
        raise CheckpointError(
            f"{folder}: holds LoRA weights, and is no model that paints: add it to a stage that paints:"
            ' loras = [{ checkpoint = "…" }]'
        )
    if not (folder / "model_index.json").is_file():
        kind = ", ".join(map(str, read_json(folder / "config.json").get("architectures") or ())) or "one model"
        name = str(read_json(folder / "config.json").get("_class_name", ""))
        part = {"AutoencoderKL": "vae", "UNet2DConditionModel": "unet"}.get(name, "transformer" if name else "")
        do = (
            f'name it as a part: [stages.paint.parts] {part} = "…"'
            if part
            else (
                'a language model plans: [stages.plan] family = "causal-lm"; one that reads pictures judges:'
                " [stages.judge]"
                ' family = "image-text-to-text"'
            )
        )
        raise CheckpointError(f"{folder}: holds {name or kind}, and is no pipeline that paints: {do}")
    kind = str(read_index(folder)["_class_name"])
    if kind_of(pipeline_class(folder)).starts_from_picture:
        raise CheckpointError(
            f"{folder}: is a {kind}, which paints over pictures, and none of text alone: write a recipe that"
            " has it as [stages.repaint] behind a stage that paints"
        )
    weights = sum(path.stat().st_size for path in files_in(folder) if path.suffix == ".safetensors")
    size = made_for(folder)
    said = (f"{kind}, {format_bytes(weights)} on the disk", f"made for pictures of {size[1]}x{size[0]} pixels")
    return New(said, "\n".join([*_head(said, kind), *_stage(named)]) + "\n", ())


def _head(said: "list[str] | tuple[str, ...]", what: str) -> list[str]:
    return [
        *(f"# {line}" for line in said),
        "",
        f'summary = "{what}"',
        'licence = ""  # of the weights: fill in',
        "",
    ]


def _defaults(family: str) -> list[str]:
    steps, guidance = _DEFAULTS[family]
    return ["[defaults]", f"num_inference_steps = {steps}", f"guidance_scale = {guidance}", ""]


def _stage(named: str) -> list[str]:
    shown = named.replace("\\", "\\\\").replace('"', '\\"')
    return ["[stages.paint]", 'family = "diffusers"', f'checkpoint = "{shown}"', 'dtype = "auto"']


def _table(sources: Mapping[str, str], missing: list[str]) -> list[str]:
    if not sources:
        return []
    told = [f"# Not on this disk yet: {line}" for line in missing]
    note = "# Each may be a folder, a single file or an id of the Hub (of a pipeline its folder of this name)."
    return [
        "",
        "[stages.paint.parts]",
        *told,
        note,
        *(f'{name} = "{place}"' for name, place in sources.items()),
    ]


def write_new(text: str, out: Path) -> None:
    """Write a recipe to a file that there is not yet.

    Raises:
        InputError: there is one, or it cannot be written.
    """
    if out.suffix != ".toml":
        raise InputError(f"--out {out}: must end with .toml: recipes are read from such files")
    try:
        with open(out, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"--out {out}: is there already, and is not written over: give another name") from None
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({reason_of(error)})") from None
