"""What a model is really shown under each condition, for prompts of one and of three pictures."""

from typing import Any

import pytest
from lmms_eval.api.model import lmms
from lmms_eval.evaluator import simple_evaluate

from sightscale.harness.evaluation.load_tasks import load_tasks
from sightscale.model_adapters.blindfold.adapter import Blindfold
from sightscale.model_adapters.engines import hash_image
from sightscale.tasks.vocabulary import ALTERED_CONDITIONS, BLIND_CONDITIONS, Condition

TASKS = {"in_domain_gqa": 1, "similarity_nights": 3}
ASKED = 8


class Witness(lmms):
    """A chat model that writes down what it is shown."""

    is_simple = False

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[tuple[str, int], list[dict[str, Any]]] = {}

    def generate_until(self, requests: list[Any]) -> list[str]:
        for request in requests:
            _, messages_of, _, doc_id, task, split = request.args
            messages = messages_of(self.task_dict[task][split][doc_id])
            self.shown[task, doc_id] = [part for message in messages for part in message["content"]]
        return ["A"] * len(requests)

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        raise NotImplementedError

    def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
        raise NotImplementedError


@pytest.fixture(scope="module")
def shown() -> dict[str, dict[tuple[str, int], list[dict[str, Any]]]]:
    """What two models were shown, by condition; the second under `again`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTSCALE_DATA", "mini")
        patch.setenv("SIGHTSCALE_MINI_QUESTIONS", "12")
        manager, _ = load_tasks(tuple(TASKS), "default")
        seen = {}
        for name in (Condition.SIGHTED, *ALTERED_CONDITIONS, "again"):
            witness = Witness()
            blindfold = Blindfold(witness, "mismatched" if name == "again" else name, seed=3)
            simple_evaluate(
                model=blindfold, tasks=list(TASKS), task_manager=manager, limit=ASKED, bootstrap_iters=0, batch_size=1
            )
            seen[name] = witness.shown
    return seen


def hashes(parts: list[dict[str, Any]]) -> list[str]:
    return [hash_image(part["url"]) for part in parts if part["type"] == "image"]


def texts(parts: list[dict[str, Any]]) -> list[str]:
    return [part["text"] for part in parts if part["type"] == "text"]


def test_every_question_is_asked_under_every_condition(shown: dict[str, Any]) -> None:
    assert all(set(shown[name]) == {(task, i) for task in TASKS for i in range(ASKED)} for name in shown)


@pytest.mark.parametrize("condition", [name for name in BLIND_CONDITIONS if name is not Condition.TOLD])
def test_the_text_is_the_same_to_the_byte_and_the_pictures_are_others(shown: dict[str, Any], condition: str) -> None:
    for key, parts in shown[condition].items():
        sighted = shown[Condition.SIGHTED][key]
        assert texts(parts) == texts(sighted)
        pictures = 0 if condition == "none" else TASKS[key[0]]
        assert len(hashes(parts)) == pictures
        assert not set(hashes(parts)) & set(hashes(sighted))
        if condition != "none":  # and they stand where the sighted ones do, as large as those
            assert [part["type"] for part in parts] == [part["type"] for part in sighted]
            sizes = [[part["url"].size for part in one if part["type"] == "image"] for one in (parts, sighted)]
            assert condition == "mismatched" or sizes[0] == sizes[1]


def test_mismatched_pictures_are_the_same_for_every_model(shown: dict[str, Any]) -> None:
    first, again = ({key: hashes(parts) for key, parts in shown[name].items()} for name in ("mismatched", "again"))
    assert first == again


def test_told_says_so_before_the_same_text(shown: dict[str, Any]) -> None:
    for key, parts in shown[Condition.TOLD].items():
        silent = texts(shown[Condition.NONE][key])
        assert not hashes(parts)
        assert texts(parts) == [
            "There is no picture with this question. Give your best guess all the same.\n" + silent[0],
            *silent[1:],
        ]


@pytest.mark.parametrize("condition", ["no_question", "options_only"])
def test_without_the_question_the_options_and_what_follows_are_left(shown: dict[str, Any], condition: str) -> None:
    for key, parts in shown[condition].items():
        *labels, whole = texts(shown[Condition.SIGHTED][key])
        question, options, rest = whole.partition("Options:\n" if key[0] == "in_domain_gqa" else "A. Image A")
        assert question and options
        named = ["Image A: ", "Reference: ", "Image B: "] if labels and condition == "no_question" else []
        assert [text.lstrip() for text in texts(parts)] == [*named, options + rest]
        seen = hashes(shown[Condition.SIGHTED][key]) if condition == "no_question" else []
        assert hashes(parts) == seen
