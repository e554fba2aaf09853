"""The openai engine against a real server on this machine that speaks the protocol, well or badly."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image

from sightscale.model_adapters.adapter import short_name
from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.model_adapters.engines.chat_replies import (
    MAX_REPLY_BYTES,
    BusyReply,
    UnusableReply,
    clean,
    list_models,
    read_choices,
    read_reply,
    read_retry_after,
)
from sightscale.model_adapters.engines.openai_engine import OpenAIEngine
from sightscale.model_adapters.engines.opening import open_engine
from sightscale.model_adapters.engines.servers import LONGEST_PAUSE, Servers
from sightscale.model_adapters.engines.store import StoredEngine
from sightscale.model_adapters.engines.thinking import split_thinking
from sightscale.tasks.errors import UserError

Reply = tuple[int, bytes, dict[str, str]]


class Server(ThreadingHTTPServer):
    """A server whose behaviour a test sets: a question's text and how often it came decide the reply."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave: Callable[[str, int], Reply] = lambda text, _: reply(text.upper())
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.asked: Counter[str] = Counter()
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.answer((200, b"{}", {}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else next(p["text"] for p in content if p["type"] == "text")
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.headers.append(dict(self.headers))
            self.server.asked[text] += 1
            times = self.server.asked[text]
            self.server.under_way += 1
            self.server.most_under_way = max(self.server.under_way, self.server.most_under_way)
        try:
            self.answer(self.server.behave(text, times))
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def answer(self, said: Reply) -> None:
        status, content, headers = said
        try:
            if status == 0:  # hang up
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def reply(text: str | None, finish: str = "stop", usage: Any = None, **message: Any) -> Reply:
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 7, "completion_tokens": 3} if usage is None else usage
    return 200, json.dumps({"choices": [choice], "usage": usage}).encode(), {}


def refuse(status: int, message: str, **headers: str) -> Reply:
    return (
        status,
        json.dumps({"error": {"message": message}}).encode(),
        {k.replace("_", "-"): v for k, v in headers.items()},
    )


def ask(text: str, *images: Image.Image) -> Prompt:
    return Prompt((Message("user", (*images, text)),))


def test_log_probabilities_are_read_where_they_are_told_and_none_otherwise() -> None:
    place = {"token": "A", "logprob": -1, "top_logprobs": [{"token": "B", "logprob": -2.5}]}
    told = json.dumps({"choices": [{"logprobs": {"content": [place]}}]}).encode()
    [choice] = read_choices(told)
    assert (choice.token, choice.logprob, choice.likeliest) == ("A", -1.0, {"B": -2.5})
    for content in (b"", b"{}", b"[" * 100_000, b'{"choices":[{"logprobs":null}]}', told.replace(b"-1", b'"x"')):
        assert read_choices(content) == []


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def engine_for(server: Server, **options: Any) -> OpenAIEngine:
    return OpenAIEngine("tiny", server.url, **{"first_pause": 0.01, "tries": 4, "timeout": 20.0, **options})


def test_answers_come_in_order_with_counts_and_reasons(server: Server) -> None:
    server.behave = lambda text, _: reply(text.upper(), finish="length" if text == "q3" else "stop")
    seen: dict[int, str] = {}
    caller = threading.get_ident()

    def on_finished(i: int, completion: Any) -> None:
        assert threading.get_ident() == caller
        seen[i] = completion.text

    answers = engine_for(server).generate([ask(f"q{i}") for i in range(20)], Decoding(8), on_finished)
    assert [answer.text for answer in answers] == [f"Q{i}" for i in range(20)]
    assert seen == {i: f"Q{i}" for i in range(20)}
    assert (answers[0].input_tokens, answers[0].output_tokens, answers[0].finish_reason) == (7, 3, "stop")
    assert answers[3].finish_reason == "length"
    assert all(0 < answer.seconds < 20 for answer in answers)


def test_no_more_requests_than_allowed_are_under_way(server: Server) -> None:
    def slowly(text: str, _: int) -> Reply:
        time.sleep(0.03)
        return reply(text)

    server.behave = slowly
    engine_for(server, concurrency=3).generate([ask(str(i)) for i in range(15)], Decoding(8))
    assert server.most_under_way == 3


def test_each_answer_is_reported_while_others_are_still_awaited(server: Server) -> None:
    last = threading.Event()
    server.behave = lambda text, _: reply(str(text != "slow" or last.wait(10)))
    order: list[int] = []

    def on_finished(i: int, _: object) -> None:
        order.append(i)
        if len(order) == 4:
            last.set()

    answers = engine_for(server).generate([ask("slow"), *(ask(str(i)) for i in range(4))], Decoding(8), on_finished)
    assert order[-1] == 0 and answers[0].text == "True"


def test_a_busy_server_is_asked_again(server: Server) -> None:
    outcomes = [refuse(429, "busy", retry_after="0"), refuse(503, "loading"), (0, b"", {}), reply("at last")]
    server.behave = lambda _, times: outcomes[times - 1]
    (answer,) = engine_for(server).generate([ask("q")], Decoding(8))
    assert answer.text == "at last" and answer.error is None and server.asked["q"] == 4


def test_retry_after_is_obeyed(server: Server) -> None:
    server.behave = lambda _, times: reply("ok") if times > 1 else refuse(429, "busy", retry_after="0.4")
    start = time.perf_counter()
    assert engine_for(server).generate([ask("q")], Decoding(8))[0].text == "ok"
    assert time.perf_counter() - start > 0.4


def test_what_fails_for_good_is_an_error_and_never_an_answer(server: Server) -> None:
    behaviours = {
        "broken": refuse(500, "out of order"),
        "too long": refuse(400, "This model's maximum context length is 10 tokens"),
        "forbidden": refuse(401, "no key"),
        "slow": refuse(408, "took too long"),
        "moved": (307, b"", {"Location": "http://127.0.0.1:1/"}),
        "no json": (200, b"<html>", {}),
        "deep": (200, b"[" * 100_000, {}),
        "no choices": (200, b'{"choices": []}', {}),
        "list": (200, b"[1]", {}),
        "number": reply(None, content=5),
        "nothing": reply(None),
        "filtered": reply("half an", finish="content_filter"),
        "huge": (200, b" " * (MAX_REPLY_BYTES + 10), {}),
        "packed": (200, b"\x1f\x8b\x08", {"Content-Encoding": "gzip"}),
        "fine": reply("fine"),
    }
    server.behave = lambda text, _: behaviours[text]
    answers = dict(zip(behaviours, engine_for(server).generate([ask(t) for t in behaviours], Decoding(8)), strict=True))
    assert answers.pop("fine").text == "fine"
    for name, answer in answers.items():
        assert answer.error and answer.text == "" and answer.finish_reason == "error", name
        assert "\n" not in answer.error and len(answer.error) <= 300
    assert "context length" in (answers["too long"].error or "")
    assert "gave up after 4 tries: HTTP 500: out of order" in (answers["broken"].error or "")
    assert {name: times for name, times in server.asked.items() if times > 1} == {"broken": 4}


def test_a_server_that_hangs_costs_the_time_limit_only(server: Server) -> None:
    hung = threading.Event()
    server.behave = lambda text, _: reply(str(hung.wait(15))) if text == "hang" else reply("ok")
    start = time.perf_counter()
    answers = engine_for(server, timeout=0.3, tries=2).generate([ask("hang"), ask("q")], Decoding(8))
    hung.set()
    assert time.perf_counter() - start < 5
    assert answers[1].text == "ok" and "no answer within 0.3 s" in (answers[0].error or "")


def test_pictures_arrive_with_every_pixel(server: Server) -> None:
    picture = Image.effect_noise((17, 9), 60).convert("RGB")
    (answer,) = engine_for(server).generate([ask("what?", picture)], Decoding(8))
    assert answer.error is None
    part = server.bodies[0]["messages"][0]["content"][0]
    head, _, data = part["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).tobytes() == picture.tobytes()


def test_a_picture_that_cannot_be_read_costs_its_prompt_only(server: Server) -> None:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(file, "PNG")
    lost = Image.open(file)
    file.close()
    answers = engine_for(server).generate([ask("lost", lost), ask("q")], Decoding(8))
    assert "cannot write the request" in (answers[0].error or "") and answers[1].text == "Q"


def test_only_what_is_set_is_asked_for(server: Server) -> None:
    engine = engine_for(server)
    engine.generate([ask("q")], Decoding(8))
    assert set(server.bodies[-1]) == {"model", "messages", "max_tokens", "temperature"}
    every = Decoding(8, 0.6, 0.95, 20, 0.1, 3, ("\n",), thinking=True, thinking_budget=4)
    engine.generate([ask("q"), ask("p"), ask("q")], every)
    body, other, again = (next(b for b in server.bodies[1:] if b["messages"][0]["content"] == text) for text in "qpq")
    assert (body["top_k"], body["min_p"], body["top_p"], body["stop"]) == (20, 0.1, 0.95, ["\n"])
    assert body["chat_template_kwargs"] == {"enable_thinking": True} and body["thinking_token_budget"] == 4
    assert body["seed"] == again["seed"] != other["seed"]
    assert "min_p" not in engine.request_body(ask("q"), Decoding(8, 0.6))


def test_what_a_server_cannot_be_asked_for_is_refused(server: Server) -> None:
    with pytest.raises(ValueError, match="NoWait"):
        engine_for(server).generate([ask("q")], Decoding(8, nowait="words"))


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_that_the_server_split_off_is_put_back(server: Server, name: str) -> None:
    server.behave = lambda text, _: (
        reply("C", **{name: "red, so C"}) if text == "done" else reply(None, finish="length", **{name: "hmm"})
    )
    done, cut = engine_for(server).generate([ask("done"), ask("cut")], Decoding(8))
    assert split_thinking(done.text) == ("red, so C", "C")
    assert split_thinking(cut.text) == ("hmm", "") and cut.finish_reason == "length"


def test_the_key_goes_to_the_server_and_nowhere_else(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    server.behave = lambda *_: refuse(400, "bad key sk-very-secret given")
    engine = engine_for(server)
    (answer,) = engine.generate([ask("q")], Decoding(8))
    assert server.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert "sk-very-secret" not in engine.identity + repr(answer) + repr(engine)


def test_the_store_keeps_answers_and_asks_again_after_failures(server: Server, tmp_path: Path) -> None:
    server.behave = lambda text, times: refuse(400, "no") if text == "b" and times == 1 else reply(text)
    for _ in range(2):
        engine = open_engine(f"openai:tiny@{server.url}", store=str(tmp_path / "store.sqlite"))
        answers = engine.generate([ask("a"), ask("b")], Decoding(8))
    assert isinstance(engine, StoredEngine) and engine.parameters is None
    assert [answer.text for answer in answers] == ["a", "b"]
    assert server.asked == {"a": 1, "b": 2}


def test_a_caller_that_fails_stops_the_requests(server: Server) -> None:
    server.behave = lambda text, _: (time.sleep(0.05), reply(text))[1]

    def on_finished(_: int, __: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        engine_for(server, concurrency=2).generate([ask(str(i)) for i in range(50)], Decoding(8), on_finished)
    asked = sum(server.asked.values())
    time.sleep(0.3)
    assert sum(server.asked.values()) <= asked + 2 < 20


def test_an_interrupt_ends_the_run_at_once(server: Server) -> None:
    hung = threading.Event()
    server.behave = lambda *_: reply(str(hung.wait(20)))
    program = (
        # a job in the background ignores the interrupt
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from sightscale.model_adapters.engines import Decoding, Message, Prompt\n"
        "from sightscale.model_adapters.engines.openai_engine import OpenAIEngine\n"
        f"OpenAIEngine('tiny', {server.url!r}).generate([Prompt((Message('user', ('q',)),))] * 9, Decoding(8))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, env=os.environ)
    while server.under_way < 9:
        assert process.poll() is None
        time.sleep(0.02)
    start = time.perf_counter()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=15)
    hung.set()
    assert time.perf_counter() - start < 4 and "KeyboardInterrupt" in said


@pytest.mark.parametrize(
    "model",
    [
        "openai:tiny",
        "openai:@http://h/v1",
        "openai:m@ftp://h/v1",
        "openai:m@http://user:pw@h/v1",
        "openai:m@http://h?k=1",
    ],
)
def test_an_address_that_is_none_is_told_in_one_line(model: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|credentials") as caught:
        open_engine(model)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_told_in_one_line(server: Server) -> None:
    with pytest.raises(ValueError, match=r"no server answers at http://127\.0\.0\.1:9/v1") as caught:
        open_engine("openai:tiny@http://127.0.0.1:9/v1")
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="no argument 'tensor_parallel_size'"):
        open_engine(f"openai:tiny@{server.url}", tensor_parallel_size=2)
    for wrong in ({"timeout": "soon"}, {"timeout": "-1"}, {"tries": "0"}, {"timeout": "nan"}):
        with pytest.raises(ValueError, match=r"timeout=.* must be"):
            open_engine(f"openai:tiny@{server.url}", **wrong)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "finish_reason"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_json | st.fixed_dictionaries({"choices": st.lists(st.fixed_dictionaries({"message": _json}), max_size=2)}))
def test_any_json_is_an_answer_or_a_reason(body: Any) -> None:
    try:
        completion = read_reply(json.dumps(body).encode(), 0.1)
    except (UnusableReply, BusyReply) as error:
        assert "\n" not in str(error)
    else:
        assert completion.finish_reason in ("stop", "length") and completion.text.encode().decode() == completion.text


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_a_reason(content: bytes) -> None:
    with pytest.raises(UnusableReply):
        read_reply(content, 0.1)


def test_counts_that_are_no_counts_are_none() -> None:
    for usage in (5, {"prompt_tokens": -1}, {"prompt_tokens": True}, {"prompt_tokens": 10**30}, {"prompt_tokens": "9"}):
        assert read_reply(reply("x", usage=usage)[1], 0.1).input_tokens == 0
    assert read_reply(reply("\ud800x")[1], 0.1).text == "?x"


@given(st.text())
def test_any_retry_after_is_a_time_or_nothing(header: str) -> None:
    seconds = read_retry_after(header)
    assert seconds is None or seconds >= 0


def test_retry_after_reads_dates_and_reasons_are_cleaned() -> None:
    assert read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert 3e9 < (read_retry_after("Wed, 21 Oct 2150 07:28:00 GMT") or 0) < 1e10
    assert read_retry_after("nan") is None and read_retry_after("soon") is None
    assert clean("a\x1b[31m\nb\u202e" + "x" * 5000).startswith("a [31m b x")


REPLIES: dict[str, tuple[dict[str, Any], str, str]] = {  # server: (choice, text, finish reason)
    "tgi": ({"message": {"content": "B"}, "finish_reason": "eos_token"}, "B", "stop"),
    "tgi, stop sequence": ({"message": {"content": "B"}, "finish_reason": "stop_sequence"}, "B", "stop"),
    "anthropic's": ({"message": {"content": "B"}, "finish_reason": "end_turn"}, "B", "stop"),
    "anthropic's, cut": ({"message": {"content": "B"}, "finish_reason": "max_tokens"}, "B", "length"),
    "gemini's": ({"message": {"content": "B"}, "finish_reason": "STOP"}, "B", "stop"),
    "gemini's, cut": ({"message": {"content": "B"}, "finish_reason": "MAX_TOKENS"}, "B", "length"),
    "llama.cpp": ({"message": {"content": "B"}, "finish_reason": None}, "B", "stop"),
    "sglang": ({"message": {"content": "B"}, "finish_reason": {"type": "length", "length": 3}}, "B", "length"),
    "no reason": ({"message": {"content": "B"}}, "B", "stop"),
    "parts": (
        {"message": {"content": [{"type": "text", "text": "B"}, {"text": "!"}, "!"]}, "finish_reason": "stop"},
        "B!!",
        "stop",
    ),
    "thinking parts": (
        {
            "message": {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "B"},
                ]
            },
            "finish_reason": "stop",
        },
        "<think>\nhm\n</think>\n\nB",
        "stop",
    ),
    "lm studio": (
        {"message": {"content": "B", "reasoning": "hm"}, "finish_reason": "stop"},
        "<think>\nhm\n</think>\n\nB",
        "stop",
    ),
    "refusal": ({"message": {"content": None, "refusal": "I can't."}, "finish_reason": "stop"}, "I can't.", "stop"),
    "text alone": ({"text": "B", "finish_reason": "stop"}, "B", "stop"),
    "cut before a word": ({"message": {"content": None}, "finish_reason": "length"}, "", "length"),
}


@pytest.mark.parametrize("name", list(REPLIES))
def test_what_servers_write_is_a_completion(name: str) -> None:
    choice, text, finish = REPLIES[name]
    completion = read_reply(json.dumps({"choices": [choice]}).encode(), 0.1)
    assert (completion.text, completion.finish_reason) == (text, finish)


@pytest.mark.parametrize(("written", "finish"), [(15, "stop"), (16, "length"), (17, "length")])
def test_an_end_without_a_reason_is_a_cut_at_the_limit(written: int, finish: str) -> None:
    body = {"choices": [{"message": {"content": "B"}}], "usage": {"completion_tokens": written}}
    assert read_reply(json.dumps(body).encode(), 0.1, 16).finish_reason == finish


@pytest.mark.parametrize("finish", ["content_filter", "tool_calls", "abort", "error", ["stop"], 7, {"type": "abort"}])
def test_another_end_is_no_answer(finish: Any) -> None:
    body = {"choices": [{"message": {"content": "B"}, "finish_reason": finish}]}
    with pytest.raises(UnusableReply, match="for another reason than its end"):
        read_reply(json.dumps(body).encode(), 0.1)


ERRORS: list[tuple[Any, str]] = [
    ({"error": {"message": "the model crashed", "code": 500}}, "the model crashed"),
    ({"error": "model is loading"}, "model is loading"),
    ({"error": {"error": {"detail": "too busy"}}}, "too busy"),
    ({"error": {"kind": 3}}, '{"kind": 3}'),
]


@pytest.mark.parametrize(("body", "words"), ERRORS)
def test_an_error_with_status_200_is_tried_again_and_quoted(body: Any, words: str, server: Server) -> None:
    server.behave = lambda text, times: (200, json.dumps(body).encode(), {}) if times < 2 else reply("B")
    assert engine_for(server).generate([ask("q")], Decoding(4))[0].text == "B"
    server.behave = lambda text, _: (200, json.dumps(body).encode(), {})
    (answer,) = engine_for(server, tries=2).generate([ask("r")], Decoding(4))
    assert answer.error and words in answer.error and "gave up after 2 tries" in answer.error


def test_an_error_that_stays_is_not_tried_again(server: Server) -> None:
    body = {"error": {"message": "no such model", "code": "404"}}
    server.behave = lambda text, _: (200, json.dumps(body).encode(), {})
    (answer,) = engine_for(server).generate([ask("q")], Decoding(4))
    assert answer.error == "the server's answer is an error: no such model" and server.asked["q"] == 1


def test_parameters_that_a_server_refuses_can_be_renamed_or_left_out(server: Server) -> None:
    engine = engine_for(server, max_tokens_field="max_completion_tokens", send_temperature="false")
    engine.generate([ask("q")], Decoding(4, temperature=0.5, top_p=0.9, seed=1))
    body = server.bodies[-1]
    assert body["max_completion_tokens"] == 4
    assert not {"max_tokens", "temperature", "top_p", "seed"} & set(body)
    assert engine.identity != engine_for(server).identity
    with pytest.raises(ValueError, match=r"max_tokens_field='tokens' is unknown; known: max_tokens, "):
        engine_for(server, max_tokens_field="tokens")
    with pytest.raises(ValueError, match="send_temperature='maybe' must be true or false"):
        engine_for(server, send_temperature="maybe")


def test_a_served_model_is_named_by_its_model(server: Server) -> None:
    for model, options in ((f"openai:own/tiny@{server.url}", {}), ("openai:own/tiny", {"base_url": server.url})):
        assert short_name(model) == "tiny"
        engine = open_engine(model, **options)
        assert engine.identity == f"own/tiny@{server.url}|openai"
    for model, options in (
        ("openai:tiny", {}),
        (f"openai:tiny@{server.url}", {"base_url": server.url}),
        ("openai:", {"base_url": server.url}),
    ):
        with pytest.raises(ValueError, match="must look like openai:MODEL@http://host"):
            open_engine(model, **options)


@pytest.fixture
def second() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_several_servers_share_the_requests(server: Server, second: Server) -> None:
    for one in (server, second):
        one.behave = lambda text, _: (time.sleep(0.02), reply(text.upper()))[1]
    engine = open_engine(f"openai:tiny@{server.url}+{second.url}", batch_size=4)
    answers = engine.generate([ask(f"q{k}") for k in range(60)], Decoding(8))
    assert [answer.text for answer in answers] == [f"Q{k}" for k in range(60)]
    shares = [sum(one.asked.values()) for one in (server, second)]
    assert sum(shares) == 60 and min(shares) >= 15
    assert max(server.most_under_way, second.most_under_way) <= 8
    assert engine.identity == f"tiny@{server.url}|openai"  # a server more or less is no other model


def test_a_server_that_fails_is_left_out_and_tried_again(server: Server, second: Server) -> None:
    broken = threading.Event()
    broken.set()
    server.behave = lambda text, _: refuse(503, "loading") if broken.is_set() else reply("first")
    second.behave = lambda text, _: reply("second")
    engine = OpenAIEngine("tiny", f"{server.url}+{second.url}", first_pause=0.2, tries=3, timeout=20, concurrency=2)
    answers = engine.generate([ask(f"q{k}") for k in range(40)], Decoding(8))
    assert {answer.text for answer in answers} == {"second"}
    assert sum(server.asked.values()) <= 6  # a request of each place, and a single one after each pause
    broken.clear()
    time.sleep(1.7)
    again = engine.generate([ask(f"p{k}") for k in range(40)], Decoding(8))
    assert {answer.text for answer in again} == {"first", "second"}


def test_a_server_that_dies_during_a_run_costs_no_answer(server: Server, second: Server) -> None:
    def hang_up(text: str, _: int) -> Reply:
        return (0, b"", {}) if int(text[1:]) > 5 else reply("first")

    server.behave, second.behave = hang_up, lambda text, _: reply("second")
    engine = OpenAIEngine("tiny", f"{server.url}+{second.url}", first_pause=5, tries=3, timeout=20, concurrency=3)
    answers = engine.generate([ask(f"q{k}") for k in range(30)], Decoding(8))
    assert not any(answer.error for answer in answers) and {answer.text for answer in answers[6:]} == {"second"}


def test_of_several_servers_one_must_be_there_and_all_have_the_model(
    server: Server, second: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dead = "http://127.0.0.1:9/v1"
    engine = open_engine(f"openai:tiny@{dead}+{second.url}")
    assert f"no server answers at {dead}" in caplog.text
    assert engine.generate([ask("q")], Decoding(8))[0].text == "Q"
    with pytest.raises(ValueError, match="no server answers at http://127"):
        open_engine(f"openai:tiny@{dead}+http://127.0.0.1:10/v1")
    with pytest.raises(ValueError, match="must look like http"):
        open_engine(f"openai:tiny@{server.url}+http://")
    lists = {server.url: b'{"data": [{"id": "tiny"}]}', second.url: b'{"data": [{"id": "other"}]}'}
    monkeypatch.setattr(
        "httpx.get", lambda url, timeout: httpx.Response(200, content=lists[url.removesuffix("/models")])
    )
    with pytest.raises(ValueError, match=f"{second.url} has no model 'tiny', but another server has"):
        open_engine(f"openai:tiny@{server.url}+{second.url}")


def test_the_least_busy_server_is_picked_and_one_back_from_a_pause_gets_a_single_request() -> None:
    now = [0.0]
    servers = Servers(["a", "b"], first_pause=1.0, clock=lambda: now[0])
    a, b = servers.all
    with servers.asking(a):
        assert servers.pick() is b
        servers.note_failure(b)
        assert servers.pick() is a and not servers.has_another(a)
    now[0] = 1.0
    assert servers.has_another(a)
    with servers.asking(b):
        assert servers.pick() is a
    servers.note_failure(b)
    now[0] = 2.9
    assert servers.pick() is a  # the second pause is twice as long
    servers.note_failure(a, seconds=500)
    assert servers.pick() is b  # all are away: the one that is back first
    servers.note_answer(b)
    assert servers.pick() is b and b.failures == 0
    assert a.away_until == 2.9 + LONGEST_PAUSE


@given(_json)
def test_any_json_is_a_list_of_models_or_none(body: Any) -> None:
    assert all(isinstance(name, str) for name in list_models(json.dumps(body).encode()))
    assert list_models(b"[" * 100_000) == list_models(b"\xff") == set()
    assert list_models(json.dumps({"data": [{"id": "a"}, {"id": "b"}], "more": body}).encode()) == {"a", "b"}


def spell(*tokens: tuple[str, float, int]) -> list[Any]:
    """`prompt_logprobs` as vLLM's server writes them: none for the first token, then one token a place."""
    return [
        None,
        *({str(i): {"logprob": p, "rank": r, "decoded_token": t}} for i, (t, p, r) in enumerate(tokens)),
    ]


def scoring(places: dict[str, list[Any]], asked: int = 3) -> Callable[[str, int], Reply]:
    """A server that tells what it is sent: places by the continuation, and the prompt's tokens of a plain question."""

    def behave(text: str, _: int) -> Reply:
        status, content, headers = reply("?", usage={"prompt_tokens": asked})
        told = {**json.loads(content), "prompt_logprobs": places.get(text)}
        return status, json.dumps(told).encode(), headers

    return behave


BEFORE = [("user", -3.0, 9), ("bot", -0.5, 1)]


def test_a_continuation_is_scored_as_the_beginning_of_the_answer(server: Server) -> None:
    server.behave = scoring(
        {
            "A": spell(*BEFORE, (" A", -0.25, 1)),
            "a cat": spell(*BEFORE, ("a", -1.0, 1), (" cat", -2.0, 4)),
        }
    )
    reported: list[int] = []
    (scores,) = engine_for(server).score([ask("q")], [("A", "a cat")], lambda i, _: reported.append(i))
    assert [(one.logprob, one.tokens, one.is_greedy) for one in scores.each] == [(-0.25, 1, True), (-3.0, 2, False)]
    assert scores.error is None and scores.input_tokens == 3 and reported == [0]
    plain, first, second = server.bodies
    assert "prompt_logprobs" not in plain and [m["content"] for m in first["messages"]] == ["q", "A"]
    assert (second["continue_final_message"], second["add_generation_prompt"], second["prompt_logprobs"]) == (
        True,
        False,
        0,
    )
    assert plain["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("places", "asked", "why"),
    [
        (spell(*BEFORE, ("bA", -1.0, 1)), 3, "don't end with the continuation alone"),
        (spell(*BEFORE, ("x", -1.0, 1)), 3, "don't end with the continuation alone"),
        (spell(*BEFORE, ("A", -1.0, 1)), 2, "tokens before an answer"),
        (spell(*BEFORE, ("A", 0.5, 1)), 3, "is none"),
        (spell(*BEFORE, ("A", float("nan"), 1)), 3, "is none"),
        ([None, {"1": {"logprob": -1.0}}], 3, "no log-probability, rank and text"),
        ([None, {}, "A"], 3, "of one token each"),
        ([None, {"1": {"logprob": -1, "rank": float("inf"), "decoded_token": "A"}}], 3, "no log-probability, rank"),
        ([None, {"1": ["A", -1.0, 1]}], 3, "no log-probability, rank"),
        (spell(*[(" ", -1.0, 1)] * 100_000), 3, "don't end with the continuation alone"),
        (spell(), 3, "don't end with the continuation alone"),
    ],
)
def test_what_tells_no_likelihood_of_an_answer_fails_alone(
    server: Server, places: list[Any], asked: int, why: str
) -> None:
    server.behave = scoring({"A": places, "B": spell(*BEFORE, ("B", -1.0, 1))}, asked)
    scores, other = engine_for(server).score([ask("q"), ask("r")], [("A",), ("B",)])
    assert why in (scores.error or "") and not scores.each
    assert other.error is None or asked != 3


def test_a_server_that_tells_nothing_of_what_it_is_sent_is_refused_in_one_line(server: Server) -> None:
    with pytest.raises(UserError, match="returns no log-probabilities of given text"):
        engine_for(server).score([ask("q"), ask("r")], [("A",), ("A",)])
    server.behave = lambda text, _: refuse(400, "unknown field prompt_logprobs") if text == "A" else reply("x")
    (scores,) = engine_for(server).score([ask("q")], [("A",)])
    assert "HTTP 400: unknown field" in (scores.error or "")


def test_a_busy_server_is_asked_again_for_likelihoods_too(server: Server) -> None:
    told = scoring({"A": spell(*BEFORE, ("A", -1.0, 1))})
    server.behave = lambda text, times: refuse(503, "later") if times == 1 else told(text, times)
    (scores,) = engine_for(server).score([ask("q")], [("A",)])
    assert [one.logprob for one in scores.each] == [-1.0] and len(server.bodies) == 4
