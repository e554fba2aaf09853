"""Samples: an accepted entry's records as a report page, its pictures left with the data they belong to."""

from pathlib import Path

import pandas as pd

from sightscale.harness.analysis import Run
from sightscale.harness.pages import show_line
from sightscale.harness.report import GivenRun, Pictures, are_options, compute_contents, gather_samples, write_page
from sightscale.leaderboards.entry import RunManifest

WITHOUT = Pictures({}, ("Pictures are left out here: they belong to the data sets, whose licences differ.",))


def write_samples(name: str, manifest: RunManifest, records: pd.DataFrame, folder: Path, limit: int) -> Path:
    """Write `report.html` of an entry's records and first run into `folder`, with at most `limit` questions.

    Return its path.
    """
    options = records["options"]
    readable = {text for text in options.dropna().unique() if are_options(text)}
    run = Run(show_line(name), records.assign(options=options.where(options.isin(readable), None)))
    runs = [GivenRun(run, manifest.run_id, manifest.model_dump(exclude_unset=True))]
    folder.mkdir(parents=True)
    return write_page(compute_contents(runs), gather_samples(runs, limit), WITHOUT, folder / "report.html")[0]
