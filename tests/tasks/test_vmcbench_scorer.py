"""The same answers scored by us and by lmms-eval's `vmcbench`, which is VMCBench's own reader: where they differ."""

import random
from typing import Any

import pytest
from lmms_eval.tasks.vmcbench import utils as vmcbench

from sightscale.tasks.mini import build_rows
from sightscale.tasks.multiple_choice import doc_to_text, process_results, read_options

INSTRUCTION = {"post_prompt": "Answer with the option's letter from the given choices directly.\n"}
ALIKE = ("{L}", "{L}.", "({L})", "({L}) {t}", "{L}. {t}", "The answer is ({L}).", "Option {L}")
DRAWN = ("{l}", "({l})", "the answer is {l}.", "{L}: {t}", "**{L}**", "Answer:\n{L}", "{t}")  # it reads no letter here
SILENT = ("", "I cannot see the picture.", "Hmm.")


@pytest.fixture(scope="module")
def docs() -> list[dict[str, Any]]:
    return list(build_rows("in_domain/GQA", n=60).remove_columns("image"))


def theirs(doc: dict[str, Any], response: str) -> int:
    return vmcbench.vmcbench_process_results(doc, [response])["average"]["score"]


def say(form: str, doc: dict[str, Any], letter: str) -> str:
    return form.format(L=letter, l=letter.lower(), t=read_options(doc)[letter])


def test_the_prompt_is_the_same_to_the_byte(docs: list[dict[str, Any]]) -> None:
    for doc in docs:
        assert doc_to_text(doc, INSTRUCTION) == vmcbench.vmcbench_doc_to_text(doc, {"pre_prompt": "", **INSTRUCTION})


@pytest.mark.parametrize("form", ALIKE)
def test_plain_answers_score_alike(form: str, docs: list[dict[str, Any]]) -> None:
    rng = random.Random(form)
    for doc in docs:
        response = say(form, doc, rng.choice("ABCD"))
        assert process_results(doc, [response])["accuracy"] == theirs(doc, response), response


@pytest.mark.parametrize("form", DRAWN)
def test_readable_answers_that_its_reader_draws_a_letter_for(form: str, docs: list[dict[str, Any]]) -> None:
    random.seed(0)
    assert all(process_results(doc, [say(form, doc, doc["answer"])])["accuracy"] == 1 for doc in docs)
    assert sum(theirs(doc, say(form, doc, doc["answer"])) for doc in docs) < len(docs) / 2


@pytest.mark.parametrize("response", SILENT)
def test_saying_nothing_scores_chance_there_and_nothing_here(response: str, docs: list[dict[str, Any]]) -> None:
    random.seed(0)
    share = sum(theirs(doc, response) for _ in range(20) for doc in docs) / (20 * len(docs))
    assert 0.2 < share < 0.3
    for doc in docs:
        result = process_results(doc, [response])
        assert (result["accuracy"], result["prediction"]) == (0.0, None) and result["outcome"] != "answered"


def test_letters_in_prose_are_answers_there(docs: list[dict[str, Any]]) -> None:
    doc = {**docs[0], "answer": "A"}
    for response in ("Here A man rides past the other things.", "Grade A milk is what it says there, I suppose."):
        assert theirs(doc, response) == 1
        assert process_results(doc, [response])["outcome"] == "unparsed"


def test_of_several_letters_it_takes_the_last(docs: list[dict[str, Any]]) -> None:
    doc = {**docs[0], "answer": "B"}
    assert theirs(doc, "Either (A) or (B)") == 1
    assert process_results(doc, ["Either (A) or (B)"])["accuracy"] == 0
