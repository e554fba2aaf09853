"""LoRA: small weights beside a base model's, which change how it answers; opened by peft, where that is installed."""

import json
import logging
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from sightscale.model_adapters.engines.loading import load_model, loading, name_tensors, pick_loader, read_config
from sightscale.model_adapters.engines.protocol import explain
from sightscale.model_adapters.engines.weights import HASHED_FILES, hash_weights, locate
from sightscale.tasks.errors import UserError

logger = logging.getLogger(__name__)

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
OWN = ("lora_", "modules_to_save", "ia3_")  # in the names of tensors that an adapter brings
# Types whose makers publish a base and, in a folder beside its weights, the adapter that they ask about pictures with.
BESIDE = {"phi4_multimodal": "vision-lora"}


def split_adapter(model: str, adapter: str | None = None) -> tuple[str, str | None]:
    """The base model and the adapter's folder or hub id; a folder that holds an adapter alone names its base itself.

    Without `adapter` it is the one that the model's makers put into its folder. Raises UserError in one line for a
    folder with an adapter alone that names no base, or where there are two adapters.
    """
    file = Path(model).expanduser() / CONFIG
    if not file.is_file() or (file.parent / "config.json").is_file():
        return model, adapter or find_beside(file.parent)
    if adapter:
        raise UserError(
            f"model {model!r} is an adapter itself, so adapter={adapter} can't be added: name the base model"
        )
    try:
        base = json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        base = None
    if not isinstance(base, str) or not base:
        raise UserError(f"model {model!r} is an adapter whose {CONFIG} names no base: write BASE,adapter={model}")
    beside = file.parent / base
    return (str(beside) if beside.is_dir() else base), model


def find_beside(folder: Path) -> str | None:
    """The adapter in a checkpoint's folder that its makers ask it about pictures with; None where there is none."""
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    beside = folder / BESIDE[kind] if isinstance(kind, str) and kind in BESIDE else None
    return str(beside) if beside and (beside / CONFIG).is_file() else None


def check_beside(location: str, model_type: str, adapter: str | None, *, name: str) -> None:
    """Say which adapter beside the weights is used.

    Raises UserError for a hub id of a type that has one, of which only the files of the base are fetched.
    """
    if model_type not in BESIDE:
        return
    beside = BESIDE[model_type]
    if adapter is None and not Path(location).is_dir():
        raise UserError(
            f"model {name!r}: its makers ask it about pictures with the adapter in its folder {beside}, which is used "
            f"from a folder alone: `hf download {name} --local-dir FOLDER`, then name FOLDER"
        )
    if adapter is None:
        logger.warning(f"model {name}: there is no {beside} in its folder, so its weights are asked as they are")
    elif adapter == find_beside(Path(location)):
        logger.warning(f"model {name}: the adapter in its folder {beside} is on, with pictures and without")


def mark_adapter(adapter: str | None) -> str:
    """For an engine's identity: what the adapter's weights are; nothing without one.

    Raises UserError in one line where there is no such adapter.
    """
    if adapter is None:
        return ""
    location, _ = locate(adapter)
    folder = Path(location)
    if folder.is_dir() and not (folder / CONFIG).is_file():
        raise UserError(f"adapter={adapter} holds no {CONFIG}, so it is not a LoRA folder")
    return f"|adapter={hash_weights(folder, None) or adapter}"


def attach_adapter(model: Any, adapter: str, *, name: str) -> Any:
    """`model` with the adapter's weights in it; they aren't merged, so that they count as they were trained.

    Raises UserError in one line when peft is missing, or when some of the weights find no place or aren't there.
    """
    return _attach(model, adapter, name=name).base_model.model


def merge_adapter(location: str, adapter: str, folder: Path, *, name: str, **options: Any) -> None:
    """Write the model at `location` into `folder` with the adapter's weights added to its own, once, in float32.

    For an engine that loads models itself. The folder has all else that the model's own has. `options` are those of
    `load_model`. Raises UserError as `attach_adapter` and `load_model` do, and where the model's weights are quantised.
    """
    options = {key: value for key, value in options.items() if value is not None}
    revision = options.get("revision")
    with loading(name):
        config = read_config(location, **{"revision": revision} if revision else {})
        if getattr(config, "quantization_config", None):
            raise UserError(
                f"model {name!r}: its weights are quantised, so adapter={adapter} can't be added to them for vLLM; "
                "leave vllm: out, or name the base without quantisation"
            )
        stated = getattr(config, "dtype", None) or torch.float32
        model = load_model(pick_loader(config), location, name=name, dtype=torch.float32, **options)
    merged = _attach(model, adapter, name=name).merge_and_unload().to(stated)
    merged.save_pretrained(folder)
    source = Path(location)
    if not source.is_dir():
        from huggingface_hub import snapshot_download

        source = Path(snapshot_download(location, revision=revision, allow_patterns=list(HASHED_FILES)))
    for file in sorted({file for pattern in HASHED_FILES for file in source.glob(pattern)}):
        if ".safetensors" not in file.name and not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)


def _attach(model: Any, adapter: str, *, name: str) -> Any:
    if find_spec("peft") is None:
        raise UserError(f"model {name!r}: adapter={adapter} needs peft, which isn't installed: pip install peft")
    from peft import PeftConfig, PeftModel

    try:
        location = str(_find_folder(adapter))
        attached = PeftModel(model, PeftConfig.from_pretrained(location))
        loaded = attached.load_adapter(location, "default")
    except UserError:
        raise
    except Exception as error:  # other people's code and files
        raise UserError(f"cannot load adapter={adapter} onto model {name!r}: {explain(error)}") from error
    missing = [key for key in loaded.missing_keys if any(mark in key for mark in OWN)]
    faults = {"it lacks": missing, "the model has no place for": loaded.unexpected_keys}
    reasons = "; ".join(f"{fault} {name_tensors(keys)}" for fault, keys in faults.items() if keys)
    if reasons:
        raise UserError(f"cannot load adapter={adapter} onto model {name!r}: {reasons}; check that this is its base")
    return attached


def _find_folder(adapter: str) -> Path:
    """The folder with an adapter's files, fetched where it is a hub id.

    peft would open a pickle where there are no safetensors, so there must be. Raises UserError in one line for a folder
    without, and OSError for a hub id without.
    """
    location, _ = locate(adapter)
    folder = Path(location)
    if not folder.is_dir():
        from huggingface_hub import hf_hub_download

        hf_hub_download(location, CONFIG)
        return Path(hf_hub_download(location, WEIGHTS)).parent
    if not (folder / WEIGHTS).is_file():
        raise UserError(
            f"cannot load adapter={adapter}: it has no {WEIGHTS} and only safetensors are read; "
            "save it with save_pretrained"
        )
    return folder
