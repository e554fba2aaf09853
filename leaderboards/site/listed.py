"""Listed: an entry as a board holds it: estimates, what stands beside them, answers to rank by, and its state.

It is written and read as JSON, since the process that looks at a stranger's entry is another than the one that
builds, and what was looked at once is kept.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.entry import Entry
from sightscale.leaderboards.published import find_published
from sightscale.leaderboards.site.standings import Scored, center
from sightscale.leaderboards.verification import Issue, Level, State
from sightscale.tasks.averages import stratify
from sightscale.tasks.suites import list_averages
from sightscale.tasks.vocabulary import Condition, Role

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = "published"  # what printed rows are called, beside the states of entries
TELLING = 30  # of a task's questions, the first ones, that tell it from another task of the same name
QUESTION = ("task", "doc_id", "cluster", "category", "l2_category")
Scores = Mapping[tuple[str, str], Estimate]


@dataclass(frozen=True)
class Beside:
    """What a score is read beside, as shares: guessing, the best answer without a picture, unread and cut answers."""

    chance: float | None = None
    floor: float | None = None
    unread: float | None = None
    cut: float | None = None


class Columns(Protocol):
    """Columns by name: of records, or of what was kept."""

    def __getitem__(self, name: str, /) -> Any: ...


class Questions:
    """The questions that entries answered, and how a task or an average weighs them.

    `columns` has those of `QUESTION`, a value for each question and None for a missing one.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns: dict[str, list[Any]] = {name: _plain(columns[name]) for name in QUESTION}
        codes: dict[Any, int] = {}
        numbered = [codes.setdefault(cluster, len(codes)) for cluster in self.columns["cluster"]]
        self.clusters = np.array(numbered, int)
        self._keys: dict[str, str] = {}
        self._weighed: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None] = {}

    @cached_property
    def digest(self) -> str:
        """What tells these questions from others."""
        return hashlib.sha256(json.dumps(self.columns).encode()).hexdigest()[:32]

    @cached_property
    def tasks(self) -> dict[str, tuple[str, np.ndarray]]:
        """Of each task what tells its questions from others, and their rows.

        The first questions tell it: whoever limits an entry leaves the last ones out.
        """
        asked = np.array(self.columns["task"], object)
        rows = {task: np.flatnonzero(asked == task) for task in dict.fromkeys(self.columns["task"])}
        return {task: (Questions(self._take(places[:TELLING])).digest, places) for task, places in rows.items()}

    def weigh(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
        """The rows of a task or average, their weights, strata and clusters; None where not all tasks were asked."""
        if name not in self._weighed:
            self._weighed[name] = self._weigh(name)
        return self._weighed[name]

    def _weigh(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
        asked = np.array(self.columns["task"], object)
        rule = next((rule for rule in list_averages() if rule.name == name), None)
        if rule is None:
            rows = np.flatnonzero(asked == name)
            if not len(rows):
                return None
            return rows, np.full(len(rows), 1 / len(rows)), np.zeros(len(rows), int), self._codes(rows)
        if not set(rule.tasks) <= set(asked):
            return None
        rows = np.flatnonzero([task in rule.tasks for task in asked])
        part = self._take(rows)
        strata = stratify(rule.kind, part["task"], part["category"], part["l2_category"])
        of = np.asarray(strata.of, int)
        weights = np.asarray(strata.shares, float)[of] / np.bincount(of)[of]
        return rows, weights, of, self._codes(rows)

    def _take(self, rows: np.ndarray) -> dict[str, list[Any]]:
        return {name: [values[row] for row in rows] for name, values in self.columns.items()}

    def _codes(self, rows: np.ndarray) -> np.ndarray:
        return np.unique(self.clusters[rows], return_inverse=True)[1]

    def key(self, name: str) -> str:
        """What tells the questions of a task or average from others; entries with the same key answered the same."""
        if name not in self._keys:
            weighed = self.weigh(name)
            self._keys[name] = Questions(self._take(weighed[0])).digest if weighed else ""
        return self._keys[name]


def _plain(values: Any) -> list[Any]:
    """Values as JSON takes them; None for missing ones."""
    return [None if value != value else value for value in np.asarray(values, object).tolist()]


@dataclass(frozen=True, eq=False)
class Answers:
    """An entry's scores, question by question: sighted, and without a picture (NaN where it wasn't asked)."""

    questions: Questions
    sighted: np.ndarray
    blind: np.ndarray
    said_sighted: np.ndarray = field(
        default_factory=lambda: np.zeros(0, np.uint32)
    )  # what was read of each, as a number
    said_blind: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint32))

    def score(self, name: str) -> Scored | None:
        """The sighted score of a task or average as ranks compare it."""
        weighed = self.questions.weigh(name)
        if weighed is None:
            return None
        rows, weights, strata, clusters = weighed
        return center(self.sighted[rows], weights, strata, clusters)


class ProofState(StrEnum):
    """What became of a proof."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_DONE = "not done"


@dataclass(frozen=True)
class Shown:
    """A proof as an entry's page shows it: which it is, what became of it, and its result in words."""

    proof: str
    state: ProofState
    result: str


@dataclass(frozen=True)
class Listed:
    """An entry with its estimates, and what verification said of it, if this build verified it.

    `scores` are by task or average and condition; `gains` are what looking adds to each of them, paired question by
    question where the records were accepted. Only an accepted entry keeps its answers.
    """

    entry: Entry
    scores: Scores
    gains: Mapping[str, Estimate]
    tokens: float | None  # a question with its picture, prompts included; None where nobody looked, or counted them
    beside: Mapping[str, Beside] = field(default_factory=dict)
    status: State = State.SELF_REPORTED
    verified: bool = False  # whether this build looked at more than the claims
    issues: tuple[Issue, ...] = ()
    answers: Answers | None = field(default=None, compare=False, repr=False)
    alike: tuple[str, ...] = ()  # whose names its own reads like
    report: Path | None = field(default=None, compare=False)  # a page of its answers
    key: str = field(default="", compare=False)  # of its files and what looked at them
    odd: int | None = None  # what its plausibility says against it; None where it wasn't looked at
    signature: str = "not looked at"
    proofs: tuple[Shown, ...] = ()  # what files can't prove, and what was done about it

    @property
    def accepted(self) -> bool:
        """Whether this build verified the entry and nothing refuses it."""
        return self.verified and self.status is not State.SELF_REPORTED

    @cached_property
    def standing(self) -> str:
        """What a board calls it: its state, or that its numbers are printed in a source that this build holds."""
        return PUBLISHED if find_published(self.entry) else self.status

    @cached_property
    def name(self) -> str:
        """Its title, or the checkpoints' names; what reads like another's stands with the entry's id."""
        shown = self.entry.title or self.entry.name
        return f"{shown} [{self.entry.id}]" if self.alike else shown

    @cached_property
    def size(self) -> int | None:
        """Parameters of all parts that answer; None where one of them is unknown."""
        counts = [part.parameters for part in self.entry.parts if part.role is not Role.FOCUS]
        return None if None in counts else sum(count for count in counts if count is not None)


def take_answers(records: "pd.DataFrame") -> Answers:
    """The answers of accepted records, in the order of their tasks' names and documents."""
    import pandas as pd  # records are read where they are verified, which a board that finds all kept does nothing of

    sighted = records[records["condition"] == Condition.SIGHTED].sort_values(["task", "doc_id"])
    blind = records[records["condition"] == Condition.NONE].set_index(["task", "doc_id"])
    blind = blind.reindex(pd.MultiIndex.from_frame(sighted[["task", "doc_id"]]))
    sides = [side["score"].to_numpy(float) for side in (sighted, blind)]
    # What was read of an answer, so that nobody hides a copy by writing the same answers in other words.
    read = [side["prediction"].where(side["prediction"].notna(), side["response"]) for side in (sighted, blind)]
    said = [np.array([_number(text) for text in side], np.uint32) for side in read]
    return Answers(Questions(sighted), *sides, *said)


def _number(text: Any) -> int:
    """An answer as a number, however it is written; 0 for none."""
    words = "".join(character for character in text.casefold() if character.isalnum()) if isinstance(text, str) else ""
    return zlib.crc32(words.encode()) or 1 if words else 0


def write_listed(listed: Listed, folder: Path, name: str) -> None:
    """Write `name`.json into a folder, and the questions that were answered beside it, once for all entries."""
    fields: dict[str, Any] = {
        "entry": listed.entry.model_dump(mode="json"),
        "scores": [[*key, *asdict(estimate).values()] for key, estimate in listed.scores.items()],
        "gains": [[key, *asdict(estimate).values()] for key, estimate in listed.gains.items()],
        "tokens": listed.tokens,
        "beside": {key: list(asdict(beside).values()) for key, beside in listed.beside.items()},
        "status": listed.status,
        "verified": listed.verified,
        "issues": [list(issue.as_dict().values()) for issue in listed.issues],
        "report": listed.report.name if listed.report else None,
        "odd": listed.odd,
        "signature": listed.signature,
    }
    if listed.answers:
        answers = listed.answers
        fields["questions"] = answers.questions.digest
        fields["answers"] = [
            base64.b64encode(side.astype("<f4").tobytes()).decode() for side in (answers.sighted, answers.blind)
        ]
        fields["said"] = [
            base64.b64encode(side.astype("<u4").tobytes()).decode()
            for side in (answers.said_sighted, answers.said_blind)
        ]
        _save(folder / f"questions-{answers.questions.digest}.json", json.dumps(answers.questions.columns))
    _save(folder / f"{name}.json", json.dumps(fields))


def read_listed(folder: Path, name: str, known: dict[str, Questions]) -> Listed:
    """What `write_listed` wrote; `known` holds questions by digest. Raises OSError or ValueError for what isn't it."""
    fields = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    if not isinstance(fields, dict):
        raise ValueError(f"{name}.json holds no entry")
    answers = None
    if digest := fields.get("questions"):
        if digest not in known:
            known[digest] = _read_questions(folder / f"questions-{digest}.json")
        sides = [np.frombuffer(base64.b64decode(text), "<f4").astype(float) for text in fields["answers"]]
        said = [np.frombuffer(base64.b64decode(text), "<u4") for text in fields["said"]]
        answers = Answers(known[digest], *sides, *said)
    return Listed(
        Entry.model_validate_json(json.dumps(fields["entry"])),
        {(task, condition): Estimate(*rest) for task, condition, *rest in fields["scores"]},
        {key: Estimate(*rest) for key, *rest in fields["gains"]},
        fields["tokens"],
        {key: Beside(*rest) for key, rest in fields["beside"].items()},
        State(fields["status"]),
        fields["verified"],
        tuple(Issue(Level(level), *rest) for level, *rest in fields["issues"]),
        answers,
        report=folder / fields["report"] if fields["report"] else None,
        key=name,
        odd=fields["odd"],
        signature=fields["signature"],
    )


def _read_questions(path: Path) -> Questions:
    """Raises ValueError for what are none, which are gone then, so that they are written anew."""
    try:
        questions = Questions(json.loads(path.read_text(encoding="utf-8")))
        if len({len(values) for values in questions.columns.values()}) != 1:
            raise ValueError("columns of several lengths")
        return questions
    except (ValueError, KeyError, TypeError) as error:
        path.unlink(missing_ok=True)
        raise ValueError(f"{path.name} holds no questions") from error


def _save(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
