"""Reads a part of a diffusers pipeline's folder: its weights, and outlines of the other parts.

Weights are made on the meta device and filled from the safetensors files, so that the host holds one copy.
"""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError, DiptychError, InputError
from ...messages import did_you_mean, first_line, nearest, shown
from ...stage import Lora
from ..checkpoint.folder import outlined, read_json, weight_files, whole
from ..checkpoint.tokenizer import load_tokenizer, require_tokenizer
from ..quantised.gguf_component import load_gguf
from ..quantised.methods import refuse_merging
from ..quantised.pretrained import from_pretrained
from .lora.layout import Layout
from .lora.merging import fit_to, merge_loras
from .pipeline import Outline, PipelinePart
from .pipeline_parts import COMPONENTS, TEXT, VAE, components_of, read_index
from .single_files.assembly import gguf_for, single_file_in
from .single_files.loading import load_component
from .texts.embeddings import add_embeddings, word_of

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
    kind = _pipeline_class(folder)
    wanted = components_of(folder, part)
    modules = {name: _load(folder / name, *wanted[name], dtype, device).to(device) for name in wanted}
    _refuse_merging(folder, modules, loras)
    given: dict[str, object] = dict(modules)
    outlined: list[str] = []
    tokenizers: dict[str, object] = {}
    with_loras = bool(loras or on_request or lora_folder) and part != VAE
    for name, entry in read_index(folder).items():  # what is not given is loaded by the library
        if name in modules or not isinstance(entry, list) or name == "scheduler":
            continue
        outline = entry[0] and (entry[0] == "diffusers" or with_loras)  # LoRA weights ask for all components
        if name in COMPONENTS and outline:
            given[name] = _on_meta(folder / name, entry[0], entry[1])
            outlined.append(name)
        elif not (name.startswith("tokenizer") and part == TEXT):
            given[name] = None
        elif entry[1] and entry[1].endswith("Processor"):  # texts are all that is read with it here
            given[name], tokenizers[name] = None, load_tokenizer(folder / name)
        elif entry[0]:
            require_tokenizer(folder / name)
    if "requires_safety_checker" in kind.__init__.__code__.co_varnames:
        given["requires_safety_checker"] = False  # pictures are not filtered; it warns otherwise
    pipeline = kind.from_pretrained(folder, local_files_only=True, **given)
    pipeline.set_progress_bar_config(disable=True)
    layout = Layout.of(pipeline) if with_loras else None
    if lora_folder and not Path(lora_folder).is_dir():
        raise CheckpointError(f"lora_folder {lora_folder}: no such folder: name one with LoRA weights, or none")
    if layout is not None:
        merge_loras(layout, modules, loras)
        for lora in on_request:
            fit_to(layout, lora)
    if embeddings and part == TEXT:
        add_embeddings(pipeline, modules, embeddings)
    for name in outlined:
        vars(pipeline)[name] = None if COMPONENTS[name] == TEXT else Outline(given[name], dtype)
    vars(pipeline).update(tokenizers)
    return PipelinePart(pipeline=pipeline, layout=layout, words=tuple(map(word_of, embeddings)), **modules)


def _refuse_merging(folder: Path, modules: Mapping[str, Any], loras: Sequence[Lora]) -> None:
    """Raise `CheckpointError` where LoRA weights are to be merged into quantised ones."""
    if loras:
        small = [name for name in modules if gguf_for(folder / name) is not None]
        refuse_merging(modules, loras[0][0], elsewhere=small)


def new_scheduler(part: PipelinePart, name: str = "", settings: Mapping[str, object] | None = None) -> Any:
    """A scheduler of its own for each call, which keeps the state of a run.

    Args:
        name: of the library's class, with or without `Scheduler` at its end; the checkpoint's own, if empty.
        settings: what differs from the checkpoint's configuration of its scheduler.

    Raises:
        InputError: there is no such scheduler, or it takes no such setting.
    """
    own = part.pipeline.scheduler
    kind = _scheduler_class(name, own) if name else type(own)
    known = list(inspect.signature(kind.__init__).parameters)[1:]
    for each in settings or ():
        if each not in known:
            raise InputError(f"scheduler_config: {kind.__name__} has no {each!r}{did_you_mean(each, known)}")
    try:
        return kind.from_config(own.config, **(settings or {}))
    except (TypeError, ValueError, ImportError) as error:
        raise InputError(f"scheduler {kind.__name__}: {first_line(error)}") from None


def _scheduler_class(name: str, own: Any) -> Any:
    """The class of this name, if the checkpoint's own scheduler can give way to it.

    Raises:
        InputError: it cannot, or there is none.
    """
    import diffusers

    names = {each.lower(): each for each in dir(diffusers) if each.endswith("Scheduler")}
    found = names.get(name.lower()) or names.get(f"{name.lower()}scheduler")
    if found is None:
        near = nearest(name, names.values())
        hint = f": did you mean {near}?" if near else ""
        raise InputError(f"scheduler {shown(name)} is not one of diffusers{hint}")
    fitting = sorted({each.__name__ for each in own.compatibles} | {type(own).__name__})
    if len(fitting) > 1 and found not in fitting:
        raise InputError(f"scheduler {found} does not fit this checkpoint: choose one of {', '.join(fitting)}")
    return getattr(diffusers, found)


def _pipeline_class(folder: Path) -> Any:
    import diffusers

    name = read_index(folder)["_class_name"]
    kind = getattr(diffusers, name, None)
    if kind is None or not hasattr(kind, "encode_prompt"):
        known = [each for each in dir(diffusers) if each.endswith("Pipeline")]
        raise CheckpointError(
            f"{folder}/model_index.json: {name!r} is no text-to-image pipeline of diffusers"
            f" {diffusers.__version__}{did_you_mean(name, known)}"
        )
    return kind


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
