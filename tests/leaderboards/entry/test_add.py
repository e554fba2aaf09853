"""Adding: which runs make an entry, and what stops one."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import read_records, write_records
from sightscale.leaderboards.entry.add import Facts, add_entry, read_facts
from sightscale.leaderboards.entry.scores import score_tasks
from sightscale.tasks.errors import UserError


def test_runs_that_do_not_belong_together_are_refused(oracle_run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(oracle_run, tmp_path / "other"))
    manifest = json.loads((other / "manifest.json").read_text())
    facts = Facts(visual_data="unk.", licence="MIT", contact="x@example.org")
    with pytest.raises(ValueError, match="stands in two runs"):
        add_entry([oracle_run, other], tmp_path / "entry", facts)
    (other / "manifest.json").write_text(json.dumps({**manifest, "model": "another"}))
    with pytest.raises(ValueError, match="differ in model"):
        add_entry([oracle_run, other], tmp_path / "entry", facts)
    (other / "manifest.json").write_text(json.dumps({**manifest, "status": "running"}))
    with pytest.raises(ValueError, match="isn't finished"):
        add_entry([other], tmp_path / "entry", facts)


def test_an_imported_run_makes_no_entry(oracle_run: Path, tmp_path: Path) -> None:
    imported = Path(shutil.copytree(oracle_run, tmp_path / "imported"))
    manifest = json.loads((imported / "manifest.json").read_text())
    (imported / "manifest.json").write_text(json.dumps({**manifest, "kind": "imported"}))
    facts = Facts(visual_data="unk.", licence="MIT", contact="x@example.org")
    with pytest.raises(UserError, match=r"kind: must be end-to-end or decoupled"):
        add_entry([imported], tmp_path / "entry", facts)
    assert not (tmp_path / "entry").exists()


def ask(output: Path, *options: str) -> Path:
    asked = ["run", "--model", "scripted:oracle", "--data", "mini", "--tasks", "in_domain_gqa", "--blind", "none"]
    done = CliRunner().invoke(app, [*asked, *options, "--output", str(output)])
    assert done.exit_code == 0, done.stderr
    return output


def test_a_run_that_its_rule_ended_early_makes_no_entry(tmp_path: Path) -> None:
    run, facts = ask(tmp_path / "run", "--until", "reliance>0"), Facts(visual_data="unk.", licence="MIT", contact="x")
    with pytest.raises(UserError, match=r"stopped early \(in_domain_gqa: reliance>0, 32 of 300 questions\)"):
        add_entry([run], tmp_path / "entry", facts)
    assert not (tmp_path / "entry").exists()
    # Nor is an entry accepted whose manifest hides how its run stopped.
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "stopped": {}, "until": None}))
    add_entry([run], tmp_path / "entry", facts)
    done = CliRunner().invoke(app, ["leaderboard", "verify", str(tmp_path / "entry")])
    assert done.exit_code == 1 and "268 of 300 documents are missing" in done.stdout


def test_a_rule_that_ended_nothing_changes_no_number(small_mini: object, tmp_path: Path) -> None:
    # The rule was in the manifest before the first question, and all were asked: sighted and blind in turn.
    run = ask(tmp_path / "run", "--until", "width<6")
    manifest = json.loads((run / "manifest.json").read_text())
    stop = manifest["stopped"]["in_domain_gqa"]
    assert manifest["until"] == "width<6" == stop["rule"] and stop["holds"] is None and stop["asked"] == 8
    facts = Facts(visual_data="unk.", licence="MIT", contact="x@example.org")
    ruled = add_entry([run], tmp_path / "entry", facts)
    plain = add_entry([ask(tmp_path / "plain")], tmp_path / "other", facts)
    assert ruled.scores == plain.scores and ruled.averages == plain.averages
    done = CliRunner().invoke(app, ["leaderboard", "verify", str(tmp_path / "entry")])
    assert done.exit_code == 0, done.stdout


def test_rows_of_answers_from_the_store_say_the_size_that_the_run_counted(oracle_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(oracle_run, tmp_path / "run"))
    records = read_records(run)
    write_records(records.assign(parameters=None), run / "records.parquet")
    add_entry([run], tmp_path / "entry", Facts(visual_data="unk.", licence="MIT", contact="x@example.org"))
    assert read_records(tmp_path / "entry" / "records.parquet")["parameters"].equals(records["parameters"])


def test_facts_come_from_a_file_and_options_stand_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "facts.yaml").write_text("licence: MIT\ntitle: Ours\n")
    facts = read_facts(tmp_path / "facts.yaml", {"title": "Theirs", "contact": None})
    assert (facts.licence, facts.title, facts.contact) == ("MIT", "Theirs", None)
    with pytest.raises(UserError, match=r"none\.yaml: no such file"):
        read_facts(tmp_path / "none.yaml", {})
    (tmp_path / "facts.yaml").write_text("colour: red\n")
    with pytest.raises(UserError, match="colour"):
        read_facts(tmp_path / "facts.yaml", {})


def test_a_folder_that_cannot_be_written_is_named(oracle_run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    facts = Facts(visual_data="unk.", licence="MIT", contact="x@example.org")
    with pytest.raises(UserError, match="cannot write"):
        add_entry([oracle_run], tmp_path / "file" / "entry", facts)


@pytest.mark.parametrize(("score", "reason"), [(1500.0, "less than or equal to 1"), (float("nan"), "finite number")])
def test_scores_that_are_no_shares_are_named(score: float, reason: str) -> None:
    records = pd.DataFrame({"task": ["mme"], "condition": ["sighted"], "score": [score]})
    with pytest.raises(UserError, match=f"^mme, sighted: score: .*{reason}"):
        score_tasks(records)
