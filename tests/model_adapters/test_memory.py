"""Memory: a run of fifty thousand questions holds no more pictures than one of five thousand."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from PIL import Image
from sightscale.harness.speed.overhead import AtOnce
from sightscale.model_adapters.blindfold import Blindfold
from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.requests import make_request

number = int(sys.argv[1])

class Documents:
    def __len__(self):
        return number
    def __getitem__(self, i):
        return {"i": i, "image": Image.new("RGB", (192, 144), (i % 251, i // 251 % 251, 30))}

def to_messages(doc):
    parts = [{"type": "image", "url": doc["image"]}, {"type": "text", "text": "What is it?"}]
    return [{"role": "user", "content": parts}]

documents = Documents()
model = Blindfold(EndToEnd("x", engine=AtOnce()), "sighted")
model.task_dict["t"] = {"test": documents}
answers = model.answer([make_request("t", "test", i, documents, to_messages, {}) for i in range(number)])
assert len({trace.image_hashes for trace in answers}) == number and not any(trace.error for trace in answers)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
PICTURE = 192 * 144 * 3  # bytes


def measure(number: int) -> int:
    """The most memory, in KiB, that so many questions take."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(number)], check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.slow
def test_memory_stays_the_same_however_many_questions_there_are() -> None:
    few, many = measure(10_000), measure(50_000)
    grown = (many - few) * 1024 / 40_000
    print(f"{few / 1024:,.0f} MiB for 10,000 questions, {many / 1024:,.0f} for 50,000: {grown:,.0f} bytes a question")
    assert grown < PICTURE / 16  # what is kept of a question is its trace
