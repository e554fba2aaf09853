"""The store: what decides a key, and what happens to damaged, failed and repeated generations."""

import hashlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from sightscale.model_adapters.engines import (
    Completion,
    Completions,
    Decoding,
    Key,
    Likelihood,
    Likelihoods,
    Message,
    OnScored,
    Prompt,
    Prompts,
    StreamingEngine,
    hash_image,
)
from sightscale.model_adapters.engines.store import StoredEngine, StoreFile, generation_key, likelihood_key
from sightscale.model_adapters.engines.store_contents import describe_store, prune_store
from sightscale.tasks.pictures import open_picture

GREEDY = Decoding(8)


def ask(text: str, *images: Image.Image) -> Prompt:
    return Prompt((Message("user", (*images, text)),))


class Counting(StreamingEngine):
    """An engine that says how often it was asked what."""

    identity = "counting"

    def __init__(self, fail_on: str = "") -> None:
        self.asked: list[str] = []
        self.fail_on = fail_on

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        for item in prompts:
            if item:
                self.asked.append(item[1].text)
                failed = item[1].text == self.fail_on
                yield item[0], Completion("" if failed else item[1].text.upper(), error="no" if failed else None)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def store(tmp_path: Path) -> StoreFile:
    return StoreFile(tmp_path / "deep" / "store.sqlite")


def test_what_the_store_has_is_handed_on_before_the_engine_is_asked(tmp_path: Path) -> None:
    store, engine = StoreFile(tmp_path / "s.sqlite"), Counting()
    StoredEngine(engine, store).generate([ask("a"), ask("b")], GREEDY)
    taken: list[str] = []

    def pose() -> Iterator[tuple[str, Prompt] | None]:
        for text in ("a", "b", "c", "a", "c", "d"):
            taken.append(text)
            yield text, ask(text)
            yield None

    stored = StoredEngine(engine, store)
    stream = stored.stream(pose(), GREEDY)
    assert next(stream)[1].cached and taken == ["a"] and engine.asked == ["a", "b"]
    answers = list(stream)
    assert sorted(key for key, _ in answers) == ["a", "b", "c", "c", "d"]
    assert all(completion.text == key.upper() for key, completion in answers)
    assert engine.asked == ["a", "b", "c", "d"] and (stored.hits, stored.misses) == (4, 2)


def test_one_pixel_changes_the_key() -> None:
    one, other = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8))
    other.putpixel((7, 7), (0, 0, 1))
    assert generation_key("e", ask("q", one), GREEDY) != generation_key("e", ask("q", other), GREEDY)
    assert generation_key("e", ask("q", one), GREEDY) == generation_key("e", ask("q", one.copy()), GREEDY)


@pytest.mark.parametrize("in_place", [False, True])
def test_a_pixel_changed_after_the_first_look_changes_the_key(in_place: bool) -> None:
    picture = Image.new("RGB", (8, 8))
    first = generation_key("e", ask("q", picture), GREEDY)
    changed = picture if in_place else picture.copy()
    changed.putpixel((0, 7), (0, 1, 0))
    assert generation_key("e", ask("q", changed), GREEDY) != first


def test_the_palette_belongs_to_the_pixels() -> None:
    black, blue = Image.new("P", (8, 8)), Image.new("P", (8, 8))
    black.putpalette([0, 0, 0, 255, 255, 255])
    blue.putpalette([0, 0, 9, 255, 255, 255])
    assert black.tobytes() == blue.tobytes()
    assert ask("q", open_picture(black)).digest != ask("q", open_picture(blue)).digest


def test_a_picture_that_was_not_opened_has_no_hash() -> None:
    with pytest.raises(ValueError, match="mode P must be opened"):
        hash_image(Image.new("P", (8, 8)))


def test_size_place_and_number_of_pictures_change_the_key() -> None:
    wide, tall = Image.new("RGB", (8, 2)), Image.new("RGB", (2, 8))
    prompts = [
        ask("q"),
        ask("q", wide),
        ask("q", tall),
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


def test_only_unfinished_work_is_done(store: StoreFile) -> None:
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


def test_a_failure_is_not_kept(store: StoreFile) -> None:
    assert StoredEngine(Counting(fail_on="a"), store).generate([ask("a")], GREEDY)[0].error
    assert len(store) == 0
    assert StoredEngine(Counting(), store).generate([ask("a")], GREEDY)[0].text == "A"


def test_a_damaged_row_is_done_again(store: StoreFile) -> None:
    engine = Counting()
    StoredEngine(engine, store).generate([ask("a"), ask("b")], GREEDY)
    store.close()
    with sqlite3.connect(store.path) as raw:
        raw.execute("UPDATE generations SET body = replace(body, 'A', 'X') WHERE body LIKE '%\"A\"%'")
    answers = StoredEngine(engine, StoreFile(store.path)).generate([ask("a"), ask("b")], GREEDY)
    assert [one.text for one in answers] == ["A", "B"]
    assert engine.asked == ["a", "b", "a"]


@pytest.mark.parametrize("column", ["body", "checksum", "key", "engine", "written"])
@pytest.mark.parametrize("value", [b"\xff\xfe\x00", b""])
def test_bytes_that_are_no_text_damage_their_row_only(store: StoreFile, column: str, value: bytes) -> None:
    StoredEngine(Counting(), store).generate([ask("a"), ask("b")], GREEDY)
    store.close()
    broken = generation_key("counting", ask("a"), GREEDY)
    with sqlite3.connect(store.path) as raw:
        raw.execute(f"UPDATE generations SET {column} = CAST(? AS TEXT) WHERE key = ?", (value, broken))
    report = describe_store(store.path)
    assert sum(rows.rows for rows in report.engines) == 2
    unusable = column in ("body", "checksum", "key")  # the others decide nothing
    assert sum(rows.damaged for rows in report.engines) == unusable
    engine, again = Counting(), StoreFile(store.path)
    assert [one.text for one in StoredEngine(engine, again).generate([ask("a"), ask("b")], GREEDY)] == ["A", "B"]
    assert engine.asked == ["a"] * unusable
    again.close()
    prune_store(store.path, damaged=True)
    assert sum(rows.damaged for rows in describe_store(store.path).engines) == 0
    assert len(StoreFile(store.path)) == 2


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("this is not a database" * 100)
    with pytest.raises(ValueError, match=r"cannot use the store .*notes\.txt"):
        StoreFile(path)


def test_a_database_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "foreign.sqlite"
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE generations (x)")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="is not a store of sightscale: its generations lack body"):
        StoreFile(path)
    assert path.read_bytes() == before


def test_two_stores_on_one_file_see_each_others_work(store: StoreFile) -> None:
    other = StoreFile(store.path)
    StoredEngine(Counting(), store).generate([ask("a")], GREEDY)
    engine = Counting()
    StoredEngine(engine, other).generate([ask("a")], GREEDY)
    assert engine.asked == []


@pytest.mark.parametrize("change", [{"thinking_budget": 9}, {"nowait": "words"}])
def test_how_it_thinks_changes_the_key(change: dict) -> None:  # type: ignore[type-arg]
    other = Decoding(**{**GREEDY.as_dict(), **change})
    assert generation_key("e", ask("q"), other) != generation_key("e", ask("q"), GREEDY)


def test_a_field_that_a_newer_version_kept_is_left_out(store: StoreFile) -> None:
    store.put("k", "e", Completion("a"))
    body = '{"text": "a", "invented": 1}'
    checksum = hashlib.sha256(f"k\n{body}".encode()).hexdigest()
    with sqlite3.connect(store.path) as raw:
        raw.execute("UPDATE generations SET body = ?, checksum = ?", (body, checksum))
    assert store.get("k") == Completion("a")


@pytest.mark.parametrize("offset", [100, 4096, 9000, 20000])
def test_a_damaged_file_loses_no_more_than_its_damage(store: StoreFile, offset: int) -> None:
    prompts = [ask(f"question {i} {'x' * 200}") for i in range(200)]
    whole = StoredEngine(Counting(), store).generate(prompts, GREEDY)
    store.close()
    content = bytearray(store.path.read_bytes())
    content[offset : offset + 64] = bytes(range(64))
    store.path.write_bytes(content)
    try:
        again = StoredEngine(Counting(), StoreFile(store.path)).generate(prompts, GREEDY)
    except (ValueError, RuntimeError) as error:
        assert "store" in str(error) and "another" in str(error)
    else:
        assert again == whole


WRITER = """
import sys
from pathlib import Path
from sightscale.model_adapters.engines import Completion
from sightscale.model_adapters.engines.store import StoreFile
store = StoreFile(Path(sys.argv[1]))
for i in range(300):
    store.put(f"{sys.argv[2]} {i}", f"engine {sys.argv[2]}", Completion(f"{sys.argv[2]} said {i}"))
    store.put(f"shared {i}", "shared", Completion(f"shared {i}"))
    store.count(1, 1)
"""


def test_processes_write_to_one_file_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(one)]) for one in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4
    store = StoreFile(path)
    assert len(store) == 5 * 300
    for one in range(4):
        assert all((kept := store.get(f"{one} {i}")) and kept.text == f"{one} said {i}" for i in range(300))
    report = describe_store(path)
    assert (report.sessions, report.hits, report.misses) == (4, 1200, 1200)
    assert sum(rows.damaged for rows in report.engines) == 0


def test_a_store_says_what_it_holds(store: StoreFile) -> None:
    engine = StoredEngine(Counting(), store)
    assert describe_store(store.path).hit_rate is None
    engine.generate([ask("a"), ask("b"), ask("a")], GREEDY)
    engine.generate([ask("a")], GREEDY)
    store.put("k", "another", Completion("x"))
    with sqlite3.connect(store.path) as raw:
        raw.execute("UPDATE generations SET body = 'no' WHERE engine = 'another'")
    report = describe_store(store.path)
    assert [(rows.engine, rows.rows, rows.damaged) for rows in report.engines] == [
        ("another", 1, 1),
        ("counting", 2, 0),
    ]
    assert (report.sessions, report.hits, report.misses, report.hit_rate) == (1, 2, 2, 0.5)
    assert report.size >= store.path.stat().st_size


def test_a_store_is_pruned_by_everything_that_is_said(store: StoreFile) -> None:
    for i in range(50):
        for name in ("model-a@1", "model-b@2"):
            store.put(f"{name} {i}", name, Completion("x" * 2000))
    with sqlite3.connect(store.path) as raw:
        raw.execute("UPDATE generations SET written = ? WHERE key LIKE '% 1_'", (time.time() - 10 * 86400,))
        raw.execute("UPDATE generations SET body = 'no' WHERE key = 'model-b@2 49'")
    with pytest.raises(ValueError, match="say what"):
        prune_store(store.path)
    size = describe_store(store.path).size
    assert prune_store(store.path, damaged=True, engine="model-a") == {}
    assert prune_store(store.path, damaged=True) == {"model-b@2": 1}
    assert prune_store(store.path, engine="model-a", older_than=9) == {"model-a@1": 10}
    assert prune_store(store.path, older_than=11) == {}
    assert prune_store(store.path, engine="model-a") == {"model-a@1": 40}
    assert len(store) == 49 and store.get("model-b@2 11") == Completion("x" * 2000)
    assert describe_store(store.path).size < 0.6 * size


@pytest.mark.parametrize("content", [None, b"", b"text", b"SQLite format 3\0"])
def test_a_file_that_is_no_store_is_neither_shown_nor_made(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    if content is not None:
        path.write_bytes(content)
    for action in (describe_store, lambda file: prune_store(file, damaged=True)):
        with pytest.raises(ValueError, match="store"):
            action(path)
    assert path.is_file() == (content is not None)


class Scoring(Counting):
    """It scores a continuation by its length, and says how often it was asked about which."""

    def score(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
    ) -> list[Likelihoods]:
        done = []
        for i, (prompt, each) in enumerate(zip(prompts, continuations, strict=True)):
            self.asked += [f"{prompt.text}: {one}" for one in each]
            failed = prompt.text == self.fail_on
            scores = tuple(Likelihood(-len(one) - 1 / 3, len(one), one == "A") for one in each)
            done.append(Likelihoods(error="no") if failed else Likelihoods(scores, 7, 0.5))
            if on_scored:
                on_scored(i, done[-1])
        return done


def test_each_continuation_is_scored_once_and_kept_whole(store: StoreFile) -> None:
    engine = Scoring()
    stored = StoredEngine(engine, store)
    first = stored.score([ask("q"), ask("r")], [("A", "B"), ("A",)])
    assert engine.asked == ["q: A", "q: B", "r: A"]
    reported: list[int] = []
    again = stored.score([ask("q"), ask("r"), ask("s")], [("B", "C", "A"), ("A",), ()], lambda i, _: reported.append(i))
    assert engine.asked[3:] == ["q: C"] and sorted(reported) == [0, 1, 2]
    assert again[0].each == (*first[0].each[1:], Likelihood(-1 - 1 / 3, 1), first[0].each[0])
    assert again[1].each == first[1].each and again[2].each == ()
    assert (stored.hits, stored.misses) == (3, 4)


def test_a_likelihood_is_no_generation_and_a_failed_one_is_not_kept(store: StoreFile) -> None:
    engine = Scoring(fail_on="bad")
    stored = StoredEngine(engine, store)
    for _ in range(2):
        (scores,) = stored.score([ask("bad")], [("A",)])
        assert scores.error == "no" and not scores.each
    assert len(engine.asked) == 2 and len(store) == 0
    stored.score([ask("q")], [("A",)])
    assert stored.generate([ask("q")], GREEDY)[0].text == "Q"  # not what was kept of a likelihood
    keys = {likelihood_key("e", ask("q"), "A"), likelihood_key("e", ask("q"), "B"), likelihood_key("f", ask("q"), "A")}
    black = Image.new("RGB", (8, 8))
    keys |= {likelihood_key("e", ask("q", black), "A"), generation_key("e", ask("q"), GREEDY)}
    assert len(keys) == 5


def test_what_no_likelihood_looks_like_is_scored_anew(store: StoreFile) -> None:
    engine = Scoring()
    key = likelihood_key(engine.identity, ask("q"), "A")
    for text in ("", "[]", '{"logprob": NaN, "tokens": 1, "is_greedy": true}', '{"logprob": "x"}'):
        store.put(key, engine.identity, Completion(text))
        (scores,) = StoredEngine(engine, store).score([ask("q")], [("A",)])
        assert scores.each == (Likelihood(-1 - 1 / 3, 1, True),)
    assert len(engine.asked) == 4
