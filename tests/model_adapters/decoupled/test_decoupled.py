"""The decoupled model with real engines: what perception is told on every task, what is opened, what a kill costs."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from lmms_eval.tasks import TaskManager
from PIL import Image
from safetensors.torch import load_file, save_file
from tenacity import RetryError

from sightscale.model_adapters.adapter import Trace
from sightscale.model_adapters.decoupled import focus
from sightscale.model_adapters.decoupled.adapter import Decoupled
from sightscale.model_adapters.decoupled.focus import leaks
from sightscale.model_adapters.decoupled.prompts import perception_prompt
from sightscale.model_adapters.engines import (
    Completions,
    Decoding,
    Engine,
    Key,
    Prompts,
    StreamingEngine,
)
from sightscale.model_adapters.engines.on_demand import OnDemandEngine
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine
from sightscale.model_adapters.requests import Request, read_prompt
from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.catalogue import list_tasks
from sightscale.tasks.instructions import has_options, split_instruction
from sightscale.tasks.sources import DATA
from sightscale.tasks.vocabulary import DataOrigin


class Listening(StreamingEngine):
    """A real engine, and every prompt it was given."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.prompts = engine, []  # type: ignore[var-annotated]
        self.identity = engine.identity

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        def listen() -> Prompts[Key]:
            for item in prompts:
                self.prompts += [item[1]] if item else []
                yield item

        yield from self.engine.stream(listen(), replace(decoding, max_new_tokens=6))

    def close(self) -> None:
        self.engine.close()


@pytest.fixture(scope="module", params=["two", pytest.param("every", marks=pytest.mark.slow)])
def requests_of_tasks(request: pytest.FixtureRequest) -> list[Request]:
    """Two requests of each task: of two, or of every one whose data are here, as the whole mini suite's are."""
    names = ["easy_vqa", "in_domain_gqa"] if request.param == "two" else [card.name for card in list_tasks()]
    found: dict[str, list[Request]] = {}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(DATA, DataOrigin.MINI)
        manager = TaskManager(include_path=[str(TASK_FOLDER)], include_defaults=False, model_name="decoupled")
        for card in names:
            if card not in found:
                with suppress(ValueError, RetryError):  # its data aren't here
                    for name, task in leaves(manager.load_task_or_group([card], task_type="chat")).items():
                        found[name] = [Request(name, "test", i, partial(read, task), {}) for i in range(2)]
    assert len(found) >= min(7, len(names))
    return [request for requests in found.values() for request in requests]


def leaves(loaded: dict[Any, Any]) -> dict[str, Any]:
    """Tasks by name, out of their groups."""
    found: dict[str, Any] = {}
    for name, task in loaded.items():
        found |= leaves(task) if isinstance(task, dict) else {name: task}
    return found


def read(task: Any, doc_id: int) -> list[dict[str, Any]]:
    return task.doc_to_messages(task.eval_docs[doc_id])


@pytest.mark.parametrize("writes_focus", [False, True])
def test_on_every_task_perception_gets_pictures_and_never_the_question(
    random_nano: Path, requests_of_tasks: list[Request], writes_focus: bool
) -> None:
    engine = TransformersEngine(str(random_nano))
    perceives, reasons = Listening(engine), Listening(engine)
    writes = {"focus_llm": "f", "focus_engine": Listening(engine)} if writes_focus else {}
    model = Decoupled("p", "r", perception_engine=perceives, reasoning_engine=reasons, **writes)  # type: ignore[arg-type]
    traces = model.answer(requests_of_tasks)
    for request, told, trace in zip(requests_of_tasks, perceives.prompts, traces, strict=True):
        question, _ = split_instruction(read_prompt(request.read(request.doc_id)).text)
        assert bool(told.images) != request.task.endswith("_blind"), request.task
        assert told.text == perception_prompt(trace.focus), request.task
        assert question not in told.text and not has_options(told.text), request.task
        assert trace.focus is None or not leaks(trace.focus, question), request.task
        if trace.error is None:  # a nano may be asked more than its context holds
            assert trace.description is not None and trace.description.strip() in trace.prompt
            assert question in trace.prompt, request.task
    assert not any(prompt.images for prompt in reasons.prompts)
    assert any(trace.error is None for trace in traces)


def requests(n: int, changed: int = -1) -> list[Request]:
    """Questions about pictures, in one of which a single pixel is changed."""

    def read(doc_id: int) -> list[dict[str, object]]:
        image = Image.new("RGB", (16, 16), (doc_id, 0, 0))
        if doc_id == changed:
            image.putpixel((15, 15), (doc_id, 0, 1))
        text = f"Question: what is number {doc_id}?\nAnswer the question using a single word or phrase."
        return [{"role": "user", "content": [{"type": "image", "url": image}, {"type": "text", "text": text}]}]

    return [Request("t", "test", i, read, {}) for i in range(n)]


def answer(
    perception: Path, reasoning: Path, store: Path, n: int = 6, changed: int = -1, **others: str
) -> tuple[list[Trace], dict[str, int]]:
    """The traces of a decoupled model, and how often each of its engines was opened."""
    model = Decoupled(str(perception), str(reasoning), store=str(store), answer_tokens=6, batch_size=2, **others)  # type: ignore[arg-type]
    model.perceiving = Decoding(8)
    traces = model.answer(requests(n, changed))
    inside: dict[str, OnDemandEngine] = {role: one._engine for role, one in model.engines.items()}  # type: ignore[attr-defined]
    return traces, {role: one.times_opened for role, one in inside.items()}


def kept(store: Path) -> int:
    """How many generations a store holds; none while it is being made."""
    if not store.is_file():
        return 0
    with (
        contextlib.suppress(sqlite3.OperationalError),
        sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection,
    ):
        return connection.execute("SELECT count(*) FROM generations").fetchone()[0]
    return 0


@pytest.fixture(scope="module")
def reasoner(random_nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with one weight changed: the same bytes elsewhere would be the same model."""
    folder = copytree(random_nano, tmp_path_factory.mktemp("models") / "reasoner")
    weights = load_file(folder / "model.safetensors")
    first = next(iter(weights))
    weights[first] = weights[first] + 0.001
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("stages", ["one-by-one", "together"])
def test_a_rerun_opens_no_model_and_gives_the_same(
    random_nano: Path, reasoner: Path, tmp_path: Path, stages: str
) -> None:
    first, opened = answer(random_nano, reasoner, tmp_path / "s", stages=stages)
    assert opened == {"perception": 1, "reasoning": 1}
    again, opened = answer(random_nano, reasoner, tmp_path / "s", stages=stages)
    assert opened == {"perception": 0, "reasoning": 0} and again == first


def test_a_new_reasoning_module_perceives_nothing_again(random_nano: Path, reasoner: Path, tmp_path: Path) -> None:
    answer(random_nano, random_nano, tmp_path / "s")
    _, opened = answer(random_nano, reasoner, tmp_path / "s")
    assert opened == {"perception": 0, "reasoning": 1}


def test_one_model_in_two_roles_is_loaded_once(random_nano: Path) -> None:
    model = Decoupled(str(random_nano), str(random_nano), reasoning_batch_size=32)
    assert model.engines["perception"] is model.engines["reasoning"]
    model = Decoupled(str(random_nano), str(random_nano), reasoning_batch_size=8)
    assert model.engines["perception"] is not model.engines["reasoning"]


def test_one_changed_pixel_is_perceived_anew(random_nano: Path, tmp_path: Path) -> None:
    answer(random_nano, random_nano, tmp_path / "s")
    before = kept(tmp_path / "s")
    _, opened = answer(random_nano, random_nano, tmp_path / "s", changed=3)
    assert opened["perception"] == 1
    assert kept(tmp_path / "s") in (before + 1, before + 2)  # the description may come out equal


def test_stages_one_by_one_and_together_answer_alike(random_nano: Path, reasoner: Path, tmp_path: Path) -> None:
    one = answer(random_nano, reasoner, tmp_path / "a", stages="one-by-one")[0]
    other = answer(random_nano, reasoner, tmp_path / "b", stages="together")[0]
    assert [trace.response for trace in one] == [trace.response for trace in other]


def run_and_kill(models: dict[str, str], folder: Path, kills: int) -> None:
    """In a process of its own: one whole run, then one killed `kills` times at random moments and begun again."""
    import torch

    torch.set_num_threads(1)
    focus.WRITING = Decoding(12, thinking=False)

    def begin(name: str) -> int:
        child = os.fork()
        if child:
            return child
        store = folder / f"{name}.sqlite"
        traces, _ = answer(Path(models["perception"]), Path(models["reasoning"]), store, 10, focus_llm=models["focus"])
        told = [{key: value for key, value in asdict(trace).items() if "seconds" not in key} for trace in traces]
        (folder / f"{name}.json").write_text(json.dumps(told))
        os._exit(0)

    assert os.waitpid(begin("whole"), 0)[1] == 0
    # Ten answers of the last stage are kept nearly at once, and then it ends: too soon to be killed for certain.
    for stop in sorted(random.Random(kills).sample(range(1, kept(folder / "whole.sqlite") - 9), kills)):
        child = begin("killed")
        while kept(folder / "killed.sqlite") < stop:
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before it could be killed"
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert not (folder / "killed.json").exists()
    assert os.waitpid(begin("killed"), 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_ends_with_the_same_answers(
    random_nano: Path, reasoner: Path, tmp_path: Path, kills: int
) -> None:
    models = {"perception": str(random_nano), "reasoning": str(reasoner), "focus": str(random_nano)}
    program = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
        f"from test_decoupled import run_and_kill; run_and_kill({models!r}, Path({str(tmp_path)!r}), {kills})"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=900)
    killed, whole = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("killed", "whole"))
    assert len(whole) == 10 and killed == whole
    assert kept(tmp_path / "killed.sqlite") == kept(tmp_path / "whole.sqlite")
