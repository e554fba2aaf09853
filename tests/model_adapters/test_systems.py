"""Every row of the study's table runs: its registered string, with tiny models of the same classes in its places.

Hub ids are folders under the working directory here, so the strings are used as they are registered;
only the addresses of servers are replaced, by a real server on this machine with a tiny model behind it.
"""

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation.evaluate import Plan, evaluate
from sightscale.leaderboards.published import read_published
from sightscale.model_adapters.checkpoints import list_checkpoints
from sightscale.model_adapters.convert.parts import write_processor
from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.model_adapters.engines.processors import for_pictures
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine
from sightscale.model_adapters.model_strings import parse_model
from sightscale.model_adapters.systems import System, find_system, list_systems
from sightscale.tasks.boxes import parse_convention
from sightscale.tasks.mini import QUESTIONS
from sightscale.trainers.model.build import CHAT_TEMPLATE, build_tokenizer

SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXTS = ["user assistant What is it? Answer: the red box. Question: Options: A. B. C. D. Description:"]
SHORT = ",budget=6,answer_tokens=4"  # so that random models come to an end


def write_tokenizer(folder: Path, *tokens: str, **named: str) -> Any:
    """A small tokenizer that knows these tokens besides."""
    tokenizer: Any = build_tokenizer(TEXTS, 300)
    tokenizer.add_tokens([*tokens, *named.values()], special_tokens=True)
    tokenizer.save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder, extra_special_tokens={"image_token": "<image>", **named})


def language(tokenizer: Any, kind: Any, **others: Any) -> Any:
    """The config of a tiny language model."""
    return kind(
        **SMALL,
        num_key_value_heads=1,
        vocab_size=len(tokenizer),
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **others,
    )


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """A random model that often ends what it writes."""
    model.generation_config.eos_token_id = list(range(0, len(tokenizer), 2))
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)


def write_reasoner(folder: Path) -> None:
    """Qwen3, with its switch for thinking."""
    tokenizer = write_tokenizer(folder, "<think>", "</think>")
    tokenizer.chat_template = CHAT_TEMPLATE + "{% if enable_thinking %}<think>\n{% endif %}"
    tokenizer.save_pretrained(folder)
    config = language(tokenizer, transformers.Qwen3Config, head_dim=16)
    save(transformers.Qwen3ForCausalLM(config), tokenizer, folder)


def write_llava_onevision(folder: Path) -> None:
    """SigLIP and Qwen3 with AnyRes pictures, as converted and as trained checkpoints are."""
    tokenizer = write_tokenizer(folder, "<video>")
    config = transformers.LlavaOnevisionConfig(
        vision_config=transformers.SiglipVisionConfig(**SMALL, image_size=28, patch_size=14, vision_use_head=False),
        text_config=language(tokenizer, transformers.Qwen3Config, head_dim=16),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=[[28, 28], [28, 56], [56, 28], [56, 56]],
    )
    write_processor(config, tokenizer, folder)
    save(transformers.LlavaOnevisionForConditionalGeneration(config), tokenizer, folder)


def write_internvl(folder: Path) -> None:
    """InternViT and Qwen2 in transformers' own classes."""
    marks = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    tokenizer = write_tokenizer(folder, **marks, video_token="<video>")
    vision = transformers.InternVLVisionConfig(**SMALL, image_size=28, patch_size=7)
    config = transformers.InternVLConfig(
        vision_config=vision.to_dict(),
        text_config=language(tokenizer, transformers.Qwen2Config).to_dict(),
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=4,
    )
    processor = for_pictures(transformers.InternVLProcessor)(
        image_processor=transformers.GotOcr2ImageProcessorPil(size={"height": 28, "width": 28}, max_patches=4),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=CHAT_TEMPLATE.replace("<image>", "<IMG_CONTEXT>"),
    )
    processor.save_pretrained(folder)
    save(transformers.InternVLForConditionalGeneration(config), tokenizer, folder)


def write_smolvlm(folder: Path) -> None:
    """Idefics3: SigLIP with pixels shuffled into channels, and Llama."""
    tokenizer = write_tokenizer(folder, "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    text = language(tokenizer, transformers.LlamaConfig)
    vision = transformers.Idefics3VisionConfig(**SMALL, image_size=28, patch_size=7)
    processor = transformers.Idefics3Processor(
        image_processor=transformers.Idefics3ImageProcessorPil(
            size={"longest_edge": 56}, max_image_size={"longest_edge": 28}
        ),
        tokenizer=tokenizer,
        image_seq_len=4,
        chat_template=CHAT_TEMPLATE.replace("<image>\\n", "<image>"),
    )
    processor.save_pretrained(folder)
    text.vocab_size = len(processor.tokenizer)
    config = transformers.Idefics3Config(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_id=processor.image_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    save(transformers.Idefics3ForConditionalGeneration(config), processor.tokenizer, folder)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which every folder and hub id of the registry is a tiny model of its class."""
    root = tmp_path_factory.mktemp("work")
    torch.manual_seed(0)
    tiny = root / "tiny"
    for write in (write_reasoner, write_llava_onevision, write_internvl, write_smolvlm):
        write(tiny / write.__name__.removeprefix("write_"))
    places = {f"Qwen/Qwen3-{size}": "reasoner" for size in ("8B", "4B", "1.7B")}
    places |= {"HuggingFaceTB/SmolVLM-Instruct": "smolvlm", "models/InternVL2_5-1B-hf": "internvl"}
    for system in list_systems().values():
        for part in system.parts:
            if part.folder:
                places.setdefault(f"models/{part.folder}", "llava_onevision")
    for place, kind in places.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).symlink_to(tiny / kind)
    return root


class Handler(BaseHTTPRequestHandler):
    """OpenAI's chat protocol in front of one engine for pictures and one for text."""

    engines: dict[bool, TransformersEngine]

    def do_GET(self) -> None:
        self._say({})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = body["messages"][-1]["content"]
        parts: list[Any] = [content] if isinstance(content, str) else [_read_part(part) for part in content]
        prompt = Prompt((Message("user", tuple(parts)),))
        with LOCK:
            (answer,) = self.engines[bool(prompt.images)].generate([prompt], Decoding(min(8, body["max_tokens"])))
        choice = {"message": {"role": "assistant", "content": answer.text or "."}, "finish_reason": "stop"}
        self._say({"choices": [choice], "usage": {"prompt_tokens": answer.input_tokens, "completion_tokens": 1}})

    def _say(self, what: Any) -> None:
        content = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


LOCK = threading.Lock()


def _read_part(part: dict[str, Any]) -> Any:
    if part["type"] == "text":
        return part["text"]
    return Image.open(io.BytesIO(base64.b64decode(part["image_url"]["url"].partition(",")[2])))


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[str]:
    """The address of a server with a tiny model for pictures and one for text."""
    Handler.engines = {
        pictures: TransformersEngine(str(models / "tiny" / kind), dtype="float32")
        for pictures, kind in ((True, "llava_onevision"), (False, "reasoner"))
    }
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}/v1"
    served.shutdown()
    served.server_close()


@pytest.mark.parametrize("system", list_systems().values(), ids=list(list_systems()))
def test_a_registered_system_answers_questions_of_the_mini_suite(
    system: System, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(models)
    monkeypatch.setenv(QUESTIONS, "2")
    text = system.name + (SHORT if system.model.startswith("decoupled:") else "")
    if "@http" in system.model:
        url = request.getfixturevalue("server")
        text += f",perception=openai:seer@{url},reasoning=openai:reasoner@{url}"
    plan = Plan(parse_model(text), text, ("in_domain_dev_vizwiz",), (), tmp_path / "run", data="mini")
    records = evaluate(plan)
    assert len(records) == 2 and set(records["model"]) == {text}
    assert records["error"].isna().all(), records["error"].tolist()
    assert records["description"].notna().all() == bool(system.row.perception)
    assert records["thinking"].notna().all() == ("mode=thinking" in system.model)
    seeing = "perception_input_tokens" if system.row.perception else "input_tokens"
    assert (records[seeing] > 20).all()


def test_every_row_of_the_table_is_a_system_and_only_those() -> None:
    table = [(row.system, row.perception, row.reasoning) for row in read_published()]
    systems = [(one.row.system, one.row.perception, one.row.reasoning) for one in list_systems().values()]
    assert systems == table and len(table) == 15


@pytest.mark.parametrize("system", list_systems().values(), ids=list(list_systems()))
def test_what_is_shown_of_a_system_fits_its_model_string(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTSCALE_MODELS", "/data/models/")
    spec = parse_model(system.model_string)
    assert spec.kind == ("decoupled" if system.row.perception else "end-to-end")
    parse_convention(system.boxes)
    assert spec.arguments.get("box_convention", "auto") == system.boxes
    for part in system.parts:
        name = {"model": spec.name, "focus": spec.arguments.get("focus_llm")}.get(
            part.role, spec.arguments.get(part.role)
        )
        wanted = f"/data/models/{part.folder}" if part.folder else part.weights
        assert wanted and wanted in str(name)
    roles = {"perception", "reasoning", "focus"} if system.row.perception else {"model"}
    assert {part.role for part in system.parts} == roles
    assert system.name not in list_checkpoints()
    shown = CliRunner().invoke(app, ["models", "show", system.name])
    assert shown.exit_code == 0 and system.command in shown.stdout
    assert all(step in shown.stdout for part in system.parts for step in part.steps)
    assert ("weights not released: train with recipe" in shown.stdout) is any(part.recipe for part in system.parts)


def test_arguments_after_a_name_replace_its_own(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models)
    spec = parse_model("extract_think_0.6b_1.7b,budget=100,stages=together")
    assert spec.arguments["budget"] == "100" and spec.arguments["stages"] == "together"
    assert spec.arguments["reasoning"] == "Qwen/Qwen3-1.7B" and spec.arguments["nowait"] == "qwen3"


def test_a_system_without_its_folder_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=r"models/llava-extract-qwen3-1.7B, which isn't there: `sightscale models show"
    ):
        parse_model("extract_think_1.7b_4b")
    assert parse_model("extract_think_1.7b_4b,perception=elsewhere").arguments["perception"] == "elsewhere"
    with pytest.raises(ValueError, match="there is no system 'nobody'"):
        find_system("nobody")
    listed = CliRunner().invoke(app, ["models"])
    assert all(name in listed.stdout for name in (*list_systems(), *list_checkpoints()))
