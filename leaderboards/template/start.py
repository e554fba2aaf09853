"""Starting: a folder for a leaderboard of one's own, with its workflows, guide and rules."""

from importlib.metadata import version
from pathlib import Path

from sightscale.tasks.errors import UserError, blaming

FILES = Path(__file__).parent / "files"
# Names here as they lie in the package, where a leading dot would hide them, and what they are in a repository.
NAMES = {
    "README.md": "README.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CODE_OF_CONDUCT.md": "CODE_OF_CONDUCT.md",
    "gitattributes": ".gitattributes",
    "gitignore": ".gitignore",
    "check-entries.sh": "tools/check-entries.sh",
    "build-site.sh": "tools/build-site.sh",
    "github-check.yml": ".github/workflows/check-entries.yml",
    "github-comment.yml": ".github/workflows/comment.yml",
    "github-publish.yml": ".github/workflows/publish.yml",
    "gitlab-ci.yml": ".gitlab-ci.yml",
    "forgejo-check.yml": ".forgejo/workflows/check-entries.yml",
    "keep": "entries/.keep",
}


def start_board(folder: Path, title: str) -> list[Path]:
    """Write a leaderboard's files into a new or empty folder (a fresh git repository counts); return their paths.

    Raises UserError where the folder holds anything else, and for a title of several lines.
    """
    if folder.is_dir() and any(path.name != ".git" for path in folder.iterdir()):
        raise UserError(f"{folder} isn't empty; choose a new folder")
    if not title.strip() or any(mark in title for mark in "\n\r\"'`$\\<>"):
        raise UserError("--title: write one line without quotes, <, >, $, ` and \\")
    written = []
    with blaming(folder, "write"):
        for source, name in NAMES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = (FILES / source).read_text(encoding="utf-8")
            path.write_text(
                text.replace("@TITLE@", title).replace("@VERSION@", version("sightscale")), encoding="utf-8"
            )
            if path.suffix == ".sh":
                path.chmod(0o755)
            written.append(path)
    return written
