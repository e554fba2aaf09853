"""The package as a user gets it: a wheel of the tracked files, installed away from the checkout."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import sightscale

HERE = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a clean copy of the tracked files."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=HERE, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        target = folder / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((HERE / name).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*build, str(folder / "source")], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_every_tracked_file_of_the_packages(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=HERE, capture_output=True, text=True, check=True).stdout.split()
    folders = ("harness/", "tasks/", "model_adapters/", "trainers/", "leaderboards/")
    expected = {f"sightscale/{name}" for name in listed if name.startswith(folders)}
    expected |= {name for name in listed if name.startswith("sightscale/")}
    carried = set(zipfile.ZipFile(wheel).namelist())
    assert expected <= carried, sorted(expected - carried)[:5]
    assert not [name for name in carried if name.startswith(("tests/", "sightscale/tests"))]


def test_the_installed_wheel_lists_tasks_and_models(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    program = f"import sys; sys.path.insert(0, {str(site)!r}); from sightscale.harness.cli import app; app()"
    for command, name in (("tasks", "easy_vqa"), ("models", "easy_vqa_nano")):
        done = subprocess.run(
            [sys.executable, "-S", "-c", _site_first(site) + program, command],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert name in done.stdout
    where = (
        _site_first(site) + "import sightscale.api, sightscale.tasks as t; print(sightscale.api.__file__, t.__file__)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", where], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.count(str(site)) == 2, done.stderr


def _site_first(site: Path) -> str:
    """Python code that sees the installed wheel and the dependencies, but no editable install's hooks."""
    paths = [str(site), *(path for path in sys.path if "site-packages" in path)]
    return f"import sys; sys.path[:0] = {paths!r}; "


def test_plugin_models_are_found_without_heavy_imports() -> None:
    check = (
        "import sys\n"
        "from sightscale.model_adapters.plugin import CLASSES, list_manifests\n"
        "assert not {'transformers', 'torch', 'lmms_eval'} & set(sys.modules)\n"
        "assert [manifest.model_id for manifest in list_manifests()] == list(CLASSES)\n"
        "from lmms_eval.models import get_model\n"
        "assert all(get_model(name).is_simple is False for name in CLASSES)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_imports_nothing_heavy() -> None:
    check = "import sys, sightscale; assert not {'numpy', 'torch', 'pandas', 'lmms_eval'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there_and_no_other() -> None:
    for name in sightscale.__all__:
        assert getattr(sightscale, name) is not None and name in dir(sightscale)
    assert sightscale.UserError is not ValueError and issubclass(sightscale.UserError, ValueError)
    with pytest.raises(AttributeError, match="no attribute 'evaluation'"):
        sightscale.evaluation  # noqa: B018 - the look-up itself is what fails


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    assert sightscale.__version__ == project["version"]
    listed = subprocess.run(["git", "grep", "-lF", f'"{project["version"]}"'], cwd=HERE, capture_output=True, text=True)
    assert [name for name in listed.stdout.split() if name.endswith((".py", ".toml"))] == ["pyproject.toml"]
