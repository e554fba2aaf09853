"""Suites: every average weighs as its rule says, and every task of ours belongs where its file says."""

from collections import defaultdict

import pytest
from hypothesis import given, strategies as st

from sightscale.tasks.averages import AverageKind, stratify
from sightscale.tasks.suites import Suite, list_averages, members_of, suite_of

QUESTION = st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", None]), st.sampled_from(["p", "q", None]))
SCORED = st.lists(st.tuples(QUESTION, st.floats(0, 1)), min_size=1, max_size=40)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@given(SCORED)
def test_the_mean_of_tasks_weighs_every_task_alike(questions: list[tuple[tuple[str, str, str], float]]) -> None:
    scores = defaultdict(list)
    for (task, _, _), score in questions:
        scores[task].append(score)
    places, values = zip(*questions, strict=True)
    strata = stratify(AverageKind.TASKS, *zip(*places, strict=True))
    assert strata.mean(values) == pytest.approx(mean([mean(of_task) for of_task in scores.values()]))


@given(SCORED)
def test_the_mean_of_axes_weighs_axes_within_their_category(
    questions: list[tuple[tuple[str, str | None, str | None], float]],
) -> None:
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (task, category, axis), score in questions:
        scores[category or task][axis or ""].append(score)
    places, values = zip(*questions, strict=True)
    strata = stratify(AverageKind.AXES, *zip(*places, strict=True))
    wanted = mean([mean([mean(of_axis) for of_axis in axes.values()]) for axes in scores.values()])
    assert strata.mean(values) == pytest.approx(wanted)
    assert sum(strata.shares) == pytest.approx(1)


@given(SCORED)
def test_the_official_average_weighs_every_question_alike(
    questions: list[tuple[tuple[str, str, str], float]],
) -> None:
    places, values = zip(*questions, strict=True)
    strata = stratify(AverageKind.QUESTIONS, *zip(*places, strict=True))
    assert strata.mean(values) == pytest.approx(mean(list(values)))


def test_a_suite_is_what_its_tasks_say() -> None:
    assert {suite_of(task) for task in members_of(Suite.IN_DOMAIN)} == {Suite.IN_DOMAIN}
    assert len(members_of(Suite.IN_DOMAIN)) == len(members_of(Suite.MMSTAR)) == 6
    assert suite_of("mmstar_math_blind") is Suite.MMSTAR
    assert suite_of("mmmu_val") is None  # lmms-eval's own
    with pytest.raises(KeyError):
        members_of(Suite.IMAGENET)


def test_averages_have_one_name_each_and_no_blind_task() -> None:
    rules = list_averages()
    assert len({rule.name for rule in rules}) == len(rules)
    assert {"in_domain", "mmstar_macro", "mmstar_official", "mmstar_math_macro"} <= {rule.name for rule in rules}
    assert not [task for rule in rules for task in rule.tasks if task.endswith("_blind")]
