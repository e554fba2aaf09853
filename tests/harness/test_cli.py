"""The command line's frame: how errors end, what goes to standard error, the version, the pipe, shell completion."""

import errno
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from sightscale import __version__
from sightscale.harness.cli import app
from sightscale.harness.commands.terminal import setup_logging
from sightscale.model_adapters import checkpoints
from sightscale.tasks.errors import UserError

COMMAND = [sys.executable, "-c", "from sightscale.harness.cli import main; main()"]


def raising(error: BaseException) -> object:
    """A function that raises the error whatever it is asked."""

    def function(*_: object) -> None:
        raise error

    return function


@pytest.fixture(autouse=True)
def plain_logging() -> Iterator[None]:
    """Leaves logging as it was set up without `--debug`."""
    yield
    setup_logging()


def test_a_user_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "list_checkpoints", raising(UserError("the folder is empty\nand more")))
    done = CliRunner().invoke(app, ["models"])
    assert done.exit_code == 1 and done.stderr == "sightscale: the folder is empty\n"


@pytest.mark.parametrize(("arguments", "variables"), [(["--debug"], {}), ([], {"SIGHTSCALE_DEBUG": "1"})])
def test_debug_shows_its_traceback_too(
    arguments: list[str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "list_checkpoints", raising(UserError("the folder is empty")))
    done = CliRunner(env=variables).invoke(app, [*arguments, "models"])
    assert done.exit_code == 1 and done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("UserError: the folder is empty\nsightscale: the folder is empty\n")


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, OSError, KeyError])
def test_any_other_exception_is_a_bug_and_keeps_its_traceback(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "list_checkpoints", raising(kind("a bug")))
    with pytest.raises(kind, match="a bug"):
        CliRunner().invoke(app, ["models"], catch_exceptions=False)


def test_a_disk_that_may_not_be_written_to_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/data/records.parquet")
    monkeypatch.setattr(checkpoints, "list_checkpoints", raising(full))
    done = CliRunner().invoke(app, ["models"])
    assert done.exit_code == 1 and done.stderr == (
        "sightscale: /data/records.parquet: no space left on device; finished work is kept; "
        "fix this and run the same command again\n"
    )


def test_a_traceback_is_pythons_own() -> None:
    program = (
        "import sightscale.model_adapters.checkpoints as c\n"
        "def broken(): raise ValueError('a bug')\n"
        "c.list_checkpoints = broken\n"
        "import sys; sys.argv = ['sightscale', 'models']\n"
        "from sightscale.harness.cli import main; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n  File ")
    assert done.stderr.endswith("ValueError: a bug\n")


def test_an_interrupt_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "list_checkpoints", raising(KeyboardInterrupt()))
    done = CliRunner().invoke(app, ["models"])
    assert done.exit_code == 130
    assert done.stderr == ("sightscale: interrupted; finished work is kept, run the same command again to continue\n")


def test_a_wrong_option_is_a_usage_error() -> None:
    done = CliRunner().invoke(app, ["models", "--loud"])
    assert done.exit_code == 2 and "No such option: --loud" in done.stderr and "Traceback" not in done.stderr


def test_a_closed_pipe_ends_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, "models", "list"], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writer)
    assert done.stderr == "" and done.returncode == 1


def test_the_version_is_the_packages() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0 and done.stdout == f"sightscale {__version__}\n"


def test_the_shell_completes_commands() -> None:
    variables = {
        **os.environ,
        "_SIGHTSCALE_COMPLETE": "complete_bash",
        "COMP_WORDS": "sightscale rel",
        "COMP_CWORD": "1",
    }
    program = (
        "import sys; sys.argv = ['sightscale']; from sightscale.harness.cli import app; app(prog_name='sightscale')"
    )
    done = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "reliance", done.stderr


def test_our_messages_are_plain_lines_and_others_notices_stay_away(capsys: pytest.CaptureFixture[str]) -> None:
    ours, foreign = logging.getLogger("sightscale.harness.x"), logging.getLogger("somebody.else")
    setup_logging()
    setup_logging()
    ours.info("run 1 of 2: 50 %s")
    ours.debug("a detail")
    foreign.warning("deprecated")
    foreign.error("out of memory")
    assert capsys.readouterr().err == "run 1 of 2: 50 %s\nsomebody.else: out of memory\n"
    setup_logging(debug=True)
    ours.debug("a detail")
    foreign.warning("deprecated")
    assert capsys.readouterr().err == "a detail\nsomebody.else: deprecated\n"
