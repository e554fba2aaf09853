"""Adding: which runs make an entry, and what stops one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import (
    Plan,
    describe_data,
    evaluate,
    import_samples,
    read_records,
    write_records,
)
from sightscale.leaderboards.entry.add import Facts, add_entry, read_facts
from sightscale.leaderboards.entry.folders import load_entry
from sightscale.leaderboards.entry.scores import score_tasks
from sightscale.leaderboards.verification import State, verify_entry
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Kind

OPEN = ("in_domain_gqa", "downscaling_gqa")  # with options, and without
FACTS = Facts(visual_data="unk.", licence="MIT", contact="x@example.org")


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


def test_a_run_of_an_unknown_kind_makes_no_entry(oracle_run: Path, tmp_path: Path) -> None:
    imported = Path(shutil.copytree(oracle_run, tmp_path / "imported"))
    manifest = json.loads((imported / "manifest.json").read_text())
    (imported / "manifest.json").write_text(json.dumps({**manifest, "kind": "guessed"}))
    facts = Facts(visual_data="unk.", licence="MIT", contact="x@example.org")
    with pytest.raises(UserError, match="kind"):
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


def test_answers_of_another_harness_make_an_entry_that_is_partly_checked(
    small_mini: None, tmp_path: Path, in_this_process: None
) -> None:
    """lmms-eval's own sample files, sighted and blind, of a task with options and of an open one."""
    evaluate(Plan(parse_model("scripted:oracle"), "oracle", OPEN, ("none",), tmp_path / "run", data="mini"))
    files = write_samples(read_records(tmp_path / "run"), tmp_path)
    run = tmp_path / "imported"
    records = import_samples([*map(str, files)], "theirs", data=describe_data("mini"))
    run.mkdir()
    write_records(records, run / "records.parquet")
    with pytest.raises(UserError, match="answer_budget"):
        add_entry([run], tmp_path / "theirs", FACTS)
    entry = add_entry([run], tmp_path / "theirs", FACTS.model_copy(update={"answer_budget": 16}))
    assert (entry.kind, entry.name) == (Kind.IMPORTED, "theirs")
    verified = verify_entry(tmp_path / "theirs", "mini")
    assert verified.state is State.PARTLY, [issue.line() for issue in verified.issues]
    reasons = " ".join(issue.reason for issue in verified.issues)
    assert "another harness had these answers" in reasons and "don't say what the model was shown" in reasons


def test_imported_answers_say_which_data_they_are_of(tmp_path: Path, tiny: Path) -> None:
    records = read_records(tiny / "records.parquet").assign(kind="imported", data=None)
    (tmp_path / "run").mkdir()
    write_records(records, tmp_path / "run" / "records.parquet")
    with pytest.raises(UserError, match="doesn't say which data were asked"):
        add_entry([tmp_path / "run"], tmp_path / "entry", FACTS)


def test_claims_alone_hold_the_numbers_and_no_answer(oracle_run: Path, tmp_path: Path) -> None:
    entry = add_entry([oracle_run], tmp_path / "mine", FACTS, claims_only=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["entry.yaml"]
    assert entry.claims_only and entry.scores and load_entry(tmp_path / "mine") == entry


def write_samples(records: pd.DataFrame, folder: Path) -> list[Path]:
    """The files that lmms-eval writes with --log_samples of these answers, a blind variant as a task of its own."""
    files = []
    for (task, condition), rows in records.groupby(["task", "condition"], sort=False):
        name = f"{task}_blind" if condition == "none" else task
        path = folder / f"20260101_000000_samples_{name}.jsonl"
        lines = []
        for row in rows.astype(object).where(rows.notna(), None).itertuples():
            sample = {"doc_id": row.doc_id, "target": row.target, "filtered_resps": row.response, "input": row.prompt}
            sample |= {"item_id": row.item_id, "accuracy": row.score}
            sample |= {"options": json.loads(row.options)} if row.options else {}
            kept = ("answer_format", "category", "l2_category", "blind_probability", "truth_description")
            sample |= {key: getattr(row, key) for key in kept if getattr(row, key) is not None}
            lines.append(json.dumps(sample))
        path.write_text("\n".join(lines) + "\n")
        files.append(path)
    return files


def test_a_run_with_doses_makes_an_entry_whose_pictures_are_checked(
    small_mini: object, in_this_process: None, tmp_path: Path, rewrite: Callable[..., None]
) -> None:
    """How much of a picture a model needs may stand on a board; what each dose left of it is drawn again."""
    model = "scripted:oracle"
    conditions = ("none", "blur:4", "downscale:8")
    evaluate(Plan(parse_model(model), model, ("in_domain_gqa",), conditions, tmp_path / "run", data="mini"))
    entry = add_entry([tmp_path / "run"], tmp_path / "dosed", FACTS)
    assert {str(score.condition) for score in entry.scores} == {"sighted", *conditions}
    honest = verify_entry(tmp_path / "dosed", "mini")
    assert honest.accepted, honest.issues
    whole = read_records(tmp_path / "dosed" / "records.parquet")
    whole.loc[whole["condition"] == "blur:4", "shown_hash"] = whole["image_hash"]
    rewrite(tmp_path / "dosed", lambda _: whole)
    lines = "\n".join(issue.line() for issue in verify_entry(tmp_path / "dosed", "mini").issues)
    assert "error: records.parquet: in_domain_gqa, blur:4, shown_hash: 8 rows differ from the data" in lines
