"""Stores that machines share: one file a writer, read as the union, and merged with others."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sightscale.model_adapters.engines import Completion
from sightscale.model_adapters.engines.part_files import PartFiles
from sightscale.model_adapters.engines.store import CopiedStoreFile, JoinedStore, StoreFile, open_store
from sightscale.model_adapters.engines.store_contents import describe_store, merge_stores, prune_store
from sightscale.tasks.errors import UserError

Messages = Callable[[], list[str]]


@pytest.fixture
def nfs(tmp_path: Path) -> Path:
    """A list of mounts that says of the test's folder `shared` that it is a network's."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "mounts").write_text(f"disk / ext4 rw 0 0\nserver:/ {tmp_path.resolve()}/shared nfs4 rw 0 0\n")
    return tmp_path / "mounts"


def test_on_a_network_file_system_no_sqlite_file_is_made(nfs: Path, tmp_path: Path) -> None:
    path = tmp_path / "shared" / "run" / "generations.sqlite"
    store = open_store(path, nfs)
    store.put("k", "engine", Completion("a", output_tokens=3))
    assert store.get("k") == Completion("a", output_tokens=3) and store.get("other") is None
    (file,) = (path.parent / "generations.sqlite.parts").iterdir()
    assert f"-{os.getpid()}" in file.name and not path.exists()
    assert isinstance(open_store(tmp_path / "own" / "generations.sqlite", nfs), StoreFile)


def test_every_writer_has_its_file_and_reads_the_others(tmp_path: Path) -> None:
    one, other = PartFiles(tmp_path, pause=0), PartFiles(tmp_path, pause=0)
    one.put("a", "e", Completion("A"))
    other.put("b", "e", Completion("B"))
    assert (other.get("a"), one.get("b")) == (Completion("A"), Completion("B"))
    assert len(list(tmp_path.iterdir())) == 2 and len(one) == len(other) == 2
    assert one.get("a") is not None and one.get("a").cached  # type: ignore[union-attr]


def test_a_forked_process_writes_to_a_file_of_its_own(tmp_path: Path) -> None:
    store = PartFiles(tmp_path, pause=0)
    store.put("a", "e", Completion("A"))
    child = multiprocessing.get_context("fork").Process(target=store.put, args=("b", "e", Completion("B")))
    child.start()
    child.join(30)
    assert len(list(tmp_path.iterdir())) == 2 and store.get("b") == Completion("B")


WRITER = """
import sys
from pathlib import Path
from sightscale.model_adapters.engines import Completion
from sightscale.model_adapters.engines.part_files import PartFiles
store = PartFiles(Path(sys.argv[1]))
print("ready", flush=True)
i = 0
while True:
    store.put(f"{sys.argv[2]} {i}", "engine", Completion(f"{sys.argv[2]} said {i} " + "x" * 5000))
    i += 1
"""


def test_killed_writers_lose_at_most_the_line_under_way(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(one)], stdout=subprocess.PIPE) for one in range(2)]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline()
    time.sleep(0.5)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.wait(30)
    files = sorted(tmp_path.iterdir())
    with files[0].open("ab") as file:
        file.write(b'{"key": "torn", "engine": "e", "bo')
    whole = sum(file.read_bytes().count(b"\n") for file in files)
    store = PartFiles(tmp_path, pause=0)
    assert len(store) == whole > 2 and store.get("torn") is None
    assert all(store.get(f"{one} 0") for one in range(2))
    store.put("after", "e", Completion("fine"))
    assert len(list(tmp_path.iterdir())) == 3 and len(PartFiles(tmp_path)) == whole + 1


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[1]", b'{"hits": "many", "misses": 1}', b'{"key": 1}', b"{}", b""])
def test_a_line_that_is_no_generation_costs_itself_only(tmp_path: Path, line: bytes) -> None:
    PartFiles(tmp_path).put("a", "e", Completion("A"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(line + b"\n" + file.read_bytes())
    assert PartFiles(tmp_path).get("a") == Completion("A")
    assert sum(rows.damaged for rows in describe_store(tmp_path).engines) == 1


def test_a_line_whose_body_was_changed_is_not_used(tmp_path: Path) -> None:
    store = PartFiles(tmp_path)
    for key in "ab":
        store.put(key, "e", Completion(key))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes().replace(b'\\"text\\": \\"a\\"', b'\\"text\\": \\"X\\"'))
    again = PartFiles(tmp_path)
    assert (again.get("a"), again.get("b")) == (None, Completion("b"))


def test_equal_keys_with_different_texts_are_said_and_the_earliest_counts(tmp_path: Path, messages: Messages) -> None:
    one, other = PartFiles(tmp_path, pause=60), PartFiles(tmp_path, pause=60)
    one.put("k", "e", Completion("first"))
    one.put("same", "e", Completion("equal", seconds=1.0))
    other.put("k", "e", Completion("second"))
    other.put("same", "e", Completion("equal", seconds=2.0))
    assert messages() == []
    for _ in range(2):
        assert PartFiles(tmp_path).get("k") == Completion("first")
    assert sum("different texts under one key" in line for line in messages()) == 2  # once for each reader
    report = describe_store(tmp_path)
    assert report.conflicts == 1 and sum(rows.rows for rows in report.engines) == 2


def test_a_sqlite_file_that_was_copied_there_is_read_and_left_alone(nfs: Path, tmp_path: Path) -> None:
    path = tmp_path / "shared" / "generations.sqlite"
    writer = StoreFile(path)
    writer.put("old", "e", Completion("kept"))  # it lies in the log: the file isn't closed
    before = path.read_bytes()
    store = open_store(path, nfs)
    assert isinstance(store, JoinedStore) and isinstance(store.reading, CopiedStoreFile)
    assert store.get("old") == Completion("kept")
    store.put("new", "e", Completion("fresh"))
    store.count(1, 1)
    assert len(store) == 2 and path.read_bytes() == before and writer.get("new") is None
    store.close()


def test_part_files_that_were_copied_to_a_disk_are_used_as_they_are(nfs: Path, tmp_path: Path) -> None:
    open_store(tmp_path / "shared" / "generations.sqlite", nfs).put("k", "e", Completion("a"))
    (tmp_path / "shared").rename(tmp_path / "own")
    path = tmp_path / "own" / "generations.sqlite"
    store = open_store(path, nfs)
    assert store.get("k") == Completion("a")
    store.put("new", "e", Completion("b"))
    store.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT key FROM generations").fetchall() == [("new",)]
    assert sum(rows.rows for rows in describe_store(path).engines) == 2


def test_a_folder_that_is_named_holds_part_files_anywhere(tmp_path: Path) -> None:
    assert isinstance(open_store(tmp_path), PartFiles)


def test_stores_are_merged_and_differences_said(tmp_path: Path, messages: Messages) -> None:
    one, other = StoreFile(tmp_path / "one.sqlite"), PartFiles(tmp_path / "parts")
    one.put("a", "e", Completion("A"))
    one.put("b", "e", Completion("B"))
    one.put("damaged", "e", Completion("x"))
    with sqlite3.connect(one.path) as raw:
        raw.execute("UPDATE generations SET body = 'no' WHERE key = 'damaged'")
    other.put("b", "e", Completion("another"))
    other.put("c", "e", Completion("C"))
    target = tmp_path / "all.sqlite"
    merged = merge_stores([one.path, other.path], target)
    assert (merged.added, merged.present, merged.damaged, merged.conflicts) == (3, 1, 1, 1)
    assert [line for line in messages() if "different texts" in line]
    kept = StoreFile(target)
    assert [kept.get(key) for key in "abc"] == [Completion(text) for text in "ABC"]
    again = merge_stores([one.path, other.path], target)
    assert (again.added, again.present) == (0, 4)
    with pytest.raises(UserError, match="into itself"):
        merge_stores([target], target)
    with pytest.raises(UserError, match="there is no store"):
        merge_stores([tmp_path / "nowhere"], target)


def test_part_files_are_not_pruned_under_their_writers(tmp_path: Path) -> None:
    PartFiles(tmp_path).put("a", "e", Completion("A"))
    with pytest.raises(UserError, match="sightscale store merge"):
        prune_store(tmp_path, engine="e")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="there is no store"):
        describe_store(tmp_path / "empty")
