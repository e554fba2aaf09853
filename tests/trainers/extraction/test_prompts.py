"""The published prompts of the data, to the letter."""

from pathlib import Path

from sightscale.trainers.extraction.teacher import description_prompt, prompts_hash, statements_prompt

GOLDEN = Path(__file__).parent / "golden"
PAIRS = [
    ("What colour is the bus?", "red"),
    ("How many people wait?", "three"),
    ("Where is the dog?", "under the bench"),
]


def test_statement_prompts_are_the_published_ones() -> None:
    assert statements_prompt(PAIRS[:1]) + "\n" == (GOLDEN / "statements_one.txt").read_text()
    assert statements_prompt(PAIRS) + "\n" == (GOLDEN / "statements_three.txt").read_text()


def test_the_description_prompt_is_the_published_one() -> None:
    asked = description_prompt(["The bus is red.", "Three people wait."])
    assert asked + "\n" == (GOLDEN / "description.txt").read_text()


def test_the_wording_has_a_name() -> None:
    assert prompts_hash() == "021f73e5322cdaae"
