"""Provenance: entry, manifest and records tell of the same runs of the same model under the same settings."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pandas as pd

from sightscale.harness.evaluation import describe_scorer, describe_shipped, digest_records, list_shipped
from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import (
    ENTRY,
    MANIFEST,
    RECORDS,
    TOKENS,
    Part,
    PartMade,
    RunManifest,
    Submission,
    fold_title,
    read_budgets,
)
from sightscale.leaderboards.verification.checks.rescoring import same
from sightscale.leaderboards.verification.claimed import A_DAY, check_future
from sightscale.leaderboards.verification.issues import Issue, error, not_checked, note, warning
from sightscale.tasks.vocabulary import Condition, Kind, Mode, Role

# What runs that are put together share, as `leaderboard add` demands too.
ONE_SETTING = ("model", "identity", "seed", "data", "data_revision", "options", "limit", "kind", "mode", "scorer")
DECODINGS = ("perception_decoding", "reasoning_decoding")
SAME_SETTINGS = (
    *("mode", "perception_prompt", "reasoning_prompt", *DECODINGS, "decoding", "box_convention"),
    *("focus_file", "focus_llm", "focus_prompt", "focus_decoding"),
)


def check_provenance(submission: Submission) -> Iterator[Issue]:
    """Where entry, manifests and records contradict each other on what was run."""
    entry, manifests, records = submission.entry, submission.manifests, submission.records
    claimed = {run.run_id: run for run in entry.runs}
    run_ids = set(records["run_id"].dropna())
    for run_id in sorted(map(str, set(claimed) | set(manifests) | run_ids)):
        missing = [
            where for where, ids in ((ENTRY, claimed), (MANIFEST, manifests), (RECORDS, run_ids)) if run_id not in ids
        ]
        if missing:
            yield error(missing[0], "run_id", f"the run {show_value(run_id)} is not in it, and in the other files")
            continue
        manifest, rows = manifests[run_id], records[records["run_id"] == run_id]
        for name in ("model", "identity"):
            yield from _equal(f"runs.{run_id}.{name}", ENTRY, getattr(claimed[run_id], name), getattr(manifest, name))
        if manifest.answers:
            yield error(MANIFEST, "answers", f"are read by {show_value(manifest.answers)}; an entry's are written ones")
        yield from _check_rows(run_id, manifest, rows)
        yield from _check_settings(submission, manifest)
        yield from _check_parts(submission, manifest)
        yield from _check_digests(manifest, rows)
        further = sorted(set(rows["task"]) - set(manifest.tasks))
        if further:
            yield error(RECORDS, show_value(further[0]), f"the run {show_value(run_id)} wasn't asked this task")
    yield from _check_runs(submission)
    if submission.manifest.kind == Kind.IMPORTED:
        yield not_checked(
            RECORDS,
            "kind",
            "another harness had these answers: which pictures were shown, and which weights answered, isn't recorded, "
            "and questions on one picture don't count together",
        )
    now = describe_scorer()
    if submission.manifest.scorer != now:
        yield warning(
            MANIFEST,
            "scorer",
            f"scored by {show_value(submission.manifest.scorer)}, this is {now}; scores are recomputed here",
        )
    yield from _check_budgets(submission)
    yield from _check_dates(submission)


def _check_runs(submission: Submission) -> Iterator[Issue]:
    """Runs whose answers are put together: of one model under one setting, and no task's answers from two of them."""
    first, *others = submission.manifests.values()
    for other in others:
        for name in (*ONE_SETTING, "parts"):
            one, another = getattr(first, name), getattr(other, name)
            if one != another:
                yield error(
                    MANIFEST,
                    f"runs.{show_value(other.run_id)}.{name}",
                    f"{show_value(another)}, and {show_value(one)} in {show_value(first.run_id)}: an entry is of one "
                    "model under one setting",
                )
    for (task, condition), rows in submission.records.groupby(["task", "condition"], sort=False):
        ids = rows["run_id"].unique()
        if len(ids) < 2:
            continue
        yield error(
            RECORDS,
            f"{show_value(str(task))}, {show_value(str(condition))}",
            f"answers of {len(ids):,} runs, {', '.join(show_value(id) for id in ids[:3])}: the best of several could "
            "be chosen question by question",
        )


def _equal(field: str, file: str, claimed: Any, made: Any) -> Iterator[Issue]:
    if claimed != made:
        yield error(file, field, f"{show_value(claimed)} here, {show_value(made)} in {MANIFEST}")


def _check_rows(run_id: str, manifest: RunManifest, rows: pd.DataFrame) -> Iterator[Issue]:
    parts = {role: part.name for role, part in manifest.parts.items()}
    counts = {role: part.parameters for role, part in manifest.parts.items() if role != Role.FOCUS}
    identities = {
        "model": manifest.model,
        "kind": manifest.kind,
        "mode": manifest.mode,
        "data": manifest.data_revision,
        "perception": parts.get(Role.PERCEPTION),
        "reasoning": parts.get(Role.REASONING),
        "parameters": sum(filter(None, counts.values())) if None not in counts.values() else None,
        "perception_parameters": counts.get(Role.PERCEPTION),
        "reasoning_parameters": counts.get(Role.REASONING),
    }
    for name, wanted in identities.items():
        odd = [value for value in rows[name].unique() if not same(value, wanted)]
        if odd:
            yield error(
                RECORDS,
                f"{name} of run {show_value(run_id)}",
                f"{show_value(odd[0])} in rows, {show_value(wanted)} in {MANIFEST}",
            )


def _check_settings(submission: Submission, manifest: RunManifest) -> Iterator[Issue]:
    entry = submission.entry
    for field, claimed, made in (
        ("kind", entry.kind, manifest.kind),
        ("mode", entry.mode, manifest.mode),
        ("data.source", entry.data.source, manifest.data),
        ("data.revision", entry.data.revision, manifest.data_revision),
        ("data.options", entry.data.options, manifest.options),
        ("data.limit", entry.data.limit, manifest.limit),
    ):
        yield from _equal(field, ENTRY, claimed, made)
    yield from _check_conditions(manifest)


def _check_conditions(manifest: RunManifest) -> Iterator[Issue]:
    """What the settings of each condition say against the run's own, and against those of the sighted answers."""
    sighted = manifest.conditions.get(Condition.SIGHTED)
    for condition, facts in manifest.conditions.items():
        field, settings = f"conditions.{show_value(condition)}", facts.settings
        for name, wanted in (("condition", condition), ("seed", manifest.seed)):
            if settings.get(name) != wanted:
                reason = f"{show_value(settings[name])}, not {show_value(wanted)}" if name in settings else "not said"
                yield error(MANIFEST, f"{field}.settings.{name}", reason)
        yield from _check_drawn(field, settings)
        lacking = [name for name in DECODINGS if name not in settings] if manifest.kind == Kind.DECOUPLED else []
        if lacking:
            yield error(MANIFEST, f"{field}.settings.{lacking[0]}", "not said, and every two-stage run does")
        if sighted is None:
            continue
        # A reliance is of the picture alone where everything else is the same.
        for name in sorted((set(settings) & set(SAME_SETTINGS)) | (set(sighted.settings) & set(SAME_SETTINGS))):
            one, other = settings.get(name), sighted.settings.get(name)
            if name == "decoding" and isinstance(one, dict) and isinstance(other, dict):
                common = one.keys() & other.keys()
                one, other = ({task: place[task] for task in common} for place in (one, other))
            if one != other:
                yield error(MANIFEST, f"{field}.settings.{name}", "other than that of the sighted answers")


def _check_drawn(field: str, settings: dict[str, Any]) -> Iterator[Issue]:
    """Answers that chance has a part in: of several runs the best could be sent."""
    by_task = settings.get("decoding")
    decodings = [*(by_task.values() if isinstance(by_task, dict) else ()), *(settings.get(name) for name in DECODINGS)]
    heats = [decoding.get("temperature") for decoding in decodings if isinstance(decoding, dict)]
    drawn = [heat for heat in heats if isinstance(heat, int | float) and heat > 0]
    if drawn:
        yield note(
            MANIFEST,
            f"{field}.settings",
            f"answers are drawn by chance, at a temperature of {max(drawn):g}: another run gives other scores, and "
            "whether this is the best of several no file shows",
        )


def _check_parts(submission: Submission, manifest: RunManifest) -> Iterator[Issue]:
    claimed = {part.role: part for part in submission.entry.parts}
    for role in sorted(set(claimed) | set(manifest.parts)):
        part, made = claimed.get(role), manifest.parts.get(role)  # type: ignore[call-overload]
        if part is None or made is None:
            yield error(ENTRY, f"parts.{show_value(role)}", f"is not both in the entry and in {MANIFEST}")
            continue
        yield from _equal(f"parts.{role}.checkpoint", ENTRY, part.checkpoint, made.name)
        if made.parameters is not None:
            yield from _equal(f"parts.{role}.parameters", ENTRY, part.parameters, made.parameters)
        elif part.parameters is not None:
            yield note(ENTRY, f"parts.{role}.parameters", "the run didn't count them")
        yield from _check_shipped(role, part, made, manifest)
        name = made.name.rpartition(":")[2]
        if not _stands_in(name, manifest.model):
            yield error(
                MANIFEST,
                f"parts.{role}.name",
                f"{show_value(made.name)} is not in the model {show_value(manifest.model)}",
            )
        elif not _stands_in(name, manifest.identity):
            yield warning(
                MANIFEST,
                f"parts.{role}.name",
                f"{show_value(made.name)} is not in the identity {show_value(manifest.identity)}",
            )
        if part.repository is not None or part.revision is not None:
            yield note(
                ENTRY,
                f"parts.{role}.repository",
                "not shown by any file: whether these are the weights published there",
            )


def _stands_in(name: str, text: str) -> bool:
    """Whether a name stands in a text by itself, not as a part of another: `1m` doesn't stand in `nano_1m`."""
    return bool(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\d)", text, re.IGNORECASE))


def find_digests(name: str, manifest: RunManifest, flags: re.RegexFlag = re.NOFLAG) -> list[str]:
    """The hashes by which a run's identity names the weights of a part of this name."""
    return re.findall(rf"(?<![\w.-]){re.escape(name)}@([0-9a-f]+)", manifest.identity, flags)


def _check_shipped(role: str, claimed: Part, made: PartMade, manifest: RunManifest) -> Iterator[Issue]:
    """A part with the name of a checkpoint that comes with sightscale has its weights and its size; no other has."""
    shipped = describe_shipped(made.name)
    if shipped is None:
        yield from _check_disguised(role, made, manifest)
        return
    digests = find_digests(made.name, manifest)
    field = f"parts.{show_value(role)}"
    if shipped.digest not in digests:
        told = show_value(digests[0]) if digests else "no hash of its weights"
        yield not_checked(
            MANIFEST, field, f"the checkpoint {made.name} of this sightscale is {shipped.digest}, the run names {told}"
        )
    elif claimed.parameters != shipped.parameters:
        yield error(
            ENTRY,
            f"{field}.parameters",
            f"{show_value(claimed.parameters)}, and the checkpoint {made.name} has {shipped.parameters:,}",
        )


def _check_disguised(role: str, made: PartMade, manifest: RunManifest) -> Iterator[Issue]:
    """A checkpoint that comes with sightscale under another name, or another under a name that reads like its."""
    field = f"parts.{show_value(role)}.name"
    digests = find_digests(made.name, manifest, re.IGNORECASE)
    for name, shipped in list_shipped().items():
        if shipped.digest in digests:
            yield error(MANIFEST, field, f"the weights of {show_value(made.name)} are those of {name}, by their hash")
        elif fold_title(name) == fold_title(made.name):
            yield not_checked(
                MANIFEST, field, f"{show_value(made.name)} reads like {name}, which comes with sightscale"
            )


def _check_dates(submission: Submission) -> Iterator[Issue]:
    """An entry is no older than its runs and not of the future; a day more or less is another time zone."""
    claimed = date.fromisoformat(submission.entry.date)
    yield from check_future(submission.entry)
    for run_id, manifest in submission.manifests.items():
        try:
            began = datetime.fromisoformat(manifest.started).date()
        except ValueError:
            yield error(MANIFEST, f"runs.{show_value(run_id)}.started", f"{show_value(manifest.started)} is no time")
            continue
        if began > claimed + A_DAY:
            yield error(ENTRY, "date", f"{claimed} is before the run {show_value(run_id)} began, {began}")


def _check_digests(manifest: RunManifest, rows: pd.DataFrame) -> Iterator[Issue]:
    asked = {str(name): part for name, part in rows.groupby("condition", sort=False)}
    for condition in sorted(set(asked) | set(manifest.conditions)):
        facts, part = manifest.conditions.get(condition), asked.get(condition)
        if facts is None or part is None:
            where, other = (MANIFEST, RECORDS) if facts is None else (RECORDS, MANIFEST)
            yield error(where, f"conditions.{show_value(condition)}", f"is not in it, and in {other}")
        elif facts.records_sha256 is None:
            yield not_checked(MANIFEST, f"conditions.{show_value(condition)}", "the run kept no digest of its records")
        elif digest_records(part) != facts.records_sha256:
            yield error(
                RECORDS,
                f"condition {show_value(condition)}",
                f"these aren't the rows that the run wrote, by {MANIFEST}'s digest",
            )
    if odd := sorted(set(manifest.tokens) ^ set(TOKENS)):
        words = "isn't summed" if odd[0] in TOKENS else f"is none of {', '.join(TOKENS)}"
        yield error(MANIFEST, "tokens", f"{show_value(odd[0])} {words}; every run sums these four")
    for name in TOKENS:
        total = rows[name].sum()
        if name in manifest.tokens and total != manifest.tokens[name]:
            yield error(RECORDS, name, f"{int(total):,} in all rows, {manifest.tokens[name]:,} in {MANIFEST}")


def _check_budgets(submission: Submission) -> Iterator[Issue]:
    budgets, records = submission.entry.budgets, submission.records
    if budgets.answer is None:
        yield error(ENTRY, "budgets.answer", "null; an entry with answers says how many tokens each was allowed")
        return
    allowed = budgets.answer + (budgets.thinking or 0)
    for column, most in (("output_tokens", allowed), ("perception_output_tokens", budgets.perception or 0)):
        over = records[column] > most
        if over.any():
            reason = f"{int(over.sum()):,} rows took more than the claimed {most:,} tokens"
            yield error(RECORDS, column, f"{reason}, the most {records[column].max():,.0f}")
    if submission.entry.mode is Mode.DIRECT and records["thinking"].fillna("").str.strip().ne("").any():
        yield warning(RECORDS, "thinking", "some answers were thought about first, and the entry's mode is direct")
    try:
        parts = {"conditions", "task_details"}
        settings = read_budgets([manifest.model_dump(include=parts) for manifest in submission.manifests.values()])
    except (AttributeError, TypeError) as problem:
        yield error(MANIFEST, "conditions", f"the settings can't be read: {show_value(str(problem))}")
        return
    for name, most_allowed in settings.items():
        claimed = getattr(budgets, name)
        if most_allowed is not None and claimed != most_allowed:
            yield warning(
                ENTRY,
                f"budgets.{name}",
                f"claimed {show_value(claimed)}, the run's settings allow {show_value(most_allowed)}",
            )
