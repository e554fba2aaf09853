"""The static site of a leaderboard: entries and the study's published table as pages that open from disk."""

from sightscale.leaderboards.site.build import TITLE, Options, build_site
from sightscale.leaderboards.site.gather import EMBEDDED, list_embedded
from sightscale.leaderboards.site.tables import count_entries, count_states

__all__ = ["EMBEDDED", "TITLE", "Options", "build_site", "count_entries", "count_states", "list_embedded"]
