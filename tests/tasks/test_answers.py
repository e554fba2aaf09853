"""The answer reader: what counts as a commitment to an option, and what does not."""

import random
import string
import time

import pytest
from hypothesis import given, settings, strategies as st

from sightscale.tasks import read_answer

SHAPES = {"A": "circle", "B": "triangle", "C": "rectangle", "D": "blue"}
YES_NO = {"A": "yes", "B": "no"}

READ = [
    ("b", "B"),
    ("(b)", "B"),
    ("[B]", "B"),
    ("B.", "B"),
    ("“B”", "B"),
    ("Ｂ", "B"),
    ("Option B", "B"),
    ("the answer is b.", "B"),
    ("Answer: C", "C"),
    ("Answer：B", "B"),
    ("**Answer:** C\n", "C"),
    ("Answer:\nC", "C"),
    ("answer is B", "B"),
    ("The answer is A because it has no corners", "A"),
    ("I think the answer is (B) triangle", "B"),
    ("Correct answer: B. triangle", "B"),
    ("The correct option is D: blue", "D"),
    ("Option B is correct.", "B"),
    ("I would choose C", "C"),
    ("The answer is not A. Answer: B", "B"),
    ("Answer: A\nOn reflection.\nAnswer: B", "B"),
    ('The answer is indeed "B".', "B"),
    ("The answer is D.\n\nThe answer is D because the answer is a", "D"),
    ("B. triangle", "B"),
    ("A) circle", "A"),
    ("A: circle", "A"),
    ("triangle", "B"),
    ("a circle", "A"),
    ("Answer: triangle", "B"),
    ("The shape is a triangle.", "B"),
    ("It is the triangle (B)", "B"),
    ("B\n\nExplanation: three sides", "B"),
    ("Let's see.\nIt has three sides.\nB", "B"),
    (r"\boxed{B}", "B"),
    (r"The final answer is $\boxed{\text{C}}$", "C"),
    ("<think>Answer: A</think>\nAnswer: B", "B"),
    ("no thinking tag was opened, Answer: A</think>Answer: B", "B"),
    (r"Final Answer: $\boxed{B}$", "B"),
    ("It's C.", "C"),
    ("I believe it is (C)", "C"),
    ("I would say A", "A"),
    ("C, because it has four corners", "C"),
    ("D. The picture is too blurry to tell a corner.", "D"),
    ('```json\n{"answer": "B"}\n```', "B"),
    ("Ans: B", "B"),
    ("B</s>", "B"),
    ("A: circle is wrong. B: triangle is right.", "B"),
]
NOT_READ = [
    "",
    " \n",
    "A man is riding a horse",
    "The answer is A man",
    "Answer: a dog",
    "Based on the image",
    "As the image shows",
    "Because I say so",
    "D. H. Lawrence",
    "C major",
    "E",
    "A and B",
    "A, B",
    "Answer: B or C",
    "Both A and C are correct",
    "A B C D",
    "A. circle\nB. triangle\nC. rectangle",
    "The answer is not A",
    "It is not a triangle.",
    "The image shows a blue triangle.",
    "<think>Answer: A",
    "The image does not contain a green shape.",
    "I don't see a circle.",
    "It is a",
    "D. H. Lawrence wrote it",
]
REFUSED = [
    "Cannot determine",
    "I cannot see the image.",
    "I'm sorry, I can't tell whether it is a circle.",
    "There is no image provided, so I am unable to answer.",
    "Please upload the picture first.",
    "It is impossible to say without the image.",
    "I don't have access to the picture.",
    "I don't see any image here.",
    "The description does not provide enough information.",
]


@pytest.mark.parametrize(("text", "letter"), READ)
def test_reads_a_commitment(text: str, letter: str) -> None:
    reading = read_answer(text, SHAPES)
    assert (reading.letter, reading.outcome) == (letter, "answered")


@pytest.mark.parametrize("text", NOT_READ)
def test_reads_nothing_out_of_prose(text: str) -> None:
    reading = read_answer(text, SHAPES)
    assert (reading.letter, reading.outcome) == (None, "unparsed")


@pytest.mark.parametrize("text", REFUSED)
def test_a_refusal_is_not_an_answer(text: str) -> None:
    reading = read_answer(text, SHAPES)
    assert (reading.letter, reading.outcome) == (None, "refused")


def test_an_option_that_says_cannot_be_determined_can_be_chosen() -> None:
    options = {**SHAPES, "D": "cannot be determined"}
    assert read_answer("Cannot be determined", options).letter == "D"


def test_a_question_that_is_called_unanswerable_is_answered_where_that_is_an_option() -> None:
    options = {**SHAPES, "D": "unanswerable"}
    assert read_answer("The question is unanswerable.", options).letter == "D"
    assert read_answer("The question is unanswerable.", SHAPES).outcome == "refused"
    assert read_answer("I cannot tell, so a circle or unanswerable.", options).outcome == "refused"


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("There are 3 balls.", "C"),
        ("three", "C"),
        ("I count three balls on the grass.", "C"),
        ("Answer: three", "C"),
        ("There are 10.", "D"),
        ("3.5", None),
        ("3%", None),
        ("It is 3:15", None),
        ("Image 2 is empty.", None),
        ("2 red ones and 1 blue, so 3", None),
        ("The one on the left.", None),
        ("2. The dog.", None),
    ],
)
def test_a_number_is_named_in_digits_or_in_words(text: str, letter: str | None) -> None:
    assert read_answer(text, {"A": "1", "B": "2", "C": "3", "D": "10"}).letter == letter


def test_yes_and_no_open_a_sentence() -> None:
    assert read_answer("Yes, there is one.", YES_NO).letter == "A"
    assert read_answer("No.", YES_NO).letter == "B"


def test_options_with_the_same_text_are_told_apart_by_letter_only() -> None:
    options = {"A": "red", "B": "red", "C": "blue"}
    assert read_answer("red", options).letter is None
    assert read_answer("B", options).letter == "B"


def test_a_longer_option_hides_the_shorter_one_inside_it() -> None:
    assert read_answer("It is dark red.", {"A": "red", "B": "dark red"}).letter == "B"


def test_no_options_no_answer() -> None:
    assert read_answer("A", {}).letter is None
    assert read_answer(None, SHAPES).letter is None


PAIRS = {"A": "Point A", "B": "Point B", "C": "Point C", "D": "Point D"}
NEARER = {"A": "A is closer", "B": "B is closer"}
ORDINAL = {"A": "the second image", "B": "the third image"}
ANGLES = {"A": "$45^\\circ$", "B": "$60^{\\circ}$", "C": r"$\frac{\sqrt{5}}{2}$ cm", "D": "$12"}


@pytest.mark.parametrize(
    ("text", "options", "letter"),
    [
        # structure
        ("<think>B?</think><answer>C</answer>", SHAPES, "C"),
        ("<thought>Answer: B</thought>\nC", SHAPES, "C"),
        ("<|channel|>analysis<|message|>Answer: B<|end|><|channel|>final<|message|>C", SHAPES, "C"),
        ("[THINK]B[/THINK] D", SHAPES, "D"),
        ('{"reasoning": "not A", "answer": "C"}', SHAPES, "C"),
        ('Sure:\n```json\n{"choice": "B", "why": "A is red"}\n```', SHAPES, "B"),
        ('{"answers": ["A", "C"], "answer": ["A", "C"]}', SHAPES, None),
        ("{'answer': 'B'} and so on", SHAPES, "B"),
        (r"Hence \boxed{\textbf{(B)}\ triangle}.", SHAPES, "B"),
        (r"\boxed{A} or \boxed{C}", SHAPES, None),
        (r"so $\boxed{\dfrac{\sqrt 5}{2}}$", ANGLES, "C"),
        (r"The angle is \boxed{60^{\circ}}.", ANGLES, "B"),
        (r"\boxed{13\frac{\sqrt{5}}{2}}", ANGLES, None),
        ("It costs $12.", ANGLES, "D"),
        ("### Answer\n\n**B**", SHAPES, "B"),
        ("B\n\nQuestion: Which one is big?\nA. x\nAnswer: A", SHAPES, "B"),
        ("B\u200b\u2060", SHAPES, "B"),
        # force and polarity
        ("The correct answer is not B but C.", SHAPES, None),
        ("It can't be A. B is out too. Therefore, the answer is C.", SHAPES, "C"),
        ("If it were blue, the answer would be D. It has four corners, so the answer is C.", SHAPES, "C"),
        ("Is the answer B?", SHAPES, None),
        ("Answer: B. Wait, no.", SHAPES, None),
        ("The answer is (A) circle or (B) triangle.", SHAPES, None),
        ("The answer is:\n(A) circle\n(B) triangle\n(C) rectangle", SHAPES, None),
        ("Point B on the right corresponds to REF. Point A is on the rim and point C on the handle.", PAIRS, "B"),
        ('The point labeled "REF" corresponds to point "C" in the second image.', PAIRS, "C"),
        ("Points A, B and C are on the base. Therefore, point D is the corresponding point.", PAIRS, "D"),
        ("Point A, which is on the roof, is closer to the camera than point B.", NEARER, "A"),
        ("Based on the shadows, point B appears closer.", NEARER, "B"),
        ("Point A is farther away.", NEARER, None),
        ("The third image is most similar to the first. The second image is blue.", ORDINAL, "B"),
        ("Neither the second nor the third image shares the style.", ORDINAL, None),
        ("I cannot determine which of the second or third image is the missing part.", ORDINAL, None),
        ("The second image (B) is bright.", ORDINAL, None),  # its letter and its words are of two options
        ("There is no train in the picture.", YES_NO, None),
        ("Given the blur it is hard to say, but I would lean towards (B).", SHAPES, "B"),
    ],
)
def test_structure_force_and_polarity(text: str, options: dict[str, str], letter: str | None) -> None:
    assert read_answer(text, options).letter == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("正确答案是B。", "B"),
        ("因此应该选C", "C"),
        ("A不正确，B正确。", "B"),
        ("答えはBです。", "B"),
        ("正解: C", "C"),
        ("정답은 C입니다.", "C"),
        ("Die richtige Antwort ist B.", "B"),
        ("Antwort C ist falsch.", None),
        ("La bonne réponse est C.", "C"),
        ("La respuesta correcta es B.", "B"),
        ("A resposta correta é C.", "C"),
        ("La risposta corretta è B.", "B"),
        ("Правильный ответ: B", "B"),
        ("Ответ - C", "C"),
        ("الإجابة الصحيحة هي B", "B"),
        ("सही उत्तर C है", "C"),
    ],
)
def test_every_language_has_its_cues(text: str, letter: str | None) -> None:
    assert read_answer(text, SHAPES).letter == letter


@pytest.mark.parametrize(
    "text",
    [
        "无法确定。",
        "わかりません。",
        "알 수 없습니다.",
        "Ich kann das Bild nicht sehen.",
        "Je ne peux pas répondre.",
        "No puedo ver la imagen.",
        "Não consigo ver.",
        "Non riesco a vedere.",
        "Не могу ответить.",
        "لا أستطيع رؤية الصورة",
    ],
)
def test_every_language_can_refuse(text: str) -> None:
    assert read_answer(text, SHAPES).outcome == "refused"


@pytest.mark.parametrize("text", ["B", "Answer: B", "Answer: B. This is because the", "I cannot see", ""])
def test_nothing_is_read_from_a_response_that_was_cut_off(text: str) -> None:
    reading = read_answer(text, SHAPES, truncated=True)
    assert (reading.letter, reading.outcome, reading.why.rule) == (None, "truncated", "cut off")


def test_a_reading_says_which_rule_and_which_words_decided() -> None:
    why = read_answer("It has three sides. Therefore, the answer is (B), since it is pointed.", SHAPES).why
    assert (why.rule, why.quote) == ("final answer", "answer is (B)")
    assert str(read_answer("Answer: A or C", SHAPES).why) == "several in final answer: Answer: A or C"
    assert read_answer("I cannot see it.", SHAPES).why.rule == "refusal"
    assert read_answer("Hm.", SHAPES).why.rule == "no commitment"


LETTERS = st.sampled_from("ABCD")
TEMPLATES = st.sampled_from(
    ["The correct option is {0}. {1} is wrong.", "{1} is incorrect, so the answer is {0}.", "Not {1}. Answer: {0}",
     "I considered ({1}), but I would choose ({0}).", "<think>{1}</think>{0}",
     "We can rule out {1}. The answer is {0}."]
)  # fmt: skip


@given(LETTERS, LETTERS, TEMPLATES)
def test_what_is_ruled_out_is_never_read(chosen: str, denied: str, template: str) -> None:
    if chosen != denied:
        assert read_answer(template.format(chosen, denied), SHAPES).letter == chosen


HOSTILE = (
    *("dog,", "A", "A, ", "A or ", "1 ", "3. ", "(", "\\boxed{", "\\boxed{A}", "<answer>", "<think>", "</think>", "$"),
    *("{", "答案是A。", "选", "\u0301", "\u202e", "\ud800", "ﷺ", "हि", "the answer is A. ", "dog is closer "),
    *("best match of ", "\n", " ", "wait ", '{"answer":', "\\frac{1}{2}", "question: \n", "A and B and ", "if "),
    *("correct option for the ", "more than ", "not dog "),
)  # fmt: skip


@pytest.mark.parametrize("options", [{"A": "dog", "B": "cat"}, NEARER, {c: str(i) for i, c in enumerate("ABCDEFGHIJ")}])
def test_twenty_thousand_characters_take_milliseconds(options: dict[str, str]) -> None:
    read_answer("warm", options)
    for unit in HOSTILE:
        text = (unit * (20_000 // len(unit) + 1))[:20_000]
        took = []
        for _ in range(3):  # the least of three: other processes share the machine
            began = time.process_time()
            read_answer(text, options)
            took.append(time.process_time() - began)
        assert min(took) < 0.06, unit  # 2 to 15 ms; the reader before this took 5 s


@given(st.text(max_size=400))
@settings(max_examples=500)
def test_any_text_is_read_without_an_error_and_always_alike(text: str) -> None:
    first = read_answer(text, SHAPES)
    assert first == read_answer(text, SHAPES)
    assert (first.letter is None) == (first.outcome != "answered")
    assert first.letter is None or first.letter in SHAPES


@given(
    st.sampled_from("ABCD"),
    st.sampled_from(["{}", "({})", "{}.", "Answer: {}", "**{}**", "The answer is {}.", "Option {}"]),
)
def test_every_letter_is_read_alike(letter: str, form: str) -> None:
    assert read_answer(form.format(letter), SHAPES).letter == letter
    assert read_answer(form.format(letter.lower()), SHAPES).letter == letter


def test_a_hundred_thousand_random_strings() -> None:
    rng = random.Random(0)
    pieces = [
        *string.printable,
        "Answer:",
        "the answer is",
        "option",
        "(B)",
        "\\boxed{",
        "not",
        "triangle",
        "</think>",
        "é",
        "\u202e",
    ]
    for _ in range(100_000):
        text = "".join(rng.choices(pieces, k=rng.randrange(20)))
        reading = read_answer(text, SHAPES)
        assert reading.outcome in ("answered", "refused", "unparsed")


@pytest.mark.parametrize(
    "unit", ["A", "a ", "answer is ", "(", "not ", "Answer: ", "\\boxed{", "cannot ", "I would choose ", "\n"]
)
def test_a_huge_response_is_read_in_bounded_time(unit: str) -> None:
    start = time.process_time()
    read_answer(unit * 200_000, SHAPES)
    assert time.process_time() - start < 3
