"""Proofs: what no file of an entry can show, shown otherwise: fresh questions, spot reruns, copies found."""

from sightscale.leaderboards.proofs.copies import ALIKE, Pair, find_copies, find_nearest
from sightscale.leaderboards.proofs.fresh import (
    Challenge,
    commit,
    draw_questions,
    make_challenge,
    read_challenge,
    score_run,
)
from sightscale.leaderboards.proofs.rerun import SIZES, Rerun, choose_questions, compare_rerun, escape_probability
from sightscale.leaderboards.proofs.results import Result, digest_files, keep_result, read_results

__all__ = [
    "ALIKE",
    "SIZES",
    "Challenge",
    "Pair",
    "Rerun",
    "Result",
    "choose_questions",
    "commit",
    "compare_rerun",
    "digest_files",
    "draw_questions",
    "escape_probability",
    "find_copies",
    "find_nearest",
    "keep_result",
    "make_challenge",
    "read_challenge",
    "read_results",
    "score_run",
]
