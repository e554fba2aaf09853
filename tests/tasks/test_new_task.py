"""`sightscale tasks new`: rows checked and pictures opened, and the task runs under plain lmms-eval and under ours."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import read_records
from sightscale.tasks.catalogue import read_cards
from sightscale.tasks.errors import UserError
from sightscale.tasks.new_task import read_task, write_task

COLOURS = ("red", "green", "blue", "black")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures p0.png to p3.png, a colour each, a damaged file, and a picture with too many pixels."""
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (32, 32), colour).save(tmp_path / f"p{number}.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "p0.png").read_bytes()[:40])
    Image.new("1", (20_000, 10_000)).save(tmp_path / "huge.png")
    return tmp_path


def make_row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A multiple-choice row; a field that is None is left out."""
    row = {"question": "Which colour?", "image": f"p{number}.png", "options": list(COLOURS), "answer": COLOURS[number]}
    return {name: value for name, value in {**row, **changes}.items() if value is not None}


def write_rows(folder: Path, *rows: dict[str, Any], name: str = "my_colours.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_options_are_lettered_and_an_answer_is_its_letter_or_its_text(folder: Path) -> None:
    task = read_task(write_rows(folder, make_row(0), make_row(2, answer="c"), make_row(3, answer="(D)", extra=1)))
    assert (task.name, task.answer_format, task.chance) == ("my_colours", "choice", 0.25)
    assert [one.answer for one in task.questions] == ["A", "C", "D"] and task.left_out == ["extra"]
    assert task.questions[0].options == dict(zip("ABCD", COLOURS, strict=True))


def test_a_csv_file_has_a_column_for_each_option(folder: Path) -> None:
    path = folder / "birds.csv"
    path.write_text("id,question,image,A,B,C,answer\nx,Which?,p0.png,owl,jay,,owl\ny,Which?,p1.png,owl,jay,tit,C\n")
    first, second = read_task(path).questions
    assert (first.index, first.answer, list(first.options)) == ("x", "A", ["A", "B"])
    assert second.options == {"A": "owl", "B": "jay", "C": "tit"} and second.answer == "C"


@pytest.mark.parametrize(
    ("answers", "answer_format", "chance"),
    [(["yes", "No"], "yes_no", 0.5), ([["red", "crimson"], "7"], "short", 0.0), ([3, "4"], "short", 0.0)],
)
def test_without_options_answers_say_the_format(
    folder: Path, answers: list[Any], answer_format: str, chance: float
) -> None:
    rows = [make_row(number, options=None, answer=answer) for number, answer in enumerate(answers)]
    task = read_task(write_rows(folder, *rows))
    assert (task.answer_format, task.chance) == (answer_format, chance)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"question": None}, "row 2 has no 'question'"),
        ({"question": " "}, "row 2 has an empty 'question'"),
        ({"image": None}, "row 2 has no 'image'"),
        ({"image": "p9.png"}, "row 2 has the picture p9.png, which is not a file"),
        ({"image": "broken.png"}, "row 2 has the picture broken.png, which can't be opened: "),
        ({"image": "huge.png"}, "huge.png, which can't be opened: it has more pixels than Pillow opens (178,956,970)"),
        ({"image": "https://example.org/p.png"}, "row 2 has the picture https://example.org/p.png, a web address"),
        ({"image": "iVBORw0KGgo" * 100}, "which can't be opened: file name too long"),
        ({"image": 3}, "row 2 has 3 as 'image' (write a text)"),
        ({"image": ["p1.png"]}, "row 2 has a list as 'image' (write one text)"),
        ({"answer": None}, "row 2 has no 'answer'"),
        ({"answer": " "}, "row 2 has no 'answer'"),
        ({"answer": True}, "row 2 has the answer true (write a text"),
        ({"answer": "pink"}, "has the answer 'pink', which doesn't name one of its options (A red, B green, C blue, D"),
        ({"answer": "B", "options": ["B", "x"]}, "row 2 has the answer 'B', which doesn't name one of its options"),
        ({"options": ["red"], "answer": "A"}, "row 2 has 1 option (every row needs two or more"),
        ({"options": None}, "row 2 has no options (every row needs two or more"),
        ({"options": "red, green"}, "row 2 has the options 'red, green', not a list"),
        ({"options": ["red", "red "]}, "row 2 has the option 'red' twice"),
        ({"options": ["green", ""]}, "row 2 has an empty option B"),
        ({"Answer": "red"}, "row 2 has the column 'answer' twice"),
        ({"options": ["a"] * 27, "answer": "A"}, "row 2 has 27 options, and there are 26 letters"),
        ({"index": "0"}, "row 2 has the same index as row 1, '0'"),
    ],
)
def test_a_fault_is_named_with_its_row(folder: Path, changes: dict[str, Any], fault: str) -> None:
    row = {**make_row(1), **changes}
    with pytest.raises(UserError) as caught:
        read_task(write_rows(folder, make_row(0), {name: value for name, value in row.items() if value is not None}))
    assert fault in str(caught.value) and "\n" not in str(caught.value)


def test_many_faults_are_counted(folder: Path) -> None:
    with pytest.raises(UserError, match=r"row 1 has no 'answer'; row 2 .*; row 3 .*; and 2 more rows; fix them"):
        read_task(write_rows(folder, *[make_row(answer="")] * 5))


def test_a_column_that_every_row_lacks_is_named_with_those_that_are_there(folder: Path) -> None:
    path = folder / "birds.csv"
    path.write_text("question,image_path,answer\nWhich?,p0.png,owl\n")
    with pytest.raises(UserError, match="no row has 'image'; its columns are question, image_path, answer: rename"):
        read_task(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_spreadsheet_may_write_other_separators_cases_and_empty_rows(folder: Path, separator: str) -> None:
    lines = ("Question,Image,a,b,Answer", "Which?,p0.png,Owl,jay,owl", ",,,,", "", "Which?,p1.png,Owl,jay,B")
    path = folder / "birds.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).replace(",", separator).encode())
    task = read_task(path)
    assert (task.answer_format, [question.answer for question in task.questions]) == ("choice", ["A", "B"])


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.jsonl", "", "has no rows"),
        ("a.jsonl", "[1]\n", "row 1 is [1], not an object"),
        ("a.jsonl", "{\n", "row 1 is not JSON"),
        ("a.csv", "question,image,answer\n", "has no rows; write one for each question"),
        ("a.csv", "question,answer\nx\n", "row 1 has 1 cells, and the heading has 2; put a cell that holds a comma"),
        ("a.csv", "question,image,A,B,b,answer\nx\n", "the heading has the column 'B' twice"),
        ("a.txt", "x", "must end in .jsonl or .csv; save it as one of these"),
        ("7.jsonl", "", "'7' is not a task name"),
        ("easy_vqa.jsonl", "", "sightscale already has a task 'easy_vqa'"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, text: str, reason: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        read_task(tmp_path / name)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_the_files_hold_the_pictures_and_are_not_written_over(folder: Path, tmp_path: Path) -> None:
    task = read_task(write_rows(folder, make_row(0), make_row(1)))
    output = tmp_path / "tasks"
    files = write_task(task, output, source="my_colours.jsonl", licence="CC0-1.0")
    [card, blind] = read_cards(output)
    assert (card.questions, card.chance, card.licence) == (2, 0.25, "CC0-1.0") and blind.blind_of == "my_colours"
    with pytest.raises(UserError, match=r"my_colours.yaml exists already; give --replace"):
        write_task(task, output, source="x", licence="x")
    write_task(task, output, source="x", licence="MIT", replace=True)
    assert read_cards(output)[0].licence == "MIT"
    for picture in folder.glob("*.png"):
        picture.unlink()
    rows = datasets.Dataset.from_parquet(str(files[2]), cache_dir=str(tmp_path / "cache"))
    assert rows[1]["image"].convert("RGB").getpixel((0, 0)) == (0, 128, 0)
    assert str(folder).encode() not in files[2].read_bytes()


@pytest.mark.parametrize(
    ("rows", "response", "scores", "chance"),
    [
        ([make_row(number) for number in range(4)], "B", [0.0, 1.0, 0.0, 0.0], 0.25),
        ([make_row(n, options=None, answer="no" if n else "yes") for n in range(2)], "No.", [0.0, 1.0], 0.5),
        ([make_row(n, options=None, answer=[COLOURS[n], "x"]) for n in range(2)], "Red", [1.0, 0.0], 0.0),
    ],
)
def test_the_task_is_run_and_shown(
    folder: Path, tmp_path: Path, rows: list[dict[str, Any]], response: str, scores: list[float], chance: float
) -> None:
    made = CliRunner().invoke(app, ["tasks", "new", str(write_rows(folder, *rows)), "--output", str(tmp_path / "own")])
    assert made.exit_code == 0 and f"guessing scores {100 * chance:.1f} %" in made.stdout
    common = ["--include-path", str(tmp_path / "own")]
    shown = CliRunner().invoke(app, ["tasks", "show", "my_colours", "--output", str(tmp_path / "shown"), *common])
    assert shown.exit_code == 0 and "Which colour?" in shown.stdout and len(list((tmp_path / "shown").iterdir())) == 1
    model = ["--model", f"lmms:dummy,response={response}", "--tasks", "my_colours", "--blind", "none"]
    run = CliRunner().invoke(app, ["run", *model, "--output", str(tmp_path / "run"), *common])
    assert run.exit_code == 0, run.output
    records = read_records(tmp_path / "run")
    assert set(records["condition"]) == {"sighted", "none"} and set(records["chance"]) == {chance}
    assert records.loc[records["condition"] == "sighted", "score"].tolist() == scores


def test_options_can_be_asked_in_every_rotation(folder: Path, tmp_path: Path) -> None:
    write_task(read_task(write_rows(folder, make_row(0))), tmp_path / "own", source="x", licence="x")
    words = ["run", "--model", "lmms:dummy,response=A", "--tasks", "my_colours", "--options", "circular"]
    run = CliRunner().invoke(app, [*words, "--include-path", str(tmp_path / "own"), "--output", str(tmp_path / "run")])
    assert run.exit_code == 0, run.output
    assert sorted(read_records(tmp_path / "run")["score"]) == [0.0, 0.0, 0.0, 1.0]


def test_plain_lmms_eval_runs_the_task(folder: Path, tmp_path: Path) -> None:
    write_task(read_task(write_rows(folder, make_row(0), make_row(1))), tmp_path / "own", source="x", licence="x")
    command = [sys.executable, "-m", "lmms_eval", "--model", "dummy", "--model_args", "response=B"]
    command += ["--tasks", "my_colours,my_colours_blind", "--include_path", str(tmp_path / "own")]
    done = subprocess.run([*command, "--output_path", str(tmp_path / "plain")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    [results] = (tmp_path / "plain").rglob("*_results.json")
    found = json.loads(results.read_text())["results"]
    assert {name: found[name]["accuracy,none"] for name in found} == {"my_colours": 0.5, "my_colours_blind": 0.5}
