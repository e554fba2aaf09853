"""Feeds: an iterator drawn by a thread of its own, a bounded number of items ahead."""

import threading
import time
from collections.abc import Iterator

import pytest

from sightscale.model_adapters.engines.feed import Feed


def test_items_come_in_order_and_none_is_left_out() -> None:
    with Feed(iter([1, None, 2, 3]), 2) as feed:
        assert [feed.take(), feed.take(), feed.take()] == [1, 2, 3]
        assert feed.take() is None and feed.has_ended and feed.take() is None


def test_at_most_so_many_are_drawn_and_the_iterator_is_closed() -> None:
    drawn: list[int] = []
    closed = threading.Event()

    def count() -> Iterator[int]:
        try:
            for number in range(1000):
                drawn.append(number)
                yield number
        finally:
            closed.set()

    with Feed(count(), 3) as feed:
        assert feed.take() == 0
        time.sleep(0.3)
        assert len(drawn) <= 1 + 3 + 1  # taken, waiting, and the one that has no room yet
    assert closed.is_set() and len(drawn) <= 5


def test_what_the_iterator_raises_comes_after_what_it_gave() -> None:
    def break_down() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with Feed(break_down(), 4) as feed:
        assert feed.take() == 1
        with pytest.raises(OSError, match="the disk is gone"):
            feed.take()
        assert feed.has_ended


def test_whoever_waits_is_told_when_nothing_is_ready() -> None:
    go_on = threading.Event()

    def wait() -> Iterator[int]:
        yield 1
        go_on.wait(10)
        yield 2

    with Feed(wait(), 4) as feed:
        seen = []
        for item in feed.take_as_ready():
            seen.append(item)
            if item is None:
                go_on.set()
    assert seen[0] == 1 and None in seen and [item for item in seen if item] == [1, 2]
    assert feed.has_ended
