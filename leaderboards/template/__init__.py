"""Template: what somebody needs who hosts a leaderboard of their own."""

from sightscale.leaderboards.template.start import start_board

__all__ = ["start_board"]
