"""The controlled study: which runs it needs, what trains and runs them, and a verdict on each takeaway."""

from sightscale.harness.study.plan import PlannedRun, Study, load_study, recipes_of
from sightscale.harness.study.run import RUNS, check_models, locate_models, run_study
from sightscale.harness.study.train import CHECKPOINTS, train_recipes
from sightscale.harness.study.verdicts import Verdict, give_verdicts, of_role, pair_runs

__all__ = [
    "CHECKPOINTS",
    "RUNS",
    "PlannedRun",
    "Study",
    "Verdict",
    "check_models",
    "give_verdicts",
    "load_study",
    "locate_models",
    "of_role",
    "pair_runs",
    "recipes_of",
    "run_study",
    "train_recipes",
]
