"""The study's systems by name: each row of its table as a model string, with what it takes to run it."""

import os
from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Role

MODELS_VARIABLE, MODELS_FOLDER = "SIGHTSCALE_MODELS", "models"
__all__ = ["System", "find_system", "list_systems", "models_folder"]

TASKS = "in_domain,mmstar_categories"  # the table's two benchmarks
UNKNOWN = "unknown"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(_Strict):
    """A row of the published table: its name there, and sizes in billions of parameters."""

    system: str
    perception: float | None = None
    reasoning: float


class Part(_Strict):
    """One of a system's models: a hub id that runs as it is, or a folder that has to be made first."""

    role: Role
    weights: str | None = None  # hub id; none where they were never released
    licence: str = UNKNOWN
    folder: str | None = None  # under the folder of models
    converted: bool = False  # made by `sightscale convert`
    recipe: str | None = None  # made by `sightscale train`, which writes the folder's last part
    get: tuple[str, ...] = ()  # what else is to be done, a step each

    @model_validator(mode="after")
    def _can_be_had(self) -> "Part":
        if not self.weights and not self.recipe:
            raise ValueError(f"the {self.role} part has neither weights nor a recipe")
        if self.folder and not (self.converted or self.recipe or self.get):
            raise ValueError(f"nothing tells how to make {self.folder}")
        return self

    @property
    def steps(self) -> tuple[str, ...]:
        """How to get it, a command or a sentence each; empty for a hub id that runs as it is."""
        root = models_folder()
        if self.recipe:
            return (f"sightscale train {self.recipe} --output {root}/{self.recipe}",)
        if self.converted:
            source = f"{root}/original/{(self.weights or '').rsplit('/', 1)[-1]}"
            return (
                f"hf download {self.weights} --local-dir {source}",
                f"sightscale convert {source} {root}/{self.folder}",
            )
        return tuple(step.replace("{models}", root) for step in self.get)


class System(_Strict):
    """A row of the table that can be run."""

    name: str = Field(pattern=r"[a-z0-9_.]+")
    row: Row
    model: str
    parts: tuple[Part, ...] = Field(min_length=1)
    boxes: str = "auto"
    chat: str
    notes: tuple[str, ...] = ()

    @property
    def model_string(self) -> str:
        """What `--model NAME` stands for."""
        return self.model.replace("{models}", models_folder())

    @property
    def command(self) -> str:
        """The command that would make its row again."""
        return f"sightscale run --model {self.model_string} --tasks {TASKS} --output runs/{self.name}"

    @property
    def not_public(self) -> tuple[str, ...]:
        """What was never released, and how to have it all the same."""
        return tuple(
            f"{part.role}: weights not released: train with recipe {part.recipe}" for part in self.parts if part.recipe
        )


def models_folder() -> str:
    """The folder of models that were fetched, converted or trained: `models`, or what SIGHTSCALE_MODELS says."""
    return os.environ.get(MODELS_VARIABLE, "").rstrip("/") or MODELS_FOLDER


@cache
def list_systems() -> dict[str, System]:
    """Every system by its name, in the table's order."""
    read = yaml.safe_load(files(__package__).joinpath("systems.yaml").read_text(encoding="utf-8"))
    return {entry["name"]: System.model_validate(entry) for entry in read["systems"]}


def find_system(name: str) -> System:
    """The system of that name. Raises UserError in one line when there is none."""
    systems = list_systems()
    if name not in systems:
        raise UserError(f"there is no system {name!r}; `sightscale models` lists them")
    return systems[name]
