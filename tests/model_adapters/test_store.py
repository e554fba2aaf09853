"""The store: what decides a key, and what happens to damaged, failed and repeated generations."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from sightscale.model_adapters.engines import Completion, Decoding, Message, OnFinished, Prompt
from sightscale.model_adapters.store import Store, StoredEngine, generation_key

GREEDY = Decoding(8)


def ask(text: str, *images: Image.Image) -> Prompt:
    return Prompt((Message("user", (*images, text)),))


class Counting:
    """An engine that says how often it was asked what."""

    identity = "counting"

    def __init__(self, fail_on: str = "") -> None:
        self.asked: list[str] = []
        self.fail_on = fail_on

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, on_finished: OnFinished | None = None
    ) -> list[Completion]:
        done = []
        for i, prompt in enumerate(prompts):
            self.asked.append(prompt.text)
            failed = prompt.text == self.fail_on
            done.append(Completion("" if failed else prompt.text.upper(), error="no" if failed else None))
            if on_finished:
                on_finished(i, done[-1])
        return done

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / "store.sqlite")


def test_one_pixel_changes_the_key() -> None:
    one, other = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8))
    other.putpixel((7, 7), (0, 0, 1))
    assert generation_key("e", ask("q", one), GREEDY) != generation_key("e", ask("q", other), GREEDY)
    assert generation_key("e", ask("q", one), GREEDY) == generation_key("e", ask("q", one.copy()), GREEDY)


def test_size_mode_place_and_number_of_pictures_change_the_key() -> None:
    wide, tall = Image.new("RGB", (8, 2)), Image.new("RGB", (2, 8))
    grey = Image.new("L", (24, 2))
    prompts = [
        ask("q"),
        ask("q", wide),
        ask("q", tall),
        ask("q", grey),
        ask("q", wide, wide),
        Prompt((Message("user", ("q", wide)),)),
        Prompt((Message("system", ("q",)),)),
        Prompt((Message("user", ("q", "")),)),
    ]
    assert len({prompt.digest for prompt in prompts}) == len(prompts)


@pytest.mark.parametrize(
    "change", [{"max_new_tokens": 9}, {"temperature": 0.5}, {"seed": 1}, {"stop": ("x",)}, {"thinking": True}]
)
def test_decoding_and_engine_change_the_key(change: dict) -> None:  # type: ignore[type-arg]
    other = Decoding(**{**GREEDY.as_dict(), **change})
    assert generation_key("e", ask("q"), other) != generation_key("e", ask("q"), GREEDY)
    assert generation_key("e", ask("q"), GREEDY) != generation_key("f", ask("q"), GREEDY)


def test_only_unfinished_work_is_done(store: Store) -> None:
    engine = Counting()
    first = StoredEngine(engine, store).generate([ask("a"), ask("b")], GREEDY)
    seen: list[int] = []
    again = StoredEngine(engine, store)
    second = again.generate([ask("b"), ask("c"), ask("a"), ask("c")], GREEDY, lambda i, _: seen.append(i))
    assert engine.asked == ["a", "b", "c"]
    assert [one.text for one in second] == ["B", "C", "A", "C"]
    assert sorted(seen) == [0, 1, 2, 3]
    assert second[2] == first[0] and second[2].cached and not first[0].cached
    assert (again.hits, again.misses) == (3, 1)


def test_a_failure_is_not_kept(store: Store) -> None:
    assert StoredEngine(Counting(fail_on="a"), store).generate([ask("a")], GREEDY)[0].error
    assert len(store) == 0
    assert StoredEngine(Counting(), store).generate([ask("a")], GREEDY)[0].text == "A"


def test_a_damaged_row_is_done_again(store: Store) -> None:
    engine = Counting()
    StoredEngine(engine, store).generate([ask("a"), ask("b")], GREEDY)
    store.close()
    with sqlite3.connect(store.path) as raw:
        raw.execute("UPDATE generations SET body = replace(body, 'A', 'X') WHERE body LIKE '%\"A\"%'")
    answers = StoredEngine(engine, Store(store.path)).generate([ask("a"), ask("b")], GREEDY)
    assert [one.text for one in answers] == ["A", "B"]
    assert engine.asked == ["a", "b", "a"]


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("this is not a database" * 100)
    with pytest.raises(ValueError, match=r"cannot use the store .*notes\.txt"):
        Store(path)


def test_two_stores_on_one_file_see_each_others_work(store: Store) -> None:
    other = Store(store.path)
    StoredEngine(Counting(), store).generate([ask("a")], GREEDY)
    engine = Counting()
    StoredEngine(engine, other).generate([ask("a")], GREEDY)
    assert engine.asked == []
