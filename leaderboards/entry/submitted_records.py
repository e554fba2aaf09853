"""Submitted records: a parquet file from a stranger, read in a process that may use little memory and time.

Its footer is checked first: columns, types, rows, sizes. But a footer can lie, and a page can hold a text once and
name it a million times; so the process decodes texts as dictionaries, in batches, counts what they would
come to, and runs under the system's own limits. A file that makes the decoder fall over ends that process alone.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sightscale.harness.evaluation import ADDED, LIKELIHOOD_COLUMNS, SCHEMA as RECORDS
from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry.folders import UnreadableFile

# An entry's answers are written ones: columns of likelihoods may be there, empty.
SCHEMA = pa.schema([field for field in RECORDS if field.name not in LIKELIHOOD_COLUMNS])
MAX_ROWS = 2_000_000
MAX_ROW_GROUPS = 20_000
MAX_FOOTER = 20_000_000  # bytes
MAX_DECODED = 1_500_000_000  # bytes, of the whole table when no text is shared
MAX_TEXT = 500_000  # bytes of one value
MEMORY = 2**30  # bytes that the child may use
SECONDS = 15  # of processor time
BATCH = 4096  # rows
FAULTS = (ValueError, pa.ArrowException, OSError, UnicodeDecodeError)  # of files that are none
TEXTS = [field.name for field in SCHEMA if field.type == pa.string()]


def read_submitted(path: Path, bounded: bool = False) -> pd.DataFrame:
    """The records in a submitted file. Raises UnreadableFile for what isn't one, or is too large.

    In a process that is `bounded` itself they are decoded at once: another process takes two seconds to start.
    """
    with tempfile.TemporaryDirectory() as folder:
        decoded = Path(folder) / "records.arrow"
        (_decode_here if bounded else _decode_apart)(path, decoded)
        with pa.OSFile(str(decoded)) as source:
            records: pd.DataFrame = pa.ipc.open_stream(source).read_all().to_pandas()
        return records


def _decode_here(path: Path, decoded: Path) -> None:
    try:
        decode(path, decoded)
    except pa.ArrowMemoryError as error:
        raise MemoryError from error
    except FAULTS as error:
        raise UnreadableFile(path.name, show_value(_explain(error))) from error


def _decode_apart(path: Path, decoded: Path) -> None:
    command = [sys.executable, "-P", "-m", __name__, str(path), str(decoded)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * SECONDS, errors="replace")
    except subprocess.TimeoutExpired as error:
        raise UnreadableFile(path.name, f"took more than {2 * SECONDS} s to read") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"the process that read it ended with {done.returncode}"
        reason = "more memory than allowed is needed to read it" if "MemoryError" in reason else show_value(reason)
        raise UnreadableFile(path.name, reason)


def decode(path: Path, decoded: Path) -> None:
    """Write a checked copy of `path` as an Arrow stream. Raises ValueError for what is wrong with it."""
    with path.open("rb") as source:
        bounds: dict[str, Any] = {
            "pre_buffer": False,
            "thrift_string_size_limit": MAX_FOOTER,
            "thrift_container_size_limit": MAX_FOOTER,
        }
        _check_columns(pq.ParquetFile(source, **bounds))
        file = pq.ParquetFile(source, read_dictionary=TEXTS, **bounds)
        further = [name for name in LIKELIHOOD_COLUMNS if name in file.schema_arrow.names]
        _check_footer(file)
        rows = size = 0
        with pa.OSFile(str(decoded), "wb") as sink, pa.ipc.new_stream(sink, RECORDS) as stream:
            for batch in file.iter_batches(BATCH, columns=[*SCHEMA.names, *further], use_threads=False):
                if any(batch.column(name).null_count < batch.num_rows for name in further):
                    raise ValueError("its answers are read from likelihoods, and an entry's are written ones")
                rows += batch.num_rows
                size += _measure(batch)
                if rows > file.metadata.num_rows or size > MAX_DECODED:
                    raise ValueError(f"it holds more than its footer says, or than {MAX_DECODED:,} bytes")
                plain = [_plain(batch.column(name), SCHEMA.field(name).type) for name in SCHEMA.names]
                plain += [pa.nulls(batch.num_rows, RECORDS.field(name).type) for name in LIKELIHOOD_COLUMNS]
                stream.write_batch(pa.RecordBatch.from_arrays(plain, schema=RECORDS))
        if rows != file.metadata.num_rows:
            raise ValueError(f"its footer says {file.metadata.num_rows:,} rows and it holds {rows:,}")


def _check_columns(file: pq.ParquetFile) -> None:
    names = file.schema_arrow.names
    if names not in (SCHEMA.names, RECORDS.names):
        missing = [name for name in SCHEMA.names if name not in names]
        both = set(SCHEMA.names) | set(LIKELIHOOD_COLUMNS)  # a file has the latter or lacks them all
        odd = sorted((set(names) - both) | set(missing)) or sorted(set(RECORDS.names) - set(names))
        if missing and set(odd) == set(missing) <= set(ADDED):
            raise ValueError(
                f"it lacks the columns {', '.join(missing[:3])}, as records of an older sightscale do; run "
                "`sightscale rescore` on the run and make the entry again"
            )
        further = [name for name in names if name not in both]
        if further and not missing:
            raise ValueError(
                f"it has columns that this sightscale doesn't know, {', '.join(map(show_value, further[:3]))}: if a "
                "newer one wrote it, install that one"
            )
        raise ValueError(
            f"its columns aren't those of records: {', '.join(map(show_value, odd[:3])) or 'another order'}"
        )


def _check_footer(file: pq.ParquetFile) -> None:
    facts = file.metadata
    if facts.num_rows > MAX_ROWS or facts.num_row_groups > MAX_ROW_GROUPS:
        raise ValueError(f"it has {facts.num_rows:,} rows in {facts.num_row_groups:,} groups, more than is read")
    schema = file.schema_arrow
    for field in SCHEMA:
        kind = schema.field(field.name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if kind not in (field.type, pa.null()):
            raise ValueError(f"column {field.name} is {show_value(str(kind))}, not {field.type}")
    total = 0
    for group in range(facts.num_row_groups):
        for column in range(facts.num_columns):
            total += facts.row_group(group).column(column).total_uncompressed_size
    if not 0 <= total <= MAX_DECODED:
        raise ValueError(f"it unpacks to {total:,} bytes, more than {MAX_DECODED:,}")


def _measure(batch: pa.RecordBatch) -> int:
    """Bytes of a batch when each row holds its own texts. Raises ValueError for a text that is too long."""
    size = 0
    for name in SCHEMA.names:
        column = batch.column(name)
        size += 8 * len(column)
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary)
            longest = pc.max(lengths).as_py() or 0
            if longest > MAX_TEXT:
                raise ValueError(f"column {name} holds a text of {longest:,} bytes, more than {MAX_TEXT:,}")
            size += pc.sum(lengths.take(column.indices)).as_py() or 0
    return size


def _plain(column: pa.Array, kind: pa.DataType) -> pa.Array:
    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    column = column if column.type == kind else column.cast(kind)
    column.validate(full=True)  # texts that aren't UTF-8
    return column


def _limit() -> None:
    """Let this process use no more memory and time than allowed, where the system can see to it."""
    try:
        import resource
    except ImportError:  # Windows: the bounds above must do
        return
    for what, most in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_CPU, SECONDS)):
        hard = resource.getrlimit(what)[1]  # what a parent allows can't be raised
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main() -> None:
    _limit()
    try:
        decode(Path(sys.argv[1]), Path(sys.argv[2]))
    except (MemoryError, pa.ArrowMemoryError):
        sys.exit("MemoryError")
    except FAULTS as error:
        sys.exit(_explain(error))


def _explain(error: Exception) -> str:
    return (str(error).splitlines() or ["not readable"])[0][:500]


if __name__ == "__main__":
    _main()
