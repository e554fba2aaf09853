"""One model on several engines: what differs is named, with the token at which answers part."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from sightscale.harness.analysis import read_runs
from sightscale.harness.cli import app
from sightscale.harness.parity import compare_answers, find_parting, name_engines
from sightscale.model_adapters.engines import Choice
from sightscale.tasks.errors import UserError
from sightscale.tasks.likelihoods import OptionLikelihood, write_likelihoods

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]


def sightscale(*arguments: str | Path) -> Result:
    """The command line, run in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_likelihoods_differ_from_a_thousandth_on_and_are_named(make_rows: Make, save_run: Save) -> None:
    def write(moved: float, tokens: int = 2) -> list[str]:
        plain = {"A": OptionLikelihood(-1.0, 1, -4.0, 2), "B": OptionLikelihood(-2.0, 1)}
        other = {"A": OptionLikelihood(-1.0, 1, -4.0 - moved, tokens), "B": OptionLikelihood(-2.0, 1)}
        return [write_likelihoods(plain), write_likelihoods(other)]

    def run(name: str, told: list[str]) -> Any:
        rows = make_rows("t", "sighted", np.ones(2), outcome="likeliest", answers="likelihood:letter", likelihoods=told)
        return read_runs([save_run(name, rows.assign(response="A", prediction="A"))])[0]

    first = run("first", write(0.0))
    for name, moved, tokens, apart in (("near", 9e-4, 2, 0), ("far", 2e-3, 2, 1), ("split", 0.0, 3, 1)):
        ((count,), differences) = compare_answers(first, run(name, write(moved, tokens)))
        assert (count.questions, count.alike, count.read_alike) == (2, 2 - apart, 2)
        assert [difference.item_id for difference in differences] == ["t-1"][:apart]


def test_engines_are_named_with_arguments_of_all_and_of_each() -> None:
    named = name_engines(
        "m,max_new_tokens=9", "transformers,dtype=float32,vllm,openai@http://a/v1,openai:n@http://b/v1"
    )
    assert [engine.model for engine in named] == [
        "m,max_new_tokens=9,dtype=float32",
        "vllm:m,max_new_tokens=9",
        "openai:m@http://a/v1,max_new_tokens=9",
        "openai:n@http://b/v1,max_new_tokens=9",
    ]
    assert len({engine.folder for engine in named}) == 4
    assert all("/" not in engine.folder for engine in named)


@pytest.mark.parametrize(
    ("model", "engines", "reason"),
    [
        ("m", "transformers", "at least two"),
        ("m", "transformers,transformers", "at least two"),
        ("m", "transformers,tensorrt", "engine 'tensorrt' is unknown"),
        ("m", "transformers,openai", "engine 'openai' is unknown"),
        ("vllm:m", "transformers,vllm", "and its engines with --engines"),
        ("scripted:coin", "transformers,vllm", "and its engines with --engines"),
    ],
)
def test_what_names_no_two_engines_is_refused(model: str, engines: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        name_engines(model, engines)


def test_every_kind_of_difference_is_counted(save_run: Save, make_rows: Make) -> None:
    plain = make_rows(
        "t", "sighted", np.array([1.0, 1, 0, 0]), response=["A", "A.", "B", "C"], prediction=["A", "A", "B", "C"]
    )
    other = plain.assign(
        response=["A", "(A)", "C", ""],
        prediction=["A", "A", "C", None],
        outcome=["answered"] * 3 + ["failed"],
        error=[None] * 3 + ["no memory"],
    )
    first, second = read_runs([save_run("a", plain), save_run("b", other)])
    [count], differences = compare_answers(first, second)
    assert (count.questions, count.alike, count.read_alike, count.failed) == (4, 1, 2, 1)
    assert [(d.doc_id, d.first, d.second, d.failed) for d in differences] == [
        (1, "A.", "(A)", False),
        (2, "B", "C", False),
        (3, "C", "no memory", True),
    ]


def test_answers_that_differ_only_in_thinking_differ(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(1), response=["A"], thinking=["red"])
    first, second = read_runs([save_run("a", rows), save_run("b", rows.assign(thinking=["blue"]))])
    assert [d.first for d in compare_answers(first, second)[1]] == ["red\n\nA"]


def test_answers_part_at_another_token_or_where_one_ends() -> None:
    def write(*tokens: str, ends: bool = True) -> list[Choice]:
        return [Choice(token, -0.1, {}) for token in tokens] + ([Choice("<end>", -0.1, {}, True)] if ends else [])

    assert find_parting(write("A", " b"), write("A", " c")) == 1
    assert find_parting(write("A"), write("A", " b")) == 1
    assert find_parting(write("A", "b"), write("A", "b")) is None
    assert find_parting(write("A", ends=False), write("A", "b")) is None


class Server(ThreadingHTTPServer):
    """Answers "A" to everything, with log-probabilities where they are asked for and it tells them."""

    daemon_threads = True
    tells = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        choice: dict[str, Any] = {"message": {"role": "assistant", "content": "A"}, "finish_reason": "stop"}
        if body.get("logprobs") and self.server.tells:
            place = {"token": "A", "logprob": -0.25, "top_logprobs": [{"token": "A", "logprob": -0.25}]}
            choice["logprobs"] = {"content": [place]}
        self._answer(json.dumps({"choices": [choice]}).encode())

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_server_that_answers_otherwise_is_named_with_both_tokens(
    random_nano: Path, server: Server, tmp_path: Path
) -> None:
    command = ("parity", random_nano, "--engines", f"transformers,dtype=float32,openai@{server.url}", "--tasks")
    command += ("in_domain_gqa", "--data", "mini", "--limit", "3", "--output", tmp_path / "p")
    done = sightscale(*command, "--explain", "2", "--tolerate", "50")
    assert done.exit_code == 1 and "0 of 3 answers are the same, 3 differ, and 3 are read apart" in done.stdout
    [pair] = json.loads((tmp_path / "p" / "parity.json").read_text())
    partings = [difference.get("parting") for difference in pair["differences"]]
    assert partings[2] is None, "only two were to be explained"
    for parting in partings[:2]:
        first, second = parting["first"], parting["second"]
        assert parting["number"] == 0 and (second["token"], second["logprob"]) == ("A", -0.25)
        assert first["token"] != "A" and first["logprob"] == max(first["likeliest"].values()) < 0
    assert sightscale(*command, "--explain", "0").exit_code == 0, (
        "a second call goes on, and nothing is tolerated by it"
    )


def test_a_server_without_log_probabilities_is_said_to_tell_none(
    random_nano: Path, server: Server, tmp_path: Path
) -> None:
    server.tells = False
    command = ("parity", random_nano, "--engines", f"transformers,openai@{server.url}", "--tasks", "in_domain_gqa")
    done = sightscale(*command, "--data", "mini", "--limit", "1", "--output", tmp_path / "p")
    [pair] = json.loads((tmp_path / "p" / "parity.json").read_text())
    assert done.exit_code == 0 and "returns no log-probabilities" in pair["differences"][0]["parting"]["reason"]


def test_an_engine_that_cannot_run_here_is_refused_before_any_is_asked(tmp_path: Path, random_nano: Path) -> None:
    gone = tmp_path / "gone"
    done = sightscale(
        *("parity", gone, "--engines", "transformers,transformers,dtype=float32", "--tasks", "in_domain_gqa"),
        *("--data", "mini", "--output", tmp_path / "p"),
    )
    assert done.exit_code == 1 and "there is no such folder" in done.stderr and not (tmp_path / "p").exists()
