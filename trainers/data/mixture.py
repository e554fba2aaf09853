"""Mixtures: a stage's sources of conversations as one fixed, seeded list of a known length."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np

from sightscale.tasks.errors import UserError
from sightscale.trainers.data.conversation_files import BadRow, ConversationFile
from sightscale.trainers.data.conversations import Conversation, Conversations
from sightscale.trainers.data.hub_files import find_hub_files
from sightscale.trainers.data.sources import open_source
from sightscale.trainers.recipe import ConversationFiles, HubFiles, Source, Stage


@dataclass(frozen=True)
class Ingredient:
    """One source of a mixture: its name, its rows, how many of them may be used, its weight, what was bad."""

    name: str
    rows: Conversations
    usable: int  # rows, after the cap
    weight: float
    bad: tuple[BadRow, ...] = ()


@dataclass
class Mixture:
    """Conversations drawn from ingredients; which row stands at a position depends on the seed alone."""

    ingredients: Sequence[Ingredient]
    counts: Sequence[int]  # how many conversations each ingredient gives
    seed: int
    _which: np.ndarray = field(init=False, repr=False)
    _nth: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        which = np.repeat(np.arange(len(self.counts), dtype=np.int16), self.counts)
        if len(self.ingredients) > 1:
            np.random.default_rng(self.seed).shuffle(which)
        self._which = which
        self._nth = np.empty(len(which), dtype=np.int64)  # the position within its own ingredient
        for k, count in enumerate(self.counts):
            self._nth[which == k] = np.arange(count)

    def __len__(self) -> int:
        return len(self._which)

    def __getitem__(self, i: int) -> Conversation:
        if not 0 <= i < len(self):
            raise IndexError(i)
        conversation: Conversation = self.ingredients[self._which[i]].rows[int(self._nth[i])]
        return conversation

    def report(self) -> list[tuple[str, int, int, int]]:
        """For each ingredient: its name, usable rows, conversations drawn, bad rows."""
        return [
            (one.name, one.usable, count, len(one.bad))
            for one, count in zip(self.ingredients, self.counts, strict=True)
        ]


class FileRows:
    """The rows of conversation files as one endless list: each pass over them in another seeded order."""

    def __init__(self, files: Sequence[ConversationFile], usable: int, seed: int) -> None:
        self.files, self.usable, self.seed = files, usable, seed
        self._ends = np.cumsum([len(file) for file in files])
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=np.int64))

    def __len__(self) -> int:
        return self.usable

    def __getitem__(self, i: int) -> Conversation:
        epoch, at = divmod(i, self.usable)
        if self._order[0] != epoch:
            # The cap keeps the same rows in every pass; only their order changes.
            rows = np.random.default_rng(self.seed).permutation(int(self._ends[-1]))[: self.usable]
            self._order = (epoch, np.random.default_rng([self.seed, epoch]).permutation(rows))
        row = int(self._order[1][at])
        file = int(np.searchsorted(self._ends, row, side="right"))
        return self.files[file][row - (int(self._ends[file - 1]) if file else 0)]


def build_mixture(stage: Stage, seed: int, augment: bool, data_root: Path, fetch: bool = True) -> Mixture:
    """The mixture of a stage; `fetch` says whether hub data sets that aren't there yet may be fetched.

    Raises UserError when a file is missing or a source has no usable row.
    """
    ingredients = [_open(source, seed + k, augment, data_root, fetch) for k, source in enumerate(stage.mixture)]
    empty = [one for one in ingredients if one.usable == 0]
    if empty:
        reason = f"; the first bad one: {empty[0].bad[0]}" if empty[0].bad else ""
        raise UserError(f"{empty[0].name} has no usable row{reason}")
    if stage.steps is not None:
        total = stage.steps * stage.batch_size
        shares = np.array([one.weight for one in ingredients])
        ends = np.rint(np.cumsum(shares / shares.sum()) * total).astype(int)
        counts = np.diff(ends, prepend=0).tolist()
    else:
        assert stage.epochs is not None  # the recipe's schema has seen to that
        counts = [ceil(stage.epochs * one.weight * one.usable) for one in ingredients]
    return Mixture(ingredients, counts, seed)


def _open(source: Source, seed: int, augment: bool, data_root: Path, fetch: bool) -> Ingredient:
    if isinstance(source, ConversationFiles | HubFiles):
        images = data_root / source.images if source.images else None
        if isinstance(source, HubFiles):
            name = source.dataset
            paths = find_hub_files(source.dataset, source.revision, source.files, data_root, fetch)
        else:
            name, paths = ", ".join(source.files), [data_root / file for file in source.files]
        files = [ConversationFile(path, images) for path in paths]
        bad = tuple(row for file in files for row in file.bad)
        usable = _capped(sum(map(len, files)), source.cap)
        return Ingredient(name, FileRows(files, usable, seed), usable, source.weight, bad)
    rows = open_source(source.source).converse(source, seed, augment)
    return Ingredient(source.source, rows, _capped(len(rows), source.cap), source.weight)


def _capped(rows: int, cap: int | None) -> int:
    return min(rows, cap) if cap else rows
