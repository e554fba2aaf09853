"""Verification: an entry scored again from its raw answers, every issue named."""

from sightscale.leaderboards.verification.changes import find_changes
from sightscale.leaderboards.verification.issues import Issue, Level, count_levels, sort_issues
from sightscale.leaderboards.verification.reports import LIMITS, MOST_ISSUES, write_json, write_markdown
from sightscale.leaderboards.verification.verify import Verified, verify_entry

__all__ = [
    "LIMITS",
    "MOST_ISSUES",
    "Issue",
    "Level",
    "Verified",
    "count_levels",
    "find_changes",
    "sort_issues",
    "verify_entry",
    "write_json",
    "write_markdown",
]
