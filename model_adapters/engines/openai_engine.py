"""The openai engine: servers that speak OpenAI's chat protocol, asked with bounded concurrency.

Requests run in a thread of their own and come back to the caller one by one as they finish. Busy servers and lost
connections are tried again with growing pauses, or elsewhere at once where several servers have the model; whatever
fails for good is a completion with an `error`. Answers of a server are untrusted: bounded, checked and read, never
executed.
"""

import asyncio
import base64
import io
import json
import logging
import math
import os
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

import httpx
from PIL import Image

from sightscale.model_adapters.arguments import read_flag
from sightscale.model_adapters.engines import (
    AT_ONCE,
    LIKELIEST,
    MAX_REASON,
    Choice,
    Completion,
    Completions,
    Decoding,
    EngineFailure,
    Key,
    Likelihoods,
    Message,
    OnScored,
    Prompt,
    Prompts,
    StreamingEngine,
    explain,
    failed,
    prompt_seed,
)
from sightscale.model_adapters.engines.chat_replies import (
    BUSY,
    MAX_REPLY_BYTES,
    BusyReply,
    UnusableReply,
    count_prompt_tokens,
    list_models,
    read_choices,
    read_prompt_scores,
    read_reply,
    read_retry_after,
    refusal,
)
from sightscale.model_adapters.engines.feed import Feed
from sightscale.model_adapters.engines.servers import LONGEST_PAUSE, Server, Servers
from sightscale.tasks.errors import UserError, first_line

logger = logging.getLogger(__name__)

_Read = TypeVar("_Read")
KEY_VARIABLE = "OPENAI_API_KEY"
LOOK_UP = 0.2  # seconds that a wait for the next prompt lasts, which can't be cancelled
TOKEN_FIELDS = ("max_tokens", "max_completion_tokens", "n_predict", "max_new_tokens")


class _Pause(Exception):
    """A try that failed in a way that may pass; the server may say after how many seconds."""

    def __init__(self, reason: str, seconds: float | None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class OpenAIEngine(StreamingEngine):
    """A model behind an OpenAI-compatible server, or behind several."""

    parameters: int | None = None  # a server doesn't tell

    def __init__(
        self,
        model: str,
        url: str,
        *,
        concurrency: int = 32,
        timeout: float = 600.0,
        tries: int = 6,
        first_pause: float = 1.0,
        max_tokens_field: str = "max_tokens",
        send_temperature: bool | str = True,
    ) -> None:
        """Ask for `model` at `url`, the server's address up to `/v1`; `timeout` is in seconds for one try.

        Several servers stand with a plus between their addresses: each gets up to `concurrency` requests at a time, and
        one that fails is left out for a while. The first address names the model, whatever others are added.

        A server that refuses `max_tokens` is given the limit in `max_tokens_field`; one that refuses a temperature
        gets none of the settings of sampling unless `send_temperature`. The key, if the server wants one, is read from
        the environment variable OPENAI_API_KEY. Raises UserError in one line when the address or an argument is
        unusable, nothing answers there, or one of several servers lacks the model.
        """
        urls = list(dict.fromkeys(_check_url(one) for one in _BETWEEN.split(url)))
        self._model, self._concurrency = model, max(1, int(concurrency))
        try:
            self._timeout, self._tries, self._first_pause = float(timeout), int(tries), float(first_pause)
        except ValueError as error:
            raise UserError(f"timeout={timeout!r} and tries={tries!r} must be numbers") from error
        if not (0 < self._timeout < math.inf and self._tries > 0):
            raise UserError(f"timeout={timeout!r} and tries={tries!r} must be above zero")
        self._key = os.environ.get(KEY_VARIABLE, "").strip()
        if max_tokens_field not in TOKEN_FIELDS:
            raise UserError(f"max_tokens_field={max_tokens_field!r} is unknown; known: {', '.join(TOKEN_FIELDS)}")
        self._limit_field = max_tokens_field
        self._samples = read_flag("send_temperature", send_temperature)
        self.identity = f"{model}@{urls[0]}|openai{'' if self._samples else '|server temperature'}"
        self._servers = Servers(urls, self._first_pause)
        self._check_servers()

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """Each prompt's completion under its key. Raises UserError for a decoding that no server can do."""
        if decoding.nowait is not None:
            raise UserError(
                f"NoWait ({decoding.nowait!r}) bans tokens while thinking, which a server can't be asked for; "
                "use a transformers or vllm: model"
            )
        with Feed(prompts, self.concurrency) as feed:
            requests = _Requests(self, feed, decoding)
            try:
                yield from requests
            finally:
                requests.stop()  # also when the caller was interrupted or could not keep an answer

    def list_choices(self, prompt: Prompt, decoding: Decoding) -> list[Choice]:
        """The tokens of a prompt's completion, asked anew; none where the server tells no log-probabilities.

        Raises EngineFailure in one line, with the server's own words where it refuses.
        """
        asked = self.request_body(prompt, decoding) | {"logprobs": True, "top_logprobs": LIKELIEST}

        async def ask() -> bytes:
            async with asyncio.timeout(self._timeout), self.open_client() as client:
                return (await self._post(client, self._servers.pick(), json.dumps(asked).encode()))[0]

        try:
            return read_choices(asyncio.run(ask()))
        except (_Pause, UnusableReply) as refused:
            raise EngineFailure(str(refused)) from refused
        except TimeoutError as error:
            raise EngineFailure(f"no answer within {self._timeout:g} s") from error
        except httpx.HTTPError as error:
            raise EngineFailure(f"{type(error).__name__}: {first_line(error)}") from error

    def close(self) -> None:
        """Nothing is held between calls."""

    async def complete(self, client: httpx.AsyncClient, prompt: Prompt, decoding: Decoding) -> Completion:
        """One prompt's completion, after as many tries as it takes and is allowed."""
        start = time.perf_counter()
        try:
            body = await asyncio.to_thread(self._write_body, prompt, decoding)
        except Exception as error:  # a picture may be broken in any way, and costs this prompt only
            return failed(f"cannot write the request: {type(error).__name__}: {first_line(error)}")
        try:
            return await self._ask_on(
                client,
                body,
                lambda content: read_reply(content, time.perf_counter() - start, decoding.max_new_tokens, self._key),
            )
        except UnusableReply as error:
            return failed(str(error))

    async def _ask_on(self, client: httpx.AsyncClient, body: bytes, read: Callable[[bytes], _Read]) -> _Read:
        """What `read` makes of the reply, after as many tries as it takes and is allowed.

        Raises UnusableReply with the last reason.
        """
        for attempt in range(self._tries):
            server = self._servers.pick()
            try:
                async with asyncio.timeout(self._timeout):
                    with self._servers.asking(server):
                        answer = await self._try(client, server, body, read)
                self._servers.note_answer(server)
                return answer
            except _Pause as pause:
                reason, wished = str(pause), pause.seconds
            except TimeoutError:
                reason, wished = f"no answer within {self._timeout:g} s", None
            except httpx.HTTPError as error:
                reason, wished = f"{type(error).__name__}: {first_line(error)}", None
            self._servers.note_failure(server, wished)
            if attempt + 1 < self._tries and not self._servers.has_another(server):
                await asyncio.sleep(self._pause(attempt) if wished is None else min(wished, LONGEST_PAUSE))
        raise UnusableReply(f"gave up after {self._tries} tries: {reason}")

    def score(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
    ) -> list[Likelihoods]:
        """The likelihoods of each prompt's continuations, in order, from a server that tells `prompt_logprobs`.

        A continuation is sent as the beginning of the assistant's message, and the prompt alone once more: what the
        server's template makes of both must differ by the continuation's tokens. Raises UserError in one line where the
        server returns no log-probabilities of given text.
        """
        results: list[Likelihoods | None] = [None] * len(prompts)
        refused: list[UserError] = []
        numbers = iter(range(len(prompts)))

        async def work(client: httpx.AsyncClient) -> None:
            for i in numbers:
                if refused:
                    return
                try:
                    results[i] = scores = await self._score(client, prompts[i], continuations[i])
                except UserError as error:
                    refused.append(error)
                    return
                if on_scored:
                    on_scored(i, scores)

        async def run() -> None:
            async with self.open_client() as client, asyncio.TaskGroup() as group:
                for _ in range(min(self.concurrency, len(prompts))):
                    group.create_task(work(client))

        asyncio.run(run())
        if refused:
            raise refused[0]
        return [scores for scores in results if scores is not None]

    async def _score(self, client: httpx.AsyncClient, prompt: Prompt, continuations: Sequence[str]) -> Likelihoods:
        start = time.perf_counter()
        try:
            plain = await asyncio.to_thread(self.request_body, prompt, AT_ONCE)
            bodies = [plain, *(plain | _continued(plain["messages"], one) for one in continuations)]
            asked = await self._ask_on(client, json.dumps(bodies[0]).encode(), count_prompt_tokens)
            each = []
            for body, continuation in zip(bodies[1:], continuations, strict=True):
                read = partial(read_prompt_scores, continuation=continuation)
                scored = await self._ask_on(client, json.dumps(body).encode(), read)
                if scored is None:
                    raise UserError(
                        f"the server at {self._servers.all[0].url} returns no log-probabilities of given text "
                        "(prompt_logprobs, as vLLM's does); use a model of transformers or vLLM here"
                    )
                likelihood, tokens = scored
                if tokens - likelihood.tokens != asked:
                    raise UnusableReply(
                        f"the server's template has {tokens - likelihood.tokens} tokens before an answer and {asked} "
                        "where it asks for one, so that their likelihoods aren't those of an answer"
                    )
                each.append(likelihood)
        except UnusableReply as error:
            return Likelihoods(error=str(error)[:MAX_REASON])
        except UserError:
            raise
        except Exception as error:  # a picture may be broken in any way, and costs this prompt only
            return Likelihoods(error=explain(error))
        return Likelihoods(tuple(each), asked, time.perf_counter() - start)

    def request_body(self, prompt: Prompt, decoding: Decoding) -> dict[str, Any]:
        """The request in OpenAI's words; what it has no words for stands where vLLM and others read it."""
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": _content(message)} for message in prompt.messages],
            self._limit_field: decoding.max_new_tokens,
        }
        if self._samples:
            body["temperature"] = decoding.temperature
        if self._samples and decoding.temperature > 0:
            body |= {"top_p": decoding.top_p, "seed": prompt_seed(prompt, decoding) % 2**31}
            body |= {"top_k": decoding.top_k} if decoding.top_k else {}
            body |= {"min_p": decoding.min_p} if decoding.min_p else {}
        if decoding.stop:
            body["stop"] = list(decoding.stop)
        if decoding.thinking is not None:
            body["chat_template_kwargs"] = {"enable_thinking": decoding.thinking}
        if decoding.thinking_budget is not None:
            body["thinking_token_budget"] = decoding.thinking_budget
        return body

    def _write_body(self, prompt: Prompt, decoding: Decoding) -> bytes:
        return json.dumps(self.request_body(prompt, decoding)).encode()

    async def _try(
        self, client: httpx.AsyncClient, server: Server, body: bytes, read: Callable[[bytes], _Read]
    ) -> _Read:
        content, retry_after = await self._post(client, server, body)
        try:
            return read(content)
        except BusyReply as error:
            raise _Pause(str(error), retry_after) from error

    async def _post(self, client: httpx.AsyncClient, server: Server, body: bytes) -> tuple[bytes, float | None]:
        """The body of a successful reply, and the pause that the server wishes for before another.

        Raises _Pause where asking again may help, else UnusableReply.
        """
        async with client.stream("POST", f"{server.url}/chat/completions", content=body) as response:
            content = bytearray()
            async for chunk in response.aiter_raw():  # a packed answer could unpack to any size
                content += chunk
                if len(content) > MAX_REPLY_BYTES:
                    raise UnusableReply(f"the server's answer is longer than {MAX_REPLY_BYTES} bytes")
        if response.status_code != 200:
            reason = refusal(response.status_code, bytes(content), self._key)
            if response.status_code == BUSY or response.status_code >= 500:
                raise _Pause(reason, read_retry_after(response.headers.get("retry-after")))
            raise UnusableReply(reason)
        return bytes(content), read_retry_after(response.headers.get("retry-after"))

    def _pause(self, attempt: int) -> float:
        return min(LONGEST_PAUSE, self._first_pause * 2.0**attempt) * random.uniform(0.5, 1.0)

    def open_client(self) -> httpx.AsyncClient:
        """A client that knows the key and keeps a connection for each request under way."""
        return httpx.AsyncClient(
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"}
            | ({"Authorization": f"Bearer {self._key}"} if self._key else {}),
            limits=httpx.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency),
            timeout=httpx.Timeout(self._timeout, connect=min(30.0, self._timeout)),
        )

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at a time, over all servers."""
        return self._concurrency * len(self._servers.all)

    def _check_servers(self) -> None:
        """Ask each for its list of models: any answer at all shows that it is there.

        Of several, one that isn't there is left out for now, and one whose list lacks the model is refused where
        another's has it.
        """
        reasons: dict[str, str] = {}
        having: dict[str, bool] = {}
        for server in self._servers.all:
            try:
                answer = httpx.get(f"{server.url}/models", timeout=min(30.0, self._timeout))
            except httpx.HTTPError as error:
                reasons[server.url] = first_line(error)
                self._servers.note_failure(server)
                continue
            names = list_models(answer.content)
            having |= {server.url: self._model in names} if names else {}
        if len(reasons) == len(self._servers.all):
            url, reason = next(iter(reasons.items()))
            raise UserError(f"no server answers at {url}: {reason}; start it or correct the address")
        lacking = [url for url, has in having.items() if not has]
        if lacking and any(having.values()):
            raise UserError(
                f"the server at {lacking[0]} has no model {self._model!r}, but another server has; leave this one out"
            )
        for url, reason in reasons.items():
            logger.warning(f"no server answers at {url}: {reason}; the others are asked meanwhile")


class _Requests(Generic[Key]):
    """Requests under way in a thread with an event loop; iterating gives what is finished, and lets others begin."""

    def __init__(self, engine: OpenAIEngine, feed: Feed[tuple[Key, Prompt]], decoding: Decoding) -> None:
        self._engine, self._feed, self._decoding = engine, feed, decoding
        self._finished: queue.SimpleQueue[tuple[Key, Completion] | BaseException | None] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._room = asyncio.Semaphore(engine.concurrency)
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="openai-requests", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[tuple[Key, Completion]]:
        while (finished := self._finished.get()) is not None:
            if isinstance(finished, BaseException):
                raise finished
            yield finished
            with suppress(RuntimeError):  # the loop is closed: no more are asked
                self._loop.call_soon_threadsafe(self._room.release)

    def stop(self) -> None:
        """Cancel what is still under way, and wait for its connections to be closed."""

        def cancel() -> None:
            if self._task is not None:
                self._task.cancel()

        with suppress(RuntimeError):  # the loop is closed: all is done
            self._loop.call_soon_threadsafe(cancel)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            self._task = self._loop.create_task(self._ask_all())
            self._loop.run_until_complete(self._task)
        except (asyncio.CancelledError, Exception) as error:  # what ends all must reach the caller, who waits
            self._finished.put(error)
        else:
            self._finished.put(None)
        finally:
            self._loop.close()

    async def _ask_all(self) -> None:
        # The feed is waited for in a thread of its own, so that it keeps none from writing a request.
        broken: Exception | None = None
        with ThreadPoolExecutor(1) as reader:
            async with self._engine.open_client() as client, asyncio.TaskGroup() as group:
                while not self._feed.has_ended:
                    await self._room.acquire()
                    item = None
                    while item is None and not self._feed.has_ended:
                        try:
                            item = await self._loop.run_in_executor(reader, self._feed.take, LOOK_UP)
                        except Exception as error:  # of whoever makes the prompts, who ends what isn't under way yet
                            broken = error
                    if item is not None:
                        group.create_task(self._ask(client, *item))
        if broken:
            raise broken

    async def _ask(self, client: httpx.AsyncClient, key: Key, prompt: Prompt) -> None:
        try:
            completion = await self._engine.complete(client, prompt, self._decoding)
        except Exception as error:  # whatever else goes wrong with a request costs that request only
            completion = failed(explain(error))
        self._finished.put((key, completion))


def _continued(messages: list[dict[str, Any]], continuation: str) -> dict[str, Any]:
    """What a request adds to have the server score the beginning of an answer, in vLLM's words."""
    return {
        "messages": [*messages, {"role": "assistant", "content": continuation}],
        "add_generation_prompt": False,
        "continue_final_message": True,
        "prompt_logprobs": 0,
    }


_BETWEEN = re.compile(r"\+(?=https?://)")  # two servers' addresses


def _check_url(url: str) -> str:
    """The address without a closing slash. Raises UserError in one line when requests can't be sent there."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UserError(f"server address {url!r} is not a URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UserError(f"server address {url!r} must look like http://host:port/v1")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise UserError(f"a server address must not hold credentials or a query; put the key into {KEY_VARIABLE}")
    return str(parsed).rstrip("/")


def _content(message: Message) -> str | list[dict[str, Any]]:
    """A turn's text, or its parts in order where it has pictures: servers of text models may know text only."""
    if all(isinstance(part, str) for part in message.parts):
        return "\n".join(part for part in message.parts if isinstance(part, str))
    return [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": _data_url(part)}}
        for part in message.parts
    ]


def _data_url(image: Image.Image) -> str:
    """The picture as PNG, which keeps every pixel."""
    file = io.BytesIO()
    image.save(file, format="PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
