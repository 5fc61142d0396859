"""Reads a part of a diffusers pipeline's folder: its weights, and outlines of the other parts.

Weights are made on the meta device and filled from the safetensors files, so that the host holds one copy.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError, DiptychError, InputError
from ...messages import first_line
from ...stage import Lora
from ..checkpoint.folder import outlined, read_header, read_json, weight_files, whole
from ..checkpoint.loaded_sizes import small_weights
from ..checkpoint.tokenizer import require_tokenizer
from ..quantised.bitsandbytes_component import is_bitsandbytes, load_bitsandbytes
from ..quantised.gguf_component import load_gguf
from ..quantised.pretrained import from_pretrained
from .classes.kinds import pipeline_class
from .classes.processors import TextProcessor, is_processor
from .lora.layout import Layout
from .lora.merging import fit_to, merge_loras
from .pipeline import Outline, PipelinePart, TextOutline
from .pipeline_parts import COMPONENTS, TEXT, VAE, components_of, is_component, read_index
from .schedulers import scheduler_of, scheduler_settings
from .single_files.assembly import gguf_for, single_file_in
from .single_files.loading import load_component
from .single_files.tensors import names_of
from .texts.embeddings import add_embeddings, word_of
from .texts.encoder_layers import with_text_model

_LIBRARIES = ("diffusers", "transformers")


def load_part(
    folder: Path,
    dtype: torch.dtype,
    device: torch.device,
    *,
    part: str,
    loras: Sequence[Lora] = (),
    on_request: Sequence[Lora] = (),
    lora_folder: str = "",
    embeddings: Sequence[str] = (),
) -> PipelinePart:
    """One of `pipeline_parts.PARTS` of a pipeline.

    Args:
        loras: LoRA weights that are merged in.
        on_request: those that rows may put on, which are held to the pipeline now.
        lora_folder: where more of those lie.
        embeddings: files of textual inversion, whose words the text encoders are to know.

    Raises:
        CheckpointError: the folder is of another kind, or a file of this part is missing or damaged.
    """
    kind = pipeline_class(folder)
    wanted = components_of(folder, part)
    modules = {name: _load(folder / name, *wanted[name], dtype, device).to(device) for name in wanted}
    with_loras = bool(loras or on_request or lora_folder) and part != VAE
    given, outlined, processors = _others(folder, part, modules, everything=with_loras)
    if "requires_safety_checker" in kind.__init__.__code__.co_varnames:
        given["requires_safety_checker"] = False  # pictures are not filtered; it warns otherwise
    pipeline = kind.from_pretrained(folder, local_files_only=True, **given)
    pipeline.set_progress_bar_config(disable=True)
    layout = Layout.of(pipeline) if with_loras else None
    if lora_folder and not Path(lora_folder).is_dir():
        raise CheckpointError(f"lora_folder {lora_folder}: no such folder: name one with LoRA weights, or none")
    if layout is not None:
        merge_loras(layout, modules, loras, quantised=_quantised(folder, modules) if loras else ())
        for lora in on_request:
            fit_to(layout, lora)
    if part == TEXT:
        for module in modules.values():
            with_text_model(module)
    if embeddings and part == TEXT:
        add_embeddings(pipeline, modules, embeddings)
    for name in outlined:
        if COMPONENTS[name] != TEXT:
            vars(pipeline)[name] = Outline(given[name], dtype)
    for name in components_of(folder, TEXT) if part != TEXT else ():
        vars(pipeline)[name] = TextOutline(folder / name, dtype)
    vars(pipeline).update(processors)
    return PipelinePart(pipeline=pipeline, layout=layout, words=tuple(map(word_of, embeddings)), **modules)


def _quantised(folder: Path, modules: Mapping[str, Any]) -> list[str]:
    """Components whose files hold quantised weights: blocks, or eight-bit floats. A module may not show it: an
    outline has plain ones, and so has what the library makes of eight-bit floats, before it is held to its
    file."""
    return [name for name in modules if _holds_small(folder / name)]


def _holds_small(folder: Path) -> bool:
    if gguf_for(folder) is not None:
        return True
    header = read_header(file) if (file := single_file_in(folder)) is not None else None
    if header is None:
        return any(small_weights(read_header(path)) for path in weight_files(folder))
    config = read_json(folder / "config.json")
    return small_weights({name: header[name] for name in names_of(header, folder.name, config).values()})


def _others(
    folder: Path, part: str, modules: Mapping[str, Any], *, everything: bool
) -> tuple[dict[str, object], list[str], dict[str, object]]:
    """The modules of one part of a pipeline, and what it is given beside them: all else is loaded by the
    library.

    Args:
        everything: outlines of the text encoders too, as LoRA weights ask for all components.

    Returns:
        by name, those given; the names of those that are outlines; what takes a processor's place.
    """
    given: dict[str, object] = dict(modules)
    outlined: list[str] = []
    processors: dict[str, object] = {}
    for name, entry in read_index(folder).items():
        if name in modules or not is_component(entry) or name == "scheduler" or name.endswith("guider"):
            continue
        outline = entry[0] and (entry[0] == "diffusers" or everything)  # LoRA weights ask for all components
        if name in COMPONENTS and outline:
            given[name] = _on_meta(folder / name, entry[0], entry[1])
            outlined.append(name)
        elif entry[0] and _reads_text(name, entry[1]):
            if part == TEXT:
                require_tokenizer(folder / name)
            if entry[1].endswith("Processor"):  # texts are what is read with it here, mostly
                processors[name] = TextProcessor(folder / name, entry[1])
                given[name] = processors[name] if is_processor(entry[1]) else None
            elif part != TEXT:
                given[name] = None
        else:
            given[name] = None
    return given, outlined, processors


def new_scheduler(part: PipelinePart, name: str = "", settings: Mapping[str, object] | None = None) -> Any:
    """A scheduler of its own for each call, which keeps the state of a run.

    Args:
        name: of the library's class, with or without `Scheduler` at its end; the checkpoint's own, if empty.
        settings: what differs from the checkpoint's configuration of its scheduler.

    Raises:
        InputError: there is no such scheduler, or it takes no such setting.
    """
    own = part.pipeline.scheduler
    kind = scheduler_of(name, own) if name else type(own)
    scheduler_settings(kind, settings)
    try:
        return kind.from_config(own.config, **(settings or {}))
    except (TypeError, ValueError, ImportError, RuntimeError) as error:  # NotImplementedError, too
        raise InputError(f"scheduler {kind.__name__}: {first_line(error)}") from None


def _reads_text(name: str, class_name: str) -> bool:
    """Whether a component turns texts into tokens."""
    processes = name.endswith("processor") and class_name.endswith("Processor")
    return "tokenizer" in name or (processes and "Image" not in class_name)


def _load(
    folder: Path,
    library: str,
    class_name: str,
    dtype: torch.dtype,
    device: torch.device,
) -> Any:
    """A component's module.

    Raises:
        CheckpointError: its config or weights are missing, damaged, or do not fit each other.
    """
    kind = _class_of(folder, library, class_name)
    read_json(folder / "config.json")
    if (file := gguf_for(folder)) is not None:
        return load_gguf(file, kind, folder, dtype, outline=device.type == "meta")
    weight_files(folder)
    if single_file_in(folder) is not None:
        return load_component(folder, kind, dtype, device)
    options: dict[str, Any] = {
        "local_files_only": True,
        "use_safetensors": True,
        "torch_dtype" if library == "diffusers" else "dtype": dtype,
        **_variant(folder),
    }
    try:
        if library == "transformers":
            loaded = from_pretrained(kind, folder, device, **options)
        elif is_bitsandbytes(folder):
            return load_bitsandbytes(folder, kind, dtype, outline=device.type == "meta")
        else:
            loaded = kind.from_pretrained(folder, output_loading_info=True, **outlined(device), **options)
        return whole(loaded, folder).eval().requires_grad_(False)
    except (DiptychError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever a library makes of a config that is not that of the weights
        raise CheckpointError(
            f"{folder}: cannot be loaded as {class_name} ({first_line(error)}): config.json and the weights do"
            " not fit each other: copy both again"
        ) from error


def _on_meta(folder: Path, library: str, class_name: str) -> Any:
    """A component without any weights."""
    from accelerate import init_empty_weights

    kind = _class_of(folder, library, class_name)
    config = read_json(folder / "config.json")
    with init_empty_weights():
        if library == "diffusers":
            return kind.from_config(config)
        return kind(kind.config_class.from_dict(config))


def _class_of(folder: Path, library: str, class_name: str) -> Any:
    import diffusers
    import transformers

    kind = None
    if library in _LIBRARIES:
        kind = getattr(diffusers if library == "diffusers" else transformers, class_name, None)
    if kind is None:
        raise CheckpointError(
            f"{folder.parent}/model_index.json: {folder.name} is of class {class_name} of {library}, which"
            f" neither diffusers {diffusers.__version__} nor transformers {transformers.__version__} has, and"
            " code that comes with a checkpoint is not run"
        )
    return kind


def _variant(folder: Path) -> Mapping[str, str]:
    """`fp16`, say, where the weights lie in no other files than `NAME.fp16.safetensors`."""
    names = [path.name.split(".") for path in weight_files(folder)]
    variants = {name[1].split("-")[0] for name in names if len(name) == 3}
    return {"variant": variants.pop()} if len(variants) == 1 and all(len(name) == 3 for name in names) else {}
