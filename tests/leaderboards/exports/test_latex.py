"""LaTeX: a table of several runs is a whole tabular that TeX reads, whatever the runs are called."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from sightscale.leaderboards.exports.tables import write_tabular

HEADINGS = ("Run", "Task", "n", "Score", "Blind condition", "Blind score", "Reliance")
COLUMNS = "llrrlrr"
NUMBERS = ("1,000", "96.1 [94.0, 97.5]", "no picture", "60.9 [57.8, 63.9]", "−35.2 [−37.9, −32.5]")
KNOWN = {"begin", "end", "toprule", "midrule", "bottomrule"}  # what a tabular with booktabs' rules is made of
WRITTEN = {"textasciitilde", "textasciicircum", "textbackslash", "rightarrow", "dag"}  # what cells are made of
TOKEN = re.compile(r"\\([a-zA-Z]+|.)|([&{}$#%^_~])|(\n)|([^\\&{}$#%^_~\n]+)", re.DOTALL)


def read_rows(text: str, columns: int) -> list[list[str]]:
    """The rows of a tabular as TeX reads it, cells without their commands.

    Raises AssertionError for what TeX would refuse: an open brace or formula, a special character outside of its
    place, an unknown command, or a row with more or fewer cells than the tabular has columns.
    """
    code = re.sub(r"(?<!\\)%[^\n]*\n", "", text)
    begin = re.match(r"\\begin\{tabular\}\{([lrc]+)\}\n", code)
    assert begin and len(begin[1]) == columns and code.endswith("\\end{tabular}\n")
    rows: list[list[str]] = []
    cells, depth, formula = [""], 0, False
    for token in TOKEN.finditer(code[begin.end() : -len("\\end{tabular}\n")]):
        command, special, _, plain = token.groups()
        if command == "\\":
            assert depth == 0 and not formula and len(cells) == columns, cells
            rows.append([cell.strip() for cell in cells])
            cells = [""]
        elif command in KNOWN:
            assert cells == [""], f"a rule inside a row: {cells}"
        elif command:
            assert command in WRITTEN or command in "&%$#_{}", command
            cells[-1] += command if command in "&%$#_{}" else "?"
        elif special == "&":
            assert depth == 0 and not formula
            cells.append("")
        elif special in ("{", "}"):
            depth += 1 if special == "{" else -1
            assert depth >= 0
        elif special == "$":
            formula = not formula
        else:
            assert not special, f"{special} means something in LaTeX"
            cells[-1] += plain or ""
    assert depth == 0 and not formula and cells == [""], "the last row has no end"
    return rows


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30), min_size=1, max_size=4))
@example([r"50% & more_ #1 {x} $y$ ~^ \end{tabular}", "easy_vqa_nano", "a → b †"])
def test_names_of_runs_never_break_the_table(names: list[str]) -> None:
    table = write_tabular(HEADINGS, COLUMNS, [(name, "easy_vqa", *NUMBERS) for name in names])
    head, *rows = read_rows(table, len(HEADINGS))
    assert tuple(head) == HEADINGS and len(rows) == len(names)
    assert {row[1] for row in rows} == {"easy_vqa"} and {row[3] for row in rows} == {"96.1 [94.0, 97.5]"}


@pytest.mark.parametrize(
    "broken", [r"a_b & c \\", r"a & b & c \\", r"a { & b \\", r"a $ & b \\", r"a \input & b \\", "a & b"]
)
def test_the_parser_finds_what_tex_would_refuse(broken: str) -> None:
    with pytest.raises(AssertionError):
        read_rows(f"\\begin{{tabular}}{{lr}}\n\\toprule\n{broken}\n\\bottomrule\n\\end{{tabular}}\n", 2)


def test_tex_compiles_the_table(tmp_path: Path) -> None:
    tex = shutil.which("pdflatex")
    if not tex:
        pytest.skip("no TeX here: the parser above stands in for it")
    table = write_tabular(HEADINGS, COLUMNS, [("50% & more_", "easy_vqa", *NUMBERS)])
    page = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{table}\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(page)
    done = subprocess.run([tex, "-halt-on-error", "table.tex"], cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
