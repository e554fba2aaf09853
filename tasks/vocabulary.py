"""The vocabulary: the words that tasks, models, records, analyses and entries share, each said once.

Members are strings, so they stand in records, files and messages as they are.
"""

from enum import StrEnum


class Condition(StrEnum):
    """What a model sees of a question's pictures."""

    SIGHTED = "sighted"
    NONE = "none"  # no picture and no mark of one
    BLACK = "black"
    NOISE = "noise"
    MEAN = "mean"  # the picture's mean colour
    MISMATCHED = "mismatched"  # another question's picture


BLIND_CONDITIONS: tuple[Condition, ...] = tuple(one for one in Condition if one is not Condition.SIGHTED)


class Outcome(StrEnum):
    """What became of an answer. Only an answered one can be right."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNPARSED = "unparsed"  # it names no option
    TRUNCATED = "truncated"  # the limit on tokens cut it off, and nothing is read from what is left
    FAILED = "failed"  # the model wrote none


class AnswerFormat(StrEnum):
    """The form of answer that a task is scored by. A box's convention may follow: `box:thousand`."""

    CHOICE = "choice"
    BOX = "box"
    TWO_AFC = "2afc"  # two-alternative forced choice
    SHORT = "short"
    YES_NO = "yes_no"
    CLASS = "class"
    SUBSTRING = "substring"


class Kind(StrEnum):
    """How a run came to be."""

    END_TO_END = "end-to-end"
    DECOUPLED = "decoupled"
    IMPORTED = "imported"


class Mode(StrEnum):
    """How a reasoning module answers."""

    DIRECT = "direct"
    THINKING = "thinking"


class Role(StrEnum):
    """What a model does in a system."""

    MODEL = "model"  # end to end
    PERCEPTION = "perception"
    REASONING = "reasoning"
    FOCUS = "focus"


class DataOrigin(StrEnum):
    """Where a task's documents come from."""

    HUB = "hub"  # the public data sets, or the user's copies of them
    MINI = "mini"  # the embedded suite
