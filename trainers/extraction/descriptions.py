"""Descriptions: what a teacher says of a picture with the statements given, or the reason why it can't be used."""

from PIL import Image

from sightscale.model_adapters.engines import Completion, Decoding, Message, Prompt, split_thinking
from sightscale.trainers.extraction.prompts import DESCRIPTION_MARK, description_prompt
from sightscale.trainers.extraction.statements import Statements, refuses

DESCRIBING = Decoding(max_new_tokens=2048, thinking=False)  # the study's length; it samples, ours is greedy


def ask_for_description(picture: Image.Image, told: Statements) -> Prompt:
    """The prompt for a description of the picture that holds the statements."""
    return Prompt((Message("user", (picture, description_prompt(told.texts))),))


def read_description(completion: Completion) -> tuple[str, str | None, str]:
    """The description; else a reason to count by and what exactly is wrong."""
    if completion.error:
        return "", "failed", f"description: {completion.error}"
    if completion.finish_reason == "length":
        return "", "description_truncated", f"{completion.output_tokens} tokens without an end"
    _, said = split_thinking(completion.text)
    said = said.strip().removeprefix("**").removeprefix(DESCRIPTION_MARK).removeprefix("**").strip()
    if not said:
        return "", "description_empty", "the teacher said nothing"
    if refuses(said):
        return "", "description_refused", said[:200]
    return said, None, ""
