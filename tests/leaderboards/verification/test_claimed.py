"""Entries of claims alone: they stand as self-reported, and printed numbers are compared with what this build holds."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightscale.leaderboards.entry.folders import ENTRY, load_entry, read_yaml, write_yaml
from sightscale.leaderboards.published import find_published
from sightscale.leaderboards.site import count_states
from sightscale.leaderboards.site.gather import EMBEDDED, gather
from sightscale.leaderboards.verification import State, find_alike, verify_entry
from sightscale.leaderboards.verification.issues import Level

PRINTED = EMBEDDED / "extract-think-published"
OWN = EMBEDDED / "nano-40k-caption-think"
Change = Callable[[dict[str, Any]], None]


def change(folder: Path, place: Path, by: Change) -> Path:
    copied = Path(shutil.copytree(folder, place / folder.name))
    fields = read_yaml(copied / ENTRY)
    by(fields)
    (copied / ENTRY).write_text(write_yaml(fields))
    return copied


@pytest.mark.parametrize("folder", [PRINTED, OWN], ids=lambda folder: folder.name)
def test_claims_alone_are_self_reported_and_say_that_nothing_was_scored(folder: Path) -> None:
    verified = verify_entry(folder)
    assert (verified.state, verified.accepted) == (State.SELF_REPORTED, True)
    (issue,) = verified.issues
    assert issue.level is Level.NOTE and "nothing was scored again" in issue.reason


def test_a_board_calls_them_what_they_are_and_ranks_none(tmp_path: Path) -> None:
    for folder in (PRINTED, OWN):
        shutil.copytree(folder, tmp_path / folder.name)
    gathered = gather(tmp_path, data="mini")
    assert count_states(gathered.entries) == "0 checked, 1 self-reported, 1 published"
    assert not any(listed.accepted or listed.answers for listed in gathered.entries)


def test_the_printed_one_may_be_called_as_the_system_is() -> None:
    entry = load_entry(PRINTED)
    row = find_published(entry)
    assert row is not None and row.system == entry.title and not find_alike([entry])


def set_score(fields: dict[str, Any]) -> None:
    fields["scores"][0]["score"] = 0.95


def set_average(fields: dict[str, Any]) -> None:
    fields["averages"][0]["score"] += 0.01


def set_size(fields: dict[str, Any]) -> None:
    fields["parts"][0]["parameters"] = 600_000_000


def set_title(fields: dict[str, Any]) -> None:
    fields["title"] = "Ours"


def add_blind(fields: dict[str, Any]) -> None:
    fields["scores"].append({**fields["scores"][0], "condition": "none", "score": 0.1})


def set_count(fields: dict[str, Any]) -> None:
    fields["scores"][0]["n"] = 4


def set_future(fields: dict[str, Any]) -> None:
    fields["date"] = "2099-01-01"


def name_run(fields: dict[str, Any]) -> None:
    fields |= {"source": None, "runs": [{"run_id": "0123456789ab", "model": "m", "identity": "m"}]}
    fields["budgets"]["answer"] = 32


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (set_score, "its table has no row"),
        (set_average, "its tasks come to"),
        (set_size, "its table has no row"),
        (set_title, "its table has no row"),
        (add_blind, "its table has no row"),
        (set_count, "claimed 4, the task has 436"),
        (set_future, "is in the future"),
        (name_run, "none of their records"),
    ],
    ids=lambda value: getattr(value, "__name__", "words"),
)
def test_what_contradicts_itself_or_its_source_is_refused(tmp_path: Path, by: Change, words: str) -> None:
    verified = verify_entry(change(PRINTED, tmp_path, by))
    assert not verified.accepted
    assert words in "\n".join(issue.line() for issue in verified.issues if issue.level is Level.ERROR)


def test_more_questions_than_there_are_narrow_no_interval(tmp_path: Path) -> None:
    def claim_more(fields: dict[str, Any]) -> None:
        fields["scores"][0]["n"] = 10**9

    verified = verify_entry(change(OWN, tmp_path, claim_more))
    assert not verified.accepted and "claimed 1,000,000,000, and there are 300" in verified.issues[0].reason


def test_a_source_that_this_build_doesnt_hold_is_said(tmp_path: Path) -> None:
    entry = change(PRINTED, tmp_path, lambda fields: fields.update(source="A paper of ours"))
    verified = verify_entry(entry)
    assert verified.accepted and "doesn't hold" in verified.issues[0].reason
    gathered = gather(tmp_path)
    assert count_states(gathered.entries) == "0 checked, 1 self-reported"


def test_records_that_were_taken_away_dont_make_claims_of_an_entry(tiny: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(tiny, tmp_path / tiny.name))
    for path in copied.iterdir():
        if path.name != ENTRY:
            path.unlink()
    assert not verify_entry(copied).accepted
    assert "self-reported" in count_states(gather(tmp_path, data="mini").entries)
