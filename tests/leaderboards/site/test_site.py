"""The site: places no finer than intervals, published rows apart, feeds that say the same, strangers' text harmless."""

import csv
import json
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.evaluation import read_records
from sightscale.harness.statistics import Estimate, Style
from sightscale.leaderboards.entry.scores import list_averages
from sightscale.leaderboards.published import read_published
from sightscale.leaderboards.published.rows import IN_DOMAIN
from sightscale.leaderboards.site.build import Options, build_site
from sightscale.leaderboards.site.differences import write_differences
from sightscale.leaderboards.site.gather import Gathered, gather
from sightscale.leaderboards.site.listed import Answers, Listed, Questions, read_listed, write_listed
from sightscale.leaderboards.site.pages import make_board, render_entry, render_index
from sightscale.leaderboards.site.plots import PUBLISHED, SERIES, Point, draw_front, find_front
from sightscale.leaderboards.site.reading import count_tokens
from sightscale.leaderboards.site.tables import (
    amount_group,
    make_standings,
    name_standings,
    published_table,
    size_group,
)
from sightscale.leaderboards.verification import State, Worker

ClaimEntry = Callable[..., Path]
CLAIMS = Options(verify=False)
IN_DOMAIN_NAMES = list(IN_DOMAIN.values())
ARABIC, MARKUP = "نموذج عربي صغير", "a & b | `c` {{ 7 * 7 }} {% raw %} &lt;b&gt; \"q\" 'r' javascript:alert(1)"


def estimate(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value, value - half, value + half, 100, 100)


def in_domain(score: float) -> dict[str, float]:
    return dict.fromkeys(IN_DOMAIN_NAMES, score)


class Links(HTMLParser):
    """The addresses that a page refers to, and every attribute that would run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture
def board(tmp_path: Path, claim_entry: ClaimEntry) -> Path:
    """Entries far apart, tied, unsized, asked something else, and one whose words are hostile."""
    folder = tmp_path / "entries"
    claim_entry(folder, "best", in_domain(0.9), (2 * 10**9, 4 * 10**9), date="2026-02-01", visual_data="64M")
    claim_entry(folder, "tied-a", in_domain(0.60), (10**9,), title=ARABIC)
    claim_entry(folder, "tied-b", in_domain(0.61), (10**7,), title=MARKUP, notes="now with | bars")
    claim_entry(folder, "last", in_domain(0.2), (4 * 10**8,))
    claim_entry(folder, "other-data", {"easy_vqa": 0.97}, data={"source": "hub", "revision": "hub", "limit": 500})
    return folder


def of_mini(board: Path) -> list[Listed]:
    return [one for one in gather(board, verify=False).entries if one.entry.data.source == "mini"]


def answering(listed: Listed, right: float, seed: int = 0, status: State = State.CHECKED) -> Listed:
    """An entry whose answers are known, as if they had been looked at."""
    rows = [(task, number, f"{task}:{number}", "", "") for task in IN_DOMAIN_NAMES for number in range(50)]
    table = pd.DataFrame(rows, columns=["task", "doc_id", "cluster", "category", "l2_category"])
    scores = (np.random.default_rng(seed).random(len(rows)) < right).astype(float)
    return replace(listed, status=status, verified=True, answers=Answers(Questions(table), scores, 0 * scores))


def test_only_checked_entries_hold_a_rank_and_no_published_row_stands_among_them(board: Path) -> None:
    asked = of_mini(board)
    alone = make_standings("0", "in_domain", "In-domain", asked)
    assert alone.ranked is None and alone.unranked and len(alone.unranked.rows) == 4
    looked = [
        answering(one, value, at) for at, (one, value) in enumerate(zip(asked, (0.9, 0.3, 0.6, 0.6), strict=True))
    ]
    looked[3] = replace(looked[3], status=State.PARTLY)
    some = make_standings("0", "in_domain", "In-domain", looked)
    assert some.ranked and some.unranked and [row["id"] for row in some.unranked.rows] == ["tied-b"]
    assert {row["id"]: row["rank"].text for row in some.ranked.rows} == {"best": "1", "last": "3", "tied-a": "2"}
    every = make_standings("0", "in_domain", "In-domain", looked, rank_all=True)
    assert every.ranked and every.unranked is None
    assert {row["id"]: row["rank"].text for row in every.ranked.rows}["tied-a"] == "2–3"
    headings = [column.heading for column in some.ranked.columns]
    assert headings[:5] == ["Rank", "System", "Score", "No picture", "Reliance"]
    assert "published" not in {row["status"] for row in every.ranked.rows}
    printed = published_table()
    assert len(printed.rows) == len(read_published()) and {row["status"] for row in printed.rows} == {"published"}
    assert not any("rank" in column.name for column in printed.columns)
    assert [row["OCR-VQA"] for row in printed.rows][:2] == pytest.approx([0.695, 0.798])


def test_an_entry_alone_among_its_questions_holds_no_rank(board: Path) -> None:
    """A first place says that somebody is behind; a limit or an order of options of one's own has nobody."""
    [listed] = [answering(one, 0.9) for one in of_mini(board) if one.entry.id == "best"]
    table = make_standings("0", "in_domain", "In-domain", [listed]).ranked
    assert table and len(table.rows) == 1 and "rank" not in [column.name for column in table.columns]
    assert "there is no rank" in table.caption and "may be" not in table.caption


def test_who_holds_no_rank_is_told_why(board: Path) -> None:
    looked = [answering(one, 0.6, at) for at, one in enumerate(of_mini(board))]
    assert looked[0].answers
    columns = {**looked[0].answers.questions.columns, "cluster": ["another picture"] * 300}
    looked[0] = replace(looked[0], answers=replace(looked[0].answers, questions=Questions(columns)))
    looked[1] = replace(looked[1], status=State.PARTLY)
    table = make_standings("0", "in_domain", "In-domain", looked).unranked
    assert table and {row["id"] for row in table.rows} == {"best", "last"}
    assert "1 entry: not checked from end to end; 1 entry: other questions than most answered." in table.caption


def test_a_strangers_task_never_stands_before_sightscales_own(board: Path, claim_entry: ClaimEntry) -> None:
    for number in range(4):
        claim_entry(board, f"sold-{number}", {"Official.ranking": 1.0, "A.first": 1.0, "Z": 1.0, "easy_vqa": 0.5})
    sold = [one for one in gather(board, verify=False).entries if one.entry.id.startswith("sold")]
    assert list(name_standings(sold)) == ["easy_vqa", "A.first", "Official.ranking"]


def test_plots_draw_what_was_checked_and_say_how_much_is_left_out(board: Path) -> None:
    """Size and score are anybody's to claim; a board of claims alone draws those."""
    looked = [answering(one, 0.6, at) for at, one in enumerate(of_mini(board))]
    looked = [one if one.entry.id in ("best", "tied-b") else replace(one, status=State.PARTLY) for one in looked]
    some = render_index(make_board("Board", Gathered(tuple(looked), ())))
    drawn = {
        name for name in ("best", "tied-a", "tied-b", "last") if f'<a href="models/{name}.html" aria-label' in some
    }
    assert drawn == {"best", "tied-b"} and "2 entries that weren&#39;t checked from end to end: not drawn." in some
    every = render_index(make_board("Board", Gathered(tuple(looked), ()), rank_all=True))
    assert 'models/last.html" aria-label' in every and "not drawn" not in every
    claims = render_index(make_board("Board", Gathered(tuple(of_mini(board)), ())))
    assert 'models/last.html" aria-label' in claims and "not drawn" not in claims


def test_tokens_of_a_question_are_those_with_its_picture(counted: Path) -> None:
    """Blind prompts are shorter: who adds blind conditions doesn't need fewer tokens."""
    records = read_records(counted / "records.parquet")
    sighted = records[records["condition"] == "sighted"]
    wanted = (sighted["input_tokens"] + sighted["output_tokens"]).mean()
    cheap = [records[records["condition"] == "none"].assign(condition=name) for name in ("told", "options_only")]
    for rows in (records, pd.concat([records, *cheap])):
        assert count_tokens(rows) == pytest.approx(wanted)
    assert count_tokens(records.assign(input_tokens=0, output_tokens=0)) is None


def test_entries_of_different_tasks_are_compared_on_those_that_both_were_asked(board: Path) -> None:
    whole, other, third, _ = (answering(one, 0.5, at) for at, one in enumerate(of_mini(board)))
    assert whole.answers and third.answers
    rows = [
        (task, number, f"{task}:{number}", "", "") for task in ("in_domain_gqa", "imagenet") for number in range(50)
    ]
    part = Questions(pd.DataFrame(rows, columns=["task", "doc_id", "cluster", "category", "l2_category"]))
    right = np.tile([1.0, 0.0], 50)
    other = replace(other, answers=Answers(part, right, np.zeros(100)))
    columns = {**third.answers.questions.columns, "cluster": ["another picture"] * 300}
    third = replace(third, answers=replace(third.answers, questions=Questions(columns)))
    [group] = json.loads(write_differences([("mini", [whole, whole, other, third])]))
    task = np.array(group["tasks"])[group["task"]]
    assert len(task) == 350 and [average["name"] for average in group["averages"]] == ["In-domain"]
    signs = [np.array(list(entry["sighted"])) for entry in group["entries"]]
    assert {*task[signs[2] != "."]} == {"in_domain_gqa", "imagenet"}
    assert "".join(signs[2][task == "imagenet"]) == "10" * 25
    assert "".join(signs[0][task == "in_domain_gqa"]) == "".join(
        f"{score:.0f}"
        for score in whole.answers.sighted[np.array(whole.answers.questions.columns["task"]) == "in_domain_gqa"]
    )
    assert set(signs[3]) == {"."}  # other questions under the same names


def test_rows_stand_by_their_scores_inside_a_tie(board: Path) -> None:
    table = make_standings("0", "in_domain", "In-domain", of_mini(board)).unranked
    assert table and [row["id"] for row in table.rows] == ["best", "tied-b", "tied-a", "last"]


def test_what_a_board_holds_of_an_entry_reads_as_it_was_written(board: Path, tmp_path: Path) -> None:
    listed = answering(of_mini(board)[0], 0.5)
    write_listed(listed, tmp_path, "x")
    again = read_listed(tmp_path, "x", {})
    assert again == replace(listed, key="x", proofs=()) and again.answers and listed.answers
    assert again.answers.questions.digest == listed.answers.questions.digest
    assert np.array_equal(again.answers.sighted, listed.answers.sighted)


def test_entries_without_a_headline_average_are_shown_by_their_tasks(board: Path) -> None:
    [other] = [one for one in gather(board, verify=False).entries if one.entry.id == "other-data"]
    assert name_standings([other]) == {"easy_vqa": "easy_vqa"}
    table = make_standings("0", "easy_vqa", "easy_vqa", [other]).unranked
    assert table and table.rows[0]["score"].value == 0.97


@pytest.mark.parametrize(
    ("written", "group"),
    [("38K", "up to 1M"), ("1.0M", "up to 1M"), ("2.4m", "1M to 10M"), ("64M", "over 10M"), ("unk.", "unknown")],
)
def test_filters_group_amounts_and_sizes(written: str, group: str) -> None:
    assert amount_group(written) == group
    assert [size_group(size) for size in (None, 4e8, 6e8, 8e9, 7.4e10)] == [
        "unknown", "up to 0.5B", "0.5B to 1B", "3B to 8B", "over 8B",
    ]  # fmt: skip


def test_the_front_holds_what_no_smaller_system_reaches() -> None:
    points = [Point(0, name, across, estimate(score), "") for name, across, score in (
        ("small", 1.0, 0.5), ("worse and larger", 2.0, 0.4), ("large", 3.0, 0.7), ("equal and larger", 4.0, 0.7)
    )]  # fmt: skip
    assert [point.name for point in find_front(points)] == ["small", "large"]
    published = Point(PUBLISHED, "printed", 0.5, estimate(0.99), "")
    drawn = draw_front("x", "Title", [*points, published], "parameters")
    assert drawn and "Highest: large" in drawn.finding and "of 2 entries" in drawn.finding
    assert draw_front("x", "Title", [published], "parameters") is None  # nothing measured, nothing to rank
    every = [Point(series, f"of {series}", 1.0 + series, estimate(0.5), "") for series in range(len(SERIES))]
    drawn = draw_front("x", "Title", every, "parameters")
    assert drawn and drawn.series == SERIES  # each kind has a mark
    lone = draw_front("x", "Title", points[:1], "parameters")
    assert lone and lone.series == ("end-to-end",) and ">1</text>" in lone.wide


def test_every_page_is_there_links_hold_and_nothing_leads_out(board: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    gathered = build_site(board, site, CLAIMS)
    assert len(gathered.entries) == 5 and not gathered.left_out
    pages = sorted(site.rglob("*.html"))
    assert {page.stem for page in pages} >= {"index", "changes", "best", "tied-a", "easy_vqa", *IN_DOMAIN_NAMES}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        read = Links(text)
        assert read.handlers == [] and "default-src &#39;none&#39;" in text
        for link in read.found:
            assert "://" not in link and "javascript:" not in link.lower(), (page, link)
            target = (page.parent / link.partition("#")[0]) if link.partition("#")[0] else page
            assert target.exists(), (page, link)
        assert "\u202e" not in text and "<b>" not in re.sub(r"<style>.*?</script>", "", text, flags=re.DOTALL)
    index = (site / "index.html").read_text(encoding="utf-8")
    assert f"<bdi>{ARABIC}</bdi>" in index and "{{ 7 * 7 }}" in index and "&amp;lt;b&amp;gt;" in index
    assert "without a rank: 4 entries" in index and 'data-status="published"' in index and "citation.bib" in index
    changes = (site / "changes.html").read_text(encoding="utf-8")
    assert changes.index("2026-02-01") < changes.index("2026-01-31") and "now with | bars" in changes
    assert "endo2025" in (site / "citation.bib").read_text()


def test_pages_say_what_is_left_out_on_paper(board: Path, tmp_path: Path) -> None:
    gathered = build_site(board, tmp_path / "site", CLAIMS)
    index = (tmp_path / "site" / "index.html").read_text()
    assert index.count('class="note on-paper"') == 1 and "Left out on paper: each entry's own page" in index
    made = make_board("Board", gathered, False)
    [reported, plain] = [render_entry(made, gathered.entries[0], has_report) for has_report in (True, False)]
    assert f"They are in reports/{gathered.entries[0].entry.id}/report.html" in reported
    assert 'class="note block on-paper"' not in plain


def test_the_feeds_tell_what_the_entries_claim(board: Path, tmp_path: Path, claim_entry: ClaimEntry) -> None:
    claim_entry(board, "formula", in_domain(0.5), title="=HYPERLINK(1)")
    build_site(board, tmp_path / "site", CLAIMS)
    feed = {one["id"]: one for one in json.loads((tmp_path / "site" / "entries.json").read_text())["entries"]}
    [average] = [one for one in feed["best"]["scores"] if (one["name"], one["condition"]) == ("in_domain", "sighted")]
    assert average["score"] == 0.9 and average["low"] < 0.9 < average["high"]
    assert feed["best"]["status"] == "self-reported" and feed["tied-a"]["title"] == ARABIC
    rows = list(csv.DictReader((tmp_path / "site" / "entries.csv").open(encoding="utf-8", newline="")))
    assert {row["title"] for row in rows if row["id"] == "formula"} == {"'=HYPERLINK(1)"}
    scores = {(row["id"], row["score_of"], row["condition"]): float(row["score"]) for row in rows}
    assert scores["best", "in_domain", "none"] == pytest.approx(0.45)
    assert len(rows) == sum(len(one["scores"]) for one in feed.values())


def test_a_checked_entry_has_its_badge_and_a_report_of_its_answers(counted: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    options = Options(data="mini", samples=5, kept=kept)
    [listed] = build_site(counted.parent, tmp_path / "site", options).entries
    assert listed.status is State.CHECKED, listed.issues
    page = (tmp_path / "site" / "models" / "tiny.html").read_text(encoding="utf-8")
    assert 'class="status checked"' in page and "../reports/tiny/report.html" in page
    report = (tmp_path / "site" / "reports" / "tiny" / "report.html").read_text(encoding="utf-8")
    gain = listed.gains["in_domain_gqa"].show_interval(Style.POINTS)  # one number in both places
    assert gain in page and gain in report
    before = {path.relative_to(tmp_path / "site"): path.read_bytes() for path in (tmp_path / "site").rglob("*.*")}
    again = build_site(counted.parent, tmp_path / "site", options)
    assert again.entries[0] == listed and again.entries[0].answers
    after = {path.relative_to(tmp_path / "site"): path.read_bytes() for path in (tmp_path / "site").rglob("*.*")}
    assert after == before
    for path in kept.glob("*.json"):  # whatever lies there, it is read as data
        path.write_text("[1]")
    assert build_site(counted.parent, tmp_path / "site", options).entries[0].status is State.CHECKED


def test_an_entry_that_takes_too_long_stops_no_build_and_is_named(
    counted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = tmp_path / "entries"
    shutil.copytree(counted, board / "tiny")
    module = sys.modules["sightscale.leaderboards.site.gather"]  # the room hands on a function of this name
    monkeypatch.setattr(module, "Worker", lambda: Worker(seconds=0.001))
    gathered = build_site(board, tmp_path / "site", Options(data="mini"))
    [listed] = gathered.entries
    assert (
        not listed.accepted and "tiny: the entry: it can't be verified: it takes more than" in listed.issues[0].line()
    )


def test_what_verification_refuses_is_shown_as_self_reported_with_its_issues(board: Path, tmp_path: Path) -> None:
    shutil.rmtree(board / "other-data")
    gathered = build_site(board, tmp_path / "site", Options(data="mini"))
    assert {one.status for one in gathered.entries} == {"self-reported"}
    page = (tmp_path / "site" / "models" / "best.html").read_text(encoding="utf-8")
    assert "Not accepted" in page and "hashes.json" in page and not (tmp_path / "site" / "reports").exists()


def test_folders_that_hold_no_entry_are_left_out_and_named(board: Path, tmp_path: Path) -> None:
    (board / "best" / "extra").write_text("x")
    (board / "last").rename(board / "first")
    (board / "tied-a" / "entry.yaml").write_text("x: !!python/object/apply:os.system ['true']")
    gathered = build_site(board, tmp_path / "site", CLAIMS)
    assert [line.partition(":")[0] for line in gathered.left_out] == ["best", "first", "tied-a"]
    extra, renamed, tagged = gathered.left_out
    assert "extra doesn't belong" in extra and "not the folder's name" in renamed and "entry.yaml: the tag" in tagged
    assert gather(board, data="mini").left_out == gathered.left_out  # verified or not
    assert "Left out of this build" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_a_build_replaces_its_own_site_and_nothing_else(board: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    build_site(board, site, CLAIMS)
    shutil.rmtree(board / "best")
    build_site(board, site, CLAIMS)
    assert not (site / "models" / "best.html").exists() and not list(tmp_path.glob(".site.*"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for output, reason in ((tmp_path / "mine", "no leaderboard build made"), (board, "files that no")):
        with pytest.raises(ValueError, match=reason):
            build_site(board, output, CLAIMS)
    with pytest.raises(ValueError, match="holds no entry"):
        build_site(tmp_path / "mine", tmp_path / "new", CLAIMS)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_board_is_imported_without_what_only_verification_needs() -> None:
    """A build that finds all its entries kept waits for none of these, which take seconds to import."""
    heavy = "{'pandas', 'pyarrow', 'scipy.stats', 'scipy.optimize', 'datasets', 'torch', 'transformers', 'lmms_eval'}"
    code = f"import sys, sightscale.leaderboards.site; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def measure_pace() -> float:
    """How much slower than an idle machine this one counts just now; at least 1."""
    started, total = time.process_time(), 0
    for number in range(5_000_000):
        total += number
    return max(1.0, (time.process_time() - started) / 0.25)


@pytest.mark.slow
def test_a_thousand_entries_build_in_ten_seconds(tmp_path: Path, claim_entry: ClaimEntry) -> None:
    rng = random.Random(0)
    names: list[Any] = [name for rule in list_averages() if rule.name == "mmstar_macro" for name in rule.tasks]
    for number in range(1000):
        scores = {name: rng.uniform(0.3, 0.9) for name in (*IN_DOMAIN_NAMES, *names)}
        claim_entry(tmp_path / "entries", f"system-{number}", scores, (rng.randint(10**6, 10**10),))
    pace, started = measure_pace(), time.process_time()
    assert len(build_site(tmp_path / "entries", tmp_path / "site", CLAIMS).entries) == 1000
    assert time.process_time() - started < 10 * max(pace, measure_pace())


@pytest.mark.slow
def test_after_one_changed_entry_a_board_of_a_thousand_builds_in_two_seconds(
    tmp_path: Path, claim_entry: ClaimEntry
) -> None:
    for number in range(1000):
        claim_entry(tmp_path / "entries", f"system-{number}", in_domain(0.3 + number / 2000), (10**6 + number,))
    options = Options(verify=False, kept=tmp_path / "kept")
    build_site(tmp_path / "entries", tmp_path / "site", options)
    shutil.rmtree(tmp_path / "entries" / "system-7")
    claim_entry(tmp_path / "entries", "system-7", in_domain(0.99))
    pace, started = measure_pace(), time.process_time()
    build_site(tmp_path / "entries", tmp_path / "site", options)
    assert time.process_time() - started < 2 * max(pace, measure_pace())
