"""`sightscale doctor`: the table, the file, the exit code; and what `run` says of a model that doesn't look."""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import Plan, evaluate, read_manifest
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError


def test_a_model_that_sees_ends_well(random_nano: Path, tmp_path: Path) -> None:
    file = tmp_path / "checkup.json"
    done = CliRunner().invoke(app, ["doctor", f"{random_nano},box_convention=unit", "--json", str(file)])
    assert done.exit_code == 0, done.output
    assert "a picture changes the logits" in done.output and "0 faults" in done.output
    written = json.loads(file.read_text())
    assert written["checks"][0]["check"] == "loads" and {row["state"] for row in written["checks"]} == {"OK", "note"}


def test_a_fault_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[]")
    done = CliRunner().invoke(app, ["doctor", str(tmp_path)])
    assert done.exit_code == 1 and "fault" in done.output and "1 fault," in done.output


@pytest.mark.parametrize(
    "model",
    ["decoupled:perception=easy_vqa_nano,reasoning=smollm2-135m-instruct", "scripted:coin", "nano_2m,colour=red"],
)
def test_what_cannot_be_checked_is_one_line(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = CliRunner().invoke(app, ["doctor", model])
    assert done.exit_code == 1 and "Traceback" not in done.output


def test_a_run_warns_of_a_model_that_does_not_look_and_measures_it(
    tmp_path: Path, messages: Callable[[], list[str]]
) -> None:
    blind = Path(shutil.copytree(find_checkpoint("easy_vqa_nano"), tmp_path / "blind"))
    weights = load_file(blind / "model.safetensors")
    dead = {name: torch.zeros_like(tensor) for name, tensor in weights.items() if "projector" in name}
    save_file({**weights, **dead}, blind / "model.safetensors", {"format": "pt"})
    for model, said in ((str(blind), "doesn't change"), ("easy_vqa_nano", "moves the logits by up to")):
        output = tmp_path / Path(model).name / "run"
        evaluate(Plan(parse_model(model), model, ("easy_vqa",), (), output, limit=4))
        assert said in read_manifest(output / "manifest.json")["sight"]
    warnings = [line for line in messages() if line.startswith("warning: a picture doesn't change the logits")]
    assert len(warnings) == 1


DROPS = (
    "{% for message in messages %}{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}"
    "{% endfor %}{% endfor %} A:"
)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{% for m in messages %}{{ m['role' }}", "its own chat template is no jinja: line 1: "),
        (DROPS, "can't be asked about a picture: ValueError: the chat template leaves pictures out of the prompt"),
    ],
    ids=["syntax", "no pictures"],
)
def test_a_run_with_a_mistaken_template_ends_in_one_line_before_anything_is_asked(
    template: str, says: str, random_nano: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(random_nano, tmp_path / "mistaken"))
    (folder / "chat_template.jinja").write_text(template)
    output = tmp_path / "run"
    with pytest.raises(UserError, match=re.escape(says)) as caught:
        evaluate(Plan(parse_model(str(folder)), str(folder), ("easy_vqa",), (), output, limit=2))
    assert "\n" not in str(caught.value) and "mend it, or give another by chat_template=FILE" in str(caught.value)
    assert not (output / "records.parquet").exists()


def test_a_text_model_ends_in_one_line_before_anything_is_asked(tmp_path: Path) -> None:
    model = "smollm2-135m-instruct"
    with pytest.raises(UserError, match="about a picture: ValueError: this model reads text only") as caught:
        evaluate(Plan(parse_model(model), model, ("easy_vqa",), (), tmp_path / "run", limit=2))
    assert "\n" not in str(caught.value)


INSISTS = (
    "{% if messages[-1]['content'] is string or messages[-1]['content'][0]['type'] != 'image' %}"
    "{{ raise_exception('no picture') }}{% endif %}<image>{{ messages[-1]['content'][-1]['text'] }} A:"
)


@pytest.mark.parametrize("perception", ["", "truth"])
def test_a_reasoning_module_that_cannot_be_asked_ends_before_anything_is_perceived(
    perception: str, random_nano: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(random_nano, tmp_path / "insists"))
    (folder / "chat_template.jinja").write_text(INSISTS)
    model = f"decoupled:perception={perception or random_nano},reasoning={folder}"
    with pytest.raises(UserError, match=r"^model 'insists@.* can't be asked a question: TemplateError: no picture; `"):
        evaluate(Plan(parse_model(model), model, ("in_domain_gqa",), (), tmp_path / "run", limit=2, data="mini"))
    assert not (tmp_path / "run" / "records.parquet").exists()


class Refuses(BaseHTTPRequestHandler):
    """A server whose model takes no pictures, and that tells no log-probabilities."""

    def do_GET(self) -> None:
        self._send(200, {"data": [{"id": "m"}]})

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(asked)  # type: ignore[attr-defined]
        if b"image_url" in asked:
            self._send(400, {"error": {"message": "this model takes no images"}})
        else:
            self._send(200, {"choices": [{"message": {"content": "no"}, "finish_reason": "stop"}]})

    def _send(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("text", ["openai:m@URL", "decoupled:perception=openai:m@URL,reasoning=openai:m@URL"])
def test_a_server_that_takes_no_pictures_ends_in_one_line_before_anything_is_asked(
    text: str, refusing: ThreadingHTTPServer, tmp_path: Path
) -> None:
    model = text.replace("URL", f"http://127.0.0.1:{refusing.server_port}/v1")
    with pytest.raises(UserError, match=r"^model 'm@http.* can't be asked about a picture: .*takes no images"):
        evaluate(Plan(parse_model(model), model, ("easy_vqa",), (), tmp_path / "run", limit=9))
    assert len(refusing.asked) < 9  # type: ignore[attr-defined]
