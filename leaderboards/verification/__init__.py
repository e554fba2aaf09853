"""Verification: an entry scored again from its raw answers, every issue named."""

from sightscale.leaderboards.verification.alike import find_alike, read_titles, refuse_alike
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
    "Verified",
    "count_in_words",
    "count_levels",
    "find_alike",
    "find_changes",
    "read_titles",
    "refuse_alike",
    "sort_issues",
    "verify_entry",
    "write_json",
    "write_markdown",
]
