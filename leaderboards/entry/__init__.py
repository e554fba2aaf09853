"""An entry: its four files, made from a run and read back within bounds."""

from sightscale.leaderboards.entry.add import add_entry, read_budgets, read_facts
from sightscale.leaderboards.entry.entry import (
    DECIMALS,
    KINDS,
    REQUIRED_CONDITIONS,
    Average,
    Data,
    Entry,
    Part,
    Score,
    write_schema,
)
from sightscale.leaderboards.entry.folders import (
    ENTRY,
    HASHED,
    HASHES,
    LONGEST,
    MANIFEST,
    RECORDS,
    UnreadableFile,
    check_folder,
    hash_file,
    load_entry,
    read_entry,
    read_json,
)
from sightscale.leaderboards.entry.scores import known_tasks, score_averages, score_tasks, split_strata
from sightscale.leaderboards.entry.submission import RunManifest, Submission, read_manifests
from sightscale.leaderboards.entry.submitted_records import MAX_ROWS, read_submitted

__all__ = [
    "DECIMALS",
    "ENTRY",
    "HASHED",
    "HASHES",
    "KINDS",
    "LONGEST",
    "MANIFEST",
    "MAX_ROWS",
    "RECORDS",
    "REQUIRED_CONDITIONS",
    "Average",
    "Data",
    "Entry",
    "Part",
    "RunManifest",
    "Score",
    "Submission",
    "UnreadableFile",
    "add_entry",
    "check_folder",
    "hash_file",
    "known_tasks",
    "load_entry",
    "read_budgets",
    "read_entry",
    "read_facts",
    "read_json",
    "read_manifests",
    "read_submitted",
    "score_averages",
    "score_tasks",
    "split_strata",
    "write_schema",
]
