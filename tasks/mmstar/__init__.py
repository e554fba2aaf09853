"""MMStar: six categories, eighteen axes, two averages (Chen et al., 2024)."""

from sightscale.tasks.mmstar.questions import read_question, write_question

__all__ = ["read_question", "write_question"]
