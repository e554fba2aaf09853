"""Engines on demand: opened only for what the store lacks, one at a time, and never as another model."""

import shutil
from pathlib import Path

import pytest

from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import (
    Completion,
    Completions,
    Decoding,
    Key,
    Message,
    Prompt,
    Prompts,
    StreamingEngine,
)
from sightscale.model_adapters.engines.on_demand import OnDemandEngine, Room, open_on_demand
from sightscale.model_adapters.engines.store import generation_key
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine, identify
from sightscale.tasks.errors import UserError

ASKED = [Prompt((Message("user", ("what is it?",)),))]
SHORT = Decoding(2)


class Opened(StreamingEngine):
    """An engine that says on a list when it is there and when it is gone."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.identity, self.parameters, self.log = name, 7, log
        log.append(f"open {name}")

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        self.log.append(f"ask {self.identity}")
        yield from ((item[0], Completion(self.identity)) for item in prompts if item)

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
    identity = identify(path, "float32")
    assert identity.startswith("SmolLM2-135M-Instruct.Q4_1.gguf@") and identity.endswith("|transformers|float32")


def test_the_same_weights_at_another_path_are_the_same_model(random_nano: Path, tmp_path: Path) -> None:
    moved, renamed = tmp_path / "elsewhere" / random_nano.name, tmp_path / "my copy; of it"
    for folder in (moved, renamed):
        shutil.copytree(random_nano, folder)
    identities = [identify(str(folder)) for folder in (random_nano, moved, renamed)]
    assert identities[0] == identities[1] and str(tmp_path) not in "".join(identities)
    assert len({generation_key(identity, ASKED[0], SHORT) for identity in identities}) == 1
    with (renamed / "config.json").open("a") as file:
        file.write("\n")
    assert generation_key(identify(str(renamed)), ASKED[0], SHORT) != generation_key(identities[0], ASKED[0], SHORT)


def test_a_single_file_may_be_renamed(tmp_path: Path) -> None:
    path = Path(find_checkpoint("smollm2-135m-instruct"))
    (tmp_path / "mine.gguf").symlink_to(path)
    keys = {generation_key(identify(str(file)), ASKED[0], SHORT) for file in (path, tmp_path / "mine.gguf")}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@http://host:1/v1|openai", "b@http://host:1/v1|openai"),
        (f"owner/a@{'0' * 40}|transformers|float32", f"owner/b@{'0' * 40}|transformers|float32"),
        ("a@0123456789abcdef|transformers|float32", "a@0123456789abcdee|transformers|float32"),
        ("a@0123456789abcdef|transformers|float32", "a@0123456789abcdef|transformers|bfloat16"),
    ],
)
def test_what_may_answer_differently_has_another_key(one: str, other: str) -> None:
    assert generation_key(one, ASKED[0], SHORT) != generation_key(other, ASKED[0], SHORT)


def test_a_model_that_is_not_there_is_named_without_opening() -> None:
    with pytest.raises(ValueError, match="neither a shipped checkpoint"):
        open_on_demand("no_such_model", {}).identity  # noqa: B018
    with pytest.raises(ValueError, match="no argument 'colour'"):
        open_on_demand("easy_vqa_nano", {"colour": "red"}).identity  # noqa: B018


def test_the_size_is_known_without_opening() -> None:
    engine = open_on_demand("easy_vqa_nano", {})
    before = engine.parameters
    assert isinstance(engine, OnDemandEngine) and engine.times_opened == 0
    engine.generate(ASKED, SHORT)
    assert engine.parameters == before and before is not None and before > 10_000
