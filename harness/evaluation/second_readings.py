"""Second readings: a language model's readings of unparsed answers, in a file beside the records.

Records, reports, entries and exports hold only the first reader's readings. The second readings have their own file
with their reader's name, for tables that show scores with and without them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sightscale.harness.evaluation.records import parse_options
from sightscale.tasks import score_response
from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.second_reader import NONE, VERSION, read_reply, write_prompt
from sightscale.tasks.vocabulary import AnswerFormat, Outcome

if TYPE_CHECKING:
    from sightscale.model_adapters.engines import Engine

FILE = "second_readings.parquet"
PREFIX = "llm:"
READABLE = (AnswerFormat.CHOICE, AnswerFormat.TWO_AFC)
NEW_TOKENS = 1024  # a model that thinks needs room for it
SCHEMA = pa.schema(
    [
        ("task", pa.string()),
        ("condition", pa.string()),
        ("doc_id", pa.int64()),
        ("reader", pa.string()),  # the engine's identity, and the version of the wording
        ("reply", pa.string()),
        ("letter", pa.string()),  # null if the reply names none
        ("outcome", pa.string()),  # read, none, unclear or failed
        ("score", pa.float64()),  # with that letter, or else the record's
    ]
)


@dataclass(frozen=True)
class SecondScore:
    """A task under a condition: mean score without and with second readings, and how the unparsed were read."""

    task: str
    condition: str
    questions: int
    unparsed: int
    read: int
    unclear: int
    without: float
    with_them: float


def parse_reader(text: str) -> tuple[str, dict[str, str | bool]]:
    """The model of `llm:MODEL[,key=value…]` and its engine's arguments. Raises UserError for anything else."""
    from sightscale.model_adapters.engines import check_engine
    from sightscale.model_adapters.model_strings import parse_model

    spec = parse_model(text.removeprefix(PREFIX)) if text.startswith(PREFIX) and text != PREFIX else None
    if spec is None or spec.kind != "end-to-end":
        raise UserError(f"reader {text!r} is unknown; write {PREFIX}MODEL, one model by its name, folder or server")
    check_engine(spec.name)
    return spec.name, spec.arguments


def read_again(records: pd.DataFrame, engine: "Engine") -> pd.DataFrame:
    """Second readings of the unparsed rows of tasks with options; columns as in SCHEMA."""
    from sightscale.model_adapters.engines import Decoding, Message, Prompt, split_thinking

    rows: list[Any] = [row for row in records.itertuples(index=False) if _is_unparsed(row)]
    options = [parse_options(row.options) for row in rows]
    prompts = [
        Prompt((Message("user", (write_prompt(str(row.response), choices),)),))
        for row, choices in zip(rows, options, strict=True)
    ]
    replies = engine.generate(prompts, Decoding(NEW_TOKENS))
    reader = f"{engine.identity}|second reader {VERSION}"
    readings = []
    for row, choices, reply in zip(rows, options, replies, strict=True):
        answer = split_thinking(reply.text)[1]
        named = None if reply.error or reply.finish_reason == "length" else read_reply(answer, choices)
        letter = named if named != NONE else None
        score = score_response(row.answer_format, letter, row.target, choices).score if letter else float(row.score)
        outcome = "failed" if reply.error else "read" if letter else "none" if named else "unclear"
        readings.append(
            (row.task, row.condition, row.doc_id, reader, reply.error or reply.text, letter, outcome, float(score))
        )
    return pd.DataFrame(readings, columns=SCHEMA.names)


def _is_unparsed(row: Any) -> bool:
    return row.outcome == Outcome.UNPARSED and row.answer_format in READABLE and isinstance(row.options, str)


def write_second_readings(readings: pd.DataFrame, run: Path) -> Path:
    """Write second readings beside a run's records, whole or not at all; return the file."""
    path = run / FILE
    with blaming(path, "write"):
        partial = path.with_suffix(".partial")
        pq.write_table(pa.Table.from_pandas(readings, SCHEMA, preserve_index=False), partial)
        partial.replace(path)
    return path


def compare_second(records: pd.DataFrame, readings: pd.DataFrame) -> list[SecondScore]:
    """Scores with and without second readings, for each task and condition that has options."""
    key = ["task", "condition", "doc_id"]
    asked = records[records["answer_format"].isin(READABLE)]
    both = asked[[*key, "score", "outcome"]].merge(
        readings[[*key, "outcome", "score"]], on=key, how="left", suffixes=("", "_second")
    )
    both["together"] = both["score_second"].fillna(both["score"])
    scores = []
    for (task, condition), part in both.groupby(["task", "condition"], sort=False, observed=True):
        scores.append(
            SecondScore(
                str(task),
                str(condition),
                len(part),
                int((part["outcome"] == Outcome.UNPARSED).sum()),
                int((part["outcome_second"] == "read").sum()),
                int(part["outcome_second"].isin(["unclear", "failed"]).sum()),
                float(part["score"].mean()),
                float(part["together"].mean()),
            )
        )
    return scores


def read_run_again(run: Path, reader: str, records: pd.DataFrame) -> list[SecondScore]:
    """Ask the second reader `llm:MODEL` about a run's unparsed answers, keep its readings, and compare the scores.

    Earlier replies are kept in the run's folder and not asked again. Raises UserError as the engine does.
    """
    from sightscale.model_adapters.engines import open_on_demand

    model, arguments = parse_reader(reader)
    engine = open_on_demand(model, arguments, store=str(run / "second_reader.sqlite"))
    try:
        readings = read_again(records, engine)
    finally:
        engine.close()
    write_second_readings(readings, run)
    return compare_second(records, readings)
