"""Engines against each other: the same questions end to end, each model string as the user wrote it."""

from functools import partial
from typing import Any

import torch

from sightscale.harness.speed.questions import questions_with_a_picture_each
from sightscale.harness.speed.timing import Comparison, alternate, run_lmms_eval
from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import Engine, open_engine
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError


def share_device() -> dict[str, Any]:
    """Arguments of a vLLM that others stand beside: alone it takes nearly all memory of its device."""
    return {"gpu_memory_utilization": 0.3} if torch.cuda.is_available() else {"kv_cache_memory_bytes": 2**30}


def compare_engines(models: tuple[str, ...], questions: int = 64, rounds: int = 3) -> Comparison:
    """Time each model string end to end, and count the answers equal to the first one's.

    All of them are in memory at once. Raises UserError in one line when one can't be opened, or when
    they are fewer than two different ones.
    """
    if len(set(models)) < 2:
        raise UserError("nothing to compare: name two or more models, such as M,batch_size=1 and M")
    engines: dict[str, Engine] = {}
    for text in dict.fromkeys(models):
        spec = parse_model(text)
        if spec.kind != "end-to-end":
            raise UserError(f"model {text!r} can't be compared: it must be one model with its engine's arguments")
        engines[text] = open_engine(spec.name, **spec.arguments)  # type: ignore[arg-type]

    with questions_with_a_picture_each(questions) as manager:

        def ask(engine: Engine) -> list[str]:
            return run_lmms_eval(EndToEnd("engines", engine=engine), manager, 1)[1]

        seconds, equal = alternate({text: partial(ask, engine) for text, engine in engines.items()}, rounds)
    for engine in engines.values():
        engine.close()
    return Comparison(
        name="engines",
        what="end-to-end evaluation",
        questions=questions,
        seconds=seconds,
        answers_equal=equal,
        settings={text: engine.identity for text, engine in engines.items()},
    )
