"""Row files: whatever a stop leaves behind, every whole row is there once and nothing else is."""

import json
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sightscale.trainers.extraction.rows import RowFile
from sightscale.trainers.work_folders import hold


def rows(n: int) -> list[dict[str, str]]:
    return [{"id": str(i), "text": f"näive \u2028 {i} \ud800"} for i in range(n)]


def test_rows_read_back_as_they_were_written(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "rows.jsonl")
    assert len(file) == 0 and list(file) == []
    file.append(rows(3))
    file.append([])
    again = RowFile(tmp_path / "rows.jsonl")
    assert list(again) == rows(3) and again.ids == ["0", "1", "2"] and "1" in again
    again.keep(["2", "7", "0"])
    assert list(again) == [rows(3)[2], rows(3)[0]] == list(RowFile(again.path))
    again.append(rows(4)[3:])
    assert RowFile(again.path).ids == ["2", "0", "3"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 200))
def test_a_file_cut_anywhere_keeps_its_whole_rows(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.jsonl"
    path.unlink(missing_ok=True)
    RowFile(path).append(rows(4))
    content = path.read_bytes()
    path.write_bytes(content[: min(cut, len(content))])
    file = RowFile(path)
    assert list(file) == rows(4)[: len(file)]
    file.append(row for row in rows(4) if row["id"] not in file)
    assert path.read_bytes() == content


@pytest.mark.parametrize("spoiled", [b"\n", b"[1]\n", b'{"id": 5}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"null\n"])
def test_what_is_no_row_is_taken_away(spoiled: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    one, other = (json.dumps({"id": name}).encode() + b"\n" for name in "ab")
    path.write_bytes(one + spoiled + other + one)
    assert RowFile(path).ids == ["a", "b"]
    assert path.read_bytes() == one + other


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="folder"):
        RowFile(tmp_path)


def test_a_folder_is_held_by_one_process_until_it_ends(tmp_path: Path) -> None:
    ready = get_context("fork").Event()

    def work() -> None:
        with hold(tmp_path, wait=False):
            ready.set()
            time.sleep(60)

    process = get_context("fork").Process(target=work)
    process.start()
    assert ready.wait(20)
    with pytest.raises(ValueError, match="another process works here"), hold(tmp_path, wait=False):
        pass
    process.kill()
    process.join()
    for _ in range(2):
        with hold(tmp_path, wait=False):
            pass
