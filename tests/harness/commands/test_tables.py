"""Tables of commands: at 60, 80 and 120 columns every line fits, no cell is cut and no number is broken."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.commands import leaks, rescore, speed, sweep, train
from sightscale.harness.commands.terminal import open_console
from sightscale.harness.speed import Comparison
from sightscale.harness.sweep import State
from sightscale.model_adapters.checkpoints import list_checkpoints
from sightscale.model_adapters.engines import Completion
from sightscale.model_adapters.engines.store import StoreFile
from sightscale.model_adapters.systems import list_systems
from sightscale.trainers.recipe import load_recipe

WIDTHS = (60, 80, 120)
QUESTION = (
    "Which of the two boxes that stand beside each other is the larger one, seen from where the picture was taken?"
)
WAY = "decoupled:perception=somebody/a-vision-model,reasoning=a-language-model"
ENGINE = "a-folder-with-a-long-name@0123456789abcdef|transformers|bfloat16|adapter=fedcba9876543210"


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


def check_fit(text: str, width: int, *whole: str) -> None:
    """Every line of a table has room, nothing is cut, and these texts stand unbroken."""
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert not [part for part in whole if part not in text]


def miss(text: str, heading: str, *cells: str) -> Iterator[str]:
    """Those cells that the lines below a heading don't hold letter by letter, wherever they are folded."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if heading in line)
    start = lines[first].index(heading)
    letters = "".join(line[start:] for line in lines[first + 1 :]).replace(" ", "")
    for cell in cells:
        rest = iter(letters)
        if not all(letter in rest for letter in cell.replace(" ", "")):
            yield cell


def ask(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_models(width: int) -> None:
    text = ask("models")
    check_fit(text, width, *list_checkpoints(), *list_systems())
    assert not list(miss(text, "where it is", *map(str, list_checkpoints().values())))


@pytest.mark.parametrize("name", ["study_qwen3_0.6b", "easy_vqa_nano"])
def test_what_a_training_will_take(name: str, width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = load_recipe(name)
    train._show_estimate(recipe, tmp_path, anew=True)
    lines = capsys.readouterr().out.splitlines()
    first = next(number for number, line in enumerate(lines) if "learns" in line.split() or "steps" in line.split())
    last = max(number for number, line in enumerate(lines) if line.startswith("Memory and hours"))
    table = "\n".join(lines[first:last])
    check_fit(table, width, *(stage.name for stage in recipe.stages))
    assert len(re.findall(r"\d GB\b", table)) == len(recipe.stages)


@pytest.mark.parametrize("given", ["", "a guess of several words, longer than a column of names"])
def test_leaks(given: str, width: int, capsys: pytest.CaptureFixture[str]) -> None:
    rows = pd.DataFrame(
        {
            "item_id": ["in_domain_sciencesqa/validation/1234", "[red]2[/red]"],
            "question": [QUESTION, None],
            "guess": [given or None, "B"],
            "by_text": [0.9876, 0.5],
            "passes": [12.0, float("nan")],
            "by_models": [0.75, float("nan")],
            "leak": [0.8688, 0.5],
        }
    )
    open_console().print(leaks._render(rows, 2))
    text = capsys.readouterr().out
    check_fit(text, width, "98.8", "12", "75.0", "86.9", "[red]2[/red]")
    assert not list(miss(text, "question", QUESTION[:100])) and not list(miss(text, "guess", given))


def test_speed(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = {"easy_vqa_nano,batch_size=1": [123.4, 125.6], WAY: [41.1, 43.2]}
    speed._print(Comparison("engines", "Engines", 200, seconds, {WAY: 199}))
    text = capsys.readouterr().out.rpartition("\nEngines; ")[0]
    check_fit(text, width, "124.50", "123.40–125.60", "42.15", "41.10–43.20", "199 of 200", "4.7")
    assert not list(miss(text, "engines", WAY))


def test_a_store(width: int, tmp_path: Path) -> None:
    store = StoreFile(tmp_path / "store.sqlite")
    store.put("0", ENGINE, Completion("x"))
    store.put("1", "other@2|transformers|float32", Completion("x"))
    text = ask("store", "show", str(store.path))
    table = text.rpartition("\n\n")[0] or text
    assert max(map(len, table.splitlines()[:-1])) <= width and "…" not in table
    assert not list(miss(table, "engine", ENGINE))


def test_the_readings_of_a_run(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = ["in_domain_scienceqa", "downscaling_scienceqa"]
    counted = pd.DataFrame(
        {
            "task": tasks,
            "condition": ["sighted", "mismatched"],
            "questions": [123456, 7],
            "changed": [12345, 0],
            "before": [0.5, float("nan")],
            "after": [0.625, float("nan")],
        }
    )
    open_console().print(rescore._render(counted, "Mean scores."))
    check_fit(capsys.readouterr().out, width, *tasks, "mismatched", "123,456", "12,345", "50.0", "62.5", "–")


def test_a_sweep(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    name = "somebody-a-vision-model-with-a-long-name-in_domain_scienceqa"
    unit, other = (SimpleNamespace(number=number, name=name) for number in (11, 12))
    reason = "ValueError: " + "the prompt has more tokens than this model's context holds; " * 3
    statuses: Any = [
        SimpleNamespace(
            unit=unit, state=State.FAILED, done=2, conditions=3, rows=123456, rate=12.3, left=98.0, reason=reason
        ),
        SimpleNamespace(unit=other, state=State.RUNNING, done=3, conditions=3, rows=7, rate=None, left=None, reason=""),
    ]
    open_console().print(sweep._render_status(statuses))
    text = capsys.readouterr().out
    check_fit(text, width, "123,456", "2 of 3", "12.3", "failed")
    assert not list(miss(text, "unit", name)) and not list(miss(text, "reason", reason))
