"""The published prompts of decoupled evaluation, to the letter.

Source: Endo & Yeung-Levy, "Downscaling Intelligence", arXiv 2511.17487, after Prism (Qiao et al.,
2024). Changing a word changes the score, so tests hold each of them against a golden file.
"""

from typing import Literal

PERCEPTION = (
    "Describe the fine-grained content of the image, including scenes, objects, relationships, "
    "instance location, and any text present."
)
FOCUS = " Especially, pay attention to "
REASONING = (
    "You are an excellent text-based reasoning expert. You are required to answer the question based on the "
    "detailed description of the image.\n\n"
)
ANSWER_DIRECTLY = (
    'Answer directly with the option\'s letter in the format of "Answer:". '
    'Do not add anything other than the letter answer after "Answer:".'
)
ANSWER_AFTER_THINKING = (
    'Please reason step by step, and give the final answer on the last line by itself in the format of "Answer:". '
    'Do not add anything other than the letter answer after "Answer:".'
)

Mode = Literal["direct", "thinking"]


def perception_prompt(focus: str | None = None) -> str:
    """What the perception module is asked. It sees the focus, never the question or its options."""
    if not focus:
        return PERCEPTION
    focus = focus.strip()
    return PERCEPTION + FOCUS + (focus if focus.endswith((".", "!", "?")) else focus + ".")


def reasoning_prompt(description: str, question: str, mode: Mode) -> str:
    """What the reasoning module is asked: the description, the question, how to answer."""
    question = question.strip()
    if not question.startswith(("Question:", "Hint:")):
        question = f"Question: {question}"
    ending = ANSWER_DIRECTLY if mode == "direct" else ANSWER_AFTER_THINKING
    return f"{REASONING}Description: {description.strip()}\n{question}\n{ending}"
