"""A thousand entries: a board of them is built in seconds of processor time, and again in fewer after a change."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from sightscale.leaderboards.entry.folders import read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.site import build_site
from sightscale.leaderboards.site.build import Options

pytestmark = pytest.mark.slow
COUNT = 1000


def worked() -> float:
    """Seconds that this process and its children have kept a processor busy: the wall's clock is others' too."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def make_entries(counted: Path, folder: Path) -> None:
    """Entries whose titles and scores differ."""
    fields = read_yaml(counted / "entry.yaml")
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        entry = Path(shutil.copytree(counted, folder / f"e{number:04d}"))
        right = rng.integers(1, 8)
        shares = {"sighted": float(right / 8), "none": 0.25}
        scores = [{**score, "score": shares[score["condition"]]} for score in fields["scores"]]
        made = {**fields, "id": entry.name, "title": f"Entry {number:04d}", "scores": scores}
        (entry / "entry.yaml").write_text(write_yaml(made))
        write_hashes(entry)


def test_a_thousand_entries_are_built_in_ten_seconds_and_again_in_two(counted: Path, tmp_path: Path) -> None:
    entries, site = tmp_path / "entries", tmp_path / "site"
    make_entries(counted, entries)
    options = Options(verify=False, kept=tmp_path / "kept")
    began = worked()
    gathered = build_site(entries, site, options)
    first = worked() - began
    assert len(gathered.entries) == COUNT
    changed = entries / "e0500"
    (changed / "entry.yaml").write_text((changed / "entry.yaml").read_text().replace("Entry 0500", "Changed"))
    write_hashes(changed)
    began = worked()
    build_site(entries, site, options)
    again = worked() - began
    assert "Changed" in (site / "models" / "e0500.html").read_text()
    assert first < 10 and again < 2.5, (first, again)
