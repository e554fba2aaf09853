"""The prompts of decoupled evaluation: the published ones to the letter, ours for what was not published.

Source: Endo & Yeung-Levy, "Downscaling Intelligence", arXiv 2511.17487, after Prism (Qiao et al.,
2024). Changing a word changes the score, so tests hold each of them against a golden file. Only the
endings that ask for an option's letter are published; those for the other answer formats are ours,
modelled on them. The focus prompt's instruction, closing line and the five examples' answers are the
published ones; the examples' questions are in our words and unverified.
"""

from sightscale.tasks.instructions import AskedFormat
from sightscale.tasks.vocabulary import Mode

PERCEPTION = (
    "Describe the fine-grained content of the image, including scenes, objects, relationships, "
    "instance location, and any text present."
)
FOCUS = " Especially, pay attention to "
REASONING = (
    "You are an excellent text-based reasoning expert. You are required to answer the question based on the "
    "detailed description of the image.\n\n"
)
DIRECT = (
    'Answer directly with {what} in the format of "Answer:". Do not add anything other than {only} after "Answer:".'
)
THINKING = (
    'Please reason step by step, and give the final answer on the last line by itself in the format of "Answer:". '
    'Do not add anything other than {only} after "Answer:".'
)
BOX = "the bounding box [x1, y1, x2, y2], in fractions of the picture's width and height between 0 and 1,"
ANSWERS: dict[AskedFormat, tuple[str, str]] = {  # format to (what to answer with, what alone may stand there)
    "choice": ("the option's letter", "the letter answer"),  # published
    "short": ("a single word or phrase", "a single word or phrase"),
    "yes_no": ("Yes or No", "Yes or No"),
    "box": ("the bounding box", BOX),
    "open": ("one or more sentences", "one or more sentences"),
}

WRITE_FOCUS = (
    "Your task is to give a concise instruction about what basic elements are needed to be described based on the "
    "given question. Ensure that your instructions do not cover the raw question, options or thought process of "
    "answering the question."
)
FOCUS_MARK = "Contents to observe:"
FOCUS_EXAMPLES = (  # our questions, published answers
    ("During which period did the company employ the most full-time staff?", "the number of full time employees"),
    ("How tall is the smallest of the bars?", "the heights of all bars and their values"),
    ("What is this picture mainly about?", "the central theme or object"),
    ("Where is the catcher, as seen from home plate?", "the spatial arrangement of the objects"),
    ("Which ratio of traits should be expected among the offspring?", "the genetic information"),
)
NOW_WRITE_FOCUS = f'Now, perform the task, and format your answer as "{FOCUS_MARK}"'


def focus_prompt(question: str) -> str:
    """What an LLM is asked to write a question's focus: the part of the perception prompt that is the question's."""
    examples = "\n\n".join(f"Question: {asked}\n{FOCUS_MARK} {focus}" for asked, focus in FOCUS_EXAMPLES)
    return f"{WRITE_FOCUS}\n\n{examples}\n\n{NOW_WRITE_FOCUS}\n\n{_as_question(question)}"


def perception_prompt(focus: str | None = None) -> str:
    """What the perception module is asked. It sees the focus, never the question or its options."""
    if not focus:
        return PERCEPTION
    focus = focus.strip()
    return PERCEPTION + FOCUS + (focus if focus.endswith((".", "!", "?")) else focus + ".")


def reasoning_prompt(description: str, question: str, mode: Mode, answer_format: AskedFormat = "choice") -> str:
    """What the reasoning module is asked: the description, the question, how to answer."""
    what, only = ANSWERS[answer_format]
    ending = (DIRECT if mode == Mode.DIRECT else THINKING).format(what=what, only=only)
    return f"{REASONING}Description: {description.strip()}\n{_as_question(question)}\n{ending}"


def _as_question(text: str) -> str:
    """The question with one prefix."""
    text = text.strip()
    return text if text.startswith(("Question:", "Hint:")) else f"Question: {text}"
