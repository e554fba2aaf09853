"""The page kit that the report and the leaderboard's site share: drawings, tables, hostile text, styles."""
