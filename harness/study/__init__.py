"""The controlled study: which runs it needs, what trains and runs them, and a verdict on each takeaway."""

from sightscale.harness.study.curves import draw_looking, draw_training
from sightscale.harness.study.plan import PlannedRun, Purpose, Study, load_study, recipes_of
from sightscale.harness.study.run import check_models, list_missing, locate_models, run_study
from sightscale.harness.study.train import CHECKPOINTS, train_recipes
from sightscale.harness.study.verdicts import Verdict, give_verdicts
from sightscale.harness.study.write import write_analyses, write_study_report, write_verdicts

__all__ = [
    "CHECKPOINTS",
    "PlannedRun",
    "Purpose",
    "Study",
    "Verdict",
    "check_models",
    "draw_looking",
    "draw_training",
    "give_verdicts",
    "list_missing",
    "load_study",
    "locate_models",
    "recipes_of",
    "run_study",
    "train_recipes",
    "write_analyses",
    "write_study_report",
    "write_verdicts",
]
