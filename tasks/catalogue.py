"""The catalogue: what each task is, as validated fields read from its YAML's `metadata`."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.sources import find_copy

FIELDS = ("version", "source", "revision", "licence", "questions", "chance")


@dataclass(frozen=True)
class TaskCard:
    """One task or group: where its data comes from, how many questions, what guessing scores."""

    name: str
    source: str
    revision: str
    licence: str
    questions: int | None
    chance: float | None

    def availability(self) -> str:
        """Whether the data can be read on this machine now, and what to do if not."""
        kind, _, where = self.source.partition(":")
        if kind == "package":
            return "yes" if find_spec(where.replace("-", "_")) else f"no: pip install {where}"
        if kind == "copy":
            return "yes" if find_copy(where) else f"no: put your copy in {where}/ of the data root"
        if kind == "hub":
            from huggingface_hub import scan_cache_dir
            from huggingface_hub.errors import CacheNotFound

            try:
                cached = any(repo.repo_id == where and repo.repo_type == "dataset" for repo in scan_cache_dir().repos)
            except CacheNotFound:
                cached = False
            return "yes" if cached else "needs the hub once"
        return "–"


def list_tasks() -> list[TaskCard]:
    """Every task and group of sightscale, by name.

    Raises ValueError when a task file lacks a field of its card.
    """
    cards = []
    for path, config in _read_configs():
        name = config.get("task") if isinstance(config.get("task"), str) else config.get("group")
        metadata = config.get("metadata") or {}
        missing = [field for field in FIELDS if field not in metadata]
        if missing:
            raise ValueError(f"task file {path.name} lacks metadata.{missing[0]}")
        cards.append(TaskCard(str(name), *(metadata[field] for field in FIELDS[1:])))
    return sorted(cards, key=lambda card: card.name)


def _read_configs() -> Iterator[tuple[Path, dict[str, Any]]]:
    class Loader(yaml.SafeLoader):
        """Reads `!function` as text: listing tasks imports none of their code."""

    Loader.add_constructor("!function", lambda loader, node: node.value)
    for path in sorted(TASK_FOLDER.rglob("*.yaml")):
        config = yaml.load(path.read_text(), Loader)
        parent = config.get("include")
        if parent:
            base = yaml.load((path.parent / parent).read_text(), Loader)
            config = {**base, **config, "metadata": {**(base.get("metadata") or {}), **(config.get("metadata") or {})}}
        if "task" in config:
            yield path, config
