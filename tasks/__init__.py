"""What is asked and what counts as right: task files for lmms-eval, scoring, answer reading."""

from pathlib import Path

from sightscale.tasks.answers import READER_VERSION, Reading, read_answer
from sightscale.tasks.scoring import Scored, chance_level, score_response

TASK_FOLDER = Path(__file__).parent

__all__ = ["READER_VERSION", "TASK_FOLDER", "Reading", "Scored", "chance_level", "read_answer", "score_response"]
