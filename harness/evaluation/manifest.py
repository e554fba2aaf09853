"""The manifest: how a run was made, so that somebody else can repeat it."""

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import REVISION
from sightscale.tasks.user_files import read_json
from sightscale.tasks.vocabulary import DataOrigin

SCORER = (
    *(f"answers/{name}.py" for name in ("__init__", "cues", "decision", "mentions", "structure")),
    *("boxes.py", "forced_choice.py", "open_answers.py", "scoring.py"),
)  # in tasks
PACKAGES = (
    "sightscale",
    "lmms-eval",
    "torch",
    "transformers",
    "datasets",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pillow",
)


def describe_software() -> dict[str, str | None]:
    """Versions of Python and of every package that can change a number; None if one is missing."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory and GPU of this machine."""
    import torch

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def measure_peak_memory() -> dict[str, float]:
    """The most memory that this process has used so far, in GiB: of the machine, and of its first accelerator."""
    import torch

    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    peak = {"peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)}
    if torch.cuda.is_available():
        peak["peak_accelerator_memory_gib"] = round(torch.cuda.max_memory_reserved() / 2**30, 2)
    return peak


def describe_tasks(configs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Each task's data set, revision, split, version, prompts and generation settings, with a hash of all."""
    described = {}
    for name, config in configs.items():
        data = config.get("dataset_kwargs") or {}
        # Only the file's name, because the folder depends on the machine.
        files = {split: Path(str(file)).name for split, file in (data.get("data_files") or {}).items()}
        fields = {
            "dataset": config.get("dataset_path"),
            "dataset_name": config.get("dataset_name"),
            "revision": data.get("revision"),
            "files": files,
            "split": config.get("test_split") or config.get("validation_split"),
            "version": (config.get("metadata") or {}).get("version")
            if isinstance(config.get("metadata"), dict)
            else None,
            "prompts": config.get("lmms_eval_specific_kwargs"),
            "generation": config.get("generation_kwargs"),
        }
        text = json.dumps(fields, sort_keys=True, default=str)
        described[name] = {**fields, "hash": hashlib.sha256(text.encode()).hexdigest()[:16]}
    return described


def describe_scorer() -> str:
    """SHA-256 over the source of everything that turns an answer into a score, 16 digits of it."""
    digest = hashlib.sha256()
    for name in SCORER:
        digest.update(name.encode() + (TASK_FOLDER / name).read_bytes())
    return digest.hexdigest()[:16]


def describe_data(data: str) -> str:
    """The documents' source and what decides them: for the mini suite its revision and number of questions."""
    from sightscale.tasks.sources import chosen  # imports `datasets`, which reading a manifest doesn't need

    if data != DataOrigin.MINI:
        return data
    return f"{REVISION}, {chosen().mini_questions} questions"


def git_commit(folder: Path) -> str | None:
    """The commit of the checkout that `folder` lies in, with `+` if it has changes; None outside a checkout."""
    try:
        commit = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")


def write_manifest(manifest: dict[str, Any], path: Path) -> None:
    """Write a manifest as JSON, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(manifest, indent=2, ensure_ascii=False, default=str) + "\n")
    partial.replace(path)


def read_manifest(path: Path) -> dict[str, Any]:
    """A run's manifest. Raises UserError if it can't be read."""
    manifest = read_json(path, "the manifest")
    if not isinstance(manifest, dict):
        raise UserError(f"the manifest {path} is not a JSON object")
    return manifest


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
