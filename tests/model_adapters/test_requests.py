"""Messages read as prompts: where pictures stand, what their marks mean, and what a document's pictures become."""

from io import BytesIO
from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import pytest
from lmms_eval.api.instance import Instance
from PIL import Image, ImageFile

from sightscale.model_adapters.blindfold.adapter import Blindfold
from sightscale.model_adapters.decoupled.adapter import Decoupled
from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import Completion, Completions, Decoding, Key, Prompt, Prompts, StreamingEngine
from sightscale.model_adapters.requests import read_messages, read_prompt, read_request

RED, BLUE = Image.new("RGB", (2, 2), "red"), Image.new("RGB", (2, 2), "blue")


def turn(*parts: str | Image.Image) -> dict[str, Any]:
    return {
        "role": "user",
        "content": [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image", "url": p} for p in parts],
    }


def placed(*parts: str | Image.Image) -> list[Any]:
    return list(read_prompt([turn(*parts)]).messages[0].parts)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((RED, "what is it?"), [RED, "what is it?"]),
        ((RED, "Look: <image> What?"), ["Look: ", RED, " What?"]),
        ((RED, BLUE, "<image> or <image>?"), [RED, " or ", BLUE, "?"]),
        ((RED, BLUE, "First <image>", "then <image>"), ["First ", RED, "then ", BLUE]),
        (("What does <image> mean?",), ["What does [image] mean?"]),
        ((RED, BLUE, "only one <image>"), [RED, BLUE, "only one [image]"]),
        ((RED, "<image> <image>"), [RED, "[image] [image]"]),
        (("See ", RED, " and <image>"), ["See ", RED, " and [image]"]),  # it has its place already
    ],
)
def test_pictures_stand_at_their_marks_and_other_marks_are_text(parts: Any, expected: list[Any]) -> None:
    assert placed(*parts) == expected


def test_reading_messages_twice_changes_nothing_more() -> None:
    first = read_messages([turn(RED, BLUE, "A <image> B <image>"), turn("<image>")])
    assert read_messages(first) == first


class Echo(StreamingEngine):
    """An engine that answers with what it was shown."""

    identity = "echo"

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        for item in prompts:
            if item:
                self.prompts.append(item[1])
                yield item[0], Completion("A")

    def close(self) -> None:
        """Nothing is held."""


def ask(model: Any, documents: list[dict[str, Any]], to_messages: Any) -> list[Any]:
    model.task_dict["t"] = {"test": documents}
    return [
        Instance(
            request_type="generate_until",
            arguments=("", to_messages, {"until": []}, i, "t", "test"),
            idx=0,
            metadata={"task": "t", "doc_id": i, "repeats": 1},
        )
        for i in range(len(documents))
    ]


def interleave(doc: dict[str, Any]) -> list[dict[str, Any]]:
    return [turn(*doc["pictures"], doc["text"])]


DOCUMENTS = [
    {"pictures": [RED, BLUE], "text": "A: <image> B: <image> Which?"},
    {"pictures": [BLUE], "text": "<image>?"},
]


@pytest.mark.parametrize("condition", ["sighted", "none", "black", "noise", "mean", "mismatched"])
def test_every_condition_asks_the_same_text_with_pictures_at_their_marks(condition: str) -> None:
    engine = Echo()
    model = Blindfold(EndToEnd("x", engine=engine), condition)  # type: ignore[arg-type]
    three = [*DOCUMENTS, {"pictures": [Image.new("RGB", (2, 2), "lime")] * 2, "text": "<image><image>"}]
    model.generate_until(ask(model, three, interleave))
    assert all(trace.error is None for trace in model.traces.values())
    shapes = [["" if isinstance(part, str) else "picture" for part in p.messages[0].parts] for p in engine.prompts]
    texts = [[part for part in p.messages[0].parts if isinstance(part, str)] for p in engine.prompts]
    assert texts == [["A: ", " B: ", " Which?"], ["?"], []]
    if condition != "none":
        assert shapes == [["", "picture", "", "picture", ""], ["picture", ""], ["picture", "picture"]]


def test_both_stages_read_marks_alike() -> None:
    perception, reasoning = Echo(), Echo()
    model = Decoupled("p", "r", perception_engine=perception, reasoning_engine=reasoning)  # type: ignore[arg-type]
    model.generate_until(ask(model, [*DOCUMENTS, {"pictures": [RED], "text": "What is <image> <image>?"}], interleave))
    assert [len(prompt.images) for prompt in perception.prompts] == [2, 1, 1]
    assert not any("<image>" in prompt.text for prompt in (*perception.prompts, *reasoning.prompts))
    assert "What is [image] [image]?" in reasoning.prompts[2].text


class Simple:
    """Holds what a simple model of lmms-eval is handed."""

    is_simple = True

    def __init__(self) -> None:
        self.task_dict: dict[str, Any] = {}
        self.handed: list[tuple[str, list[Image.Image]]] = []

    def generate_until(self, requests: list[Any]) -> list[str]:
        for request in requests:
            text, _, to_visual, doc_id, task, split = request.args
            self.handed.append((text, to_visual(self.task_dict[task][split][doc_id])))
        return ["A"] * len(requests)


@pytest.mark.parametrize(
    ("condition", "texts"),
    [
        ("sighted", ["A: <image> B: <image> Which?", "What?"]),
        ("black", ["A: <image> B: <image> Which?", "What?"]),
        ("none", ["A:  B:  Which?", "What?"]),
    ],
)
def test_a_simple_model_gets_marks_where_pictures_do_not_come_first(condition: str, texts: list[str]) -> None:
    inner = Simple()
    model = Blindfold(inner, condition)  # type: ignore[arg-type]
    model.generate_until(ask(model, [DOCUMENTS[0], {"pictures": [RED], "text": "What?"}], interleave))
    assert [text for text, _ in inner.handed] == texts
    assert [len(pictures) for _, pictures in inner.handed] == ([0, 0] if condition == "none" else [2, 1])


def test_a_foreign_tasks_pictures_are_opened_before_it_converts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)

    def encode(image: Image.Image) -> bytes:
        content = BytesIO()
        image.save(content, "PNG")
        return content.getvalue()

    whole = encode(Image.effect_noise((64, 64), 60).convert("RGB"))
    cells = [
        encode(Image.fromarray(np.full((1, 1), 32896, dtype=np.uint16))),
        encode(Image.new("RGBA", (1, 1), (0, 0, 0, 0))),
        whole[: len(whole) // 2],
    ]
    rows = datasets.Dataset.from_list([{"images": [{"bytes": cell, "path": None}]} for cell in cells]).cast(
        datasets.Features({"images": datasets.List(datasets.Image())})
    )

    def to_messages(doc: dict[str, Any]) -> list[dict[str, Any]]:
        return [turn(*(image.convert("RGB") for image in doc["images"]), "?")]

    instance = SimpleNamespace(args=("", to_messages, {}, 0, "t", "test"))
    request = read_request(instance, {"t": {"test": rows}})
    colours = [read_prompt(request.read(i)).images[0].getpixel((0, 0)) for i in (0, 1)]
    assert colours == [(128, 128, 128), (255, 255, 255)]
    with pytest.raises(OSError, match="truncated"):
        request.read(2)
