"""SQL over the records of many runs, and reading a few columns of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import ANALYSED, find_runs, read_records
from sightscale.tasks.errors import UserError

pytest.importorskip("duckdb", reason="SQL over records is an extra")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, write_runs: Callable[..., None]) -> Path:
    folder = tmp_path_factory.mktemp("records") / "it's all"
    write_runs(folder, runs=3, questions=4)
    (folder / "run-001" / "manifest.json").write_text(json.dumps({"model": "model-001", "seed": 7}))
    table = pq.read_table(folder / "run-002" / "records.parquet")
    pq.write_table(table.drop_columns(["iou"]), folder / "run-002" / "records.parquet")  # from before the column
    return folder


def ask(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["records", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_a_folder_of_runs_is_one_data_set(runs: Path, tmp_path: Path) -> None:
    sql = "SELECT run, model, count(*) AS n, avg(score) AS score FROM records GROUP BY ALL ORDER BY run"
    code, out, err = ask(runs, "--sql", sql, "--output", tmp_path / "deep" / "out.csv")
    assert code == 0, err
    read = pd.read_csv(tmp_path / "deep" / "out.csv")
    assert list(read["run"]) == ["run-000", "run-001", "run-002"] and set(read["n"]) == {120}
    expected = [read_records(run)["score"].mean() for run in find_runs(runs)]
    assert list(read["score"]) == pytest.approx(expected)
    assert "3 rows of 3 runs" in out


def test_manifests_are_a_table_beside_it(runs: Path) -> None:
    code, out, err = ask(runs, "--sql", "SELECT run, seed FROM records JOIN runs USING (run) WHERE seed = '7' LIMIT 1")
    assert code == 0, err
    assert "run-001" in out


def test_without_a_query_it_says_what_there_is(runs: Path) -> None:
    code, out, _ = ask(runs)
    assert code == 0 and out.count("sighted") == 3 and "6 rows; 3 runs" in out


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_rows_are_written_as_the_name_ends(runs: Path, tmp_path: Path, ending: str) -> None:
    query = tmp_path / "some.sql"
    query.write_text("SELECT task, doc_id FROM records WHERE condition = 'none' -- all\n;")
    path = tmp_path / f"out.{ending}"
    assert ask(runs, query, "--output", path)[0] == 0
    readers = {"csv": pd.read_csv, "jsonl": lambda file: pd.read_json(file, lines=True), "parquet": pd.read_parquet}
    assert len(readers[ending](path)) == 3 * 15 * 4


def test_a_long_answer_is_cut_and_says_so(runs: Path) -> None:
    code, out, _ = ask(runs, "--sql", "SELECT doc_id FROM records")
    assert code == 0 and "the first 100 rows, --output writes all; 3 runs" in out


def test_what_a_model_wrote_is_harmless_on_a_terminal(runs: Path) -> None:
    code, out, _ = ask(runs, "--sql", "SELECT '[red]' || chr(27) || '[31m' AS response, 0.5 AS half, NULL AS nothing")
    assert code == 0 and "[red]\\u001b[31m" in out and "\x1b" not in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--sql", "SELECT nothing FROM records"], "the query failed: Binder Error"),
        (["--sql", "SELEC"], "the query failed: Parser Error"),
        (["--sql", "SELECT 1", "--memory", "lots"], "--memory 'lots' is not a size"),
        (["--sql", "SELECT 1", "--output", "out.xlsx"], "its name must end in .csv, .jsonl, .parquet"),
        (["nowhere.sql"], "cannot read the query nowhere.sql"),
        (["nowhere"], "there is no folder nowhere"),
    ],
)
def test_a_mistake_is_told_in_one_line(runs: Path, arguments: list[str], reason: str) -> None:
    code, _, err = ask(runs, *arguments)
    assert code == 1 and reason in err and len(err.strip().splitlines()) == 1


def test_a_few_columns_hold_each_text_once(runs: Path) -> None:
    path = runs / "run-002"
    whole, few = read_records(path), read_records(path, ANALYSED)
    assert list(few.columns) == list(ANALYSED)
    assert isinstance(few["cluster"].dtype, pd.CategoricalDtype)
    for name in ANALYSED:
        assert few[name].astype(whole[name].dtype).equals(whole[name]), name
    assert read_records(path, ["iou"])["iou"].isna().all()


def test_a_file_that_is_no_records_file_is_named_whichever_columns_are_asked_for(tmp_path: Path) -> None:
    pq.write_table(pa.table({"score": [1.0]}), tmp_path / "records.parquet")
    with pytest.raises(UserError, match="is not a records file: it lacks"):
        read_records(tmp_path, ["score"])
