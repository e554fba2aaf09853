"""Imports: turns other harnesses' result files into records.

If a sample's options are known, our own reader reads the answer again, so no imported score comes from a randomly drawn
letter. Otherwise the score is the sample's metric. Samples hold no pictures: if they name no cluster, each question is
its own cluster, and intervals may be too narrow.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import pandas as pd

from sightscale.harness.evaluation.question_scores import Metric, score_questions
from sightscale.harness.evaluation.records import KEY, LENGTH, RunIdentity, make_records
from sightscale.harness.evaluation.result_files import TASK, name_task, read_rows
from sightscale.tasks import score_response
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, Condition, Kind

MAX_TEXT = 200_000  # characters kept of one field
MAX_OPTIONS = 26
MAX_RESPONSES = 1024  # to one question
if TYPE_CHECKING:
    from sightscale.model_adapters.adapter import Trace

BLIND_SUFFIX = "_blind"  # of tasks asked without their pictures, as ours and others' are named
_LINES = re.compile(r"^[ \t]*\(?([A-Z])[.):][ \t]*(\S[^\n]{0,2000})$", re.MULTILINE)
_INLINE = re.compile(r"(?:^|[\s,])\(?([A-Z])[):][ \t]+([^\n]{1,500}?)(?=,?[\s,]\(?[A-Z][):][ \t]|$)", re.MULTILINE)
_NOT_METRICS = {
    *("doc_id", "target", "responses", "token_counts", "doc_hash", "input", "iou", "unparsed", "options", "item_id"),
    *("blind_probability", "repeats"),
}
_KNOWN_FORMATS = ("choice", "2afc", "box")


def import_samples(
    arguments: Sequence[str], model: str, metric: str | None = None, data: str | None = None
) -> pd.DataFrame:
    """Records of result files, each given as `FILE`, `FILE=CONDITION` or `FILE=TASK/CONDITION`.

    `model` is the name to show. A task that ends in `_blind` becomes condition `none` of that task. Several responses
    to a question become several rows with the same cluster. The run's id follows from the files' contents. Raises
    UserError, naming the place, for a file that can't be read, for anything that records can't represent, and if the
    metric isn't known.
    """
    samples_of: dict[tuple[str, str], list[dict[str, Any]]] = {}
    digest = hashlib.sha256(model.encode())
    for argument in arguments:
        path, task, condition = read_argument(argument)
        if (task, condition) in samples_of:
            raise UserError(
                f"{path}: another file of {task} was read as {condition} too; mark the blind one, such as FILE=none"
            )
        samples_of[task, condition] = _read_samples(path, metric, digest)
    _check_repeats(samples_of)
    run = RunIdentity(digest.hexdigest()[:12], model, kind=Kind.IMPORTED)
    parts = [
        make_records(
            run, task, condition, samples, _traces(task, samples), [sample["score"] for sample in samples], data=data
        )
        for (task, condition), samples in samples_of.items()
        if samples
    ]
    if not parts:
        raise UserError("the files hold no samples")
    records = pd.concat(parts, ignore_index=True)
    repeated = records.duplicated(KEY)
    if repeated.any():
        first = records.loc[repeated, KEY].iloc[0].tolist()
        raise UserError(f"document {first[2]} of {first[0]} is in a file twice; give a file without repeats")
    return records


def read_argument(argument: str) -> tuple[Path, str, str]:
    """The file, task and condition of one argument. Raises UserError if it isn't a result file's name."""
    path, condition, task = Path(argument), "", ""
    if not path.exists() and "=" in argument:
        before, _, condition = argument.rpartition("=")
        path = Path(before)
        if "/" in condition:
            task, _, condition = condition.rpartition("/")
            if not re.fullmatch(TASK, task, re.ASCII):
                raise UserError(f"{argument}: {task!r} is not a task name; write FILE=TASK/CONDITION")
        if condition not in list(Condition):
            raise UserError(f"unknown condition {condition!r}; known: {', '.join(Condition)}")
    task = task or name_task(path)
    if not condition:
        blind = task.endswith(BLIND_SUFFIX)
        folder = path.parent.name
        condition = Condition.NONE if blind else folder if folder in BLIND_CONDITIONS else Condition.SIGHTED
    return path, task.removesuffix(BLIND_SUFFIX), condition


def _read_samples(path: Path, metric: str | None, digest: Any) -> list[dict[str, Any]]:
    """Samples of one file as `make_records` takes them. Metrics that aren't in [0, 1] are scaled where that is sure."""
    samples = [sample for where, row in read_rows(path, digest) for sample in _as_samples(row, metric, where)]
    by_metric = [sample for sample in samples if "answer_format" not in sample]
    scored = score_questions(by_metric, [Metric("score", mean)])
    if by_metric and scored.missing:
        raise UserError(f"{path.name}: no score per question: {'; '.join(scored.reasons)}")
    for sample, score in zip(by_metric, scored.scores, strict=True):
        sample["score"] = score
    return samples


def _check_repeats(samples_of: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]) -> None:
    """Raise UserError if a task has several responses per question, but not as many in all of its files."""
    counts: dict[str, int] = {}
    for (task, condition), samples in samples_of.items():
        for sample in samples:
            count = counts.setdefault(task, sample["repeats"])
            if sample["repeats"] != count:
                raise UserError(
                    f"{task}, {condition}: question {sample['item_id']} has {sample['repeats']} responses and another "
                    f"has {count}; every question needs the same number"
                )


def read_options(prompt: str, target: str) -> dict[str, str]:
    """The lettered options in a prompt, from A on without a gap, if the target is one of them; else none."""
    for pattern in (_LINES, _INLINE):
        options: dict[str, str] = {}
        for match in pattern.finditer(prompt[-MAX_TEXT:]):
            if match[1] == "A":
                options = {}  # the last list counts, because examples come before the question
            if match[1] == chr(ord("A") + len(options)) and len(options) < MAX_OPTIONS:
                options[match[1]] = match[2].strip().rstrip(",")
        if len(options) > 1 and target in options:
            return options
    return {}


def _as_samples(row: Mapping[str, Any], metric: str | None, where: str) -> Iterator[dict[str, Any]]:
    """The samples of one row, one for each response, read again if the options are known."""
    doc_id = row["doc_id"]
    if not isinstance(doc_id, int) or isinstance(doc_id, bool) or not 0 <= doc_id < 2**40:
        raise UserError(f"{where}: doc_id is not a document number")
    responses = [_as_text(response) for response in row["responses"]] or [""]
    several = isinstance(row["target"], list) and len(row["target"]) > 1  # all right, or all of them together
    target = _as_text(row["target"] if several else _first(row["target"]))
    prompt = _as_text(_first(row.get("input")))
    carried = row.get("answer_format")
    known_format = isinstance(carried, str) and carried.partition(":")[0] in _KNOWN_FORMATS
    options = {} if several else _text_options(row.get("options")) or read_options(prompt, target)
    if options and not known_format and target not in options:
        # Some files hold the right option's text where others hold its letter.
        target = next((letter for letter, text in options.items() if text.strip() == target.strip()), target)
    answer_format = str(carried) if known_format else ("choice" if target in options else None)
    item = _storable(str(row.get("item_id", doc_id))[:1000])
    fields: dict[str, Any] = {"target": target, "prompt": prompt, "options": options, "repeats": len(responses)}
    texts = ("category", "l2_category", "cluster", "order", "truth_description")
    fields |= {name: _storable(str(row[name])[:1000]) for name in texts if isinstance(row.get(name), (str, int))}
    fields |= {name: row[name] for name in ("iou", "blind_probability") if _is_number(row.get(name))}
    if len(responses) > MAX_RESPONSES:
        raise UserError(f"{where}: {len(responses):,} responses to one question; at most {MAX_RESPONSES} can be kept")
    if len(responses) > 1:
        if not answer_format:
            raise UserError(
                f"{where}: {len(responses)} responses and no options; one metric for all of them doesn't score each"
            )
        fields["cluster"] = fields.get("cluster") or f"question:{item}"
    finish = row.get("finish_reason")
    truncated = finish == LENGTH
    for number, response in enumerate(responses):
        name = item if len(responses) == 1 else f"{item}#{number + 1}"
        sample = {
            **fields,
            "doc_id": doc_id * len(responses) + number,
            "item_id": name,
            "filtered_resps": [response],
            "finish_reason": finish if isinstance(finish, str) else None,
        }
        if answer_format:
            try:
                scored = score_response(answer_format, response, target, options, truncated=truncated)
            except ValueError as error:
                raise UserError(f"{where}: {error}") from error
            sample |= {
                "answer_format": answer_format,
                "outcome": scored.outcome,
                "prediction": scored.prediction,
                "score": scored.score,
            }
        else:
            sample["score"] = _metric(row, metric, where)
        yield sample


def _metric(sample: Mapping[str, Any], metric: str | None, where: str) -> float:
    """The sample's own score: `metric`, or the only number that it carries."""
    numbers = {
        name: float(value["score"] if isinstance(value, Mapping) else value)
        for name, value in sample.items()
        if name not in _NOT_METRICS and _is_number(value.get("score") if isinstance(value, Mapping) else value)
    }
    if metric is None and len(set(numbers.values())) == 1 and len(numbers) >= 1:
        return next(iter(numbers.values()))
    if metric not in numbers:
        named = ", ".join(list(numbers)[:5]) or "none"
        raise UserError(f"{where}: say which metric is the score with --metric; the sample has {named}")
    return numbers[metric]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) < float("inf")


def _text_options(options: Any) -> dict[str, str]:
    if not isinstance(options, Mapping) or not 1 < len(options) <= MAX_OPTIONS:
        return {}
    return {_storable(str(letter)[:10]): _storable(str(text)[:2000]) for letter, text in options.items()}


def _first(value: Any) -> Any:
    """The first value in lists of lists, as harnesses nest what there is one of."""
    while isinstance(value, list) and value:
        value = value[0]
    return value


def _as_text(value: Any) -> str:
    """A value as text, other ones as JSON; bounded."""
    text = value if isinstance(value, str) else ("" if value in (None, []) else json.dumps(value, ensure_ascii=False))
    return _storable(text[:MAX_TEXT])


def _storable(text: str) -> str:
    """The text without half surrogates, which JSON can hold and files can't."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _traces(task: str, samples: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], "Trace"]:
    from sightscale.model_adapters.adapter import Trace  # imports lmms-eval and torch, which reading doesn't need

    return {
        (task, sample["doc_id"]): Trace(
            sample["filtered_resps"][0], prompt=sample["prompt"], finish_reason=sample["finish_reason"]
        )
        for sample in samples
    }
