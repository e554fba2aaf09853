"""The cause of a failure of vLLM, found among what its processes log; no vLLM is needed."""

import json
import logging.config
import os
import sys
from pathlib import Path

import pytest

from sightscale.model_adapters.engines.vllm_failures import LOGGING, find_cause, log_errors, measure

LOGGED = """WorkerProc failed to start.
Traceback (most recent call last):
  File "worker.py", line 3, in load
    raise ValueError(
ValueError: Available memory (9.8 GiB) is less than desired (10.9 GiB).
EngineCore failed to start.
Traceback (most recent call last):
Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.
"""


def test_the_first_exception_is_the_cause(tmp_path: Path) -> None:
    log = tmp_path / "errors.log"
    assert find_cause(None, 0) == find_cause(log, 0) == "" and measure(log) == 0
    log.write_text("torch.OutOfMemoryError: of an earlier engine\n")
    before = measure(log)
    with log.open("a") as file:
        file.write(LOGGED)
    assert find_cause(log, before) == "ValueError: Available memory (9.8 GiB) is less than desired (10.9 GiB)."
    assert find_cause(log, 0) == "OutOfMemoryError: of an earlier engine"
    assert find_cause(log, measure(log)) == ""


def test_errors_of_every_process_go_to_the_file_and_others_to_the_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(LOGGING, raising=False)
    monkeypatch.delitem(sys.modules, "vllm", raising=False)
    log = log_errors()
    assert log is not None and log_errors() == log, "a process of this one finds the same file"
    config = json.loads(Path(os.environ[LOGGING]).read_text())
    logging.config.dictConfig(config)
    logger = logging.getLogger("vllm.worker")
    logger.info("loading")
    assert not log.exists()
    try:
        raise RuntimeError("no kernel image")
    except RuntimeError:
        logger.exception("failed")
    assert find_cause(log, 0) == "RuntimeError: no kernel image" and "loading" in capsys.readouterr().err


def test_a_users_own_logging_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(LOGGING, str(tmp_path / "mine.json"))
    assert log_errors() is None
