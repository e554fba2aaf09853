"""What every conversion does: it makes one new folder, whole or not at all, with a record of what was read."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from sightscale.model_adapters.convert.tensors import hash_files
from sightscale.tasks.errors import UserError

RECORD = "conversion.json"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Conversion:
    """What was converted: how many tensors were read and written, and of which type the numbers are."""

    model_type: str
    tensors_read: int
    tensors_written: int
    left_behind: int  # of those read: what the new model doesn't use, or computes itself
    vision_tower: str  # where its weights came from: `checkpoint` or `folder`
    dtype: str


def check_target(target: Path, dtype: str | None) -> None:
    """Raise UserError for a target that is there already, and for a type of numbers that is none."""
    if os.path.lexists(target):
        raise UserError(f"{target} exists already; name a new folder, or move it away")
    if dtype is not None and dtype not in DTYPES:
        raise UserError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `target` when all went well, and is gone when not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    try:
        yield partial
        partial.chmod(0o755)  # a temporary folder is open to its owner alone
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_record(done: Conversion, source: Path, files: Iterable[Path], folder: Path) -> None:
    """What was converted from what, in the record beside the weights; `files` held the weights."""
    record = {
        "source": source.resolve().name,
        **asdict(done),
        "sha256": hash_files({*files, source / "config.json"}),
        "versions": {name: version(name) for name in ("sightscale", "transformers")},
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
