"""The static site of a leaderboard: entries and the study's published table as pages that open from disk."""
