"""A teacher behind a real server on this machine, and instruction data with everything that can be wrong with it."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from sightscale.harness.cli import app

Reply = tuple[str, str]  # what is said, and the finish reason


class Teacher(ThreadingHTTPServer):
    """An OpenAI-compatible server that does the three things a teacher is asked for, unless a test says otherwise."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behave: Callable[[str, int], Reply | None] = lambda text, times: None
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.pause = 0.0  # seconds before each answer
        self.lock = threading.Lock()
        self.model = f"openai:teacher@http://127.0.0.1:{self.server_port}/v1"

    def said(self, kind: str) -> list[str]:
        """The prompts of a kind: focus, statements or description."""
        return [text for text in self.asked if kind_of(text) == kind]


def kind_of(text: str) -> str:
    if "declarative statement." in text:
        return "statements"
    return "focus" if "Contents to observe" in text else "description"


def answer(text: str) -> Reply:
    """What a good teacher says."""
    if kind_of(text) == "statements":
        pairs = re.findall(r"^Question #\d+: (.*?)\nAnswer: (.*?)$", text, re.M | re.S)
        return "\n".join(f"{i}. To “{q}” it is {a}." for i, (q, a) in enumerate(pairs, 1)), "stop"
    if kind_of(text) == "focus":
        asked = text.rsplit("Question: ", 1)[-1]
        return f"Contents to observe: the matter of {len(asked)} letters, {asked.split()[-1]}", "stop"
    told = text.split("about the image.\n", 1)[1].removesuffix("\nDescription:")
    return f"Description: A picture. {told}", "stop"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Teacher

    def do_GET(self) -> None:
        self._send(b"{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else next(p["text"] for p in content if p["type"] == "text")
        with self.server.lock:
            self.server.asked[text] += 1
            self.server.bodies.append(body)
            times = self.server.asked[text]
        time.sleep(self.server.pause)
        said, finish = self.server.behave(text, times) or answer(text)
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": finish}
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        if finish == "error":
            self._send(json.dumps({"error": {"message": said}}).encode(), 400)
        else:
            self._send(json.dumps({"choices": [choice], "usage": usage}).encode())

    def _send(self, content: bytes, status: int = 200) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _serve() -> Iterator[Teacher]:
    server = Teacher()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def teacher() -> Iterator[Teacher]:
    with _serve() as server:
        yield server


def row(i: int, *turns: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """A row in LLaVA's format about the picture `i`.jpg."""
    said = [
        {"from": who, "value": text} for question, told in turns for who, text in (("human", question), ("gpt", told))
    ]
    return {"id": f"llava-{i}", "image": f"{i}.jpg", "conversations": said, **fields}


@pytest.fixture
def instructions(tmp_path: Path) -> Path:
    """Twelve good rows of one to three turns, and of each kind of other row one."""
    return _write_instructions(tmp_path / "source")


def _write_instructions(folder: Path) -> Path:
    folder.mkdir()
    for i in range(14):
        Image.effect_noise((500 + 10 * i, 300), 40).convert("RGB").save(folder / f"{i}.jpg", quality=30)
    whole = (folder / "13.jpg").read_bytes()
    (folder / "13.jpg").write_bytes(whole[: len(whole) // 2])  # its header is whole
    asked = [
        (f"<image>\nWhat is number {i}?\nAnswer the question using a single word or phrase.", f"thing {i}")
        for i in range(14)
    ]
    more = [("Which colour is it?", "red"), ("Is it large?", "no")]
    rows: list[Any] = [row(i, asked[i], *more[: i % 3]) for i in range(12)]
    rows.insert(3, row(3, asked[3]))  # text only
    del rows[3]["image"]
    rows[3]["conversations"][0]["value"] = "What is two and two?"
    rows.insert(5, row(99, ("<image>\nWhat?", "a lost picture")))
    rows.append(row(13, asked[13]))  # a picture that ends early
    rows.append({**row(1, ("<image><image>\nWhat differs?", "all")), "image": ["1.jpg", "2.jpg"]})
    rows.append(dict(rows[0]))  # again the same
    rows.append(row(2, ("<image>\nAnswer with one word.", "thing")))
    lines = [json.dumps(one) for one in rows]
    lines.insert(7, '{"id": "torn", "conversations": [{"from": "hum')
    path = folder / "train.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{ 7*7 }}[red]'


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The command's result and output folder, of a teacher that writes markup into one description."""
    folder = tmp_path_factory.mktemp("extracted")
    with _serve() as teacher:
        teacher.behave = lambda text, _: (
            (f"A picture of {HOSTILE}", "stop") if "number 3" in text and text.endswith("Description:") else None
        )
        sources = [str(_write_instructions(folder / "source")), "mini:in_domain_GQA", "--limit", "20"]
        command = ["extract-data", *sources, "--output", str(folder / "out"), "--teacher", teacher.model]
        return CliRunner().invoke(app, command), folder / "out"
