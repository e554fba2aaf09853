"""Recipes: what a checkpoint is made of and how it is trained, as a validated YAML file."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

RECIPE_FOLDER = Path(__file__).parent / "recipes"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Vision(_Strict):
    """A SigLIP tower."""

    image_size: int = Field(gt=0)
    patch_size: int = Field(gt=0)
    hidden_size: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)

    @model_validator(mode="after")
    def _check(self) -> "Vision":
        if self.image_size % self.patch_size:
            raise ValueError("image_size must be a multiple of patch_size")
        return self


class Language(_Strict):
    """A Qwen3 language model; `vocabulary` is the size of the byte-level BPE trained for it."""

    vocabulary: int = Field(ge=300)
    hidden_size: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    key_value_heads: int = Field(gt=0)
    head_size: int = Field(gt=0)
    context: int = Field(default=1024, gt=0)


class Schedule(_Strict):
    """How long and how fast a stage learns: a cosine schedule after a warm-up."""

    name: str
    steps: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    warmup: float = Field(default=0.03, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)


class Stage(Schedule):
    """One stage of training on conversations: which parts learn, from which mixture."""

    train: tuple[Literal["vision", "connector", "language"], ...] = ("vision", "connector", "language")
    mixture: dict[Literal["open", "choice", "describe"], float]  # weights of the kinds of turns
    turns: int = Field(gt=0, description="turns of one conversation about a picture")


class Recipe(_Strict):
    """A whole checkpoint."""

    name: str
    summary: str
    data: Literal["easy_vqa"]
    seed: int = 0
    vision: Vision
    language: Language
    augment: bool = True  # flip, transpose and shift training pictures; nothing asked depends on it
    tower: Schedule | None = None  # the vision tower alone, on the pictures' known attributes, before all else
    stages: tuple[Stage, ...] = Field(min_length=1)


def list_recipes() -> list[str]:
    """The names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPE_FOLDER.glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """The recipe of that name, or in that YAML file.

    Raises ValueError in one line when there is none, or when a field is wrong.
    """
    path = RECIPE_FOLDER / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        raise ValueError(f"there is no recipe {name!r}; shipped: {', '.join(list_recipes())}; or give a YAML file")
    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise ValueError(f"recipe {path} is not YAML: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ValueError(f"recipe {path}: {where}: {first['msg']}") from error
