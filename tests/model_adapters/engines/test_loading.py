"""Loading: a tensor that doesn't fit is named, and what a checkpoint's own configuration changes is told."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from sightscale.model_adapters.checkpoints import find_checkpoint, list_checkpoints
from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.model_adapters.engines.loading import check_weights, load_model, loading
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine, identify
from sightscale.tasks.errors import UserError

Tensors = dict[str, torch.Tensor]
CONNECTOR = "multi_modal_projector.linear_1"
ASKED = Prompt((Message("user", ("How many?",)),))
GREEDY = Decoding(max_new_tokens=6)


@pytest.fixture
def model(random_nano: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(random_nano, tmp_path / "model"))


def change_weights(folder: Path, change: Callable[[Tensors], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def find_name(tensors: Tensors) -> str:
    return next(name for name in tensors if name.endswith(f"{CONNECTOR}.weight"))


def rename(tensors: Tensors) -> None:
    tensors[f"another.{CONNECTOR}"] = tensors.pop(find_name(tensors))


def shorten(tensors: Tensors) -> None:
    tensors[find_name(tensors)] = tensors[find_name(tensors)][:, 1:].contiguous()


CHANGES: dict[str, tuple[Callable[[Tensors], object], str]] = {
    "missing": (lambda tensors: tensors.pop(find_name(tensors)), rf"weights lack 1 tensor \(\S*{CONNECTOR}.weight\)"),
    "unexpected": (lambda tensors: tensors.update(x=torch.zeros(2)), r"no place for 1 tensor \(x\); .*allow_unused"),
    "renamed": (rename, rf"lack 1 tensor .*; its model has no place for 1 tensor \(another.{CONNECTOR}\)"),
    "shape": (shorten, rf"another shape than .* has 1 tensor \(\S*{CONNECTOR}.weight\)"),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_tensor_that_does_not_fit_is_named(change: str, model: Path) -> None:
    change_weights(model, CHANGES[change][0])
    for load in (lambda: TransformersEngine(str(model)), lambda: check_weights(model, name=str(model))):
        with pytest.raises(UserError, match=CHANGES[change][1]) as caught:
            load()
        assert "\n" not in str(caught.value) and str(model) in str(caught.value)


def test_many_tensors_are_counted(model: Path) -> None:
    change_weights(model, lambda tensors: [tensors.pop(name) for name in list(tensors) if "projector" in name])
    with pytest.raises(UserError, match=r"lack 4 tensors \(\S+, \S+, \S+, …\); fetch or save it again"):
        TransformersEngine(str(model))


def test_unused_weights_can_be_allowed(model: Path) -> None:
    change_weights(model, lambda tensors: tensors.update(x=torch.zeros(2)))
    assert load_model(AutoModelForImageTextToText, model, allow_unused_weights=True)
    TransformersEngine(str(model), allow_unused_weights=True)


@pytest.mark.parametrize("damage", ["pointer", "cut", "empty"])
def test_a_damaged_file_is_one_line(damage: str, model: Path) -> None:
    weights = model / "model.safetensors"
    content = weights.read_bytes()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    weights.write_bytes({"pointer": pointer, "cut": content[: len(content) // 2], "empty": b""}[damage])
    with pytest.raises(UserError, match="weights are damaged, or a pointer") as caught:
        TransformersEngine(str(model))
    assert "\n" not in str(caught.value)


def break_up(folder: Path) -> list[Path]:
    """Write a checkpoint's weights anew as several files with an index; returns them."""
    whole = AutoModelForImageTextToText.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    whole.save_pretrained(folder, max_shard_size="200KB")
    return sorted(folder.glob("model-*.safetensors"))


def test_weights_in_several_files_are_read_and_one_that_is_missing_is_named(model: Path, random_nano: Path) -> None:
    shards = break_up(model)
    assert len(shards) > 2
    answers = [TransformersEngine(str(folder)).generate([ASKED], GREEDY)[0] for folder in (model, random_nano)]
    assert answers[0].text == answers[1].text and not answers[0].error
    shards[1].unlink()
    for load in (lambda: TransformersEngine(str(model)), lambda: check_weights(model, name=str(model))):
        with pytest.raises(UserError, match=rf"it lacks {shards[1].name}, which model.safetensors.index.json names; f"):
            load()


@pytest.mark.parametrize("file", ["evil.bin", "../elsewhere/model.safetensors", "/tmp/model.safetensors", 7])
@pytest.mark.parametrize("by", ["index", "configuration"])
def test_weights_that_are_pickled_or_elsewhere_are_not_opened(by: str, file: object, model: Path) -> None:
    (model / "evil.bin").write_bytes(b"cos\nsystem\n.")
    if by == "index":
        (model / "model.safetensors").rename(model / "decoy.safetensors")
        stated: dict[str, object] = {"metadata": {}, "weight_map": {"lm_head.weight": file}}
        (model / "model.safetensors.index.json").write_text(json.dumps(stated))
    else:
        path = model / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"transformers_weights": file}))
    for load in (lambda: TransformersEngine(str(model)), lambda: check_weights(model, name=str(model))):
        with pytest.raises(UserError, match=f"its files name {file!r} as weights, and only safetensors beside"):
            load()


TORCHVISION = """
AutoVideoProcessor requires the Torchvision library but it was not found in your environment. Check out the
instructions on the installation page: https://pytorch.org/get-started/locally/
"""
UNKNOWN = "The checkpoint has model type `new_vl` but Transformers does not recognize this architecture."
HIDDEN = ModuleNotFoundError(
    "Could not import module 'PeVideoConfig'. Are this object's requirements defined correctly?"
)
HIDDEN.__cause__ = ModuleNotFoundError("No module named 'torchvision'", name="torchvision")
CAUSES: dict[str, tuple[Exception, str]] = {
    "torchvision": (ImportError(TORCHVISION), "it needs torchvision, which isn't installed: pip install torchvision"),
    "several": (
        ImportError(
            "This modeling file requires the following packages that were not found in your environment: a, b. Run"
        ),
        "it needs a b, which isn't installed: pip install a b",
    ),
    "module": (ModuleNotFoundError("No module named 'einops.layers'", name="einops.layers"), "pip install einops$"),
    "hidden": (HIDDEN, "pip install torchvision$"),
    "advised": (ImportError("Package `num2words` is required. Install it with `pip install num2words`."), "num2words$"),
    "code": (
        ValueError("m contains custom code; pass `trust_remote_code=True`"),
        "trust_remote_code=true if you trust",
    ),
    "type": (ValueError(UNKNOWN), "doesn't know its type 'new_vl': pip install -U transformers"),
    "memory": (RuntimeError("CUDA out of memory."), "memory ran out; add dtype=bfloat16"),
    "other": (AttributeError("no attribute 'x'\nat all"), "AttributeError: no attribute 'x'; .* --debug"),
    "value": (ValueError("what it says"), "'m': what it says$"),
    "announced": (TypeError("no valid layers:\n\n  3 of 2"), "TypeError: no valid layers: 3 of 2; "),
}


@pytest.mark.parametrize("cause", list(CAUSES))
def test_whatever_fails_ends_in_one_line_with_a_mend(cause: str) -> None:
    error, said = CAUSES[cause]
    with pytest.raises(UserError, match=said) as caught, loading("m"):
        raise error
    assert str(caught.value).startswith("cannot load model 'm': ") and "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "[]"),
        ("config.json", "[" * 100_000),
        ("config.json", '{"model_type": "llava", "vision_config": 3}'),
        ("config.json", '{"model_type": "no_such_type"}'),
        ("tokenizer.json", "{}"),
        ("processor_config.json", "[1]"),
        ("processor_config.json", '{"image_processor": {"image_processor_type": "NoSuchProcessor"}}'),
    ],
)
def test_files_that_make_no_sense_end_in_one_line(file: str, content: str, model: Path) -> None:
    assert (model / file).is_file()
    (model / file).write_text(content)
    with pytest.raises(UserError, match=f"cannot load model '{model}': .") as caught:
        TransformersEngine(str(model))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("tokenizer.json", r"it lacks the tokenizer's files \(tokenizer.json.*; fetch them again$"),
        ("processor_config.json", r"it lacks the processor's files \(processor_config.json.*; fetch them again$"),
        ("config.json", r"Should have a `model_type` key in its config.json"),
        ("model.safetensors", r"no file named model.safetensors"),
    ],
)
def test_a_file_that_is_missing_is_named(file: str, said: str, model: Path) -> None:
    (model / file).unlink()
    with pytest.raises(UserError, match=said) as caught:
        TransformersEngine(str(model))
    assert "\n" not in str(caught.value)


def test_a_generation_configuration_may_be_missing(model: Path, random_nano: Path) -> None:
    (model / "generation_config.json").unlink(missing_ok=True)
    answers = [TransformersEngine(str(folder)).generate([ASKED], GREEDY)[0] for folder in (model, random_nano)]
    assert answers[0].text == answers[1].text and not answers[0].error


def write_configuration(folder: Path, **changes: object) -> None:
    path = folder / "generation_config.json"
    stated = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(stated | changes))


def test_what_a_checkpoint_sets_for_its_sampling_changes_nothing(model: Path, random_nano: Path) -> None:
    write_configuration(model, do_sample=True, temperature=0.7, top_k=20, top_p=0.8)
    engine = TransformersEngine(str(model))
    assert engine.identity.count("|") == 2  # model, engine, dtype
    plain = TransformersEngine(str(random_nano))
    assert engine.generate([ASKED], GREEDY)[0].text == plain.generate([ASKED], GREEDY)[0].text


@pytest.mark.parametrize(
    "changes",
    [
        {"return_dict_in_generate": True, "output_scores": True},
        {"num_return_sequences": 2, "num_beams": 2},
        {"min_new_tokens": 6},
        {"suppress_tokens": [3, 4, 5], "begin_suppress_tokens": [6]},
        {"no_repeat_ngram_size": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_would_change_answers_in_one_engine_is_set_aside(
    changes: dict[str, object], model: Path, random_nano: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = TransformersEngine(str(random_nano)).generate([ASKED], GREEDY)[0]
    write_configuration(model, **changes)
    with caplog.at_level(logging.WARNING, "sightscale"):
        engine = TransformersEngine(str(model))
    answer = engine.generate([ASKED], GREEDY)[0]
    assert not answer.error and (answer.text, answer.output_tokens) == (plain.text, plain.output_tokens)
    name = next(iter(changes))
    assert f"{name}={changes[name]}" in engine.identity and engine.identity == identify(str(model))
    assert name in caplog.text and "set aside" in caplog.text


@pytest.mark.parametrize("name", [name for name in list_checkpoints() if name.startswith(("nano_", "easy_vqa"))])
def test_shipped_checkpoints_set_nothing(name: str) -> None:
    assert identify(find_checkpoint(name)).count("|") == 2


def test_a_repetition_penalty_is_applied_and_told(
    model: Path, random_nano: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = TransformersEngine(str(random_nano)).generate([ASKED], GREEDY)[0]
    write_configuration(model, repetition_penalty=1e6)
    with caplog.at_level(logging.WARNING, "sightscale"):
        engine = TransformersEngine(str(model))
    assert engine.generate([ASKED], GREEDY)[0].text != plain.text
    assert engine.identity.endswith("|repetition_penalty=1e+06") and engine.identity == identify(str(model))
    assert "asks for repetition_penalty 1e+06, which is applied" in caplog.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "generation_config.json"),
        ('{"repetition_penalty": "much"}', "generation_config.json"),
        ('{"repetition_penalty": -1}', "generation_config.json"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_refused(content: str, reason: str, model: Path) -> None:
    (model / "generation_config.json").write_text(content)
    with pytest.raises(UserError, match=reason) as caught:
        TransformersEngine(str(model))
    assert "\n" not in str(caught.value)


def test_a_folder_has_no_revision(random_nano: Path) -> None:
    for ask in (TransformersEngine, identify):
        with pytest.raises(UserError, match="is a folder, so it has no revision=v2"):
            ask(str(random_nano), revision="v2")
