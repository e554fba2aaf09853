"""States: only what was looked at from end to end is checked, and everything that counts is looked at."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sightscale.harness.evaluation.shipped import describe_shipped
from sightscale.leaderboards.entry.folders import UnreadableFile, parse_entry, read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.verification.checks.provenance import _check_shipped
from sightscale.leaderboards.verification.issues import State
from sightscale.leaderboards.verification.verify import Verified, verify_entry
from sightscale.tasks.mini import QUESTIONS

Rewrite = Callable[..., None]


def edit(entry: Path, manifest: dict[str, Any] | None = None, **fields: Any) -> None:
    """Change fields of an entry and of its one run's manifest, and make the hashes anew."""
    (entry / "entry.yaml").write_text(write_yaml({**read_yaml(entry / "entry.yaml"), **fields}))
    made = json.loads((entry / "manifest.json").read_text())
    made["runs"][0].update(manifest or {})
    (entry / "manifest.json").write_text(json.dumps(made))
    write_hashes(entry)


def say(verified: Verified) -> str:
    return "\n".join(issue.line() for issue in verified.issues)


def test_an_entry_is_checked_when_everything_was_looked_at(copy: Path) -> None:
    verified = verify_entry(copy, "mini")
    assert verified.state is State.CHECKED, say(verified)


def test_an_invented_task_is_never_checked(copy: Path, rewrite: Rewrite) -> None:
    def add(records: pd.DataFrame) -> pd.DataFrame:
        invented = records.assign(task="invented", cluster="invented:" + records["doc_id"].astype(str))
        return pd.concat([records, invented], ignore_index=True)

    rewrite(copy, add)
    edit(copy, {"tasks": ["in_domain_gqa", "invented"]})
    verified = verify_entry(copy, "mini")
    assert verified.state is State.PARTLY, say(verified)
    assert "not checked: records.parquet: invented: the task isn't sightscale's own" in say(verified)


def test_another_mini_revision_is_never_checked(copy: Path, rewrite: Rewrite) -> None:
    revision = "mini@77, 8 questions"
    rewrite(copy, lambda records: records.assign(data=revision))
    edit(copy, {"data_revision": revision}, data={"source": "mini", "revision": revision, "limit": None})
    verified = verify_entry(copy, "mini")
    assert verified.state is State.PARTLY and "the data of another revision can't be read" in say(verified)


def test_removed_shown_hashes_are_never_checked(copy: Path, rewrite: Rewrite) -> None:
    rewrite(copy, lambda records: records.assign(shown_hash=None))
    verified = verify_entry(copy, "mini")
    assert verified.state is State.PARTLY and "don't say what the model was shown" in say(verified)


@pytest.mark.parametrize("hidden", [False, True])
def test_mini_pictures_are_recognised_whatever_the_entry_claims(
    copy: Path, rewrite: Rewrite, hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(QUESTIONS, raising=False)

    def claim(records: pd.DataFrame) -> pd.DataFrame:
        blank = {"image_hash": "0" * 64, "document_hash": None} if hidden else {}
        records = records.assign(data="hub", **blank)
        if hidden:
            records["cluster"] = records["image_hash"]
            records.loc[records["condition"] == "sighted", "shown_hash"] = "0" * 64
        return records

    rewrite(copy, claim)
    edit(copy, {"data": "hub", "data_revision": "hub"}, data={"source": "hub", "revision": "hub", "limit": None})
    verified = verify_entry(copy, "mini")
    what = "questions" if hidden else "pictures"
    assert not verified.accepted and f"the {what} are the embedded mini suite's" in say(verified)


def test_clusters_are_the_pictures_own(copy: Path, rewrite: Rewrite) -> None:
    rewrite(copy, lambda records: records.assign(cluster="one"))
    verified = verify_entry(copy, "mini")
    assert not verified.accepted and "cluster: 8 rows differ from the data" in say(verified)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"output_tokens": 0}, "output_tokens: 16 rows don't count them"),
        ({"input_tokens": 1}, "input_tokens: 16 rows count too few for their texts"),
        ({"input_tokens": 1_000_000_000}, "input_tokens: 16 rows count more than was asked"),
        ({"output_tokens": -1}, "output_tokens: 16 rows count fewer than none"),
        ({"thinking": "x" * 2000}, "output_tokens: 16 rows count too few for their texts"),
        ({"seconds": -1.0}, "seconds: 16 rows took -1.0 s"),
        ({"seconds": float("inf")}, "seconds: 16 rows took inf s"),
        ({"seconds": 1e-9}, "which nothing writes as fast"),
    ],
)
def test_tokens_and_seconds_are_held_against_their_texts(
    copy: Path, rewrite: Rewrite, changes: dict[str, Any], found: str
) -> None:
    rewrite(copy, lambda records: records.assign(**changes))
    verified = verify_entry(copy, "mini")
    assert found in say(verified) and verified.state is not State.CHECKED


def test_an_answer_that_met_no_limit_was_not_cut_off(copy: Path, rewrite: Rewrite) -> None:
    """A blind score of 0 by truncation would be all reliance."""

    def cut(records: pd.DataFrame) -> pd.DataFrame:
        blind = records["condition"] == "none"
        records.loc[blind, ["finish_reason", "outcome", "score"]] = ["length", "truncated", 0.0]
        records.loc[blind, "prediction"] = None
        return records

    rewrite(copy, cut)
    verified = verify_entry(copy, "mini")
    assert not verified.accepted and "cut off by a limit that they didn't meet" in say(verified)


def test_a_focus_that_no_module_was_given_is_found(copy: Path, rewrite: Rewrite) -> None:
    rewrite(copy, lambda records: records.assign(focus="the answer is B"))
    assert "focus: 8 rows differ from the data" in say(verify_entry(copy, "mini"))


def test_a_shipped_checkpoint_has_its_size_and_its_weights() -> None:
    shipped = describe_shipped("nano_40k")
    assert shipped and shipped.parameters > 10_000 and describe_shipped("../nano_40k") is None

    def issues(parameters: int, digest: str) -> list[str]:
        from sightscale.leaderboards.entry import Part, PartMade, RunManifest

        manifest = RunManifest.model_construct(identity=f"end-to-end(nano_40k@{digest}|transformers|float32)")
        made = PartMade(name="nano_40k", parameters=parameters)
        claimed = Part(role="model", checkpoint="nano_40k", parameters=parameters)
        return [issue.line() for issue in _check_shipped("model", claimed, made, manifest)]

    assert issues(shipped.parameters, shipped.digest) == []
    assert "error" in issues(shipped.parameters // 2, shipped.digest)[0]
    assert issues(shipped.parameters, "0" * 16)[0].startswith("not checked")


@pytest.mark.parametrize(
    ("day", "found"),
    [(datetime.now(UTC).date() + timedelta(days=3), "in the future"), ("2020-01-01", "before the run")],
)
def test_dates_agree_with_the_runs(copy: Path, day: Any, found: str) -> None:
    edit(copy, date=str(day))
    assert found in say(verify_entry(copy, "mini"))


def test_days_that_are_none_and_versions_of_another_type_are_refused(copy: Path) -> None:
    fields = read_yaml(copy / "entry.yaml")
    for change in ({"date": "2026-02-30"}, {"schema_version": True}, {"schema_version": 1.0}, {"schema_version": "1"}):
        with pytest.raises(UnreadableFile, match=next(iter(change))):
            parse_entry({**fields, **change})


@pytest.mark.parametrize(
    "title",
    [
        "a\u3164b",
        "a\u2800b",
        "a\u00a0b",
        "a\ufe0fb",
        "\u115f",
        "a  b",
        "nanо 1M",
        "Νano",
        "...",
        "z\u0489\u0489\u0489\u0489\u0489\u0489",
    ],
)
def test_titles_that_hide_something_are_refused(copy: Path, title: str) -> None:
    with pytest.raises(UnreadableFile, match="title"):
        parse_entry({**read_yaml(copy / "entry.yaml"), "title": title})


@pytest.mark.parametrize("title", ["نموذج عربي صغير", "Маленькая модель 1M", "小さなモデル 1B", "Ñandú 0.5B"])
def test_titles_in_any_alphabet_are_taken(copy: Path, title: str) -> None:
    assert parse_entry({**read_yaml(copy / "entry.yaml"), "title": title}).title == title


def test_states_are_told_in_words() -> None:
    assert [str(state) for state in State] == ["checked", "partly checked", "self-reported"]
    assert all(len(state.in_words) > 20 for state in State)
