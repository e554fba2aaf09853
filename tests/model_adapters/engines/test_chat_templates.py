"""Chat templates: the processor's, the tokenizer's alone, one from a file, or none."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from sightscale.model_adapters.engines import Decoding, EngineFailure, Message, Prompt, open_engine
from sightscale.model_adapters.engines.chat_templates import MEND, read_template, settle_template
from sightscale.model_adapters.engines.family_templates import FAMILY_TEMPLATES
from sightscale.model_adapters.engines.on_demand import open_on_demand
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine, identify
from sightscale.tasks.errors import UserError

PARTS = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}Q: {{ part['text'] }}{% endif %}{% endfor %}{% endfor %} A:"
)
PLAIN = "{% for message in messages %}{{ message['role'] + ': ' + message['content'] }}\n{% endfor %}assistant:"
WORDS = Prompt((Message("user", ("What is it?",)),))
SYSTEM = (Message("system", ("Be brief.",)), Message("user", ("What is it?",)))
ASKED = Prompt((Message("user", (Image.new("RGB", (40, 30), "red"), "What is it?")),))


@pytest.fixture
def bare(random_nano: Path, tmp_path: Path) -> Path:
    """A model without a chat template of any kind."""
    folder = Path(shutil.copytree(random_nano, tmp_path / "bare"))
    (folder / "chat_template.jinja").unlink()
    return folder


def keep(template: str, folder: Path) -> str:
    path = folder / "own.jinja"
    path.write_text(template)
    return str(path)


def test_none_at_all_is_one_line_that_says_how_to_give_one(bare: Path) -> None:
    with pytest.raises(UserError, match=r"has no chat template, .* chat_template=FILE") as caught:
        TransformersEngine(str(bare))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("template", "written"), [(PARTS, "<image>\nQ: What is it? A:"), (PLAIN, None)])
def test_one_from_a_file_is_used_and_named_in_the_identity(
    template: str, written: str | None, bare: Path, random_nano: Path, tmp_path: Path
) -> None:
    path = keep(template, tmp_path)
    engine = TransformersEngine(str(bare), chat_template=path)
    assert engine._render(ASKED, Decoding(1)) == (written or "user: <image>\nWhat is it?\nassistant:")
    (answer,) = engine.generate([ASKED], Decoding(3))
    assert not answer.error and answer.output_tokens
    assert "|chat_template=" in engine.identity and engine.identity == identify(str(bare), chat_template=path)
    assert engine.identity != identify(str(bare), chat_template=keep(template + " ", tmp_path))
    own = TransformersEngine(str(random_nano), chat_template=keep(template, tmp_path))
    assert own._render(ASKED, Decoding(1)) == engine._render(ASKED, Decoding(1))
    assert "chat_template" not in identify(str(random_nano))


@pytest.mark.parametrize(("template", "begins"), [(PARTS, "<image>\nQ: W"), (PLAIN, "user: <image>\nW")])
def test_the_tokenizers_alone_is_enough(
    template: str, begins: str, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = bare / "tokenizer_config.json"
    configuration.write_text(json.dumps(json.loads(configuration.read_text()) | {"chat_template": template}))
    engine = TransformersEngine(str(bare))
    assert engine._render(ASKED, Decoding(1)).startswith(begins)
    (answer,) = engine.generate([ASKED], Decoding(3))
    assert not answer.error and answer.input_tokens > 60  # the picture's tokens are there


BROKEN = {
    "syntax": ("{% for m in messages %}\n{{ m['role' }}", r"own.jinja is not valid jinja: line 2: "),
    "empty": (" \n", "is an empty file"),
    "silent": ("{{ bos_token }}assistant", "leaves the question out"),
    "failing": ("{{ raise_exception('never') }}", "fails on a plain question: never"),
}


@pytest.mark.parametrize("kind", list(BROKEN))
def test_one_that_cannot_be_used_is_refused_before_anything_is_asked(kind: str, bare: Path, tmp_path: Path) -> None:
    template, said = BROKEN[kind]
    with pytest.raises(UserError, match=said) as caught:
        TransformersEngine(str(bare), chat_template=keep(template, tmp_path))
    assert "\n" not in str(caught.value)


MISTAKES = {
    "syntax": (
        BROKEN["syntax"][0],
        r"its own chat template is no jinja: line 2: .*; mend it, or give another by chat_",
    ),
    "failing": (BROKEN["failing"][0], r"its own chat template fails on a plain question: never; mend it, or give"),
    "silent": (BROKEN["silent"][0], r"its own chat template leaves the question out of the prompt; mend it, or give"),
}


@pytest.mark.parametrize("kind", list(MISTAKES))
def test_a_mistake_in_its_own_is_told_when_it_is_opened(kind: str, bare: Path) -> None:
    template, said = MISTAKES[kind]
    (bare / "chat_template.jinja").write_text(template)
    with pytest.raises(UserError, match=said) as caught:
        TransformersEngine(str(bare))
    assert "\n" not in str(caught.value)
    assert not TransformersEngine(str(bare), chat_template=keep(PARTS, bare)).generate([ASKED], Decoding(2))[0].error


def test_one_that_leaves_pictures_out_answers_nothing_about_them(bare: Path) -> None:
    (bare / "chat_template.jinja").write_text(PARTS.replace("<image>\n", ""))
    engine = TransformersEngine(str(bare))
    answer, bare_answer = engine.generate([ASKED, WORDS], Decoding(2))
    assert answer.error == f"ValueError: the chat template leaves pictures out of the prompt; {MEND}"
    assert not bare_answer.error
    with pytest.raises(EngineFailure, match="leaves pictures out"):
        engine.describe(ASKED)


LAST = (
    "{% for message in messages %}{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}"
    "{% endfor %}{% for part in message['content'] if part['type'] == 'image' %}<image>{% endfor %}{% endfor %} A:"
)
FIRST_TURN = (
    "{{ messages[0]['content'] if messages[0]['content'] is string else messages[0]['content'][-1]['text'] }} A:"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}" + PARTS
USER_ALONE = PARTS.replace("in messages %}", "in messages if message['role'] == 'user' %}", 1)


@pytest.mark.parametrize(
    ("template", "remarks"),
    [
        (PARTS, ()),
        (PLAIN, ()),
        (LAST, ("puts a picture behind the question that follows it",)),
        (NO_SYSTEM, ("takes no system's turn (no system here)",)),
        (USER_ALONE, ("leaves out what a system's turn says",)),
    ],
    ids=["parts", "plain", "last", "no system", "user alone"],
)
def test_what_is_peculiar_is_remarked(template: str, remarks: tuple[str, ...], bare: Path) -> None:
    (bare / "chat_template.jinja").write_text(template)
    assert TransformersEngine(str(bare)).describe(ASKED).remarks == remarks


@pytest.mark.parametrize(
    ("template", "messages", "said"),
    [
        (USER_ALONE, SYSTEM, "the system's turn says (Be brief.)"),
        (FIRST_TURN, SYSTEM, "the user's turn says (What is it?)"),
        (NO_SYSTEM, SYSTEM, "no system here"),
    ],
    ids=["system", "user", "refused"],
)
def test_a_turn_that_is_left_out_costs_the_answer(
    template: str, messages: tuple[Message, ...], said: str, bare: Path
) -> None:
    (bare / "chat_template.jinja").write_text(template)
    lost, kept = TransformersEngine(str(bare)).generate([Prompt(messages), WORDS], Decoding(2))
    assert said in str(lost.error) and not kept.error


def test_white_space_that_a_template_trims_is_no_loss(bare: Path) -> None:
    (bare / "chat_template.jinja").write_text(PARTS.replace("part['text']", "part['text'] | trim"))
    prompt = Prompt((Message("user", (" What\n is it? ", " ")),))
    assert not TransformersEngine(str(bare)).generate([prompt], Decoding(2))[0].error


def test_a_file_that_is_no_text_or_is_not_there_is_named(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"own.jinja is not a text file"):
        read_template(tmp_path / "own.jinja")
    for ask in (identify, TransformersEngine):
        with pytest.raises(
            UserError,
            match=r"chat_template=missing.jinja: no such file or directory; built in are blip, blip_2",
        ):
            ask(str(bare), chat_template="missing.jinja")


ASKED_BY = {
    "paligemma": "<image><image>answer en What is it?",
    "blip_2": "Question: What is it? Answer:",
    "instructblip": "What is it?",
    "florence2": "What is it?",
    "blip": "What is it?",
    "fuyu": "What is it?\n",
    "git": "What is it?",
    "pix2struct": "What is it?",
    "kosmos2": "Question: What is it? Answer:",
    "got_ocr2": "user\n<img><imgpad></img>\n<img><imgpad></img>\nWhat is it?<|im_end|><|im_start|>assistant\n",
}


@pytest.mark.parametrize("family", sorted(FAMILY_TEMPLATES))
def test_a_familys_template_is_built_in(family: str, bare: Path) -> None:
    engine = TransformersEngine(str(bare), chat_template=family)
    picture = Image.new("RGB", (40, 30))
    prompt = Prompt((Message("user", (picture, picture, "What is it?")),))
    written = engine._write(prompt, Decoding(1))  # a model of another family would be refused a picture without a mark
    assert written.endswith(ASKED_BY[family]) and (family == "got_ocr2" or written == ASKED_BY[family])
    assert engine.identity == identify(str(bare), chat_template=family)


def test_a_model_of_a_family_without_a_template_is_told_its_name(bare: Path) -> None:
    for model_type, family in (("blip-2", "blip_2"), ("kosmos-2", "kosmos2"), ("paligemma", "paligemma")):
        with pytest.raises(UserError, match=f"add chat_template={family}, which is built in"):
            settle_template(SimpleNamespace(), SimpleNamespace(), None, name="m", model_type=model_type)


def test_tags_of_transformers_own_are_jinja(tmp_path: Path) -> None:
    path = keep("{%- generation -%}x{% endgeneration %}{% for a in b %}{% break %}{% endfor %}", tmp_path)
    assert read_template(path).startswith("{%- generation")


def test_engines_behind_other_programs_say_where_it_belongs(tmp_path: Path) -> None:
    for model in ("vllm:easy_vqa_nano", "openai:m@http://127.0.0.1:1/v1"):
        with pytest.raises(UserError, match=r"no argument 'chat_template'; save the template as chat_template.jinja"):
            open_engine(model, chat_template=keep(PARTS, tmp_path))


def test_an_engine_on_demand_is_known_by_it(bare: Path, tmp_path: Path) -> None:
    path = keep(PARTS, tmp_path)
    engine = open_on_demand(str(bare), {"chat_template": path})
    assert engine.identity == identify(str(bare), chat_template=path)
    assert not engine.generate([ASKED], Decoding(2))[0].error
