"""The checkup: what it says of a model that sees, of one that doesn't, and of others with something amiss."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sightscale.model_adapters import checkup
from sightscale.model_adapters.checkup import (
    PICTURES,
    State,
    check_answers,
    check_up,
    draw,
    tell_reading,
    tell_sight,
    warn_of_blindness,
)
from sightscale.model_adapters.engines import (
    Choice,
    Completion,
    Decoding,
    EngineFailure,
    Prompt,
    StreamingEngine,
    failed,
    open_engine,
)
from sightscale.model_adapters.engines.on_demand import OnDemandEngine
from sightscale.model_adapters.engines.store import StoredEngine, open_store
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine
from sightscale.tasks.errors import UserError

NAMES = (
    *("loads", "parameters", "context", "template", "pictures reach it", "thinking switch"),
    *("a picture changes the logits", "a second picture does", "a third picture does"),
    *("a question changes the logits", "no picture works"),
    *("a batch of 4 equals one by one", "stops by itself", "box convention", "engines agree"),
)
TEXT_ALONE = (
    "{% for message in messages %}{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}"
    "{% endfor %}{% endfor %} A:"
)
PICTURES_LAST = (
    "{% for part in messages[-1]['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% for part in messages[-1]['content'] if part['type'] == 'image' %}<image>{% endfor %} A:"
)


class Scripted:
    """An engine that answers by a rule, as far as a test says."""

    identity, parameters = "scripted", None

    def __init__(self, answer: Any, *, moves: float = 1.0, reads: float = 1.0, noise: float = 0.0) -> None:
        self._answer, self._moves, self._reads, self._noise, self._asked = answer, moves, reads, noise, 0

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding, on_finished: Any = None) -> list[Completion]:
        return [self._answer(prompt, len(prompts)) for prompt in prompts]

    def list_choices(self, prompt: Prompt, decoding: Decoding) -> list[Choice]:
        self._asked += 1
        seen = self._moves * sum(image.getpixel((0, 0))[0] for image in prompt.images) + self._noise * self._asked
        seen += self._reads * len(prompt.text)
        return [Choice("a", -seen, {"a": -seen, "b": -9.0})]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def blind(random_nano: Path, tmp_path: Path) -> Path:
    """A model whose pictures become nothing on their way to the language model."""
    folder = Path(shutil.copytree(random_nano, tmp_path / "blind"))
    weights = load_file(folder / "model.safetensors")
    dead = {name: torch.zeros_like(tensor) for name, tensor in weights.items() if "projector" in name}
    assert dead
    save_file({**weights, **dead}, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_a_model_that_sees_has_no_fault(random_nano: Path) -> None:
    checks = list(check_up(str(random_nano), {"dtype": "float32"}))
    assert tuple(check.name for check in checks) == NAMES
    assert all(check.state != State.FAULT for check in checks)
    said = {check.name: check.says for check in checks}
    assert "pixel_values 1×3×64×64" in said["pictures reach it"] and "nats" in said["a picture changes the logits"]
    assert "|transformers|float32" in said["loads"] and said["box convention"] != ""


def test_a_model_that_does_not_look_is_a_fault(blind: Path) -> None:
    states = {check.name: check.state for check in check_up(str(blind), {"dtype": "float32"})}
    assert states["a picture changes the logits"] == states["a third picture does"] == State.FAULT
    assert states["a batch of 4 equals one by one"] == states["loads"] == State.OK
    said, warning = warn_of_blindness(TransformersEngine(str(blind), dtype="float32"))
    assert said in warning and "doesn't look" in warning


def test_one_that_cannot_be_loaded_is_one_fault_with_its_reason() -> None:
    (check,) = check_up("no/such/model", {})
    assert check.state == State.FAULT and check.says.startswith("cannot load model 'no/such/model'")


def check_scripted(engine: Scripted, monkeypatch: pytest.MonkeyPatch) -> dict[str, checkup.Check]:
    monkeypatch.setattr(checkup, "open_engine", lambda model, **options: engine)
    return {check.name: check for check in check_up("m", {})}


def test_what_depends_on_batch_mates_fails_without_pictures_or_never_stops_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(prompt: Prompt, mates: int) -> Completion:
        return Completion(f"{mates}", finish_reason="length") if prompt.images else failed("ValueError: no picture")

    checks = check_scripted(Scripted(answer), monkeypatch)
    batches, ends, bare = (checks[name] for name in (NAMES[11], "stops by itself", "no picture works"))
    assert (batches.state, batches.says, batches.mend) == (State.FAULT, "4 of 4 differ", "add batch_size=1")
    assert (ends.state, ends.says) == (State.NOTE, f"0 of {PICTURES} answers within 64 tokens")
    assert bare.state == State.NOTE and bare.says == "ValueError: no picture" and "black" in bare.mend
    assert checks["context"].state == State.NOTE  # an engine that tells nothing of its inside


def test_an_answer_that_fails_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = check_scripted(Scripted(lambda prompt, mates: failed("KeyError: 'x'")), monkeypatch)
    assert checks["stops by itself"].state == checks[NAMES[11]].state == State.FAULT
    assert "8 of 8 answers fail: KeyError: 'x'" in checks["stops by itself"].says


def test_what_moves_by_itself_is_no_sight() -> None:
    fine = Completion("x")
    assert tell_sight(Scripted(lambda *_: fine)).changes
    assert not tell_sight(Scripted(lambda *_: fine, moves=0)).changes
    assert not tell_sight(Scripted(lambda *_: fine, moves=0, noise=0.3)).changes
    assert tell_reading(Scripted(lambda *_: fine)).changes
    assert not tell_reading(Scripted(lambda *_: fine, reads=0)).changes


def test_a_question_that_is_not_read_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = Scripted(lambda *_: Completion("x"), reads=0)
    check = check_scripted(deaf, monkeypatch)["a question changes the logits"]
    assert (check.state, check.says) == (State.FAULT, "they stay as they are")
    said, warning = warn_of_blindness(deaf)
    assert said in warning and "a question doesn't change the logits" in said


class Silent(Scripted):
    """An engine that tells no log-probabilities."""

    def list_choices(self, prompt: Prompt, decoding: Decoding) -> list[Choice]:
        return []


def test_one_that_cannot_be_asked_is_refused_at_once() -> None:
    broken = Silent(lambda prompt, _: failed("KeyError: 'x'") if prompt.images else Completion("x"))
    with pytest.raises(UserError, match=r"^model 'scripted' can't be asked about a picture: KeyError: 'x'; `sightsc"):
        warn_of_blindness(broken)
    check_answers(broken)
    with pytest.raises(UserError, match=r"^model 'scripted' can't be asked a question: KeyError: 'x'; `sightscale"):
        check_answers(Silent(lambda *_: failed("KeyError: 'x'")))
    assert warn_of_blindness(Silent(lambda *_: Completion("x")))[0].startswith("not told: ")


def test_a_text_model_is_refused_where_pictures_are_asked_about(tiny_thinker: Path) -> None:
    with pytest.raises(UserError, match=r"about a picture: ValueError: this model reads text only"):
        warn_of_blindness(TransformersEngine(str(tiny_thinker), dtype="float32"))


@pytest.mark.parametrize(
    ("mistake", "check", "says"),
    [
        ("{% for m in messages %}{{ m['role' }}", "loads", "its own chat template is no jinja: line 1: "),
        ("{{ raise_exception('never') }}", "loads", "fails on a plain question: never; mend it, or give another by"),
        ("{{ 'assistant:' }}", "loads", "leaves the question out of the prompt; mend it, or give another by"),
        (None, "loads", "has no chat template, so it can't be asked a question; add chat_template=FILE"),
        (TEXT_ALONE, "template", "the chat template leaves pictures out of the prompt; mend it, or give another by"),
        (PICTURES_LAST, "template", "puts a picture behind the question that follows it and leaves out what a system"),
    ],
    ids=["syntax", "refuses", "no question", "none", "no pictures", "pictures last"],
)
def test_a_template_with_a_mistake_is_one_line(
    mistake: str | None, check: str, says: str, random_nano: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(random_nano, tmp_path / "mistaken"))
    (folder / "chat_template.jinja").unlink()
    if mistake is not None:
        (folder / "chat_template.jinja").write_text(mistake)
    checks = {check.name: check for check in check_up(str(folder), {"dtype": "float32"})}
    assert says in checks[check].says and "\n" not in checks[check].says
    assert checks[check].state == (State.NOTE if mistake == PICTURES_LAST else State.FAULT)
    assert checks[check].mend or "; mend it" in checks[check].says or "; add chat_template" in checks[check].says


class Rival(Scripted):
    """A second engine, with its own answer and how much likelier each of its tokens is than another."""

    def __init__(self, text: str, margin: float) -> None:
        super().__init__(lambda *_: Completion(text))
        self._text, self._margin = text, margin

    def list_choices(self, prompt: Prompt, decoding: Decoding) -> list[Choice]:
        return [Choice(token, -0.1, {token: -0.1, "?": -0.1 - self._margin}) for token in self._text]


@pytest.mark.parametrize(
    ("rival", "state", "says"),
    [
        (Rival("a red box", 9.0), State.OK, "8 of 8 answers are the same in transformers and vLLM"),
        (Rival("a red ball", 0.1), State.NOTE, "0 of 8 .*; the others part where two tokens are about as likely"),
        (Rival("a red ball", 9.0), State.FAULT, "0 of 8 .*; 8 part where vLLM is sure of another token"),
        (Scripted(lambda *_: failed("broken")), State.FAULT, "8 of 8 answers fail in vLLM: broken"),
    ],
    ids=["same", "near", "other", "failing"],
)
def test_engines_are_compared(rival: Scripted, state: State, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def open_either(model: str, **options: Any) -> Scripted:
        if model == "m":
            return Scripted(lambda *_: Completion("a red box"))
        asked.append(options)
        return rival

    monkeypatch.setattr(checkup, "open_engine", open_either)
    monkeypatch.setattr(checkup, "find_spec", lambda name: object())
    *_, last = check_up("m", {"dtype": "float32", "device": "cpu", "allow_unused_weights": True})
    assert last.state == state and re.search(says, last.says), last.says
    assert (state == State.OK) == (last.mend == "") or "parity" not in last.mend
    assert asked == [checkup.SMALL | {"dtype": "float32", "allow_unused_weights": True}] and rival.closed
    *_, other = check_up("m", {"chat_template": "git"})
    assert other.state == State.NOTE and "own template" in other.says and len(asked) == 1


@pytest.mark.vllm
def test_vllm_agrees_with_transformers_and_a_planted_difference_is_a_fault(
    random_nano: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []

    def open_either(model: str, **options: Any) -> Any:
        if not model.startswith("vllm:"):
            return open_engine(model, **options)
        if not kept:
            kept.append(open_engine(model, **options))
            monkeypatch.setattr(kept[0], "close", lambda: None)
        return kept[0]

    monkeypatch.setattr(checkup, "open_engine", open_either)
    *_, last = check_up("easy_vqa_nano", {"dtype": "float32"})
    assert (last.name, last.state) == ("engines agree", State.OK), last.says
    *_, planted = check_up(str(random_nano), {"dtype": "float32"})  # other weights in transformers alone
    monkeypatch.undo()
    kept[0].close()
    assert planted.state == State.FAULT and "part where vLLM is sure of another token" in planted.says


def test_a_second_picture_that_is_refused_is_a_note(write_tiny: Callable[[str, Path], Path], tmp_path: Path) -> None:
    folder = write_tiny("florence2", tmp_path / "florence2")
    checks = {check.name: check for check in check_up(str(folder), {"dtype": "float32"})}
    assert checks["a second picture does"].state == State.NOTE and "a third picture does" not in checks
    assert (
        "it takes 1 a question: ValueError: this architecture takes one picture a question"
        in checks["a second picture does"].says
    )


def test_a_text_model_is_a_reasoning_module_at_most(tiny_thinker: Path) -> None:
    checks = {check.name: check for check in check_up(str(tiny_thinker), {"dtype": "float32"})}
    assert all(check.state != State.FAULT for check in checks.values())
    assert "reads text only" in checks["a picture changes the logits"].says
    assert checks["thinking switch"].says == "its template heeds enable_thinking"


def test_engines_behind_others_tell_what_the_one_inside_tells(random_nano: Path, tmp_path: Path) -> None:
    inside = TransformersEngine(str(random_nano), dtype="float32")
    prompt = checkup._ask([draw(0)])
    (told,) = inside.list_choices(prompt, Decoding(1))
    for engine in (StoredEngine(inside, open_store(tmp_path / "store.sqlite")), OnDemandEngine(lambda: inside)):
        assert engine.list_choices(prompt, Decoding(1)) == [told]

    class Mute(StreamingEngine):
        identity, parameters = "mute", None

        def stream(self, prompts: Any, decoding: Decoding) -> Any:
            return ((key, Completion("x")) for key, _ in prompts)

        def close(self) -> None:
            pass

    for engine in (StoredEngine(Mute(), open_store(tmp_path / "other.sqlite")), OnDemandEngine(Mute)):  # type: ignore[arg-type,type-abstract]
        with pytest.raises(EngineFailure, match="doesn't tell"):
            engine.list_choices(prompt, Decoding(1))
    assert warn_of_blindness(OnDemandEngine(Mute)) == (  # type: ignore[arg-type,type-abstract]
        "not told: this engine doesn't tell log-probabilities",
        "",
    )


def test_vllm_that_cannot_load_it_is_a_note(monkeypatch: pytest.MonkeyPatch, random_nano: Path) -> None:
    def open_only_ours(model: str, **options: Any) -> Any:
        if model.startswith("vllm:"):
            raise UserError("vLLM cannot load it")
        return TransformersEngine(model, dtype="float32")

    monkeypatch.setattr(checkup, "open_engine", open_only_ours)
    monkeypatch.setattr(checkup, "find_spec", lambda name: object())
    *_, last = check_up(str(random_nano), {})
    assert (last.name, last.state, last.says) == ("engines agree", State.NOTE, "vLLM cannot load it")
