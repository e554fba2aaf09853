"""Studies: which runs answer the question of what downscaling costs, as a validated YAML file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sightscale.harness.analysis import TRUTH

STUDY_FOLDER = Path(__file__).parent

Role = Literal["end-to-end", "grid", "truth", "caption", "extract", "extract-from-scratch", "thinking"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scale(_Strict):
    """One size of the language model, and the models made with it, each by what `--model` takes.

    `instruct` is the end-to-end model, which the grid uses as its perception module too, as the study does.
    """

    size: str = Field(pattern=r"^[0-9.]+[BM]$", description="of the language model, such as 0.6B")
    instruct: str
    reasoning: str
    caption: str | None = None
    extract: str | None = None
    extract_from_scratch: str | None = None
    recipe: str | None = None  # of `sightscale train`, which makes all of these


class Study(_Strict):
    """One controlled study: the same tasks for every scale, and only the language model changes."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    summary: str
    tasks: tuple[str, ...] = Field(min_length=1)
    data: Literal["hub", "mini"] = "hub"
    questions: int | None = Field(default=None, gt=0, description="of each task; all by default")
    blind: str = "none"
    seed: int = 0
    decoupled: dict[str, str] = Field(default_factory=dict, description="further arguments of every decoupled model")
    scales: tuple[Scale, ...] = Field(min_length=2, description="the largest first")

    @model_validator(mode="after")
    def _check_names(self) -> "Study":
        sizes = [scale.size for scale in self.scales]
        if len(set(sizes)) < len(sizes):
            raise ValueError("two scales have the same size")
        return self


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study: its folder's name, what it is for, what `--model` gets, and its place on the scale."""

    name: str
    role: Role
    model: str
    note: str  # as analyses take it behind `=`: SIZE, or PERCEPTION:REASONING
    blind: str = ""


def plan_runs(study: Study) -> list[PlannedRun]:
    """Every run of a study, each once: end to end, the grid, and what Figures 4 to 6 compare."""
    largest = study.scales[0]
    runs = [
        PlannedRun(f"end-to-end_{one.size}", "end-to-end", one.instruct, one.size, study.blind) for one in study.scales
    ]
    runs += [_decoupled(study, "grid", p, r, p.instruct) for p in study.scales for r in study.scales]
    if study.data == "mini":
        runs += [_decoupled(study, "truth", None, r, TRUTH) for r in study.scales]
    for one in study.scales:
        kinds: list[tuple[Role, str | None]] = [
            ("caption", one.caption),
            ("extract", one.extract),
            ("extract-from-scratch", one.extract_from_scratch),
        ]
        runs += [_decoupled(study, role, one, largest, model) for role, model in kinds if model]
    runs += [_decoupled(study, "thinking", largest, r, largest.instruct, mode="thinking") for r in study.scales]
    return runs


def list_studies() -> list[str]:
    """The names of the studies that come with the package."""
    return sorted(path.stem for path in STUDY_FOLDER.glob("*.yaml"))


def load_study(name: str) -> Study:
    """The study of that name, or in that YAML file. Raises ValueError in one line when there is none or it is wrong."""
    path = STUDY_FOLDER / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        raise ValueError(f"there is no study {name!r}; shipped: {', '.join(list_studies())}; or give a YAML file")
    try:
        return Study.model_validate(yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise ValueError(f"study {path} is not YAML: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ValueError(f"study {path}: {where}: {first['msg']}") from error


def recipes_of(study: Study) -> Iterator[str]:
    """The recipes that make the study's models. Raises ValueError for a scale without one."""
    for scale in study.scales:
        if scale.recipe is None:
            raise ValueError(f"study {study.name!r} names no recipe for {scale.size}, so it can't train it")
        yield scale.recipe


def _decoupled(
    study: Study, role: Role, perception: Scale | None, reasoning: Scale, model: str, mode: str = "direct"
) -> PlannedRun:
    size = perception.size if perception else TRUTH
    given = {**study.decoupled, "mode": mode} if mode != "direct" else study.decoupled
    options = "".join(f",{key}={value}" for key, value in given.items())
    return PlannedRun(
        f"{role}_{size}_{reasoning.size}",
        role,
        f"decoupled:perception={model},reasoning={reasoning.reasoning}{options}",
        f"{size}:{reasoning.size}",
    )
