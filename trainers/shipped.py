"""Which stages of a recipe ship trained: their released weights come with the package, made by the same part of it.

A released folder's `recipe.json` holds the part of the recipe that decides its weights. A recipe whose part is
another one trains the stage anew; one whose part is the same begins from what ships.

`python -m sightscale.trainers.shipped TRAINED/PART…` puts finished parts among the checkpoints that ship. A family's
models share their tower's file: each folder holds a link to the one beside the tower.
"""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from sightscale.model_adapters import checkpoints
from sightscale.tasks.errors import UserError
from sightscale.trainers.card import lineage
from sightscale.trainers.recipe import EasyVqa, Mini, Recipe, Stage, TowerStage
from sightscale.trainers.work_folders import holds_weights

RECORD = "recipe.json"
TOWER, REST = "vision_tower.safetensors", "language_model.safetensors"
PREFIX = "vision_tower.vision_model."  # of the tower's tensors in a VLM's file


def deciding_part(recipe: Recipe, release: str) -> str:
    """What of a recipe decides the weights released under a name, as JSON: how it is trained, not what it is called.

    A tower depends on no language model, and a language model after a text stage on no tower but for its size.
    Raises UserError for an unknown release.
    """
    stages = lineage(recipe, release)
    fields = recipe.model_dump(mode="json", exclude_defaults=True, include={"vision", "augment", "pictures"})
    fields["seed"] = recipe.seed
    if isinstance(stages[-1], Stage):
        fields["language"] = recipe.language.model_dump(mode="json", exclude_defaults=True)
        fields["vocabulary_from"] = packaged_sets(recipe)
    if stages[-1].kind in ("vision", "text"):
        stages = [stage for stage in stages if isinstance(stage, type(stages[-1]))]
    fields["stages"] = [
        {
            "number": recipe.numbers[stage.name],
            **stage.model_dump(mode="json", exclude_defaults=True, exclude={"release"}),
        }
        for stage in stages
    ]
    return json.dumps(fields, indent=1) + "\n"


def packaged_sets(recipe: Recipe) -> dict[str, list[str]]:
    """The sources that come with the package, and the sets of each, that the recipe's stages name."""
    packaged: dict[str, set[str]] = {}
    for stage in recipe.stages:
        for ingredient in stage.mixture if isinstance(stage, Stage) else ():
            if isinstance(ingredient, EasyVqa | Mini):
                packaged.setdefault(ingredient.source, set()).update(getattr(ingredient, "sets", ()))
    return {name: sorted(sets) for name, sets in packaged.items()}


def find_shipped(recipe: Recipe) -> dict[str, Path]:
    """The folders of the recipe's releases that ship, trained as this very recipe would train them."""
    shipped = {}
    for release in (stage.release for stage in recipe.stages if stage.release):
        folder = checkpoints.FOLDER / release
        record = folder / RECORD
        if record.is_file() and record.read_text() == deciding_part(recipe, release) and holds_weights(folder):
            shipped[release] = folder
    return shipped


def find_rest(recipe: Recipe, stage: TowerStage | Stage) -> str | None:
    """The stage whose model a shipped tower or language model is put into; None for a part that ships whole.

    A tower ships without a language model, and this without a tower.
    """
    if stage.kind not in ("vision", "text") or not stage.release:
        return None
    others = [other.name for other in lineage(recipe, stage.release) if not isinstance(other, type(stage))]
    return others[-1] if others else None


def choose_stages(recipe: Recipe, shipped: Mapping[str, Path]) -> list[TowerStage | Stage]:
    """The stages that are to be gone through, in order, where the shipped releases needn't be trained again.

    A stage is left out that nothing but shipped weights would come from.
    """
    before = {stage.name: earlier.name for earlier, stage in zip(recipe.stages, recipe.stages[1:], strict=False)}
    starts = {stage.name: getattr(stage, "after", None) or before.get(stage.name) for stage in recipe.stages}
    needed = {stage.name for stage in recipe.stages if stage.release or stage.name not in starts.values()}
    begun_from: set[str] = set()  # by stages that are trained
    for stage in reversed(recipe.stages):
        start = starts[stage.name]
        if stage.name not in needed or start is None:
            continue
        begins: str | None = start
        if stage.release in shipped:
            begins = find_rest(recipe, stage) if stage.name in begun_from else None
        if begins:
            needed.add(begins)
            begun_from.add(begins)
    return [stage for stage in recipe.stages if stage.name in needed]


def ship(part: Path, tower: str) -> Path:
    """Put a released part among the checkpoints that ship, in place of what has its name there; its folder.

    `tower` is the name of the tower that ships and that a VLM looks through. Raises UserError where the part's tower is
    another one, and where there is no such part.
    """
    if not holds_weights(part) or not (part / RECORD).is_file():
        raise UserError(f"{part} is no finished part of a recipe: it lacks weights or {RECORD}")
    weights = load_file(part / "model.safetensors")
    seen = {name: tensor for name, tensor in weights.items() if name.startswith(PREFIX)}
    target = checkpoints.FOLDER / part.name
    if seen:
        shared = checkpoints.FOLDER / tower / TOWER
        known = {PREFIX + name: tensor for name, tensor in _read_tower(shared.parent).items()}
        if known.keys() != seen.keys() or not all(torch.equal(tensor, seen[name]) for name, tensor in known.items()):
            raise UserError(f"{part} looks through another tower than {tower}, which ships; ship that one first")
        if not shared.is_file():
            save_file(seen, shared, metadata={"format": "pt"})
            shared.chmod(0o644)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(part, target)
    if seen:
        rest = {name: tensor for name, tensor in weights.items() if name not in seen}
        (target / "model.safetensors").unlink()
        save_file(rest, target / REST, metadata={"format": "pt"})
        (target / REST).chmod(0o644)  # a package's file is for everybody to read
        (target / TOWER).symlink_to(Path("..") / tower / TOWER)
        size = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
        files = {name: TOWER if name in seen else REST for name in sorted(weights)}
        index = {"metadata": {"total_size": size}, "weight_map": files}
        (target / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    return target


def _read_tower(folder: Path) -> dict[str, torch.Tensor]:
    if not (folder / "model.safetensors").is_file():
        raise UserError(f"no tower {folder.name} ships; ship it before what looks through it")
    return load_file(folder / "model.safetensors")


def main(arguments: Sequence[str] | None = None) -> None:
    """Ship the parts in the folders that are named."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m sightscale.trainers.shipped", description="Ship released parts.")
    parser.add_argument("parts", nargs="+", type=Path)
    parser.add_argument("--tower", default="nano_tower_further", help="the tower that they look through")
    chosen = parser.parse_args(arguments)
    try:
        for part in chosen.parts:
            print(ship(part, chosen.tower))
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
