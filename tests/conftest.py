"""Fixtures that several folders share: tiny checkpoints and recipes, data in VMCBench's schema, a browser."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import pytest
import torch
from hypothesis import settings
from PIL import Image

from sightscale.tasks.mini import QUESTIONS
from sightscale.tasks.sources import DATA, DATA_ROOT, OPTIONS

if TYPE_CHECKING:
    from sightscale.trainers.recipe import Recipe

IN_DOMAIN = ("OCRVQA", "TextVQA", "ScienceQA", "VQAv2", "GQA", "VizWiz")

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.pop("COLUMNS", None)  # xdist's workers have it, and tables are as wide as it says
os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="sightscale-datasets-")
os.environ["HF_HUB_OFFLINE"] = "1"
settings.register_profile("busy", deadline=None)  # a busy machine is no fault
settings.load_profile("busy")
torch.set_num_threads(1)  # tests run in two processes on two cores
settings.register_profile("sightscale", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("sightscale")


@pytest.fixture(autouse=True)
def environment_without_choices() -> None:
    """Nothing that chooses data in the environment: a fixture of many tests that leaves it there changes others'."""
    left = sorted({DATA, DATA_ROOT, OPTIONS, QUESTIONS} & set(os.environ))
    assert not left, f"{', '.join(left)} is set: unset it, or have the fixture that sets it do so for its own tests"


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """What the command line does to our loggers ends with its test."""
    yield
    logger = logging.getLogger("sightscale")
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What our loggers have said so far in the test."""
    caplog.set_level(logging.INFO, logger="sightscale")
    return lambda: [record.getMessage() for record in caplog.records if record.name.startswith("sightscale")]


@pytest.fixture(scope="session")
def random_nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A nano VLM with random weights, written as the trainer writes one."""
    from sightscale.trainers.data.easy_vqa import easy_vqa_texts
    from sightscale.trainers.model.build import build_model, build_processor, build_tokenizer
    from sightscale.trainers.recipe import load_recipe
    from sightscale.trainers.train import save_model

    recipe = load_recipe("easy_vqa_nano")
    torch.manual_seed(0)
    tokenizer = build_tokenizer(easy_vqa_texts(), recipe.language.vocabulary)
    folder = tmp_path_factory.mktemp("checkpoints") / "random_nano"
    save_model(build_model(recipe, tokenizer), build_processor(recipe, tokenizer), folder)
    return folder


@pytest.fixture(scope="session")
def shorten() -> "Callable[..., Recipe]":
    """Makes easy_vqa_nano's recipe with `tower` and `answers` steps of its first and last stage alone."""
    from sightscale.trainers.recipe import load_recipe

    def short(*, tower: int = 4, answers: int = 40) -> "Recipe":
        recipe = load_recipe("easy_vqa_nano")
        first, *_, last = recipe.stages
        few = (
            first.model_copy(update={"steps": tower, "batch_size": 4}),
            last.model_copy(update={"steps": answers, "batch_size": 2, "after": None}),
        )
        return recipe.model_copy(update={"stages": few})

    return short


@pytest.fixture(scope="session")
def vmcbench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root that holds VMCBench in exactly its schema and layout: dev and test, three rows a category."""
    from sightscale.tasks.easy_vqa.rows import FEATURES

    root = tmp_path_factory.mktemp("data_root")
    folder = root / "suyc21" / "VMCBench"
    (folder / "data").mkdir(parents=True)
    for offset, split in ((0, "dev"), (1000, "test")):
        rows = [
            {
                "index": offset + 3 * number + i,
                "question": f"What is {category} {i}?",
                **{letter: f"{letter.lower()} thing {i}" for letter in "ABCD"},
                "answer": "ABCD"[(number + i) % 4],
                "category": category,
                "image": Image.new("RGB", (40 + i, 30), (10 * number, 40 * i, offset // 8)),
            }
            for number, category in enumerate((*IN_DOMAIN, "ChartQA"))
            for i in range(3)
        ]
        table = datasets.Dataset.from_list(rows, features=FEATURES)
        table.to_parquet(str(folder / "data" / f"{split}-00000-of-00001.parquet"))
    return root


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """Debian's Chromium by its own driver."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield opened
    opened.quit()
