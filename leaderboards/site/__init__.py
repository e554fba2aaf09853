"""The static site of a leaderboard: entries and the study's published table as pages that open from disk."""

from sightscale.leaderboards.site.build import TITLE, Options, build_site
from sightscale.leaderboards.site.gather import EMBEDDED, gather, list_embedded
from sightscale.leaderboards.site.listed import Answers, Listed, take_answers
from sightscale.leaderboards.site.tables import count_entries, count_states

__all__ = [
    "EMBEDDED",
    "TITLE",
    "Answers",
    "Listed",
    "Options",
    "build_site",
    "count_entries",
    "count_states",
    "gather",
    "list_embedded",
    "take_answers",
]
