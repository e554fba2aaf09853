"""Loading: a model of transformers whose every tensor came from its files, and what its files say on how it writes.

transformers fills a tensor that a checkpoint lacks with random numbers, and heeds a generation configuration that lies
beside the weights. Either changes answers without a word, so both are read here, for every engine alike.
"""

import copy
import json
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForMultimodalLM,
    BlipForQuestionAnswering,
    CompressedTensorsConfig,
    GenerationConfig,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME
from transformers.utils.hub import cached_file

from sightscale.model_adapters.engines.architectures import answers_questions, correct_tokens, refuse_architecture
from sightscale.model_adapters.engines.picture_functions import has_torchvision, import_timm
from sightscale.model_adapters.engines.protocol import MAX_REASON
from sightscale.tasks.errors import UserError, first_line

logger = logging.getLogger(__name__)

NAMED = 3  # tensors that a message names before it counts the rest
FAULTS = {
    "missing_keys": "its weights lack",
    "mismatched_keys": "another shape than its configuration asks for has",
    "unexpected_keys": "its model has no place for",
}
UNUSED = "unexpected_keys"

# Of a generation configuration: which tokens begin, end and pad, without which a model can't write.
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
# What a request always says itself, and what changes no answer.
SETTLED = ("do_sample", "temperature", "top_p", "top_k", "min_p", "max_length", "max_new_tokens")
HARMLESS = ("use_cache", "cache_implementation", "transformers_version", "_from_model_config")
PENALTY = "repetition_penalty"

# How transformers says that a package isn't there, and what pip calls those that it calls otherwise.
_LIBRARY = re.compile(r"requires (?:the )?(?:🤗 )?([\w-]+)(?: \([^)]*\))? library\b.*?not found")
_QUOTED = re.compile(r"pip install ['\"`]([\w-]+)")
_DEVICE = re.compile(r"\b(GPU|XPU|mps|CUDA)\b")
_LISTED = re.compile(r"following packages that were not found in your environment: ([\w, -]+)")
_ADVISED = re.compile(r"pip install (?:-U |--upgrade )?([\w-]+)")
PACKAGES = {
    "pil": "pillow",
    "opencv": "opencv-python",
    "pytorch": "torch",
    "pyav": "av",
    "jinja": "jinja2",
    "cv2": "opencv-python",
}
SUFFIX, INDEX_SUFFIX = ".safetensors", ".safetensors.index.json"
COMPRESSED = "compressed-tensors"
# How transformers says, in more than a line, that files aren't there.
LACKING = {
    "Couldn't instantiate the backend tokenizer": "the tokenizer's files (tokenizer.json, or its vocabulary)",
    "Can't load image processor": "the processor's files (processor_config.json or preprocessor_config.json)",
}
SEE_BESIDES = ("phi4_multimodal",)  # which transformers lists only among models that hear too
BITSANDBYTES, BITSANDBYTES_SETTINGS = "bitsandbytes", {"load_in_4bit", "load_in_8bit"}
_KIND = re.compile(r"model type `([^`]+)`")


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Turn whatever fails inside the block, other people's code for the most part, into `refuse`'s UserError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise refuse(name, error) from error


def refuse(name: str, error: Exception) -> UserError:
    """The error for a model that can't be loaded: its cause, and what to do where that is known."""
    text = " ".join(str(error).split())
    missing = _name_missing(error, text)
    if missing:
        return UserError(
            f"cannot load model {name!r}: it needs {missing}, which isn't installed: pip install {missing}"
        )
    if "trust_remote_code" in text:
        return UserError(
            f"cannot load model {name!r}: it needs its own code; add trust_remote_code=true if you trust its authors"
        )
    if "does not recognize this architecture" in text:
        kind = _KIND.search(text)
        which = f"its type {kind[1]!r}" if kind else "its type"
        return UserError(
            f"cannot load model {name!r}: the installed transformers doesn't know {which}: pip install -U transformers"
        )
    lacking = next((files for words, files in LACKING.items() if words in text), None)
    if lacking:
        return UserError(f"cannot load model {name!r}: it lacks {lacking}, or they can't be read; fetch them again")
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "can't allocate memory" in text:
        return UserError(
            f"cannot load model {name!r}: memory ran out; add dtype=bfloat16, or use a smaller model or another device"
        )
    line = first_line(error)
    reason = (text if line.rstrip().endswith(":") else line)[:MAX_REASON]  # one that only announces the cause
    if isinstance(error, NotImplementedError | RuntimeError | ImportError) and _DEVICE.search(text):
        reason += "; run it on a machine that has one, or use its weights without quantisation"
    elif not isinstance(error, OSError | ValueError | ImportError):  # whose messages are meant for a user
        reason = f"{type(error).__name__}: {reason}; its files or its code are at fault, --debug shows where"
    return UserError(f"cannot load model {name!r}: {reason}")


def _name_missing(error: BaseException, text: str) -> str:
    """The packages that an error says aren't installed, as pip knows them; nothing where it says nothing such."""
    listed = _LISTED.search(text)
    if listed:
        return " ".join(listed[1].replace(",", " ").split())
    named = _LIBRARY.search(text)
    if not named and isinstance(error, ImportError):
        named = _ADVISED.search(text) or _QUOTED.search(text)
    if named:
        return PACKAGES.get(named[1].lower(), named[1].lower())
    behind: BaseException | None = error
    module = ""
    while behind is not None:  # transformers hides which package is missing behind an error of its own
        if isinstance(behind, ModuleNotFoundError) and behind.name:
            module = behind.name.partition(".")[0]
        behind = behind.__cause__ or behind.__context__
    return PACKAGES.get(module.lower(), module)


def sees_pictures(model_type: str) -> bool:
    """Whether models of this type take pictures."""
    return model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES or model_type in SEE_BESIDES


def pick_loader(config: Any) -> Any:
    """The class of transformers that opens models of this configuration."""
    if answers_questions(config):
        return BlipForQuestionAnswering
    if config.model_type in SEE_BESIDES:
        return AutoModelForMultimodalLM
    return AutoModelForImageTextToText if sees_pictures(config.model_type) else AutoModelForCausalLM


def read_config(location: str | Path, **options: Any) -> Any:
    """The configuration of the checkpoint at `location`, read as by `AutoConfig.from_pretrained`.

    Raises ValueError for an architecture that can't be asked a question, and whatever transformers raises.
    """
    try:
        config = AutoConfig.from_pretrained(location, **options)
    except ModuleNotFoundError:
        if has_torchvision() or find_spec("timm") is None:
            raise
        import_timm()  # a configuration that names a tower of timm's can't be imported before it
        config = AutoConfig.from_pretrained(location, **options)
    refuse_architecture(config)
    return config


def refuse_quantisation(config: Any) -> None:
    """Raise ValueError for weights packed in a way that the installed transformers doesn't know.

    It would open them as if they were plain numbers.
    """
    stated = getattr(config, "quantization_config", None)
    if not isinstance(stated, Mapping):
        return
    method = stated.get("quant_method", BITSANDBYTES if stated.keys() & BITSANDBYTES_SETTINGS else None)
    if method != BITSANDBYTES and method not in AUTO_QUANTIZATION_CONFIG_MAPPING:
        raise ValueError(
            f"its weights are quantised by {method!r}, which the installed transformers doesn't know; "
            "pip install -U transformers, or use its weights without quantisation"
        )


def unpack_at_once(config: Any) -> dict[str, Any]:
    """What `load_model` is given besides, so that weights packed by compressed-tensors are unpacked as they are read.

    They would be at the first answer, which is made without gradients and can't change a weight for good. Raises
    ImportError where the package is missing.
    """
    stated = getattr(config, "quantization_config", None)
    if not isinstance(stated, Mapping) or stated.get("quant_method") != COMPRESSED:
        return {}
    return {"quantization_config": CompressedTensorsConfig(dequantize=True)}


def check_files(location: str | Path, *, name: str, revision: str | None = None) -> None:
    """Raise UserError where a checkpoint's own files send whoever opens it to weights that aren't safetensors in it.

    Its configuration may name the file of its weights, and an index those of a sharded checkpoint. Either could name a
    pickle, which runs any program, or a file elsewhere, which no identity covers; or one that was never fetched.
    """
    folder = Path(location) if Path(location).is_dir() else None
    named = _read_stated(location, "config.json", revision).get("transformers_weights")
    if named is None and folder and (folder / SAFE_WEIGHTS_NAME).is_file():
        return
    index = named if isinstance(named, str) and named.endswith(INDEX_SUFFIX) else SAFE_WEIGHTS_INDEX_NAME
    shards = _read_stated(location, index, revision).get("weight_map") if Path(index).name == index else None
    files = [*([] if named is None else [named]), *(shards.values() if isinstance(shards, dict) else ())]
    for file in files:
        if not isinstance(file, str) or Path(file).name != file or not file.endswith((SUFFIX, INDEX_SUFFIX)):
            raise UserError(
                f"cannot load model {name!r}: its files name {file!r} as weights, and only safetensors beside its "
                "config.json are read; save it with save_pretrained"
            )
    missing = sorted({file for file in files if not (folder / file).exists()}) if folder else []
    if missing:
        raise UserError(
            f"cannot load model {name!r}: it lacks {missing[0]}"
            f"{f' and {len(missing) - 1} more files' if len(missing) > 1 else ''}, which {index} names; fetch it again"
        )


def _read_stated(location: str | Path, file: str, revision: str | None) -> dict[str, Any]:
    """A JSON file of a checkpoint in a folder or in the hub; nothing where there is none, or no object in it."""
    path = cached_file(
        str(location),
        file,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    try:
        stated = json.loads(Path(path).read_text(encoding="utf-8")) if path else None
    except (OSError, ValueError, RecursionError):  # which opening the checkpoint will complain about
        return {}
    return stated if isinstance(stated, dict) else {}


def load_model(
    loader: Any, location: str | Path, *, name: str | None = None, allow_unused_weights: bool = False, **options: Any
) -> Any:
    """The model that `loader.from_pretrained(location, **options)` opens, every tensor of it read from safetensors.

    `name` is what messages call it. `allow_unused_weights` lets files hold tensors that the model has no place for,
    such as heads of a training objective. Raises UserError in one line for anything else that doesn't fit, for a
    damaged file, and for what transformers itself can't open.
    """
    name = str(location) if name is None else name
    options = {"use_safetensors": True, **options, "output_loading_info": True, "ignore_mismatched_sizes": True}
    if not options.get("gguf_file"):
        check_files(location, name=name, revision=options.get("revision"))
    try:
        model, loaded = loader.from_pretrained(location, **options)
    except SafetensorError as error:
        raise UserError(
            f"cannot load model {name!r}: its weights are damaged, or a pointer to a file that was never fetched "
            f"({first_line(error)}); fetch them again"
        ) from error
    except Exception as error:  # other people's code, which fails in as many ways as there are models
        raise refuse(name, error) from error
    faults = [
        f"{fault} {name_tensors(loaded[kind])}"
        for kind, fault in FAULTS.items()
        if loaded[kind] and not (allow_unused_weights and kind == UNUSED)
    ]
    if faults:
        only_unused = not loaded["missing_keys"] and not loaded["mismatched_keys"]
        mend = "add allow_unused_weights=true if they are of no use" if only_unused else "fetch or save it again"
        raise UserError(f"cannot load model {name!r}: {'; '.join(faults)}; {mend}")
    return model


def count_unpacked(config: Any) -> int:
    """How many parameters a model of this configuration has where its weights aren't packed; none is made for that."""
    plain = copy.deepcopy(config)
    del plain.quantization_config
    with torch.device("meta"):
        return int(pick_loader(plain).from_config(plain).num_parameters())


def settle_unpacked(model: Any, config: Any, dtype: torch.dtype) -> None:
    """Have a model whose weights transformers unpacked, as fp8 where no GPU computes with it, in one type throughout.

    What it unpacks has the type of its scales and all else another one, whatever type was asked for.
    """
    if getattr(config, "quantization_config", None) and not model.is_quantized:
        model.to(dtype)


def check_weights(location: str | Path, *, name: str, allow_unused_weights: bool = False, **options: Any) -> None:
    """Hold a checkpoint's tensors against its configuration, as `load_model` does, without reading their numbers.

    For an engine that loads models itself. An architecture that transformers doesn't know, or one with code of its own,
    is passed over. Raises UserError as `load_model` does.
    """
    check_files(location, name=name, revision=options.get("revision"))
    try:
        config = read_config(location, **options)
    except (OSError, ValueError, KeyError):
        return
    if getattr(config, "quantization_config", None):
        return  # packed tensors have other names and shapes
    loader = pick_loader(config)
    load_model(loader, location, name=name, allow_unused_weights=allow_unused_weights, device_map="meta", **options)


def name_tensors(keys: Collection[Any]) -> str:
    """How many tensors there are and the names of the first: `4 tensors (a.weight, a.bias, b.weight, …)`."""
    names = sorted(key if isinstance(key, str) else str(key[0]) for key in keys)
    shown = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
    return f"{len(names):,} tensor{'' if len(names) == 1 else 's'} ({shown})"


@dataclass(frozen=True)
class WritingHabits:
    """What a checkpoint's own generation configuration says: what every engine applies, and what none does."""

    tokens: Mapping[str, Any] = field(default_factory=dict)  # ids by the configuration's names
    repetition_penalty: float = 1.0  # applied, as its makers meant the model to be run
    set_aside: Mapping[str, Any] = field(default_factory=dict)  # applied by no engine

    @property
    def mark(self) -> str:
        """For an engine's identity: nothing where the configuration changes nothing."""
        penalty = f"|{PENALTY}={self.repetition_penalty:g}" if self.repetition_penalty != 1 else ""
        ignored = ",".join(f"{name}={value}" for name, value in sorted(self.set_aside.items()))
        return penalty + (f"|without {ignored}" if ignored else "")

    def configure(self) -> GenerationConfig:
        """A configuration for transformers that holds the tokens alone."""
        return GenerationConfig(**self.tokens)


def read_habits(location: str | Path, config: Any, *, name: str | None = None, **options: Any) -> WritingHabits:
    """The writing habits of the checkpoint at `location`, whose model configuration is `config`.

    Raises UserError for a generation configuration that can't be read.
    """
    name = str(location) if name is None else name
    options = {key: options[key] for key in ("revision",) if options.get(key)}
    file = Path(location) / "generation_config.json"
    try:
        stated = GenerationConfig.from_pretrained(location, **options)
    except OSError as error:
        if file.is_file():
            raise UserError(f"cannot load model {name!r}: {file.name}: {first_line(error)[:MAX_REASON]}") from error
        stated = GenerationConfig.from_model_config(config)
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"cannot load model {name!r}: {file.name}: {first_line(error)[:MAX_REASON]}") from error
    changed = {
        key: value for key, value in stated.to_diff_dict().items() if value
    }  # 0, False and none turn a setting off
    penalty = 1.0 if stated.repetition_penalty is None else stated.repetition_penalty
    changed.pop(PENALTY, None)
    if isinstance(penalty, bool) or not isinstance(penalty, int | float) or not 0 < penalty < float("inf"):
        raise UserError(f"cannot load model {name!r}: {file.name}: {PENALTY} is {penalty!r}, not a number above zero")
    tokens = correct_tokens(config, {key: getattr(stated, key) for key in TOKENS})  # an id may be 0
    aside = {key: value for key, value in changed.items() if key not in (*TOKENS, *SETTLED, *HARMLESS)}
    return WritingHabits(tokens, float(penalty), aside)


def announce(name: str, habits: WritingHabits) -> None:
    """Say what of a checkpoint's generation configuration is applied, and what is set aside."""
    file = "generation_config.json"
    if habits.repetition_penalty != 1:
        logger.warning(f"model {name}: its {file} asks for {PENALTY} {habits.repetition_penalty:g}, which is applied")
    if habits.set_aside:
        logger.warning(f"model {name}: {', '.join(sorted(habits.set_aside))} of its {file} are set aside")
