"""A thousand entries: a board of them is built in seconds of processor time, and again in fewer after a change."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.entry.folders import read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.published.rows import IN_DOMAIN
from sightscale.leaderboards.site import build_site
from sightscale.leaderboards.site.build import Options
from sightscale.leaderboards.site.listed import Answers, Listed, Questions, write_listed
from sightscale.leaderboards.site.reading import read_claims
from sightscale.leaderboards.verification import State

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
    assert first < 10 and again < 2, (first, again)


def keep_verified(entries: Path, kept: Path) -> None:
    """What a build keeps of entries that it checked: here of answers to the in-domain tasks, drawn at random."""
    gather = sys.modules["sightscale.leaderboards.site.gather"]  # the room hands on a function of this name
    tasks, rng = list(IN_DOMAIN.values()), np.random.default_rng(0)
    rows = [(task, number, f"{task}{number // 2}") for task in tasks for number in range(300)]
    columns = dict(
        zip(("task", "doc_id", "cluster"), (list(column) for column in zip(*rows, strict=True)), strict=True)
    )
    questions = Questions({**columns, "category": [""] * len(rows), "l2_category": [""] * len(rows)})
    kept.mkdir()
    for path in sorted(entries.iterdir()):
        listed = read_claims(path)
        assert isinstance(listed, Listed)
        sides = (rng.random((2, len(rows))) < [[rng.uniform(0.4, 0.8)], [0.3]]).astype(float)
        said = rng.integers(1, 5, (2, len(rows))).astype(np.uint32)
        of = {task: slice(300 * at, 300 * at + 300) for at, task in enumerate(tasks)} | {"in_domain": slice(None)}
        scores = {
            (name, condition): Estimate(float(side[rows].mean()), 0.1, 0.9, 300, 150)
            for name, rows in of.items()
            for condition, side in zip(("sighted", "none"), sides, strict=True)
        }
        looked = replace(
            listed,
            scores=scores,
            gains={name: scores[name, "sighted"] for name in of},
            status=State.CHECKED,
            verified=True,
            odd=0,
            answers=Answers(questions, *sides, *said),
        )
        write_listed(looked, kept, gather._name(path, "mini None 0 False"))


def test_a_thousand_checked_entries_that_are_kept_are_built_in_ten_seconds(counted: Path, tmp_path: Path) -> None:
    """Ranks, copies and tables of a thousand entries with 1,800 questions each, none of which is scored again."""
    entries, kept = tmp_path / "entries", tmp_path / "kept"
    make_entries(counted, entries)
    keep_verified(entries, kept.absolute())
    began = worked()
    gathered = build_site(entries, tmp_path / "site", Options(data="mini", samples=0, kept=kept))
    assert {listed.status for listed in gathered.entries} == {State.CHECKED} and len(gathered.entries) == COUNT
    assert worked() - began < 10, worked() - began
