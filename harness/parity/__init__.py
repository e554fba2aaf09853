"""Parity: one model on several engines, the same questions, and where their answers part."""

from sightscale.harness.parity.answers import Difference, EngineAnswers, compare_answers, find_parting
from sightscale.harness.parity.engines import EngineModel, Parting, explain, name_engines, run_engines
from sightscale.harness.parity.report import ComparedEngines, measure_effect, render_parity, write_parity

__all__ = [
    "ComparedEngines",
    "Difference",
    "EngineAnswers",
    "EngineModel",
    "Parting",
    "compare_answers",
    "explain",
    "find_parting",
    "measure_effect",
    "name_engines",
    "render_parity",
    "run_engines",
    "write_parity",
]
