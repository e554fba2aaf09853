"""Replicas on Ray: answers as one engine gives them, whatever dies meanwhile."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sightscale.model_adapters.engines import Completion, Decoding, Message, OnFinished, Prompt
from sightscale.model_adapters.engines.opening import open_engine
from sightscale.model_adapters.engines.store import StoredEngine, open_store
from sightscale.tasks.errors import UserError

pytest.importorskip("ray", reason="replicas are an extra")
from sightscale.model_adapters.engines.ray_pool import LOCAL, TRIES, RayPool, Replicas

SHORT = Decoding(4)
CPUS = 0.25


def ask(text: str) -> Prompt:
    return Prompt((Message("user", (text,)),))


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A Ray of this machine's own, with more CPUs in name than it has."""
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address=LOCAL, num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    yield
    ray.shutdown()


def make_engine(folder: Path, seconds: float = 0.0, batch: int = 4) -> Callable[[], Any]:
    """Opens an engine that sleeps, notes what it is asked in a file of its process, and dies of the word "poison"."""
    # Inside the function, so that it travels by its text: a replica can't import a test.
    from sightscale.model_adapters.engines import Completion as Answer, StreamingEngine

    class Sleeping(StreamingEngine):
        identity, parameters, room = "sleeping", 7, 2 * batch

        def stream(self, prompts: Any, decoding: Any) -> Any:
            batch_: list[Any] = []
            for item in prompts:
                batch_ += [item] if item else []
                if batch_ and (item is None or len(batch_) == batch):
                    yield from self.answer(batch_)
                    batch_ = []
            yield from self.answer(batch_) if batch_ else []

        def answer(self, prompts: Any) -> Any:
            import os
            import time

            with (folder / str(os.getpid())).open("a") as file:
                for _, prompt in prompts:
                    file.write(f"{prompt.text}\n")
            if any("poison" in prompt.text for _, prompt in prompts):
                os._exit(1)
            if any("refuse" in prompt.text for _, prompt in prompts):
                raise ValueError("this decoding makes no sense")
            time.sleep(seconds)
            for key, prompt in prompts:
                yield key, Answer(f"{prompt.text.upper()}{len(prompt.images) or ''}")

        def close(self) -> None:
            """Nothing is held."""

    return Sleeping


def asked(folder: Path) -> list[str]:
    return [line for file in folder.iterdir() for line in file.read_text().splitlines()]


def test_replicas_share_the_prompts_and_answer_in_order(tmp_path: Path) -> None:
    pool = RayPool(make_engine(tmp_path, 0.05), Replicas(2, CPUS, address=LOCAL, at_once=4))
    finished: list[int] = []
    answers = pool.generate([ask(f"q{i}") for i in range(40)], SHORT, lambda i, _: finished.append(i))
    assert [answer.text for answer in answers] == [f"Q{i}" for i in range(40)]
    assert sorted(finished) == list(range(40)) and sorted(asked(tmp_path)) == sorted(f"q{i}" for i in range(40))
    pool.wait_for_all()  # the second replica may have started later
    pool.generate([ask(f"more {i}") for i in range(40)], SHORT)
    assert len(list(tmp_path.iterdir())) == 2 and (pool.identity, pool.parameters) == ("sleeping", 7)
    assert pool.generate([], SHORT) == []
    pool.close()


def test_killed_replicas_cost_nothing_but_what_was_under_way(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    pool = RayPool(make_engine(tmp_path / "notes", 0.2, batch=2), Replicas(2, CPUS, address=LOCAL, at_once=2))
    stop = threading.Event()

    def kill() -> None:
        for _ in range(3):
            time.sleep(0.7)
            if stop.is_set():
                return
            processes = sorted(int(file.name) for file in (tmp_path / "notes").iterdir())
            with suppress(ProcessLookupError, IndexError):  # one that was killed before; none yet
                os.kill(random.choice(processes), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    store = open_store(tmp_path / "store.sqlite")
    prompts = [ask(f"q{i}") for i in range(40)]
    answers = StoredEngine(pool, store).generate(prompts, SHORT)
    stop.set()
    killer.join()
    assert [answer.text for answer in answers] == [f"Q{i}" for i in range(40)] and len(store) == 40
    # A kill costs the four prompts under way, and two answers that were ready and not handed over yet.
    assert len(asked(tmp_path / "notes")) <= 40 + 3 * (4 + 2)
    pool.close()


def test_a_prompt_that_kills_its_replicas_fails_alone(tmp_path: Path) -> None:
    pool = RayPool(make_engine(tmp_path), Replicas(2, CPUS, address=LOCAL, at_once=4))
    texts = [f"q{i}" for i in range(6)] + ["poison"] + [f"r{i}" for i in range(6)]
    answers = pool.generate([ask(text) for text in texts], SHORT)
    assert [answer.error is not None for answer in answers] == [text == "poison" for text in texts]
    assert f"its replica died {TRIES} times" in str(answers[6].error)
    assert asked(tmp_path).count("poison") == TRIES
    pool.close()


def test_what_an_engine_raises_comes_out_and_the_pool_lives_on(tmp_path: Path) -> None:
    pool = RayPool(make_engine(tmp_path), Replicas(2, CPUS, address=LOCAL, at_once=1))
    with pytest.raises(ValueError, match="makes no sense"):
        pool.generate([ask("a"), ask("refuse"), ask("b")], SHORT)
    for _ in range(3):
        assert [one.text for one in pool.generate([ask("c"), ask("d")], SHORT)] == ["C", "D"]
    pool.close()


def test_a_replica_that_waits_for_room_keeps_nobody_waiting(tmp_path: Path) -> None:
    pool = RayPool(make_engine(tmp_path), Replicas(3, 1.5, address=LOCAL, at_once=1))  # one fits
    assert len(pool.generate([ask(str(i)) for i in range(5)], SHORT)) == 5
    assert len(list(tmp_path.iterdir())) == 1
    pool.close()


def test_what_can_not_be_had_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no node of this Ray has 64 CPUs"):
        RayPool(make_engine(tmp_path), Replicas(1, 64, address=LOCAL))
    with pytest.raises(UserError, match=r"cannot load model .*nowhere") as caught:
        open_engine("./nowhere", replicas=2, ray=LOCAL, cpus_per_replica=CPUS)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="is served elsewhere"):
        open_engine("openai:m@http://127.0.0.1:1/v1", replicas=2)
    with pytest.raises(UserError, match="cpus_per_replica='many' must be a number"):
        open_engine("easy_vqa_nano", replicas=2, cpus_per_replica="many")


def test_a_real_model_answers_as_it_does_alone(random_nano: Path) -> None:
    prompts = [ask(f"how many {i}?") for i in range(6)]
    alone = open_engine(str(random_nano), dtype="float32", batch_size=2)
    pool = open_engine(str(random_nano), dtype="float32", batch_size=2, replicas=1, ray=LOCAL, cpus_per_replica=CPUS)
    said: list[tuple[int, Completion]] = []
    keep: OnFinished = lambda i, completion: said.append((i, completion))  # noqa: E731
    answers = pool.generate(prompts, Decoding(6), keep)
    assert [one.text for one in answers] == [one.text for one in alone.generate(prompts, Decoding(6))]
    assert len(said) == 6 and (pool.identity, pool.parameters) == (alone.identity, alone.parameters)
    pool.close()
