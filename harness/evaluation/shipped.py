"""Shipped checkpoints: facts about the checkpoints that come with sightscale, read without loading them."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LENGTH_BYTES = 8  # a safetensors file begins with the length of its header


@dataclass(frozen=True)
class ShippedCheckpoint:
    """A checkpoint's hash, as an identity names it after the @, and how many parameters it holds."""

    digest: str
    parameters: int


@lru_cache(maxsize=64)
def describe_shipped(name: str) -> ShippedCheckpoint | None:
    """The checkpoint with this short name; None if it doesn't come with sightscale."""
    from sightscale.model_adapters.checkpoints import FOLDER
    from sightscale.model_adapters.engines import hash_weights

    folder = FOLDER / name
    if Path(name).name != name or not (folder / "config.json").is_file():
        return None
    digest = hash_weights(folder, None)
    return ShippedCheckpoint(str(digest), sum(map(_count_parameters, folder.glob("*.safetensors"))))


@lru_cache(maxsize=1)
def list_shipped() -> dict[str, ShippedCheckpoint]:
    """Every checkpoint that comes with sightscale, by its short name. Reads their weights, once per process."""
    from sightscale.model_adapters.checkpoints import FOLDER

    names = sorted(path.parent.name for path in FOLDER.glob("*/config.json"))
    return {name: shipped for name in names if (shipped := describe_shipped(name))}


def name_weights(hashes: Mapping[str, str]) -> tuple[str, ...]:
    """The hashes by which an identity may name weights whose files have these SHA-256, hexadecimal, by name."""
    from sightscale.model_adapters.engines import combine_hashes

    digests = {name: bytes.fromhex(digest) for name, digest in hashes.items()}
    single = [name for name in digests if name.endswith(".gguf")]
    return combine_hashes(digests, None), *(combine_hashes(digests, name) for name in single)


def count_written(name: str, texts: Sequence[str]) -> list[int] | None:
    """Each text's number of tokens by a shipped checkpoint's tokenizer; None if it has none."""
    from tokenizers import Tokenizer

    from sightscale.model_adapters.checkpoints import FOLDER

    path = FOLDER / name / "tokenizer.json"
    if Path(name).name != name or not path.is_file():
        return None
    unlike = list(dict.fromkeys(texts))
    encoded = Tokenizer.from_file(str(path)).encode_batch(unlike, add_special_tokens=False)
    counts = {text: len(encoding.ids) for text, encoding in zip(unlike, encoded, strict=True)}
    return [counts[text] for text in texts]


def _count_parameters(path: Path) -> int:
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(LENGTH_BYTES), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
