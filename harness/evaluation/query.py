"""Queries: SQL over the records of many runs. duckdb reads from their files only what a query needs.

The records of a folder of runs are one data set: `records` has every row, with the name of its run's folder as `run`;
`runs` has a row for each run, from its manifest. Nothing is loaded before a query asks for it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sightscale.harness.evaluation.manifest import read_manifest
from sightscale.harness.evaluation.records import SCHEMA
from sightscale.harness.evaluation.run_folders import find_runs
from sightscale.tasks.errors import UserError, first_line
from sightscale.tasks.vocabulary import MANIFEST_FILE, RECORDS_FILE

FACTS = ("run_id", "model", "identity", "status", "seed", "data", "limit", "started", "finished", "seconds")
# No scores, because a score needs its interval; `sightscale reliance` shows both.
OVERVIEW = """
SELECT run, any_value(model) AS model, count(DISTINCT task) AS tasks, condition, count(*) AS rows,
       count(*) FILTER (outcome IN ('refused', 'unparsed')) AS no_option,
       count(*) FILTER (outcome = 'failed') AS failed,
       sum(output_tokens) AS output_tokens
FROM records GROUP BY run, condition ORDER BY run, condition = 'sighted' DESC, condition
"""


class RecordsDatabase:
    """The records of runs as a database for SQL."""

    def __init__(self, folders: Sequence[Path], memory: str = "2GB") -> None:
        """Find the runs in `folders`; `memory` is what duckdb may use before it writes to a temporary folder.

        Raises UserError if there are none, if a file isn't a records file, or if duckdb is missing.
        """
        try:
            import duckdb
        except ImportError as error:
            raise UserError("SQL over records needs duckdb: pip install 'sightscale[records]'") from error
        runs = [run for folder in folders for run in find_runs(folder)]
        self.files = [run / RECORDS_FILE if run.is_dir() else run for run in runs]
        self._error = duckdb.Error
        self._connection = duckdb.connect(
            config={"autoinstall_known_extensions": "false", "allow_community_extensions": "false"}
        )
        try:
            self._connection.execute(f"SET memory_limit = {_quote(memory)}")
        except self._error as error:
            raise UserError(f"--memory {memory!r} is not a size; write one such as 2GB") from error
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.register("runs", _describe_runs(runs))
        paths = ", ".join(_quote(str(file)) for file in self.files)
        # `union_by_name`: files from before a column was added lack it. The last folder's name is the run's.
        source = f"read_parquet([{paths}], union_by_name = true, filename = true)"
        try:
            present = [row[0] for row in self._connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
            columns = [name for name in SCHEMA.names if name in present]
            names = ", ".join(f'"{name}"' for name in columns)
            self._connection.execute(
                f"CREATE VIEW records AS SELECT parse_path(filename)[-2] AS run, {names} FROM {source}"
            )
        except self._error as error:
            raise UserError(f"the records can't be read: {first_line(error)}") from error

    def ask(self, sql: str, limit: int) -> pd.DataFrame:
        """The first `limit` rows of a query's answer.

        Raises UserError with duckdb's reason for a query that it can't answer.
        """
        try:
            answer = self._connection.execute(sql)
            names = [column[0] for column in answer.description or ()]
            rows = answer.fetchmany(limit) if names else []
        except self._error as error:
            raise UserError(f"the query failed: {first_line(error)}") from error
        return pd.DataFrame(rows, columns=names, dtype=object)

    def write(self, sql: str, path: Path) -> int:
        """Write a query's rows as CSV, JSON Lines or parquet, as the file's name ends, and return how many.

        The rows are never in memory all at once. Raises UserError for another ending, and as `ask` does.
        """
        formats = {".csv": "FORMAT csv, HEADER", ".jsonl": "FORMAT json", ".parquet": "FORMAT parquet"}
        if path.suffix not in formats:
            raise UserError(f"cannot write {path}: its name must end in {', '.join(formats)}")
        query = sql.strip().rstrip(";")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            written = self._connection.execute(f"COPY ({query}\n) TO {_quote(str(path))} ({formats[path.suffix]})")
            (rows,) = written.fetchone() or (0,)
        except self._error as error:
            raise UserError(f"the query failed: {first_line(error)}") from error
        return int(rows)

    def close(self) -> None:
        """Close the connection and free its memory."""
        self._connection.close()


def _describe_runs(runs: Sequence[Path]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for run in runs:
        file = (run if run.is_dir() else run.parent) / MANIFEST_FILE
        manifest = read_manifest(file) if file.is_file() else {}
        name = run.name if run.is_dir() else run.parent.name
        facts = {fact: None if manifest.get(fact) is None else str(manifest[fact]) for fact in FACTS}
        rows.append({"run": name, **facts})
    return pd.DataFrame(rows, columns=["run", *FACTS])


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
