"""Weights: which ones a local checkpoint holds."""

import hashlib
import json
import math
from pathlib import Path

HASHED_FILES = ("*.json", "*.safetensors", "*.gguf", "*.jinja", "*.model", "merges.txt", "vocab.txt")


def hash_weights(folder: Path, gguf_file: str | None) -> str | None:
    """SHA-256 over names and contents of a local checkpoint's files; None for a hub id."""
    if not folder.is_dir():
        return None
    names = [folder / gguf_file] if gguf_file else sorted({p for pattern in HASHED_FILES for p in folder.glob(pattern)})
    digest = hashlib.sha256()
    for path in names:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def count_parameters(folder: Path) -> int | None:
    """How many numbers a folder's safetensors files hold; None if there are none."""
    files = sorted(folder.glob("*.safetensors"))
    return sum(_count_numbers(path) for path in files) if files else None


def _count_numbers(path: Path) -> int:
    """Read from the header alone: a length of eight bytes, then JSON with each tensor's shape."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
