"""Hostile values: whatever stands in any column ends in issues, and changes no number unseen."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sightscale.harness.evaluation.records import SCHEMA, read_records
from sightscale.leaderboards.entry.folders import load_entry
from sightscale.leaderboards.entry.submission import Submission, read_manifests
from sightscale.leaderboards.verification.checks.blindness import check_blindness
from sightscale.leaderboards.verification.checks.claims import check_claims
from sightscale.leaderboards.verification.checks.coverage import check_coverage, check_keys
from sightscale.leaderboards.verification.checks.provenance import check_provenance
from sightscale.leaderboards.verification.checks.rescoring import check_scores
from sightscale.leaderboards.verification.issues import State, find_state

# Columns whose value changes no number, or that only the data can tell.
FREE = {"seconds", "perception_seconds", "focus", "truth_description", "blind_probability", "reader"}
FREE |= {"answers", "likeliest_letter", "likeliest_text", "right_logprob"}  # of no entry: reading refuses filled ones
HOSTILE: dict[Any, list[Any]] = {
    str: ["", "\u202e<b>|\x00", "[" * 20_000, "x" * 100_000, None],
    int: [-1, 2**62, None],
    float: [float("inf"), -5.0, None],
}


@pytest.mark.parametrize("column", SCHEMA.names)
def test_no_value_of_any_column_stops_verification(tiny: Path, column: str) -> None:
    entry, manifests = load_entry(tiny), read_manifests(tiny / "manifest.json")
    whole = read_records(tiny / "records.parquet")
    kind = {pa.string(): str, pa.int64(): int, pa.float64(): float}[SCHEMA.field(column).type]
    for value in HOSTILE[kind]:
        records = whole.astype({column: object})
        was = records.loc[3, column]
        records.loc[3, column] = value
        submission = Submission(tiny, entry, manifests, records)
        issues = list(check_keys(records))
        if not issues:
            for check in (check_coverage, check_scores, check_blindness, check_provenance, check_claims):
                issues += check(submission)
        same = (value is None and was != was) or value == was
        uncounted = value is None and column.endswith(("tokens", "parameters", "perception_finish_reason"))
        if column not in FREE and not same and not uncounted and column != "error":
            assert find_state(issues) is State.SELF_REPORTED, (column, value)
        assert all(len(issue.line()) < 2000 for issue in issues)


def test_reading_and_verifying_need_no_torch() -> None:
    modules = "sightscale.leaderboards.verification.verify, sightscale.leaderboards.verification.reports"
    check = f"import sys, {modules}; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True).returncode == 0
