"""Verification: an entry scored again from its raw answers, every issue named."""

from sightscale.leaderboards.verification.alike import find_alike, read_titles, refuse_alike
from sightscale.leaderboards.verification.apart import prepare, refuse, verify_apart
from sightscale.leaderboards.verification.bounded import TooMuch, Worker
from sightscale.leaderboards.verification.changes import find_changes
from sightscale.leaderboards.verification.issues import Issue, Level, State, count_in_words, count_levels, sort_issues
from sightscale.leaderboards.verification.reports import LIMITS, MOST_ISSUES, write_json, write_markdown
from sightscale.leaderboards.verification.verify import Verified, verify_entry

__all__ = [
    "LIMITS",
    "MOST_ISSUES",
    "Issue",
    "Level",
    "State",
    "TooMuch",
    "Verified",
    "Worker",
    "count_in_words",
    "count_levels",
    "find_alike",
    "find_changes",
    "prepare",
    "read_titles",
    "refuse",
    "refuse_alike",
    "sort_issues",
    "verify_apart",
    "verify_entry",
    "write_json",
    "write_markdown",
]
