"""Requests: lmms-eval's chat instances read as prompts, decoding settings and document references."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from sightscale.model_adapters.engines import Decoding, Message, Prompt

DEFAULT_NEW_TOKENS = 1024


@dataclass(frozen=True)
class Request:
    """One chat request of lmms-eval: which document, how to read a document's messages, how to decode."""

    task: str
    split: str
    doc_id: int
    read: Callable[[int], list[dict[str, Any]]]  # a document's number to its chat messages
    generation: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, int]:
        return self.task, self.doc_id


def read_request(instance: Any, task_dict: Mapping[str, Any]) -> Request:
    """The request behind an lmms-eval chat instance (`generate_until`); no document is read yet."""
    _, to_messages, generation, doc_id, task, split = instance.args
    return Request(task, split, doc_id, lambda number: to_messages(task_dict[task][split][number]), generation or {})


def read_prompt(messages: Iterable[Mapping[str, Any]]) -> Prompt:
    """Chat messages as a prompt. Raises ValueError for parts that are neither text nor picture."""
    turns = []
    for message in messages:
        content = message["content"]
        parts = [content] if isinstance(content, str) else [_read_part(part) for part in content]
        turns.append(Message(message["role"], tuple(parts)))
    return Prompt(tuple(turns))


def _read_part(part: Mapping[str, Any]) -> str | Image.Image:
    kind = part["type"]
    if kind == "text":
        return str(part["text"])
    if kind == "image":
        return open_picture(part["url"])
    raise ValueError(f"cannot read a message part of type {kind!r}: only text and pictures are understood")


def open_picture(source: Image.Image | str) -> Image.Image:
    """The picture of an image part, which lmms-eval gives as a picture or as a file's path."""
    if isinstance(source, Image.Image):
        return source
    with Image.open(source) as image:
        return image.convert("RGB")


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
