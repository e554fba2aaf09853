"""Result files of other harnesses, row by row, in the fields of lmms-eval's samples.

It reads samples of lmms-eval and of lm-evaluation-harness (.jsonl), answers to MMMU-Pro (.jsonl), tables of VLMEvalKit
(.xlsx, .tsv) and logs of Inspect (.json, .eval). A file is hostile text: its size, its rows and its unpacked size are
bounded, and nothing in it is executed.
"""

import ast
import csv
import itertools
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any, BinaryIO

from sightscale.tasks.errors import UserError, first_line

MAX_LINE = 4_000_000  # bytes of one row
MAX_FILE = 1_000_000_000  # bytes, unpacked
SUFFIXES = (".jsonl", ".xlsx", ".tsv", ".json", ".eval")
TASK = r"[\w.\-+]{1,200}"
# lmms-eval writes a time before the name, lm-evaluation-harness after it.
_SAMPLES = re.compile(
    rf"(?:\d{{8}}_\d{{6}}_)?samples_(?P<task>{TASK}?)(?:_\d{{4}}-\d\d-\d\dT[\d\-:.]+)?\.jsonl", re.ASCII
)
_INSPECT_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d\-+:.]+_(?P<task>.+?)(?:_[A-Za-z0-9]{20,24})?")
_INSPECT_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}

Row = dict[str, Any]


def name_task(path: Path) -> str:
    """The task in a file's name. Raises UserError if it isn't a result file's name."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path.name} is not a result file; those end in {', '.join(SUFFIXES)}")
    samples = _SAMPLES.fullmatch(path.name)
    if samples:
        return samples["task"]
    if path.suffix == ".jsonl" and path.name.startswith(("samples_", "20")) and "samples" in path.name:
        raise UserError(f"{path.name} isn't named like samples: expected …_samples_TASK.jsonl")
    inspect = _INSPECT_TIME.fullmatch(path.stem)
    stem = inspect["task"] if inspect else path.stem
    words = re.findall(TASK, stem, re.ASCII)
    return "_".join(word.strip("_") for word in words if word.strip("_"))[:200] or "task"


def read_rows(path: Path, digest: Any) -> Iterator[tuple[str, Row]]:
    """The rows of a result file, each with its place; their bytes are added to `digest`.

    Each has `doc_id`, `target`, `responses` (one or several) and `input`, and if the file has them `options`,
    `item_id`, `category`, `finish_reason` and the metrics. Raises UserError naming the place of a fault.
    """
    if not path.is_file():
        raise UserError(f"there are no results at {path}")
    if path.stat().st_size > MAX_FILE:
        raise UserError(f"{path} is larger than {MAX_FILE / 1e9:g} GB; split it by task")
    reader = {".jsonl": _read_lines, ".xlsx": _read_workbook, ".tsv": _read_table}.get(path.suffix, _read_inspect)
    place, read = path.name, 0
    try:
        for place, row in reader(path):
            read += 1
            text = json.dumps(row, ensure_ascii=True, default=str, sort_keys=True)
            if len(text) > MAX_LINE:
                raise UserError(f"{place}: longer than {MAX_LINE / 1e6:g} MB")
            digest.update(text.encode())
            yield place, row
    except RecursionError as error:
        raise UserError(f"{place}, or what follows it, is nested too deeply") from error
    except (UnicodeDecodeError, csv.Error, zipfile.BadZipFile, KeyError) as error:
        raise UserError(f"{place}: the file is damaged after {read:,} rows: {first_line(error)}") from error


def _read_lines(path: Path) -> Iterator[tuple[str, Row]]:
    """Samples of lmms-eval or lm-evaluation-harness, or answers to MMMU-Pro, a line each."""
    with path.open("rb") as file:
        answers = 0
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1):
            where = f"{path.name}, line {number}"
            if len(line) > MAX_LINE:
                raise UserError(f"{where}: longer than {MAX_LINE / 1e6:g} MB")
            if not line.strip():
                continue
            row = _parse(line.removeprefix(b"\xef\xbb\xbf"), where)
            if not isinstance(row, dict):
                raise UserError(f"{where}: not a sample: not a JSON object")
            if "doc_id" in row and "target" in row:
                yield where, _as_sample(row)
            elif "response" in row and "answer" in row:
                yield where, _as_answer(row, answers, where)
                answers += 1
            else:
                raise UserError(f"{where}: not a sample: doc_id or target is missing, or response and answer")


def _as_sample(row: Row) -> Row:
    """lmms-eval's sample, or lm-evaluation-harness's, whose prompt is the first of its arguments."""
    arguments = row.get("arguments")
    if isinstance(arguments, Mapping):
        arguments = [value for _, value in sorted(arguments.items())]
        arguments = [list(a.values()) if isinstance(a, Mapping) else a for a in arguments]
    while isinstance(arguments, list) and arguments:
        arguments = arguments[0]
    prompt = row.get("input", arguments)
    left_out = ("arguments", "doc", "resps", "filtered_resps", "prompt_hash", "target_hash")
    return {
        **{name: value for name, value in row.items() if name not in left_out},
        "input": prompt,
        "responses": _flatten(row.get("filtered_resps", row.get("resps"))),
    }


def _flatten(value: Any) -> list[Any]:
    """Responses, taken out of nested lists."""
    if not isinstance(value, list):
        return [] if value is None else [value]
    return [response for inner in value for response in _flatten(inner)]


def _as_answer(row: Row, number: int, where: str) -> Row:
    """A line of MMMU-Pro's own evaluation: its data set's fields with the response."""
    options = row.get("options")
    if isinstance(options, str):  # the data set keeps a list in Python's notation
        try:
            options = ast.literal_eval(options[:100_000])
        except (ValueError, SyntaxError, MemoryError) as error:
            raise UserError(f"{where}: its options are not a list") from error
    if options is not None and not (isinstance(options, list) and len(options) <= len(ascii_uppercase)):
        raise UserError(f"{where}: its options are not a list of at most 26")
    return {
        "doc_id": number,
        "item_id": str(row.get("id", number)),
        "category": row.get("subject"),
        "target": row["answer"],
        "input": row.get("question"),
        "options": dict(zip(ascii_uppercase, map(str, options or ()), strict=False)),
        "responses": _flatten(row["response"]),
    }


def _read_table(path: Path) -> Iterator[tuple[str, Row]]:
    csv.field_size_limit(MAX_LINE)
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _as_table(path, csv.reader(file, delimiter="\t"))


def _read_workbook(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise UserError(f"{path.name}: reading .xlsx files needs openpyxl: pip install openpyxl") from error
    with zipfile.ZipFile(path) as packed:
        _check_unpacked(path, packed)
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
        yield from _as_table(path, rows)
    except UserError:
        raise
    except Exception as error:  # openpyxl raises errors of every kind on damaged files
        raise UserError(f"{path.name} is not an .xlsx workbook: {first_line(error)}") from error


def _as_table(path: Path, rows: Iterable[Iterable[Any]]) -> Iterator[tuple[str, Row]]:
    """VLMEvalKit's table: one question per row, with `prediction`, `answer` and the options A, B, …"""
    numbered = enumerate(rows, 1)
    _, first = next(numbered, (0, []))
    names = [str(name or "").strip() for name in first]
    missing = [name for name in ("prediction", "answer") if name not in names]
    if missing:
        raise UserError(f"{path.name}: not a table of answers: it lacks the column {missing[0]}")
    for number, cells in numbered:
        row = {name: None if cell == "" else cell for name, cell in zip(names, cells, strict=False) if name}
        if all(value is None for value in row.values()):
            continue
        letters = itertools.takewhile(lambda letter: row.get(letter) is not None, ascii_uppercase)  # noqa: B023
        scores = {name: _as_number(row[name]) for name in ("hit", "score") if row.get(name) is not None}
        yield (
            f"{path.name}, row {number}",
            {
                "doc_id": number - 2,
                "item_id": str(row.get("index", number - 2)),
                "category": row.get("category"),
                "l2_category": row.get("l2-category") or row.get("l2_category"),
                "target": row["answer"] if row["answer"] is not None else "",
                "input": "\n".join(str(row[name]) for name in ("hint", "question") if row.get(name) is not None),
                "options": {letter: str(row[letter]) for letter in letters},
                "responses": [str(row["prediction"] if row["prediction"] is not None else "")],
                **scores,
            },
        )


def _read_inspect(path: Path) -> Iterator[tuple[str, Row]]:
    """Samples of an Inspect log; its epochs are several responses to one question."""
    questions: dict[str, Row] = {}
    for where, sample in _list_inspect(path):
        if not isinstance(sample, dict) or "target" not in sample:
            raise UserError(f"{where}: not a sample of Inspect: it lacks a target")
        row = _as_inspect(sample, len(questions))
        known = questions.setdefault(str(sample.get("id")), row)
        if known is not row:
            known["responses"] += row["responses"]
            for name in [name for name, value in known.items() if isinstance(value, float)]:
                known.pop(name)  # a metric of one epoch says nothing about the others
    for number, row in enumerate(questions.values()):
        yield f"{path.name}, sample {row['item_id']}", {**row, "doc_id": number}


def _list_inspect(path: Path) -> Iterator[tuple[str, Any]]:
    if path.suffix == ".eval":
        with zipfile.ZipFile(path) as packed:
            _check_unpacked(path, packed)
            for name in sorted(name for name in packed.namelist() if name.startswith("samples/")):
                with packed.open(name) as file:
                    yield f"{path.name}, {name}", _parse(_read_bounded(file, f"{path.name}, {name}"), name)
        return
    log = _parse(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), path.name)
    samples = log.get("samples") if isinstance(log, dict) else None
    if not isinstance(samples, list):
        raise UserError(f"{path.name} is not a log of Inspect: it holds no samples")
    for number, sample in enumerate(samples, 1):
        yield f"{path.name}, sample {number}", sample


def _as_inspect(sample: Row, number: int) -> Row:
    output = sample.get("output") if isinstance(sample.get("output"), dict) else {}
    choices = (output or {}).get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message") if isinstance(choice.get("message"), dict) else {}
    scores = sample.get("scores") if isinstance(sample.get("scores"), dict) else {}
    metadata = sample.get("metadata") if isinstance(sample.get("metadata"), dict) else {}
    graded = {str(name): _grade(score) for name, score in (scores or {}).items()}
    options = sample.get("choices")
    return {
        "doc_id": number,
        "item_id": str(sample.get("id", number)),
        "category": (metadata or {}).get("category"),
        "target": sample["target"],
        "input": _inspect_text(sample.get("input")),
        "options": dict(zip(ascii_uppercase, map(str, options), strict=False)) if isinstance(options, list) else {},
        "responses": [_inspect_text((message or {}).get("content"))],
        "finish_reason": "length" if choice.get("stop_reason") in ("max_tokens", "model_length") else "stop",
        **{name: grade for name, grade in graded.items() if grade is not None},
    }


def _grade(score: Any) -> float | None:
    value = score.get("value") if isinstance(score, dict) else score
    return _INSPECT_GRADES.get(value) if isinstance(value, str) else _as_number(value)


def _inspect_text(content: Any) -> str:
    """The text of a message's content, or of a conversation's messages, without thinking."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [
        part.get("text") or _inspect_text(part.get("content"))
        for part in parts
        if isinstance(part, dict) and part.get("type") in (None, "text")
    ]
    return "\n".join(text for text in texts if isinstance(text, str))


def _check_unpacked(path: Path, packed: zipfile.ZipFile) -> None:
    if sum(entry.file_size for entry in packed.infolist()) > MAX_FILE:
        raise UserError(f"{path.name} unpacks to more than {MAX_FILE / 1e9:g} GB")


def _read_bounded(file: "BinaryIO | Any", where: str) -> bytes:
    content: bytes = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise UserError(f"{where} unpacks to more than {MAX_FILE / 1e9:g} GB")
    return content


def _parse(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{where}: not JSON") from error
    except RecursionError as error:
        raise UserError(f"{where}: nested too deeply") from error


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    try:
        return float(value) if isinstance(value, str) and len(value) < 40 else None
    except ValueError:
        return None
