"""A new task: turns a user's questions in JSON Lines or CSV, with their pictures, into a task of lmms-eval."""

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

NAMED = 3  # a message names so many faults and counts the rest
NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
FIELDS = ("question", "image", "answer", "options", "index", "id", "category")
REQUIRED = ("question", "image", "answer")
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}  # of CSV files; spreadsheets write all three
INSTRUCTIONS = {"choice": LETTER_INSTRUCTION, "short": SHORT_INSTRUCTION, "yes_no": YES_NO_INSTRUCTION}
ASKED, CHOICE = "sightscale.tasks.own_questions", "sightscale.tasks.multiple_choice"
MAX_NEW_TOKENS = 32
ROWS = 100  # whose pictures are in memory together


@dataclass(frozen=True)
class Question:
    """A checked question: options by letter (none if it is open), the target, and its picture's file."""

    index: str
    question: str
    options: Mapping[str, str]
    answer: str
    category: str | None
    picture: Path


@dataclass(frozen=True)
class NewTask:
    """A user's task: its name, how answers are scored, its questions, and the columns that are ignored."""

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
    """The questions in a .jsonl or .csv file, with every field checked and every picture opened.

    The task is multiple choice if rows have options (columns A, B, … or a list `options`), yes/no if every answer is
    yes or no, and otherwise open. `answer` is an option's letter or text; an open question may have a list of accepted
    answers. `image` is a path relative to the folder of `path`. Raises UserError naming rows from 1 on.
    """
    name = name or re.sub(r"\W+", "_", path.stem).strip("_").lower()
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} is not a task name; give --name with letters a to z, digits and _, a letter first")
    if name in {card.name for card in list_tasks()}:
        raise UserError(f"sightscale already has a task {name!r}; give another name with --name")
    rows = list(_read_rows(path))
    if not rows:
        raise UserError(f"{path} has no rows; write one for each question, with {', '.join(REQUIRED)}")
    columns = dict.fromkeys(column for _, row in rows for column in row)
    for field in REQUIRED:
        if field not in columns:
            present = ", ".join(f"{column:.40}" for column in columns) or "nothing"
            raise UserError(f"{path}: no row has {field!r}; its columns are {present:.400}: rename or add one")
    letters = [letter for letter in ascii_uppercase if letter in columns]
    choice = bool(letters) or "options" in columns
    faults: list[str] = []
    questions: list[Question] = []
    rows_by_index: dict[str, int] = {}
    opened: dict[Path, str] = {}  # what is wrong with each picture; empty if nothing is
    for number, (line, row) in enumerate(rows):
        checked = _check_row(row, str(number), path.parent, letters, choice, opened)
        if isinstance(checked, Question):
            if (earlier := rows_by_index.setdefault(checked.index, line)) != line:
                faults.append(f"row {line} has the same index as row {earlier}, {checked.index!r:.60}")
            questions.append(checked)
        else:
            faults.append(f"row {line} {checked}")
    if faults:
        more = f"; and {len(faults) - NAMED:,} more rows" if len(faults) > NAMED else ""
        raise UserError(f"{path}: {'; '.join(faults[:NAMED])}{more}; fix them or leave the rows out")
    left_out = sorted(column for column in columns if column and column not in (*FIELDS, *letters))
    yes_no = all(question.answer.strip().lower() in ("yes", "no") for question in questions)
    return NewTask(name, "choice" if choice else "yes_no" if yes_no else "short", questions, left_out)


def write_task(task: NewTask, folder: Path, *, source: str, licence: str, replace: bool = False) -> list[Path]:
    """Write the task's YAML, its blind variant's, and its questions with their pictures as Parquet; return the files.

    Raises UserError if the folder can't be written to, or if it has such a file already and `replace` is false.
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
    """Each row with its number, from 1 on and without a CSV file's heading. An empty cell or null is left out."""
    if path.suffix not in (".csv", ".jsonl"):
        raise UserError(f"{path} must end in .jsonl or .csv; save it as one of these")
    text = read_text(path, "the questions")
    yield from _read_cells(path, text) if path.suffix == ".csv" else _read_objects(path, text)


def _read_cells(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    heading = text.partition("\n")[0]
    separator = max(SEPARATORS, key=heading.count)
    names: list[str] = []
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text), delimiter=separator, strict=True)):
            if number == 0:
                names = _name_fields(row, f"{path}: the heading")
            elif not any(cell.strip() for cell in row):
                continue
            elif len(row) == len(names):
                yield number, {name: cell for name, cell in zip(names, row, strict=True) if cell.strip()}
            else:
                raise UserError(
                    f"{path}: row {number} has {len(row)} cells, and the heading has {len(names)}; "
                    f'put a cell that holds a {SEPARATORS[separator]} in quotes ("…")'
                )
    except csv.Error as error:
        raise UserError(f"{path} is not CSV: {first_line(error)}; save it again as CSV in UTF-8") from error


def _read_objects(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{path}: row {number} is not JSON ({first_line(error)}); write each question as {{…}} on one line"
            ) from error
        if not isinstance(row, dict):
            raise UserError(
                f"{path}: row {number} is {line.strip():.40}, not an object; write each question as {{…}} on one line"
            )
        names = _name_fields(list(row), f"{path}: row {number}")
        yield number, {name: value for name, value in zip(names, row.values(), strict=True) if value is not None}


def _name_fields(names: Sequence[str], where: str) -> list[str]:
    """The names without spaces around them, and a field's or an option's in its usual case.

    Raises UserError for a name that stands twice, since one of its values would be lost.
    """
    named = []
    for name in (name.strip() for name in names):
        known = name.lower() if name.lower() in FIELDS else name.upper()
        named.append(known if known in (*FIELDS, *ascii_uppercase) else name)
    if repeated := [name for name, times in Counter(named).items() if times > 1 and name]:
        raise UserError(f"{where} has the column {repeated[0]!r:.60} twice; rename one")
    return named


def _read_options(row: Mapping[str, Any], letters: Sequence[str]) -> dict[str, str] | str:
    """A row's options by letter, or what is wrong with them."""
    options = row.get("options")
    if options is None:
        by_letter = {letter: str(row[letter]) for letter in letters if letter in row}
    elif not isinstance(options, list):
        return f"has the options {options!r:.60}, not a list (JSON Lines takes a list, CSV columns A, B, …)"
    elif len(options) > len(ascii_uppercase):
        return f"has {len(options)} options, and there are {len(ascii_uppercase)} letters"
    else:
        by_letter = {letter: str(text) for letter, text in zip(ascii_uppercase, options, strict=False)}
    if len(by_letter) < 2:
        number = f"{len(by_letter) or 'no'} option{'' if by_letter else 's'}"
        return f"has {number} (every row needs two or more, or no row any)"
    if empty := [letter for letter, text in by_letter.items() if not text.strip()]:
        return f"has an empty option {empty[0]}"
    if repeated := [text for text, times in Counter(text.strip() for text in by_letter.values()).items() if times > 1]:
        return f"has the option {repeated[0]!r:.60} twice"
    return by_letter


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
        if isinstance(row[field], list):
            return f"has a list as {field!r} (write one text)"
        if not isinstance(row[field], str):
            return f"has {row[field]!r:.60} as {field!r} (write a text)"
        if not row[field].strip():
            return f"has an empty {field!r}"
    if "answer" not in row or row["answer"] == [] or not str(row["answer"]).strip():
        return "has no 'answer'"
    if isinstance(row["answer"], (bool, dict)):
        return f'has the answer {json.dumps(row["answer"]):.60} (write a text, such as "yes")'
    options: dict[str, str] = {}
    if choice:
        read = _read_options(row, letters)
        if isinstance(read, str):
            return read
        options = read
        answer = _find_letter(row["answer"], options)
        if answer is None:
            shown = ", ".join(f"{letter} {text:.30}" for letter, text in options.items())
            return f"has the answer {row['answer']!r:.60}, which doesn't name one of its options ({shown:.200})"
    elif isinstance(row["answer"], list):
        names = [str(name) for name in row["answer"]]
        if not all(name.strip() for name in names):
            return "has an empty text among its answers"
        answer = write_names(names)
    else:
        answer = str(row["answer"])
    picture = folder / row["image"]
    if picture not in opened:
        opened[picture] = _try_picture(picture, row["image"])
    if opened[picture]:
        return f"has the picture {row['image']:.120}, {opened[picture]}"
    index = str(row.get("index", row.get("id", number)))
    category = str(row["category"]) if "category" in row else None
    return Question(index, row["question"], options, answer, category, picture)


def _find_letter(answer: Any, options: Mapping[str, str]) -> str | None:
    """The letter that an answer names, itself or by its option's text; None if it names none or more than one."""
    if isinstance(answer, list):
        return None
    text = str(answer).strip()
    by_letter = {letter for letter in options if letter == text.strip("().").upper()}
    exactly = {letter for letter, option in options.items() if option.strip() == text}
    in_any_case = {letter for letter, option in options.items() if option.strip().casefold() == text.casefold()}
    letters = by_letter | (exactly or in_any_case)
    return letters.pop() if len(letters) == 1 else None


def _try_picture(path: Path, written: str) -> str:
    """What is wrong with a picture's file; an empty text if nothing is."""
    if "://" in written:
        return "a web address (download it, and write the file's path)"
    try:
        if not path.is_file():
            return "which is not a file"
        with whole_files():
            open_picture(path)
    except UnreadablePicture as error:
        return f"which can't be opened: {error.reason:.120}"
    except OSError as error:  # a name that no file can have, such as a picture written as text
        return f"which can't be opened: {(error.strerror or first_line(error)).lower():.120}"
    return ""


def _write_rows(task: NewTask, path: Path) -> None:
    """Write the questions in the schema that scoring reads, with the pictures' files unchanged, some at a time."""
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
    """The task's file for lmms-eval: plain YAML, and the functions that it names."""
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
