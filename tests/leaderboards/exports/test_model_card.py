"""The card's section and the push: read back with the hub client's own classes, and nothing sent in a dry run."""

import shutil
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from huggingface_hub import ModelCard
from huggingface_hub.errors import EntryNotFoundError
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import Plan, evaluate, read_records
from sightscale.harness.evaluation.records import write_records
from sightscale.leaderboards.exports import list_uploads, push, update_card, write_card_section
from sightscale.leaderboards.exports.model_card import BEGIN, END
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError

CARD = """---
license: apache-2.0
model-index:
- name: mine
  results:
  - task: {type: image-text-to-text}
    dataset: {name: Other, type: other/data}
    metrics: [{type: accuracy, value: 12.5}]
---
# Mine

Words of my own.
"""


def test_the_section_has_scores_blind_scores_reliance_and_how_to_get_them(oracle_run: Path) -> None:
    section = write_card_section(oracle_run, figure="figures/reliance.png")
    assert section.startswith(BEGIN) and section.endswith(f"{END}\n") and "(figures/reliance.png)" in section
    rows = [line for line in section.splitlines() if line.startswith("| in")]
    assert any("| none |" in row for row in rows) and any("mismatched" in row for row in rows)
    assert all(row.count("[") == 3 for row in rows), rows
    assert "--blind none,mismatched" in section and "mini suite" in section and str(oracle_run) not in section


def test_a_card_keeps_what_others_wrote_and_has_ours_once(oracle_run: Path) -> None:
    once = update_card(CARD, oracle_run)
    twice = update_card(once, oracle_run)
    assert twice == once and once.count(BEGIN) == 1
    card = ModelCard(once)
    assert "Words of my own." in card.text and card.data.license == "apache-2.0" and card.data.model_name == "mine"
    results = card.data.eval_results or []
    assert [one.metric_value for one in results if one.dataset_type == "other/data"] == [12.5]
    ours = [one for one in results if one.dataset_config == "in_domain_gqa"]
    kinds = {one.metric_type for one in ours}
    assert {"accuracy", "vision-reliance", "blind-score", "vision-reliance-mismatched"} <= kinds
    by_kind = {one.metric_type: one.metric_value for one in ours}
    assert by_kind["accuracy"] - by_kind["blind-score"] == pytest.approx(by_kind["vision-reliance"], abs=0.02)
    assert ModelCard(update_card("", oracle_run)).data.eval_results


def test_doses_stand_in_the_section_where_they_were_run(tmp_path: Path) -> None:
    model, conditions = "scripted:reader,acuity=24", ("none", "downscale:8", "downscale:32")
    run = tmp_path / "run"
    evaluate(Plan(parse_model(model), model, ("in_domain_textvqa",), conditions, run, limit=30, data="mini"))
    assert "- " in write_card_section(run) and "pixels" in write_card_section(run)


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("---\nmodel-index: [x\n---\n", "metadata can't be read"),
        (f"{END}\n{BEGIN}\n", "marks"),
        (f"{BEGIN}\n", "marks"),
    ],
)
def test_a_card_that_can_t_be_changed_safely_is_refused(card: str, reason: str, oracle_run: Path) -> None:
    with pytest.raises(UserError, match=reason):
        update_card(card, oracle_run)


def test_hostile_names_stay_where_they_are_told(oracle_run: Path, tmp_path: Path) -> None:
    records = read_records(oracle_run)
    records["task"] = records["task"].replace("in_domain_gqa", "x | <script>alert(1)</script>\n# h")
    (tmp_path / "run").mkdir()
    write_records(records, tmp_path / "run" / "records.parquet")
    (tmp_path / "run" / "manifest.json").write_bytes((oracle_run / "manifest.json").read_bytes())
    with pytest.raises(UserError, match="task: String should match"):
        write_card_section(tmp_path / "run")
    section = write_card_section(oracle_run, name="`x`\n# h")
    assert "\n# h" not in section and section.splitlines()[-2].count("`") == 2  # one span of code
    with pytest.raises(UserError, match="figure"):
        write_card_section(oracle_run, figure="x) <img src=y>")


def test_a_run_without_a_blind_condition_has_no_section(oracle_run: Path, tmp_path: Path) -> None:
    records: pd.DataFrame = read_records(oracle_run)
    write_records(records[records["condition"] == "sighted"], tmp_path / "records.parquet")
    (tmp_path / "manifest.json").write_bytes((oracle_run / "manifest.json").read_bytes())
    with pytest.raises(UserError, match="no blind condition"):
        write_card_section(tmp_path)


def test_export_puts_the_section_into_a_card(oracle_run: Path, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(CARD)
    arguments = ["export", str(oracle_run), "--to", "model-card"]
    done = CliRunner().invoke(app, [*arguments, "--output", str(card)])
    assert done.exit_code == 0 and BEGIN in card.read_text() and "Words of my own." in card.read_text(), done.stderr
    printed = CliRunner().invoke(app, arguments)
    assert printed.stdout == write_card_section(oracle_run)


class Hub:
    """Stands for the hub: what was asked of it."""

    def __init__(self, card: str | None = None) -> None:
        self.card, self.commits = card, []  # type: ignore[var-annotated]

    def hf_hub_download(self, repo_id: str, filename: str) -> str:
        if self.card is None:
            raise EntryNotFoundError("no such file")
        return self.card

    def create_commit(self, **asked: Any) -> Any:
        self.commits.append(asked)
        return SimpleNamespace(pr_url=None, commit_url="address of the commit")


def test_a_run_is_pushed_in_one_commit_with_the_card_s_section(oracle_run: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    hub = Hub(str(tmp_path / "README.md"))
    assert push(oracle_run, "owner/vlm", api=hub) == "address of the commit"
    (commit,) = hub.commits
    files = {one.path_in_repo: one.path_or_fileobj for one in commit["operations"]}
    name = oracle_run.name
    assert set(files) == {f"sightscale/{name}/manifest.json", f"sightscale/{name}/records.parquet", "README.md"}
    assert BEGIN in files["README.md"].decode() and "Words of my own." in files["README.md"].decode()
    push(oracle_run, "owner/vlm", api=Hub(None))  # a repository without a card gets one
    push(oracle_run, "owner/data", kind="dataset", api=(data := Hub()))
    assert len(data.commits[0]["operations"]) == 2


def test_an_entry_is_pushed_with_its_signatures_and_nothing_else(tiny: Path, tmp_path: Path) -> None:
    """Who takes the entry from the repository can verify who sent it, and whose weights it names."""
    entry = Path(shutil.copytree(tiny, tmp_path / "tiny"))
    signatures = ("hashes.json.sigstore.json", "model.sig")
    for name in signatures:
        (entry / name).write_text(f"signature {name}")
    push(entry, "owner/results", kind="dataset", api=(hub := Hub()))
    (commit,) = hub.commits
    files = {one.path_in_repo: Path(one.path_or_fileobj) for one in commit["operations"]}
    names = {"entry.yaml", "records.parquet", "manifest.json", "hashes.json", *signatures}
    assert set(files) == {f"sightscale/tiny/{name}" for name in names}
    assert all(files[f"sightscale/tiny/{name}"].read_text() == f"signature {name}" for name in signatures)
    (entry / "signature.asc").write_text("no file of an entry")
    with pytest.raises(UserError, match=r"signature\.asc doesn't belong in an entry"):
        push(entry, "owner/results", kind="dataset", api=hub)
    assert len(hub.commits) == 1


def test_a_dry_run_of_a_push_uses_no_network(
    oracle_run: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    arguments = ["--to", "owner/vlm", "--dry-run"]
    done = CliRunner().invoke(app, ["push", str(oracle_run), *arguments])
    assert done.exit_code == 0 and "records.parquet" in done.stdout and "## Does it look?" in done.stdout, done.output
    assert len(list_uploads(tiny)) == 4  # an entry's files
    for wrong, reason in ((["push", str(tmp_path), *arguments], "no finished run or entry"),
                          (["push", str(oracle_run), "--to", "a b", "--dry-run"], "repository"),
                          (["push", str(oracle_run), "--to", "vlm", "--dry-run"], "OWNER/NAME")):  # fmt: skip
        done = CliRunner().invoke(app, wrong)
        assert done.exit_code == 1 and reason in done.stderr and len(done.stderr.splitlines()) == 1
