"""Engines on demand: opened only for what the store lacks, one at a time, and never as another model."""

from pathlib import Path
from typing import Any

import pytest

from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import Completion, Decoding, Message, OnFinished, Prompt
from sightscale.model_adapters.engines.on_demand import OnDemandEngine, Room, open_on_demand
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine, identify
from sightscale.tasks.errors import UserError

ASKED = [Prompt((Message("user", ("what is it?",)),))]
SHORT = Decoding(2)


class Opened:
    """An engine that says on a list when it is there and when it is gone."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.identity, self.parameters, self.log = name, 7, log
        log.append(f"open {name}")

    def generate(self, prompts: Any, decoding: Decoding, on_finished: OnFinished | None = None) -> list[Completion]:
        self.log.append(f"ask {self.identity}")
        return [Completion(self.identity) for _ in prompts]

    def close(self) -> None:
        self.log.append(f"close {self.identity}")


def test_engines_that_share_a_room_make_each_other_leave() -> None:
    log: list[str] = []
    room = Room()
    one, other = (OnDemandEngine(lambda name=name: Opened(name, log), room=room) for name in ("p", "r"))  # type: ignore[misc]
    for engine in (one, one, other, one):
        assert engine.generate(ASKED, SHORT)[0].text == engine.identity
    assert log == ["open p", "ask p", "ask p", "close p", "open r", "ask r", "close r", "open p", "ask p"]
    assert (one.times_opened, other.times_opened, one.parameters) == (2, 1, 7)


def test_without_a_room_they_stay() -> None:
    log: list[str] = []
    one, other = (OnDemandEngine(lambda name=name: Opened(name, log)) for name in ("p", "r"))  # type: ignore[misc]
    for engine in (one, other, one):
        engine.generate(ASKED, SHORT)
    assert log == ["open p", "ask p", "open r", "ask r", "ask p"]


def test_an_identity_that_is_known_opens_nothing() -> None:
    log: list[str] = []
    assert OnDemandEngine(lambda: Opened("p", log), lambda: "p").identity == "p"
    assert log == []
    assert OnDemandEngine(lambda: Opened("p", log)).identity == "p"
    assert log == ["open p"]


def test_a_model_that_changed_meanwhile_is_refused() -> None:
    engine = OnDemandEngine(lambda: Opened("new", []), lambda: "old")
    with pytest.raises(UserError, match="old changed into new"):
        engine.generate(ASKED, SHORT)


@pytest.mark.parametrize("dtype", ["auto", "float32", "bfloat16"])
def test_the_identity_from_files_is_the_engines_own(random_nano: Path, dtype: str) -> None:
    assert identify(str(random_nano), dtype) == TransformersEngine(str(random_nano), dtype=dtype).identity


def test_the_identity_of_a_gguf_file_is_the_engines_own() -> None:
    path = find_checkpoint("smollm2-135m-instruct")
    assert identify(path, "float32").endswith("|transformers|float32") and path in identify(path)


def test_a_model_that_is_not_there_is_named_without_opening() -> None:
    with pytest.raises(ValueError, match="no shipped checkpoint"):
        open_on_demand("no_such_model", {}).identity  # noqa: B018
    with pytest.raises(ValueError, match="no argument 'colour'"):
        open_on_demand("easy_vqa_nano", {"colour": "red"}).identity  # noqa: B018


def test_the_size_is_known_without_opening() -> None:
    engine = open_on_demand("easy_vqa_nano", {})
    before = engine.parameters
    assert isinstance(engine, OnDemandEngine) and engine.times_opened == 0
    engine.generate(ASKED, SHORT)
    assert engine.parameters == before and before is not None and before > 10_000
