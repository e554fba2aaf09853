"""Verification: an entry scored again from its raw answers, every issue named."""

from sightscale.leaderboards.verification.changes import find_changes
from sightscale.leaderboards.verification.issues import ERROR, NOT_CHECKED, WARNING, Issue
from sightscale.leaderboards.verification.reports import LIMITS, MOST_ISSUES, write_json, write_markdown
from sightscale.leaderboards.verification.verify import verify_entry

__all__ = [
    "ERROR",
    "LIMITS",
    "MOST_ISSUES",
    "NOT_CHECKED",
    "WARNING",
    "Issue",
    "find_changes",
    "verify_entry",
    "write_json",
    "write_markdown",
]
