"""The study's published table as data, and any system as a row of it."""

from sightscale.leaderboards.published.rows import COLUMNS, PublishedRow, read_published, read_source
from sightscale.leaderboards.published.table_one import (
    HEADINGS,
    PRINTED,
    find_published,
    row_of_claims,
    row_of_entry,
    row_of_published,
)

__all__ = [
    "COLUMNS",
    "HEADINGS",
    "PRINTED",
    "PublishedRow",
    "find_published",
    "read_published",
    "read_source",
    "row_of_claims",
    "row_of_entry",
    "row_of_published",
]
