"""Records: one row for one (run, task, document, condition). Every number is computed from these rows.

This module defines the columns, makes rows from lmms-eval's samples and the adapters' traces, and reads and writes them
as parquet. It computes no scores; `tasks.scoring` does, and can do so again.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sightscale.tasks import READER_VERSION, chance_level
from sightscale.tasks.errors import UserError
from sightscale.tasks.likelihoods import READ_BY, OptionLikelihoods, choose, share_of, write_likelihoods
from sightscale.tasks.vocabulary import RECORDS_FILE, AnswersBy, Outcome

if TYPE_CHECKING:
    from sightscale.model_adapters.adapter import Trace

logger = logging.getLogger(__name__)

SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),  # of the run that made the row
        ("model", pa.string()),
        ("kind", pa.string()),  # end-to-end, decoupled or imported
        ("parameters", pa.int64()),  # of the whole model
        ("perception", pa.string()),  # names of the modules of a decoupled model
        ("reasoning", pa.string()),
        ("perception_parameters", pa.int64()),
        ("reasoning_parameters", pa.int64()),
        ("mode", pa.string()),  # direct or thinking
        ("data", pa.string()),  # where the documents come from, with their revision
        ("task", pa.string()),
        ("condition", pa.string()),  # sighted, or a blind condition
        ("doc_id", pa.int64()),  # position in the task's split
        ("item_id", pa.string()),  # the data set's own name of the question
        ("category", pa.string()),
        ("l2_category", pa.string()),
        ("cluster", pa.string()),  # rows that share it share a picture and aren't independent
        ("document_hash", pa.string()),  # of all that the task's document holds
        ("image_hash", pa.string()),  # of the picture(s) the question is about, also when blind
        ("shown_hash", pa.string()),  # of the picture(s) that the model was handed, "" for none
        ("prompt", pa.string()),  # text of the prompt whose completion is `response`
        ("answer_format", pa.string()),
        ("options", pa.string()),  # JSON, letter to text
        ("order", pa.string()),  # of the options or of a pair's pictures, when it isn't the data's own
        ("target", pa.string()),
        ("response", pa.string()),  # raw, as scored
        ("prediction", pa.string()),
        ("outcome", pa.string()),  # one of `tasks.vocabulary.Outcome`
        ("reader", pa.string()),  # the version of the reader that read the prediction
        ("error", pa.string()),  # why a row failed
        ("score", pa.float64()),
        ("iou", pa.float64()),  # of a box with the target's
        ("chance", pa.float64()),
        ("blind_probability", pa.float64()),  # that the best blind answer is right, if the data say so
        ("truth_description", pa.string()),  # of the picture, if the data have one
        ("focus", pa.string()),
        ("description", pa.string()),
        ("thinking", pa.string()),
        ("finish_reason", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("seconds", pa.float64()),
        ("perception_input_tokens", pa.int64()),
        ("perception_output_tokens", pa.int64()),
        ("perception_seconds", pa.float64()),
        ("perception_finish_reason", pa.string()),  # `length` if a description was cut off
        # For answers read from likelihoods; files of written answers don't have these.
        ("answers", pa.string()),  # how they are read: `likelihood:letter` or `likelihood:text`
        ("likelihoods", pa.string()),  # JSON, as `tasks.likelihoods` writes it
        ("likeliest_letter", pa.string()),  # the option with the likeliest letter
        ("likeliest_text", pa.string()),  # and with the likeliest text, per token
        ("right_logprob", pa.float64()),  # of the target's share among the options, in nats
    ]
)
LIKELIHOOD_COLUMNS = ("answers", "likelihoods", "likeliest_letter", "likeliest_text", "right_logprob")
ADDED = (  # columns that older files lack; they are read as null
    "kind",
    "parameters",
    "perception",
    "reasoning",
    "perception_parameters",
    "reasoning_parameters",
    "mode",
    "data",
    "shown_hash",
    "order",
    "iou",
    "blind_probability",
    "truth_description",
    "perception_finish_reason",
    "reader",
    "document_hash",
    *LIKELIHOOD_COLUMNS,
)
KEY = ["task", "condition", "doc_id"]
# The columns that matching and scoring runs needs, a tenth of a file's bytes.
ANALYSED = (
    *("run_id", "model", "kind", "parameters", "data", "task", "condition", "doc_id", "item_id", "category"),
    *(
        "l2_category",
        "cluster",
        "document_hash",
        "order",
        "answer_format",
        "target",
        "outcome",
        "score",
        "chance",
        "blind_probability",
        "answers",
        "right_logprob",
    ),
)
MOST_OPTIONS, LONGEST_LETTER = 26, 4  # of a question's options, in what a stranger may have written
LENGTH = "length"  # the finish reason of a response that reached its token limit
DIGESTED = (
    *KEY,
    *(
        "run_id",
        "model",
        "item_id",
        "document_hash",
        "image_hash",
        "shown_hash",
        "prompt",
        "answer_format",
        "options",
        "target",
    ),
    *("description", "thinking", "response", "finish_reason", "outcome", "score", "output_tokens"),
)


@dataclass(frozen=True)
class RunIdentity:
    """The run that rows belong to, and the model's parts; parameters are counts, None if unknown."""

    run_id: str
    model: str
    kind: str | None = None
    parameters: int | None = None
    perception: str | None = None
    reasoning: str | None = None
    perception_parameters: int | None = None
    reasoning_parameters: int | None = None
    mode: str | None = None


def make_records(
    run: RunIdentity,
    task: str,
    condition: str,
    samples: Iterable[Mapping[str, Any]],
    traces: Mapping[tuple[str, int], "Trace"],
    scores: Sequence[float | None],
    data: str | None = None,
) -> pd.DataFrame:
    """The rows of one task under one condition, from lmms-eval's samples and the adapter's traces.

    `scores` has one for each sample, or None. In a task that isn't ours, any response that isn't empty is `answered`. A
    response that reached its token limit is `truncated`: in our tasks it scores 0, whatever it says; in others it keeps
    the score of their metric. `data` names the documents' source and revision.
    """
    from sightscale.model_adapters.adapter import Trace  # imports lmms-eval and torch, which reading doesn't need

    rows = []
    for sample, score in zip(samples, scores, strict=True):
        key = (task, int(sample["doc_id"]))
        trace = traces.get(key) or Trace(str(sample["filtered_resps"][0]))
        hashes, shown = trace.image_hashes, trace.shown_hashes
        options = sample.get("options") or {}
        answer_format = sample.get("answer_format")
        failed = trace.error is not None
        truncated = trace.finish_reason == LENGTH and not failed
        worthless = failed or (truncated and bool(answer_format))
        scored = trace.likelihoods
        likelihoods = (
            _describe_likelihoods(scored, str(sample["target"]), READ_BY[str(trace.answers)])
            if scored and not failed
            else {}
        )
        likeliest = Outcome.LIKELIEST if trace.response else Outcome.UNPARSED
        outcome = (
            likeliest
            if likelihoods
            else sample.get("outcome") or (Outcome.ANSWERED if trace.response.strip() else Outcome.UNPARSED)
        )
        rows.append(
            {
                **asdict(run),
                "data": data,
                "task": task,
                "condition": str(condition),
                "doc_id": key[1],
                "item_id": str(sample.get("item_id", key[1])),
                "category": sample.get("category"),
                "l2_category": sample.get("l2_category"),
                "cluster": sample.get("cluster") or (hashes[0] if hashes else f"{task}:{key[1]}"),
                "document_hash": trace.document_hash,
                "image_hash": ",".join(hashes) or None,
                "shown_hash": None if shown is None else ",".join(shown),
                "prompt": trace.prompt,
                "answer_format": answer_format,
                "options": json.dumps(options, ensure_ascii=False) if options else None,
                "order": sample.get("order"),
                "target": _as_text(sample["target"]),
                "response": trace.response,
                "prediction": None if failed or truncated else sample.get("prediction"),
                "outcome": str(Outcome.FAILED if failed else Outcome.TRUNCATED if truncated else outcome),
                "reader": READER_VERSION if answer_format else None,
                "error": trace.error,
                "score": 0.0 if worthless else score,
                "chance": chance_level(answer_format, options) if answer_format else None,
                "iou": 0.0 if worthless and sample.get("iou") is not None else _as_score(sample.get("iou")),
                "blind_probability": _as_score(sample.get("blind_probability")),
                "truth_description": sample.get("truth_description"),
                "focus": trace.focus,
                "description": trace.description,
                "thinking": trace.thinking,
                "finish_reason": trace.finish_reason,
                "input_tokens": trace.input_tokens,
                "output_tokens": trace.output_tokens,
                "seconds": trace.seconds,
                "perception_input_tokens": trace.perception_input_tokens,
                "perception_output_tokens": trace.perception_output_tokens,
                "perception_seconds": trace.perception_seconds,
                "perception_finish_reason": trace.perception_finish_reason,
                **dict.fromkeys(LIKELIHOOD_COLUMNS),
                "answers": trace.answers,
                **likelihoods,
            }
        )
    return pd.DataFrame(rows, columns=SCHEMA.names)


def _describe_likelihoods(likelihoods: OptionLikelihoods, target: str, rule: AnswersBy) -> dict[str, Any]:
    """The columns of a row whose answer is read from these likelihoods."""
    return {
        "likelihoods": write_likelihoods(likelihoods),
        "likeliest_letter": choose(likelihoods, AnswersBy.LETTER),
        "likeliest_text": choose(likelihoods, AnswersBy.TEXT),
        "right_logprob": share_of(target, likelihoods, rule),
    }


def check_rows(records: pd.DataFrame, where: str) -> None:
    """Raise UserError, naming `where`, for rows that no analysis can use.

    These are repeated rows, rows without a cluster, and scores outside [0, 1].
    """

    def name(wrong: Any) -> str:
        row = records[wrong].iloc[0]
        return f"task {row['task']}, condition {row['condition']}, document {row['doc_id']}"

    repeated = records.duplicated(KEY)
    if repeated.any():
        raise UserError(f"{where} holds {int(repeated.sum()):,} rows twice: {name(repeated)}; run it again")
    lacking = records["cluster"].isna()
    if lacking.any():
        raise UserError(f"{where} holds {int(lacking.sum()):,} rows without a cluster: {name(lacking)}; run it again")
    odd = records["score"].notna() & ~records["score"].between(0, 1)
    if odd.any():
        raise UserError(
            f"{where} holds {int(odd.sum()):,} scores outside of [0, 1]: {records.loc[odd, 'score'].iloc[0]:g} for "
            f"{name(odd)}; `sightscale rescore` makes them anew"
        )


def drop_unscored(records: pd.DataFrame, where: str) -> pd.DataFrame:
    """The records without tasks that have no score per question; a line names these tasks.

    The metric of an lmms-eval task may need all questions at once, or its range may be unknown. Raises UserError if no
    task is left.
    """
    by_task = records.groupby("task", sort=False, observed=True)
    unscored = [str(task) for task, part in by_task if part["score"].isna().all()]
    if not unscored:
        return records
    listed = ", ".join(unscored[:5]) + (f" and {len(unscored) - 5:,} more" if len(unscored) > 5 else "")
    reason = f"{where}: no score per question for {listed}; the run's manifest says why"
    if len(unscored) == records["task"].nunique():
        raise UserError(reason)
    logger.info(f"{reason}; left out here")
    return records[~records["task"].isin(unscored)]


def digest_records(records: pd.DataFrame) -> str:
    """SHA-256 over prompts, pictures, responses and scores, whatever the order of the rows."""
    digest = hashlib.sha256()
    rows = records.sort_values(["task", "condition", "doc_id"])
    likelihoods = rows["likelihoods"] if "likelihoods" in rows else [None] * len(rows)
    for row, scored in zip(rows[list(DIGESTED)].itertuples(index=False), likelihoods, strict=True):
        # Numbers as floats: with a gap in it, pandas reads a column of integers as floats.
        values: list[Any] = [None if v is None or v != v else v if isinstance(v, str) else float(v) for v in row]
        values += [scored] if isinstance(scored, str) else []
        digest.update(json.dumps(values, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()


def write_records(records: pd.DataFrame, path: Path) -> None:
    """Write rows as parquet, whole or not at all. Raises UserError if a row is repeated.

    If all answers are written ones, the columns of likelihoods are left out.
    """
    repeated = records.duplicated([*KEY, "run_id"])
    if repeated.any():
        first = records.loc[repeated, KEY].iloc[0].tolist()
        raise UserError(f"records hold {int(repeated.sum())} repeated rows, the first for {first}")
    partial = path.with_suffix(".partial")
    written = "answers" not in records or records["answers"].isna().all()
    schema = pa.schema([field for field in SCHEMA if not (written and field.name in LIKELIHOOD_COLUMNS)])
    pq.write_table(
        pa.Table.from_pandas(records[schema.names], schema, preserve_index=False), partial, compression="zstd"
    )
    partial.replace(path)


def read_records(path: Path | str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The records in a records file or a run's folder; columns that an older file lacks are null.

    With `columns`, only these are read, and repeated texts are held once (as pandas' categories), so that millions of
    rows fit into memory. Raises UserError if there are no records, or if the file isn't a records file.
    """
    path = Path(path)
    file = path / RECORDS_FILE if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"there are no records at {file}")
    try:
        present = pq.read_schema(file).names
        missing = [name for name in SCHEMA.names if name not in present and name not in ADDED]
        if missing:
            raise UserError(f"{file} is not a records file: it lacks {', '.join(missing[:5])}")
        schema = SCHEMA if columns is None else pa.schema([_once(SCHEMA.field(name)) for name in columns])
        dictionaries = [field.name for field in schema if pa.types.is_dictionary(field.type)]
        table = pq.read_table(
            file,
            columns=[name for name in schema.names if name in present],
            read_dictionary=dictionaries,
            partitioning=None,
        )
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file} is not a parquet file: {str(error).splitlines()[0]}") from error
    for name in schema.names:
        if name not in table.schema.names:
            table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
    try:
        records: pd.DataFrame = table.select(schema.names).cast(schema).to_pandas()
        return records
    except (pa.ArrowException, ValueError) as error:
        raise UserError(f"{file} is not a records file: {str(error).splitlines()[0]}") from error


def _once(field: pa.Field) -> pa.Field:
    """The field with each text held once."""
    return field.with_type(pa.dictionary(pa.int32(), pa.string())) if pa.types.is_string(field.type) else field


def check_options(text: object) -> dict[str, str] | None:
    """A record's options by letter, empty if it has none; None if the text is anything but letters with texts."""
    if not isinstance(text, str):
        return {}
    try:
        options = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(options, dict) or len(options) > MOST_OPTIONS:
        return None
    plain = all(len(letter) <= LONGEST_LETTER and isinstance(option, str) for letter, option in options.items())
    return options if plain else None


def parse_options(text: object) -> dict[str, str]:
    """A record's options by letter; none if it has none, or if a stranger wrote something else."""
    return check_options(text) or {}


def _as_text(target: Any) -> str:
    return target if isinstance(target, str) else json.dumps(target, ensure_ascii=False, default=str)


def _as_score(value: Any) -> float | None:
    if isinstance(value, Mapping):
        value = value.get("score")
    return float(value) if isinstance(value, (int, float, bool)) or hasattr(value, "__float__") else None
