"""Sweep files: which runs there are, as validated YAML.

A unit is one run: a model, tasks, and a seed, sighted and under every blind condition of the sweep, in its own folder.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sightscale.harness.evaluation import Plan, read_manifest
from sightscale.model_adapters.blindfold import parse_conditions
from sightscale.model_adapters.model_strings import Spread, parse_model
from sightscale.tasks.errors import UserError
from sightscale.tasks.likelihoods import parse_answers
from sightscale.tasks.user_files import read_yaml
from sightscale.tasks.vocabulary import MANIFEST_FILE

RUNS, STORE = "runs", "generations.sqlite"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Needs(_Strict):
    """What a unit needs of a machine; `memory` as Slurm writes it, such as 32G, and `partition` a name of Slurm's."""

    gpus: int = Field(default=0, ge=0)
    cpus: int = Field(default=1, ge=1)
    memory: str | None = Field(default=None, pattern=r"^[0-9]+[KMGT]$")
    hours: float | None = Field(default=None, gt=0)
    partition: str | None = Field(default=None, pattern=r"^[\w.,-]+$")


NOTHING = Needs()


class SweepModel(_Strict):
    """A model as `--model` takes it, with further arguments, a name for its folders, and needs of its own."""

    model: str
    arguments: dict[str, str | int | float | bool] = Field(default_factory=dict)
    name: str | None = Field(default=None, pattern=r"^[\w.+-]+$")
    batch_size: int | None = Field(default=None, ge=1)
    needs: Needs | None = None

    @property
    def text(self) -> str:
        """The whole model string."""
        return self.model + "".join(f",{name}={value}" for name, value in self.arguments.items())


class Sweep(_Strict):
    """Every model is asked every entry of `tasks` (names, with commas between) with every seed."""

    name: str = Field(pattern=r"^[\w.-]+$")
    models: tuple[SweepModel, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = Field(min_length=1)
    conditions: tuple[str, ...] = ()
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    data: Literal["hub", "mini"] = "hub"
    data_root: Path | None = None
    limit: int | None = Field(default=None, ge=1)
    options: str = ""
    answers: str = ""
    include_path: tuple[str, ...] = ()
    batch_size: int = Field(default=32, ge=1)
    store: Path | None = Field(default=None, description="shared by all units; in the output folder by default")
    needs: Needs = Needs()

    @field_validator("models", mode="before")
    @classmethod
    def _read_plain_names(cls, models: object) -> object:
        if not isinstance(models, list):
            return models
        return [{"model": model} if isinstance(model, str) else model for model in models]


@dataclass(frozen=True)
class Unit:
    """One run of a sweep: its number in the list, the name of its folder, and what it needs of a machine."""

    number: int
    name: str
    plan: Plan
    needs: Needs = NOTHING


def load_sweep(path: Path) -> Sweep:
    """The sweep in a YAML file. Raises UserError in one line when there is none or it is wrong."""
    try:
        return Sweep.model_validate(read_yaml(path, "sweep"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"sweep {path}: {where}: {first['msg']}") from error


def list_units(sweep: Sweep, output: Path, spread: Spread | None = None) -> list[Unit]:
    """Every unit, in the same order on every machine; `spread` says where their models are put.

    Raises UserError for what can't be run, and for two units of one name.
    """
    units: list[Unit] = []
    conditions = tuple(parse_conditions(",".join(sweep.conditions)))
    for model in sweep.models:
        spec = parse_model(model.text)
        for tasks in sweep.tasks:
            for seed in sweep.seeds:
                parts = [model.name or model.text, *([tasks] if len(sweep.tasks) > 1 else [])]
                parts += [f"seed{seed}"] if len(sweep.seeds) > 1 else []
                name = "_".join(_as_name(part) for part in parts)
                plan = Plan(
                    spec,
                    model.text,
                    tuple(task.strip() for task in tasks.split(",") if task.strip()),
                    conditions,
                    output / RUNS / name,
                    limit=sweep.limit,
                    seed=seed,
                    batch_size=model.batch_size or sweep.batch_size,
                    store=sweep.store or output / STORE,
                    task_folders=sweep.include_path,
                    data=sweep.data,
                    data_root=sweep.data_root,
                    options=sweep.options,
                    answers=parse_answers(sweep.answers),
                    spread=spread,
                )
                units.append(Unit(len(units), name, plan, model.needs or sweep.needs))
    names = [unit.name for unit in units]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise UserError(f"sweep {sweep.name!r}: two units are called {repeated}; give their models a `name` each")
    return units


def is_finished(plan: Plan) -> bool:
    """Whether the plan's folder holds its finished run; another run there is left for `evaluate` to refuse."""
    path = plan.output / MANIFEST_FILE
    if not path.is_file():
        return False
    manifest = read_manifest(path)
    wanted = {"model": plan.model_text, "limit": plan.limit, "seed": plan.seed, "data": plan.data}
    chosen = {"options": plan.options, "answers": plan.answers}  # null or not there where nothing was chosen
    return (
        manifest.get("status") == "finished"
        and all(manifest.get(name) == value for name, value in wanted.items())
        and all((manifest.get(name) or "") == value for name, value in chosen.items())
        and set(map(str, plan.conditions)) <= set(manifest.get("conditions", {}))
    )


def _as_name(text: str) -> str:
    """A part of a folder's name: the end of a path, and nothing that a file system or a shell minds."""
    short = re.sub(r"[^,=@:]*/", "", text.rstrip("/"))
    return re.sub(r"[^\w.+-]+", "-", short).strip("-.")[:80] or "unit"
