"""The site: places no finer than intervals, published rows apart, feeds that say the same, strangers' text harmless."""

import csv
import json
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sightscale.harness.statistics import Estimate, Style
from sightscale.leaderboards.entry.scores import list_averages
from sightscale.leaderboards.published import read_published
from sightscale.leaderboards.published.rows import IN_DOMAIN
from sightscale.leaderboards.site.build import Options, build_site
from sightscale.leaderboards.site.gather import gather
from sightscale.leaderboards.site.plots import Point, draw_front, find_front
from sightscale.leaderboards.site.standings import find_places
from sightscale.leaderboards.site.tables import (
    amount_group,
    name_standings,
    published_table,
    size_group,
    standings_table,
)

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


def test_a_place_is_a_range_where_intervals_overlap() -> None:
    places = find_places([estimate(0.9), estimate(0.60), estimate(0.61), None, estimate(0.2), estimate(float("nan"))])
    assert [place.text if place else None for place in places] == ["1", "2–3", "2–3", None, "4", None]
    chain = find_places([estimate(0.50), estimate(0.53), estimate(0.56)])  # a tie is no equivalence
    assert [place.text for place in chain if place] == ["2–3", "1–3", "1–2"]


def test_places_are_those_that_counting_pair_by_pair_gives() -> None:
    rng = random.Random(0)
    found = [estimate(rng.random(), rng.random() / 5) for _ in range(60)]
    for score, place in zip(found, find_places(found), strict=True):
        assert place is not None
        above, below = sum(other.low > score.high for other in found), sum(other.high < score.low for other in found)
        assert (place.best, place.worst) == (1 + above, len(found) - below)


def test_standings_hold_only_who_was_asked_the_same_and_no_published_row(board: Path) -> None:
    asked = [one for one in gather(board, verify=False).entries if one.entry.data.source == "mini"]
    table = standings_table(0, "Mini", asked)
    places = {row["id"]: row["in_domain_place"].text for row in table.rows}
    assert next(iter(places.items())) == ("best", "1") and places["last"] == "4"
    assert places["tied-a"] == places["tied-b"] == "2–3"
    headings = [column.heading for column in table.columns]
    assert headings[:6] == ["System", "Status", "In-domain place", "In-domain", "blind", "reliance"]
    assert "published" not in {row["status"] for row in table.rows}
    printed = published_table()
    assert len(printed.rows) == len(read_published()) and {row["status"] for row in printed.rows} == {"published"}
    assert not any("place" in column.name for column in printed.columns)
    assert [row["OCR-VQA"] for row in printed.rows][:2] == pytest.approx([0.695, 0.798])


def test_entries_without_a_headline_average_are_shown_by_their_tasks(board: Path) -> None:
    [other] = [one for one in gather(board, verify=False).entries if one.entry.id == "other-data"]
    assert name_standings([other]) == {"easy_vqa": "easy_vqa"}
    assert standings_table(0, "Other", [other]).rows[0]["easy_vqa_place"].text == "1"


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
    published = Point(2, "printed", 0.5, estimate(0.99), "")
    drawn = draw_front("x", "Title", [*points, published], "parameters")
    assert drawn and "Highest: large" in drawn.finding and "line joins the 2" in drawn.finding
    assert draw_front("x", "Title", [published], "parameters") is None  # nothing measured, nothing to rank
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
    assert "2–3" in index and 'data-status="published"' in index and "citation.bib" in index
    changes = (site / "changes.html").read_text(encoding="utf-8")
    assert changes.index("2026-02-01") < changes.index("2026-01-31") and "now with | bars" in changes
    assert "endo2025" in (site / "citation.bib").read_text()


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


def test_a_verified_entry_has_its_badge_and_a_report_of_its_answers(entry: Path, tmp_path: Path) -> None:
    gathered = build_site(entry.parent, tmp_path / "site", Options(data="mini", samples=5))
    [listed] = gathered.entries
    assert listed.status == "verified"
    page = (tmp_path / "site" / "models" / "oracle.html").read_text(encoding="utf-8")
    assert 'class="status verified"' in page and "../reports/oracle/report.html" in page
    report = (tmp_path / "site" / "reports" / "oracle" / "report.html").read_text(encoding="utf-8")
    for task in ("in_domain_gqa", "mmstar_math", "imagenet"):  # one number in both places
        gain = listed.gains[task].show_interval(Style.POINTS)
        assert gain in page and gain in report
    assert "paired question by question for a verified entry as in its report" in page


def test_a_build_opens_each_file_of_an_entry_once_to_hash_it_and_once_to_read_it(
    entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: Counter[str] = Counter()
    opened = Path.open

    def count(path: Path, *arguments: Any, **options: Any) -> Any:
        files.update([path.name] if path.parent == entry else [])
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", count)
    [listed] = build_site(entry.parent, tmp_path / "site", Options(data="mini", samples=5)).entries
    assert listed.accepted
    assert files == {"entry.yaml": 2, "manifest.json": 2, "records.parquet": 2, "hashes.json": 1}


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
