"""The site in a real Chromium, opened from disk: it sorts, filters and prints, fits a phone, and stays quiet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightscale.leaderboards.published.rows import IN_DOMAIN
from sightscale.leaderboards.site.build import Options, build_site

pytestmark = pytest.mark.browser
ClaimEntry = Callable[..., Path]
TITLES = ("نموذج عربي صغير", "דגם {{ 7 * 7 }} & 'x' | \"y\" onload=alert(1)", "W" * 200, "plain")
PLACES = "#table-standings-0 tbody tr td.place"


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


def test_headings_sort_places_and_scores(driver: Any, site: Path) -> None:
    show(driver, site / "index.html")
    assert texts(driver, PLACES) == ["1", "2", "3", "4"]
    heading = "#table-standings-0 thead th:nth-child(4) button"
    for wanted in (["80.0", "60.0", "40.0", "20.0"], ["20.0", "40.0", "60.0", "80.0"]):
        driver.execute_script("document.querySelector(arguments[0]).click()", heading)
        assert [text.split()[0] for text in texts(driver, "#table-standings-0 tbody td:nth-child(4)")] == wanted


def test_filters_hide_rows_and_change_no_place(driver: Any, site: Path) -> None:
    show(driver, site / "index.html")
    choose(driver, "kind", "decoupled")
    assert texts(driver, PLACES) == ["1", "3"]
    assert texts(driver, "#shown")[0].endswith("systems are shown.")
    assert len(texts(driver, "#table-published tbody tr")) == 10
    choose(driver, "status", "published")
    assert texts(driver, PLACES) == [] and len(texts(driver, "#table-published tbody tr")) == 10
    assert texts(driver, "#table-standings-0 .empty") == ["No row of this table is left by the filters."]
    driver.execute_script("document.getElementById('clear').click()")
    search = "const one = document.getElementById('filter-name'); one.value = arguments[0];"
    driver.execute_script(f"{search} one.dispatchEvent(new Event('input'));", TITLES[0][:5])
    assert texts(driver, PLACES) == ["4"]


def test_it_prints_on_white_without_what_only_a_screen_can_use(driver: Any, site: Path) -> None:
    show(driver, site / "index.html", dark=True, media="print")
    assert driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert texts(driver, ".filters") == [] and texts(driver, ".bar") == []
    assert len(texts(driver, "#table-standings-0 tbody tr")) == 4
    cut = driver.execute_script(
        "return [...document.querySelectorAll('.scroll')].map((one) => getComputedStyle(one).overflowX)"
    )
    assert set(cut) == {"visible"}  # what could be scrolled to on a screen is not cut off on paper


def test_a_strangers_title_runs_nothing_and_keeps_its_direction(driver: Any, site: Path) -> None:
    show(driver, site / "index.html")
    assert set(texts(driver, "#table-standings-0 tbody th bdi")) >= {TITLES[0], "plain"}
    tags = "return [...new Set([...document.querySelectorAll('#standings *')].map((one) => one.localName))]"
    assert not {"script", "img", "iframe", "object"} & set(driver.execute_script(tags))
    handlers = "return [...document.querySelectorAll('*')].filter((one) => one.hasAttribute('onload')).length"
    assert driver.execute_script(handlers) == 0


def test_an_entry_opens_from_its_row_and_from_its_mark(driver: Any, site: Path) -> None:
    for selector in ("#table-standings-0 tbody th a", "#plots svg.wide a"):
        show(driver, site / "index.html")
        href = driver.execute_script("return document.querySelector(arguments[0]).getAttribute('href')", selector)
        driver.get((site / href).as_uri())
        assert "Verification" in texts(driver, "body")[0] and driver.get_log("browser") == []
