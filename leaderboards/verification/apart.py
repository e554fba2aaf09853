"""Apart: an entry verified in a process of its own, within a time and a memory that are known before.

Time is 20 seconds and two milliseconds more for each answer that it claims on data of ours, two minutes at most, so
that an honest entry of every task of the suite isn't refused on a slow machine; memory is 1 GiB, whatever it holds.

Our own data are read before the clock starts: drawing the mini suite is no entry's fault. Which of them an entry needs
is read within the limits too.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import (
    ENTRY,
    MANIFEST,
    PACKAGE,
    UnreadableFile,
    check_folder,
    known_tasks,
    read_entry,
    read_manifests as _read_manifests,
)
from sightscale.leaderboards.verification.bounded import PREPARING, TooMuch, Worker
from sightscale.leaderboards.verification.issues import Issue, Level, error
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import DEFAULT_QUESTIONS
from sightscale.tasks.vocabulary import DataOrigin

# What verification rests on takes seconds to import: a board that finds all its entries kept needs none of it.
if TYPE_CHECKING:
    from sightscale.leaderboards.verification.verify import Verified

HERE = __name__
SECONDS_AN_ANSWER, MOST_SECONDS = 0.002, 120.0


def verify_apart(
    worker: Worker,
    folder: Path,
    data: str = DataOrigin.HUB,
    data_root: Path | None = None,
    signatures: bool = False,
    model_keys: Path | None = None,
) -> "Verified":
    """What `verify_entry` says, without what it read; what takes more than the worker allows is refused."""
    from sightscale.leaderboards.verification.verify import Verified

    def work() -> dict[str, Any]:
        seconds = prepare(worker, folder, data, data_root)
        keys = str(model_keys.absolute()) if model_keys else None
        asked: dict[str, Any] = {"signatures": signatures, "model_keys": keys}
        return dict(worker.call(f"{HERE}:verify_here", seconds, **asked, **_arguments(folder, data, data_root)))

    try:
        fields = worker.attempt(work)
    except TooMuch as problem:
        return refuse(folder, problem)
    entry = read_entry(folder / ENTRY) if fields["readable"] else None
    issues = (Issue(Level(issue.pop("level")), **issue) for issue in fields["issues"])
    return Verified(folder, tuple(issues), entry)


def refuse(folder: Path, problem: TooMuch) -> "Verified":
    """An entry whose verification was ended."""
    from sightscale.leaderboards.verification.verify import Verified

    return Verified(folder, (error(show_value(folder.name), "the entry", f"it can't be verified: {problem}"),))


def prepare(worker: Worker, folder: Path, data: str, data_root: Path | None) -> float:
    """Let the worker read those of our own data that an entry is held against; the seconds that it may take after that.

    Raises TooMuch.
    """
    needed = worker.call(f"{HERE}:find_needed", folder=str(folder.absolute()))
    if not needed:
        return worker.seconds
    answers: int = needed.pop("answers")
    # Data of the hub are fetched here too, once; what can't be had is an issue later. More questions than the mini
    # suite has are the entry's own choice, so drawing them is its own time.
    allowed = PREPARING if (needed["size"] or 0) <= DEFAULT_QUESTIONS else worker.seconds
    worker.call(f"{HERE}:read_needed", allowed, needed=needed, **_arguments(None, data, data_root))
    return max(worker.seconds, min(worker.seconds + SECONDS_AN_ANSWER * answers, MOST_SECONDS))


def _arguments(folder: Path | None, data: str, data_root: Path | None) -> dict[str, Any]:
    arguments = {"data": str(data), "data_root": str(data_root.absolute()) if data_root else None}
    return arguments | ({"folder": str(folder.absolute())} if folder else {})


def verify_here(
    folder: str, data: str, data_root: str | None, signatures: bool, model_keys: str | None
) -> dict[str, Any]:
    """Called in the worker: an entry's issues, and whether its claims can be read."""
    from sightscale.leaderboards.verification.verify import verify_entry

    root, keys = (Path(place) if place else None for place in (data_root, model_keys))
    verified = verify_entry(Path(folder), data, root, signatures, bounded=True, model_keys=keys)
    return {"readable": verified.entry is not None, "issues": [asdict(issue) for issue in verified.issues]}


def find_needed(folder: str) -> dict[str, Any] | None:
    """Called in the worker: which of our own questions an entry is held against, and how many answers it claims.

    None for what can't be read.
    """
    place = Path(folder)
    if check_folder(place):
        return None
    try:
        entry, manifests = read_entry(place / ENTRY), _read_manifests(place / MANIFEST)
    except UnreadableFile:  # an entry of claims alone has no manifest
        return None
    size = entry.data.mini_questions
    if entry.data.source is DataOrigin.MINI and size is None:
        return None
    asked = [score for score in entry.scores if score.task in known_tasks()]
    return {
        "tasks": sorted({score.task for score in asked}),
        "source": entry.data.source,
        "options": entry.data.options,
        "size": size,
        "model": next(iter(manifests.values())).model,
        "answers": sum(score.n for score in asked),
    }


def read_needed(needed: dict[str, Any], data: str, data_root: str | None) -> None:
    """Called in the worker: read those questions, and the mini suite's where public data are claimed."""
    from sightscale.harness.evaluation import asking, read_questions

    root = Path(data_root) if data_root else None
    sources = [(needed["source"], root, needed["options"], needed["size"])]
    if needed["source"] == DataOrigin.HUB:
        sources = [(DataOrigin.MINI, None, "", None), *(sources if data == DataOrigin.HUB else [])]
    for source in sources:
        with asking(*source):
            for task in needed["tasks"]:
                ours = known_tasks()[task].source.startswith(PACKAGE)
                if ours and source[0] == DataOrigin.MINI and needed["source"] == DataOrigin.HUB:
                    continue
                try:
                    read_questions(task, needed["model"])
                except UserError:  # verification says so
                    continue
