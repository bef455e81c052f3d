"""The command line: verbs, no logic.

Exit codes: 0 done; 1 finished with failed tasks, which are named; 2 bad input, in one line; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from toposcope import _errors
from toposcope._version import __version__
from toposcope.terminal import TerminalProgress, output, print_table, text

app = typer.Typer(
    name="toposcope",
    help="See the shape of what neural networks learn.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

RECIPES = (
    "The question: layers, sample-size, outliers, architectures, smoothness, finetuning, train-test, training, "
    "separation, betti-collapse, metric-audit or paper. Without it, each with what it asks."
)
Json = Annotated[bool, typer.Option("--json", help="Print one machine-readable object instead.")]
Out = Annotated[Path | None, typer.Option("--out", help="Where the result goes.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default one per core.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
Thumbnails = Annotated[
    bool, typer.Option("--thumbnails/--no-thumbnails", help="Small images of the inputs in the report.")
]


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="With --version: what a bug report needs.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if version:
        typer.echo(f"toposcope {__version__}")
        if verbose:
            from toposcope.study.provenance import surroundings

            for name, value in surroundings().items():
                typer.echo(f"{name:<14}{value}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the demo.")] = Path("runs/demo"),
    workers: Workers = None,
    thumbnails: Thumbnails = True,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train three networks on digits, study them and write a report: the whole job."""
    from toposcope.demo import demo as run_demo

    with TerminalProgress(quiet or as_json) as progress:
        results = run_demo(out, _processes(workers), progress, thumbnails)
    _conclude(results, out / "report.html", as_json, table=not quiet)


@app.command()
def layers(
    model: Annotated[str, typer.Argument(help="MODEL, such as torchvision:resnet50@random.")],
    input_size: Annotated[int | None, typer.Option("--input-size", min=1, help="Side of a square input.")] = None,
    pattern: Annotated[str, typer.Option("--layers", help="Which layers: globs, re:PATTERN or a preset.")] = "**",
    as_json: Json = False,
) -> None:
    """Every layer: name, type, output shape, vector length after reduction."""
    from toposcope.extract import load_network, network_layers

    found = network_layers(load_network(model), input_size, pattern)
    rows = [(layer.name, layer.type, "×".join(map(str, layer.shape)), layer.length, layer.reduction) for layer in found]
    columns = ["layer", "type", "shape", "length", "reduction"]
    if as_json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)


@app.command()
def extract(
    model: Annotated[str, typer.Argument(help="MODEL, such as torchvision:resnet50.")],
    inputs: Annotated[str, typer.Argument(help="A folder of images, .npy, .npz or digits.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for one .npz per layer.")],
    pattern: Annotated[list[str] | None, typer.Option("--layers", help="Globs, re:PATTERN or presets.")] = None,
    reduce: Annotated[str, typer.Option("--reduce", help="How an activation becomes one vector.")] = "auto",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1)] = 64,
    device: Annotated[str | None, typer.Option("--device", help="Such as cpu or cuda.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="float16 or bfloat16.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use so many inputs only.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turn each layer's activations into a point cloud, one file per layer."""
    from toposcope.extract import FileNames
    from toposcope.extract import extract as run_extract

    broken: str | None = None
    with TerminalProgress(quiet or as_json) as progress:
        try:
            found = run_extract(
                model,
                inputs,
                layers=pattern or ["blocks"],
                reduce=reduce,
                batch_size=batch_size,
                device=device,
                precision=precision,
                limit=limit,
                progress=progress.part("extraction"),
            )
        except _errors.ActivationError as error:
            if not error.finished:
                raise
            found, broken = dict(error.finished), str(error).partition("; the other ")[0]
    rows = []
    names = FileNames()
    for name, representation in found.items():
        path = representation.save(out / f"{names.of(name)}.npz")
        rows.append((name, len(representation), representation.dimension, representation.source.reduction, str(path)))
    columns = ["layer", "points", "dimension", "reduction", "file"]
    if as_json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)
    if broken is not None:
        _complain(f"failed  {broken}")
        raise typer.Exit(1)


@app.command()
def diagram(
    points: Annotated[Path, typer.Argument(help="Points: .npy, .npz or .safetensors.")],
    max_degree: Annotated[int, typer.Option("--max-degree", min=0)] = 1,
    metric: Annotated[str, typer.Option("--metric", help="Or precomputed, for a matrix of distances.")] = "euclidean",
    scale: Annotated[str | None, typer.Option("--scale", help="Such as q0.9; default none.")] = None,
    field: Annotated[int, typer.Option("--field", help="Prime p of the coefficients Z/p.")] = 2,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Largest filtration value.")] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Vietoris–Rips persistent homology of a cloud."""
    from toposcope import read_representation, vietoris_rips

    representation = read_representation(points)
    cloud: Any = representation.points if metric == "precomputed" else representation
    found = vietoris_rips(cloud, max_degree, metric, _scale(scale), field, threshold)
    path = None if out is None else found.save(out)
    _show_diagram(found, path, as_json)


@app.command()
def distance(
    a: Annotated[Path, typer.Argument(help="A diagram (.npz) or points.")],
    b: Annotated[Path, typer.Argument(help="A diagram (.npz) or points.")],
    more: Annotated[list[Path] | None, typer.Argument(help="More of them: all pairs, as a table.")] = None,
    degree: Annotated[int, typer.Option("--degree", min=0)] = 1,
    measure: Annotated[str, typer.Option("--distance", help="wasserstein, bottleneck, …")] = "wasserstein",
    order: Annotated[float, typer.Option("--order", help="Order of Wasserstein distances.")] = 1,
    scale: Annotated[str | None, typer.Option("--scale", help="For points: such as q0.9; default none.")] = None,
    as_json: Json = False,
) -> None:
    """The distance of two diagrams, or of the diagrams of two clouds of equal size; of more, of all pairs."""
    from toposcope import distance_named

    chosen = distance_named(measure, order=order)
    if more:
        _compare([a, b, *more], chosen, degree, scale, as_json)
        return
    value = chosen(_diagram_of(a, degree, scale), _diagram_of(b, degree, scale), degree)
    if as_json:
        # JSON has no infinity.
        _print_json({"distance": chosen.name, "degree": degree, "value": value if value != float("inf") else "inf"})
    else:
        typer.echo(f"{chosen.name}  H{degree}  {value!r}")


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="A plan; toposcope init writes one.")],
    out: Out = None,
    workers: Workers = None,
    scheduler: Annotated[str | None, typer.Option("--scheduler", help="Of Dask: tcp://HOST:PORT, or local.")] = None,
    store: Annotated[str | None, typer.Option("--store", help="Artefacts lie there: an address of fsspec.")] = None,
    memory: Annotated[str | None, typer.Option("--memory", help="The most data of one worker, such as 2GB.")] = None,
    timeout: Annotated[float | None, typer.Option("--timeout", help="The most seconds of one task.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    thumbnails: Thumbnails = True,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run a study, or go on with it where it was, and write its report."""
    from toposcope import Study
    from toposcope.pools.work import size_of_words
    from toposcope.run import run as run_study

    plan = Study.read(study)
    folder = out or Path("runs") / plan.folder
    allowed = None if memory is None else size_of_words(memory)
    if dry_run:
        from toposcope.estimate import check_fits, forecast

        started, hands = time.process_time(), _processes(workers)
        expected = forecast(plan, hands, folder, memory=allowed, thumbnails=thumbnails, started=started)
        if not as_json:
            for line in expected.lines():
                typer.echo(text(line))
        check_fits(plan, expected, folder, allowed)
        if as_json:
            _print_json(expected.to_json())
        return
    with TerminalProgress(quiet or as_json) as progress:
        results = run_study(
            plan,
            folder,
            workers=_processes(workers),
            progress=progress,
            thumbnails=thumbnails,
            scheduler=scheduler,
            memory=allowed,
            timeout=timeout,
            store=store,
        )
        path = folder / "report.html"
        if not results.kept or not path.is_file():
            from toposcope.report import report as write_report

            path = write_report(results, path)
    _conclude(results, path, as_json, table=not quiet)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    out: Out = None,
    thumbnails: Thumbnails = True,
    as_json: Json = False,
) -> None:
    """Write the report of a finished run again."""
    from toposcope import Results
    from toposcope.report import report as write_report

    results = Results.read(folder)
    _conclude(results, write_report(results, out or folder / "report.html", thumbnails), as_json)


@app.command()
def show(
    what: Annotated[str, typer.Argument(help="A file, a run's folder, or an artefact's key.")],
    store: Annotated[Path | None, typer.Option("--store", help="Folder of the run that holds the key.")] = None,
    as_json: Json = False,
) -> None:
    """What is in a file: points, a diagram, an artefact of a run, or all of its results."""
    from toposcope import PersistenceDiagram, Representation, Results, views
    from toposcope.study.artefacts import find
    from toposcope.study.holes import Portrait

    found = find(what, store)
    if isinstance(found, PersistenceDiagram):
        _show_diagram(found, None, as_json)
    elif isinstance(found, Portrait):
        _show_portrait(found, as_json)
    elif isinstance(found, Representation):
        if as_json:
            facts = {"points": len(found), "dimension": found.dimension, "dtype": str(found.points.dtype)}
            _print_json({**facts, "source": json.loads(found.source.to_json())})
        else:
            views.view_representation(output(), found)
    elif isinstance(found, Results):
        if not as_json:
            views.view_results(output(), found)
            typer.echo()
        _conclude(found, found.folder / "report.html", as_json, findings=False)
    elif as_json:
        _print_json({name: {"dtype": str(array.dtype), "shape": array.shape} for name, array in found.items()})
    else:
        views.view_arrays(output(), found, what)


@app.command()
def init(recipe: Annotated[str | None, typer.Argument(help=RECIPES)] = None) -> None:
    """Print a commented plan:  toposcope init layers > study.toml."""
    from toposcope._check import choice
    from toposcope.study import TEMPLATES

    if recipe is None:
        width = max(map(len, TEMPLATES))
        for name, template in TEMPLATES.items():
            typer.echo(f"{name:<{width}}  {template.splitlines()[0].partition(': ')[2]}")
        return
    typer.echo(TEMPLATES[choice(recipe, TEMPLATES, "recipe")], nl=False)


@app.command()
def store(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    clean: Annotated[bool, typer.Option("--clean", help="Remove what the run's results do not use.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Verify every checksum; remove what is damaged.")] = False,
    as_json: Json = False,
) -> None:
    """List the artefacts of a run, verify them, or remove those that its results do not use."""
    from toposcope.study.artefacts import check_store, clean_store, list_store

    if check:
        checked, damaged = check_store(folder)
        if as_json:
            _print_json({"checked": checked, "damaged": damaged})
        else:
            for key in damaged:
                typer.echo(f"damaged  {text(key)}")
            again = "; run the study again to make what was removed" if damaged else ""
            typer.echo(f"{checked} artefacts checked, {len(damaged)} damaged and removed{again}")
    if clean:
        files, freed, in_use = clean_store(folder)
        if as_json:
            _print_json({"removed": files, "bytes": freed, "in_use": in_use})
        else:
            stay = f"; artefacts stay, because {in_use} process(es) use the store now" if in_use else ""
            typer.echo(f"removed {files} files, {freed / 1e6:.1f} MB{stay}")
    if check or clean:
        return
    rows = list_store(folder)
    columns = ["kind", "artefacts", "bytes", "used"]
    if as_json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)


def _conclude(results: Any, path: Path, as_json: bool, table: bool = False, findings: bool = True) -> None:
    """The headline, a table of tests, what failed, and where the report is; exit code 1 when tasks failed."""
    if as_json:
        _print_json(
            {
                "headline": results.headline,
                "findings": results.findings,
                "warnings": results.warnings,
                "failed": [{"task": failure.title, "message": failure.message} for failure in results.failed],
                "tables": {name: str(results.folder / "tables" / f"{name}.csv") for name in results.tables},
                "report": str(path),
            }
        )
    else:
        from toposcope.views import view_findings, view_tests

        if findings:
            view_findings(output(), results)
        if table:
            view_tests(output(), results)
        for warning in results.warnings:
            typer.echo(f"warning  {text(warning)}", err=True)
        for failure in results.failed:
            typer.echo(f"failed  {text(failure.title)}: {text(failure.message)}", err=True)
        typer.echo(f"report  {text(path)}")
    if results.failed:
        raise typer.Exit(1)


def _show_diagram(found: Any, path: Path | None, as_json: bool) -> None:
    from toposcope import descriptors
    from toposcope.views import view_diagram

    top = max(found.filtration.max_degree, int(found.degrees.max(initial=0)))
    facts = {degree: descriptors(found, degree) for degree in range(top + 1)}
    if as_json:
        bars = [
            [int(degree), float(birth), float(death) if death != float("inf") else None]
            for degree, (birth, death) in zip(found.degrees, found.pairs, strict=True)
        ]
        _print_json({"descriptors": facts, "bars": bars, "out": None if path is None else str(path)})
        return
    view_diagram(output(), found)
    if path is not None:
        typer.echo(f"diagram  {text(path)}")


def _show_portrait(found: Any, as_json: bool) -> None:
    """Every bar with the inputs that make it."""
    bars = list(found.bars())
    if as_json:
        _print_json(
            {"bars": [{**bar, "death": None if bar["death"] == float("inf") else bar["death"]} for bar in bars]}
        )
        return
    from toposcope.views import view_portrait

    view_portrait(output(), found)


def _compare(paths: list[Path], distance: Any, degree: int, scale: str | None, as_json: bool) -> None:
    """All pairs: a heat table, or the matrix."""
    from toposcope import compare
    from toposcope.views import view_comparison

    diagrams = [_diagram_of(path, degree, scale) for path in paths]
    found = compare(diagrams, distance, labels=[str(path) for path in paths], degree=degree)
    if as_json:
        values = [[value if value != float("inf") else "inf" for value in row] for row in found.values.tolist()]
        _print_json({"distance": distance.name, "degree": degree, "labels": found.labels, "values": values})
    else:
        view_comparison(output(), found)


def _diagram_of(path: Path, degree: int, scale: str | None) -> Any:
    from toposcope import PersistenceDiagram, vietoris_rips
    from toposcope.study.artefacts import read_file

    found = read_file(path)
    if isinstance(found, PersistenceDiagram):
        return found
    return vietoris_rips(found, max_degree=degree, scale=_scale(scale))


def _scale(scale: str | None) -> str | float | None:
    """A number where the text is one, else a rule."""
    if scale is None or scale == "none":
        return None
    try:
        return float(scale)
    except ValueError:
        return scale


def _processes(workers: int | None) -> int:
    return workers or os.cpu_count() or 1


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    # --debug may stand anywhere.
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    with warnings.catch_warnings():
        warnings.simplefilter("default", _errors.ToposcopeWarning)
        warnings.showwarning = _show_warning
        try:
            code = app(given, prog_name="toposcope", standalone_mode=False)
            if code == 130:
                raise KeyboardInterrupt
            return code if isinstance(code, int) else 0
        except (KeyboardInterrupt, typer.Abort):
            _complain(f"interrupted; everything finished is kept, go on with: {shlex.join(['toposcope', *given])}")
            return 130
        except _errors.TaskError as error:
            return _fail(error, 1, debug)
        except _errors.ToposcopeError as error:
            return _fail(error, 2, debug)
        except Exception as error:
            if _is_usage_error(error):
                return _fail(error, 2, debug)
            _fail(error, 1, debug, f"internal error: {type(error).__name__}: ")
            return 1


def _is_usage_error(error: Exception) -> bool:
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _fail(error: Exception, code: int, debug: bool, prefix: str = "") -> int:
    if debug:
        import traceback

        traceback.print_exc()
    message = error.format_message() if _is_usage_error(error) else str(error)  # type: ignore[attr-defined]
    _complain(f"error: {prefix}{' '.join(message.split())}" + ("" if debug or not prefix else " (--debug shows where)"))
    return code


def _complain(line: str) -> None:
    typer.echo(text(line), err=True)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    if issubclass(category, _errors.ToposcopeWarning):
        _complain(f"warning  {message}")


def entry_point() -> None:
    """The `toposcope` command."""
    raise SystemExit(main())
