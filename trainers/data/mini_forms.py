"""Forms: how an item of the mini suite becomes what is asked and answered in training.

Questions are put in the very words of their tasks and answered as these ask for it: with an option's letter, a box, a
word. MMStar's scenes are described, and its questions never asked. `complete` takes a sentence of a description and
asks for its end, among options; `pick` asks which option is in the picture, with words that say nothing. `boxes`,
`region` and `locate` name what is in a picture with its place, `differ` and `changed` what differs between pictures,
from what the drawing code knows. Lists of words to `repeat` are in no order that could be known, so they teach what
reading a description needs first: to copy; half of the words are made up. `bind` asks under which letter a text
stands.
"""

import random
import re
import string
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import cache, partial

from sightscale.model_adapters.decoupled import perception_prompt, reasoning_prompt
from sightscale.tasks.instructions import BOX_INSTRUCTION, LETTER_INSTRUCTION, SHORT_INSTRUCTION, AskedFormat
from sightscale.tasks.mini import (
    COLOURS,
    PLACES,
    SETS,
    SHAPE_NAMES,
    TEXTURES,
    Item,
    Mark,
    Scene,
    Thing,
    draw_item,
    draw_marks,
    facts,
    pose_as_mmstar,
    things_of,
)
from sightscale.tasks.multiple_choice import DIRECT_INSTRUCTION, pose_question
from sightscale.tasks.vocabulary import Mode
from sightscale.trainers.data.conversations import IMAGE

Turn = tuple[str, str]

TELL = "Tell me about a scene."
REPEAT = "Repeat these words.\n"
LOCATE = "Locate what this phrase describes: "
CLASS = "What is the main object in the image?"
BOXES = "Name everything in the image with its box."
REGION = "What is in the box "
COMPARE = f"Image A: {IMAGE}\n\nReference: {IMAGE}\n\nImage B: {IMAGE}\n\n"  # as the chat template puts pictures
SIMILAR = "Is Image A or Image B more similar to the reference?\nA. Image A\nB. Image B\n"
DIFFER = "What differs between the reference and "
CHANGED = "Which places differ from the reference?"
ENDS = ("is", "are", "says", "shows", "reads", "looks", "gives")  # the words after which a sentence's end begins
ASKED_OPENLY = ("What fits the picture?", "Which of these is right?", "What can be seen here?", "What is true here?")
OPENLY_SHARE, MADE_UP_SHARE = 0.4, 0.5
OTHER_ENDS = 3
REPLACED_SHARE, SHUFFLED_SHARE, WORD_SHARE = 0.4, 0.5, 0.4
LOOKS: Mapping[str, Sequence[str]] = {"colour": tuple(COLOURS), "surface": TEXTURES, "shape": tuple(SHAPE_NAMES)}
LONG_BEGINNING, LONG_END = 8, 5  # words of a sentence's beginning that is told shortened, and of the longest option
REPEATED = (2, 12)  # words of the shortest and the longest list
NAMED = 12  # things and words that are named with their boxes, at most
MMSTAR_SHARE = 1 / 3
EASY_SHARE = 0.5
_ASKED: tuple[AskedFormat, ...] = ("choice", "short", "box")
_ANY = 1_000_000  # MMStar's forms go by a question's number


def pose(item: Item, rng: random.Random) -> str:
    """An item's question as its own task puts it, or, one time in three, with its options as in MMStar's questions."""
    if not item.options:
        return f"Question: {item.question}\n"
    if rng.random() < MMSTAR_SHARE:
        return pose_as_mmstar(item, rng.randrange(_ANY)) + "\n"
    return pose_question(item.question, dict(zip("ABCDE", item.options, strict=False)))


def caption(item: Item, rng: random.Random) -> str:
    """The item's description with about half of its sentences, in their order."""
    sentences = item.description.rstrip(".").split(". ")
    sentences_kept = [sentence for k, sentence in enumerate(sentences) if k == 0 or rng.random() < 0.5]
    return ". ".join(sentences_kept) + "."


def extraction(item: Item) -> str:
    """The whole description, what the focus asks for first: sentences that share a word with it."""
    sentences = item.description.rstrip(".").split(". ")
    asked = _stems(item.focus)
    ordered = sorted(sentences, key=lambda sentence: not (asked & _stems(sentence)))  # stable: else in their order
    return ". ".join(ordered) + "."


def _stems(text: str) -> set[str]:
    """The beginnings of a text's longer words, which a plural doesn't change."""
    return {word[:4] for word in re.findall(r"[a-z]{4,}", text.lower())}


def write_hundredths(box: Sequence[float]) -> str:
    """A box as it is answered: in hundredths of the picture's sides, each of which is one token."""
    return f"[{', '.join(f'{min(0.99, max(0.0, side)):.2f}' for side in box)}]"


def _describe(item: Item, rng: random.Random) -> Turn:
    return perception_prompt(), caption(item, rng)


def _focus(item: Item, rng: random.Random) -> Turn:
    return perception_prompt(item.focus), extraction(item)


def _open(item: Item, rng: random.Random) -> Turn:
    return f"Question: {item.question}\n{SHORT_INSTRUCTION}", item.answer


def _choice(item: Item, rng: random.Random, worded: bool = False) -> Turn:
    asked = pose(item, rng)
    mmstar = not asked.startswith("Question: ")
    instruction = DIRECT_INSTRUCTION.rstrip(".\n") if mmstar else DIRECT_INSTRUCTION
    return asked + instruction, item.answer if worded else item.letter


def _box(item: Item, rng: random.Random) -> Turn:
    x, y, across, down = item.extra["bbox"]
    box = [side / 224 for side in (x, y, x + across, y + down)]
    return f"{LOCATE}{item.question}\n{BOX_INSTRUCTION}\n", write_hundredths(box)


def _class(item: Item, rng: random.Random) -> Turn:
    return f"{CLASS}\n{SHORT_INSTRUCTION}", item.answer


def _similar(item: Item, rng: random.Random) -> Turn:
    return f"{SIMILAR}{LETTER_INSTRUCTION}\n", "B" if item.answer == "right" else "A"


def _boxes(item: Item, rng: random.Random) -> Turn:
    named = list_marks(item.scene)[:NAMED]
    return BOXES, "; ".join(f"{name} {write_hundredths(box)}" for name, box in named) or "nothing"


def _region(item: Item, rng: random.Random) -> Turn:
    marks = list_marks(item.scene)
    if not marks:
        return BOXES, "nothing"
    name, box = rng.choice(marks)
    return f"{REGION}{write_hundredths(box)}?", name


def _locate(item: Item, rng: random.Random) -> Turn:
    marks = list_marks(item.scene)
    names = [name for name, _ in marks]
    alone = [(name, box) for name, box in marks if names.count(name) == 1]
    if not alone:
        return _boxes(item, rng)
    name, box = rng.choice(alone)
    return f"{LOCATE}{name}\n{BOX_INSTRUCTION}\n", write_hundredths(box)


def _differ(item: Item, rng: random.Random) -> Turn:
    letter, side = rng.choice((("A", "left"), ("B", "right")))
    return f"{DIFFER}Image {letter}?", tell_difference(item.scene["reference"], item.scene[side])


def _changed(item: Item, rng: random.Random) -> Turn:
    sides = (("A", item.scene["left"]), ("B", item.scene["right"]))
    listed = [
        f"{letter}: {', '.join(list_changes(item.scene['reference'], scene)) or 'none'}" for letter, scene in sides
    ]
    return CHANGED, "; ".join(listed)


def _complete(item: Item, rng: random.Random, worded: bool = False) -> Turn:
    completed = _ask_for_an_end(item, rng)
    return _choice(completed, rng, worded) if completed else _describe(item, rng)


def _pick(item: Item, rng: random.Random, worded: bool = False) -> Turn:
    asked = _ask_for_a_word(item, rng) if rng.random() < WORD_SHARE else None
    asked = asked or _ask_for_an_end(item, rng)
    return _choice(_mislead(asked, rng), rng, worded) if asked else _describe(item, rng)


def _ask_for_a_word(item: Item, rng: random.Random) -> Item | None:
    """A word of the description among such as other descriptions have instead; None without three of these."""
    kinds = _kinds_of_words(item.category)
    written = _sort_words(item.description)
    kinds_asked = [kind for kind, words in written.items() if len(kinds[kind] - words) >= OTHER_ENDS]
    if not kinds_asked:
        return None
    kind = rng.choice(kinds_asked)
    answer = rng.choice(sorted(written[kind]))
    return replace(item, options=_mix(answer, kinds[kind] - written[kind], rng), answer=answer)


def _mix(answer: str, others: Set[str], rng: random.Random) -> tuple[str, ...]:
    """The answer among some of the others, in any order."""
    options = [answer, *rng.sample(sorted(others), OTHER_ENDS)]
    rng.shuffle(options)
    return tuple(options)


def _sort_words(description: str) -> Mapping[str, set[str]]:
    """A description's words by what they are: a number, a word in capitals, a colour, a surface, a shape."""
    sorted_words: dict[str, set[str]] = defaultdict(set)
    for word in re.findall(r"\w+", description):
        kinds = {"number": word.isdecimal(), "capitals": word.isupper() and len(word) > 1}
        kinds |= {kind: word in words for kind, words in LOOKS.items()}
        for kind in (kind for kind, fits in kinds.items() if fits):
            sorted_words[kind].add(word)
    return sorted_words


@cache
def _kinds_of_words(category: str) -> Mapping[str, set[str]]:
    """The sorted words of a category's descriptions."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for description in _descriptions(category):
        for kind, words in _sort_words(description).items():
            kinds[kind] |= words
    return kinds


def _mislead(item: Item, rng: random.Random) -> Item:
    """The item under a question of known words that ask nothing: only its options tell what it is about.

    An in-domain question's words, some of them replaced by words of the description; a short one may stay whole. A
    reader that answers what single words suggest ("surface of the ring": a shape) names no option; here it learns that
    only options are answers.
    """
    hidden = {word for option in item.options for word in re.findall(r"\w+", option)}
    names = [word for word in re.findall(r"\w+", item.description) if word not in hidden]
    asked = rng.choice(rng.choice(_questions())).split(" ")
    replaced = [rng.choice(names) if names and rng.random() < REPLACED_SHARE else word for word in asked]
    if rng.random() < SHUFFLED_SHARE:
        rng.shuffle(replaced)
    question = " ".join(word.strip("?.,") for word in replaced)
    return replace(item, question=f"{question[:1].upper()}{question[1:]}{rng.choice(('?', '?', ' …'))}")


def _ask_for_an_end(item: Item, rng: random.Random) -> Item | None:
    """A sentence of the description without its end, and other descriptions' ends among the options; None without any.

    In part of them the beginning isn't told, or made-up words stand in its place: the options then say what is asked
    for, as they do for a reader who meets a question in words that are new. Of MMStar's scenes it is never told, so
    that nothing is asked about them that its questions ask.
    """
    sentences = split_sentences(item.description)
    written = {end for _, _, end in sentences}
    usable = [sentence for sentence in sentences if len(_ends(item.category)[sentence[1]] - written) >= OTHER_ENDS]
    if not usable:
        return None
    subject, kind, end = rng.choice(usable)
    options = _mix(end, _ends(item.category)[kind] - written, rng)
    question = f"{subject} …"
    if not subject or f"in_domain/{item.category}" not in SETS or rng.random() < OPENLY_SHARE:
        made_up = " ".join(_make_up(rng) for _ in range(rng.randint(3, 8))).capitalize() + "?"
        question = made_up if rng.random() < MADE_UP_SHARE else rng.choice(ASKED_OPENLY)
    return replace(item, question=question, options=options, answer=end)


def split_sentences(description: str) -> list[tuple[str, str, str]]:
    """The short statements of a description as beginning, kind and end: "The weather is", "The weather is", "rainy".

    Ends of one kind could stand for each other: a kind is the beginning, without what a thing looks like. A sentence
    with a long end, or without a verb, is taken as the pieces between its commas, each an end alone.
    """
    split = []
    for sentence in description.rstrip(".").split(". "):
        words = sentence.split(" ")
        at = max((k for k, word in enumerate(words[:-1]) if word in ENDS), default=-1)
        subject, end = words[: at + 1], " ".join(words[at + 1 :])
        subject = subject[-2:] if len(subject) > LONG_BEGINNING else subject
        looks = len(subject) > 2 and subject[1] in ("small", "large")
        kind = "A thing is" if looks else " ".join(subject)
        ends = [(" ".join(subject), kind, end)]
        if not subject or len(end.split(" ")) > LONG_END:
            pieces = re.split(r"[;:,] (?:then |and )?", end)
            ends = [("", f"{len(piece.split(' '))} words", piece) for piece in pieces]
        split += [(start, kind, re.sub(r"^(a|an|the) ", "", end, flags=re.I)) for start, kind, end in ends]
    return [(start, kind, end) for start, kind, end in split if len(end.split(" ")) <= LONG_END]


@cache
def _ends(category: str) -> Mapping[str, set[str]]:
    """The ends of the sentences that describe a category's scenes, by kind."""
    ends: dict[str, set[str]] = defaultdict(set)
    for description in _descriptions(category):
        for _, kind, end in split_sentences(description):
            ends[kind].add(end)
    return ends


@cache
def _descriptions(category: str) -> tuple[str, ...]:
    """Descriptions of a category's scenes."""
    (name,) = (name for name in SETS if name in (f"in_domain/{category}", f"mmstar/{category}"))
    return tuple(draw_item(name, "train", 0, i).description for i in range(400))


def _tell(item: Item, rng: random.Random) -> Turn:
    return TELL, item.description


def _describe_for_reader(item: Item, rng: random.Random) -> str:
    """A description such as a perception module might write, in either order."""
    return item.description if rng.random() < 0.5 else extraction(item)


def _reason(item: Item, rng: random.Random, worded: bool = False) -> Turn:
    return _reasoned(item, rng, Mode.DIRECT, worded)


def _think(item: Item, rng: random.Random, worded: bool = False) -> Turn:
    return _reasoned(item, rng, Mode.THINKING, worded)


def _reasoned(item: Item, rng: random.Random, mode: Mode, worded: bool) -> Turn:
    """The question to a reasoning module, with options and without them, and its answer in the form asked for.

    A `worded` answer gives the right option's text in its letter's place.
    """
    asked_format: AskedFormat = "choice"
    question, answer = pose(item, rng), item.letter if item.options and not worded else item.answer
    if item.category == "grounding":
        asked_format, question = "box", LOCATE + item.question
    elif not item.options or rng.random() < 0.25:
        asked_format, question, answer = "short", f"Question: {item.question}\n", item.answer
    asked = reasoning_prompt(_describe_for_reader(item, rng), question, mode, asked_format)
    thought = f"<think>\n{item.reasoning}\n</think>\n\n" if mode == Mode.THINKING else ""
    return asked, f"{thought}Answer: {answer}"


def after_description(prompt: str) -> str:
    """A reasoning module's prompt from the question on, for a description that was read before."""
    return prompt.split("\n", 3)[3]  # the task, an empty line, the description, which is one line


def _recall(item: Item, rng: random.Random) -> Turn:
    question, answer, stated = rng.choice(facts())
    if rng.random() < 0.5:
        return f"Question: {question}\n{SHORT_INSTRUCTION}", answer
    return f"Question: {question}\nExplain in a sentence.", stated


def _repeat(item: Item, rng: random.Random) -> Turn:
    count, made_up = rng.randint(*REPEATED), rng.random() < 0.5
    words = [
        _make_up(rng) if made_up else rng.choice(_words()) for _ in range(count if not made_up else max(2, count // 3))
    ]
    return REPEAT + " ".join(words), " ".join(words)


def _bind(item: Item, rng: random.Random) -> Turn:
    # Among two or three single words a letter is found first, and among a set's own options from there on: of these
    # alone nothing was learned in 300 steps. They stand in another order each time: else, asked about all of them,
    # the last answer would be the letter not given before.
    easy = rng.random() < EASY_SHARE
    options = rng.sample(_words(), rng.choice((2, 3))) if easy else list(item.options) or rng.sample(_words(), 4)
    rng.shuffle(options)
    right = rng.randrange(len(options))
    lettered = dict(zip("ABCDE", options, strict=False))
    return pose_question(f"Which option says {options[right]}?", lettered) + DIRECT_INSTRUCTION, "ABCDE"[right]


def _make_up(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 5)))


@cache
def _words() -> tuple[str, ...]:
    """The words that descriptions of the in-domain sets are made of."""
    texts = (item.description for items in _in_domain() for item in items)
    return tuple(sorted({word for text in texts for word in re.findall(r"\w+", text)}))


@cache
def _questions() -> tuple[tuple[str, ...], ...]:
    """What each in-domain set asks."""
    return tuple(tuple(item.question for item in items) for items in _in_domain())


@cache
def _in_domain() -> tuple[tuple[Item, ...], ...]:
    """Items of each in-domain set."""
    sets = [name for name in SETS if name.startswith("in_domain/")]
    return tuple(tuple(draw_item(name, "train", 0, i) for i in range(300)) for name in sets)


def list_marks(scene: Scene) -> list[tuple[str, tuple[float, float, float, float]]]:
    """What stands in a scene's picture, in reading order: each thing and word by name, with its box in fractions."""
    marks, (width, height) = draw_marks(scene)
    named = []
    for mark in marks:
        if mark.kind != "letter":
            left, top, right, bottom = mark.box
            box = left / width, top / height, right / width, bottom / height
            named.append((name_mark(mark), box))
    return sorted(named, key=_reading_order)


def _reading_order(named: tuple[str, tuple[float, float, float, float]]) -> tuple[int, float, str]:
    name, (left, top, right, bottom) = named
    return round(3 * (top + bottom)), left + right, name


def name_mark(mark: Mark) -> str:
    """A thing by its looks, "striped red star"; a word as it stands there."""
    texture = "" if mark.texture == "plain" else mark.texture
    return " ".join(part for part in (texture, mark.colour, mark.name) if part)


def tell_difference(reference: Scene, other: Scene) -> str:
    """How a picture differs from the reference: the kind and strength of a distortion, or what stands where instead."""
    if other["kind"] == "distorted":
        return f"{other['how']} of strength {other['strength']}."
    changed = [
        f"{PLACES[thing.place]} the {thing.colour} {thing.shape} is {instead.colour} {instead.shape}"
        for thing, instead in _pair_things(reference, other)
        if thing != instead
    ]
    return f"{len(changed)} {'thing' if len(changed) == 1 else 'things'}: {'; '.join(changed)}."


def list_changes(reference: Scene, other: Scene) -> list[str]:
    """The places at which a picture's things differ from the reference's."""
    return [PLACES[thing.place] for thing, instead in _pair_things(reference, other) if thing != instead]


def _pair_things(reference: Scene, other: Scene) -> Iterator[tuple[Thing, Thing]]:
    return zip(things_of(reference), things_of(other), strict=True)


# What prompts are made of, each always said as a whole, so that its words carry nothing: one token each.
PHRASES = (
    perception_prompt(),
    perception_prompt("x").removeprefix(perception_prompt()).removesuffix("x."),
    reasoning_prompt("", "", Mode.DIRECT).partition("Description:")[0],
    *(
        reasoning_prompt("x", "y", mode, asked).rpartition("Question: y")[2]
        for mode in (Mode.DIRECT, Mode.THINKING)
        for asked in _ASKED
    ),
    DIRECT_INSTRUCTION,
    DIRECT_INSTRUCTION.rstrip(".\n"),
    f"\n{SHORT_INSTRUCTION}",
    f"\n{BOX_INSTRUCTION}\n",
    LOCATE,
    CLASS,
    BOXES,
    REGION,
    COMPARE.partition(IMAGE)[0],
    SIMILAR,
    DIFFER,
    *(f"{number / 100:.2f}" for number in range(100)),
)

FORMS: Mapping[str, Callable[[Item, random.Random], Turn]] = {
    "describe": _describe,
    "focus": _focus,
    "open": _open,
    "choice": _choice,
    "box": _box,
    "class": _class,
    "similar": _similar,
    "boxes": _boxes,
    "region": _region,
    "locate": _locate,
    "differ": _differ,
    "changed": _changed,
    "complete": _complete,
    "pick": _pick,
    "tell": _tell,
    "reason": _reason,
    "think": _think,
    "recall": _recall,
    "repeat": _repeat,
    "bind": _bind,
}
WORDED: Mapping[str, Callable[[Item, random.Random], Turn]] = {  # with options answered by their texts
    **FORMS,
    "choice": partial(_choice, worded=True),
    "complete": partial(_complete, worded=True),
    "pick": partial(_pick, worded=True),
    "reason": partial(_reason, worded=True),
    "think": partial(_think, worded=True),
}
ASKS = frozenset(("open", "choice", "box", "reason", "think"))  # asks an item's question, so another each turn
READS = frozenset(("reason", "think"))  # reads a description
AT_THE_END = frozenset(("describe", "focus", "boxes"))  # tells all that was asked about, so once and last
