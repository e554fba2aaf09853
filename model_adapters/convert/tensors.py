"""The tensors of a folder's safetensors files: what their headers state, and never a pickle."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from sightscale.model_adapters.convert.settings import read_json
from sightscale.model_adapters.engines import PICKLED
from sightscale.tasks.errors import UserError

INDEX = "model.safetensors.index.json"
SHOWN = 5  # names in an error


@dataclass(frozen=True)
class Tensor:
    """One tensor as its file's header states it; `dtype` in safetensors' words."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: str


def list_tensors(folder: Path) -> list[Tensor]:
    """Every tensor of a checkpoint, from the headers alone.

    Raises UserError in one line when the weights are pickled, a file is missing or damaged, or an index
    doesn't fit its files.
    """
    files, indexed = _find_files(folder)
    tensors: list[Tensor] = []
    for file in files:
        try:
            with safe_open(file, framework="pt") as opened:
                for name in opened.keys():  # noqa: SIM118, it is no dictionary
                    tensor = opened.get_slice(name)
                    tensors.append(Tensor(file, name, tuple(tensor.get_shape()), tensor.get_dtype()))
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(f"{file} is damaged: {str(error).splitlines()[0]}; fetch it again") from error
    twice = [name for name, count in Counter(tensor.name for tensor in tensors).items() if count > 1]
    if twice:
        raise UserError(f"{folder}: {tell(twice)} in more than one file")
    files_of = {tensor.name: tensor.file.name for tensor in tensors}
    lost = [name for name, file in indexed.items() if files_of.get(name) != file]
    if lost:
        raise UserError(f"{folder}: {INDEX} states {tell(lost)}, which its files don't hold; fetch them again")
    return tensors


def hash_files(files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of each file, by name."""
    hashes = {}
    for path in sorted(set(files)):
        with path.open("rb") as file:
            hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def tell(names: Sequence[str]) -> str:
    """How many tensors, and the first few names."""
    more = ", …" if len(names) > SHOWN else ""
    count = f"{len(names)} tensor{'s' if len(names) != 1 else ''}"
    return f"{count} ({', '.join(name[:100] for name in names[:SHOWN])}{more})"


def _find_files(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """The safetensors files of a folder, and what its index states: tensor name to file name."""
    if (folder / INDEX).is_file():
        stated = read_json(folder / INDEX).get("weight_map")
        if not isinstance(stated, dict) or not all(
            isinstance(file, str) and Path(file).name == file and file.endswith(".safetensors")
            for file in stated.values()
        ):
            raise UserError(f"{folder / INDEX} has no weight_map of file names")
        files = sorted({folder / file for file in stated.values()})
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise UserError(f"{folder} lacks {missing[0]}, which its index names; fetch it again")
        return files, stated
    files = sorted(folder.glob("*.safetensors"))
    if len(files) > 1:
        raise UserError(f"{folder} holds {len(files)} safetensors files and no {INDEX} to tell whether that is all")
    if not files:
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
        if pickled:
            raise UserError(
                f"{folder}: its weights are pickled ({pickled[0]}), and opening a pickle can run any program; have "
                "whoever made it save it with save_pretrained, which writes safetensors, or take the copy that the "
                "hub's own converter (huggingface.co/spaces/safetensors/convert) makes"
            )
        raise UserError(f"{folder} holds no safetensors file")
    return files, {}
