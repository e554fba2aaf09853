"""`sightscale leaderboard`: entries made, verified, compared and shown."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import HelpGroup, examples, register
from sightscale.harness.commands.options import DATA, FILES, DataRoot
from sightscale.harness.commands.terminal import quieten
from sightscale.tasks.errors import blaming

FACTS = "Facts about the system"

app = typer.Typer(
    name="leaderboard",
    cls=HelpGroup,
    no_args_is_help=True,
    help="Make and verify leaderboard entries, and build their site.",
    epilog="sightscale leaderboard add runs/mine --output entries/mine\n"
    "sightscale leaderboard build entries --output site",
)

DataChoice = Annotated[
    str,
    typer.Option(help="`hub`: download public data to compare with; `mini`: use no network.", rich_help_panel=DATA),
]
IssuesJson = Annotated[Path | None, typer.Option(help="Write every issue as JSON.", rich_help_panel=FILES)]
Signatures = Annotated[
    bool, typer.Option("--signatures", help="Warn about an entry without a signature.", show_default=False)
]
ModelKeys = Annotated[
    Path | None,
    typer.Option(help="Folder with the public keys (PEM) that may sign weights.", rich_help_panel=FILES),
]
Proofs = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps the result, for `build --proofs`.", rich_help_panel=FILES),
]
Markdown = Annotated[Path | None, typer.Option(help="Write issues and a table as Markdown.", rich_help_panel=FILES)]


@examples(
    "sightscale leaderboard add runs/mine --output entries/mine --licence Apache-2.0",
    "sightscale leaderboard add runs/a runs/b --output entries/mine --facts facts.yaml",
)
def add(
    runs: Annotated[list[Path], typer.Argument(help="Folder of a run; several when a suite was split over runs.")],
    output: Annotated[Path, typer.Option(help="The entry's new folder, such as entries/my-model.")],
    facts: Annotated[Path | None, typer.Option(help="YAML file with the facts below and each repository.")] = None,
    title: Annotated[
        str | None, typer.Option(help="A name to show beside the checkpoint's name.", rich_help_panel=FACTS)
    ] = None,
    visual_data: Annotated[
        str | None, typer.Option(help="Amount of visual training data, such as 1.0M.", rich_help_panel=FACTS)
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the model.", rich_help_panel=FACTS)] = None,
    contact: Annotated[str | None, typer.Option(help="Whom to ask about the entry.", rich_help_panel=FACTS)] = None,
    hardware: Annotated[
        str | None, typer.Option(help="The machine that it ran on.  [default: as the run says]", rich_help_panel=FACTS)
    ] = None,
    notes: Annotated[str | None, typer.Option(help="One more line about the entry.", rich_help_panel=FACTS)] = None,
    claims_only: Annotated[
        bool,
        typer.Option(
            "--claims-only",
            help="Write the numbers without the answers; the board shows them as self-reported.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Make an entry of a finished run: a folder to add to the leaderboard by pull request."""
    from sightscale.leaderboards.entry import add_entry, read_facts

    options = {"title": title, "visual_data": visual_data, "licence": licence, "contact": contact}
    entry_facts = read_facts(facts, {**options, "hardware": hardware, "notes": notes})
    entry = add_entry(runs, output, entry_facts, claims_only)
    for average in entry.averages:
        print(f"{average.name}, {average.condition}: {100 * average.score:.2f} % of {average.n:,} questions")
    print(f"{output}: {entry.name}, {len(entry.scores)} scores of {len({score.task for score in entry.scores})} tasks")
    print(f"now run: sightscale leaderboard verify {output}")


@examples(
    "sightscale leaderboard verify",
    "sightscale leaderboard verify entries/mine --data mini --json issues.json",
)
def verify(
    entries: Annotated[
        list[Path] | None, typer.Argument(help="Folders of entries.  [default: those that come with sightscale]")
    ] = None,
    data: DataChoice = "hub",
    data_root: DataRoot = None,
    signatures: Signatures = False,
    model_keys: ModelKeys = None,
    json: IssuesJson = None,
    markdown: Markdown = None,
) -> None:
    """Score every answer again and check everything that an entry claims; exit code 1 if anything is wrong.

    It needs no model. It can't prove that the named model gave the answers; only a rerun can.
    """
    from sightscale.leaderboards.site import list_embedded

    _verify(entries or list_embedded(), data, data_root, signatures, json, markdown, model_keys=model_keys)


def _verify(
    entries: list[Path],
    data: str,
    data_root: Path | None,
    signatures: bool,
    json: Path | None,
    markdown: Path | None,
    about: Sequence[str] = (),
    board: Path | None = None,
    model_keys: Path | None = None,
) -> None:
    from sightscale.harness.pages import show_value
    from sightscale.leaderboards.entry import list_entries
    from sightscale.leaderboards.verification import (
        Worker,
        check_model_keys,
        count_in_words,
        refuse_alike,
        verify_apart,
        write_json,
        write_markdown,
    )

    if model_keys:
        check_model_keys(model_keys)
    with Worker() as worker:
        verified = [verify_apart(worker, entry, data, data_root, signatures, model_keys) for entry in entries]
    if board:
        board_entries = list_entries(board)
        verified = [refuse_alike(result, board_entries) for result in verified]
    for result in verified:
        folder = show_value(str(result.folder))  # of a pull request, whoever named it
        for issue in result.issues:
            print(f"{folder}: {issue.line()}")
        print(f"{folder}: {result.state if result.accepted else 'REFUSED'}: {count_in_words(result.issues)}")
    if json:
        _write(json, write_json(verified))
    if markdown:
        _write(markdown, write_markdown(verified, about))
    if not all(result.accepted for result in verified):
        sys.exit(1)


@examples(
    "sightscale leaderboard check main...HEAD",
    "sightscale leaderboard check main...HEAD --entries entries --markdown comment.md",
)
def check(
    revisions: Annotated[str, typer.Argument(help="BASE...HEAD, two commits of the current repository.")],
    entries: Annotated[Path, typer.Option(help="The folder that holds the entries.")] = Path("entries"),
    data: DataChoice = "hub",
    data_root: DataRoot = None,
    signatures: Signatures = False,
    model_keys: ModelKeys = None,
    json: IssuesJson = None,
    markdown: Markdown = None,
) -> None:
    """Verify the entries that a pull request changes, and write a comment; for any CI."""
    from sightscale.leaderboards.verification import find_changes

    changes = find_changes(revisions, entries)
    for line in changes.lines():
        print(line)
    _verify(list(changes.entries), data, data_root, signatures, json, markdown, changes.lines(), entries, model_keys)


@examples("sightscale leaderboard schema", "sightscale leaderboard schema --output entry.json")
def schema(
    output: Annotated[Path | None, typer.Option(help="Where to write it.  [default: print it]")] = None,
) -> None:
    """Print the JSON Schema of an entry."""
    from sightscale.leaderboards.entry import write_schema

    if output:
        _write(output, write_schema())
    else:
        print(write_schema(), end="")


@examples(
    "sightscale leaderboard build --output site",
    "sightscale leaderboard build entries --output site --title Ours --data mini",
)
def build(
    *,
    entries: Annotated[
        Path | None,
        typer.Argument(help="Folder that holds the entries' folders.  [default: those that come with sightscale]"),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the site; an earlier site there is replaced.")],
    title: Annotated[str | None, typer.Option(help="The leaderboard's title.")] = None,
    verify: Annotated[bool, typer.Option(help="Score every answer again; else all entries are self-reported.")] = True,
    data: DataChoice = "hub",
    data_root: DataRoot = None,
    samples: Annotated[
        int, typer.Option(min=0, help="Questions in each verified entry's report; 0: no reports.")
    ] = 200,
    rank_all: Annotated[
        bool, typer.Option("--rank-all", help="Rank partly checked entries too.", show_default=False)
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps verified entries for the next build.", rich_help_panel=FILES)
    ] = None,
    proofs: Annotated[
        Path | None,
        typer.Option(help="Folder with the results of `challenge` and `rerun`, to show them.", rich_help_panel=FILES),
    ] = None,
    signatures: Signatures = False,
) -> None:
    """Build a static site of the entries and the study's table: it opens from disk and needs no server.

    Only entries that this build checked completely have a rank; the others are below, with what wasn't checked.
    """
    from sightscale.leaderboards.site import EMBEDDED, TITLE, Options, build_site, count_entries, count_states

    options = Options(title or TITLE, verify, data, data_root, samples, rank_all, cache, proofs, signatures)
    gathered = build_site(entries or EMBEDDED, output, options)
    for line in gathered.left_out:
        print(f"left out: {line}")
    print(f"{output / 'index.html'}: {count_entries(len(gathered.entries))}: {count_states(gathered.entries)}")


@examples(
    "sightscale leaderboard challenge secret.json --output fresh",
    "sightscale leaderboard challenge secret.json --score runs/fresh --entry entries/mine --commitment HEX",
)
def challenge(
    secret: Annotated[Path, typer.Argument(help="File of the secret seed; made if it isn't there.")],
    output: Annotated[
        Path | None, typer.Option(help="New folder for the questions, without their answers.", rich_help_panel=FILES)
    ] = None,
    questions: Annotated[int, typer.Option(min=20, max=2000, help="Questions of each task.")] = 100,
    score: Annotated[Path | None, typer.Option(help="Folder of the run that answered them.")] = None,
    entry: Annotated[Path | None, typer.Option(help="The entry whose scores are compared.")] = None,
    commitment: Annotated[str | None, typer.Option(help="The commitment published before the questions.")] = None,
    proofs: Proofs = None,
) -> None:
    """Ask fresh mini questions: commit to a secret seed, hand out questions, score answers, publish the seed.

    Exit code 1 if the entry's public scores exceed those on fresh questions by more than chance allows.
    """
    quieten()
    from sightscale.harness.evaluation import read_records
    from sightscale.leaderboards.entry import load_entry
    from sightscale.leaderboards.proofs import draw_questions, keep_result, make_challenge, read_challenge, score_run
    from sightscale.tasks.errors import UserError

    if (score is None) != (entry is None):
        raise UserError("--score and --entry need each other; give both")
    drawn = read_challenge(secret, commitment) if secret.exists() else make_challenge(secret, questions)
    print(f"commitment, to be published before the questions: {drawn.commitment}")
    if output:
        names = ",".join(draw_questions(drawn, output))
        print(f"{output}: {drawn.questions} questions of each task, without answers; the entrant runs")
        data = f"--data hub --data-root {output} --blind none"
        print(f"  sightscale run --model MODEL --tasks {names} {data} --output fresh-run")
    if score and entry:
        outcome = score_run(drawn, read_records(score), load_entry(entry))
        for task in outcome.tasks:
            scores = f"public {100 * task.public:.1f}, fresh {100 * task.fresh:.1f} of {task.fresh_n}"
            print(f"{task.task}, {task.condition}: {scores}")
        result = (
            f"public scores are {100 * outcome.difference:+.1f} points above fresh ones (p {outcome.p:.3g}); "
            f"{100 * outcome.detectable:.1f} points more would be found in 80 of 100 cases"
        )
        print(f"{'agree' if outcome.agrees else 'DISAGREE'}: {result}")
        if proofs:
            committed = f"; commitment {drawn.commitment[:16]}"
            print(keep_result(proofs, entry, "fresh questions", outcome.agrees, result + committed))
        if not outcome.agrees:
            sys.exit(1)


@examples(
    "sightscale leaderboard rerun leaderboards/entries/nano-2m --questions 50",
    "sightscale leaderboard rerun entries/mine --trust-model",
)
def rerun(
    entry: Annotated[Path, typer.Argument(help="Folder of the entry.")],
    questions: Annotated[int, typer.Option(min=1, max=5000, help="How many questions are asked again.")] = 50,
    data_root: DataRoot = None,
    trust_model: Annotated[
        bool, typer.Option("--trust-model", help="Load the model that the entry names, wherever it comes from.")
    ] = False,
    proofs: Proofs = None,
) -> None:
    """Ask the named model a random sample of an entry's questions again.

    Exit code 1 if the new answers score differently.
    """
    quieten()
    import tempfile

    from sightscale.harness.evaluation import Plan, asking, describe_shipped, evaluate, read_questions, write_subset
    from sightscale.harness.pages import show_value
    from sightscale.leaderboards.entry import MANIFEST, RECORDS, load_entry, read_manifests, read_submitted
    from sightscale.leaderboards.proofs import SIZES, choose_questions, compare_rerun, escape_probability, keep_result
    from sightscale.model_adapters.model_strings import parse_model
    from sightscale.tasks.errors import UserError

    claimed, records = load_entry(entry), read_submitted(entry / RECORDS)
    manifest = next(iter(read_manifests(entry / MANIFEST).values()))
    if not trust_model and not all(describe_shipped(part.name) for part in manifest.parts.values()):
        raise UserError(
            f"the entry names {show_value(manifest.model)}, which doesn't come with sightscale: look at what it "
            "downloads and runs, then give --trust-model"
        )
    chosen = choose_questions(records, questions)
    names = {task: f"rerun_{task}" for task in chosen}
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        with asking(claimed.data.source, data_root, claimed.data.options, None):
            for task, numbers in chosen.items():
                write_subset(task, numbers, len(read_questions(task, manifest.model)), names[task], root / "tasks")
        plan = Plan(
            parse_model(manifest.model),
            manifest.model,
            tuple(names.values()),
            ("none",),
            root / "run",
            seed=manifest.seed,
            task_folders=(str(root / "tasks"),),
            data=claimed.data.source,
            data_root=data_root,
            options=claimed.data.options,
        )
        rerun_answers = compare_rerun(records, evaluate(plan), chosen, names)
    for task, number, condition, then, now in rerun_answers.different[:20]:
        print(f"{task}, document {number}, {condition}: {show_value(then)} in the entry, {show_value(now)} now")
    same = f"{100 * rerun_answers.questions_alike:.1f} % of {rerun_answers.compared} answers are the same"
    result = f"{same}, {rerun_answers.scores_changed} score differently"
    print(result)
    count = sum(map(len, chosen.values()))
    escapes = ", ".join(f"{100 * size:.0f} %: {100 * escape_probability(size, count):.2g} %" for size in SIZES)
    print(f"somebody who changed this share of the answers escapes {count} questions with a probability of: {escapes}")
    if proofs:
        chance = f"{100 * escape_probability(0.05, count):.2g} %"
        likely = f"; who changed 5 % of the answers escapes with a probability of {chance}"
        print(keep_result(proofs, entry, "spot rerun", rerun_answers.scores_changed == 0, result + likely))
    if rerun_answers.scores_changed:
        sys.exit(1)


@examples("sightscale leaderboard copies", "sightscale leaderboard copies entries --data mini")
def copies(
    entries: Annotated[
        Path | None, typer.Argument(help="Folder that holds the entries.  [default: those that come with sightscale]")
    ] = None,
    data: DataChoice = "hub",
    data_root: DataRoot = None,
) -> None:
    """Compare every pair of entries on the same questions; exit code 1 if one is a copy of another."""
    from sightscale.leaderboards.proofs import find_copies
    from sightscale.leaderboards.site import EMBEDDED, gather

    listed = [
        candidate
        for candidate in gather(entries or EMBEDDED, data=data, data_root=data_root).entries
        if candidate.answers
    ]
    pairs = sorted(
        find_copies([candidate.answers for candidate in listed if candidate.answers]), key=lambda pair: -pair.alike
    )
    for pair in pairs[:10]:
        word = "COPY" if pair.is_copy else "differ"
        first, second = listed[pair.first].entry.id, listed[pair.second].entry.id
        print(
            f"{word}: {first} and {second}: {100 * pair.alike:.1f} % of {pair.questions:,} telling answers are the same"
        )
    print(f"{len(pairs):,} pairs, {sum(pair.is_copy for pair in pairs):,} copies")
    if any(pair.is_copy for pair in pairs):
        sys.exit(1)


@examples("sightscale leaderboard init board", "sightscale leaderboard init board --title looking")
def init(
    folder: Annotated[Path, typer.Argument(help="A new folder, or a repository that holds nothing yet.")],
    title: Annotated[str, typer.Option(help="The leaderboard's title.")] = "Do small models look?",
) -> None:
    """Start a leaderboard of your own: workflows for the common forges, scripts, a guide and rules for entries."""
    from sightscale.leaderboards.template import start_board

    for path in start_board(folder, title):
        print(path)
    print("now commit these, and send the first entry as CONTRIBUTING.md says")


def _write(path: Path, text: str) -> None:
    with blaming(path, "write"):
        path.write_text(text, encoding="utf-8")


for _command in (init, add, verify, check, schema, build, challenge, rerun, copies):
    register(app, _command, _command.__name__)
