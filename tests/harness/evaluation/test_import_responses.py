"""Response matrices: cells as scores under their conditions, and a line for every table that is none."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import import_responses, name_folders, read_records

TABLE = "\ufeff,q1,q 2,<no_image>q1,<no_image>q 2,<no_question>q1,<no_info>q 2\nm/a,1,0,0,,1.0,0\nb,0,1,1,0,0,1\n"


def save(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "pets.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_cells_are_scores_under_their_conditions(tmp_path: Path) -> None:
    models = import_responses(save(tmp_path, TABLE), "pets", "theirs@1")
    assert list(models) == ["m/a", "b"]
    rows = models["m/a"].set_index(["condition", "item_id"])["score"].to_dict()
    assert rows == {
        ("sighted", "q1"): 1,
        ("sighted", "q 2"): 0,
        ("none", "q1"): 0,
        ("no_question", "q1"): 1,
        ("options_only", "q 2"): 0,
    }  # an empty cell wasn't asked
    first = models["b"].iloc[0]
    assert (first["kind"], first["task"], first["data"], first["outcome"]) == (
        "imported",
        "pets",
        "theirs@1",
        "answered",
    )
    assert models["m/a"]["run_id"].iloc[0] != models["b"]["run_id"].iloc[0]
    assert dict(zip(models["b"]["item_id"], models["b"]["doc_id"], strict=True)) == {"q1": 0, "q 2": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a table of models × questions"),
        (",q1\n", "not a table of models × questions"),
        (",q1,q1\na,1,0\n", "two columns for question 'q1' under sighted"),
        (",<sideways>q1\na,1\n", "under <sideways>; known: <sighted>"),
        (",<none>\na,1\n", "without a question name"),
        (",q1\na,2\n", "a has '2' for question 'q1'"),
        (",q1\na,nan\n", "a has 'nan'"),
        (",q1\na,=1+1\n", "a has '=1+1'"),
        (",q1\na,1\na,0\n", "two rows for a"),
        (",q1,q2\na,1\n", "1 cells for 2 questions"),
        (",q1\n\x1b[31m,1\n", "without a printable model name"),
        (",q1\na,\n", "the row of a is empty"),
        (',q1\n"a,1\n', "is not a CSV file"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = save(tmp_path, text)
    done = CliRunner().invoke(app, ["import", str(path), "--output", str(tmp_path / "runs")])
    assert done.exit_code == 1 and reason in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_each_model_becomes_a_run(tmp_path: Path) -> None:
    arguments = ["import", str(save(tmp_path, TABLE)), "--output", str(tmp_path / "runs")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0 and "11 records of 2 models" in done.stdout
    assert read_records(tmp_path / "runs" / "m-a")["task"].unique().tolist() == ["pets"]
    assert CliRunner().invoke(app, arguments).exit_code == 1  # nothing is written over
    assert "is imported alone" in CliRunner().invoke(app, [*arguments, "--model", "x"]).stderr


def test_folders_are_plain_and_differ() -> None:
    assert list(name_folders(["a/b", "a b", "..", "ok-1.5"]).values()) == ["a-b", "a-b-1", "model", "ok-1.5"]


def test_folders_differ_whatever_they_are_called() -> None:
    names = ["a b", "a-b-2", "a/b", "a b-2"]
    assert len(set(name_folders(names).values())) == len(names)
