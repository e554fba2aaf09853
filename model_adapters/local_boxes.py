"""How a local model writes boxes, told by the files beside its weights: its type, and how pictures are resized."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import OPENAI, VLLM, find_folder, split_adapter
from sightscale.tasks.box_conventions import box_convention_of, convention_for
from sightscale.tasks.boxes import AUTO
from sightscale.tasks.errors import UserError

PROCESSORS = ("preprocessor_config.json", "processor_config.json")


def name_convention(model: str, revision: str | None = None) -> str:
    """The name of the convention that a model string's weights speak; `auto` for served and unknown models."""
    files = _read_files(model, revision)
    return box_convention_of(files.model_type) if files else AUTO


def tell_convention(model: str, revision: str | None = None) -> Callable[[tuple[int, int]], str]:
    """For a picture of a size (width, height) the convention of its boxes, with the size that the model saw."""
    files = _read_files(model, revision)
    if files is None:
        return lambda size: AUTO
    return lambda size: convention_for(files.model_type, size, files.processor)


@cache
def _read_files(model: str, revision: str | None) -> SimpleNamespace | None:
    """The model's type and its image processor's attributes; None where there is no configuration here."""
    if model.startswith(OPENAI):
        return None
    try:
        base, _ = split_adapter(find_checkpoint(model.removeprefix(VLLM)))
        folder = find_folder(base, revision)
    except (UserError, ValueError, OSError):  # no such model, which opening it says better
        return None
    config = _read(folder / "config.json") if folder else None
    if folder is None or not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        return None
    settings = next((read for name in PROCESSORS if isinstance(read := _read(folder / name), dict)), {})
    attributes = settings.get("image_processor") if isinstance(settings.get("image_processor"), dict) else settings
    return SimpleNamespace(model_type=config["model_type"], processor=SimpleNamespace(**(attributes or {})))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
