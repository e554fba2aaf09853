"""Exports: each format is read back by its consumer's own parser, or held against its own schema."""

import ast
import csv
import hashlib
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from hypothesis import given, strategies as st
from lmms_eval.utils import make_table

from sightscale.harness.evaluation import read_records
from sightscale.harness.evaluation.records import write_records
from sightscale.leaderboards.exports import sightscale_converter
from sightscale.leaderboards.exports.every_eval_ever import write_every_eval_ever
from sightscale.leaderboards.exports.hub import write_hub_eval, write_model_index
from sightscale.leaderboards.exports.lmms_eval import write_lmms_eval
from sightscale.leaderboards.exports.measured import Measured, metric_of, read_measured
from sightscale.leaderboards.exports.tables import escape_latex, write_csv, write_latex, write_markdown
from sightscale.leaderboards.published import read_published
from sightscale.leaderboards.published.table_one import HEADINGS, row_of_published

# The consumer's own schemas, as the package every-eval-ever 0.3.0 carries it; the package needs Python 3.12.
AGGREGATES, INSTANCES = (
    jsonschema.Draft7Validator(
        json.loads((Path(__file__).parent / "every_eval_ever" / name).read_text(encoding="utf-8")),
        format_checker=jsonschema.FormatChecker(),
    )
    for name in ("eval.schema.json", "instance_level_eval.schema.json")
)


@pytest.fixture(scope="module")
def measured(oracle_run: Path) -> Measured:
    return read_measured(oracle_run)


@pytest.fixture(scope="module")
def on_hub(oracle_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The same numbers as if they were of the public data."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "records.parquet").write_bytes((oracle_run / "records.parquet").read_bytes())
    manifest = json.loads((oracle_run / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "data": "hub", "data_revision": "hub"}))
    return read_measured(folder)


def test_lmms_eval_prints_its_table_of_ours(oracle_run: Path) -> None:
    for condition, name in (("sighted", "in_domain_gqa"), ("none", "in_domain_gqa_blind")):
        one = read_measured(oracle_run, condition)
        results = json.loads(write_lmms_eval(one))
        assert results["results"][name]["accuracy,none"] == one.estimates["in_domain_gqa"].value
        assert f"|{name} " in make_table(results) and "two_afc" in make_table(results)


def test_model_index_reads_back_with_the_hubs_client(measured: Measured) -> None:
    card = ModelCard(write_model_index(measured) + "# A model\n")
    results = {one.dataset_config: one for one in card.data.eval_results or []}
    assert set(results) == set(measured.estimates) and card.data.model_name == "scripted:oracle"
    for task, estimate in measured.estimates.items():
        assert results[task].metric_value == pytest.approx(100 * estimate.value, abs=0.005)
        assert "mini suite, not the public data" in results[task].dataset_name


def test_hub_results_read_back_with_the_hubs_client(on_hub: Measured) -> None:
    entries = {one.task_id: one for one in parse_eval_result_entries(yaml.safe_load(write_hub_eval(on_hub)))}
    assert entries["in_domain_gqa"].dataset_id == "suyc21/VMCBench" and "similarity_nights" not in entries
    assert entries["mmstar_math"].value == pytest.approx(100 * on_hub.estimates["mmstar_math"].value, abs=0.005)
    assert entries["mmstar_math"].dataset_revision is None  # `main` is no commit
    assert "n = 8" in str(entries["mmstar_math"].notes)


def test_only_the_public_benchmark_itself_is_exported_to_its_leaderboard(measured: Measured) -> None:
    with pytest.raises(ValueError, match="mini suite"):
        write_hub_eval(measured)


def test_every_eval_evers_own_schema_takes_ours(oracle_run: Path, on_hub: Measured) -> None:
    for one in (read_measured(oracle_run, "none"), on_hub):
        document = json.loads(write_every_eval_ever(one, "Example", "third_party", now=1.0))
        AGGREGATES.validate(document)
        result = document["evaluation_results"][0]
        task = result["evaluation_result_id"].split(":")[0]
        assert result["score_details"]["score"] == one.estimates[task].value
        interval = result["score_details"]["uncertainty"]["confidence_interval"]
        assert interval["lower"] <= result["score_details"]["score"] <= interval["upper"]
    with pytest.raises(ValueError, match="known: first_party"):
        write_every_eval_ever(on_hub, relationship="friend")


def test_the_converter_for_every_eval_ever_needs_nothing_of_ours() -> None:
    tree = ast.parse(Path(sightscale_converter.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) == {"duckdb"}


def test_the_converter_for_every_eval_ever_writes_every_condition_and_answer(oracle_run: Path, tmp_path: Path) -> None:
    command = [sys.executable, sightscale_converter.__file__, str(oracle_run), "--output_dir", str(tmp_path / "data")]
    done = subprocess.run([*command, "--model_id", "me/oracle:1", "--include_samples"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.parent == tmp_path / "data" / "sightscale" / "me" / "oracle_1"
    document = json.loads(path.read_text(encoding="utf-8"))
    AGGREGATES.validate(document)
    results = {result["evaluation_result_id"]: result for result in document["evaluation_results"]}
    for condition in ("sighted", "none", "mismatched"):
        here = read_measured(oracle_run, condition)
        for task, estimate in here.estimates.items():
            result = results.pop(f"{task}:{condition}:{metric_of(task)}")
            assert result["score_details"]["score"] == pytest.approx(estimate.value, abs=1e-12)
            assert result["score_details"]["uncertainty"]["num_samples"] == estimate.n
            assert "mini suite, not the public data" in result["metric_config"]["evaluation_description"]
    assert not results
    records = read_records(oracle_run)
    detailed = document["detailed_evaluation_results"]
    samples = (tmp_path / detailed["file_path"]).read_bytes()
    assert detailed["checksum"] == hashlib.sha256(samples).hexdigest()
    rows = [json.loads(line) for line in samples.splitlines()]
    assert len(rows) == detailed["total_rows"] == records["score"].notna().sum()
    for row in rows:
        INSTANCES.validate(row)
        assert (row["evaluation_id"], row["model_id"]) == (document["evaluation_id"], "me/oracle:1")
    shares = pd.Series([row["evaluation"]["score"] for row in rows]).groupby(
        [row["evaluation_result_id"] for row in rows]
    )
    for result in document["evaluation_results"]:
        assert shares.mean()[result["evaluation_result_id"]] == pytest.approx(result["score_details"]["score"])


def test_what_the_converter_for_every_eval_ever_cannot_take_ends_in_one_line(
    oracle_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, reason in (
        ([str(oracle_run)], "'scripted:oracle' has no owner; give --model_id OWNER/NAME"),
        ([str(oracle_run), "--model_id", "me/.."], "makes no folder"),
        ([str(tmp_path), "--model_id", "me/x"], "is no run of sightscale: it has no manifest.json"),
    ):
        assert sightscale_converter.main([*arguments, "--output_dir", str(tmp_path / "data")]) == 1
        said = capsys.readouterr()
        assert reason in said.err and said.err.count("\n") == 1 and not said.out
    assert not (tmp_path / "data").exists()


def test_a_standard_error_counts_pictures() -> None:
    alone = [0.0, 1.0, 1.0, 1.0]
    spread = pd.Series(alone).std() / 2
    assert sightscale_converter.standard_error(alone, list("abcd")) == pytest.approx(spread)
    assert sightscale_converter.standard_error(alone * 3, list("abcd") * 3) == pytest.approx(spread)
    assert math.isnan(sightscale_converter.standard_error(alone, list("aaaa")))


def of_public_data(measured: Measured) -> Measured:
    """The same numbers as of a run on the whole public data."""
    whole = {
        task: replace(estimate, n=(card.questions if (card := measured.card(task)) else None) or estimate.n)
        for task, estimate in measured.estimates.items()
    }
    return replace(measured, manifest={**measured.manifest, "data": "hub", "limit": None}, estimates=whole)


def test_mini_and_limited_rows_never_stand_among_the_published(measured: Measured) -> None:
    limited = replace(measured, manifest={**measured.manifest, "data": "hub", "limit": 100})
    for one, reason in ((measured, "mini suite"), (limited, "first 100")):
        for write in (write_csv, write_latex, write_markdown):
            with pytest.raises(ValueError, match=reason):
                write(one, published=True)
    assert "(the embedded mini suite, not the public data)" in write_csv(measured)
    assert "(only the first 100 documents of each task)" in write_csv(limited)


def test_blind_rows_and_parts_of_public_data_never_stand_among_the_published(
    measured: Measured, oracle_run: Path
) -> None:
    blind = of_public_data(read_measured(oracle_run, "none"))
    few = replace(measured, manifest={**measured.manifest, "data": "hub", "limit": None})  # 8 questions of a task
    for one, reason in ((blind, r"these rows are blind \(none\)"), (few, "has 8 of its")):
        for write in (write_csv, write_latex, write_markdown):
            with pytest.raises(ValueError, match=reason):
                write(one, published=True)
    assert "(blind: none)" in write_csv(blind)


def test_tables_have_the_studys_columns_and_rows(measured: Measured, oracle_run: Path) -> None:
    rows = list(csv.reader(io.StringIO(write_csv(of_public_data(measured), "1.0M", published=True))))
    assert rows[0] == list(HEADINGS) and len(rows) == 2 + len(read_published())
    assert rows[1][:4] == ["scripted:oracle", "–", "0.0M", "1.0M"]
    cells = dict(zip(rows[0], rows[1], strict=True))
    assert cells["GQA"] == "100.0" and cells["VizWiz"] == "–" and cells["In-domain avg."] == "–"
    last = read_published()[-1]
    assert rows[-1] == row_of_published(last).cells() and rows[-1][-1] == f"{last.mmstar_average:.1f}"
    blind = write_markdown(read_measured(oracle_run, "none"))
    assert "blind\\: none" in blind and blind.count("\n") == 3
    latex = write_latex(of_public_data(measured), published=True)
    assert latex.count(r"\\") == 2 + len(read_published())
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert all(line.count(" & ") == len(HEADINGS) - 1 for line in rows)
    assert r"\begin{tabular}{l" + "r" * (len(HEADINGS) - 1) + "}" in latex and latex.endswith("\\end{tabular}\n")


def test_a_condition_that_was_not_run_is_named(oracle_run: Path) -> None:
    with pytest.raises(ValueError, match="it has sighted, none, mismatched"):
        read_measured(oracle_run, "noise")


@given(st.text(max_size=40))
def test_no_name_breaks_out_of_its_cell(measured: Measured, name: str) -> None:
    from dataclasses import replace

    named = replace(measured, name=f"={name}")
    rows = list(csv.reader(io.StringIO(write_csv(named))))
    assert len(rows) == 2 and rows[1][0].startswith("'=") and len(rows[1]) == len(HEADINGS)
    assert write_markdown(named).count("\n") == 3
    escaped = escape_latex(name)
    assert all(escaped[max(0, i - 1)] == "\\" for i, mark in enumerate(escaped) if mark in "&%$#_")


def test_a_papers_table_has_several_runs_blind_and_sighted_with_intervals(
    oracle_run: Path, tmp_path: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    records = read_records(oracle_run)
    worse = records.assign(run_id="another", model="other_1", score=records["score"].where(records.index % 2 == 0, 0.0))
    worse.loc[worse["condition"] != "sighted", "score"] = 1.0
    write_records(worse, tmp_path / "records.parquet")
    assert run_command("export", str(oracle_run), str(tmp_path), "--to", "latex") == 0
    table = capsys.readouterr().out
    rows = [line.removesuffix(r" \\").split(" & ") for line in table.splitlines() if line.endswith(r"\\")]
    assert {len(row) for row in rows} == {7} and table.count("tabular}") == 2
    assert [row[0] for row in rows[1:]].count(r"other\_1") == len(rows) // 2
    assert all(row[6].startswith("$-$") and "[$-$" in row[6] for row in rows if row[0] == r"other\_1")
    assert {row[4] for row in rows[1:]} == {"no picture", "mismatched"}
    expected = read_measured(oracle_run)
    first = rows[1]
    assert first[3] == expected.estimates[first[1].replace("\\_", "_")].show() and first[6].startswith("+")
    assert run_command("export", str(oracle_run), "--to", "latex", "--condition", "none") == 0
    assert "mismatched" not in capsys.readouterr().out
    assert run_command("export", str(oracle_run), "--to", "latex", "--condition", "noise") == 1
    assert "no run was asked blind under 'noise'; asked: mismatched, none" in capsys.readouterr().err
    assert run_command("export", str(oracle_run), str(oracle_run), "--to", "csv") == 1
    assert "csv takes one run, not 2" in capsys.readouterr().err


def test_exports_are_printed_and_written(
    oracle_run: Path, tmp_path: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("export", str(oracle_run), "--to", "csv") == 0
    assert capsys.readouterr().out.startswith("System,Perception")
    assert run_command("export", str(oracle_run), "--to", "lmms-eval", "--output", str(tmp_path / "a" / "b.json")) == 0
    assert json.loads((tmp_path / "a" / "b.json").read_text())["results"]
    assert (
        run_command("export", str(oracle_run), "--to", "parquet") == 1 and "known: lmms-eval" in capsys.readouterr().err
    )
