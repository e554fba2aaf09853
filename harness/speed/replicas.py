"""Replicas against one engine: a real model with one core each, and many replicas that only sleep.

Sleeping replicas take no processor, so that what a pool of 4 or 8 costs by itself can be measured on a small machine:
each batch of theirs takes a fixed time, and as many replicas should do as many times the work.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sightscale.harness.speed.questions import questions_with_a_picture_each
from sightscale.harness.speed.timing import Comparison, alternate, run_lmms_eval
from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import (
    LOCAL,
    Completion,
    Completions,
    Decoding,
    Engine,
    Key,
    Message,
    Prompt,
    Prompts,
    RayPool,
    Replicas,
    StreamingEngine,
    open_engine,
)
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError

BATCH, SECONDS = 8, 0.5  # of a sleeping replica
SHARES = {4: 0.9, 8: 0.85}  # of as many times the work of one, that so many replicas should do
TWICE = 1.8  # times as fast, that two replicas of a real model should be


def make_sleeping() -> Callable[[], Engine]:
    """Opens an engine that takes `SECONDS` for each batch of `BATCH` prompts, and no processor."""

    # Inside the function, so that it travels by its text: a replica need not import all of this package.
    class Sleeping(StreamingEngine):
        identity, parameters, room = "sleeping", None, 2 * BATCH

        def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
            """The answer A to every prompt, batch by batch."""
            batch: list[Key] = []
            for item in prompts:
                batch += [item[0]] if item else []
                if len(batch) == BATCH or (batch and item is None):
                    yield from self.answer(batch)
                    batch = []
            yield from self.answer(batch) if batch else ()

        def answer(self, batch: list[Key]) -> Completions[Key]:
            time.sleep(SECONDS)
            yield from ((key, Completion("A", output_tokens=1)) for key in batch)

        def close(self) -> None:
            """Nothing is held."""

    return Sleeping


def compare_sleeping(number: int, rounds: int = 2, batches: int = 8) -> Comparison:
    """Time `batches` batches for each of `number` sleeping replicas, and the same work for one engine without Ray.

    Raises UserError in one line without Ray.
    """
    prompts = [Prompt((Message("user", (f"question {i}",)),)) for i in range(number * batches * BATCH)]
    sleeping = make_sleeping()
    pool = RayPool(sleeping, Replicas(number, cpus=0.01, gpus=0, address=LOCAL, at_once=BATCH))
    pool.wait_for_all()

    def ask(engine: Engine) -> list[str]:
        return [completion.text for completion in engine.generate(prompts, Decoding(1))]

    name = f"{number} replicas"
    seconds, equal = alternate({"one engine": partial(ask, sleeping()), name: partial(ask, pool)}, rounds)
    pool.close()
    comparison = Comparison(
        name=f"{number} sleeping",
        what=f"batches of {BATCH} prompts that take {SECONDS:g} s each and no processor",
        questions=len(prompts),
        seconds=seconds,
        answers_equal=equal,
        target=f"≥ {SHARES[number]:g} of {number} times",
        settings={"batch": BATCH, "seconds": SECONDS},
    )
    return replace(comparison, reached=comparison.ratio(name) >= SHARES[number] * number)


def compare_replicas(model: str, questions: int = 64, rounds: int = 2, batch_size: int = 8) -> Comparison:
    """Time two replicas of a model against one, with one core each.

    Raises UserError in one line without Ray, and for a model that can't be opened.
    """
    spec = parse_model(model)
    if spec.kind != "end-to-end":
        raise UserError(f"model {model!r} can't be compared: it must be one model with its engine's arguments")
    open_it = partial(open_engine, spec.name, batch_size=batch_size, device="cpu", **spec.arguments)  # type: ignore[arg-type]
    # Ray gives torch one thread for half a CPU too, so that three replicas have a place on two cores.
    pools = {
        f"{number} replica{'s' * (number > 1)}": RayPool(open_it, Replicas(number, 0.5, 0, LOCAL, batch_size))
        for number in (1, 2)
    }
    for pool in pools.values():
        pool.wait_for_all()
    with questions_with_a_picture_each(questions) as manager:

        def ask(engine: Engine) -> list[str]:
            return run_lmms_eval(EndToEnd("replicas", engine=engine), manager, 1)[1]

        seconds, equal = alternate({name: partial(ask, pool) for name, pool in pools.items()}, rounds)
    for pool in pools.values():
        pool.close()
    comparison = Comparison(
        name="replicas",
        what=f"end-to-end evaluation with {model}, one core a replica",
        questions=questions,
        seconds=seconds,
        answers_equal=equal,
        target=f"≥ {TWICE:g} times",
        settings={"model": model, "batch_size": batch_size},
    )
    return replace(comparison, reached=comparison.ratio("2 replicas") >= TWICE)
