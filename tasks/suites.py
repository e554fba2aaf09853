"""Suites: which tasks belong together, and their averages."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from sightscale.tasks.averages import AverageKind
from sightscale.tasks.catalogue import find_card, list_tasks


class Suite(StrEnum):
    """A family of tasks; its value is the `metadata.suite` of task files."""

    IN_DOMAIN = "in_domain"
    MMSTAR = "mmstar"
    GROUNDING = "grounding"
    SIMILARITY = "similarity"
    IMAGENET = "imagenet"
    MULTI_IMAGE = "multi_image"
    OPEN_QUESTIONS = "open_questions"
    EASY_VQA = "easy_vqa"


# In words, as entries have them.
IN_WORDS = {
    AverageKind.TASKS: "unweighted mean of the tasks' scores",
    AverageKind.QUESTIONS: "right answers over all questions",
    AverageKind.AXES: "mean over the axes (l2_category) of a category, then over the categories",
}
AXES_OF_ONE = "mean over the axes (l2_category) of the category"

TITLES = {Suite.IN_DOMAIN: "in-domain", Suite.MMSTAR: "MMStar"}  # of the suites that are reported as one number
GROUPS = {Suite.IN_DOMAIN: "in_domain", Suite.MMSTAR: "mmstar_categories"}  # that hold a suite's tasks
# The averages that boards show first, with their headings.
HEADLINES = {"in_domain": "In-domain", "mmstar_macro": "MMStar", "grounding": "Grounding", "similarity": "Similarity"}


@dataclass(frozen=True)
class AverageRule:
    """One average that boards and exports name: the tasks that it needs, and how it weighs them."""

    name: str
    tasks: tuple[str, ...]
    kind: AverageKind
    words: str


@cache
def _suites() -> dict[str, Suite]:
    return {card.name: Suite(card.suite) for card in list_tasks() if card.suite}


def suite_of(task: str) -> Suite | None:
    """The suite that a task or group belongs to; None for a task that isn't ours."""
    return _suites().get(task)


def members_of(suite: Suite) -> tuple[str, ...]:
    """The tasks in a suite's average, in order. Raises KeyError for a suite without an average."""
    return find_card(GROUPS[suite]).members


@cache  # the cards are read from more than a hundred files
def list_averages() -> tuple[AverageRule, ...]:
    """Every average that boards know: one for each group of sighted tasks, and MMStar's of both kinds."""
    cards = {card.name: card for card in list_tasks()}
    rules: list[AverageRule] = []
    for card in cards.values():
        if not card.members or card.blind_of or any(name in cards and cards[name].blind_of for name in card.members):
            continue
        if card.name == GROUPS[Suite.MMSTAR]:
            axes, questions = AverageKind.AXES, AverageKind.QUESTIONS
            rules += [AverageRule("mmstar_macro", card.members, axes, IN_WORDS[axes])]
            rules += [AverageRule("mmstar_official", card.members, questions, IN_WORDS[questions])]
            rules += [AverageRule(f"{task}_macro", (task,), axes, AXES_OF_ONE) for task in card.members]
        elif not card.missing:
            rules.append(AverageRule(card.name, card.members, AverageKind.TASKS, IN_WORDS[AverageKind.TASKS]))
    return tuple(rules)
