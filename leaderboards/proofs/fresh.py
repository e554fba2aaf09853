"""Fresh questions: mini questions that nobody has seen, drawn from a seed that is secret until they are answered.

The maintainer publishes the seed's hash first (the commitment), hands out the questions without their answers, and
publishes the seed afterwards; anybody can then draw the questions again and score the answers. A model that earned its
public scores earns them on fresh questions of the same kinds too.
"""

import hashlib
import json
import math
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import norm

from sightscale.harness.evaluation import LENGTH, parse_options
from sightscale.leaderboards.entry import Entry
from sightscale.tasks import score_response
from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.mini import REVISION, build_rows
from sightscale.tasks.vocabulary import Condition

# Public data sets in whose shape questions are handed out, their splits, and the mini sets behind each of our tasks.
SETS: Mapping[str, tuple[str, tuple[str, ...], Mapping[str, str]]] = {
    "in_domain": (
        "suyc21/VMCBench",
        ("dev", "test"),
        {
            f"in_domain_{name.lower()}": f"in_domain/{name}"
            for name in ("OCRVQA", "TextVQA", "ScienceQA", "VQAv2", "GQA", "VizWiz")
        },
    ),
    "mmstar_categories": (
        "Lin-Chen/MMStar",
        ("val",),
        {
            f"mmstar_{name.replace(' & ', '_').replace(' ', '_').replace('-', '_')}": f"mmstar/{name}"
            for name in (
                *("coarse perception", "fine-grained perception", "instance reasoning", "logical reasoning"),
                *("math", "science & technology"),
            )
        },
    ),
}
TASKS = {task: name for _, _, sets in SETS.values() for task, name in sets.items()}
TELLING = ("blind_answer", "blind_probability", "truth_description")  # columns that tell of the answer
SURE = 0.01  # chance that an honest entry is said to disagree


@dataclass(frozen=True)
class Challenge:
    """A secret seed, and how many questions of each task are drawn from it."""

    seed: str
    questions: int
    revision: str = REVISION

    @property
    def commitment(self) -> str:
        """What is published before the questions: it tells nothing of the seed, and fits no other."""
        return commit(self.seed, self.questions, self.revision)


@dataclass(frozen=True)
class Compared:
    """A task's public score and its score on fresh questions."""

    task: str
    condition: str
    public: float
    public_n: int
    fresh: float
    fresh_n: int


@dataclass(frozen=True)
class Outcome:
    """How fresh scores agree with an entry's public ones."""

    tasks: tuple[Compared, ...]
    difference: float  # public less fresh, over all tasks, sighted
    error: float
    p: float  # that an honest entry's public scores are so much higher

    @property
    def agrees(self) -> bool:
        return self.p >= SURE

    @property
    def detectable(self) -> float:
        """By how much public scores must be inflated to be found with a probability of 80 %."""
        return float((norm.isf(SURE) + norm.ppf(0.8)) * self.error)


def commit(seed: str, questions: int, revision: str) -> str:
    """SHA-256 of a seed with what is drawn from it."""
    return hashlib.sha256(f"sightscale challenge: {revision}, {questions} questions, seed {seed}".encode()).hexdigest()


def make_challenge(path: Path, questions: int) -> Challenge:
    """A new secret in the file `path`, which nobody else may read before the answers are in."""
    challenge = Challenge(secrets.token_hex(32), questions)
    if path.exists():
        raise UserError(f"{path} is there already; a secret is made once")
    with blaming(path, "write"):
        path.touch(mode=0o600)
        fields = {"seed": challenge.seed, "questions": questions, "revision": challenge.revision}
        path.write_text(json.dumps(fields | {"commitment": challenge.commitment}, indent=1) + "\n")
    return challenge


def read_challenge(path: Path, commitment: str | None = None) -> Challenge:
    """The challenge in a file. Raises UserError for what is none, and where it isn't what was committed to."""
    try:
        fields = json.loads(path.read_text())
        challenge = Challenge(str(fields["seed"]), int(fields["questions"]), str(fields["revision"]))
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} holds no challenge") from error
    if challenge.revision != REVISION:
        raise UserError(f"{path} is of {challenge.revision}, this build draws {REVISION}")
    if commitment is not None and commitment != challenge.commitment:
        raise UserError(f"{path} isn't what was committed to: it comes to {challenge.commitment}, not {commitment}")
    return challenge


def draw_questions(challenge: Challenge, folder: Path) -> list[str]:
    """Write the questions without their answers, in the public data sets' own shape; return the tasks to run.

    A run with `--data hub --data-root FOLDER` asks them. Every answer is written as A, and what the mini suite knows of
    the answers is left out.
    """
    import datasets

    if folder.exists():
        raise UserError(f"{folder} is there already; choose another --output")
    for name, splits, sets in SETS.values():
        parts = []
        for mini in sets.values():
            rows = _draw(challenge, mini)
            rows = rows.remove_columns([column for column in TELLING if column in rows.column_names])
            parts.append(rows.remove_columns("answer").add_column("answer", ["A"] * len(rows)))
        whole = datasets.concatenate_datasets(parts)
        with blaming(folder, "write"):
            (folder / name / "data").mkdir(parents=True)
            size = -(-len(whole) // len(splits))
            for number, split in enumerate(splits):
                part = whole.select(range(number * size, min(len(whole), (number + 1) * size)))
                part.to_parquet(str(folder / name / "data" / f"{split}-00000-of-00001.parquet"))
    return list(SETS)


def score_run(challenge: Challenge, records: pd.DataFrame, entry: Entry) -> Outcome:
    """A run's answers to the fresh questions, scored with the secret, against the entry's public scores.

    Raises UserError where questions weren't answered, or the entry has no mini scores of them.
    """
    compared = []
    for (task, condition), rows in records.groupby(["task", "condition"], sort=True):
        public = entry.score(str(task), str(condition))
        if str(task) not in TASKS or public is None:
            continue
        fresh = list(_score(challenge, str(task), rows))
        compared.append(
            Compared(str(task), str(condition), public.score, public.n, sum(fresh) / len(fresh), len(fresh))
        )
    sighted = [one for one in compared if one.condition == Condition.SIGHTED]
    if not sighted:
        raise UserError("the run answered no fresh question of a task that the entry has a score of")
    difference = sum(one.public - one.fresh for one in sighted) / len(sighted)
    variance = sum(_variance(one.public, one.public_n) + _variance(one.fresh, one.fresh_n) for one in sighted)
    error = math.sqrt(variance) / len(sighted)
    return Outcome(tuple(compared), difference, error, float(norm.sf(difference / error)))


def _score(challenge: Challenge, task: str, rows: pd.DataFrame) -> Iterator[float]:
    drawn = _draw(challenge, TASKS[task])
    numbers = set(rows["doc_id"])
    if numbers != set(range(len(drawn))):
        raise UserError(f"{task}: {len(numbers):,} of {len(drawn):,} fresh questions were answered")
    answers = drawn["answer"]
    for row in rows.to_dict("records"):
        options = parse_options(row["options"])
        response = row["response"] if isinstance(row["response"], str) else ""
        cut = row["finish_reason"] == LENGTH
        yield score_response("choice", response, answers[int(row["doc_id"])], options, truncated=cut).score


def _draw(challenge: Challenge, mini: str) -> Any:
    # The seed is text of any length: it goes into the name of each question's own generator.
    return build_rows(mini, n=challenge.questions, seed=challenge.seed)  # type: ignore[arg-type]


def _variance(score: float, n: int) -> float:
    """Of a share, one question added on each side so that none is taken as certain."""
    share = (score * n + 1) / (n + 2)
    return share * (1 - share) / n
