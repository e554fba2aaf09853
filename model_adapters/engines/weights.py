"""Weights: where a model's name points to, and which weights lie there."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from sightscale.tasks.errors import UserError

HASHED_FILES = (
    *("*.json", "*.safetensors", "*.gguf", "*.jinja", "*.model", "*.tiktoken", "merges.txt", "vocab.txt"),
    "*.py",  # a model's own code, which runs where the user trusts it
)
_DIGITS = 16  # hexadecimal digits of a hash over files
_NAMED = re.compile(rf"[^\s|;()@]+@(?=[0-9a-f]{{{_DIGITS}}}\|)")  # a folder's name before the hash of its files
PROJECTOR = "mmproj"  # in the name of a GGUF file with what turns pictures into a language model's input
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def locate(model: str) -> tuple[str, str | None]:
    """The folder or hub id behind a name, and the file in that folder if the name is a GGUF file.

    Raises UserError in one line when it can be neither, and for a folder whose weights are pickled only:
    no hash tells such weights apart, and opening a pickle can run any program.
    """
    path = Path(model).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise UserError(f"cannot load model {model!r}: there is no such file")
        refuse_projector(path)
        return str(path.parent), path.name
    if path.is_dir():
        pickled = sorted(file.name for file in path.iterdir() if file.suffix in PICKLED)
        if pickled and not any(path.glob("*.safetensors")):
            raise UserError(
                f"cannot load model {model!r}: its weights are pickled ({pickled[0]}) and only safetensors are read; "
                "save it with save_pretrained"
            )
        return str(path), None
    if model.startswith((".", "/", "~")) or model.count("/") != 1:
        raise UserError(
            f"cannot load model {model!r}: it is neither a shipped checkpoint (`sightscale models` lists them), "
            "nor a folder, nor a hub id like owner/name"
        )
    return model, None


def refuse_projector(file: Path) -> None:
    """Raise UserError where a GGUF file has a projector beside it, or is one: its model sees, but not when opened here.

    transformers reads the language model of a GGUF file alone.
    """
    beside = sorted(other.name for other in file.parent.glob("*.gguf") if PROJECTOR in other.name.lower())
    if not beside:
        return
    model = "MODEL.gguf" if file.name in beside else file.name
    projector = file.name if file.name in beside else beside[0]
    raise UserError(
        f"cannot load model {str(file)!r}: it sees through {projector}, which only llama.cpp's server opens: "
        f"`llama-server --model {model} --mmproj {projector} --port 8080`, then openai:NAME@http://127.0.0.1:8080/v1; "
        "to have it read text alone, put it into a folder without the projector"
    )


def refuse_revision(model: str, location: str, revision: str | None) -> None:
    """Raise UserError where a revision is asked of files on this machine, which have none."""
    if revision and Path(location).is_dir():
        raise UserError(f"model {model!r} is a folder, so it has no revision={revision}; only a hub id has one")


def find_folder(location: str, revision: str | None = None) -> Path | None:
    """The folder with a model's files: itself, or where the hub's client keeps it; None before it was fetched."""
    if Path(location).is_dir():
        return Path(location)
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(location, "config.json", revision=revision)
    return Path(config).parent if isinstance(config, str) else None


def hash_weights(folder: Path, gguf_file: str | None) -> str | None:
    """SHA-256 over names and contents of a local checkpoint's files, 16 digits of it; None for a hub id.

    What the folder, or a single GGUF file, is called and where it lies changes nothing.
    """
    if not folder.is_dir():
        return None
    names = [folder / gguf_file] if gguf_file else sorted({p for pattern in HASHED_FILES for p in folder.glob(pattern)})
    hashes = {}
    for path in names:
        with path.open("rb") as file:
            hashes[path.name] = hashlib.file_digest(file, "sha256").digest()
    return combine_hashes(hashes, gguf_file)


def combine_hashes(hashes: Mapping[str, bytes], gguf_file: str | None) -> str:
    """The hash of a checkpoint whose files have these SHA-256, by name; files that decide no answer are passed over."""
    if gguf_file:
        return hashlib.sha256(hashes[gguf_file]).hexdigest()[:_DIGITS]
    digest = hashlib.sha256()
    for name in sorted(name for name in hashes if any(fnmatchcase(name, pattern) for pattern in HASHED_FILES)):
        digest.update(name.encode() + hashes[name])
    return digest.hexdigest()[:_DIGITS]


def name_model(model: str, weights: str | None) -> str:
    """A model's name and what its weights are, `NAME@HASH`; of files on this machine the name without its folders."""
    name = re.sub(r"[\s|;()@]", "_", Path(model).expanduser().absolute().name) if is_local(model) else model
    return f"{name}@{weights}"


def without_names(identity: str) -> str:
    """An identity without the names of models on this machine: the same weights under another name are the same."""
    return _NAMED.sub("@", identity)


def is_local(model: str) -> bool:
    """Whether a name points to files on this machine."""
    return Path(model).expanduser().exists()


def count_parameters(folder: Path) -> int | None:
    """How many numbers a folder's safetensors files hold; None if there are none."""
    files = sorted(folder.glob("*.safetensors"))
    return sum(_count_numbers(path) for path in files) if files else None


def _count_numbers(path: Path) -> int:
    """Read from the header alone: a length of eight bytes, then JSON with each tensor's shape."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
