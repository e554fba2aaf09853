"""The site in a real Chromium, opened from disk: it sorts, filters and prints, fits a phone, and stays quiet."""

import math
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.entry import load_entry
from sightscale.leaderboards.entry.folders import read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.proofs import keep_result
from sightscale.leaderboards.published.rows import IN_DOMAIN
from sightscale.leaderboards.site.build import Options, build_site
from sightscale.leaderboards.site.gather import Gathered
from sightscale.leaderboards.site.listed import Answers, Listed, Questions
from sightscale.leaderboards.site.pages import make_board, render_differences

pytestmark = pytest.mark.browser
ClaimEntry = Callable[..., Path]
SmallMini = Callable[[], AbstractContextManager[None]]
TITLES = ("نموذج عربي صغير", "דגם {{ 7 * 7 }} & 'x' | \"y\" onload=alert(1)", "W" * 200, "plain")
TABLE = "#table-unranked-0-0"
SCORES = f"{TABLE} tbody td:nth-child(2)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, claim_entry: ClaimEntry) -> Path:
    """Four entries with strange titles, end-to-end and decoupled in turn, and the published rows."""
    folder = tmp_path_factory.mktemp("board")
    for number, title in enumerate(TITLES):
        scores = dict.fromkeys(IN_DOMAIN.values(), 0.2 + 0.2 * number)
        counts = (10**7, 10**8) if number % 2 else (10 ** (6 + number),)
        claim_entry(folder / "entries", f"system-{number}", scores, counts, title=title)
    build_site(folder / "entries", folder / "site", Options(verify=False))
    return folder / "site"


def show(driver: Any, page: Path, *, width: int = 1280, dark: bool = False, media: str = "") -> None:
    """Open a page as wide, as dark and on what medium is said."""
    driver.get("about:blank")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": scheme})
    driver.get_log("browser"), driver.get_log("performance")
    driver.get(page.as_uri())


def texts(driver: Any, selector: str) -> list[str]:
    script = (
        "return [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility())"
        ".map((one) => one.innerText)"
    )
    return list(driver.execute_script(script, selector))


def choose(driver: Any, name: str, value: str) -> None:
    driver.execute_script(
        "const one = document.querySelector(`[data-filter=${arguments[0]}]`); one.value = arguments[1];"
        "one.dispatchEvent(new Event('change'));",
        name,
        value,
    )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", ["index.html", "models/system-1.html", "tasks/in_domain_gqa.html", "changes.html"])
def test_every_kind_of_page_opens_quietly_and_fits(driver: Any, site: Path, page: str, width: int, dark: bool) -> None:
    show(driver, site / page, width=width, dark=dark)
    assert driver.get_log("browser") == []
    asked = [
        line["message"] for line in driver.get_log("performance") if "Network.requestWillBeSent" in line["message"]
    ]
    assert not any('"url":"http' in message for message in asked)
    assert driver.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0
    shown = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, shown.removeprefix("rgb(").removesuffix(")").split(","))) < 200) == dark
    assert "{{" in texts(driver, "body")[0] or page != "index.html"  # a title's braces are text


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core, as a package of the extra `dev` carries it; nothing else of that package is used."""
    spec = find_spec("axe_playwright_python")
    if spec is None or not spec.origin:
        pytest.skip("no axe-core here: pip install axe-playwright-python")
    return (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def checked_site(counted: Path, small_mini: SmallMini, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of a checked entry with a report and a proof, beside entries of claims alone."""
    folder = tmp_path_factory.mktemp("checked")
    for name in ("tiny", "other"):
        entry = Path(shutil.copytree(counted, folder / "entries" / name))
        fields = {**read_yaml(entry / "entry.yaml"), "id": name}
        (entry / "entry.yaml").write_text(write_yaml(fields))
        write_hashes(entry)
    keep_result(folder / "proofs", folder / "entries" / "tiny", "spot rerun", False, "3 are worth something else")
    with small_mini():
        build_site(folder / "entries", folder / "site", Options(data="mini", samples=4, proofs=folder / "proofs"))
    return folder / "site"


PAGES = ["index.html", "models/tiny.html", "tasks/in_domain_gqa.html", "changes.html", "differences.html"]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", [*PAGES, "reports/tiny/report.html"])
def test_axe_finds_nothing(driver: Any, checked_site: Path, axe: str, page: str, width: int, dark: bool) -> None:
    show(driver, checked_site / page, width=width, dark=dark)
    driver.execute_script(axe)
    run = "const done = arguments[0]; axe.run(document).then((found) => done(found.violations))"
    found = driver.execute_async_script(run)
    assert [(one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []


def test_proofs_are_read_on_a_phone_and_on_paper(driver: Any, checked_site: Path) -> None:
    for width, media in ((390, ""), (1280, "print")):
        show(driver, checked_site / "models/tiny.html", width=width, media=media)
        names = texts(driver, ".proofs dt")
        assert [name.splitlines()[0].split()[0] for name in names] == [
            *("Fresh", "Spot", "Copies", "Plausibility", "Signature")
        ]
        assert "3 are worth something else" in texts(driver, ".proofs dd")[1]
        edges = "[...document.querySelectorAll('.proofs *')].map((one) => one.getBoundingClientRect().right)"
        assert driver.execute_script(f"return Math.max(...{edges})") <= width


def scores(driver: Any) -> list[str]:
    return [text.split()[0] for text in texts(driver, SCORES)]


def test_headings_sort_scores(driver: Any, site: Path) -> None:
    show(driver, site / "index.html")
    assert scores(driver) == ["80.0", "60.0", "40.0", "20.0"]
    heading = f"{TABLE} thead th:nth-child(2) button"
    for wanted in (["80.0", "60.0", "40.0", "20.0"], ["20.0", "40.0", "60.0", "80.0"]):
        driver.execute_script("document.querySelector(arguments[0]).click()", heading)
        assert scores(driver) == wanted


def test_filters_hide_rows(driver: Any, site: Path) -> None:
    show(driver, site / "index.html")
    choose(driver, "kind", "decoupled")
    assert scores(driver) == ["80.0", "40.0"]
    assert texts(driver, "#shown")[0].endswith("systems are shown.")
    assert len(texts(driver, "#table-published tbody tr")) == 10
    choose(driver, "status", "published")
    assert scores(driver) == [] and len(texts(driver, "#table-published tbody tr")) == 10
    assert texts(driver, f"{TABLE} .empty") == ["No row of this table is left by the filters."]
    driver.execute_script("document.getElementById('clear').click()")
    search = "const one = document.getElementById('filter-name'); one.value = arguments[0];"
    driver.execute_script(f"{search} one.dispatchEvent(new Event('input'));", TITLES[0][:5])
    assert scores(driver) == ["20.0"]


def test_the_name_filter_reads_names_where_ranks_stand_first(driver: Any, checked_site: Path) -> None:
    show(driver, checked_site / "index.html")
    ranked = "#table-standings-0-0 tbody tr"
    assert len(texts(driver, ranked)) == 2
    search = "const one = document.getElementById('filter-name'); one.value = arguments[0];"
    for part, count in (("[other]", 1), ("oracle", 2), ("1–", 0)):  # the last one is a rank, not a name
        driver.execute_script(f"{search} one.dispatchEvent(new Event('input'));", part)
        assert len(texts(driver, ranked)) == count, part


@pytest.mark.parametrize("page", ["index.html", "models/system-1.html", "tasks/in_domain_gqa.html"])
def test_no_table_is_cut_at_a_desktop_and_none_is_scrolled_on_a_phone(driver: Any, site: Path, page: str) -> None:
    cut = (
        "return [...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
        ".map((one) => one.innerText.slice(0, 80))"
    )
    for width in (1280, 390):
        show(driver, site / page, width=width)
        assert driver.execute_script(cut) == []
    named = "[...document.querySelectorAll('.cards td')].map((one) => getComputedStyle(one, '::before').content)"
    assert {'"Score"', '"Reliance"'} <= set(driver.execute_script(f"return {named}"))  # each cell says what it is
    cells = "[...document.querySelectorAll('.cards td')].map((one) => one.getBoundingClientRect().right)"
    assert driver.execute_script(f"return Math.max(...{cells})") <= 390


def test_targets_are_large_enough_and_marks_are_reached_by_keyboard(driver: Any, site: Path) -> None:
    small = (
        "return [...document.querySelectorAll('a, button, select, input')].filter((one) => one.checkVisibility())"
        ".filter((one) => !one.classList.contains('skip')).map((one) => [one.textContent, one.getBoundingClientRect()])"
        ".filter(([, box]) => box.width < 23.5 || box.height < 23.5).map(([text]) => text)"
    )
    for width in (1280, 390):
        show(driver, site / "index.html", width=width)
        assert driver.execute_script(small) == []
    show(driver, site / "index.html")
    reached = "return [...document.querySelectorAll('#plots svg.wide a')].every((one) => one.tabIndex === 0)"
    assert driver.execute_script(reached)
    assert driver.execute_script("return document.querySelectorAll('[role=img] a').length") == 0


def test_it_prints_on_white_without_what_only_a_screen_can_use(driver: Any, site: Path) -> None:
    show(driver, site / "index.html", dark=True, media="print")
    assert driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert texts(driver, ".filters") == [] and texts(driver, ".bar") == []
    assert len(texts(driver, f"{TABLE} tbody tr")) == 4
    cut = driver.execute_script(
        "return [...document.querySelectorAll('.scroll')].map((one) => getComputedStyle(one).overflowX)"
    )
    assert set(cut) == {"visible"}  # what could be scrolled to on a screen is not cut off on paper
    exact = "return [...document.querySelectorAll('.swatch')].map((one) => getComputedStyle(one).printColorAdjust)"
    assert set(driver.execute_script(exact)) == {"exact"}
    assert [text.partition(":")[0] for text in texts(driver, ".on-paper")] == ["Left out on paper"]
    show(driver, site / "index.html")
    assert texts(driver, ".on-paper") == []


def test_a_strangers_title_runs_nothing_and_keeps_its_direction(driver: Any, site: Path) -> None:
    show(driver, site / "index.html")
    assert set(texts(driver, f"{TABLE} tbody th bdi")) >= {TITLES[0], "plain"}
    tags = "return [...new Set([...document.querySelectorAll('#standings *')].map((one) => one.localName))]"
    assert not {"script", "img", "iframe", "object"} & set(driver.execute_script(tags))
    handlers = "return [...document.querySelectorAll('*')].filter((one) => one.hasAttribute('onload')).length"
    assert driver.execute_script(handlers) == 0


def test_an_entry_opens_from_its_row_and_from_its_mark(driver: Any, site: Path) -> None:
    for selector in (f"{TABLE} tbody th a", "#plots svg.wide a"):
        show(driver, site / "index.html")
        href = driver.execute_script("return document.querySelector(arguments[0]).getAttribute('href')", selector)
        driver.get((site / href).as_uri())
        assert "Verification" in texts(driver, "body")[0] and driver.get_log("browser") == []


def test_two_entries_differ_in_a_browser_as_they_do_in_python(
    driver: Any, tmp_path: Path, claim_entry: ClaimEntry
) -> None:
    rng = np.random.default_rng(4)
    rows = [("in_domain_gqa", at, f"picture {at // 2}", "", "") for at in range(80)]
    table = pd.DataFrame(rows, columns=["task", "doc_id", "cluster", "category", "l2_category"])
    listed = []
    for name, right in (("one", 0.5), ("two", 0.8)):
        claim_entry(tmp_path / "entries", name, {"in_domain_gqa": 0.5}, title=f"{name} & 'x' {{{{ 7 }}}}")
        entry = load_entry(tmp_path / "entries" / name)
        scored = (rng.random(80) < right).astype(float)
        answers = Answers(Questions(table), scored, np.full(80, np.nan))
        estimates = {("in_domain_gqa", "sighted"): Estimate(float(scored.mean()), 0.1, 0.9, 80, 40)}
        listed.append(Listed(entry, estimates, {}, None, answers=answers))
    page = tmp_path / "differences.html"
    page.write_text(render_differences(make_board("Board", Gathered(tuple(listed), ()))), encoding="utf-8")
    show(driver, page)
    assert driver.get_log("browser") == []
    one, two = (each.answers.score("in_domain_gqa") for each in listed if each.answers)
    assert one and two
    error = math.sqrt(((two.moves - one.moves) ** 2).sum() * 40 / 39 + 2 / 80**2)
    difference = two.value - one.value
    low, high = (100 * (difference + sign * 1.96 * error) for sign in (-1, 1))
    cells = texts(driver, "#by-task tbody td")
    assert cells[:3] == ["80", f"{100 * one.value:.1f}", f"{100 * two.value:.1f}"]
    assert cells[3].replace("−", "-").split() == [f"{100 * difference:+.1f}", f"[{low:+.1f},", f"{high:+.1f}]"]
    assert "is ahead by" in texts(driver, "#verdict")[0]
