"""The vocabulary: the words that tasks, models, records, analyses and entries share, each defined once.

Members are strings, so records, files and messages contain them unchanged.
"""

from enum import StrEnum

RECORDS_FILE, MANIFEST_FILE = "records.parquet", "manifest.json"  # of a run's folder, and of an entry's


class Condition(StrEnum):
    """What a model sees of a question: of its pictures, and of its text."""

    SIGHTED = "sighted"
    NONE = "none"  # no picture and no mark of one
    BLACK = "black"
    NOISE = "noise"
    MEAN = "mean"  # the picture's mean colour
    MISMATCHED = "mismatched"  # another question's picture
    TOLD = "told"  # no picture, and the prompt says so and asks for a guess
    NO_QUESTION = "no_question"  # the picture and the options, without the question
    OPTIONS_ONLY = "options_only"  # the options alone


ALTERED_CONDITIONS: tuple[Condition, ...] = tuple(
    condition for condition in Condition if condition is not Condition.SIGHTED
)
WITHOUT_QUESTION = (Condition.NO_QUESTION, Condition.OPTIONS_ONLY)
# The question is asked and its picture hidden: what reliance can be measured against.
BLIND_CONDITIONS: tuple[Condition, ...] = tuple(
    condition for condition in ALTERED_CONDITIONS if condition not in WITHOUT_QUESTION
)
WITHOUT_PICTURE = (Condition.NONE, Condition.TOLD, Condition.OPTIONS_ONLY)  # no picture stands in for it


class Degradation(StrEnum):
    """How a picture loses information; with an amount it is a condition, such as `downscale:32`."""

    DOWNSCALE = "downscale"  # the longer side has so many pixels
    BLUR = "blur"  # a Gaussian of so many pixels
    SHUFFLE = "shuffle"  # so many tiles along each side, mixed
    OCCLUDE = "occlude"  # so large a share is covered
    NOISE = "noise"  # so large a share of the pixels is noise


class Outcome(StrEnum):
    """What became of an answer. Only an outcome in `READ` can be right."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNPARSED = "unparsed"  # it names no option
    TRUNCATED = "truncated"  # the limit on tokens cut it off, and nothing is read from what is left
    FAILED = "failed"  # the model wrote none
    LIKELIEST = "likeliest"  # nothing was written: it is the option that the model is likeliest to write


READ = (Outcome.ANSWERED, Outcome.LIKELIEST)


class AnswersBy(StrEnum):
    """Whether an option's likelihood is that of its letter or of its text."""

    LETTER = "letter"
    TEXT = "text"


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
    """How a run was made."""

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
