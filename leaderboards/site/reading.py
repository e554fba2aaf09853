"""Reading: an entry looked at for a board, in a process that may be ended: estimates, answers, a report of samples."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sightscale.harness.pages import show_line, show_value
from sightscale.leaderboards.entry import (
    ENTRY,
    Entry,
    RunManifest,
    UnreadableFile,
    check_folder,
    known_tasks,
    read_entry,
)
from sightscale.leaderboards.site.intervals import estimate_claims, estimate_records, pair_records, subtract_blind
from sightscale.leaderboards.site.listed import Beside, Listed, Questions, take_answers, write_listed
from sightscale.tasks.suites import list_averages
from sightscale.tasks.vocabulary import Condition, Outcome

if TYPE_CHECKING:
    import pandas as pd

WITHOUT = "Pictures are left out here: they belong to the data sets, whose licences differ."


def read_apart(
    folder: str, data: str, data_root: str | None, samples: int, signatures: bool, workshop: str, name: str
) -> str | None:
    """Called in a worker: verify an entry and write what a board holds of it; return why it is left out, if it is."""
    from sightscale.leaderboards.verification import verify_entry

    path, place = Path(folder), Path(workshop)
    verified = verify_entry(path, data, Path(data_root) if data_root else None, signatures, bounded=True)
    entry, records = verified.entry, verified.records
    if entry is None:
        first = verified.issues[0]
        return first.reason if first.field == "folder" else f"{first.file}: {first.reason}"
    if reason := _misnamed(entry, path):
        return reason
    listed = list_claims(entry)
    facts: dict[str, Any] = {"status": verified.state, "verified": True, "issues": verified.issues}
    facts |= {"odd": verified.odd, "signature": verified.signature.words}
    if verified.accepted and records is not None:
        facts |= {"scores": estimate_records(records), "gains": pair_records(records)}
        facts |= {"beside": find_beside(records), "answers": take_answers(records), "tokens": count_tokens(records)}
        if samples and verified.manifests:
            first_run = next(iter(verified.manifests.values()))
            written = write_samples(listed.name, first_run, records, place / f"{name}.report", samples)
            facts["report"] = written.replace(place / f"{name}.html")
            written.parent.rmdir()
    write_listed(replace(listed, **facts), place, name)
    return None


def read_claims(path: Path) -> Listed | str:
    """An entry by its claims alone, or the reason why there is none."""
    reasons = check_folder(path)
    if reasons:
        return reasons[0]
    try:
        entry = read_entry(path / ENTRY)
    except UnreadableFile as problem:
        return str(problem)
    return _misnamed(entry, path) or list_claims(entry)


def list_claims(entry: Entry) -> Listed:
    """An entry with the estimates that its claims allow."""
    scores = estimate_claims(entry)
    cards = known_tasks()
    chances = {name: cards[name].chance for name, _ in scores if name in cards}
    for rule in list_averages():
        parts = [chances.get(task) for task in rule.tasks]
        if parts and all(part is not None for part in parts):
            chances[rule.name] = float(np.mean([part for part in parts if part is not None]))
    beside = {name: Beside(chance) for name, chance in chances.items()}
    return Listed(entry, scores, subtract_blind(scores), None, beside)


def find_beside(records: "pd.DataFrame") -> dict[str, Beside]:
    """What each sighted score is read beside, weighed as the score is."""
    rows = records[records["condition"] == Condition.SIGHTED].sort_values(["task", "doc_id"])
    questions = Questions(rows)
    columns = {
        "chance": rows["chance"].to_numpy(float),
        "floor": rows["blind_probability"].to_numpy(float),
        "unread": (rows["outcome"] == Outcome.UNPARSED).to_numpy(float),
        "cut": (rows["outcome"] == Outcome.TRUNCATED).to_numpy(float),
    }
    beside = {}
    for name in [*rows["task"].unique(), *(rule.name for rule in list_averages())]:
        weighed = questions.weigh(str(name))
        if weighed is not None:
            shares = {key: float(weighed[1] @ column[weighed[0]]) for key, column in columns.items()}
            beside[str(name)] = Beside(**{key: None if share != share else share for key, share in shares.items()})
    return beside


def write_samples(name: str, manifest: RunManifest, records: "pd.DataFrame", folder: Path, limit: int) -> Path:
    """Write `report.html` of an entry's records and first run into `folder`, with at most `limit` questions.

    Return its path. Pictures are left with the data they belong to.
    """
    # Reports rest on libraries that take a second to import, and a build that finds everything kept makes none.
    from sightscale.harness.analysis import Run
    from sightscale.harness.report import (
        GivenRun,
        Pictures,
        compute_contents,
        gather_samples,
        keep_readable,
        write_page,
    )

    run = Run(show_line(name), records.assign(options=keep_readable(records["options"])))
    runs = [GivenRun(run, manifest.run_id, manifest.model_dump(exclude_unset=True))]
    folder.mkdir(parents=True, exist_ok=True)
    pictures = Pictures({}, (WITHOUT,))
    return write_page(compute_contents(runs), gather_samples(runs, limit), pictures, folder / "report.html")[0]


def _misnamed(entry: Entry, path: Path) -> str:
    return (
        "" if entry.id == path.name else f"the entry's id {entry.id} is not the folder's name {show_value(path.name)}"
    )


def count_tokens(records: "pd.DataFrame") -> float | None:
    """Tokens that a question with its picture takes, prompts included; None where nothing was counted.

    Blind prompts are shorter, so an entry of many blind conditions would seem to need fewer.
    """
    from sightscale.leaderboards.entry import TOKENS  # with pandas

    sighted = records[records["condition"] == Condition.SIGHTED]
    total = float(sighted[list(TOKENS)].sum().sum())
    return total / len(sighted) if total > 0 else None
