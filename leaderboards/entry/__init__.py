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
    name_data,
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
    list_entries,
    load_entry,
    read_entry,
    read_json,
)
from sightscale.leaderboards.entry.scores import known_tasks, score_averages, score_tasks, split_strata
from sightscale.leaderboards.entry.submission import PartMade, RunManifest, Submission, read_manifests
from sightscale.leaderboards.entry.submitted_records import MAX_ROWS, read_submitted
from sightscale.leaderboards.entry.titles import fold_title

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
    "PartMade",
    "RunManifest",
    "Score",
    "Submission",
    "UnreadableFile",
    "add_entry",
    "check_folder",
    "fold_title",
    "hash_file",
    "known_tasks",
    "list_entries",
    "load_entry",
    "name_data",
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
