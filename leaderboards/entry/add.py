"""Adding: a finished run, or several of one model, as an entry's folder."""

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from sightscale.harness.evaluation import (
    KEY,
    describe_data,
    describe_scorer,
    describe_software,
    digest_records,
    read_manifest,
    read_records,
    write_records,
)
from sightscale.harness.pages import hide_folders
from sightscale.leaderboards.entry.entry import VERSION, Entry
from sightscale.leaderboards.entry.folders import (
    ENTRY,
    LONGEST,
    MANIFEST,
    RECORDS,
    first_reason,
    parse_entry,
    read_yaml,
    write_hashes,
    write_yaml,
)
from sightscale.leaderboards.entry.scores import score_averages, score_tasks
from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.vocabulary import Condition, DataOrigin, Kind, Mode, Role

MADE_WITH = (
    "model",
    "identity",
    "seed",
    "data",
    "data_revision",
    "options",
    "limit",
    "kind",
    "mode",
    "parts",
    "scorer",
)
PRIVATE = ("finished", "status", "git_commit")  # nothing that an entry needs, or that says more than it should
COUNTS = {"parameters": None, "perception_parameters": Role.PERCEPTION, "reasoning_parameters": Role.REASONING}
IN_RECORDS = ("model", "data_revision", "parts")
TOKENS = ("input_tokens", "output_tokens", "perception_input_tokens", "perception_output_tokens")  # that a run sums


class PartFacts(BaseModel):
    """What a run doesn't know of one of its models."""

    model_config = ConfigDict(extra="forbid", strict=True)

    repository: str | None = None
    revision: str | None = None
    parameters: int | None = None


class Facts(BaseModel):
    """What a run doesn't know of its model, and an entry says."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: str | None = None
    visual_data: str | None = None
    licence: str | None = None
    contact: str | None = None
    hardware: str | None = None
    notes: str | None = None
    date: str | None = None
    thinking_budget: int | None = None
    answer_budget: int | None = None
    perception_budget: int | None = None
    parts: dict[str, PartFacts] = {}


def read_facts(path: Path | None, options: Mapping[str, Any]) -> Facts:
    """Facts from a YAML file, if there is one; what `options` say stands in their place.

    Raises UserError in one line naming the field.
    """
    fields = read_yaml(path) if path else {}
    if not isinstance(fields, dict):
        raise UserError(f"{path}: facts are written as `name: value`, a line each")
    try:
        return Facts.model_validate({**fields, **{name: value for name, value in options.items() if value is not None}})
    except ValidationError as error:
        raise UserError(f"{path or 'facts'}: {first_reason(error)}") from error


def add_entry(runs: Sequence[Path], output: Path, facts: Facts, claims_only: bool = False) -> Entry:
    """Make an entry of one run's folder, or of several whose tasks or conditions add up, in the folder `output`.

    With `claims_only` its numbers alone: no answers, so nobody can score them again.

    Answers that another harness had, as `sightscale import` writes them, make an entry of kind `imported`.
    Raises UserError in one line for a run that isn't finished, runs of different models, data or settings,
    a question asked twice, a fact that is missing, and a folder that is there already or can't be written.
    """
    if output.exists():
        raise UserError(f"{output} is there already; choose another --output")
    made = [_read_run(run) for run in runs]
    manifests = [manifest for manifest, _ in made]
    _check_alike(runs, manifests)
    records = pd.concat([_count(rows, manifest) for manifest, rows in made], ignore_index=True)
    repeated = records.duplicated(KEY)
    if repeated.any():
        task, condition, number = records.loc[repeated, KEY].iloc[0]
        raise UserError(f"question {number} of {task} {condition} stands in two runs; give each question's run once")
    unscored = sorted(set(records.loc[records["score"].isna(), "task"]))
    if unscored:
        raise UserError(f"{runs[0]}: no score a question for {', '.join(unscored[:5])}; run the other tasks without it")
    if not (records["condition"] == Condition.SIGHTED).any():
        raise UserError(f"{runs[0]} has no sighted records")
    fields = _fields(output.name, manifests, records, facts)
    entry = parse_entry({**fields, "runs": []} if claims_only else fields)
    with blaming(output, "write"):
        if claims_only:
            output.mkdir(parents=True)
            (output / ENTRY).write_text(write_yaml(entry.model_dump()), encoding="utf-8")
        else:
            _write(output, entry, manifests, records)
    return entry


def _read_run(run: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """A run's manifest and its records; a manifest of what is known for answers that another harness had."""
    if (run / RECORDS).is_file() and not (run / MANIFEST).is_file():
        records = read_records(run)
        if (records["kind"] == Kind.IMPORTED).all() and len(records):
            records = records.assign(mode=records["mode"].fillna(str(Mode.DIRECT)))
            return _describe_imported(run, records), records
    manifest = _leave_out_folders(read_manifest(run / MANIFEST))
    return manifest, read_records(run)


def _describe_imported(run: Path, records: pd.DataFrame) -> dict[str, Any]:
    """A manifest for imported answers: which model, tasks and data they are said to be of, and their digests.

    What decided the answers isn't known, so it isn't said. Raises UserError where the data aren't named.
    """
    data = set(records["data"])
    revision = data.pop() if len(data) == 1 else None
    if revision != DataOrigin.HUB and not str(revision).startswith("mini@"):
        raise UserError(
            f"the imported run in {run} doesn't say which data were asked; import it with `--data hub`, or with the "
            f"mini suite's revision, `--data '{describe_data(DataOrigin.MINI)}'`"
        )
    run_id, model = (str(records[name].iloc[0]) for name in ("run_id", "model"))
    conditions = {
        str(condition): {
            "settings": {"condition": str(condition), "seed": 0},
            "records_sha256": digest_records(rows),
        }
        for condition, rows in records.groupby("condition", sort=False)
    }
    return {
        "run_id": run_id,
        "status": "finished",
        "model": model,
        "identity": f"imported({model})",
        "kind": Kind.IMPORTED,
        "mode": str(records["mode"].iloc[0]),
        "parts": {str(Role.MODEL): {"name": model, "parameters": None}},
        "tasks": [str(task) for task in records["task"].unique()],
        "limit": None,
        "seed": 0,
        "data": DataOrigin.HUB if revision == DataOrigin.HUB else DataOrigin.MINI,
        "data_revision": revision,
        "options": "",
        "scorer": describe_scorer(),
        "conditions": conditions,
        "task_details": {},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": describe_software(),
        "tokens": {name: int(records[name].sum()) for name in TOKENS},
    }


def _leave_out_folders(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest without where models and files lay on the machine; what the records hold too stays as it is."""
    return {name: value if name in IN_RECORDS else hide_folders(value) for name, value in manifest.items()}


def _count(records: pd.DataFrame, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Records that say how many parameters the model has, where the run's manifest does.

    Answers that came from the store were written before the model was opened and counted.
    """
    counts = {role: part["parameters"] for role, part in manifest["parts"].items() if role != Role.FOCUS}
    whole = None if None in counts.values() else sum(counts.values())
    for column, role in COUNTS.items():
        known = whole if role is None else counts.get(role)
        if known is not None:
            records[column] = records[column].fillna(known)
    return records


def _check_alike(runs: Sequence[Path], manifests: Sequence[Mapping[str, Any]]) -> None:
    for run, manifest in zip(runs, manifests, strict=True):
        if manifest.get("answers"):
            raise UserError(
                f"the run in {run} has its answers read by {manifest['answers']}, and an entry's are written "
                "ones, which anyone can score again; run it without --answers"
            )
        if manifest.get("status") != "finished":
            raise UserError(f"the run in {run} isn't finished; run its command again")
        for task, stop in (manifest.get("stopped") or {}).items():
            if stop["asked"] < stop["documents"]:
                raise UserError(
                    f"the run in {run} stopped early ({task}: {stop['rule']}, {stop['asked']} of {stop['documents']} "
                    "questions), and an entry has them all: a score that chose when to stop can't be ranked; run it "
                    "without --until"
                )
        old = [name for name in (*MADE_WITH, "run_id", "conditions") if name not in manifest]
        if old:
            raise UserError(f"the run in {run} says no {old[0]}: an older sightscale made it; run its command again")
        for name in MADE_WITH:
            if manifest[name] != manifests[0][name]:
                raise UserError(
                    f"{runs[0]} and {run} differ in {name} ({manifests[0][name]} and {manifest[name]}); "
                    "an entry is of one model under one setting"
                )


def _fields(folder: str, manifests: Sequence[dict[str, Any]], records: pd.DataFrame, facts: Facts) -> dict[str, Any]:
    """The entry's fields. Raises UserError naming a fact that is missing."""
    first = manifests[0]
    for name in ("visual_data", "licence", "contact"):
        if getattr(facts, name) is None:
            option = name.replace("_", "-")
            raise UserError(f"the entry needs {name}: give --{option}, or `{name}:` in the file of --facts")
    unknown = sorted(set(facts.parts) - set(first["parts"]))
    if unknown:
        raise UserError(f"facts: the run has no part {unknown[0]!r}; it has {', '.join(first['parts'])}")
    parts = []
    for role, made in first["parts"].items():
        part_facts = facts.parts.get(role, PartFacts())
        parameters = made["parameters"] if made["parameters"] is not None else part_facts.parameters
        parts.append(
            {
                "role": role,
                "checkpoint": made["name"],
                "parameters": parameters,
                "repository": part_facts.repository,
                "revision": part_facts.revision,
            }
        )
    machine = first.get("machine") or {}
    budgets = read_budgets(manifests)
    if not (facts.answer_budget or budgets["answer"]):
        raise UserError(
            "the entry needs the most tokens that an answer was allowed, which the run doesn't say: give "
            "`answer_budget:` in the file of --facts"
        )
    return {
        "schema_version": VERSION,
        "id": folder,
        "name": "+".join(part["checkpoint"] for part in parts if part["role"] != Role.FOCUS),
        "title": facts.title,
        "kind": first["kind"],
        "parts": parts,
        "visual_data": facts.visual_data,
        "licence": facts.licence,
        "contact": facts.contact,
        "hardware": facts.hardware or ", ".join(machine.get("gpus") or [machine.get("processor") or "unknown"]),
        "mode": first["mode"],
        "budgets": {
            "answer": facts.answer_budget or budgets["answer"],
            "thinking": facts.thinking_budget or budgets["thinking"],
            "perception": facts.perception_budget or budgets["perception"],
        },
        "data": {
            "source": first["data"],
            "revision": first["data_revision"],
            "options": first["options"],
            "limit": first["limit"],
        },
        "runs": [{name: manifest[name] for name in ("run_id", "model", "identity")} for manifest in manifests],
        "scores": [score.model_dump() for score in score_tasks(records)],
        "averages": [average.model_dump() for average in score_averages(records)],
        "date": facts.date or datetime.now(UTC).date().isoformat(),
        "notes": facts.notes,
    }


def read_budgets(manifests: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """The most tokens that the runs' settings allow an answer, the thinking before it, and a description.

    A model that isn't ours keeps no settings: its answers are bounded by the tasks' own.
    """
    answer, thinking, perception = [0], [0], [0]
    for manifest in manifests:
        for condition in manifest["conditions"].values():
            settings = condition.get("settings") or {}
            reasoning = settings.get("reasoning_decoding")
            for decoding in [reasoning] if reasoning else (settings.get("decoding") or {}).values():
                thinking.append(decoding.get("thinking_budget") or 0)
                answer.append((decoding.get("max_new_tokens") or 0) - thinking[-1])
            perception.append((settings.get("perception_decoding") or {}).get("max_new_tokens") or 0)
        if max(answer) == 0:
            for task in (manifest.get("task_details") or {}).values():
                answer.append((task.get("generation") or {}).get("max_new_tokens") or 0)
    return {"answer": max(answer) or None, "thinking": max(thinking) or None, "perception": max(perception) or None}


def _write(output: Path, entry: Entry, manifests: Sequence[Mapping[str, Any]], records: pd.DataFrame) -> None:
    """Write the folder whole or not at all, the larger files first."""
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir()
    write_records(records, partial / RECORDS)
    public = [{name: value for name, value in manifest.items() if name not in PRIVATE} for manifest in manifests]
    (partial / MANIFEST).write_text(json.dumps({"runs": public}, indent=1, ensure_ascii=False, default=str) + "\n")
    (partial / ENTRY).write_text(write_yaml(entry.model_dump(exclude_none=False)), encoding="utf-8")
    write_hashes(partial)
    large = [name for name, longest in LONGEST.items() if (partial / name).stat().st_size > longest]
    if large:
        shutil.rmtree(partial)
        raise UserError(f"the entry's {large[0]} would be larger than {LONGEST[large[0]]:,} bytes; split the suite")
    partial.replace(output)
