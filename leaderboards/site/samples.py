"""Samples: an accepted entry's records as a report page, its pictures left with the data they belong to."""

from pathlib import Path

from sightscale.harness.analysis import Run
from sightscale.harness.pages import show_line
from sightscale.harness.report import GivenRun, Pictures, are_options, compute_contents, gather_samples, write_page
from sightscale.leaderboards.entry import LONGEST, MANIFEST, read_json
from sightscale.leaderboards.site.gather import Listed

RESAMPLES = 2_000
WITHOUT = Pictures({}, ("Pictures are left out here: they belong to the data sets, whose licences differ.",))


def write_samples(one: Listed, folder: Path, limit: int) -> Path:
    """Write `report.html` with at most `limit` questions into `folder`; return its path."""
    assert one.records is not None
    readable = {text for text in one.records["options"].dropna().unique() if are_options(text)}
    records = one.records.assign(options=one.records["options"].where(one.records["options"].isin(readable), None))
    manifest = read_json(one.folder / MANIFEST, LONGEST[MANIFEST])["runs"][0]
    runs = [GivenRun(Run(show_line(one.name), records), one.entry.runs[0].run_id, manifest)]
    folder.mkdir(parents=True)
    contents = compute_contents(runs, resamples=RESAMPLES)
    return write_page(contents, gather_samples(runs, limit), WITHOUT, folder / "report.html")[0]
