"""Study runs: what a study still lacks is run, into one folder and through one store.

With one store a perception module describes each picture once for a whole row of the grid.
"""

import logging
from pathlib import Path

from sightscale.harness.analysis import Run, read_run
from sightscale.harness.evaluation import Plan, evaluate, read_manifest
from sightscale.harness.study.plan import PlannedRun, Study, plan_runs
from sightscale.model_adapters.blindfold import parse_conditions
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError

logger = logging.getLogger(__name__)

RUNS, STORE = "runs", "generations.sqlite"
MADE = ("instruct", "reasoning", "caption", "extract", "extract_from_scratch")  # fields of a scale: its models


def run_study(study: Study, output: Path) -> dict[PlannedRun, Run]:
    """Every run of the study, those that are finished in `output` read and the others made.

    Raises UserError in one line for a model or a task that can't be had; what was finished before stays.
    """
    planned = plan_runs(study)
    runs: dict[PlannedRun, Run] = {}
    for number, planned_run in enumerate(planned, 1):
        plan = _plan(study, planned_run, output)
        if _is_finished(plan):
            logger.info(f"run {number} of {len(planned)}: {planned_run.name} was finished before")
        else:
            logger.info(f"run {number} of {len(planned)}: {planned_run.name}")
            evaluate(plan)
        runs[planned_run] = Run(planned_run.name, read_run(str(plan.output)).records, planned_run.placement)
    return runs


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


def _is_finished(plan: Plan) -> bool:
    """Whether the plan's folder holds its finished run; another run there is left for `evaluate` to refuse."""
    path = plan.output / "manifest.json"
    if not path.is_file():
        return False
    manifest = read_manifest(path)
    wanted = {"model": plan.model_text, "limit": plan.limit, "seed": plan.seed, "data": plan.data}
    return (
        manifest.get("status") == "finished"
        and all(manifest.get(name) == value for name, value in wanted.items())
        and set(plan.conditions) <= set(manifest.get("conditions", {}))
    )
