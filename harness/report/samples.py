"""Samples: each question with every answer to it, side by side, as a page's browser shows them.

An index of short rows is for lists and filters; whole samples come in chunks, read when one is opened.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sightscale.harness.analysis import RIGHT, read_column
from sightscale.harness.evaluation import parse_options
from sightscale.harness.pages import show_line, show_text
from sightscale.harness.report.folders import GivenRun
from sightscale.tasks import read_answer
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, AnswerFormat, Condition, Outcome

CHUNK = 40  # samples read together
QUESTION = ["task", "doc_id", "item_id", "image_hash"]
ASKED, CORRECT, UNPARSED, REFUSED, FAILED, BLIND_RIGHT, PERCEPTION_FAULT, TRUNCATED = (1 << n for n in range(8))
OUTCOMES = {"unparsed": UNPARSED, "refused": REFUSED, "truncated": TRUNCATED, "failed": FAILED}
_LABEL = re.compile(r"(?:Image [A-Z0-9]+|Reference):\s*")  # of a picture, in a prompt with several
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_END = re.compile(r"\s(?:Options|Choices):|\n\(?[A-Z][.)] |\n(?:Answer|Please) ")


@dataclass(frozen=True)
class Samples:
    """The index of all samples, whole samples in the same order, and what each one's pictures are by hash."""

    index: dict[str, Any]
    samples: tuple[dict[str, Any], ...]
    faults_known: bool  # whether any two runs can tell a fault of perception
    left_out: int


def gather_samples(given: Sequence[GivenRun], limit: int) -> Samples:
    """Samples of all runs, by task and document; at most `limit`, the first of each task."""
    rows = pd.concat([one.run.records.assign(run_number=number) for number, one in enumerate(given)], ignore_index=True)
    keys = rows[QUESTION].fillna("")
    numbers, order = pd.factorize(pd.MultiIndex.from_frame(keys))
    rows["sample"] = numbers
    kept, left_out = _take(list(order), limit)
    faults, known = _perception_faults(given, rows)
    places = {name: number for number, name in enumerate((Condition.SIGHTED, *BLIND_CONDITIONS))}
    rows["place"] = rows["condition"].map(places).fillna(len(places))
    by_sample: dict[int, list[Any]] = {number: [] for number in kept}
    ordered: Iterable[Any] = rows.sort_values(["run_number", "place"], kind="stable").itertuples(index=False)
    for row in ordered:
        if row.sample in by_sample:
            by_sample[row.sample].append(row)
    samples = tuple(_sample(by_sample[number]) for number in kept)
    flags = [_flags(by_sample[number], len(given), faults) for number in kept]
    return Samples(_index(given, samples, flags), samples, known, left_out)


def chunk_samples(samples: Samples, pictures: Mapping[str, str]) -> Iterator[str]:
    """JSON of each `CHUNK` samples with the thumbnails they show, as data URIs by hash; safe inside a script."""
    for start in range(0, len(samples.samples), CHUNK):
        part = samples.samples[start : start + CHUNK]
        pictures_shown = {name: pictures[name] for one in part for name in one["pictures"] if name in pictures}
        yield embed_json({"samples": part, "pictures": pictures_shown})


def embed_json(value: Any) -> str:
    """JSON that can't end the script element, nor the line of a script, that it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for one in "<>&\u2028\u2029":
        text = text.replace(one, f"\\u{ord(one):04x}")
    return text


def read_question(prompt: str) -> str:
    """The question in a prompt without options, instructions and picture labels, as far as they are marked."""
    posed = _END.split(prompt.rpartition("Question:")[2], maxsplit=1)[0]
    return "\n".join(line for line in posed.splitlines() if line.strip() and not _LABEL.fullmatch(line)).strip()


def _take(order: Sequence[tuple[Any, ...]], limit: int) -> tuple[list[int], int]:
    """Which samples are kept, by task and document; as many of each task when there are too many."""
    by_task: dict[str, list[int]] = {}
    for number, key in sorted(enumerate(order), key=lambda pair: int(pair[1][1])):
        by_task.setdefault(str(key[0]), []).append(number)
    tasks = list(dict.fromkeys(str(key[0]) for key in order))
    share = max(1, limit // len(tasks))
    chosen = [number for task in tasks for number in (by_task[task][:share] if len(order) > limit else by_task[task])]
    return chosen, len(order) - len(chosen)


def _sample(rows: Sequence[Any]) -> dict[str, Any]:
    first = next((row for row in rows if row.condition == Condition.SIGHTED), rows[0])
    prompt = first.prompt if _there(first.prompt) else ""
    question = read_question(prompt)
    return {
        "task": show_line(first.task),
        "doc": int(first.doc_id),
        "item": show_line(first.item_id),
        "category": " / ".join(show_line(one) for one in (first.category, first.l2_category) if _there(one)),
        "question": show_text(question),
        "options": _options(first.options),
        "order": show_line(first.order) if _there(first.order) else "",
        "target": show_text(first.target, 500),
        "prompt": show_text(prompt) if prompt.strip() != question else "",
        "truth": show_text(first.truth_description),
        "pictures": _HASH.findall(first.image_hash)[:16] if _there(first.image_hash) else [],
        "answers": [_answer(row, prompt) for row in rows],
    }


def _answer(row: Any, prompt: str) -> dict[str, Any]:
    texts = {name: show_text(getattr(row, name)) for name in ("response", "thinking", "description", "focus", "error")}
    other = row.prompt if _there(row.prompt) else ""
    answer = {
        "run": int(row.run_number),
        "condition": show_line(row.condition),
        "outcome": show_line(row.outcome),
        "prediction": show_text(row.prediction, 500),
        "why": _why(row),
        "score": _number(row.score),
        "iou": _number(row.iou),
        "finish": show_line(row.finish_reason),
        "tokens": int(sum(v for n in ("input_tokens", "output_tokens") if (v := _number(getattr(row, n))))),
        "seconds": _number(row.seconds),
        **texts,
        "prompt": show_text(other) if other != prompt else "",
    }
    return {name: value for name, value in answer.items() if value not in ("", None)}


def _why(row: Any) -> str:
    """What decided how a multiple-choice answer is read: a rule of the reader, and the words that it rests on."""
    if row.answer_format != AnswerFormat.CHOICE or row.outcome == Outcome.FAILED or not _there(row.response):
        return ""
    if row.outcome == Outcome.LIKELIEST:
        return show_line(str(row.answers))
    truncated = row.outcome == Outcome.TRUNCATED
    reading = read_answer(row.response, parse_options(row.options), truncated=truncated)
    agrees = (reading.letter or "") == (row.prediction if _there(row.prediction) else "")
    return show_line(str(reading.why)) if agrees else "read otherwise by another version of the reader"


def _flags(rows: Sequence[Any], runs: int, faults: set[tuple[int, int]]) -> list[int]:
    flags = [0] * runs
    blind: dict[int, list[bool]] = {}
    for row in rows:
        number, right = int(row.run_number), bool(row.score > RIGHT)
        if row.condition == Condition.SIGHTED:
            flags[number] |= ASKED | (CORRECT if right else 0) | OUTCOMES.get(str(row.outcome), 0)
            flags[number] |= PERCEPTION_FAULT if (number, int(row.sample)) in faults else 0
        else:
            flags[number] |= ASKED
            blind.setdefault(number, []).append(right)
    for number, answers in blind.items():
        flags[number] |= BLIND_RIGHT if all(answers) else 0
    return flags


def _index(given: Sequence[GivenRun], samples: Sequence[dict[str, Any]], flags: list[list[int]]) -> dict[str, Any]:
    tasks = list(dict.fromkeys(one["task"] for one in samples))
    categories = list(dict.fromkeys(one["category"] for one in samples))
    return {
        "runs": [{"id": show_line(one.run_id), "label": show_line(one.label)} for one in given],
        "tasks": tasks,
        "categories": categories,
        "chunk": CHUNK,
        "rows": [
            [
                tasks.index(one["task"]),
                one["doc"],
                categories.index(one["category"]),
                show_line(one["question"], 150),
                [show_line(_first_answer(one, run), 110) for run in range(len(given))],
                flag,
            ]
            for one, flag in zip(samples, flags, strict=True)
        ],
    }


def _first_answer(sample: Mapping[str, Any], run: int) -> str:
    """What the run's first answer is read as, with the option's text; else what it said, or why it failed."""
    answer: dict[str, Any] = next((one for one in sample["answers"] if one["run"] == run), {})
    chosen = answer.get("prediction")
    option = dict(sample["options"]).get(chosen)
    return f"{chosen}. {option}" if option else str(answer.get("response") or chosen or answer.get("error", ""))


def _perception_faults(given: Sequence[GivenRun], rows: pd.DataFrame) -> tuple[set[tuple[int, int]], bool]:
    """(run, sample) wrong sighted, where a run with the same reasoning and another perception module is right."""
    modules = [_modules(one) for one in given]
    faults: set[tuple[int, int]] = set()
    is_known = False
    sighted = rows[rows["condition"] == Condition.SIGHTED]
    right = {number: set(part.loc[part["score"] > RIGHT, "sample"]) for number, part in sighted.groupby("run_number")}
    wrong = {number: set(part.loc[part["score"] <= RIGHT, "sample"]) for number, part in sighted.groupby("run_number")}
    for number, mine in enumerate(modules):
        for other, its in enumerate(modules):
            if mine and its and mine[1] == its[1] and mine[0] != its[0]:
                is_known = True
                faults |= {(number, sample) for sample in wrong.get(number, set()) & right.get(other, set())}
    return faults, is_known


def _modules(one: GivenRun) -> tuple[str, str] | None:
    """The perception and the reasoning module of a decoupled run, with its mode."""
    modules = [read_column(one.run, "perception"), read_column(one.run, "reasoning")]
    model = str(one.run.records["model"].iloc[0])
    if not all(modules) and model.startswith("decoupled:"):
        arguments = dict(part.partition("=")[::2] for part in model.removeprefix("decoupled:").split(","))
        modules = [arguments.get("perception"), ",".join(f"{k}={v}" for k, v in arguments.items() if k != "perception")]
    return (str(modules[0]), str(modules[1])) if all(modules) else None


def _options(text: Any) -> list[list[str]]:
    return [[show_line(letter, 20), show_text(option, 500)] for letter, option in parse_options(text).items()]


def _number(value: Any) -> float | None:
    return round(float(value), 4) if value is not None and math.isfinite(value) else None


def _there(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
