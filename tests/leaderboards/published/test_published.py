"""The published table: its own averages, computed again from its columns."""

from statistics import fmean

from sightscale.leaderboards.published import read_published


def test_there_are_fifteen_rows_in_the_tables_order() -> None:
    rows = read_published()
    assert len(rows) == 15
    assert sum(row.perception is None for row in rows) == 5
    assert (rows[0].system, rows[0].in_domain["OCR-VQA"], rows[0].mmstar["Math"]) == ("LLaVA-OneVision", 69.5, 31.4)
    assert (rows[-1].system, rows[-1].perception, rows[-1].reasoning) == ("Extract+Think", 1.7, 4.0)


def test_both_averages_follow_from_the_columns_as_far_as_rounding_allows() -> None:
    for row in read_published():
        assert abs(fmean(row.in_domain.values()) - row.in_domain_average) <= 0.1, row
        assert abs(fmean(row.mmstar.values()) - row.mmstar_average) <= 0.1 + 1e-9, row


def test_scores_are_per_cents() -> None:
    for row in read_published():
        assert all(0 < score < 100 for score in (*row.in_domain.values(), *row.mmstar.values()))
