"""Which answers of two engines differ, and at which token an answer leaves another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sightscale.harness.analysis import Run
from sightscale.model_adapters.engines import Choice
from sightscale.tasks.likelihoods import read_likelihoods
from sightscale.tasks.vocabulary import Condition, Outcome

KEY = ["task", "doc_id"]
CLOSE = 1e-3  # nats


@dataclass(frozen=True)
class Difference:
    """One question that two engines answered differently: what each wrote, and what that scored."""

    task: str
    doc_id: int
    item_id: str
    first: str
    second: str
    first_score: float
    second_score: float
    failed: bool = False  # whether an engine gave no answer at all


@dataclass(frozen=True)
class EngineAnswers:
    """The questions of one task that two engines were both asked, counted; `read_alike` got the same prediction."""

    task: str
    questions: int
    alike: int
    read_alike: int
    failed: int


def compare_answers(first: Run, second: Run) -> tuple[list[EngineAnswers], list[Difference]]:
    """Counts of each task, and each question whose answers differ in any character, thinking included.

    Answers read from likelihoods differ where a log-probability of an option's letter or text does by more than CLOSE.
    """
    both = _sighted(first).merge(_sighted(second), left_index=True, right_index=True, suffixes=("_1", "_2"))
    fails = (both["outcome_1"] == Outcome.FAILED) | (both["outcome_2"] == Outcome.FAILED)
    pairs = zip(both["likelihoods_1"], both["likelihoods_2"], strict=True)
    close = pd.Series([_are_close(one, other) for one, other in pairs], both.index, dtype=bool)
    alike = ((both["text_1"] == both["text_2"]) | close) & ~fails
    read_alike = ((both["prediction_1"] == both["prediction_2"]) | alike) & ~fails
    counts = [
        EngineAnswers(str(task), len(rows), int(alike[rows].sum()), int(read_alike[rows].sum()), int(fails[rows].sum()))
        for task, rows in both.groupby(level=0, sort=False).groups.items()
    ]
    rows_apart: list[Any] = list(both[~alike].itertuples(index=False))
    differences = [
        Difference(
            str(task),
            int(doc_id),
            str(row.item_id_1),
            str(row.text_1),
            str(row.text_2),
            float(row.score_1),
            float(row.score_2),
            bool(fails[task, doc_id]),
        )
        for (task, doc_id), row in zip(both.index[~alike], rows_apart, strict=True)
    ]
    return counts, differences


def _sighted(run: Run) -> pd.DataFrame:
    """The sighted answers by task and document: thinking and response as one text, as the model wrote them."""
    records = run.records[run.records["condition"] == Condition.SIGHTED]
    thinking = records["thinking"].astype(object).fillna("")
    text = thinking.where(thinking == "", thinking + "\n\n") + records["response"].astype(object).fillna("")
    failed = records["outcome"] == Outcome.FAILED
    likelihoods = records["likelihoods"].astype(object).where(records["likelihoods"].notna(), None)
    text = text.where(likelihoods.isna(), likelihoods)
    table = records[[*KEY, "item_id", "prediction", "outcome", "score"]].assign(
        likelihoods=likelihoods,
        text=text.where(~failed, records["error"].astype(object).fillna("no answer")),
        prediction=records["prediction"].astype(object).fillna(""),
    )
    return table.set_index(KEY)


def _are_close(first: Any, second: Any) -> bool:
    """Whether two records' likelihoods are of the same options and tokens, and agree to CLOSE."""
    if not isinstance(first, str) or not isinstance(second, str):
        return False
    one, other = read_likelihoods(first), read_likelihoods(second)
    if list(one) != list(other):
        return False
    return all(
        (mine.letter_tokens, mine.text_tokens) == (theirs.letter_tokens, theirs.text_tokens)
        and abs(mine.letter - theirs.letter) <= CLOSE
        and abs((mine.text or 0.0) - (theirs.text or 0.0)) <= CLOSE
        for mine, theirs in zip(one.values(), other.values(), strict=True)
    )


def find_parting(first: Sequence[Choice], second: Sequence[Choice]) -> int | None:
    """The number of the first token at which two answers of one tokenizer part; None where neither leaves the other.

    Where one answer is the beginning of the other they don't part: servers leave the token out that ends an answer.
    """
    for number, (token_first, token_second) in enumerate(zip(first, second, strict=False)):
        if token_first.token != token_second.token or token_first.ends != token_second.ends:
            return number
    return None
