"""Data: each row held against the document it names, where the data can be had, and a note where they can't."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from sightscale.harness.evaluation import parse_options
from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import (
    ENTRY,
    MANIFEST,
    MINI_REVISION,
    PACKAGE,
    RECORDS,
    RunManifest,
    Submission,
    known_tasks,
)
from sightscale.leaderboards.verification.checks.rescoring import same
from sightscale.leaderboards.verification.issues import Issue, error, not_checked, warning
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import DEFAULT_QUESTIONS, REVISION
from sightscale.tasks.vocabulary import Condition, DataOrigin, Kind, Mode, Outcome

FOCUS_OF_DATA = "data"  # in settings, for the focus that a document carries


def check_data(submission: Submission, source: str, data_root: Path | None) -> Iterator[Issue]:
    """Rows that aren't what the task's own data say. `source` `mini` never reaches for the hub's data."""
    from sightscale.harness.evaluation import asking, prompt_name

    data, size = submission.entry.data, None
    if data.source is DataOrigin.MINI:
        match = MINI_REVISION.fullmatch(data.revision)
        if not match:
            yield error(ENTRY, "data.revision", f"{show_value(data.revision)} is no revision of the mini suite")
            return
        if match[1] != REVISION:
            yield warning(ENTRY, "data.revision", f"{show_value(data.revision)} in the entry, {REVISION} here")
            yield not_checked(RECORDS, "rows", "the data of another revision can't be read")
            return
        size = int(match[2])
        if size != DEFAULT_QUESTIONS:
            yield warning(
                ENTRY, "data.revision", f"{size} questions a set, where the mini suite has {DEFAULT_QUESTIONS}"
            )
    elif data.revision != DataOrigin.HUB:
        # Entries of another revision stand in a table of their own, so nobody may name one.
        reason = f"{show_value(data.revision)} is no revision of the public data; a run says {DataOrigin.HUB}"
        yield error(ENTRY, "data.revision", reason)
    for manifest in submission.manifests.values():
        yield from _check_focus_source(manifest)
    for manifest in submission.manifests.values():
        try:
            prompt_name(manifest.model)
        except UserError as problem:
            yield error(MANIFEST, "model", show_value(str(problem)))
            return
    with asking(data.source, data_root, data.options, size):
        for task, rows in submission.records.groupby("task", sort=False):
            yield from _check_task(submission, str(task), rows, source)


def _check_task(submission: Submission, task: str, rows: pd.DataFrame, source: str) -> Iterator[Issue]:
    from sightscale.harness.evaluation import read_questions

    card, data = known_tasks().get(task), submission.entry.data
    if card is None:
        yield not_checked(RECORDS, show_value(task), "the task isn't sightscale's own, so its documents aren't read")
        return
    if source == DataOrigin.MINI and data.source is DataOrigin.HUB and not card.source.startswith(PACKAGE):
        yield not_checked(RECORDS, task, "its documents are the hub's; give --data hub to compare with them")
        return
    try:
        questions = read_questions(task, submission.manifest.model)
    except UserError as problem:
        yield not_checked(RECORDS, task, f"its documents can't be had here: {show_value(str(problem))}")
        return
    yield from _check_revision(submission, task, questions.details)
    size = min(len(questions), data.limit) if data.limit else len(questions)
    asked = set(rows.loc[rows["condition"] == Condition.SIGHTED, "doc_id"])
    missing, further = set(range(size)) - asked, asked - set(range(size))
    if missing:
        yield error(
            RECORDS, f"{task}, doc_id", f"{len(missing):,} of {size:,} documents are missing, the first {min(missing)}"
        )
    if further:
        yield error(
            RECORDS, f"{task}, doc_id", f"{len(further):,} documents aren't in the data, the first {min(further)}"
        )
    wrong: dict[tuple[str, str], list[str]] = {}
    there = rows[rows["doc_id"].isin(range(len(questions)))].sort_values("doc_id")  # each picture decoded once
    for row in there.astype(object).itertuples():
        manifest = submission.manifests.get(str(row.run_id), submission.manifest)
        for name, reason in _compare_row(row, questions, manifest):
            wrong.setdefault((str(row.condition), name), []).append(f"document {row.doc_id}: {reason}")
    questions.forget_pictures()
    for (condition, name), reasons in wrong.items():
        field = f"{task}, {show_value(condition)}, {name}"
        yield error(RECORDS, field, f"{len(reasons):,} rows differ from the data; {reasons[0]}")


def _check_revision(submission: Submission, task: str, now: dict[str, Any]) -> Iterator[Issue]:
    for manifest in submission.manifests.values():
        if manifest.kind == Kind.IMPORTED:
            yield not_checked(MANIFEST, "task_details", "the settings that another harness asked with aren't known")
            continue
        then = manifest.task_details.get(task)
        if then is None and task in manifest.tasks:
            yield warning(MANIFEST, "task_details", f"the run says nothing of {show_value(task)}; every run does")
        elif then is not None and then.get("hash") != now["hash"]:
            changed = [name for name in now if name != "hash" and then.get(name) != now[name]]
            names = ", ".join(changed) or "its settings"
            change = f"{show_value(then.get('hash'))} then, {now['hash']} now; {names} changed since the run"
            yield warning(MANIFEST, f"task_details.{task}", change)


def _check_focus_source(manifest: RunManifest) -> Iterator[Issue]:
    """Focuses from a file of the entrant's own, which is no part of an entry and may tell perception anything."""
    files = [facts.settings.get("focus_file", FOCUS_OF_DATA) for facts in manifest.conditions.values()]
    if manifest.kind == Kind.DECOUPLED and any(file != FOCUS_OF_DATA for file in files):
        yield not_checked(
            RECORDS,
            "focus",
            "the focuses come from a file of the run's own, so whether they tell more than the question isn't known; "
            f"focus={FOCUS_OF_DATA} takes the data's",
        )


def _compare_focus(row: Any, told: str | None, of_data: str | None, manifest: RunManifest) -> Iterator[tuple[str, str]]:
    """The focus that perception was given, where the run's settings say that it was the data's own, or none."""
    facts = manifest.conditions.get(str(row.condition))
    settings = facts.settings if facts else {}
    written = "focus_llm" in settings  # where neither the file nor the data have a focus
    if manifest.kind != Kind.DECOUPLED or not (written or "focus_file" in settings):
        wanted = None
    elif settings.get("focus_file") == FOCUS_OF_DATA and not (written and of_data is None):
        wanted = of_data
    else:
        return
    if told != wanted:
        yield "focus", f"{show_value(told)} in the row, {show_value(wanted)} by the data"


def _compare_row(row: Any, questions: Any, manifest: RunManifest) -> Iterator[tuple[str, str]]:
    from sightscale.harness.evaluation import LENGTH, Answer

    text = {name: value if isinstance(value, str) else None for name, value in row._asdict().items()}
    mode = Mode.THINKING if manifest.mode == Mode.THINKING else Mode.DIRECT
    number, failed = int(row.doc_id), row.outcome == Outcome.FAILED
    answer = Answer(
        text["response"] or "",
        text["answer_format"],
        manifest.kind,
        mode,
        text["description"] or "",
        truncated=text["finish_reason"] == LENGTH and not failed,
    )
    try:
        right = questions.score(number, answer)
    # An unknown box convention, endless numbers, and an answer too long for lmms-eval's own scorer.
    except (ValueError, ArithmeticError, RecursionError) as problem:
        yield "answer_format", f"can't be scored by its task: {show_value(str(problem))}"
        return
    try:
        shown = questions.show(number, row.condition if not failed else Condition.SIGHTED, manifest.seed)
    except ValueError as problem:  # a condition that this question can't be asked under
        yield "condition", f"{row.condition} is none of this question's: {show_value(str(problem))}"
        return
    first = shown["image_hash"].partition(",")[0]
    alone = f"{questions.name}:{number}"
    clusters = {right.pop("cluster") or first or alone}
    # Its picture may be what failed, and another harness keeps no hash of it.
    clusters |= {alone} if failed or (manifest.kind == Kind.IMPORTED and text["image_hash"] is None) else set()
    if text["cluster"] not in clusters:
        yield "cluster", f"{show_value(text['cluster'])} in the row, {show_value(min(clusters))} by the data"
    if parse_options(row.options) != right.pop("options"):
        yield "options", f"{show_value(text['options'])} in the row"
    if failed:
        right |= {"score": 0.0, "outcome": Outcome.FAILED, "prediction": None}
    if right["outcome"] is None:  # a task of ours with lmms-eval's scorer, which gives a score alone
        right = {name: value for name, value in right.items() if name not in ("outcome", "prediction")}
    for name, value in right.items():
        if not same(getattr(row, name), value):
            yield name, f"{show_value(getattr(row, name))} in the row, {show_value(value)} by the data"
    if failed:
        return
    try:
        prompt = questions.prompt(number, answer, row.condition)
    except ValueError as problem:  # a condition that this question can't be asked under
        yield "condition", f"{row.condition} is none of this question's: {show_value(str(problem))}"
        return
    yield from _compare_focus(row, text["focus"], questions.focus(number), manifest)
    if text["prompt"] != prompt:
        yield "prompt", f"the question's text is another: {show_value(text['prompt'])}"
    asked = shown["image_hash"]
    if manifest.kind == Kind.IMPORTED and text["image_hash"] is None:
        asked = ""  # which picture it was isn't known, and said where it matters
    if text["document_hash"] is not None and text["document_hash"] != shown["document_hash"]:
        yield "document_hash", "the document holds something else now"
    if (text["image_hash"] or "") != asked:
        yield "image_hash", f"{show_value((text['image_hash'] or '')[:16])}… in the row, {asked[:16]}… by the data"
    if text["shown_hash"] is not None and text["shown_hash"] != shown["shown_hash"]:
        yield "shown_hash", f"{text['shown_hash'][:16]!r} was shown, {row.condition} shows {shown['shown_hash'][:16]!r}"
