"""A new task: a user's questions from JSON Lines or CSV, checked, with their pictures, as files that lmms-eval runs."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from sightscale.tasks.catalogue import list_tasks
from sightscale.tasks.errors import UserError, blaming, first_line
from sightscale.tasks.instructions import LETTER_INSTRUCTION, SHORT_INSTRUCTION, YES_NO_INSTRUCTION
from sightscale.tasks.open_answers import write_names
from sightscale.tasks.pictures import UnreadablePicture, open_picture, whole_files
from sightscale.tasks.scoring import chance_level
from sightscale.tasks.user_files import read_text

NAMED = 3  # faults that a message names before it counts the rest
NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
FIELDS = ("question", "image", "answer", "options", "index", "id", "category")
INSTRUCTIONS = {"choice": LETTER_INSTRUCTION, "short": SHORT_INSTRUCTION, "yes_no": YES_NO_INSTRUCTION}
ASKED, CHOICE = "sightscale.tasks.own_questions", "sightscale.tasks.multiple_choice"
MAX_NEW_TOKENS = 32
ROWS = 100  # whose pictures are in memory together


@dataclass(frozen=True)
class Question:
    """A checked question: options by letter (none where it is open), the target, and the file of its picture."""

    index: str
    question: str
    options: Mapping[str, str]
    answer: str
    category: str | None
    picture: Path


@dataclass(frozen=True)
class NewTask:
    """A task of a user's own: its name, how its answers are scored, its questions, and the columns left out."""

    name: str
    answer_format: str
    questions: Sequence[Question]
    left_out: Sequence[str] = ()

    @property
    def chance(self) -> float:
        """The expected score of guessing."""
        return sum(chance_level(self.answer_format, question.options) for question in self.questions) / len(
            self.questions
        )


def read_task(path: Path, name: str | None = None) -> NewTask:
    """The questions in a .jsonl or .csv file, every field checked and every picture opened.

    The task is multiple choice where rows have options (columns A, B, … or a list `options`), yes/no where every answer
    is one of these, else open. `answer` is an option's letter or text, or for open questions a list of accepted ones.
    `image` is a file's path, seen from the folder of `path`. Raises UserError naming rows from 1 on.
    """
    name = name or re.sub(r"\W+", "_", path.stem).strip("_").lower()
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} is not a task name; give --name with small letters, digits and _, a letter first")
    if name in {card.name for card in list_tasks()}:
        raise UserError(f"sightscale already has a task {name!r}; give another name with --name")
    rows = list(_read_rows(path))
    if not rows:
        raise UserError(f"{path} has no rows")
    letters = [letter for letter in ascii_uppercase if any(letter in row for _, row in rows)]
    choice = any(_read_options(row, letters) for _, row in rows)
    faults: list[str] = []
    questions: list[Question] = []
    seen: Counter[str] = Counter()
    opened: dict[Path, str] = {}  # what is wrong with each picture; empty where nothing is
    for number, (line, row) in enumerate(rows):
        checked = _check_row(row, str(number), path.parent, letters if choice else [], choice, opened)
        if isinstance(checked, Question):
            seen[checked.index] += 1
            if seen[checked.index] == 2:
                faults.append(f"row {line} has the index {checked.index!r} of an earlier row")
            questions.append(checked)
        else:
            faults.append(f"row {line} {checked}")
    if faults:
        more = f"; and {len(faults) - NAMED:,} more rows" if len(faults) > NAMED else ""
        raise UserError(f"{path}: {'; '.join(faults[:NAMED])}{more}; fix them or leave the rows out")
    known = {*FIELDS, *letters}
    left_out = sorted({str(column) for _, row in rows for column in row if column not in known})
    yes_no = all(question.answer.strip().lower() in ("yes", "no") for question in questions)
    return NewTask(name, "choice" if choice else "yes_no" if yes_no else "short", questions, left_out)


def write_task(task: NewTask, folder: Path, *, source: str, licence: str, replace: bool = False) -> list[Path]:
    """Write the task's YAML, its blind variant's, and its questions with their pictures as Parquet; the files.

    Raises UserError where the folder can't be written to, and where it holds such a file already, but for `replace`.
    """
    files = [folder / f"{task.name}.yaml", folder / f"{task.name}_blind.yaml", folder / f"{task.name}.parquet"]
    for file in files:
        if file.exists() and not replace:
            raise UserError(f"{file} exists already; give --replace, or another --name or --output")
    with blaming(folder, "write"):
        folder.mkdir(parents=True, exist_ok=True)
        _write_rows(task, files[2])
        files[0].write_text(_write_yaml(task, files[2].name, source, licence), encoding="utf-8")
        blind = {"include": files[0].name, "task": f"{task.name}_blind", "metadata": {"blind_of": task.name}}
        text = yaml.safe_dump(blind, sort_keys=False)
        files[1].write_text(f"{text}doc_to_visual: !function {CHOICE}.doc_to_no_visual\n", encoding="utf-8")
    return files


def _read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with its number from 1 on; a CSV file's heading is none."""
    text = read_text(path, "the questions")
    if path.suffix == ".csv":
        reader = csv.DictReader(io.StringIO(text), strict=True)
        try:
            for number, row in enumerate(reader, 1):
                if None in row or None in row.values():
                    raise UserError(f"{path}: row {number} has more or fewer cells than the heading")
                # An empty cell is a missing value: CSV has no other way to say so.
                yield number, {name.strip(): value for name, value in row.items() if value.strip()}
        except csv.Error as error:
            raise UserError(f"{path} is not CSV: {first_line(error)}") from error
    elif path.suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise UserError(f"{path}: row {number} is not JSON: {first_line(error)}") from error
                if not isinstance(row, dict):
                    raise UserError(f"{path}: row {number} is {line.strip():.40}, not an object such as {{…}}")
                yield number, {name: value for name, value in row.items() if value is not None}
    else:
        raise UserError(f"{path} must end in .jsonl or .csv")


def _read_options(row: Mapping[str, Any], letters: Sequence[str]) -> dict[str, str]:
    """A row's options by letter."""
    listed = row.get("options")
    if isinstance(listed, list):
        return {letter: str(text) for letter, text in zip(ascii_uppercase, listed, strict=False)}
    return {letter: str(row[letter]) for letter in letters if letter in row}


def _check_row(
    row: Mapping[str, Any],
    number: str,
    folder: Path,
    letters: Sequence[str],
    choice: bool,
    opened: dict[Path, str],
) -> Question | str:
    """The row as a question, or what is wrong with it."""
    for field in ("question", "image"):
        if field not in row:
            return f"has no {field!r}"
        if not isinstance(row[field], str) or not row[field].strip():
            return f"has the {field} {row[field]!r:.60}, not a text"
    if "answer" not in row:
        return "has no 'answer'"
    options = _read_options(row, letters) if choice else {}
    if choice:
        answer = _find_letter(row, options)
    elif isinstance(row["answer"], list):
        names = [str(name) for name in row["answer"]]
        answer = write_names(names) if names and all(name.strip() for name in names) else None
    else:
        answer = str(row["answer"]) if isinstance(row["answer"], (str, int, float)) else None
    if answer is None or not answer.strip():
        if choice and isinstance(row.get("options"), list) and len(row["options"]) > len(ascii_uppercase):
            return f"has {len(row['options'])} options, and there are {len(ascii_uppercase)} letters"
        if choice and len(options) < 2:
            return f"has {len(options)} options; every row needs two or more, or none of them any"
        of = f", neither letter nor text of one of its options {', '.join(options)}" if choice else ""
        return f"has the answer {row['answer']!r:.60}{of}"
    picture = folder / row["image"]
    if picture not in opened:
        opened[picture] = _try_picture(picture)
    if opened[picture]:
        return f"has the picture {row['image']:.120}, which {opened[picture]}"
    index = str(row.get("index", row.get("id", number)))
    category = str(row["category"]) if "category" in row else None
    return Question(index, row["question"], options, answer, category, picture)


def _find_letter(row: Mapping[str, Any], options: Mapping[str, str]) -> str | None:
    """The letter that the answer names, itself or by its option's text; None where it names none or more than one."""
    too_many = isinstance(row.get("options"), list) and len(row["options"]) > len(ascii_uppercase)
    if len(options) < 2 or too_many or not isinstance(row["answer"], (str, int, float)):
        return None
    answer = str(row["answer"]).strip()
    by_letter = [letter for letter in options if letter == answer.strip("().").upper()]
    by_text = [letter for letter, text in options.items() if text.strip() == answer]
    letters = {*by_letter, *by_text}
    return letters.pop() if len(letters) == 1 else None


def _try_picture(path: Path) -> str:
    """What is wrong with a picture's file; an empty text where nothing is."""
    if not path.is_file():
        return "is not a file"
    try:
        with whole_files():
            open_picture(path)
    except (UnreadablePicture, OSError) as error:
        return f"can't be opened: {first_line(error):.120}"
    return ""


def _write_rows(task: NewTask, path: Path) -> None:
    """Write the questions in the schema that scoring reads, with the pictures' files as they are, some at a time."""
    letters = sorted({letter for question in task.questions for letter in question.options})
    columns = ("index", "question", *letters, "answer", "category")
    text = dict.fromkeys(columns, datasets.Value("string"))
    schema = datasets.Features({**text, "image": datasets.Image()}).arrow_schema
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, len(task.questions), ROWS):
            rows = [
                {
                    **question.options,
                    **{
                        "index": question.index,
                        "question": question.question,
                        "answer": question.answer,
                        "category": question.category,
                    },
                    "image": {"bytes": question.picture.read_bytes(), "path": None},
                }
                for question in task.questions[first : first + ROWS]
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _write_yaml(task: NewTask, data: str, source: str, licence: str) -> str:
    """The task's file for lmms-eval: what is plain YAML dumped, and the functions that it names."""
    choice = task.answer_format == "choice"
    functions = {
        "doc_to_visual": f"{CHOICE}.doc_to_visual",
        "doc_to_text": f"{CHOICE if choice else ASKED}.doc_to_text",
        "process_results": f"{CHOICE}.process_results" if choice else f"{ASKED}.score_{task.answer_format}",
        **({"process_docs": f"{ASKED}.arrange"} if choice else {}),
    }
    plain = {
        "task": task.name,
        "dataset_path": "parquet",
        "dataset_kwargs": {"data_files": {"test": data}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_target": "answer",
        "generation_kwargs": {"max_new_tokens": MAX_NEW_TOKENS, "do_sample": False, "temperature": 0, "until": []},
        "metric_list": [{"metric": "accuracy", "aggregation": "mean", "higher_is_better": True}],
        "lmms_eval_specific_kwargs": {
            "default": {"pre_prompt": "", "post_prompt": f"{INSTRUCTIONS[task.answer_format]}\n"}
        },
        "metadata": {
            "version": 1.0,
            "answer_format": task.answer_format,
            "metric": "accuracy",
            "source": f"own:{source}",
            "licence": licence,
            "questions": len(task.questions),
            "chance": round(task.chance, 4),
        },
    }
    lines = (f"{name}: !function {function}" for name, function in functions.items())
    return "\n".join((yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip(), *lines)) + "\n"
