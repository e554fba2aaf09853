"""Why vLLM failed: it loads a model in processes of its own, and tells the process that asked only that it failed.

What these processes log as errors is written to a file as well, in which the first exception is the cause.
"""

import json
import os
import re
import sys
from pathlib import Path
from tempfile import mkdtemp

LOGGING = "VLLM_LOGGING_CONFIG_PATH"
HANDLER = "sightscale"
MOST = 2**20  # bytes of the log that are read
_RAISED = re.compile(r"^(?:[\w.]+\.)?([A-Z]\w*(?:Error|Exception|Exit|Interrupt)): (.+)", re.MULTILINE)
_ELSEWHERE = re.compile(r"root cause|initialization failed|background process")


def log_errors() -> Path | None:
    """The file that vLLM's processes write errors to from now on; None where the user has a logging set-up of theirs.

    It must be called before vLLM is imported for the first time, since vLLM reads its logging set-up then.
    """
    if LOGGING in os.environ:
        path = Path(os.environ[LOGGING]).with_name("errors.log")
        return path if path.parent.name.startswith(f"{HANDLER}-") else None
    if "vllm" in sys.modules:
        return None
    folder = Path(mkdtemp(prefix=f"{HANDLER}-"))
    log = folder / "errors.log"
    level = os.environ.get("VLLM_LOGGING_LEVEL", "INFO").upper()
    to_file = {"class": "logging.FileHandler", "filename": str(log), "level": "ERROR", "formatter": "plain"}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "vllm": {"format": "%(levelname)s %(asctime)s [%(filename)s:%(lineno)d] %(message)s"},
            "plain": {"format": "%(message)s"},
        },
        "handlers": {
            "vllm": {"class": "logging.StreamHandler", "formatter": "vllm", "level": level},
            HANDLER: {**to_file, "delay": True, "encoding": "utf-8"},
        },
        "loggers": {"vllm": {"handlers": ["vllm", HANDLER], "level": level, "propagate": False}},
    }
    path = folder / "logging.json"
    path.write_text(json.dumps(config))
    os.environ[LOGGING] = str(path)
    return log


def find_cause(log: Path | None, since: int) -> str:
    """The first exception that was logged after the first `since` bytes, in one line; "" where none was."""
    if log is None or not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(since)
        text = file.read(MOST).decode("utf-8", "replace")
    causes = [f"{kind}: {reason.strip()}" for kind, reason in _RAISED.findall(text) if not _ELSEWHERE.search(reason)]
    return causes[0] if causes else ""


def measure(log: Path | None) -> int:
    """How many bytes the log holds now."""
    return log.stat().st_size if log is not None and log.is_file() else 0
