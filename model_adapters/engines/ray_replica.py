"""A replica: what an actor of a Ray pool runs, and how prompts reach it.

Pictures travel apart from their prompts, through Ray's object store: each once, however many questions and conditions
it is a part of.
"""

import asyncio
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from sightscale.model_adapters.engines import Completion, Decoding, Engine, Message, Prompt, explain, hash_image
from sightscale.model_adapters.engines.feed import PATIENCE
from sightscale.tasks.errors import UserError, first_line

HELD = 0.3  # of the object store: pictures that are kept for later questions

Packed = tuple[tuple[str, tuple[Any, ...]], ...]  # the turns of a prompt, with references in place of its pictures


@dataclass(frozen=True)
class Unreceived:
    """A prompt whose pictures couldn't be had, which isn't the prompt's fault, and why."""

    reason: str


class StartedAnew(Exception):
    """A replica knows nothing of a stream: it died since its prompts came."""


class Pictures:
    """Pictures in Ray's object store, by their pixels; beyond a share of it the least recently used are let go."""

    def __init__(self, ray: Any, check: Callable[[], object]) -> None:
        """`check` raises where a picture can't be put any more, since Ray would end the process."""
        self._ray, self._check = ray, check
        self.sent = 0
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._used = 0
        here = ray.get_runtime_context().get_node_id()  # where they are put
        resources: dict[str, float] = next((node["Resources"] for node in ray.nodes() if node["NodeID"] == here), {})
        self._limit = HELD * float(resources.get("object_store_memory", 2**30))

    def pack(self, prompt: Prompt) -> Packed:
        """The prompt with its pictures in the object store. Raises UserError where that is full."""
        return tuple(
            (message.role, tuple(part if isinstance(part, str) else self._put(part) for part in message.parts))
            for message in prompt.messages
        )

    def _put(self, image: Image.Image) -> Any:
        key = hash_image(image)
        if key not in self._kept:
            pixels = np.asarray(image)
            self._check()
            try:
                reference = self._ray.put(pixels)
            except self._ray.exceptions.RayError as error:
                raise UserError(
                    f"Ray's object store can't take a picture: {first_line(error)[:200]}; give it more memory or disk, "
                    "and run the same command again to continue"
                ) from error
            self.sent += 1
            self._kept[key] = (reference, pixels.nbytes)
            self._used += pixels.nbytes
        self._kept.move_to_end(key)
        reference = self._kept[key][0]
        while self._used > self._limit and len(self._kept) > 1:
            self._used -= self._kept.popitem(last=False)[1][1]
        return reference


class Replica:
    """An engine, opened when the actor starts. Its methods are coroutines, so that prompts come in while it answers."""

    def __init__(self, open_it: Callable[[], Engine]) -> None:
        self._engine = open_it()
        self._session: _Session | None = None

    async def describe(self) -> tuple[str, int | None, int]:
        """The engine's identity, its parameters, and the prompts that keep it busy."""
        return self._engine.identity, self._engine.parameters, getattr(self._engine, "room", 0)

    async def put(self, name: str, decoding: Decoding, prompts: list[tuple[int, Packed]]) -> None:
        """Take in prompts of the stream `name`; another stream's begin when those of the one before are answered."""
        if self._session is None or self._session.name != name:
            if self._session:
                self._session.inbox.put(None)
            self._session = _Session(name, self._engine, decoding, self._session, asyncio.get_running_loop())
        session = self._session
        for number, packed in prompts:
            try:
                session.inbox.put((number, await _unpack(packed)))
            except Exception as error:  # the object store lost a picture, in whatever way
                session.finish((number, Unreceived(explain(error))))

    async def take(self, name: str) -> list[tuple[int, Completion | Unreceived]]:
        """What was finished since the last call; waits until there is something. Raises what the engine raised."""
        if self._session is None or self._session.name != name:
            raise StartedAnew
        return await self._session.take()

    async def end(self, name: str) -> None:
        """No more prompts of this stream come."""
        if self._session and self._session.name == name:
            self._session.inbox.put(None)


class _Session:
    """A stream of the engine's, in a thread of its own."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        decoding: Decoding,
        before: "_Session | None",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.name, self._engine, self._decoding, self._loop = name, engine, decoding, loop
        self.inbox: queue.SimpleQueue[tuple[int, Prompt] | None] = queue.SimpleQueue()
        self._finished: list[tuple[int, Completion | Unreceived]] = []
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self.thread: threading.Thread = threading.Thread(
            target=self._run, args=(before.thread if before else None,), daemon=True
        )
        self.thread.start()

    async def take(self) -> list[tuple[int, Completion | Unreceived]]:
        """What was finished since the last call, as soon as there is something. Raises what the engine raised."""
        await self._news.wait()
        self._news.clear()
        finished, self._finished = self._finished, []
        if not finished and self._error:
            raise self._error
        if self._error:
            self._news.set()
        return finished

    def finish(self, answer: tuple[int, Completion | Unreceived]) -> None:
        """Hand an answer over; called in the actor's own thread."""
        self._finished.append(answer)
        self._news.set()

    def _run(self, before: threading.Thread | None) -> None:
        if before:
            before.join()
        try:
            for answer in self._engine.stream(self._read(), self._decoding):
                self._loop.call_soon_threadsafe(self.finish, answer)
        except BaseException as error:  # whoever takes the answers has to know, whatever it is
            self._loop.call_soon_threadsafe(self._fail, error)

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self._news.set()

    def _read(self) -> Iterator[tuple[int, Prompt] | None]:
        while True:
            try:
                item = self.inbox.get(timeout=PATIENCE)
            except queue.Empty:
                yield None
                continue
            if item is None:
                return
            yield item


async def _unpack(packed: Packed) -> Prompt:
    """The prompt with its pictures."""
    messages = []
    for role, parts in packed:
        arrived = [part if isinstance(part, str) else Image.fromarray(await part) for part in parts]
        messages.append(Message(role, tuple(arrived)))
    return Prompt(tuple(messages))
