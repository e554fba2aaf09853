"""None"""

from sightscale.tasks.easy_vqa.rows import build_rows, draw_options, kind_of, read_questions

__all__ = ["build_rows", "draw_options", "kind_of", "read_questions"]
