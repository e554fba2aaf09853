"""Worker processes: a function over many arguments, its results in order."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_FUNCTION: list[Callable[[Any], Any]] = []  # what the worker processes call; they inherit it


def _call(argument: Any) -> Any:
    return _FUNCTION[-1](argument)


def map_in_processes(function: Callable[[Any], Any], arguments: Sequence[Any], workers: int) -> Iterator[Any]:
    """What `function` returns for each argument, in order, from so many processes; none with 0 or 1."""
    if workers < 2:
        yield from map(function, arguments)
        return
    _FUNCTION.append(function)
    try:
        with multiprocessing.get_context("fork").Pool(min(workers, len(arguments))) as pool:
            yield from pool.imap(_call, arguments)
    finally:
        _FUNCTION.pop()
