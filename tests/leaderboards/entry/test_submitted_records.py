"""Records from strangers: the honest file reads as it was, and bombs end in one line within little memory."""

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sightscale.harness.evaluation.records import SCHEMA, read_records, write_records
from sightscale.leaderboards.entry import submitted_records
from sightscale.leaderboards.entry.submitted_records import decode, read_submitted


def table(rows: int, **columns: Any) -> pa.Table:
    arrays = [columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, names=SCHEMA.names)


def records(rows: int = 50) -> pd.DataFrame:
    frame = table(rows).to_pandas()
    frame["run_id"], frame["task"], frame["condition"], frame["doc_id"] = "r", "t", "sighted", range(rows)
    frame["response"], frame["score"] = [f"answer {i} é" for i in range(rows)], np.linspace(0, 1, rows)
    return frame


def test_honest_records_read_as_they_were_written(tmp_path: Path) -> None:
    write_records(records(), tmp_path / "records.parquet")
    pd.testing.assert_frame_equal(
        read_submitted(tmp_path / "records.parquet"), read_records(tmp_path), check_dtype=False
    )


def test_a_text_named_a_million_times_is_not_unfolded(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.parquet"  # 400 KB said a million times: 400 GB from a few KB
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1_000_000, np.int32)), pa.array(["x" * 400_000]))
    pq.write_table(table(1_000_000, response=texts), bomb, compression="zstd", row_group_size=1_000_000)
    assert bomb.stat().st_size < 200_000
    with pytest.raises(ValueError, match=r"bomb\.parquet: it holds more than"):
        read_submitted(bomb)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 4 * 2**20  # KiB


def test_a_footer_that_tells_of_ten_gigabytes_is_believed(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.parquet"
    zeros = pa.array(np.zeros(1_000_000))
    with pq.ParquetWriter(bomb, SCHEMA, compression="zstd", use_dictionary=False) as writer:
        texts = pa.array(["y" * 20_000] * 10_000)
        for _ in range(10):
            writer.write_table(table(10_000, response=texts, score=zeros[:10_000]).cast(SCHEMA))
    assert bomb.stat().st_size < 3_000_000
    with pytest.raises(ValueError, match="unpacks to"):
        read_submitted(bomb)


@pytest.mark.parametrize("size", [2**30, 10 * 2**30 % 2**32])
def test_a_page_that_lies_about_its_size_ends_the_child_alone(tmp_path: Path, size: int) -> None:
    """The page's header is rewritten to a size that its bytes don't have; the footer stays as it was."""
    path = tmp_path / "lie.parquet"
    pq.write_table(table(200, score=pa.array(np.arange(200.0))), path, compression="zstd", use_dictionary=False)
    raw = bytearray(path.read_bytes())
    column = next(i for i, name in enumerate(SCHEMA.names) if name == "score")
    start = pq.ParquetFile(path).metadata.row_group(0).column(column).data_page_offset
    assert raw[start : start + 3] == b"\x15\x00\x15"  # thrift: field 1 (page type) 0, then field 2, a zigzag number
    end = start + 3
    while raw[end] & 0x80:
        end += 1
    width = end + 1 - (start + 3)
    lie, number = bytearray(), 2 * min(size, 2 ** (7 * width - 1) - 1)
    for k in range(width):
        lie.append((number & 0x7F) | (0x80 if k + 1 < width else 0))
        number >>= 7
    raw[start + 3 : end + 1] = lie
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"^lie\.parquet: "):
        read_submitted(path)


@pytest.mark.parametrize(("memory", "reads"), [(2**32, True), (2**20, False)])
def test_the_child_may_not_use_more_memory_than_allowed(tmp_path: Path, memory: int, reads: bool) -> None:
    write_records(records(20_000), tmp_path / "large.parquet")
    code = f"from sightscale.leaderboards.entry import submitted_records as s\ns.MEMORY = {memory}\ns._main()"
    command = [sys.executable, "-c", code, str(tmp_path / "large.parquet"), str(tmp_path / "out")]
    assert (subprocess.run(command, capture_output=True, timeout=60).returncode == 0) == reads


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.drop_columns(["score"]), "columns aren't those of records: score"),
        (
            lambda t: t.append_column("mood", pa.nulls(len(t), pa.string())),
            "doesn't know, mood: if a newer one wrote it",
        ),
        (lambda t: t.set_column(SCHEMA.names.index("score"), "score", pa.array(["1"] * len(t))), "score is string"),
        (lambda t: t.set_column(SCHEMA.names.index("doc_id"), "doc_id", pa.array([[1]] * len(t))), "columns|doc_id"),
        (
            lambda t: t.set_column(SCHEMA.names.index("response"), "response", pa.array(["z" * 600_000] * len(t))),
            "a text of 600,000 bytes",
        ),
    ],
)
def test_what_is_no_records_file_is_refused(tmp_path: Path, change: Any, reason: str) -> None:
    path = tmp_path / "records.parquet"
    pq.write_table(change(table(3)), path)
    with pytest.raises(ValueError, match=reason):
        decode(path, tmp_path / "out")


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitted_records, "MAX_ROWS", 2)
    pq.write_table(table(3), tmp_path / "records.parquet")
    with pytest.raises(ValueError, match="3 rows"):
        decode(tmp_path / "records.parquet", tmp_path / "out")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_broken_bytes_never_end_in_anything_but_an_error_of_the_reader(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "records.parquet"
    if not path.exists():
        write_records(records(5), tmp_path / "good.parquet")
    raw = bytearray((tmp_path / "good.parquet").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(len(raw) // 2, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    try:
        decode(path, tmp_path / "out")
    except (ValueError, OSError, pa.ArrowException) as error:
        assert str(error)


def test_answers_read_from_likelihoods_are_refused_and_empty_columns_of_them_are_not(tmp_path: Path) -> None:
    told = {"answers": pa.array(["likelihood:letter", None]), "likelihoods": pa.array(["{}", None])}
    for columns, is_refused in (({}, False), (told, True)):
        pq.write_table(table(2, score=pa.array([1.0, 0.0]), **columns), tmp_path / "records.parquet")
        if is_refused:
            with pytest.raises(ValueError, match="read from likelihoods, and an entry's are written ones"):
                decode(tmp_path / "records.parquet", tmp_path / "records.arrow")
        else:
            decode(tmp_path / "records.parquet", tmp_path / "records.arrow")
