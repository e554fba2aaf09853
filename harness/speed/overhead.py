"""What an evaluation costs outside the model: ours against lmms-eval's own way of handing pictures to a model.

Every way answers the same documents at once, without a model: photograph-like pictures of 336 pixels
stored as JPEG, as public data sets store them. lmms-eval's own way is what its chat models for vLLM
and for servers do: each document's messages checked by `ChatMessages` and written by
`to_openai_messages`, which encodes each picture as PNG, with as many threads as its vLLM model has.
Ours is what `sightscale run` does: the blindfold, picture hashes, the store, records written as parquet.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from lmms_eval.protocol import ChatMessages

from sightscale.harness.speed.questions import SIDE, photographs
from sightscale.harness.speed.stack import run_whole_stack
from sightscale.harness.speed.timing import Comparison, alternate, run_lmms_eval
from sightscale.model_adapters.engines import Completion, Completions, Decoding, Key, Prompts, StreamingEngine

THEIRS, OURS, BARE = "lmms-eval's chat messages", "sightscale", "lmms-eval, nothing read"
TARGET = 0.25  # of what lmms-eval's own way costs
THREADS = int(os.getenv("WORKERS", "32"))  # the variable and the number of lmms-eval's vLLM model


class AtOnce(StreamingEngine):
    """An engine that answers at once."""

    identity = "at once"
    parameters = None

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """The answer A to every prompt."""
        yield from ((item[0], Completion("A", output_tokens=1)) for item in prompts if item)

    def close(self) -> None:
        """Nothing is held."""


class ChatAtOnce(lmms):
    """A chat model of lmms-eval's kind that answers at once, after writing the messages if `reads`."""

    is_simple = False

    def __init__(self, reads: bool, batch_size: int) -> None:
        super().__init__()
        self.reads, self.batch_size_per_gpu = reads, batch_size

    def generate_until(self, requests: list[Instance]) -> list[str]:
        for start in range(0, len(requests) if self.reads else 0, self.batch_size_per_gpu):
            with ThreadPoolExecutor(max_workers=THREADS) as executor:
                list(executor.map(self._write, requests[start : start + self.batch_size_per_gpu]))
        return ["A"] * len(requests)

    def _write(self, request: Instance) -> int:
        _, to_messages, _, doc_id, task, split = request.args
        return len(ChatMessages(messages=to_messages(self.task_dict[task][split][doc_id])).to_openai_messages())

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        raise NotImplementedError("it is asked once")

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError("it generates")


def compare_overhead(questions: int = 128, rounds: int = 3, batch_size: int = 64) -> Comparison:
    """Time an evaluation without a model both ways, and lmms-eval's loop when no document is read at all."""
    with photographs(questions) as manager, TemporaryDirectory(prefix="sightscale-speed-") as name:

        def theirs(reads: bool) -> list[str]:
            return run_lmms_eval(ChatAtOnce(reads, batch_size), manager, batch_size)[1]

        def ours() -> list[str]:
            return run_whole_stack(AtOnce(), manager, batch_size, Path(name))

        seconds, equal = alternate({THEIRS: lambda: theirs(True), OURS: ours, BARE: lambda: theirs(False)}, rounds)
    comparison = Comparison(
        name="overhead",
        what=f"everything but the model, on photograph-like pictures of {SIDE} pixels",
        questions=questions,
        seconds=seconds,
        answers_equal=equal,
        target=f"≤ {100 * TARGET:g} % of what lmms-eval's chat messages cost",
        settings={"batch_size": batch_size, "threads_of_lmms_eval": THREADS},
    )
    return replace(comparison, reached=1 / comparison.ratio(OURS) <= TARGET)
