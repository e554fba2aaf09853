"""The command as a user runs it: files, report, a page that no text can break out of, and rows that train."""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sightscale.harness.cli import app
from sightscale.trainers.data.conversation_files import ConversationFile
from sightscale.trainers.extraction import page
from sightscale.trainers.extraction.examples import Result as Extraction
from sightscale.trainers.extraction.quality import measure_quality
from sightscale.trainers.extraction.rows import RowFile
from sightscale.trainers.recipe import load_recipe
from sightscale.trainers.stages import read_log
from sightscale.trainers.train import train


def sightscale(*arguments: str | Path | int) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def output(extracted: tuple[Result, Path]) -> Path:
    return extracted[1]


def test_the_table_tells_what_was_kept_and_what_was_not(extracted: tuple[Result, Path]) -> None:
    done, _ = extracted
    assert done.exit_code == 0, done.stderr
    for said in ("from mini:in_domain/GQA", "set aside: no question", "left aside: text only", "near-duplicates"):
        assert said in done.stdout


def test_the_report_counts_everything(output: Path) -> None:
    report = json.loads((output / "report.json").read_text())
    rows = [json.loads(line) for line in (output / "data.jsonl").read_text().splitlines()]
    assert report["rows"] == len(rows) == sum(report["sources"].values())
    assert report["sources"]["mini:in_domain/GQA"] == 20
    assert report["statements"] == sum(len(row["provenance"]["statements"]) for row in rows)
    assert report["refused"] == report["truncated"] == 0.0 and 0.9 < report["stated"] < 1.0
    lengths = sorted(len(row["conversations"][1]["value"].split()) for row in rows)
    assert (report["words"]["min"], report["words"]["max"]) == (lengths[0], lengths[-1])
    assert report["left_aside"]["text_only"] == 1


def test_the_page_shows_samples_and_lets_no_text_out(output: Path) -> None:
    shown = (output / "samples.html").read_text()
    assert shown.count("<article>") == 24 and shown.count('src="data:image/jpeg;base64,') == 24
    assert not re.search(r"<script|<img(?! src=\"data:image/jpeg)|https?://", re.sub(r"base64,[^\"]*", "", shown))
    assert "prefers-color-scheme: dark" in shown and 'name="viewport"' in shown
    assert "Content-Security-Policy" in shown and len(shown) < 2_000_000


def test_hostile_text_is_shown_as_text(output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SAMPLES", 100)
    folder = tmp_path / "copy"
    shutil.copytree(output, folder)
    result = Extraction(RowFile(folder / "data.jsonl"), RowFile(folder / "rejected.jsonl"), {})
    page.write_page(result, measure_quality(result), folder, "<script>alert(1)</script>")
    shown = (folder / "samples.html").read_text()
    assert shown.count("&lt;script&gt;alert(1)") >= 3 and "<script" not in shown
    assert "onerror=alert(1)&gt;{{ 7*7 }}" in shown


def test_the_rows_train_a_model_as_they_are(output: Path, tmp_path: Path) -> None:
    file = ConversationFile(output / "data.jsonl")
    assert len(file) == 32 and not file.bad
    assert all(picture().size[0] > 60 for i in range(len(file)) for picture in file[i].pictures)
    recipe = load_recipe("easy_vqa_nano")
    stage = recipe.stages[-1].model_dump() | {
        "name": "extract",
        "kind": "extract",
        "steps": 2,
        "batch_size": 2,
        "mixture": [
            {"source": "easy_vqa", "forms": {"describe": 1.0}, "turns": 1, "weight": 0.01},
            {"source": "files", "files": ["data.jsonl"]},
        ],
    }
    short = type(recipe).model_validate({**recipe.model_dump(), "stages": [stage], "scored_on": []})
    released = train(short, tmp_path / "work", tmp_path / "model", data_root=output)
    assert released == {"easy_vqa_nano": tmp_path / "model"}
    assert [entry["step"] for entry in read_log(tmp_path / "work" / "log.jsonl")] == [1, 2]
    assert (tmp_path / "work" / "extract" / "bad_rows.txt").read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["gone.jsonl", "--teacher", "easy_vqa_nano"], "no conversation file"),
        (["mini:nothing", "--teacher", "easy_vqa_nano"], "no set"),
        (["mini:in_domain_gqa", "--teacher", "no-such-model"], "cannot load model"),
        (["mini:in_domain_gqa", "--teacher", "scripted:oracle"], "must be one model"),
    ],
)
def test_a_mistake_ends_in_one_line(arguments: list[str], reason: str, tmp_path: Path) -> None:
    done = sightscale("extract-data", *arguments, "--limit", 1, "--output", tmp_path / "out")
    assert done.exit_code == 1 and reason in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out" / "data.jsonl").exists()
