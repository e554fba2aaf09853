"""What the study says of its table, computed again by our analyses from runs with the table's own hit counts."""

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis.comparison import compare_runs
from sightscale.harness.analysis.matched_runs import Run
from sightscale.harness.analysis.reliance import find_reliance
from sightscale.harness.evaluation.records import SCHEMA
from sightscale.leaderboards.published import PublishedRow, read_published

# Questions that the table's percentages fit as whole counts, dev and test joined.
COUNTS = {"OCR-VQA": 436, "TextVQA": 495, "ScienceQA": 492, "VQAv2": 482, "GQA": 459, "VizWiz": 458}


def as_run(row: PublishedRow) -> Run:
    """A run that gets as many in-domain questions right as the table says; which ones isn't published."""
    label = f"{row.system} {row.perception}/{row.reasoning}"
    parts = []
    for name, n in COUNTS.items():
        right = round(row.in_domain[name] * n / 100)
        assert abs(100 * right / n - row.in_domain[name]) <= 0.05 + 1e-9
        part = pd.DataFrame({column: [None] * n for column in SCHEMA.names}, dtype=object)
        part["task"], part["condition"], part["run_id"] = f"in_domain_{name.lower().replace('-', '')}", "sighted", label
        part["doc_id"], part["item_id"] = range(n), [str(number) for number in range(n)]
        part["cluster"], part["outcome"] = [f"{name}:{number}" for number in range(n)], "answered"
        part["score"], part["chance"] = (np.arange(n) < right).astype(float), 0.25
        parts.append(part)
    rows = pd.concat(parts).astype({"score": float, "chance": float, "blind_probability": float})
    return Run(label, rows.assign(model=label))


def find_row(system: str, perception: float) -> PublishedRow:
    """The table's row of a system with a perception module of this size."""
    [row] = [row for row in read_published() if (row.system, row.perception) == (system, perception)]
    return row


@pytest.mark.parametrize("row", read_published(), ids=lambda row: f"{row.system} {row.perception}/{row.reasoning}")
def test_the_in_domain_average_is_the_tables(row: PublishedRow) -> None:
    found = find_reliance([as_run(row)], resamples=50)
    [average] = found[(found["level"] == "average") & (found["measure"] == "sighted")].to_dict("records")
    assert average["note"] == "unweighted mean of 6 tasks"
    assert 100 * average["value"] == pytest.approx(row.in_domain_average, abs=0.101)


@pytest.mark.parametrize(("perception", "gain"), [(0.6, 5.3), (1.7, 5.3)])
def test_extraction_gains_over_captioning(perception: float, gain: float) -> None:
    # Table 1: 75.0 → 80.3 and 80.0 → 85.3 in domain.
    pair = [as_run(find_row(system, perception)) for system in ("Extract+Think", "Caption+Think")]
    found = compare_runs(*pair, resamples=200)
    [mean] = found[(found["level"] == "average") & (found["measure"] == "difference")].to_dict("records")
    assert 100 * mean["value"] == pytest.approx(gain, abs=0.15)


def test_extraction_from_scratch_beats_the_larger_captioner() -> None:
    # “0.4M” against “1.9M” samples, 1.7B/4B against 7B/70B: 82.7 and 78.3 in domain.
    pair = [as_run(find_row("Extract+Think†", 1.7)), as_run(find_row("PrismCaptioner", 7.0))]
    found = compare_runs(*pair, resamples=200)
    [mean] = found[(found["level"] == "average") & (found["measure"] == "difference")].to_dict("records")
    assert 100 * mean["value"] == pytest.approx(82.7 - 78.3, abs=0.15)
