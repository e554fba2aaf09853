"""The page in a real Chromium, opened from disk: it works by mouse, by keyboard and by address, and stays quiet."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightscale.harness.report.contents import compute_contents
from sightscale.harness.report.folders import read_given
from sightscale.harness.report.page import write_page
from sightscale.harness.report.pictures import Pictures, make_thumbnail
from sightscale.harness.report.samples import gather_samples

pytestmark = pytest.mark.browser
Make = Callable[..., pd.DataFrame]
Save = Callable[..., str]
HASHES = tuple(f"{number:064x}" for number in range(6))


class Page:
    """A report in the browser, with what a reader does and sees."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver, self.path = driver, path

    def open(self, address: str = "", *, width: int = 1280, dark: bool = False) -> "Page":
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.get("about:blank")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get_log("browser"), self.driver.get_log("performance")
        self.driver.get(f"{self.path.as_uri()}{address}")
        return self

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)"
        return list(self.run(script, selector))

    def click(self, selector: str) -> None:
        from selenium.webdriver.common.by import By

        element = self.driver.find_element(By.CSS_SELECTOR, selector)
        self.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def until(self, there: Callable[[], Any], seconds: float = 5) -> Any:
        end = time.monotonic() + seconds
        while not (found := there()):
            assert time.monotonic() < end, f"nothing came in {seconds} s at {self.driver.current_url}"
            time.sleep(0.03)
        return found

    def until_text(self, selector: str, part: str) -> None:
        self.until(lambda: part in self.text(selector))

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]


@pytest.fixture
def report(driver: Any, make_rows: Make, save_run: Save, tmp_path: Path) -> Page:
    """60 questions about six pictures in two tasks, sighted and blind."""
    rng = np.random.default_rng(0)
    parts = []
    for task in ("shapes", "colours"):
        for condition, right in (("sighted", 0.8), ("none", 0.3)):
            scores = (rng.random(30) < right) * 1.0
            said = ["A" if score else "B" for score in scores]
            about = {
                "prompt": [f"Question: is this {task} {i}?\nOptions:\nA. yes\nB. no\n" for i in range(30)],
                "image_hash": [HASHES[i % 6] for i in range(30)],
                "category": [["round", "square"][i % 2] for i in range(30)],
                "outcome": ["unparsed" if i == 4 and condition == "sighted" else "answered" for i in range(30)],
            }
            options = json.dumps({"A": "yes", "B": "no"})
            parts.append(make_rows(task, condition, scores, response=said, prediction=said, options=options, **about))
    given = read_given([Path(save_run("model", *parts))])
    thumbnails = {name: make_thumbnail(Image.effect_noise((200, 150), 60 + n)) for n, name in enumerate(HASHES[:5])}
    return _write(driver, given, Pictures(thumbnails, ()), tmp_path)


def _write(driver: Any, given: Any, pictures: Pictures, folder: Path, **options: Any) -> Page:
    path = folder / "report.html"
    write_page(compute_contents(given, resamples=200), gather_samples(given, 20_000), pictures, path, **options)
    return Page(driver, path)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_it_opens_quietly_and_fits(report: Page, width: int, dark: bool) -> None:
    report.open("#sample=shapes:3", width=width, dark=dark)
    report.until_text("#sample h3", "is this shapes 3?")
    assert report.complaints() == []
    assert [url for url in report.requests() if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in report.requests() if url.startswith("file:")]) <= 1
    assert report.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    shown = report.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, shown.removeprefix("rgb(").removesuffix(")").split(","))) < 200) == dark
    drawings = report.run(
        "return [...document.querySelectorAll('figure svg')].filter((one) => one.getBoundingClientRect().width).length"
    )
    assert drawings == len(report.texts("figure[data-series]"))
    reaches = "return [...document.querySelectorAll('caption p')].map((one) => one.getBoundingClientRect().right)"
    assert max(report.run(reaches)) <= width  # captions are read without scrolling


def test_it_prints_on_white_without_what_only_a_screen_can_use(report: Page) -> None:
    report.open(dark=True)
    scheme = [{"name": "prefers-color-scheme", "value": "dark"}]
    report.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": scheme})
    assert report.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    shown = "return ['.bar', '#samples', '#scores'].map((one) => getComputedStyle(document.querySelector(one)).display)"
    assert report.run(shown) == ["none", "block", "block"]
    seen = "[...document.querySelectorAll('#samples > *')].filter((one) => getComputedStyle(one).display !== 'none')"
    said = report.run(f"return {seen}.map((one) => one.textContent)")
    assert said[0] == "Samples" and said[1].startswith("Left out on paper: ") and len(said) == 2
    exact = "return [...document.querySelectorAll('.swatch')].map((one) => getComputedStyle(one).printColorAdjust)"
    assert set(report.run(exact)) == {"exact"}  # else a legend's colours are left to the printer's wish
    report.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_colours_can_be_switched_by_hand(report: Page) -> None:
    report.open(dark=True)
    assert report.text("#theme") == "Light"
    report.click("#theme")
    assert report.text("#theme") == "Dark" and report.run("return document.documentElement.dataset.theme") == "light"


def test_a_heading_sorts_its_table(report: Page) -> None:
    report.open()
    column = "#table-categories tbody tr td:nth-child(4)"
    button = "#table-categories thead th:nth-child(4) button"

    def scores() -> list[float]:
        return [float(text.split()[0]) for text in report.texts(column)]

    for order, said in ((sorted(scores(), reverse=True), "descending"), (sorted(scores()), "ascending")):
        report.click(button)
        assert scores() == order
        assert report.run("return document.querySelector('#table-categories [aria-sort]').ariaSort") == said
    report.click("#table-categories thead th:nth-child(1) button")
    assert report.texts("#table-categories tbody th")[0] == "colours"
    assert report.run("return document.querySelectorAll('#table-categories [aria-sort]').length") == 1


def test_filters_narrow_the_list_and_say_how_many_are_left(report: Page) -> None:
    report.open()
    assert report.text("#sample-count") == "60 of 60 questions shown."
    report.click('[data-show="wrong"]')
    wrong = int(report.text("#sample-count").split()[0])
    assert 0 < wrong < 30 and set(report.texts("#sample-list .badge")) <= {"wrong", "unparsed"}
    report.click('[data-show="blind-right"]')
    both = int(report.text("#sample-count").split()[0])
    assert both < wrong and "show=wrong,blind-right" in report.driver.current_url
    report.click("#clear")
    report.click('[data-show="unparsed"]')
    assert report.text("#sample-count").startswith("2 of 60")
    report.click("#clear")
    report.run(
        "const one = document.getElementById('filter-task'); one.value = 'colours';"
        "one.dispatchEvent(new Event('change'));"
    )
    report.until_text("#sample-count", "30 of 60")
    report.click("#filter-text")
    report.press(*"colours 17")
    report.until_text("#sample-count", "1 of 60")
    assert report.text("#sample-list .question") == "is this colours 17?"
    assert report.run("return document.querySelector('[data-show=fault]').disabled")


def test_a_sample_opens_with_its_picture_and_all_answers_and_its_address_lasts(report: Page) -> None:
    report.open("#task=colours&show=right")
    report.click("#sample-list li:nth-child(2) button")
    report.until_text("#sample", "blind: none")
    question = report.text("#sample h3")
    report.until(lambda: report.run("return document.querySelector('#sample img')?.naturalWidth"))
    assert [text.split("\n")[0] for text in report.texts("#sample .said")] == ["sighted", "blind: none"]
    assert report.texts("#sample .options .target .letter") == ["A"]
    address = report.driver.current_url
    assert "sample=colours:" in address and "show=right" in address and "task=colours" in address
    report.click("#sample .after")
    report.until(lambda: report.text("#sample h3") not in ("", question))
    report.driver.back()
    report.until(lambda: report.text("#sample h3") == question)
    report.open(f"#{address.partition('#')[2]}")
    report.until_text("#sample h3", question)
    assert report.run("return document.querySelector('[data-show=right]').ariaPressed") == "true"
    assert report.run("return document.getElementById('filter-task').value") == "colours"
    assert abs(report.run("return document.getElementById('samples').getBoundingClientRect().top")) < 200
    report.open("#sample=colours:999")
    report.until_text("#sample", "No question colours:999")


def test_a_picture_that_is_not_there_is_said(report: Page) -> None:
    report.open("#sample=shapes:5")
    report.until_text("#sample", "This picture is not in the report")


def test_the_keyboard_is_enough(report: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    def focused(what: str) -> str:
        return str(report.run(f"return document.activeElement.{what}"))

    report.open()
    report.press(Keys.TAB)
    assert focused("innerText") == "Skip to the report"
    assert report.run("return document.activeElement.getBoundingClientRect().left") >= 0
    assert report.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    report.press(Keys.ENTER)
    assert focused("id") == "content"
    for _ in range(80):
        report.press(Keys.TAB)
        if report.run("return document.activeElement.closest('#sample-list') !== null"):
            break
    assert focused("dataset.at") == "0"
    report.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    assert focused("dataset.at") == "1"
    report.press(Keys.ENTER)
    report.until(lambda: focused("id") == "sample-heading")
    assert report.text("#sample h3") == "is this shapes 1?"
    report.press(Keys.ARROW_RIGHT)
    report.until_text("#sample h3", "is this shapes 2?")
    report.until(lambda: focused("id") == "sample-heading")
    report.press(Keys.ESCAPE)
    report.until(lambda: focused("dataset.at") == "2")
    report.press(Keys.END, Keys.ARROW_DOWN)
    assert focused("dataset.at") == "25" and report.text("#pages") == "26–50 of 60"


def test_names_are_there_for_a_screen_reader(report: Page) -> None:
    report.open("#sample=shapes:3")
    report.until_text("#sample h3", "shapes 3")
    unnamed = report.run(
        "return [...document.querySelectorAll('button, a, select, input, [role=img], [role=region], img, section')]"
        ".filter((one) => !(one.textContent || '').trim() && !one.ariaLabel && !one.getAttribute('aria-labelledby')"
        " && !one.hasAttribute('alt')).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert unnamed == []
    assert report.run("return document.querySelectorAll('main').length") == 1
    assert len(report.texts("table")) == len(report.texts("table caption"))
    said = report.run("return document.querySelector('#looking [role=img]').ariaLabel")
    assert "looking adds between" in said and "points on" in said


def test_a_mark_tells_its_numbers_and_leads_to_its_questions(report: Page) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    report.open()
    mark = report.driver.find_element(By.CSS_SELECTOR, "#looking svg.wide .mark circle")
    ActionChains(report.driver).move_to_element(mark).perform()
    report.until_text(".tip", "shapes · sighted:")
    mark.click()
    report.until_text("#sample-count", "30 of 60")
    report.click("#looking .legend li:nth-child(2) button")
    assert report.run("return document.querySelectorAll('#looking figure:first-of-type .mark.off').length") > 0


def test_samples_in_files_beside_the_page_come_when_they_are_needed(
    driver: Any, plain_run: Path, tmp_path: Path
) -> None:
    page = _write(driver, read_given([plain_run]), Pictures({}, ()), tmp_path, inline=1000).open()
    assert sum("samples-" in url for url in page.requests()) == 1
    page.click("#page-after")
    page.click("#page-after")
    page.click("#sample-list li:last-child button")
    page.until_text("#sample h3", "which is number 59?")
    assert sum("samples-0001.js" in url for url in page.requests()) == 1
    assert page.complaints() == []
    shutil.rmtree(tmp_path / "report_samples")
    page.open("#sample=shapes:3")
    page.until_text("#sample", "report_samples is not beside this page")


def test_hostile_text_is_shown_and_does_nothing(driver: Any, hostile_run: Path, tmp_path: Path) -> None:
    page = _write(driver, read_given([hostile_run]), Pictures({}, ()), tmp_path).open()
    title = page.run("return document.title")
    for number in range(9):
        page.click(f"#sample-list li:nth-child({number + 1}) button")
        page.until(lambda number=number: f":{number} " in page.text("#sample .place") + " ")
        tags = page.run("return [...new Set([...document.querySelectorAll('#sample *')].map((one) => one.localName))]")
        assert not {"script", "img", "iframe", "object"} & set(tags)
        assert page.run("return [...document.querySelectorAll('#sample a')].every((one) => one.hash.length > 0)")
        assert len(page.text("#sample")) < 200_000
    page.click("#sample-list li:nth-child(1) button")
    page.until_text("#sample", "<script>alert(1)</script>")
    assert page.run("return document.title") == title and page.complaints() == []
    assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    page.open(width=390)
    assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0


def test_ten_thousand_questions_stay_fluent(driver: Any, make_rows: Make, save_run: Save, tmp_path: Path) -> None:
    n = 10_000
    prompts = [f"Question: which is number {i}?\nOptions:\nA. one\n" for i in range(n)]
    rows = make_rows("many", "sighted", np.arange(n) % 3 / 2, prompt=prompts, response="A " * 100)
    page = _write(driver, read_given([Path(save_run("m", rows))]), Pictures({}, ()), tmp_path).open()
    took = page.run(
        "const before = performance.now(); location.hash = '#q=number%2099'; dispatchEvent(new Event('hashchange'));"
        "document.getElementById('sample-list').offsetHeight; return performance.now() - before;"
    )
    count = sum("99" in str(number) for number in range(n))
    assert page.text("#sample-count") == f"{count} of 10,000 questions shown." and took < 1000
    assert page.path.stat().st_size < 60_000_000
