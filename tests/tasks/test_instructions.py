"""Closing instructions: taken off whole, recognised whatever stands before them, nothing else touched."""

import pytest
from hypothesis import assume, given, strategies as st

from sightscale.tasks import instructions, multiple_choice
from sightscale.tasks.instructions import INSTRUCTIONS, has_options, split_instruction

KNOWN = sorted(INSTRUCTIONS)


@given(question=st.text(), instruction=st.sampled_from(KNOWN), gap=st.sampled_from([" ", "\n", "\n\n"]))
def test_a_known_instruction_is_taken_off_whole(question: str, instruction: str, gap: str) -> None:
    assume(split_instruction(question)[0] == question.strip())
    assert split_instruction(question + gap + instruction) == (question.strip(), INSTRUCTIONS[instruction])
    sloppy = instruction.upper().rstrip(".").replace("'", "’").replace(" ", "  ")
    assert split_instruction(question + gap + sloppy + "\n") == (question.strip(), INSTRUCTIONS[instruction])


@given(st.text(), st.lists(st.sampled_from(KNOWN), max_size=3))
def test_the_question_is_the_beginning_of_the_text(question: str, closings: list[str]) -> None:
    text = "\n".join([question, *closings])
    rest, answer_format = split_instruction(text)
    assert text.strip().startswith(rest)
    assert split_instruction(rest)[0] == rest
    assert answer_format in {"choice", "short", "yes_no", "box", "open"}


@given(st.text())
def test_without_an_instruction_nothing_is_taken_off(text: str) -> None:
    assume(not text.rstrip(" .\n\t").lower().endswith(tuple(one.rstrip(".").lower() for one in KNOWN)))
    assert split_instruction(text) == (text.strip(), "choice" if has_options(text) else "short")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Is it red? Please answer yes or no.\nAnswer the question using a single word or phrase.", "yes_no"),
        ("Which?\nA. x\nB. y", "choice"),
        ("Which? Options: A: x, B: y, C: z", "choice"),
        ("Hint: look.\nChoices:\n(A) x\n(B) y", "choice"),
        ("Which?\nA) x\nB) y\n", "choice"),
        ("What is the capital of A?", "short"),
        ("A plane. Two planes. B planes?", "short"),
        ("Vitamin A: is B in the picture?", "short"),
        ("How many?", "short"),
    ],
)
def test_formats(text: str, expected: str) -> None:
    assert split_instruction(text)[1] == expected


def test_an_instruction_inside_a_sentence_stays() -> None:
    text = "Where does it say that you should Answer yes or no?"
    assert split_instruction(text) == (text, "short")
    text = "Say (Answer yes or no."
    assert split_instruction(text) == (text, "short")


def test_an_answer_to_unanswerable_questions_stays() -> None:
    kept = "What is it?\nWhen the provided information is insufficient, respond with 'Unanswerable'."
    assert split_instruction(f"{kept}\nAnswer the question using a single word or phrase.") == (kept, "short")


def test_multiple_choice_closes_with_the_tables_own_sentence() -> None:
    assert multiple_choice.DIRECT_INSTRUCTION == instructions.LETTER_INSTRUCTION + "\n"


def test_the_box_instruction_is_the_agreed_one() -> None:
    assert INSTRUCTIONS[instructions.BOX_INSTRUCTION] == "box"
