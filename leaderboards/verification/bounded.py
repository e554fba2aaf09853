"""Bounded: work on a stranger's entry in a process of its own, which may use no more time and memory than allowed.

The limit is the whole process's: whatever a file makes a parser, a scorer or a decoder do, the process ends and the
entry is refused. One process works on one entry after another, since starting takes longer than most entries.
"""

import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
SECONDS, MEMORY = 20.0, 2**30  # of one entry
# Seconds are the processor's where the system tells them, so that a busy machine refuses nobody's entry; a clock on the
# wall, less what others kept the processors busy for, ends work that waits instead.
WAITING, LOOKING = 2.5, 0.25  # times the seconds allowed, and seconds between two looks
PREPARING = 600.0  # seconds for reading our own data, which no entry decides
# One thread and one pool of memory, so that what is counted is what is used.
FRUGAL = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX"), "1"),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
NO_MEMORY = "it takes more memory than allowed"
MOST_ANSWERED = 64 * 2**20  # bytes of one answer


class TooMuch(Exception):
    """What ended the work: its time or its memory ran out, or the process fell over."""


class TooLarge(TooMuch):
    """Its memory ran out."""


@dataclass
class Worker:
    """A process that calls functions of ours by name, `module:function`, within limits.

    Functions take and return what JSON can hold. Use it as a context.
    """

    seconds: float = SECONDS
    memory: int = MEMORY
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def attempt(self, work: Callable[[], T]) -> T:
        """What the work returns, whose calls are this worker's.

        A process that has worked on other entries holds what it read for them: where its memory runs out, the work is
        done once more in a fresh one.
        """
        used = self._process is not None
        try:
            return work()
        except TooLarge:
            if not used:
                raise
            self._end()
            return work()

    def call(self, function: str, seconds: float | None = None, **arguments: Any) -> Any:
        """What the function returns. Raises TooMuch when it takes more than `seconds` or the memory allowed."""
        allowed = self.seconds if seconds is None else seconds
        process = self._start()
        assert process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps([function, arguments]).encode() + b"\n")
            process.stdin.flush()
            line = _read_line(process.stdout, allowed, process.pid)
        except BrokenPipeError:
            line = b""
        if line is None:
            self._end()
            raise TooMuch(f"it takes more than {allowed:,.0f} s")
        if not line.endswith(b"\n"):
            code = process.poll()
            self._end()
            raise TooMuch(f"the process that reads it fell over{'' if code is None else f' with {code}'}")
        answer = json.loads(line)
        if "fault" in answer:
            self._end()  # what a fault leaves behind, nobody knows
            raise (TooLarge if answer["fault"] == NO_MEMORY else TooMuch)(answer["fault"])
        return answer["value"]

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(self.memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # so that its own children end with it
                env={**os.environ, **FRUGAL},
            )
            assert self._process.stdout
            if _read_line(self._process.stdout, PREPARING) != b"ready\n":
                self._end()
                raise TooMuch("the process that reads entries can't be started")
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _read_line(pipe: Any, seconds: float, pid: int | None = None) -> bytes | None:
    """A line; None when it doesn't come in time, and what there was when the pipe ends or the line is too long.

    Time is the processor time of the process `pid` where the system tells it.
    """
    read, began, worked, queued = b"", time.monotonic(), _worked(pid), _queued(pid)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not read.endswith(b"\n") and len(read) < MOST_ANSWERED:
            passed, now = time.monotonic() - began, _worked(pid)
            if worked is None or now is None:
                left = seconds - passed
            else:
                waited = passed - (_queued(pid) - queued)
                left = min(WAITING * seconds - waited, seconds - (now - worked))
            if left <= 0:
                return None
            if not selector.select(min(left, LOOKING)):
                continue
            part = os.read(pipe.fileno(), 2**20)
            if not part:
                return read
            read += part
    return read


def _worked(pid: int | None) -> float | None:
    """Seconds that a process and the children that it waited for kept a processor busy; None where nobody tells."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text() if pid else ""
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") if fields else None


def _queued(pid: int | None) -> float:
    """Seconds that a process could have worked and others kept the processors busy; 0 where nobody tells."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9 if pid else 0.0
    except (OSError, IndexError, ValueError):
        return 0.0


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: time alone is bounded
        return
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What the work writes, it writes to the temporary folder alone; no file may fill the disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * memory, 4 * memory))


def _main() -> None:
    """Answer calls, a line of JSON each, until there are no more."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    _limit(int(sys.argv[1]))
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        answers.write(b"ready\n")
        for line in sys.stdin.buffer:
            function, arguments = json.loads(line)
            module, name = function.split(":")
            try:
                answer = {"value": getattr(importlib.import_module(module), name)(**arguments)}
            except MemoryError:
                answer = {"fault": NO_MEMORY}
            except Exception as error:
                reason = str(error).splitlines() or [""]
                answer = {"fault": f"{type(error).__name__}: {reason[0][:200]}"}
            answers.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    sys.path[:] = [path for path in sys.path if path not in ("", str(Path.cwd()))]
    _main()
