"""The same answers scored by us, by lmms-eval's own tasks and by the data sets' rules, each difference explained."""

import random
from collections import Counter

import pytest
from lmms_eval.tasks.mmstar.utils import mmstar_aggregate_results, mmstar_process_results as lmms_evals

from sightscale.tasks.mini import build_rows
from sightscale.tasks.mmstar.scoring import mean_of_axes, process_results, read_options

PLAIN = ("{L}", "{L}.", "({L})", "{L}. {t}", "Answer: {L}", "The answer is {L}.", "Option {L}", "{L}\n")
OURS_ONLY = ("{l}", "({l})", "the answer is {l}.", "**Answer:** {l}", "Answer:\n{L}")  # lmms-eval's reader misses some
PROSE = ("A man is riding", "Based on the image", "Cannot determine", "I am not able to see a picture.")


@pytest.fixture(scope="module")
def docs():  # type: ignore[no-untyped-def]
    return list(build_rows("mmstar", n=40).remove_columns("image"))


def theirs(doc, response: str) -> float:  # type: ignore[no-untyped-def]
    return lmms_evals(doc, [response])["average"]["score"]


def official(doc, response: str) -> float:  # type: ignore[no-untyped-def]
    """MMStar's published rule, as its authors describe it: lower case, then the first of four patterns."""
    said, letter = response.lower().strip().replace("\n", " "), doc["answer"].lower()
    if not said:
        return 0.0
    ways = (said[0] == letter, said.startswith(f"({letter}"), said.startswith(f"option {letter}"))
    return float(any(ways) or said.startswith(f"the answer is {letter}"))


def say(form: str, letter: str, text: str) -> str:
    return form.format(L=letter, l=letter.lower(), t=text)


def test_plain_answers_score_alike_everywhere(docs) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(0)
    for doc in docs:
        options = read_options(doc)
        for form in PLAIN:
            letter = rng.choice("ABCD")
            response = say(form, letter, options[letter])
            ours = process_results(doc, [response])["official"]
            assert ours == theirs(doc, response) == float(letter == doc["answer"]), response
            if form not in ("Answer: {L}",):  # the published rule reads no "Answer:"
                assert ours == official(doc, response), response


def test_where_scores_differ_ours_is_what_the_answer_says(docs) -> None:  # type: ignore[no-untyped-def]
    differ: Counter[str] = Counter()
    for doc in docs:
        options = read_options(doc)
        for form in OURS_ONLY:
            response = say(form, doc["answer"], options[doc["answer"]])
            assert process_results(doc, [response])["official"] == 1.0, response
            differ[f"lmms-eval misses {form}"] += theirs(doc, response) == 0.0
        for response in PROSE:  # lmms-eval reads a letter into prose, and the published rule its first character
            ours = process_results(doc, [response])
            assert ours["outcome"] in ("unparsed", "refused") and ours["official"] == 0.0
            differ["lmms-eval reads prose"] += theirs(doc, response) == 1.0
            differ["the published rule reads prose"] += official(doc, response) == 1.0
        response = options[doc["answer"]]  # the option's text: neither of them reads it
        assert process_results(doc, [response])["official"] == 1.0
        differ["option texts"] += theirs(doc, response) == 0.0
    assert differ["lmms-eval reads prose"] and differ["the published rule reads prose"] and differ["option texts"]
    assert differ["lmms-eval misses {l}"]


def test_averages_are_those_of_lmms_eval_and_of_the_authors(docs) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(1)
    answers = [rng.choice([doc["answer"], "A", "B"]) for doc in docs]
    ours = [process_results(doc, [answer]) for doc, answer in zip(docs, answers, strict=True)]
    by_category: dict[str, list[dict[str, object]]] = {}
    for doc, result in zip(docs, ours, strict=True):
        by_category.setdefault(doc["category"], []).append(result)
    macros = {name: mean_of_axes([r["macro"] for r in results]) for name, results in by_category.items()}  # type: ignore[misc]
    for name, results in by_category.items():
        raw = [
            lmms_evals(doc, [answer])[name]
            for doc, answer in zip(docs, answers, strict=True)
            if doc["category"] == name
        ]
        assert macros[name] == pytest.approx(mmstar_aggregate_results(raw))
        hits = sum(float(r["official"]) for r in results)  # type: ignore[arg-type]
        assert hits / len(results) == pytest.approx(sum(r["score"] for r in raw) / len(raw))
    raw = [lmms_evals(doc, [answer])["average"] for doc, answer in zip(docs, answers, strict=True)]
    assert sum(macros.values()) / 6 == pytest.approx(mmstar_aggregate_results(raw), abs=1e-9)
