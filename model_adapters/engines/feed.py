"""A feed: what an iterator gives, drawn by a thread that stays a little ahead of whoever takes it.

With it an engine goes on with what it has under way while its next prompts are read, and a stage's answers reach the
next stage the moment they are there.
"""

import contextvars
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

Item = TypeVar("Item")
PATIENCE = 0.05  # seconds until somebody who waits looks up


@dataclass(frozen=True)
class _End:
    """Nothing more comes: because of this error, or because all was given."""

    error: BaseException | None = None


class Feed(Generic[Item]):
    """The items of an iterator, at most `size` of them drawn and not taken yet. None among them is left out.

    The iterator is used, and closed, by the feed's own thread. Use as a context, which ends that thread.
    """

    def __init__(self, items: Iterable[Item | None], size: int) -> None:
        self.has_ended = False  # whether all was taken
        self._drawn: queue.Queue[Item | _End] = queue.Queue(size)
        self._stopped = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._draw, items), name="feed", daemon=True)
        self._thread.start()

    def take(self, wait: float | None = None) -> Item | None:
        """The next item; None when none comes within `wait` seconds (without, when none comes any more).

        Raises what the iterator raised.
        """
        if self.has_ended:
            return None
        try:
            item = self._drawn.get(timeout=wait) if wait != 0 else self._drawn.get_nowait()
        except queue.Empty:
            return None
        if isinstance(item, _End):
            self.has_ended = True
            if item.error:
                raise item.error
            return None
        return item

    def take_as_ready(self) -> Iterator[Item | None]:
        """All items, and None each time that none comes for a moment."""
        while not self.has_ended:
            item = self.take(PATIENCE)
            if item is not None or not self.has_ended:
                yield item

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()

    def _draw(self, items: Iterable[Item | None]) -> None:
        end = _End()
        try:
            try:
                for item in items:
                    if (item is not None and not self._put(item)) or self._stopped.is_set():
                        break
            finally:
                close: Any = getattr(items, "close", None)
                if close:
                    close()
        except BaseException as error:  # whoever takes the items has to know, whatever it is
            end = _End(error)
        self._put(end)

    def _put(self, item: Item | _End) -> bool:
        """Whether somebody may still take it."""
        while not self._stopped.is_set():
            try:
                self._drawn.put(item, timeout=PATIENCE)
            except queue.Full:
                continue
            return True
        return False
