"""Proofs: what no file of an entry can show, shown otherwise: fresh questions, spot reruns, copies found."""

from sightscale.leaderboards.proofs.copies import ALIKE, Pair, find_copies
from sightscale.leaderboards.proofs.fresh import (
    Challenge,
    commit,
    draw_questions,
    make_challenge,
    read_challenge,
    score_run,
)
from sightscale.leaderboards.proofs.rerun import SIZES, Rerun, choose_questions, compare_rerun, escape_probability

__all__ = [
    "ALIKE",
    "SIZES",
    "Challenge",
    "Pair",
    "Rerun",
    "choose_questions",
    "commit",
    "compare_rerun",
    "draw_questions",
    "escape_probability",
    "find_copies",
    "make_challenge",
    "read_challenge",
    "score_run",
]
