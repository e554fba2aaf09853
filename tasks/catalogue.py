"""The catalogue: what each task is, as validated fields read from its YAML's `metadata`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.errors import UserError
from sightscale.tasks.user_files import StrictLoader, find_yaml_fault, read_text

FIELDS = ("version", "source", "revision", "licence", "questions", "chance")


@dataclass(frozen=True)
class TaskCard:
    """One task or group: the source of its data, its number of questions, its chance level."""

    name: str
    source: str
    revision: str
    licence: str
    questions: int | None
    chance: float | None
    suite: str | None = None  # its family, as in `suites.Suite`
    answer_format: str | None = None  # as in `vocabulary.AnswerFormat`; None for a group, or if lmms-eval scores
    metric: str | None = None  # what lmms-eval calls the score that a record holds
    blind_of: str | None = None  # the task or group whose blind variant it is
    mini: bool = False  # whether the mini suite stands in for its data
    members: tuple[str, ...] = ()  # of a group
    on_mini: tuple[str, ...] = ()  # further members of a group, which the mini suite alone has data for
    missing: Mapping[str, str] = field(default_factory=dict)  # what a group lacks, with the reason
    notes: Mapping[str, str] = field(default_factory=dict)

    def availability(self) -> str:
        """Whether the data can be read on this machine now, and what to do if not."""
        from sightscale.tasks.sources import find_copy  # it brings `datasets`, which reading cards needs not

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
            if find_copy(where):
                return "yes: your copy"
            return "yes" if cached else "no: connect to the hub once, or give --data-root"
        return "your files" if kind == "own" else "as its members"


@cache  # the task files of an installed package stay as they are, and checking entries asks again and again
def list_tasks() -> tuple[TaskCard, ...]:
    """Every task and group of sightscale, by name.

    Raises UserError when a task file lacks a field of its card.
    """
    cards = []
    for path, config in _read_configs():
        name = config.get("task") if isinstance(config.get("task"), str) else config.get("group")
        metadata = config.get("metadata") or {}
        missing = [field for field in FIELDS if field not in metadata]
        if missing:
            raise UserError(f"task file {path.name} lacks metadata.{missing[0]}")
        members = tuple(str(member) for member in config["task"]) if isinstance(config.get("task"), list) else ()
        cards.append(
            TaskCard(
                name=str(name),
                **{field: metadata[field] for field in FIELDS[1:]},
                suite=metadata.get("suite"),
                answer_format=metadata.get("answer_format"),
                metric=metadata.get("metric"),
                blind_of=metadata.get("blind_of"),
                mini=_has_mini(path.parent, config),
                members=members,
                on_mini=tuple(metadata.get("on_mini") or ()),
                missing=metadata.get("missing") or {},
                notes=metadata.get("notes") or {},
            )
        )
    having = {card.name for card in cards if card.mini}
    for _ in range(2):  # a group may hold groups
        having |= {card.name for card in cards if card.members and set(card.members) <= having}
    cards = [replace(card, mini=card.name in having) if card.members else card for card in cards]
    return tuple(sorted(cards, key=lambda card: card.name))


def find_card(name: str) -> TaskCard:
    """The card of one task or group. Raises UserError with similar names if sightscale has none of this name."""
    cards = {card.name: card for card in list_tasks()}
    if name not in cards:
        close = get_close_matches(name, cards, n=3)
        hint = f"did you mean {', '.join(close)}?" if close else "`sightscale tasks` lists them"
        raise UserError(f"sightscale has no task {name!r}; {hint}")
    return cards[name]


def read_cards(folder: Path) -> list[TaskCard]:
    """The cards of a user's own task files, with the fields that the files have.

    Raises UserError if `folder` isn't a folder, and for a file that isn't YAML.
    """
    if not folder.is_dir():
        raise UserError(f"--include-path {folder} is not a folder")
    cards = []
    for _, config in _read_configs(folder):
        names = config["task"]
        metadata = config.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}  # older files of lmms-eval have a list
        cards.append(
            TaskCard(
                name=str(config.get("group") if isinstance(names, list) else names),
                source=metadata.get("source") or f"own:{config.get('dataset_path', '')}".removesuffix(":"),
                revision=str(metadata.get("revision") or ""),
                licence=metadata.get("licence") or "",
                questions=metadata.get("questions"),
                chance=metadata.get("chance"),
                answer_format=metadata.get("answer_format"),
                metric=metadata.get("metric"),
                blind_of=metadata.get("blind_of"),
                members=tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else (),
            )
        )
    return sorted(cards, key=lambda card: card.name)


def _has_mini(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether a task's pointer file names a set of the mini suite."""
    files = (config.get("dataset_kwargs") or {}).get("data_files") or {}
    pointer = folder / str(next(iter(files.values()), ""))
    return pointer.is_file() and '"mini"' in pointer.read_text()


class _TaskLoader(StrictLoader):
    """Reads `!function` as text: listing tasks imports none of their code."""


# Every command lists the tasks: our own files are read by libyaml, where PyYAML was built with it, in a tenth of the
# time. A user's are not: that parser follows any depth until the process falls over.
class _OwnTaskLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    pass


for _loader in (_TaskLoader, _OwnTaskLoader):
    _loader.add_constructor("!function", lambda loader, node: node.value)


def _read_configs(folder: Path = TASK_FOLDER) -> Iterator[tuple[Path, dict[str, Any]]]:
    @cache  # a family's file is included by each of its tasks
    def read(path: Path) -> dict[str, Any]:
        try:
            loader = _OwnTaskLoader if path.is_relative_to(TASK_FOLDER) else _TaskLoader
            config = yaml.load(read_text(path, "the task file"), loader)
        except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that there never was
            if isinstance(error, UserError):
                raise
            raise UserError(f"{path} is not YAML: {find_yaml_fault(error)}") from error
        if not isinstance(config, dict):
            raise UserError(f"{path} is not a task file: it must be a mapping with task: NAME")
        return config

    for path in sorted(folder.rglob("*.yaml")):
        config = read(path)
        parent = config.get("include")
        if isinstance(parent, str):
            base = read(path.parent / parent)
            facts = [part["metadata"] for part in (base, config) if isinstance(part.get("metadata"), dict)]
            config = {**base, **config, "metadata": {name: value for fact in facts for name, value in fact.items()}}
        if "task" in config:
            yield path, config
