"""What an actor runs and how prompts reach it, without a Ray: that the same holds on one is shown in test_ray_pool."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightscale.model_adapters.engines import Completion, Completions, Decoding, Key, Message, Prompt, Prompts, ray_pool
from sightscale.model_adapters.engines.protocol import StreamingEngine
from sightscale.model_adapters.engines.ray_replica import Pictures, Replica, StartedAnew, Unreceived
from sightscale.tasks.errors import UserError

SHORT = Decoding(4)


class Telling(StreamingEngine):
    """Says the text and the pictures' sizes, and ends at the word "refuse"."""

    identity, parameters, room = "telling", 7, 4

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        for item in prompts:
            if item:
                key, prompt = item
                if prompt.text == "refuse":
                    raise ValueError("this decoding makes no sense")
                yield key, Completion(f"{prompt.text} {[image.size for image in prompt.images]}")

    def close(self) -> None:
        """Nothing is held."""


class Shelf:
    """Stands in for Ray: an object store that holds what is put into it, and is full at last."""

    exceptions = SimpleNamespace(RayError=MemoryError)

    def __init__(self, bytes_: int, room: int = 1000) -> None:
        self.put_so_far: list[Any] = []
        self.room = room
        self._bytes = bytes_

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": "here", "Resources": {"object_store_memory": self._bytes}}]

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: "here")

    def put(self, pixels: Any) -> int:
        if len(self.put_so_far) == self.room:
            raise MemoryError("the store is full")
        self.put_so_far.append(np.array(pixels))
        return len(self.put_so_far) - 1


def picture(shade: int) -> Image.Image:
    return Image.new("RGB", (20, 10), (shade, 0, 0))  # 600 bytes


def ask(*parts: str | Image.Image) -> Prompt:
    return Prompt((Message("user", parts),))


def take_all(replica: Replica, name: str, number: int) -> dict[int, Any]:
    async def take() -> dict[int, Any]:
        taken: dict[int, Any] = {}
        while len(taken) < number:
            taken |= dict(await replica.take(name))
        return taken

    return asyncio.get_event_loop().run_until_complete(take())


@pytest.fixture
def loop() -> Any:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


def test_prompts_come_in_while_others_are_answered(loop: asyncio.AbstractEventLoop) -> None:
    async def arrive(pixels: Any) -> Any:
        return pixels

    async def lose() -> Any:
        raise OSError("the node is gone")

    replica = Replica(Telling)
    assert loop.run_until_complete(replica.describe()) == ("telling", 7, 4)
    with pytest.raises(StartedAnew):
        loop.run_until_complete(replica.take("first"))
    loop.run_until_complete(replica.put("first", SHORT, [(0, (("user", ("a",)),))]))
    assert take_all(replica, "first", 1)[0].text == "a []"
    pixels = np.asarray(picture(1))
    sent = [(1, (("user", (arrive(pixels), "b")),)), (2, (("user", (lose(),)),))]
    loop.run_until_complete(replica.put("first", SHORT, sent))  # type: ignore[arg-type]
    taken = take_all(replica, "first", 2)
    assert taken[1].text == "b [(20, 10)]" and taken[2] == Unreceived("OSError: the node is gone")
    loop.run_until_complete(replica.end("first"))
    loop.run_until_complete(replica.put("second", SHORT, [(7, (("user", ("c",)),))]))
    assert take_all(replica, "second", 1)[7].text == "c []"
    with pytest.raises(StartedAnew):
        loop.run_until_complete(replica.take("first"))
    loop.run_until_complete(replica.put("second", SHORT, [(8, (("user", ("d",)),)), (9, (("user", ("refuse",)),))]))
    with pytest.raises(ValueError, match="makes no sense"):
        take_all(replica, "second", 2)  # what was finished before comes first


def test_a_picture_is_sent_once_whatever_shows_it() -> None:
    shelf = Shelf(10_000)  # of which pictures may hold 3,000 bytes: five
    pictures = Pictures(shelf, list)
    shown = picture(1)
    for _ in range(3):
        assert pictures.pack(ask(shown, "what is it?")) == (("user", (0, "what is it?")),)
    assert pictures.pack(ask(shown.copy(), picture(2))) == (("user", (0, 1)),)
    assert pictures.sent == 2 and np.array_equal(shelf.put_so_far[1], np.asarray(picture(2)))
    for shade in range(3, 7):
        pictures.pack(ask(shown, picture(shade)))
    assert pictures.sent == 6
    pictures.pack(ask(shown))  # was used all along
    assert pictures.sent == 6
    pictures.pack(ask(picture(2)))  # was let go
    assert pictures.sent == 7


def test_a_full_object_store_is_told_in_one_line() -> None:
    pictures = Pictures(Shelf(10_000, room=1), list)
    pictures.pack(ask(picture(1)))
    with pytest.raises(UserError, match="object store can't take a picture: the store is full") as caught:
        pictures.pack(ask(picture(2)))
    assert "\n" not in str(caught.value)


def test_nothing_is_put_where_that_would_end_the_process() -> None:
    def gone() -> None:
        raise UserError("this machine's raylet doesn't answer any more")

    shelf = Shelf(10_000)
    with pytest.raises(UserError, match="raylet"):
        Pictures(shelf, gone).pack(ask(picture(1)))
    assert not shelf.put_so_far


def test_a_head_that_is_away_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_pool, "PULSE", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        head = ray_pool._Vital("Ray's head", address, 60.0)
        head.check()
        head.wait()
    head.check()  # it may come back
    gone = ray_pool._Vital("Ray's head", address, 0.0)
    for ask_it in (gone.check, gone.wait):
        with pytest.raises(UserError, match="run the same command again to continue") as caught:
            ask_it()
        assert "\n" not in str(caught.value)
