"""Sources: which data tasks read is a choice for a while, whose default the environment gives."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import datasets
import pytest

from sightscale.tasks.errors import UserError
from sightscale.tasks.sources import DATA, DATA_ROOT, OPTIONS, DataChoice, chosen, load_hub, reading
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


def test_a_copy_elsewhere_or_changed_is_read_anew(tmp_path: Path) -> None:
    """`datasets` alone gives back what it read of another folder of that name."""

    def write(root: str, word: str) -> Path:
        folder = tmp_path / root / "owner" / "words"
        (folder / "one").mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_list([{"word": word}]).to_parquet(str(folder / "one" / "test-0.parquet"))
        lines = "- config_name: one\n  data_files:\n  - split: test\n    path: one/test-*\n"
        (folder / "README.md").write_text(f"---\nconfigs:\n{lines}---\n")
        return tmp_path / root

    def read(root: Path) -> list[str]:
        with reading("hub", root):
            return list(load_hub("owner/words", ["test"], "main", {}, "one")["word"])

    first = write("first", "apple")
    assert read(first) == ["apple"] and read(write("second", "pear")) == ["pear"]
    assert read(first) == ["apple"] and read(write("first", "plum tree")) == ["plum tree"]
