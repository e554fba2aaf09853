"""The report as a user makes it: files, a page that nothing in the records can change, one line for a mistake."""

import json
import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs

import jsonlines
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import read_records
from sightscale.harness.looking import Look
from sightscale.harness.report.folders import read_given
from sightscale.harness.report.write import Options, write_report
from sightscale.harness.statistics import Estimate
from sightscale.tasks.errors import UserError

Make = Callable[..., pd.DataFrame]
Save = Callable[..., str]
QUICK = Options(pictures=False, resamples=200)


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the texts of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_command_writes_everything_and_prints_one_page(plain_run: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(plain_run), "--no-pictures"])
    assert done.exit_code == 0, done.stderr
    assert "org/model gets 78.3 %" in done.stdout and done.stdout.count("\n") < 40
    folder = plain_run / "report"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"report.html", "report.md", "tables/scores.csv", "tables/outcomes.csv", "tables/unread.csv"} <= names
    assert {"figures/looking.png", "figures/looking.svg", "figures/outcomes.png", "tables/categories.csv"} <= names
    scores = pd.read_csv(folder / "tables" / "scores.csv")
    assert scores.loc[0, "score"] == 47 / 60 and scores.loc[0, "questions"] == 60
    page = (folder / "report.html").read_text()
    assert '<p class="note on-paper">Left out on paper: 60 questions with their pictures and all answers.' in page
    markdown = (folder / "report.md").read_text()
    assert "figures/looking.png" in markdown and "| shapes |" in markdown


def test_questions_that_leak_are_a_list_whose_rows_open_their_samples(plain_run: Path, tmp_path: Path) -> None:
    [contents, written] = write_report(read_given([plain_run]), tmp_path, QUICK)
    records = read_records(plain_run)
    blind = records[records["condition"] == "none"]
    right = {f"shapes:{number}" for number in blind.loc[blind["score"] == 1, "doc_id"]}
    leaks = contents.leaks.rows
    for row in leaks:  # a single blind answer, with one guess of two options added
        assert row["by_models"] == (0.75 if row["sample"] in right else 0.25)
        assert row["leak"] == pytest.approx((row["by_models"] + row["by_text"]) / 2) and row["leak"] > 0.5
    assert [row["leak"] for row in leaks] == sorted((row["leak"] for row in leaks), reverse=True)
    assert {row["guess"] for row in leaks} == {"A"}  # every key is A, which words alone give away
    table = pd.read_csv(tmp_path / "tables" / "leaks.csv")
    assert len(table) == len(leaks) > 10 and table.loc[0, "question"] == leaks[0]["question"]
    page = written[0].read_text()
    assert "<details" in page and f"<summary>Questions that leak ({len(leaks)})</summary>" in page
    index = json.loads(page.partition('id="samples-index">')[2].partition("</script>")[0])
    shown = {f"{index['tasks'][row[0]]}:{row[1]}" for row in index["rows"]}
    links = [
        given["href"] for tag, given in Elements(page).found if tag == "a" and "sample=" in (given.get("href") or "")
    ]
    samples = [parse_qs((link or "")[1:])["sample"][0] for link in links]
    assert samples == [row["sample"] for row in leaks] and set(samples) <= shown


def test_runs_that_were_not_asked_blind_have_no_list_of_leaks(make_rows: Make, save_run: Save, tmp_path: Path) -> None:
    folder = Path(save_run("m", make_rows("t", "sighted", np.ones(60))))
    contents, written = write_report(read_given([folder]), tmp_path / "out", QUICK)
    assert not contents.leaks.rows and "Questions that leak" not in written[0].read_text()


def write_looks(folder: Path, *shares: float, condition: str = "none") -> Path:
    """A training's looks, one for each reliance, as its callback keeps them."""
    folder.mkdir(parents=True)
    with jsonlines.open(folder / "looks.jsonl", "w") as file:
        for number, share in enumerate(shares, 1):
            sighted = Estimate(0.2 + share, 0.1 + share, 0.3 + share, 40, 40)
            parts = sighted, Estimate(0.2, 0.1, 0.3, 40, 40), Estimate(share, share - 0.1, share + 0.1, 40, 40)
            file.write(Look(100 * number, None, condition, *parts, "width<20", True, 0, 1.0, 0.01).as_dict())
    return folder


def test_a_training_s_looks_are_a_curve_of_the_report(plain_run: Path, tmp_path: Path) -> None:
    write_looks(tmp_path / "tuned" / "looking", 0.1, 0.4)
    other = write_looks(tmp_path / "other", 0.3, condition="<b>none")
    arguments = [str(plain_run), str(tmp_path / "tuned"), str(other), "--no-pictures", "--output", str(tmp_path / "r")]
    done = CliRunner().invoke(app, ["report", *arguments])
    assert done.exit_code == 0, done.stderr
    drawn = {path.name for path in (tmp_path / "r" / "figures").iterdir()}
    assert {"does_it_still_look_1.svg", "does_it_still_look_1.pdf", "does_it_still_look_2.png"} <= drawn
    page = (tmp_path / "r" / "report.html").read_text()
    assert "Does it still look? tuned" in page and "Does it still look? other" in page and "<b>none" not in page
    assert "At step 200 the model scores 60.0 [50.0, 70.0] % with the picture" in page
    assert "At step 200" in (tmp_path / "r" / "report.md").read_text()
    done = CliRunner().invoke(app, ["report", str(tmp_path / "tuned"), "--no-pictures"])
    assert done.exit_code == 1 and "looks only" in done.stderr and "sightscale report RUN LOOKS" in done.stderr


def test_the_same_records_give_the_same_bytes(plain_run: Path, tmp_path: Path) -> None:
    written = [write_report(read_given([plain_run]), tmp_path / name, QUICK)[1] for name in ("one", "two")]
    for one, two in zip(*written, strict=True):
        if one.suffix != ".pdf":  # its objects are numbered in another order each time
            assert one.read_bytes() == two.read_bytes(), one.name


def test_nothing_in_the_records_becomes_markup(hostile_run: Path, plain_run: Path, tmp_path: Path) -> None:
    clean = (write_report(read_given([plain_run]), tmp_path / "clean", QUICK)[1][0]).read_text()
    page = (write_report(read_given([hostile_run]), tmp_path / "hostile", QUICK)[1][0]).read_text()
    elements, usual = Elements(page).found, {tag for tag, _ in Elements(clean).found}
    assert {tag for tag, _ in elements} <= usual | {"details", "summary", "pre"}  # of the manifest
    scripts = [given for tag, given in elements if tag == "script"]
    assert sum(not given for given in scripts) == 2 and all("src" not in given for given in scripts)
    for tag, given in elements:
        assert not [name for name in given if name.startswith("on")], tag
        assert (given.get("href") or "#").startswith("#") and "src" not in given and "style" not in given
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", page)
    assert len(page) < 2_000_000


def test_the_policy_lets_in_the_page_s_own_texts_only(plain_run: Path, tmp_path: Path) -> None:
    page = (write_report(read_given([plain_run]), tmp_path, QUICK)[1][0]).read_text()
    policy = next(given["content"] or "" for tag, given in Elements(page).found if "http-equiv" in given)
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
    assert "http:" not in policy and "https:" not in policy and "file:" not in policy
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", page) and "url(" not in page


def test_markdown_and_csv_hold_no_markup_and_no_formula(hostile_run: Path, tmp_path: Path) -> None:
    write_report(read_given([hostile_run]), tmp_path, QUICK)
    markdown = (tmp_path / "report.md").read_text()
    assert "<" not in markdown and not re.search(r"(?<!\\)\]\(javascript", markdown) and len(markdown) < 100_000
    for file in (tmp_path / "tables").glob("*.csv"):
        assert not [cell for cell in file.read_text().split(",") if cell[:1] in ("=", "@")], file.name


def test_many_samples_go_into_files_beside_the_page(plain_run: Path, tmp_path: Path) -> None:
    options = Options(pictures=False, resamples=200, inline=1000)
    written = write_report(read_given([plain_run]), tmp_path, options)[1]
    assert [path.name for path in written[1:3]] == ["samples-0000.js", "samples-0001.js"]
    page = unescape(written[0].read_text())
    assert 'id="samples-0"' not in page and "'self' file:" in page and 'data-folder="report_samples"' in page
    text = written[1].read_text()
    assert text.startswith("sightscaleSamples(0,{") and len(json.loads(text[len("sightscaleSamples(0,") : -3])) == 2


def test_odd_runs_are_reported_all_the_same(make_rows: Make, save_run: Save, tmp_path: Path) -> None:
    odd = {
        "single": make_rows("t", "sighted", np.ones(1)),
        "unparsed": make_rows("t", "sighted", np.zeros(9), outcome="unparsed", prediction=None, options=None),
        "failed": make_rows("t", "sighted", np.zeros(9), outcome="failed", error="no picture", prompt=None),
        "blind": make_rows("t", "none", np.ones(9)),
        "pairs": make_rows("t", "sighted", np.ones(9), image_hash=",".join("ab"[i] * 64 for i in range(2))),
    }
    folders = [Path(save_run(name, rows)) for name, rows in odd.items()]
    for folder in folders:
        contents, written = write_report(read_given([folder]), tmp_path / "out" / folder.name, QUICK)
        assert written[0].stat().st_size > 20_000 and contents.sentences[0][0]
    unscored = Path(save_run("not scored", make_rows("t", "sighted", np.full(9, np.nan), chance=np.nan)))
    with pytest.raises(UserError, match="no score per question for t"):
        read_given([unscored])
    page = (tmp_path / "out" / "pairs" / "report.html").read_text()
    assert "a" * 64 in page and "b" * 64 in page


def test_a_folder_of_runs_is_compared_and_what_cannot_be_is_said(
    make_rows: Make, save_run: Save, plain_run: Path, tmp_path: Path
) -> None:
    n = 60
    save_run("org/model", make_rows("shapes", "sighted", np.ones(n)), folder="again")
    other = save_run("third", make_rows("shapes", "sighted", np.ones(n)), folder="third")
    records = pd.read_parquet(Path(other) / "records.parquet").assign(item_id=[f"other {i}" for i in range(n)])
    records.to_parquet(Path(other) / "records.parquet")
    given = read_given([plain_run.parent])
    assert [one.label for one in given] == ["org/model (again)", "org/model (plain)", "third"]
    contents, _ = write_report(given, tmp_path / "out", QUICK)
    assert "third is not compared: task 'shapes' differs between the runs" in contents.comparison_notes[0]
    compared = pd.read_csv(tmp_path / "out" / "tables" / "comparison.csv")
    assert compared["run"].tolist() == ["org/model (plain)"]
    assert compared["difference"][0] == pytest.approx(-13 / 60) and compared["p_holm"][0] < 0.001
    assert (tmp_path / "out" / "figures" / "comparison.png").is_file()


def test_a_mistake_ends_in_one_line(make_rows: Make, save_run: Save, plain_run: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "file").write_text("x")
    empty = save_run("empty", make_rows("t", "sighted", np.ones(0)))
    for arguments, reason in (
        ([tmp_path / "nowhere"], "there is no folder"),
        ([tmp_path / "nothing"], "holds no records"),
        ([tmp_path / "file"], "is not a parquet file"),
        ([empty], "holds no records"),
        ([plain_run, plain_run], "are the same run"),
        ([plain_run, "--output", tmp_path / "file" / "x"], "cannot write to"),
    ):
        done = CliRunner().invoke(app, ["report", "--no-pictures", *map(str, arguments)])
        assert done.exit_code == 1, arguments
        assert reason in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_a_forced_choice_has_its_ceiling_beside_it(make_rows: Make, save_run: Save, tmp_path: Path) -> None:
    targets = ['{"A": 0.9, "B": 0.1}', '{"A": 0.3, "B": 0.7}']
    pairs = save_run("pairs", make_rows("t", "sighted", np.array([0.9, 0.3]), target=targets, answer_format="2afc"))
    odd = save_run("odd", make_rows("t", "sighted", np.ones(2), target=["no", None], answer_format="2afc"))
    for run, found in ((pairs, 0.8), (odd, None)):
        write_report(read_given([Path(run)]), tmp_path / Path(run).name, QUICK)
        scores = pd.read_csv(tmp_path / Path(run).name / "tables" / "scores.csv")
        assert scores.get("ceiling", pd.Series([None]))[0] == (pytest.approx(found) if found else None)
