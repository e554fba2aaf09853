"""Studies: which runs answer the question of what downscaling costs, as a validated YAML file."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sightscale.harness.analysis import TRUTH, Placement, parse_size
from sightscale.tasks.errors import UserError
from sightscale.tasks.user_files import read_yaml

STUDY_FOLDER = Path(__file__).parent


class Purpose(StrEnum):
    """What a study runs a model for."""

    END_TO_END = "end-to-end"
    GRID = "grid"
    TRUTH = "truth"
    CAPTION = "caption"
    EXTRACT = "extract"
    EXTRACT_FROM_SCRATCH = "extract-from-scratch"
    THINKING = "thinking"


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

    @property
    def billions(self) -> float:
        """The size in billions of parameters."""
        return parse_size(self.size, "size")


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
    purpose: Purpose
    model: str
    placement: Placement
    blind: str = ""


def plan_runs(study: Study) -> list[PlannedRun]:
    """Every run of a study, each once: end to end, the grid, and what Figures 4 to 6 compare."""
    largest = study.scales[0]
    runs = [
        PlannedRun(
            f"end-to-end_{scale.size}",
            Purpose.END_TO_END,
            scale.instruct,
            Placement(size=scale.billions),
            study.blind,
        )
        for scale in study.scales
    ]
    runs += [_decoupled(study, Purpose.GRID, p, r, p.instruct) for p in study.scales for r in study.scales]
    if study.data == "mini":
        runs += [_decoupled(study, Purpose.TRUTH, None, r, TRUTH) for r in study.scales]
    for scale in study.scales:
        models = {
            Purpose.CAPTION: scale.caption,
            Purpose.EXTRACT: scale.extract,
            Purpose.EXTRACT_FROM_SCRATCH: scale.extract_from_scratch,
        }
        runs += [
            _decoupled(study, purpose, scale, largest, model) for purpose, model in models.items() if model is not None
        ]
    thinking = Purpose.THINKING
    runs += [_decoupled(study, thinking, largest, r, largest.instruct, mode="thinking") for r in study.scales]
    return runs


def list_studies() -> list[str]:
    """The names of the studies that come with the package."""
    return sorted(path.stem for path in STUDY_FOLDER.glob("*.yaml"))


def load_study(name: str) -> Study:
    """The study of that name, or in that YAML file. Raises UserError in one line when there is none or it is wrong."""
    path = STUDY_FOLDER / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        raise UserError(f"there is no study {name!r}; shipped: {', '.join(list_studies())}; or give a YAML file")
    try:
        return Study.model_validate(read_yaml(path, "study"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"study {path}: {where}: {first['msg']}") from error


def recipes_of(study: Study) -> Iterator[str]:
    """The recipes that make the study's models. Raises UserError for a scale without one."""
    for scale in study.scales:
        if scale.recipe is None:
            raise UserError(f"study {study.name!r} names no recipe for {scale.size}, so it can't train it")
        yield scale.recipe


def _decoupled(
    study: Study, purpose: Purpose, perception: Scale | None, reasoning: Scale, model: str, mode: str = "direct"
) -> PlannedRun:
    size = perception.size if perception else TRUTH
    arguments = {**study.decoupled, "mode": mode} if mode != "direct" else study.decoupled
    options = "".join(f",{key}={value}" for key, value in arguments.items())
    return PlannedRun(
        f"{purpose}_{size}_{reasoning.size}",
        purpose,
        f"decoupled:perception={model},reasoning={reasoning.reasoning}{options}",
        Placement(perception=perception.billions if perception else None, reasoning=reasoning.billions),
    )
