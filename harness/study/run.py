"""Study runs: what a study still lacks is run, into one folder and through one store.

With one store a perception module describes each picture once for a whole row of the grid.
"""

import logging
from dataclasses import replace
from pathlib import Path

from sightscale.harness.analysis import Run, read_run
from sightscale.harness.evaluation import Plan, evaluate
from sightscale.harness.study.plan import PlannedRun, Study, plan_runs
from sightscale.harness.sweep import State, Unit, is_finished, run_units
from sightscale.model_adapters.blindfold import parse_conditions
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.model_strings import Spread, parse_model
from sightscale.tasks.errors import UserError

logger = logging.getLogger(__name__)

RUNS, STORE = "runs", "generations.sqlite"
MADE = ("instruct", "reasoning", "caption", "extract", "extract_from_scratch")  # fields of a scale: its models


def run_study(study: Study, output: Path, processes: int = 1, spread: Spread | None = None) -> dict[PlannedRun, Run]:
    """Every run of the study, those that are finished in `output` read and the others made, where `spread` says.

    With several `processes` the runs are a sweep's units, side by side; two runs of a row of the grid may then describe
    the same picture at the same time. Raises UserError in one line for a model or a task that can't be had; what was
    finished before stays.
    """
    planned = plan_runs(study)
    units = [replace(unit, plan=replace(unit.plan, spread=spread)) for unit in _units(study, output)]
    if processes > 1:
        endings = zip(units, run_units(units, output, processes), strict=True)
        unfinished = [(unit, ending) for unit, ending in endings if ending.state is not State.FINISHED]
        if unfinished:
            unit, ending = unfinished[0]
            raise UserError(f"{len(unfinished)} of {len(units)} runs are not finished; {unit.name}: {ending.reason}")
    runs: dict[PlannedRun, Run] = {}
    for unit, planned_run in zip(units, planned, strict=True):
        if is_finished(unit.plan):
            logger.info(f"run {unit.number + 1} of {len(planned)}: {planned_run.name} was finished before")
        else:
            logger.info(f"run {unit.number + 1} of {len(planned)}: {planned_run.name}")
            evaluate(unit.plan)
        records = read_run(str(unit.plan.output)).records
        runs[planned_run] = Run(planned_run.name, records, planned_run.placement)
    return runs


def list_missing(study: Study, output: Path) -> list[Plan]:
    """The plans of the study's runs that aren't finished in `output`, in their order."""
    return [unit.plan for unit in _units(study, output) if not is_finished(unit.plan)]


def _units(study: Study, output: Path) -> list[Unit]:
    return [Unit(number, run.name, _plan(study, run, output)) for number, run in enumerate(plan_runs(study))]


def locate_models(study: Study, folder: Path) -> Study:
    """The study with checkpoints that lie in `folder` (one folder for each recipe) in place of shipped ones."""
    trained = {path.parent.name: str(path.parent) for path in folder.glob("*/*/config.json")}
    scales = [
        scale.model_copy(update={role: trained.get(getattr(scale, role), getattr(scale, role)) for role in MADE})
        for scale in study.scales
    ]
    return study.model_copy(update={"scales": tuple(scales)})


def check_models(study: Study) -> None:
    """Raise ValueError for a model that a recipe makes and that is neither shipped nor trained."""
    for scale in study.scales:
        for role in MADE:
            name = getattr(scale, role)
            if scale.recipe and name and find_checkpoint(name) == name and not Path(name).is_dir():
                reason = f"isn't shipped: recipe {scale.recipe} makes it; add --train"
                raise UserError(f"study {study.name!r} needs {name}, which {reason}")


def _plan(study: Study, planned: PlannedRun, output: Path) -> Plan:
    return Plan(
        parse_model(planned.model),
        planned.model,
        study.tasks,
        tuple(parse_conditions(planned.blind)),
        output / RUNS / planned.name,
        limit=study.questions,
        seed=study.seed,
        store=output / STORE,
        data=study.data,
    )
