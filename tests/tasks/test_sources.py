"""Sources: which data tasks read is a choice for a while, whose default the environment gives."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sightscale.tasks.errors import UserError
from sightscale.tasks.sources import DATA, DATA_ROOT, OPTIONS, DataChoice, chosen, reading
from sightscale.tasks.vocabulary import DataOrigin

QUESTIONS = "SIGHTSCALE_MINI_QUESTIONS"


def test_the_environment_decides_where_nobody_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {DATA: "mini", DATA_ROOT: str(tmp_path), OPTIONS: "circular", QUESTIONS: "9"}
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
    assert chosen() == DataChoice(DataOrigin.MINI, tmp_path, "circular", 9)
    with reading("hub", options="shuffled:2"):
        assert chosen() == DataChoice(DataOrigin.HUB, tmp_path, "shuffled:2", 9)
        assert os.environ[DATA] == "mini"  # the environment is read, never written
    assert chosen().origin is DataOrigin.MINI


def test_a_subprocess_reads_its_environment() -> None:
    code = "from sightscale.tasks.sources import chosen; print(chosen().origin)"
    environment = {**os.environ, DATA: "mini"}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "mini"


def test_a_choice_is_its_threads_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA, raising=False)
    with reading("mini"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(chosen).result().origin is DataOrigin.HUB


def test_an_environment_that_nobody_can_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA, "tiny")
    with pytest.raises(UserError, match="SIGHTSCALE_DATA is 'tiny'; known: hub, mini"):
        chosen()
