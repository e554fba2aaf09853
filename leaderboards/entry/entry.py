"""An entry: what a submission to a leaderboard claims, as validated fields.

`schema/entry-v1.json` is generated from these classes. A changed meaning of a field is a new schema version.
"""

import json
import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from sightscale.harness.pages import check_line
from sightscale.leaderboards.entry.titles import check_title, refuse_board_words
from sightscale.tasks.doses import parse_dose
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import DEFAULT_QUESTIONS, REVISION
from sightscale.tasks.suites import list_averages
from sightscale.tasks.vocabulary import Condition, DataOrigin, Degradation, Kind, Mode, Role

VERSION = 1
SCHEMA_FILE = Path(__file__).parents[1] / "schema" / f"entry-v{VERSION}.json"
SLUG = r"^[a-z0-9][a-z0-9._-]{0,79}$"
DECIMALS = 6  # of a score in an entry; scores lie between 0 and 1
MINI_REVISION = re.compile(r"(mini@\d{1,6}), (\d{1,4}) questions")
# The study removes the visual input; other blind conditions are welcome.
REQUIRED_CONDITIONS = (Condition.SIGHTED, Condition.NONE)


def _check_version(value: Any) -> Any:
    """A version is a whole number: true, 1.0 and "1" are none."""
    if type(value) is not int:
        raise ValueError(f"is {value!r}, not the number {VERSION}")
    if value > VERSION:
        raise ValueError(f"is {value}, of a newer sightscale; this one reads {VERSION}: install the newer one")
    return value


def _check_date(text: str) -> str:
    """A day that there is."""
    date.fromisoformat(text)  # its message names what is wrong
    return text


def _whole(value: Any) -> Any:
    """Numbers as they are written; YAML's true and false aren't numbers here."""
    if isinstance(value, bool):
        raise ValueError("is true or false, not a number")
    return value


Short = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(check_line)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(check_line)]
Title = Annotated[Name, AfterValidator(check_title)]
Sentence = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(check_line)]
TaskName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,119}$")]
Count = Annotated[int, Field(ge=0, le=10**15), BeforeValidator(_whole)]
Positive = Annotated[int, Field(ge=1, le=10**9), BeforeValidator(_whole)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), BeforeValidator(_whole)]

# Words of the vocabulary, by their values. The schema lists them in the field itself, as it always has.
_BY_VALUE = Field(strict=False)


def _list_words(title: str, words: Iterable[StrEnum]) -> WithJsonSchema:
    return WithJsonSchema({"enum": [str(word) for word in words], "title": title, "type": "string"})


NO_CONDITION = f"is no condition such as {Condition.NONE}, and no dose such as {Degradation.DOWNSCALE}:32"


def is_condition(text: str) -> bool:
    """Whether a text names a condition: one of the vocabulary's, or a dose as runs write it, such as `blur:4`."""
    if text in list(Condition):
        return True
    try:
        dose = parse_dose(text)
    except UserError:
        return False
    return dose is not None and str(dose) == text


def _check_condition(text: str) -> str:
    if not is_condition(text):
        raise ValueError(NO_CONDITION)
    return text


KINDS = (Kind.END_TO_END, Kind.DECOUPLED, Kind.IMPORTED)  # the last one's answers were had by another harness


def _check_kind(kind: Kind) -> Kind:
    if kind not in KINDS:
        raise ValueError(f"must be {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    return kind


_DOSE = rf"^({'|'.join(Degradation)}):[0-9]{{1,4}}(\.[0-9]{{1,6}})?$"
ConditionWord = Annotated[
    str,
    AfterValidator(_check_condition),
    WithJsonSchema(
        {
            "title": "Condition",
            "anyOf": [
                {"enum": [str(word) for word in Condition], "type": "string"},
                {"pattern": _DOSE, "type": "string"},
            ],
        }
    ),
]
RoleWord = Annotated[Role, _BY_VALUE, _list_words("Role", Role)]
ModeWord = Annotated[Mode, _BY_VALUE, _list_words("Mode", Mode)]
OriginWord = Annotated[DataOrigin, _BY_VALUE, _list_words("Source", DataOrigin)]
KindWord = Annotated[Kind, _BY_VALUE, AfterValidator(_check_kind), _list_words("Kind", KINDS)]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Part(_Fields):
    """One model that the system is made of."""

    role: RoleWord
    checkpoint: Annotated[Title, Field(description="Short name of the checkpoint, as the run's manifest has it.")]
    parameters: Annotated[Count | None, Field(description="How many parameters; null if unknown.")] = None
    repository: Annotated[Name | None, Field(description="Where the checkpoint is published.")] = None
    revision: Annotated[Name | None, Field(description="Commit or version there.")] = None


class Budgets(_Fields):
    """The most tokens that any one answer was allowed."""

    answer: Annotated[Positive | None, Field(description="Null only where the entry holds claims alone.")]
    thinking: Annotated[Positive | None, Field(description="Null where the model doesn't think first.")] = None
    perception: Annotated[Positive | None, Field(description="Of a description; null unless decoupled.")] = None


class Data(_Fields):
    """Which documents were asked."""

    source: OriginWord
    revision: Name
    options: Annotated[str, Field(pattern=r"^(circular|shuffled:[0-9]{1,9})?$", description="Order of options.")] = ""
    limit: Annotated[Positive | None, Field(description="Only the first documents of each task: a partial entry.")]

    @property
    def mini_questions(self) -> int | None:
        """How many questions a set of the mini suite has here; None for other data, and for another revision of it."""
        match = MINI_REVISION.fullmatch(self.revision)
        return int(match[2]) if self.source is DataOrigin.MINI and match and match[1] == REVISION else None

    @property
    def whole_public(self) -> bool:
        """Whether these are the public data sets, all of them and as they are, which published scores are of."""
        return self.source is DataOrigin.HUB and self.limit is None and not self.options


def name_data(data: Data) -> str:
    """Which questions were asked, in words; only scores on the same questions are compared."""
    words = "the public data" if data.source is DataOrigin.HUB else "the embedded mini suite"
    size = data.mini_questions
    words += f" of {size:,} questions a set" if size not in (None, DEFAULT_QUESTIONS) else ""
    words += f", the first {data.limit:,} questions of each task" if data.limit is not None else ""
    return f"{words}, options {data.options}" if data.options else words


class RunClaim(_Fields):
    """One run of `sightscale run` that the records come from."""

    run_id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    model: Annotated[str, Field(min_length=1, max_length=2000, description="What was written after --model.")]
    identity: Annotated[str, Field(min_length=1, max_length=4000, description="Everything that decides its answers.")]


class Score(_Fields):
    """The mean score of one task under one condition, between 0 and 1."""

    task: TaskName
    condition: ConditionWord
    n: Positive
    score: Share


class Average(_Fields):
    """An average over tasks, with its rule in words."""

    name: TaskName
    condition: ConditionWord
    rule: Sentence
    n: Positive
    score: Share


class Entry(_Fields):
    """A submission to a leaderboard."""

    schema_version: Annotated[Literal[1], BeforeValidator(_check_version)]
    id: Annotated[str, Field(pattern=SLUG, description="Name of the entry's folder.")]
    name: Annotated[Name, Field(description="The parts' checkpoints, joined by +; checked against the run.")]
    title: Annotated[
        Annotated[Title, AfterValidator(refuse_board_words)] | None,
        Field(description="A name to show beside it, in the submitter's words."),
    ] = None
    kind: KindWord
    parts: Annotated[tuple[Part, ...], Field(min_length=1, max_length=4)]
    visual_data: Annotated[Short, Field(description="Amount of visual training data, such as 1.0M or unk.")]
    licence: Name
    contact: Name
    hardware: Name
    mode: ModeWord
    budgets: Budgets
    data: Data
    runs: Annotated[
        tuple[RunClaim, ...], Field(max_length=200, description="None: the entry holds claims alone, and no records.")
    ]
    scores: Annotated[tuple[Score, ...], Field(min_length=1, max_length=2000)]
    averages: Annotated[tuple[Average, ...], Field(max_length=200)] = ()
    date: Annotated[
        str,
        Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"),
        AfterValidator(_check_date),
    ]
    notes: Sentence | None = None
    source: Annotated[
        Sentence | None, Field(description="Where the numbers are printed, of an entry that holds claims alone.")
    ] = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        roles = [part.role for part in self.parts]
        wanted = {Role.PERCEPTION, Role.REASONING} if self.kind is Kind.DECOUPLED else {Role.MODEL}
        if len(set(roles)) != len(roles) or set(roles) - {Role.FOCUS} != wanted:
            raise ValueError(f"a {self.kind} system has the parts {', '.join(sorted(wanted))}, each once")
        if self.name != join_name(self.parts):
            raise ValueError(f"name must be {join_name(self.parts)!r}, after the parts; use title for another")
        for what, keys in (
            ("scores", [(score.task, score.condition) for score in self.scores]),
            ("averages", [(average.name, average.condition) for average in self.averages]),
            ("runs", [run.run_id for run in self.runs]),
        ):
            if len(set(keys)) != len(keys):
                raise ValueError(f"{what} hold something twice")
        averages = {rule.name for rule in list_averages()}
        if taken := sorted({score.task for score in self.scores} & averages):
            raise ValueError(f"scores hold {taken[0]}, which is an average's name and no task's")
        if self.runs and self.source is not None:
            raise ValueError("source is of numbers that are printed elsewhere, and this entry has runs")
        if self.runs and self.budgets.answer is None:
            raise ValueError("budgets.answer is null, and this entry has runs")
        if self.runs and (self.mode is Mode.THINKING) != (self.budgets.thinking is not None):
            raise ValueError("budgets.thinking is a number in thinking mode, and null else")
        if self.kind is not Kind.DECOUPLED and self.budgets.perception is not None:
            raise ValueError("budgets.perception is null unless the system is decoupled")
        return self

    @property
    def partial(self) -> bool:
        """Whether only the first documents of each task were asked."""
        return self.data.limit is not None

    @property
    def claims_only(self) -> bool:
        """Whether it names no run, so that no answer stands behind its numbers."""
        return not self.runs

    def part(self, role: Role) -> Part | None:
        """The part with this role, if there is one."""
        return next((part for part in self.parts if part.role is role), None)

    def score(self, task: str, condition: str = Condition.SIGHTED) -> Score | None:
        """The claimed score of a task under a condition, if there is one."""
        return next((score for score in self.scores if (score.task, score.condition) == (task, condition)), None)

    def average(self, name: str, condition: str = Condition.SIGHTED) -> Average | None:
        """The claimed average of that name under a condition, if there is one."""
        averages = (average for average in self.averages if (average.name, average.condition) == (name, condition))
        return next(averages, None)


def join_name(parts: tuple[Part, ...]) -> str:
    """The name that parts give a system: the checkpoints that answer, joined by +."""
    return "+".join(part.checkpoint for part in parts if part.role is not Role.FOCUS)


def write_schema() -> str:
    """The JSON Schema of an entry, as `schema/entry-v1.json` holds it."""
    schema = Entry.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
