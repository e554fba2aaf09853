"""Extraction: instruction data in, training rows out, each with the perception prompt and its questions' focus.

The passes are focus, statements, description, so that two models are loaded once each. Every finished
generation is in the store at once and every finished row in its file, so the same call goes on after any
stop and ends with the same rows in the same order as one that was never stopped.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sightscale.model_adapters.adapter import moves
from sightscale.model_adapters.decoupled import (
    WRITING,
    FocusWriter,
    perception_prompt,
    prompt_hash as focus_prompt_hash,
)
from sightscale.model_adapters.engines import Decoding, Engine, Prompt, Room, open_on_demand
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError
from sightscale.trainers.data import IMAGE
from sightscale.trainers.extraction.pictures import decode_picture, keep_picture
from sightscale.trainers.extraction.rows import RowFile
from sightscale.trainers.extraction.sources import Example, Source, Unusable, describe_error
from sightscale.trainers.extraction.teacher import (
    AGAIN,
    CONVERTING,
    DESCRIBING,
    Statements,
    ask_for_description,
    prompts_hash,
    read_description,
    write_statements,
)
from sightscale.trainers.work_folders import claim, hold

logger = logging.getLogger(__name__)

TRIAL = 4  # examples that a teacher is tried out on
TEXT_WINDOW = 4096  # examples whose texts go to an engine in one call
PICTURE_WINDOW = 256  # examples whose decoded pictures are in memory at a time
HEALING = ("failed", "unreadable_row", "unreadable_picture")  # reasons that may be gone at the next call
DATA, REJECTED, SETTINGS = "data.jsonl", "rejected.jsonl", "settings.json"

Row = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """The files of an extraction: rows, what was set aside, and the reasons why source rows gave no example."""

    rows: RowFile
    rejected: RowFile
    left_aside: Mapping[str, int]


@dataclass(frozen=True)
class _Teachers:
    teacher: Engine
    focus: FocusWriter
    provenance: Mapping[str, Any]


def extract(
    sources: Sequence[Source],
    output: Path,
    teacher: str,
    *,
    focus_model: str | None = None,
    batch_size: int = 32,
    store: Path | None = None,
) -> Result:
    """Write `data.jsonl` and `rejected.jsonl` in `output` from the sources' examples, going on from what is there.

    `teacher` and `focus_model` (by default the teacher) are model strings. What an engine failed at and what
    couldn't be read is tried again by the next call. Raises UserError in one line when a model can't be had, or
    when `output` was begun with others.
    """
    teachers = _open_teachers(teacher, focus_model, batch_size, store or output / "store.sqlite")
    with hold(output, wait=False):
        setup = json.dumps(teachers.provenance, indent=2, ensure_ascii=False) + "\n"
        claim(output / SETTINGS, setup, "model, prompt or decoding; give another --output folder")
        return _extract(sources, output, teachers)


def _extract(sources: Sequence[Source], output: Path, teachers: _Teachers) -> Result:
    rows, rejected = RowFile(output / DATA), RowFile(output / REJECTED)
    named = {source.name for source in sources}
    healing = {row["id"] for row in rejected if row["reason"] in HEALING and row["source"] in named}
    if healing:
        rejected.keep([identity for identity in rejected.ids if identity not in healing])
    source_rows = [row for source in sources for row in source.rows]
    pending = [row for row in source_rows if row.id not in rows and row.id not in rejected]
    logger.info(f"{len(source_rows):,} rows, {len(source_rows) - len(pending):,} of them finished before")
    rejected.append(_rejection(row, row.reason, row.detail) for row in pending if isinstance(row, Unusable))
    examples = [row for row in pending if isinstance(row, Example)]
    if not len(rows):
        _try_out(teachers.teacher, examples[:TRIAL])
    focuses = _write_focuses(teachers.focus, examples)
    statements = _write_statements(teachers.teacher, examples)
    with tqdm(total=len(examples), desc="descriptions", unit="q", disable=False) as bar:
        for window in _windows(examples, PICTURE_WINDOW):
            done = list(_describe(teachers, window, focuses, statements, output, bar))
            rows.append(row for row in done if "reason" not in row)
            rejected.append(row for row in done if "reason" in row)
    order = {row.id: i for i, row in enumerate(source_rows)}
    for file in (rows, rejected):
        # What was tried again stands at the end until here; so do rows of sources that aren't named any more.
        wanted = sorted(file.ids, key=lambda identity: order.get(identity, len(order)))
        if wanted != file.ids:
            file.keep(wanted)
    return Result(rows, rejected, sum((source.left_aside for source in sources), Counter()))


def _try_out(teacher: Engine, examples: Sequence[Example]) -> None:
    """Raise UserError when a teacher fails at every one of the first examples, before hours go into the others.

    What it says is in the store, so nothing of it is asked for again.
    """
    prompts, errors = [], []
    for example, told in zip(examples, write_statements(teacher, [one.pairs for one in examples]), strict=True):
        if told.reason:
            errors.append(told.detail if told.reason == "failed" else None)
            continue
        try:
            picture, _ = decode_picture(example.picture())
        except Exception:  # a picture that can't be read is set aside in its turn, and says nothing of the teacher
            continue
        prompts.append(ask_for_description(picture, told))
    errors += [completion.error for completion in teacher.generate(prompts, DESCRIBING)] if prompts else []
    if errors and all(errors):
        raise UserError(f"the teacher fails at all of the first examples: {errors[0]}")


def _windows(examples: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    return (examples[start : start + size] for start in range(0, len(examples), size))


def _open_teachers(teacher: str, focus_model: str | None, batch_size: int, store: Path) -> _Teachers:
    room = Room()
    engines = {}
    for text in dict.fromkeys((teacher, focus_model or teacher)):
        spec = parse_model(text)
        if spec.kind != "end-to-end":
            raise UserError(f"model {text!r} must be one model: a shipped checkpoint, a folder, a hub id, or served")
        engines[text] = open_on_demand(spec.name, {"batch_size": batch_size, **spec.arguments}, str(store), room)
    writer = FocusWriter(engines[focus_model or teacher])
    provenance = {
        "teacher": engines[teacher].identity,
        "focus_model": writer.engine.identity,
        "prompts": {"extraction": prompts_hash(), "focus": focus_prompt_hash()},
        "decoding": {
            "statements": _set_fields(CONVERTING),
            "statements_again": _set_fields(AGAIN),
            "description": _set_fields(DESCRIBING),
            "focus": _set_fields(WRITING),
        },
    }
    return _Teachers(engines[teacher], writer, provenance)


def _set_fields(decoding: Decoding) -> dict[str, Any]:
    """What a decoding sets; the rest is greedy decoding without a limit but its length."""
    return {one.name: value for one in fields(decoding) if (value := getattr(decoding, one.name)) != one.default}


def _write_focuses(writer: FocusWriter, examples: Sequence[Example]) -> dict[str, list[str | None]]:
    """Each question's focus, by the examples' ids."""
    focuses: dict[str, list[str | None]] = {}
    questions = {question for example in examples for question, _ in example.pairs}
    with tqdm(total=len(questions), desc="focus", unit="q", disable=False) as bar:
        for window in _windows(examples, TEXT_WINDOW):
            asked = [question for example in window for question, _ in example.pairs]
            written = dict(zip(asked, writer.write(asked, moves(bar)), strict=True))
            focuses |= {example.id: [written[question] for question, _ in example.pairs] for example in window}
    return focuses


def _write_statements(teacher: Engine, examples: Sequence[Example]) -> dict[str, Statements]:
    """Each example's statements, by its id."""
    statements: dict[str, Statements] = {}
    with tqdm(total=len(examples), desc="statements", unit="q", disable=False) as bar:
        for window in _windows(examples, TEXT_WINDOW):
            written = write_statements(teacher, [example.pairs for example in window], moves(bar))
            statements |= {example.id: one for example, one in zip(window, written, strict=True)}
    return statements


def _describe(
    teachers: _Teachers,
    window: Sequence[Example],
    focuses: Mapping[str, list[str | None]],
    statements: Mapping[str, Statements],
    output: Path,
    bar: "tqdm[Any]",
) -> Iterator[Row]:
    """A finished row or a rejection for each example of a window, in order."""
    rejections: dict[str, Row] = {}
    opened: dict[str, tuple[bytes, str, Prompt]] = {}
    for example in window:
        written = statements[example.id]
        if written.reason:
            rejections[example.id] = _rejection(example, written.reason, written.detail)
            continue
        if any(teachers.focus.came.get(question) == "failed" for question, _ in example.pairs):
            rejections[example.id] = _rejection(example, "failed", "the focus model failed at a question")
            continue
        try:
            content = example.picture()
            picture, suffix = decode_picture(content)
        except Exception as error:  # whatever is wrong with one picture costs its example only
            rejections[example.id] = _rejection(example, "unreadable_picture", describe_error(error))
            continue
        opened[example.id] = content, suffix, ask_for_description(picture, written)
    bar.update(len(rejections))
    prompts = [prompt for _, _, prompt in opened.values()]
    completions = teachers.teacher.generate(prompts, DESCRIBING, moves(bar)) if prompts else []
    described = dict(zip(opened, completions, strict=True))
    for example in window:
        if example.id in rejections:
            yield rejections[example.id]
            continue
        description, reason, detail = read_description(described[example.id])
        if reason:
            yield _rejection(example, reason, detail)
            continue
        content, suffix, _ = opened[example.id]
        saved = keep_picture(content, suffix, output, example.file)
        yield _row(
            example,
            description,
            focuses[example.id],
            statements[example.id],
            saved.name,
            saved.sha256,
            teachers,
        )


def join_focuses(focuses: Sequence[str | None]) -> str | None:
    """The focus of all of an example's questions: each question's own, once, in order; None when there is none."""
    usable = dict.fromkeys(focus.rstrip(". ") for focus in focuses if focus)
    return "; ".join(usable) or None


def _row(
    example: Example,
    description: str,
    focuses: Sequence[str | None],
    told: Statements,
    image: str,
    sha256: str,
    teachers: _Teachers,
) -> Row:
    focus = join_focuses(focuses)
    return {
        "id": example.id,
        "image": image,
        "conversations": [
            {"from": "human", "value": f"{IMAGE}\n{perception_prompt(focus)}"},
            {"from": "gpt", "value": description},
        ],
        "provenance": {
            "source": example.source,
            "source_id": example.source_id,
            "original_image": example.original,
            "image_sha256": sha256,
            "pairs": [list(pair) for pair in example.pairs],
            "statements": list(told.texts),
            "statements_retried": told.retried,
            "focus": focus,
            "focuses": list(focuses),
            **teachers.provenance,
        },
    }


def _rejection(row: Example | Unusable, reason: str, detail: str) -> Row:
    return {
        "id": row.id,
        "source": row.source,
        "source_id": row.source_id,
        "reason": reason,
        "detail": detail,
        "pairs": [list(pair) for pair in row.pairs] if isinstance(row, Example) else [],
    }
