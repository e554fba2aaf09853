"""Requests: lmms-eval's chat instances read as prompts, decoding settings and document references."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from sightscale.model_adapters.engines import Decoding, Message, Prompt, hash_image
from sightscale.tasks.pictures import MARK, open_all, open_picture, whole_files

DEFAULT_NEW_TOKENS = 1024
PLAIN_MARK = "[image]"


@dataclass(frozen=True)
class Request:
    """One chat request of lmms-eval: which document, how to read a document's messages, how to decode."""

    task: str
    split: str
    doc_id: int
    read: Callable[[int], list[dict[str, Any]]]  # a document's number to its chat messages
    generation: Mapping[str, Any]
    digests: dict[int, str] = field(default_factory=dict, compare=False)  # of the documents that `read` has read

    @property
    def key(self) -> tuple[str, int]:
        return self.task, self.doc_id


def read_request(instance: Any, task_dict: Mapping[str, Any]) -> Request:
    """The request behind an lmms-eval chat instance (`generate_until`); no document is read yet."""
    _, to_messages, generation, doc_id, task, split = instance.args
    return make_request(task, split, doc_id, task_dict[task][split], to_messages, generation or {})


def make_request(
    task: str,
    split: str,
    doc_id: int,
    documents: Any,
    to_messages: Callable[[Any], list[dict[str, Any]]],
    generation: Mapping[str, Any],
) -> Request:
    """A request about one of `documents`; `to_messages` is the task's way from a document to chat messages."""
    digests: dict[int, str] = {}

    def read(number: int) -> list[dict[str, Any]]:
        document = read_document(documents, number)
        digests[number] = digest_document(document)
        with whole_files():  # a task may open pictures of its own
            return to_messages(document)

    return Request(task, split, doc_id, read, generation, digests)


def read_document(documents: Any, number: int) -> Any:
    """A document with its pictures as they are opened everywhere. Raises what reading it raises."""
    with whole_files():  # data sets decode pictures when a document is read
        return open_all(documents[number])


class TextDocuments:
    """Documents without their pictures, none of which is decoded."""

    def __init__(self) -> None:
        self._words: dict[str, tuple[Any, Any]] = {}  # by task: its documents, and the same without pictures

    def read(self, task: str, documents: Any, number: int) -> Any:
        """A task's document without its pictures."""
        kept, words = self._words.get(task, (None, None))
        if kept is not documents:
            pictures = [name for name, kind in getattr(documents, "features", {}).items() if _is_picture(kind)]
            words = documents.remove_columns(pictures) if pictures else documents
            self._words[task] = (documents, words)
        return words[number]


def _is_picture(kind: Any) -> bool:
    return type(kind).__name__ == "Image"


def digest_document(document: Any) -> str:
    """SHA-256 over all that a document holds, its fields in the order of their names and its pictures by their pixels.

    What is neither text, number, picture nor a list or mapping of these counts by its type alone.
    """
    digest = hashlib.sha256()
    for piece in _pieces(document):
        digest.update(f"{len(piece)}:".encode() + piece)
    return digest.hexdigest()


def _pieces(value: Any) -> Iterator[bytes]:
    """A value in pieces that tell it from every other."""
    if isinstance(value, Mapping):
        yield b"{"
        for name in sorted(value, key=str):
            yield str(name).encode("utf-8", "surrogatepass")
            yield from _pieces(value[name])
        yield b"}"
    elif isinstance(value, list | tuple):
        yield b"["
        for member in value:
            yield from _pieces(member)
        yield b"]"
    elif isinstance(value, Image.Image):
        yield b"picture " + hash_image(value).encode()
    elif isinstance(value, str):
        yield b"text " + value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes):
        yield b"bytes " + hashlib.sha256(value).digest()
    elif value is None or isinstance(value, bool | int | float) or hasattr(value, "isoformat"):
        yield f"value {value!r}".encode()
    else:
        yield f"type {type(value).__name__}".encode()


def read_messages(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Chat messages with their content as parts, and each picture opened, at the place where the model sees it.

    Where a message has as many `<image>` marks as pictures, all of which stand before its text (as lmms-eval makes
    messages of a task's pictures and text), each picture stands at its mark. Every other mark is plain text, and is
    written `[image]`, since engines and chat templates would take it for a picture. Raises UnreadablePicture.
    """
    read = []
    for message in messages:
        content = message["content"]
        parts: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        opened = [{**part, "url": open_picture(part["url"])} if part["type"] == "image" else part for part in parts]
        read.append({**message, "content": _place_pictures(opened)})
    return read


def _place_pictures(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = [part["type"] for part in parts]
    pictures = [part for part in parts if part["type"] == "image"]
    marks = sum(part["text"].count(MARK) for part in parts if part["type"] == "text")
    if pictures and marks == len(pictures) and kinds == ["image"] * marks + ["text"] * (len(kinds) - marks):
        remaining = iter(pictures)
        placed = []
        for part in parts[marks:]:
            for number, text in enumerate(part["text"].split(MARK)):
                placed += ([next(remaining)] if number else []) + ([{**part, "text": text}] if text else [])
        return placed
    return [
        {**part, "text": part["text"].replace(MARK, PLAIN_MARK)} if part["type"] == "text" else part for part in parts
    ]


def read_prompt(messages: Iterable[Mapping[str, Any]]) -> Prompt:
    """Chat messages as a prompt. Raises ValueError for parts that are neither text nor picture."""
    return Prompt(
        tuple(
            Message(message["role"], tuple(_read_part(part) for part in message["content"]))
            for message in read_messages(messages)
        )
    )


def _read_part(part: Mapping[str, Any]) -> str | Image.Image:
    kind = part["type"]
    if kind == "text":
        return str(part["text"])
    if kind == "image":
        picture: Image.Image = part["url"]
        return picture
    raise ValueError(f"cannot read a message part of type {kind!r}: only text and pictures are understood")


def read_decoding(generation: Mapping[str, Any], seed: int) -> Decoding:
    """lmms-eval's generation settings; without sampling they mean greedy decoding."""
    until = generation.get("until") or ()
    temperature = float(generation.get("temperature") or 0.0)
    samples = bool(generation.get("do_sample", temperature > 0)) and temperature > 0
    return Decoding(
        max_new_tokens=int(generation.get("max_new_tokens", DEFAULT_NEW_TOKENS)),
        temperature=temperature if samples else 0.0,
        top_p=float(generation.get("top_p") or 1.0) if samples else 1.0,
        top_k=int(generation.get("top_k") or 0) if samples else 0,
        min_p=float(generation.get("min_p") or 0.0) if samples else 0.0,
        seed=seed if samples else 0,
        stop=(until,) if isinstance(until, str) else tuple(until),
    )
