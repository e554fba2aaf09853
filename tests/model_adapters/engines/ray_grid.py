"""A P × R grid under three conditions on Ray, as a program that tests start and kill: see test_ray_faults."""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from sightscale.model_adapters.blindfold import Blindfold
from sightscale.model_adapters.decoupled import Decoupled
from sightscale.model_adapters.engines import StoredEngine, open_store
from sightscale.model_adapters.engines.on_demand import OnDemandEngine
from sightscale.model_adapters.engines.ray_pool import LOCAL, RayPool, Replicas
from sightscale.model_adapters.requests import make_request
from sightscale.tasks.errors import UserError

CONDITIONS, MODULES, QUESTIONS, BATCH = ("sighted", "none", "mismatched"), ("p", "q"), 12, 2


def make_engine(name: str, folder: Path, seconds: float) -> Callable[[], Any]:
    """Opens an engine that answers slowly from its name, the text and the pixels, and notes what it is asked."""
    # Inside the function, so that it travels by its text: a replica can't import a test.
    from sightscale.model_adapters.engines import Completion, StreamingEngine

    class Noting(StreamingEngine):
        identity, parameters, room = f"noting {name}", 7, 2 * BATCH

        def stream(self, prompts: Any, decoding: Any) -> Any:
            import os
            import time

            for item in prompts:
                if item:
                    key, prompt = item
                    with (folder / f"{name}-{os.getpid()}").open("a") as file:
                        file.write(f"{prompt.digest}\n")
                    time.sleep(seconds)
                    yield key, Completion(f"{name} says {prompt.digest[:12]}", input_tokens=3, output_tokens=2)

        def close(self) -> None:
            """Nothing is held."""

    return Noting


def run_grid(folder: Path, open_engine: Callable[[str], Any]) -> dict[str, Any]:
    """Each trace of the grid, by modules, condition and question."""
    store = open_store(folder / "store.sqlite")
    engines = {
        name: StoredEngine(OnDemandEngine(partial(open_engine, name), lambda name=name: f"noting {name}"), store)  # type: ignore[misc]
        for name in (*MODULES, "r", "s")
    }
    pictures = [Image.new("RGB", (40, 30), (7 * number, 100, 30)) for number in range(QUESTIONS)]
    documents = [{"i": number} for number in range(QUESTIONS)]

    def to_messages(doc: dict[str, Any]) -> list[dict[str, Any]]:
        parts = [{"type": "image", "url": pictures[doc["i"]]}, {"type": "text", "text": f"What is {doc['i'] % 5}?"}]
        return [{"role": "user", "content": parts}]

    traces: dict[str, Any] = {}
    for perceives in MODULES:
        for reasons in ("r", "s"):
            model = Decoupled(
                perceives,
                reasons,
                greedy=True,
                perception_engine=engines[perceives],
                reasoning_engine=engines[reasons],
                stages="together" if reasons == "s" else "one-by-one",
            )
            for condition in CONDITIONS:
                blindfold = Blindfold(model, condition)
                blindfold.task_dict["t"] = {"test": documents}
                asked = [make_request("t", "test", i, documents, to_messages, {}) for i in range(QUESTIONS)]
                for number, trace in enumerate(blindfold.answer(asked)):
                    told = {"error": trace.error, "response": trace.response, "description": trace.description}
                    traces[f"{perceives}{reasons} {condition} {number}"] = told | {"shown": trace.shown_hashes}
    return traces


def main() -> None:
    """Run the grid in the folder given, on replicas, with so many seconds an answer, and write the traces there."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    (folder / "notes").mkdir(parents=True, exist_ok=True)

    def open_pool(name: str) -> RayPool:
        engine = make_engine(name, folder / "notes", seconds)
        return RayPool(engine, Replicas(2, 0.1, address=os.environ.get("GRID_RAY", LOCAL), at_once=BATCH))

    try:
        traces = run_grid(folder, open_pool)
    except UserError as error:
        sys.exit(f"sightscale: {error}")
    (folder / "traces.json").write_text(json.dumps(traces))


if __name__ == "__main__":
    main()
