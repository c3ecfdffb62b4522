"""The commands ``study make`` and ``study add``: people rank the pictures of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.options import general
from batch_analogy.errors import OutputExistsError, UsageError

if TYPE_CHECKING:
    from batch_analogy.report.study.results import MethodResult, PairResult, StudyResult

HELP = "Let people rank the pictures of a comparison, and evaluate their answers."

MAKE_EPILOG = """Examples:

batch-analogy study make compared/ -o study.html

batch-analogy study make compared/ -o study.html --methods semantic,numbers --title "Lakes"

Send the page to people. They open it in any browser, without a network, and send back the file that
it saves. The page does not say which method made which picture: keep the comparison's folder."""

ADD_EPILOG = """Examples:

batch-analogy study add compared/ answers-*.json

batch-analogy study add compared/ answers-*.json -o result.json"""

ComparisonFolder = Annotated[
    Path, typer.Argument(help="The folder that compare wrote.", metavar="COMPARISON")
]
PageOption = Annotated[
    Path,
    typer.Option("--output", "-o", help="The page to write, one HTML file.", metavar="FILE.html"),
]
MethodsOption = Annotated[
    str | None,
    typer.Option(
        help="The compared methods to show. By default all.",
        metavar="NAME,NAME",
        show_default=False,
    ),
]
TitleOption = Annotated[
    str | None,
    typer.Option(help="The page's heading.", show_default=False),
]
QuestionOption = Annotated[
    str | None,
    typer.Option(help="The question that people answer by their ranking.", show_default=False),
]
Files = Annotated[list[Path], typer.Argument(help="Files saved by the page.", metavar="FILES...")]
ResultOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Also write the result to this JSON file, replacing it if it exists.",
        metavar="FILE.json",
        show_default=False,
    ),
]


def study_app() -> typer.Typer:
    """Build the group ``study`` with its two commands."""
    app = typer.Typer(no_args_is_help=True, help=HELP)
    app.command(epilog=MAKE_EPILOG)(make)
    app.command(epilog=ADD_EPILOG)(add)
    return app


@reports_failures
def make(
    comparison: ComparisonFolder,
    output: PageOption,
    methods: MethodsOption = None,
    title: TitleOption = None,
    question: QuestionOption = None,
    overwrite: general.OverwriteOption = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Make a page on which people rank the pictures of the methods.

    The page is one HTML file that contains the pictures. It does not name the methods, and
    their order differs from person to person. Answers stay in the browser until they are saved as a
    file.
    """
    from batch_analogy.report.comparison.results_folder import read_comparison
    from batch_analogy.report.study.page import QUESTION, TITLE, make_study

    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"output {output} is not an HTML file; name it like study.html")
    if output.exists() and not overwrite:
        raise OutputExistsError(f"output {output} exists; replace it with --overwrite")
    console = Console(json_lines)
    made = make_study(
        read_comparison(comparison),
        output,
        methods=None if methods is None else [name.strip() for name in methods.split(",")],
        title=title or TITLE,
        question=question or QUESTION,
    )
    console.result(str(made.page))
    console.note(
        f"study {made.key.study}: {len(made.key.cases)} cases to rank, {len(made.key.methods)} "
        f"pictures each; the key to the methods: {made.key_file}"
    )
    console.event(
        "result",
        command="study make",
        page=made.page,
        key=made.key_file,
        study=made.key.study,
        exit_code=DONE,
    )
    return DONE


@reports_failures
def add(
    comparison: ComparisonFolder,
    files: Files,
    output: ResultOption = None,
    json_lines: general.JsonOption = False,
) -> int:
    """Evaluate the answers: mean ranks, first places, and which method is preferred to which.

    The unit of the tests is a person, not an answer: Friedman's test over all methods, and the sign
    test for each pair of methods.
    """
    from batch_analogy.json_files import write_json
    from batch_analogy.report.study.answers import read_all
    from batch_analogy.report.study.results import summarise_answers
    from batch_analogy.report.study.study_key import read_keys

    console = Console(json_lines)
    tally = summarise_answers(*read_all(files, read_keys(comparison)))
    for line in lines(tally):
        console.result(line)
    if output is not None:
        write_json(output, tally.to_json())
        console.note(f"result: {output}")
    console.event("result", command="study add", **tally.to_json(), exit_code=DONE)
    return DONE


def lines(tally: StudyResult) -> list[str]:
    """Return the lines of the result."""
    wide = max(len("method"), *(len(method.method) for method in tally.methods)) + 2
    head = "method".ljust(wide) + "mean rank".rjust(10) + "first".rjust(9) + "   places"
    found = [_counted(tally), "", head]
    found += [_method_line(method, wide) for method in tally.methods]
    found += ["", "better > worse".ljust(2 * wide + 3) + "rankings".rjust(11) + "people".rjust(9)]
    found[-1] += "   p (adjusted for all pairs)"
    found += [_pair_line(pair, wide) for pair in tally.pairs]
    if tally.friedman_p is not None:
        found += ["", f"All methods equal? Friedman's test over people: p = {tally.friedman_p:.3g}"]
    if tally.untouched:
        found += ["", f"{tally.untouched} of {tally.orders} rankings were left in the order shown."]
    return found


def _counted(tally: StudyResult) -> str:
    people = "1 person" if tally.people == 1 else f"{tally.people} people"
    counted = f"study {tally.study}: {people}, {tally.orders} rankings"
    return f"{counted}; {tally.incomplete} did not rank all" if tally.incomplete else counted


def _method_line(tally: MethodResult, wide: int) -> str:
    places = " ".join(f"{count:>3}" for count in tally.ranks)
    figures = f"{tally.mean_rank:>10.2f}{100 * tally.first_share:>7.0f} %"
    return f"{tally.method.ljust(wide)}{figures}  {places}"


def _pair_line(tally: PairResult, wide: int) -> str:
    names = f"{tally.better} > {tally.worse}".ljust(2 * wide + 3)
    orders = f"{tally.wins}:{tally.losses}".rjust(11)
    people = f"{tally.people_for}:{tally.people_against}".rjust(9)
    if tally.p_value is None or tally.p_adjusted is None:
        return f"{names}{orders}{people}   –"
    sure = ", significant" if tally.significant else ""
    return f"{names}{orders}{people}   p = {tally.p_value:.3g} ({tally.p_adjusted:.3g}{sure})"
