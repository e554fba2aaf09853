"""Sources of instruction data as examples: conversation files, mini sets and tasks, each about one picture.

An example is named by its content, never by its place, so a file may grow or change its order between two
runs. Texts are in memory; a picture is read when it is asked for. Questions stand as the teacher may read them,
without picture placeholders and without how to answer: a placeholder would be taken for a picture that the text-only
prompt lacks, and an instruction to answer with a word or a letter would be obeyed in place of the prompt's own.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from sightscale.tasks.errors import UserError, first_line
from sightscale.tasks.instructions import split_instruction
from sightscale.tasks.mini import REVISION, SETS, encode, iterate_items, render
from sightscale.trainers.data import ConversationFile, read_pictures
from sightscale.trainers.extraction.teacher import Pair

MINI, HUB = "mini:", "hub:"
FILES = (".json", ".jsonl", ".parquet")

_PLACEHOLDER = re.compile(r"<\s*(?:image|video)(?:[\s_-]*\d+)?\s*/?>", re.I)
_HOW = (
    r"(?:please\s+|kindly\s+|just\s+|only\s+)*(?:(?:answer|respond|reply)\b|(?:give|provide|select|choose|pick|write)\b"
    r"(?=[^.?!\n]*\b(?:answer|option|choice|(?:correct|right|option['’]?s?)\s+letter|(?:one|single)[\s-]word)\b))"
    r"[^.?!\n]{0,120}?"
    r"\b(?:words?|phrase|letters?|yes\s+or\s+no|(?:short|brief|concise)\s+answer|directly|briefly|"
    r"option|choices?|single\s+(?:number|digit|name))\b[^.?!\n]{0,80}"
)
_OPENING = re.compile(rf"\A{_HOW}(?:[.:!]\s+|\s*\n+)", re.I)
_CLOSING = re.compile(rf"(?:\A|(?<=[.?!:\n)])\s*){_HOW}[.!:]*\s*\Z", re.I)
_BRACKETED = re.compile(rf"[(\[]\s*{_HOW}[.!]?\s*[)\]]\s*\Z", re.I)
_LABEL = re.compile(r"\A(?:question|q)\s*:\s*", re.I)
_MARK = re.compile(r"(?:\A|(?<=[\s.?!]))(?:(?:short|final|your)\s+)?answer\s*:\s*\Z", re.I)


@dataclass(frozen=True)
class Example:
    """Question-answer pairs about one picture, and where they come from. `picture` gives an image file's content."""

    id: str
    source: str
    source_id: str
    pairs: tuple[Pair, ...]
    picture: Callable[[], bytes] = field(compare=False)
    original: str | None = None  # the picture's name in the source, where it has one
    file: Path | None = field(default=None, compare=False)  # the picture's own file, where it has one


@dataclass(frozen=True)
class Unusable:
    """A row of a source that gives no example: its own name, a reason to count by, and what exactly is wrong."""

    id: str
    source: str
    source_id: str
    reason: str
    detail: str


@dataclass
class Source:
    """What was read of one source: examples and unusable rows in order, and how many rows were left aside."""

    name: str
    rows: list[Example | Unusable] = field(default_factory=list)
    left_aside: Counter[str] = field(default_factory=Counter)  # text_only, several_pictures, duplicate


def open_sources(
    names: list[str], *, images: Path | None = None, limit: int | None = None, seed: int = 0
) -> list[Source]:
    """Each source's examples, in order, the first `limit` of each.

    A source is a conversation file, whose picture names are relative to `images` or to its folder; `mini:SET`,
    drawn from the train split with `seed`; or `hub:TASK`, any task's documents. Raises UserError in one line
    when one can't be opened, or when two have the same name.
    """
    sources = [source for name in names for source in _open(name, images, limit, seed)]
    twice = [name for name, times in Counter(source.name for source in sources).items() if times > 1]
    if twice:
        raise UserError(f"two sources are named {twice[0]!r}; rename one, since rows say where they come from by it")
    seen: set[str] = set()
    for source in sources:
        rows = []
        for row in source.rows:
            if row.id in seen:
                source.left_aside["duplicate"] += 1
            else:
                seen.add(row.id)
                rows.append(row)
        source.rows = rows
    return sources


def _open(name: str, images: Path | None, limit: int | None, seed: int) -> Iterator[Source]:
    if name.startswith(MINI):
        for one in find_sets(name.removeprefix(MINI)):
            yield _read_mini(one, limit or 100, seed)
    elif name.startswith(HUB):
        from sightscale.trainers.extraction.task_documents import read_tasks

        yield from read_tasks(name.removeprefix(HUB), limit)
    elif name.endswith(FILES):
        yield _read_file(Path(name), images, limit)
    else:
        raise UserError(
            f"source {name!r} is neither a conversation file ({', '.join(FILES)}) nor {MINI}SET nor {HUB}TASK"
        )


def name_example(*content: object) -> str:
    """The name of an example with this content: the same wherever and whenever it is read."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:20]


def _read_file(path: Path, images: Path | None, limit: int | None) -> Source:
    source, file = Source(path.name), ConversationFile(path, images)
    if not len(file):
        reason = f"; the first bad one: {file.bad[0]}" if file.bad else ""
        raise UserError(f"{path} has no usable row{reason}")
    bad = [Unusable(name_example(str(row)), path.name, str(row.row), "unreadable_row", row.reason) for row in file.bad]
    source.rows += bad
    for i in islice(range(len(file)), limit):
        raw = file.raw(i)
        conversation = file.read(i, raw)
        if len(conversation.pictures) != 1:
            source.left_aside["several_pictures" if conversation.pictures else "text_only"] += 1
            continue
        named = raw.get("images") or raw.get("image")
        name = named[0] if isinstance(named, list) else named
        held = name.get("bytes") if isinstance(name, dict) else None
        original = name.get("path") if isinstance(name, dict) else name
        picture = hashlib.sha256(held).hexdigest() if held else original
        pairs = tuple((clean_question(question), answer.strip()) for question, answer in conversation.turns)
        identity = name_example(path.name, picture, conversation.turns)
        source_id = str(raw.get("id") if raw.get("id") is not None else conversation.origin)
        picture_source = read_pictures(raw, file.images or path.parent, conversation.origin)[0].source
        source.rows.append(
            make_example(
                identity,
                path.name,
                source_id,
                pairs,
                partial(_read_picture, file, i),
                original,
                picture_source if isinstance(picture_source, Path) else None,
            )
        )
    return source


def make_example(
    identity: str,
    source: str,
    source_id: str,
    pairs: tuple[Pair, ...],
    picture: Callable[[], bytes],
    original: str | None = None,
    file: Path | None = None,
) -> Example | Unusable:
    """The example, unless a question is lost once placeholders and instructions are off."""
    if not all(question for question, _ in pairs):
        return Unusable(identity, source, source_id, "no_question", "a turn asks for nothing but a form of answer")
    return Example(identity, source, source_id, pairs, picture, original, file)


def _read_picture(file: ConversationFile, i: int) -> bytes:
    (picture,) = read_pictures(file.raw(i), file.images or file.path.parent, file.path.name)
    return picture.read()


def find_sets(name: str) -> list[str]:
    """The mini sets that a set's, a task's or a family's name stands for. Raises UserError when there is none."""
    wanted = _plain(name)
    drawn = [one for one, (draw, _) in SETS.items() if draw]
    sets = [one for one in drawn if _plain(one) == wanted] or [
        one for one in drawn if wanted and _plain(one).startswith(f"{wanted}_")
    ]
    if not sets:
        raise UserError(f"the mini suite has no set {name!r}; it has {', '.join(drawn)}")
    return sets


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _read_mini(name: str, n: int, seed: int) -> Source:
    """Items of a set's train split; nothing of the test split is seen."""
    source = Source(f"{MINI}{name}")
    for number, item in enumerate(iterate_items(name, "train", n, seed)):
        if "kind" not in item.scene:
            source.left_aside["several_pictures"] += 1
            continue
        pairs = ((clean_question(item.question), item.answer),)
        identity = name_example(source.name, REVISION, item.scene, pairs)
        picture = partial(_draw, item.scene)
        source.rows.append(make_example(identity, source.name, f"train/{seed}/{number}", pairs, picture))
    return source


def _draw(scene: dict[str, object]) -> bytes:
    content = encode(render(scene))["bytes"]
    assert isinstance(content, bytes)
    return content


def clean_question(text: str) -> str:
    """The question alone; empty where there is nothing but placeholders and instructions."""
    question = _LABEL.sub("", re.sub(r"[ \t]+", " ", _PLACEHOLDER.sub(" ", text)).strip())
    while True:
        shorter = split_instruction(question)[0]
        for pattern in (_MARK, _BRACKETED, _CLOSING, _OPENING):
            shorter = pattern.sub("", shorter, count=1).strip()
        if shorter == question:
            break
        question = _LABEL.sub("", shorter)
    return re.sub(r"\s*\n\s*", "\n", question)


def describe_error(error: Exception) -> str:
    """What went wrong with one example, in one line."""
    return f"{type(error).__name__}: {first_line(error)}"
