"""Closing instructions: the sentence that ends a prompt, and the form of answer that it asks for."""

LETTER_INSTRUCTION = "Answer with the option's letter from the given choices directly."
SHORT_INSTRUCTION = "Answer the question using a single word or phrase."
YES_NO_INSTRUCTION = "Please answer yes or no."
BOX_INSTRUCTION = (
    "Answer with the bounding box as [x1, y1, x2, y2], in fractions of the picture's width and height between 0 and 1."
)
