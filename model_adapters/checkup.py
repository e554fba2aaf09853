"""The checkup: whether a model loads, sees, and answers alike however it is asked, told by eight small pictures.

What it says is about the machinery around a model, never about how good it is: a model that knows nothing passes.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

from PIL import Image, ImageDraw

from sightscale.model_adapters.engines import (
    OPENAI,
    VLLM,
    Choice,
    Completion,
    Decoding,
    Describes,
    Engine,
    EngineFailure,
    Message,
    Prompt,
    list_choices,
    open_engine,
)
from sightscale.model_adapters.local_boxes import name_convention
from sightscale.tasks.boxes import AUTO
from sightscale.tasks.errors import UserError

SIDE = 112  # pixels of a picture's longer side
PICTURES = 8
TOKENS, LONG = 12, 64  # of an answer; LONG gives a model the room to stop by itself
CLOSE = 0.1  # nats that a token's log-probability may move where two ways of computing round otherwise
SAME = 1e-6
ROUNDED = 0.5  # the same between two engines, each of which may compute in bfloat16
# Options that two engines have in common, and what keeps the second one small and quick to open.
SHARED = ("dtype", "revision", "trust_remote_code", "allow_unused_weights", "adapter")
SMALL = {"enforce_eager": "true", "max_num_seqs": str(PICTURES)}
QUESTION, OTHER_QUESTION = "What is in the picture?", "How many circles are there? Answer with a number."


class State(StrEnum):
    """How a check ended."""

    OK = "OK"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True)
class Check:
    """One line of a checkup: what was looked at, how it ended, what was seen, and what to do about it."""

    name: str
    state: State
    says: str
    mend: str = ""


@dataclass(frozen=True)
class Sight:
    """How far the first token's log-probabilities, in nats, move from one picture to another, and by themselves."""

    moved: float
    noise: float

    @property
    def changes(self) -> bool:
        """Whether the picture changes them; sums that are rounded by chance don't count."""
        return self.moved > max(SAME, 2 * self.noise)


def check_up(model: str, options: Mapping[str, Any]) -> Iterator[Check]:
    """The checks of the model that `open_engine(model, **options)` opens, each as soon as it is done.

    After a fault in the first, nothing else can be checked.
    """
    start = time.perf_counter()
    try:
        engine = open_engine(model, **options)
    except UserError as error:
        yield Check("loads", State.FAULT, str(error))
        return
    yield Check("loads", State.OK, f"in {time.perf_counter() - start:.1f} s: {engine.identity}")
    answers: list[Completion] = []
    try:
        yield from _describe(engine)
        sees = getattr(engine, "sees", True)
        if sees:
            yield from _check_sight(engine)
        else:
            yield Check("a picture changes the logits", State.NOTE, "it reads text only: a reasoning module at most")
        yield _check_reading(engine, draw(0) if sees else None)
        yield _check_no_picture(engine)
        prompts = [_ask([draw(n)] if sees else [], f"{QUESTION} {'Think well. ' * (n % 3)}") for n in range(PICTURES)]
        answers = engine.generate(prompts, Decoding(LONG))
        yield _check_batches(engine, prompts[:4])
        yield _check_ends(answers)
        yield _check_convention(model, options)
    finally:
        engine.close()
    yield _check_other_engine(model, options, prompts, answers)


def draw(n: int) -> Image.Image:
    """The n-th small picture: shapes and noise, each of a shape of its own from the fourth on, the same everywhere."""
    width, height = (SIDE, SIDE * 3 // 4) if n < 4 else ((SIDE, SIDE // 2), (SIDE // 2, SIDE))[n % 2]
    colours = ("red", "green", "blue", "yellow", "white", "black", "orange", "purple")
    picture = Image.new("RGB", (width, height), colours[n % 8])
    pen = ImageDraw.Draw(picture)
    left, top = 8 * (n % 3), 6 * (n % 4)
    pen.ellipse((left, top, left + width // 2, top + height // 2), colours[(n + 3) % 8])
    pen.line((0, height, width, n * 7), colours[(n + 5) % 8], 3)
    return picture


def tell_sight(engine: Engine, before: Sequence[Image.Image] = ()) -> Sight:
    """How far a picture moves the first token of an answer, where it stands behind the pictures `before`.

    Pictures of one size are asked about, so that nothing but their pixels differs. Raises EngineFailure in one line
    where the engine can't be asked about pictures, or doesn't tell how likely its tokens are.
    """
    (sight,) = _tell(engine, _ask([*before, draw(0)]), _ask([*before, draw(1)]))
    return sight


def tell_reading(engine: Engine, picture: Image.Image | None = None) -> Sight:
    """How far a question moves the first token of an answer about `picture`, or without one, and that by itself.

    Raises EngineFailure as `tell_sight` does.
    """
    shown = [] if picture is None else [picture]
    (reading,) = _tell(engine, _ask(shown), _ask(shown, OTHER_QUESTION))
    return reading


def warn_of_blindness(engine: Engine) -> tuple[str, str]:
    """What a run says of a model before it spends time on it: the fact for its manifest, and a warning or nothing.

    Raises UserError in one line for a model that can't be asked about a picture at all.
    """
    try:
        sight, reading = _tell(engine, _ask([draw(0)]), _ask([draw(1)]), _ask([draw(0)], OTHER_QUESTION))
    except EngineFailure as failure:
        check_answers(engine, _ask([draw(0)]))
        return f"not told: {failure}", ""
    faults = [
        message
        for changes, message in (
            (sight.changes, "a picture doesn't change the logits: whatever is scored, this model doesn't look"),
            (reading.changes, "a question doesn't change the logits: whatever is scored, this model isn't asked it"),
        )
        if not changes
    ]
    if faults:
        return "; ".join(faults), f"{'; '.join(faults)}; `sightscale doctor` says more"
    return f"a picture moves the logits by up to {_nats(sight.moved)}", ""


def check_answers(engine: Engine, prompt: Prompt | None = None) -> None:
    """Raise UserError in one line where `engine` can't be asked `prompt`, which is a text where none is given."""
    prompt = _ask([]) if prompt is None else prompt
    try:
        if list_choices(engine, prompt, Decoding(1)):
            return
    except EngineFailure:  # it may only not tell log-probabilities
        pass
    (answer,) = engine.generate([prompt], Decoding(LONG))  # some servers fail where one token is no answer
    if answer.error:
        what = "about a picture" if prompt.images else "a question"
        name = engine.identity.partition("|")[0]
        raise UserError(f"model {name!r} can't be asked {what}: {answer.error}; `sightscale doctor` says more")


def _tell(engine: Engine, prompt: Prompt, *others: Prompt) -> list[Sight]:
    """How far each other prompt's first token is from the prompt's, and the prompt's from itself, asked again."""
    first, again, *moved = (list_choices(engine, each, Decoding(1)) for each in (prompt, prompt, *others))
    if not (first and again and all(moved)):
        raise EngineFailure("this engine doesn't tell log-probabilities")
    return [Sight(_distance(first[0], other[0]), _distance(first[0], again[0])) for other in moved]


def _ask(pictures: Sequence[Image.Image], question: str = QUESTION) -> Prompt:
    return Prompt((Message("user", (*pictures, question)),))


def _distance(first: Choice, second: Choice) -> float:
    """The greatest change of a log-probability, in nats; infinite where other tokens are likely."""
    if not (shared := first.likeliest.keys() & second.likeliest.keys()):
        return math.inf
    return max(abs(first.likeliest[token] - second.likeliest[token]) for token in shared)


def _nats(number: float) -> str:
    return "more than can be told" if math.isinf(number) else f"{number:.2g} nats"


def _describe(engine: Engine) -> Iterator[Check]:
    count = engine.parameters
    yield (
        Check("parameters", State.OK, f"{count:,}")
        if count
        else Check("parameters", State.NOTE, "this engine doesn't tell")
    )
    if not isinstance(engine, Describes):
        for name in ("context", "template", "pictures reach it", "thinking switch"):
            yield Check(name, State.NOTE, "can't be seen in this engine")
        return
    sees = getattr(engine, "sees", True)
    try:
        seen = engine.describe(_ask([draw(0)] if sees else []))
    except EngineFailure as failure:
        yield Check(
            "template", State.FAULT, str(failure), "look at its chat template, or give one by chat_template=FILE"
        )
        return
    room = f"{seen.context:,} tokens" if seen.context else "its configuration names none"
    yield Check("context", State.OK if seen.context else State.NOTE, room)
    peculiar = f"; it {' and '.join(seen.remarks)}" if seen.remarks else ""
    yield Check(
        "template",
        State.NOTE if seen.remarks else State.OK,
        seen.template + peculiar,
        "as its makers may have meant it; chat_template=FILE gives another" if seen.remarks else "",
    )
    if sees:
        shown = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in seen.pictures.items())
        yield Check(
            "pictures reach it",
            State.OK if seen.pictures else State.FAULT,
            f"{SIDE}×{SIDE * 3 // 4} pixels as {shown}, {seen.tokens:,} tokens with the question"
            if seen.pictures
            else "its processor makes nothing of a picture",
            "" if seen.pictures else "its processor's files lack the pictures' half: fetch them again",
        )
    yield Check(
        "thinking switch",
        State.OK,
        "its template heeds enable_thinking" if seen.thinking_switch else "none in its template",
    )


def _check_sight(engine: Engine) -> Iterator[Check]:
    names = ("a picture changes the logits", "a second picture does", "a third picture does")
    for number, name in enumerate(names):
        try:
            sight = tell_sight(engine, [draw(n + 2) for n in range(number)])
        except EngineFailure as failure:
            yield (
                Check(name, State.NOTE, f"it takes {number} a question: {failure}")
                if number
                else Check(
                    name, State.FAULT, str(failure), "hold the size under 'pictures reach it' against its config.json"
                )
            )
            return
        if sight.changes:
            yield Check(name, State.OK, f"by up to {_nats(sight.moved)}")
        else:
            yield Check(name, State.FAULT, "they stay as they are", "look at its template's mark of a picture")


def _check_reading(engine: Engine, picture: Image.Image | None) -> Check:
    name = "a question changes the logits"
    try:
        reading = tell_reading(engine, picture)
    except EngineFailure as failure:
        return Check(name, State.FAULT, str(failure), "nothing it is asked can be scored")
    if reading.changes:
        return Check(name, State.OK, f"by up to {_nats(reading.moved)}")
    return Check(name, State.FAULT, "they stay as they are", "look whether its template writes the question")


def _check_no_picture(engine: Engine) -> Check:
    (answer,) = engine.generate([_ask([])], Decoding(TOKENS))
    if answer.error:
        mend = "measure blindness by black, noise or mismatched, not by none"
        return Check("no picture works", State.NOTE, answer.error, mend)
    return Check("no picture works", State.OK, f"{answer.input_tokens} tokens of question")


def _check_batches(engine: Engine, prompts: list[Prompt]) -> Check:
    name = f"a batch of {len(prompts)} equals one by one"
    decoding = Decoding(TOKENS)
    together = engine.generate(prompts, decoding)
    alone = [engine.generate([prompt], decoding)[0] for prompt in prompts]
    failures = [answer.error for answer in (*together, *alone) if answer.error]
    if failures:
        return Check(name, State.FAULT, f"{len(failures)} of {2 * len(prompts)} fail: {failures[0]}")
    other = [i for i, (first, second) in enumerate(zip(together, alone, strict=True)) if first.text != second.text]
    if not other:
        return Check(name, State.OK, f"{len(prompts)} answers, letter by letter")
    if all(_is_close_call(engine, prompts[i]) for i in other):
        return Check(
            name, State.NOTE, f"{len(other)} differ where two tokens are all but as likely", "add dtype=float32"
        )
    return Check(name, State.FAULT, f"{len(other)} of {len(prompts)} differ", "add batch_size=1")


def _is_close_call(engine: Engine, prompt: Prompt) -> bool:
    """Whether some token of the answer had a rival so near that rounding can decide."""
    try:
        choices = list_choices(engine, prompt, Decoding(TOKENS))
    except EngineFailure:
        return False
    ranked = [sorted(choice.likeliest.values(), reverse=True) for choice in choices]
    return any(len(likely) > 1 and likely[0] - likely[1] < CLOSE for likely in ranked)


def _check_ends(answers: list[Completion]) -> Check:
    name = "stops by itself"
    failures = [answer.error for answer in answers if answer.error]
    if failures:
        return Check(name, State.FAULT, f"{len(failures)} of {len(answers)} answers fail: {failures[0]}")
    ended = sum(answer.finish_reason == "stop" for answer in answers)
    says = f"{ended} of {len(answers)} answers within {LONG} tokens"
    if ended:
        return Check(name, State.OK, says)
    mend = "look at eos_token_id of its generation_config.json; a base model never stops"
    return Check(name, State.NOTE, says, mend)


def _check_convention(model: str, options: Mapping[str, Any]) -> Check:
    name = "box convention"
    convention = name_convention(model, options.get("revision"))
    if convention != AUTO:
        return Check(name, State.OK, convention)
    return Check(name, State.NOTE, "not known for its type: read as written", "add box_convention=NAME if you know it")


def _check_other_engine(
    model: str, options: Mapping[str, Any], prompts: list[Prompt], answers: list[Completion]
) -> Check:
    name = "engines agree"
    if model.startswith((VLLM, OPENAI)):
        return Check(name, State.NOTE, "one engine was named, so only that was checked")
    if find_spec("vllm") is None:
        return Check(name, State.NOTE, "vLLM isn't installed, so not compared")
    if options.get("chat_template"):
        return Check(name, State.NOTE, "vLLM asks by the model's own template, so not compared")
    shared = {key: value for key, value in options.items() if key in SHARED}
    try:
        engine = open_engine(VLLM + model, **SMALL, **shared)
    except UserError as error:
        return Check(name, State.NOTE, str(error))
    try:
        others = engine.generate(prompts, Decoding(LONG))
        pairs = list(zip(prompts, answers, others, strict=True))
        apart = [(prompt, one.text) for prompt, one, other in pairs if one.text != other.text and not other.error]
        clear = [prompt for prompt, text in apart if not _is_near(engine, prompt, text)]
    finally:
        engine.close()
    failures = [other.error for other in others if other.error]
    if failures:
        return Check(name, State.FAULT, f"{len(failures)} of {len(others)} answers fail in vLLM: {failures[0]}")
    same = f"{len(answers) - len(apart)} of {len(answers)} answers are the same in transformers and vLLM"
    if not apart:
        return Check(name, State.OK, same)
    mend = "`sightscale parity` says where they part and what it does to a score"
    if not clear:
        return Check(name, State.NOTE, f"{same}; the others part where two tokens are about as likely", mend)
    return Check(name, State.FAULT, f"{same}; {len(clear)} part where vLLM is sure of another token", mend)


def _is_near(engine: Engine, prompt: Prompt, text: str) -> bool:
    """Whether the token at which this engine leaves `text`, another engine's answer, had a rival about as likely."""
    try:
        choices = list_choices(engine, prompt, Decoding(LONG))
    except EngineFailure:
        return False
    whole, written = "".join(text.split()), ""  # of a token alone the space before it may be lost
    for choice in choices:
        written += "".join(choice.token.split())
        if choice.ends or not whole.startswith(written):
            ranked = sorted(choice.likeliest.values(), reverse=True)
            return len(ranked) > 1 and ranked[0] - ranked[1] < ROUNDED
    return False
