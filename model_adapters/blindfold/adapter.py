"""Blindfold: any model under a blind condition, by changing the request's pictures before it sees them.

It wraps a chat or a simple lmms-eval model and leaves the prompt's text as it is, to the byte, but under the conditions
of `wordings`. Under the condition `sighted` it passes pictures through, so one path serves every condition of a run.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lmms_eval.api.instance import Instance, unwrap_generation_output
from lmms_eval.api.model import lmms
from PIL import Image

from sightscale.model_adapters.adapter import Adapter, Parts, Trace
from sightscale.model_adapters.blindfold.doses import degrade
from sightscale.model_adapters.blindfold.stand_ins import black, mean_colour, mismatched, noise
from sightscale.model_adapters.blindfold.wordings import reword
from sightscale.model_adapters.engines import hash_image
from sightscale.model_adapters.requests import Request, read_messages, read_prompt
from sightscale.tasks.doses import parse_dose
from sightscale.tasks.errors import UserError
from sightscale.tasks.pictures import MARK
from sightscale.tasks.vocabulary import ALTERED_CONDITIONS, WITHOUT_PICTURE, Condition

CHUNK = 64  # requests that a foreign model gets at once, so that a crash loses no more than these
PICTURES_IN_MEMORY = 512 * 2**20  # bytes of decoded pictures kept between conditions

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Hashes:
    """Of all that a document holds, of its pictures, and of those that the model is shown."""

    document_hash: str | None
    image_hashes: tuple[str, ...]
    shown_hashes: tuple[str, ...]


class Blindfold(Adapter):
    """`lmms-eval --model blindfold --model_args model=NAME,condition=black[,seed=0],…` (the rest goes to NAME)."""

    def __init__(
        self,
        model: str | lmms,
        condition: str = "none",
        seed: int = 0,
        batch_size: int | str | None = None,
        device: str | None = None,
        max_batch_size: int | None = None,
        pictures: "PictureMemory | None" = None,
        **model_args: Any,
    ) -> None:
        """`pictures` keeps decoded ones, for the blindfolds of other conditions to share."""
        self.dose = parse_dose(condition)
        if not self.dose and condition not in list(Condition):
            raise UserError(f"unknown blind condition {condition!r}; known: {', '.join(ALTERED_CONDITIONS)}")
        self.condition: str = str(self.dose) if self.dose else Condition(condition)
        self.seed = int(seed)
        if isinstance(model, str):
            from lmms_eval.models import get_model

            arguments = {"batch_size": batch_size, "device": device, "max_batch_size": max_batch_size, **model_args}
            model = get_model(model)(**{key: value for key, value in arguments.items() if value is not None})
        super().__init__(f"{getattr(model, 'label', type(model).__name__)}, {condition}")
        self.inner = model
        self.inner.task_dict = self.task_dict  # where lmms-eval's own models look documents up
        self.pictures = pictures or PictureMemory(PICTURES_IN_MEMORY)

    @property
    def identity(self) -> str:
        return f"blindfold({self.condition}, {getattr(self.inner, 'identity', type(self.inner).__name__)})"

    @property
    def parts(self) -> Parts:
        return getattr(self.inner, "parts", {})

    @property
    def settings(self) -> dict[str, Any]:
        return {"condition": str(self.condition), "seed": self.seed, **getattr(self.inner, "settings", {})}

    def answer(self, requests: Sequence[Request], condition: str = "") -> list[Trace]:
        blinded: dict[tuple[str, int], Hashes] = {}  # without the pictures, which the model lets go one by one

        def read(request: Request, _: int) -> Messages:
            messages, blinded[request.key] = self.blind(request)
            return messages

        handed = [replace(request, read=partial(read, request)) for request in requests]
        if isinstance(self.inner, Adapter):
            traces = self.inner.answer(handed, self.condition)
        else:
            traces = self._answer_foreign(handed)
        return [
            replace(trace, **vars(hashes)) if (hashes := blinded.get(request.key)) else trace
            for request, trace in zip(requests, traces, strict=True)
        ]

    def clean(self) -> None:
        """Keep the model inside, which another condition needs; lmms-eval calls this after each run."""

    def blind(self, request: Request) -> tuple[Messages, Hashes]:
        """A request's messages as the condition has them, and their hashes. Raises what reading its document raises."""
        messages, digest = self._read(request, request.doc_id)
        images = [part["url"] for message in messages for part in _pictures_of(message)]
        hashes = tuple(hash_image(image) for image in images)
        if self.condition is Condition.SIGHTED:
            return messages, Hashes(digest, hashes, hashes)
        for part in (part for message in messages for part in message["content"]):
            if part["type"] not in ("text", "image"):
                raise ValueError(f"cannot blind a message part of type {part['type']!r}: only pictures are blinded")
        stand_ins = self._stand_ins(request, images)
        others = iter(stand_ins)
        shown = [
            {
                **message,
                "content": [
                    {**part, "url": next(others)} if part["type"] == "image" else part
                    for part in message["content"]
                    if part["type"] != "image" or self.condition not in WITHOUT_PICTURE
                ],
            }
            for message in messages
        ]
        shown_hashes = tuple(hash_image(image) for image in stand_ins)
        return reword(shown, self.condition), Hashes(digest, hashes, shown_hashes)

    def _stand_ins(self, request: Request, images: list[Image.Image]) -> list[Image.Image]:
        if self.condition in WITHOUT_PICTURE:
            return []
        if self.condition is Condition.NO_QUESTION:
            return images
        if self.condition is Condition.BLACK:
            return [black(image) for image in images]
        if self.condition is Condition.MEAN:
            return [mean_colour(image) for image in images]
        seed = f"{self.seed}:{request.task}"
        if self.dose:
            return [degrade(image, self.dose, f"{seed}:{request.doc_id}:{n}") for n, image in enumerate(images)]
        if self.condition is Condition.NOISE:
            return [noise(image, f"{seed}:{request.doc_id}:{number}") for number, image in enumerate(images)]

        def read_images(doc_id: int) -> list[Image.Image]:
            return [part["url"] for message in self._read(request, doc_id)[0] for part in _pictures_of(message)]

        n_docs = len(self.task_dict[request.task][request.split])
        return mismatched(images, request.doc_id, n_docs, read_images, seed)

    def _read(self, request: Request, doc_id: int) -> tuple[Messages, str | None]:
        """A document's messages with content as parts, and its digest; read once, as long as memory lasts."""
        key = (request.task, request.split, doc_id)
        kept = self.pictures.get(key)
        if kept is not None:
            return kept
        messages = read_messages(request.read(doc_id))
        digest = request.digests.get(doc_id)
        self.pictures.put(key, messages, digest)
        return messages, digest

    def _answer_foreign(self, requests: Sequence[Request]) -> list[Trace]:
        """Answer with a model that isn't ours, chunk by chunk, without the documents that can't be read."""
        traces: list[Trace | None] = [None] * len(requests)
        with self.progress("answers", len(requests)) as bar:
            for start in range(0, len(requests), CHUNK):
                instances, positions = [], []
                for position in range(start, min(start + CHUNK, len(requests))):
                    request = requests[position]
                    try:
                        messages = request.read(request.doc_id)
                    except Exception as error:  # as in Adapter.read_prompts: a bad document costs itself only
                        traces[position] = Trace("", error=f"cannot read document {request.doc_id}: {error}")
                        continue
                    instances.append(_instance(request, messages, simple=self.inner.is_simple))
                    positions.append(position)
                    traces[position] = Trace("", prompt=read_prompt(messages).text)
                outputs = self.inner.generate_until(instances) if instances else []
                if len(outputs) != len(instances):
                    raise RuntimeError(f"the model returned {len(outputs)} answers to {len(instances)} requests")
                for position, output in zip(positions, outputs, strict=True):
                    text, tokens = unwrap_generation_output(output)
                    traces[position] = replace(
                        traces[position],  # type: ignore[type-var]
                        response=str(text or ""),
                        input_tokens=(tokens.input_tokens or 0) if tokens else 0,
                        output_tokens=(tokens.output_tokens or 0) if tokens else 0,
                    )
                bar.update(min(CHUNK, len(requests) - start))
        return [trace for trace in traces if trace is not None]


class PictureMemory:
    """Messages with their pictures and the document's digest; beyond `limit` bytes the least recently used go.

    Threads may use it together.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, tuple[Messages, str | None, int]] = OrderedDict()

    def get(self, key: Any) -> tuple[Messages, str | None] | None:
        """The messages and the digest kept under `key`, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][:2]

    def put(self, key: Any, messages: Messages, digest: str | None) -> None:
        """Keep messages, unless they are larger than everything allowed."""
        size = sum(
            part["url"].width * part["url"].height * (4 if len(part["url"].getbands()) > 1 else 1)  # as PIL keeps them
            for message in messages
            for part in _pictures_of(message)
        )
        with self._lock:
            if size > self.limit or key in self._kept:
                return
            self._kept[key] = (messages, digest, size)
            self.used += size
            while self.used > self.limit:
                self.used -= self._kept.popitem(last=False)[1][2]


def _pictures_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in message["content"] if part["type"] == "image"]


def _instance(request: Request, messages: Messages, *, simple: bool) -> Instance:
    """An lmms-eval instance that hands over messages that are already made."""
    generation = dict(request.generation)
    if simple:
        pictures = [part["url"] for message in messages for part in _pictures_of(message)]
        text = _write_marks(messages)
        arguments: tuple[Any, ...] = (text, generation, lambda _: pictures, request.doc_id, request.task, request.split)
    else:
        text = "\n".join(part["text"] for message in messages for part in message["content"] if part["type"] == "text")
        arguments = (text, lambda _: messages, generation, request.doc_id, request.task, request.split)
    metadata = {"task": request.task, "doc_id": request.doc_id, "repeats": 1, "split": request.split}
    return Instance(request_type="generate_until", arguments=arguments, idx=0, metadata=metadata)


def _write_marks(messages: Messages) -> str:
    """Text for a simple model, which gets the pictures apart from it: marked where they don't all come first."""
    kinds = [part["type"] for message in messages for part in message["content"]]
    shown = {"text"} if kinds == sorted(kinds) else {"text", "image"}  # "image" sorts before "text"
    return "\n".join(
        "".join(part.get("text", MARK) for part in message["content"] if part["type"] in shown) for message in messages
    )
