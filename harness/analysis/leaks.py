"""Leaks: questions that can be answered without their picture, told question by question.

Two witnesses: a baseline fitted on the task's own texts, and what given models answer blind. A question leaks as far
as both say on average. What leaks least can be kept as a task of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from sightscale.harness.analysis.matched_runs import RIGHT, Run, match_questions
from sightscale.harness.analysis.text_baseline import TextQuestion, can_learn, guess_from_text
from sightscale.harness.evaluation import Answer, asking, parse_options, read_questions
from sightscale.harness.statistics import rank_correlation
from sightscale.model_adapters.blindfold import split_options
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import (
    BLIND_CONDITIONS,
    WITHOUT_PICTURE,
    WITHOUT_QUESTION,
    Condition,
    Kind,
    Mode,
)

COLUMNS = ["doc_id", "item_id", "category", "question", "target", "guess", "by_text", "passes", "by_models", "leak"]
# Conditions whose prompts are the task's own words.
AS_ASKED = [condition for condition in (Condition.SIGHTED, *BLIND_CONDITIONS) if condition is not Condition.TOLD]
CHANCE = 0.25  # of a question whose options aren't known


def read_texts(
    task: str, data: str, data_root: Path | None = None, *, mini_questions: int | None = None
) -> list[tuple[TextQuestion, float | None]] | None:
    """A task's questions without their pictures, each with its true blind probability where the data know it.

    None for a task without lettered options. Raises UserError when the data can't be had.
    """
    texts: list[tuple[TextQuestion, float | None]] = []
    nothing = Answer("", None, Kind.END_TO_END, Mode.DIRECT, "")
    with asking(data, data_root, "", mini_questions):
        questions = read_questions(task, "scripted:coin")
        for number in range(len(questions)):
            scored = questions.score(number, nothing)
            options, target = scored["options"], str(scored["target"])
            if target not in options:
                return None
            asked, _ = split_options(questions.text(number))
            picture = questions.show(number, Condition.SIGHTED, 0)["image_hash"] or str(number)
            texts.append((TextQuestion(asked, options, target, picture), scored.get("blind_probability")))
    return texts


def gather_texts(task: str, runs: Sequence[Run]) -> dict[int, TextQuestion]:
    """A task's questions by their documents, out of the prompts of end-to-end runs.

    Without those that have no lettered options, and empty where the rest are too few to learn from. A prompt of two
    stages isn't read: it holds a description of the picture.
    """
    columns = ["doc_id", "prompt", "options", "target", "cluster"]
    parts = []
    for run in runs:
        rows = run.records[(run.records["task"] == task) & (run.records["kind"] != Kind.DECOUPLED)]
        parts.append(rows.loc[rows["condition"].isin(AS_ASKED), columns].drop_duplicates("doc_id"))
    texts: dict[int, TextQuestion] = {}
    for row in pd.concat(parts, ignore_index=True).drop_duplicates("doc_id").to_dict("records"):
        options, prompt = parse_options(row["options"]), row["prompt"]
        if isinstance(prompt, str) and row["target"] in options:
            asked, _ = split_options(prompt)
            texts[int(row["doc_id"])] = TextQuestion(asked, options, row["target"], str(row["cluster"]))
    return texts if can_learn(list(texts.values())) else {}


def find_leaks(
    task: str, texts: Mapping[int, TextQuestion] | None, runs: Sequence[Run], *, seed: int = 0
) -> pd.DataFrame:
    """A row for each question, what leaks most first: `COLUMNS`.

    `texts` are the task's questions by their documents. `by_text` is how likely words alone give the
    answer away; `by_models` the share of blind passes (no picture shown, question asked) that are right, with one
    guess added, so that few passes say little; `leak` the mean of those that are known. Raises UserError where
    neither is.
    """
    table: pd.DataFrame | None = None
    if texts:
        questions = list(texts.values())
        table = pd.DataFrame(
            {
                "doc_id": list(texts),
                "question": [" ".join(question.text.split())[:300] for question in questions],
                "target": [question.target for question in questions],
            }
        ).join(guess_from_text(questions, seed=seed)[["guess", "by_text"]])
    asked = _ask_models(task, runs)
    if table is None:
        table = asked
    elif asked is not None:
        table = table.merge(asked, on="doc_id", how="outer")
    if table is None:
        raise UserError(
            f"the texts of {task} can't be read here, and no run was asked it blind; give runs with --blind none"
        )
    table = table.reindex(columns=COLUMNS)
    witnesses = table[["by_text", "by_models"]].astype(float)
    table["leak"] = witnesses.mean(axis=1)
    names = zip(table["item_id"], table["doc_id"], strict=True)
    table["item_id"] = [name if isinstance(name, str) else str(number) for name, number in names]
    return table.sort_values(["leak", "doc_id"], ascending=[False, True], kind="stable", ignore_index=True)


def check_share(share: float) -> None:
    """Nothing for a share of questions that can be kept. Raises UserError for another."""
    if not 0 < share < 1:
        raise UserError(f"cannot keep a share of {share:g}; give one between 0 and 1, such as 0.5")


def keep_least(leaks: pd.DataFrame, share: float) -> list[int]:
    """Documents of the `share` of questions that leak least, in their order. Raises UserError for no such share."""
    check_share(share)
    count = max(1, round(share * len(leaks)))
    return sorted(int(number) for number in leaks["doc_id"].tail(count))


def compare_order(runs: Sequence[Run], task: str, kept: Sequence[int]) -> tuple[float, int] | None:
    """Spearman's rho of the runs' scores on the kept questions and on all, and how many runs; None below three."""
    scores = []
    for run in runs:
        rows = run.records
        rows = rows[(rows["task"] == task) & (rows["condition"] == Condition.SIGHTED)]
        if len(rows):
            scores.append((rows.loc[rows["doc_id"].isin(kept), "score"].mean(), rows["score"].mean()))
    if len(scores) < 3:
        return None
    some, everything = np.array(scores, float).T
    return float(rank_correlation(some, everything, "spearman")), len(scores)


def measure_separation(leaks: pd.DataFrame, blind_probabilities: Sequence[float], threshold: float) -> float:
    """How well `leak` tells questions whose true blind probability is above `threshold`: the area under the ROC curve.

    1 is always, 0.5 no better than a coin; missing where all questions are on one side. `blind_probabilities` are in
    the order of documents, as the mini suite knows them.
    """
    truth = np.asarray(blind_probabilities, float)[leaks["doc_id"].to_numpy(int)] > threshold
    scores = leaks["leak"].to_numpy(float)
    if truth.all() or not truth.any():
        return float("nan")
    u = stats.mannwhitneyu(scores[truth], scores[~truth]).statistic
    return float(u) / (int(truth.sum()) * int((~truth).sum()))


def _ask_models(task: str, runs: Sequence[Run]) -> pd.DataFrame | None:
    """How often the runs answered each question right without its picture; None where none was asked so."""
    kept = [Run(run.label, run.records[run.records["task"] == task]) for run in runs]
    kept = [run for run in kept if len(run.records)]
    for questions in match_questions(kept) if kept else ():
        blind = [column for column in questions.columns if column[1] in WITHOUT_PICTURE]
        blind = [column for column in blind if column[1] not in WITHOUT_QUESTION]
        if not blind:
            continue
        answered = questions.scores[blind].mask(questions.failed[blind])
        passes = answered.notna().sum(axis=1)
        chance = questions.about["chance"].astype(float).fillna(CHANCE)
        right = (answered > RIGHT).sum(axis=1)
        about = questions.about[["item_id", "category"]]
        share = ((right + chance) / (passes + 1)).where(passes > 0)
        table = about.assign(passes=passes, by_models=share).reset_index()
        return table.assign(doc_id=table["doc_id"].astype(int))
    return None
