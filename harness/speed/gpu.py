"""`make gpu-check`: what a GPU does with a model of a real size, in one script of a few minutes.

The model has the sizes of Qwen3-0.6B behind a vision tower of SigLIP so400m's, a small vocabulary, and random weights:
nothing has to be had from anywhere. Without a GPU it says so and does nothing; `--force` runs the same on the processor
with the sizes of the nano that ships, to try the script itself.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

import jsonlines
import torch
import yaml
from PIL import Image
from transformers import AutoConfig, AutoModelForImageTextToText

from sightscale.harness.speed.decoupled import compare_decoupled
from sightscale.harness.speed.engines import compare_engines, share_device
from sightscale.harness.speed.raw import compare_raw
from sightscale.harness.speed.timing import Comparison, describe
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import Decoding, Message, Prompt, open_engine

QWEN3_600M = {
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "layer_types": ["full_attention"] * 28,
}
SO400M = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16}
BATCH, TOKENS = 64, 128  # of what is written to time it
CONTEXT, IN_CONTEXT = 1024, 512  # tokens of a prompt and its answer beside vLLM alone, and how many such prompts
FAMILY, STAGES, STEPS = "nano_2m", ("tower", "copy"), 400  # what is trained to time it: pictures, then text
COPIED = 2**28  # bytes that are copied to time the memory


def build_model(folder: Path, real_size: bool) -> Path:
    """A checkpoint with random weights, and the texts' and pictures' processors of the nano that ships."""
    nano = Path(find_checkpoint("nano_2m"))
    for file in nano.iterdir():
        if file.suffix in (".json", ".jinja") and "index" not in file.name and file.name != "recipe.json":
            copyfile(file, folder / file.name)
    config = json.loads((nano / "config.json").read_text())
    if real_size:
        config["text_config"] |= QWEN3_600M
        config["vision_config"] |= SO400M
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(folder), dtype=torch.bfloat16)
    model.save_pretrained(folder)
    return folder


def measure_memory(device: torch.device) -> float:
    """Bytes a second that the device's memory reads and writes, from copies of a large tensor."""
    source = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)

    copy()
    return 2 * COPIED / _time(copy, device, 10)


def measure_writing(folder: Path, device: torch.device) -> tuple[float, float]:
    """Tokens a second that a batch writes, and the bytes of weights that each of its steps reads."""
    engine = open_engine(str(folder), batch_size=BATCH, device=str(device))
    picture = Image.effect_noise((224, 224), 60).convert("RGB")
    prompts = [Prompt((Message("user", (picture, f"Describe number {i}.")),)) for i in range(BATCH)]
    engine.generate(prompts, Decoding(2))
    began = time.perf_counter()
    written = sum(answer.output_tokens for answer in engine.generate(prompts, Decoding(TOKENS)))
    seconds = time.perf_counter() - began
    engine.close()
    width = 2 if "bfloat16" in engine.identity else 4
    return written / seconds, float(width * (engine.parameters or 0))


def measure_training() -> dict[str, float]:
    """Examples a second in the first `STEPS` steps of a member of the nano family, by stage."""
    recipe = yaml.safe_load(files("sightscale.trainers.recipes").joinpath(f"{FAMILY}.yaml").read_text())
    stages = [stage for stage in recipe["stages"] if stage["name"] in STAGES]
    stages = [{**stage, "steps": STEPS, **({"items": 960} if "items" in stage else {})} for stage in stages]
    workers = min(8, (os.cpu_count() or 1) // 2)
    shortened = {**recipe, "stages": stages, "scored_on": [], "hardware": {"precision": "auto", "workers": workers}}
    with TemporaryDirectory(prefix="sightscale-gpu-") as name:
        file, output, work = Path(name, "family.yaml"), Path(name, "trained"), Path(name, "work")
        file.write_text(yaml.safe_dump(shortened))
        # By its command: training is a process of its own, as a user starts it.
        command = [sys.executable, "-m", "sightscale.harness.cli", "train", str(file), "--anew"]
        command += ["--output", str(output), "--work", str(work)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with jsonlines.open(work / "log.jsonl") as log:
            last = {entry["stage"]: entry for entry in log}
    return {stage: float(last[stage]["rows_per_second"]) for stage in STAGES}


def check(device: torch.device, questions: int) -> list[Comparison]:
    """Build the model, measure, print each figure as it comes, and return the comparisons."""
    with TemporaryDirectory(prefix="sightscale-gpu-") as name:
        folder = build_model(Path(name), real_size=device.type == "cuda")
        bandwidth = measure_memory(device)
        speed, weights = measure_writing(folder, device)
        limit = BATCH * bandwidth / weights
        print(f"memory: {bandwidth / 1e9:,.0f} GB/s; weights: {weights / 1e9:,.3f} GB", flush=True)
        print(
            f"writing: {speed:,.0f} tokens/s at batch {BATCH}, {speed / limit:.1%} of what the memory allows",
            flush=True,
        )
        comparisons = [compare_decoupled(name, name, questions=questions, rounds=1, batch_size=BATCH)]
        _print(comparisons[-1], name)
        for stage, examples in measure_training().items():
            print(f"training {FAMILY}, stage {stage}: {examples:,.0f} examples/s", flush=True)
        if find_spec("vllm"):
            shared = "".join(f",{argument}={value}" for argument, value in share_device().items())
            comparisons.append(compare_engines((f"{name},batch_size={BATCH}", f"vllm:{name}{shared}"), questions, 1))
            _print(comparisons[-1], name)
            comparisons.append(compare_raw(name, IN_CONTEXT, 1, "bfloat16", CONTEXT))
            _print(comparisons[-1], name)
        else:
            print("vLLM: not installed, so neither its answers nor its speed are compared", flush=True)
    return comparisons


def _time(work: Callable[[], None], device: torch.device, times: int) -> float:
    """Seconds that a piece of work takes."""

    def settle() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    settle()
    began = time.perf_counter()
    for _ in range(times):
        work()
    settle()
    return (time.perf_counter() - began) / times


def _print(comparison: Comparison, folder: str) -> None:
    first, *others = comparison.seconds
    for way in others:
        print(
            f"{comparison.name}: {way} is {comparison.ratio(way):.2f} times as fast as {first}, "
            f"{comparison.answers_equal[way]} of {comparison.questions} answers equal".replace(folder, "the model"),
            flush=True,
        )


def main() -> None:
    """Read the command line; without a GPU, say so."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--force", action="store_true", help="run on the processor, with a tiny model")
    parser.add_argument("--questions", type=int, default=128)
    parser.add_argument("--json", type=Path, help="file for all times and the machine")
    arguments = parser.parse_args()
    if not torch.cuda.is_available() and not arguments.force:
        print("gpu-check: there is no GPU that this machine's torch can use; nothing was measured")
        return
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU: a tiny model on the processor")
    comparisons = check(device, arguments.questions)
    if arguments.json:
        arguments.json.write_text(json.dumps(describe(comparisons), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
