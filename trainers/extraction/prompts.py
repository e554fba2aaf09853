"""The two prompts of visual extraction tuning's data, to the letter.

Source: Endo & Yeung-Levy, "Downscaling Intelligence", arXiv 2511.17487; lines break where they do in the study's
own script (github.com/markendo/downscaling_intelligence, visual_extraction_tuning_pipeline.py at b9069dc). Tests
hold both against golden files.
"""

import hashlib
from collections.abc import Sequence

Pair = tuple[str, str]  # a question, without placeholders and closing instructions, and its answer

CONVERT = (
    "Your task is to convert each question–answer pair about an image into a concise, fully self-contained "
    "declarative statement. The resulting statements should be understandable on their own, without requiring the "
    "reader to refer to the original question."
)
SEVERAL = "As there are {n} questions, you should respond with {n} statements. Include each statement on its own line"
STATEMENTS_MARK = "Declarative Statement(s):"
DESCRIBE = (
    "Your task is to describe the fine-grained content of the image, including scenes, objects, relationships, "
    "instance location, and any text present."
)
INCORPORATE = "As part of your description, you should incorporate the following information about the image."
DESCRIPTION_MARK = "Description:"


def statements_prompt(pairs: Sequence[Pair]) -> str:
    """What the teacher is asked to turn question-answer pairs into statements; it sees no picture."""
    listed = "\n".join(f"Question #{i}: {question}\nAnswer: {answer}" for i, (question, answer) in enumerate(pairs, 1))
    several = f"\n{SEVERAL.format(n=len(pairs))}" if len(pairs) > 1 else ""
    return f"{CONVERT}\n{listed}{several}\n{STATEMENTS_MARK}"


def description_prompt(statements: Sequence[str]) -> str:
    """What the teacher is asked with the picture: a description that holds the statements."""
    return "\n".join([DESCRIBE, INCORPORATE, *statements, DESCRIPTION_MARK])


def prompts_hash() -> str:
    """SHA-256 of both prompts, which tells one wording from another."""
    whole = statements_prompt([("", ""), ("", "")]) + statements_prompt([("", "")]) + description_prompt([""])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]
