"""Mini pictures: the embedded suite recognised in records that are claimed to be of public data, without a network."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from sightscale.leaderboards.entry import PACKAGE, RECORDS, Submission, known_tasks
from sightscale.leaderboards.verification.issues import Issue, error
from sightscale.tasks.mini import DEFAULT_QUESTIONS
from sightscale.tasks.vocabulary import Condition, DataOrigin, Mode

LOOKED_AT = 24  # questions of a task, spread over the mini set
ALIKE = 0.5  # share of questions that read alike, target included, from which they are the mini suite's


def check_mini_pictures(submission: Submission) -> Iterator[Issue]:
    """Tasks whose rows are the mini suite's, by their pictures' hashes or word by word, though the entry says `hub`."""
    from sightscale.harness.evaluation import asking, read_questions

    if submission.entry.data.source is not DataOrigin.HUB:
        return
    sighted = submission.records[submission.records["condition"] == Condition.SIGHTED]
    numbers = range(0, DEFAULT_QUESTIONS, DEFAULT_QUESTIONS // LOOKED_AT)
    with asking(DataOrigin.MINI, None, "", None):
        for task, rows in sighted.groupby("task", sort=False):
            card = known_tasks().get(str(task))
            if card is None or card.source.startswith(PACKAGE):
                continue
            yield from _compare(
                submission, str(task), rows, read_questions(str(task), submission.manifest.model), numbers
            )


def _compare(submission: Submission, task: str, rows: pd.DataFrame, questions: Any, numbers: range) -> Iterator[Issue]:
    from sightscale.harness.evaluation import Answer

    looked = [number for number in numbers if number < len(questions)]
    seed = submission.manifest.seed
    hashes = {questions.show(number, Condition.SIGHTED, seed)["image_hash"] for number in looked} - {""}
    found = rows["image_hash"].isin(list(hashes))
    if found.any():
        yield error(
            RECORDS,
            f"{task}, image_hash",
            "the pictures are the embedded mini suite's, and the entry says that it answered the public data",
        )
        return
    alike = asked = 0
    for row in rows[rows["doc_id"].isin(looked)].itertuples():
        mode = Mode.THINKING if submission.manifest.mode == Mode.THINKING else Mode.DIRECT
        told = row.description if isinstance(row.description, str) else ""
        answer = Answer("", None, submission.manifest.kind, mode, told)
        asked += 1
        alike += row.prompt == questions.prompt(int(str(row.doc_id)), answer)
    if asked and alike >= ALIKE * asked:
        yield error(
            RECORDS,
            f"{task}, prompt",
            "the questions are the embedded mini suite's, and the entry says that it answered the public data",
        )
