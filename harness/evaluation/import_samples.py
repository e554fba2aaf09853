"""Imports: samples that lmms-eval wrote elsewhere, as records.

A samples file is hostile text: its size, its lines and their fields are bounded, and nothing in it is executed.
Where a sample's options can be told, our own reader reads the answer again, so an imported score never
holds a letter drawn by lot; else the score is the metric that the sample carries. Samples hold no pictures: where
they don't name a cluster, each question is one of its own, and intervals may be too narrow.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sightscale.harness.evaluation.records import KEY, RunIdentity, make_records
from sightscale.tasks import score_response
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, Condition, Kind

MAX_LINE = 4_000_000  # bytes of one sample
MAX_FILE = 1_000_000_000  # bytes
MAX_TEXT = 200_000  # characters kept of one field
MAX_OPTIONS = 26
if TYPE_CHECKING:
    from sightscale.model_adapters.adapter import Trace

BLIND_SUFFIX = "_blind"  # of tasks asked without their pictures, as ours and others' are named
_FILE = re.compile(r"(?:\d{8}_\d{6}_)?samples_(?P<task>[\w.\-+]{1,200})\.jsonl", re.ASCII)
_LINES = re.compile(r"^[ \t]*\(?([A-Z])[.):][ \t]*(\S[^\n]{0,2000})$", re.MULTILINE)
_INLINE = re.compile(r"(?:^|[\s,])\(?([A-Z])[):][ \t]+([^\n]{1,500}?)(?=,?[\s,]\(?[A-Z][):][ \t]|$)", re.MULTILINE)
_NOT_METRICS = {"doc_id", "target", "filtered_resps", "resps", "token_counts", "doc_hash", "input", "iou", "unparsed"}
_KNOWN_FORMATS = ("choice", "2afc", "box")


def import_samples(
    arguments: Sequence[str], model: str, metric: str | None = None, data: str | None = None
) -> pd.DataFrame:
    """Records of samples files, each given as `FILE` or `FILE=CONDITION`; `model` is the name to show.

    A task that ends in `_blind` is taken as that task under the condition `none`. The run's id follows from the
    files' bytes. Raises UserError in one line for a file that isn't lmms-eval's, naming the line, and when the
    metric can't be told.
    """
    samples_of: dict[tuple[str, str], list[dict[str, Any]]] = {}
    digest = hashlib.sha256(model.encode())
    for argument in arguments:
        path, task, condition = read_argument(argument)
        if (task, condition) in samples_of:
            raise UserError(f"{path} is a second file of {task} {condition}; give one file for each")
        samples_of[task, condition] = list(read_samples(path, metric, digest))
    run = RunIdentity(digest.hexdigest()[:12], model, kind=Kind.IMPORTED)
    parts = [
        make_records(
            run, task, condition, samples, _traces(task, samples), [sample["score"] for sample in samples], data=data
        )
        for (task, condition), samples in samples_of.items()
        if samples
    ]
    if not parts:
        raise UserError("the samples files hold no sample")
    records = pd.concat(parts, ignore_index=True)
    repeated = records.duplicated(KEY)
    if repeated.any():
        first = records.loc[repeated, KEY].iloc[0].tolist()
        raise UserError(f"a samples file holds document {first[2]} of {first[0]} twice; repeats can't be imported")
    return records


def read_argument(argument: str) -> tuple[Path, str, str]:
    """The file, task and condition of one argument. Raises UserError for a name that isn't a samples file's."""
    path, condition = Path(argument), ""
    if not path.exists() and "=" in argument:
        before, _, condition = argument.rpartition("=")
        path = Path(before)
        if condition not in list(Condition):
            raise UserError(f"unknown condition {condition!r}; known: {', '.join(Condition)}")
    match = _FILE.fullmatch(path.name)
    if not match:
        raise UserError(f"{path.name} isn't named like lmms-eval's samples; expected …_samples_TASK.jsonl")
    task = match["task"]
    if not condition:
        blind = task.endswith(BLIND_SUFFIX)
        folder = path.parent.name
        condition = Condition.NONE if blind else folder if folder in BLIND_CONDITIONS else Condition.SIGHTED
    return path, task.removesuffix(BLIND_SUFFIX), condition


def read_samples(path: Path, metric: str | None, digest: Any) -> Iterator[dict[str, Any]]:
    """Samples of one file as `make_records` takes them, their bytes added to `digest`."""
    if not path.is_file():
        raise UserError(f"there are no samples at {path}")
    if path.stat().st_size > MAX_FILE:
        raise UserError(f"{path} is larger than {MAX_FILE / 1e9:g} GB; split it by task")
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1):
            where = f"{path.name}, line {number}"
            if len(line) > MAX_LINE:
                raise UserError(f"{where}: longer than {MAX_LINE / 1e6:g} MB")
            digest.update(line)
            if line.strip():
                try:
                    yield _as_sample(_parse(line, where), metric, where)
                except RecursionError as error:
                    raise UserError(f"{where}: nested too deeply") from error


def read_options(prompt: str, target: str) -> dict[str, str]:
    """The lettered options in a prompt, from A on without a gap, if the target is one of them; else none."""
    for pattern in (_LINES, _INLINE):
        options: dict[str, str] = {}
        for match in pattern.finditer(prompt[-MAX_TEXT:]):
            if match[1] == "A":
                options = {}  # the last list counts: examples stand before the question
            if match[1] == chr(ord("A") + len(options)) and len(options) < MAX_OPTIONS:
                options[match[1]] = match[2].strip().rstrip(",")
        if len(options) > 1 and target in options:
            return options
    return {}


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        sample = json.loads(line)
    except ValueError as error:
        raise UserError(f"{where}: not JSON") from error
    if not isinstance(sample, dict) or "doc_id" not in sample or "target" not in sample:
        raise UserError(f"{where}: not a sample of lmms-eval; it lacks doc_id or target")
    return sample


def _as_sample(sample: Mapping[str, Any], metric: str | None, where: str) -> dict[str, Any]:
    """One sample with its outcome, read again where the options are known."""
    doc_id = sample["doc_id"]
    if not isinstance(doc_id, int) or isinstance(doc_id, bool) or not 0 <= doc_id < 2**62:
        raise UserError(f"{where}: doc_id is no document's number")
    response, prompt = _first_text(sample.get("filtered_resps", sample.get("resps"))), _first_text(sample.get("input"))
    target = _first_text(sample["target"])
    carried = sample.get("answer_format")
    known_format = isinstance(carried, str) and carried.partition(":")[0] in _KNOWN_FORMATS
    options = _text_options(sample.get("options")) or read_options(prompt, target)
    answer_format = str(carried) if known_format else ("choice" if options else None)
    taken = {"doc_id": doc_id, "target": target, "filtered_resps": [response], "prompt": prompt, "options": options}
    texts = ("item_id", "category", "l2_category", "cluster", "order", "truth_description")
    taken |= {name: _storable(str(sample[name])[:1000]) for name in texts if isinstance(sample.get(name), (str, int))}
    taken |= {name: sample[name] for name in ("iou", "blind_probability") if _is_number(sample.get(name))}
    if answer_format:
        try:
            scored = score_response(answer_format, response, target, options)
        except ValueError as error:
            raise UserError(f"{where}: {error}") from error
        return taken | {
            "answer_format": answer_format,
            "outcome": scored.outcome,
            "prediction": scored.prediction,
            "score": scored.score,
        }
    return taken | {"score": _metric(sample, metric, where)}


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


def _first_text(value: Any) -> str:
    """The first string in lists of lists, as lmms-eval nests responses; other values as JSON; bounded."""
    while isinstance(value, list) and value:
        value = value[0]
    text = value if isinstance(value, str) else ("" if value in (None, []) else json.dumps(value, ensure_ascii=False))
    return _storable(text[:MAX_TEXT])


def _storable(text: str) -> str:
    """The text without half surrogates, which JSON can hold and files can't."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _traces(task: str, samples: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], "Trace"]:
    from sightscale.model_adapters.adapter import Trace  # it brings lmms-eval and torch, which reading needs not

    return {(task, sample["doc_id"]): Trace(sample["filtered_resps"][0], prompt=sample["prompt"]) for sample in samples}
