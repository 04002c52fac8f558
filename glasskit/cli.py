"""The `glasskit` command. Bad input is one line on stderr and exit code 2."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from glasskit import cli_data, cli_measure, cli_vectors
from glasskit.cli_options import (
    DATASET,
    MODEL,
    DatasetName,
    Images,
    Json,
    tried_folder,
    write_json,
)
from glasskit.errors import InputError, first_process, launched, need
from glasskit.flags import settings_of, with_settings
from glasskit.io.places import check_folder
from glasskit.io.terminal import bar, complain, say
from glasskit.io.text_files import distinct, split_names
from glasskit.notices import notices
from glasskit.training.config import TrainConfig

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

UsageError: Any = typer.BadParameter.__base__
"""Wrong flags and arguments, of the click that typer is built on."""

IN_PROCESSES = ("train", "embed")
"""Commands that several processes share under torchrun or accelerate launch."""

PATIENCE = 20.0
"""Seconds in which the first of several processes tells what is wrong in all of them."""


@app.callback()
def check_processes(context: typer.Context) -> None:
    """See how a vision-language model learns abstract concepts."""
    processes = launched()
    if processes > 1 and context.invoked_subcommand not in IN_PROCESSES:
        raise InputError(
            f"{context.invoked_subcommand}: runs in one process, and {processes} were launched; "
            "start it without torchrun or accelerate launch"
        )


@with_settings(TrainConfig, own=("dataset",))
def train(
    dataset: DatasetName,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings; flags win")] = None,
    json_file: Json = None,
    **flags: Any,
) -> None:
    """Train a model on groups; the run directory holds the best model by validation.

    Under accelerate launch or torchrun the processes share each batch. Exit code: 0 finished; 130
    stopped by Ctrl-C and 143 by SIGTERM, with all saved for --resume; 2 bad input or diverged.
    """
    from glasskit.training import train

    settings = TrainConfig.load(config, dataset=dataset, **settings_of(flags))
    settings = settings.but(out=str(check_folder(settings.out)))
    with bar("embedding pictures") as progress:
        result = train(settings, bar=True, progress=progress)
    if first_process():
        done = {"out": str(result.out), "status": result.status, "step": result.step}
        done |= {"epoch": result.epoch, "best": result.best}
        more = "" if result.status == "finished" else "; --resume goes on from there"
        say(f"{result.status} after {result.step} steps; the run is in {result.out}{more}")
        write_json(json_file, done)
    raise typer.Exit(result.exit_code)


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="directory of a run")],
    to: Annotated[
        str, typer.Option(metavar="DIR", help="directory to write to", callback=tried_folder)
    ],
) -> None:
    """Write a trained model as an open_clip checkpoint with config, tokenizer and model card."""
    from glasskit.models.export import export_open_clip

    export_open_clip(run, Path(to))
    say(f"written to {to}: README.md there says how open_clip loads it")


def serve(
    port: Annotated[int, typer.Option(help="port to listen on", min=1, max=65535)] = 7860,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    dataset: Annotated[
        str, typer.Option(help=f"show this one alone: {DATASET}, or a folder of pictures")
    ] = "",
    images: Images = None,
    models: Annotated[
        str, typer.Option(metavar="A,B,...", help=f"two or more to compare, each {MODEL}")
    ] = "",
    root_path: Annotated[
        str, typer.Option(help="path at which a proxy shows the app, such as /glass-kit")
    ] = "",
    open_browser: Annotated[bool, typer.Option(help="open the page in a browser")] = False,
) -> None:
    """Open the app: maps of the latent space, and pictures against concepts."""
    need("gradio", "app")
    chosen = distinct(split_names(models))
    if len(chosen) == 1:
        raise InputError("--models names one model; give two or more with commas between")
    from glasskit_app.main import BUILT_IN, launch

    launch(
        port,
        host=host,
        datasets=(dataset,) if dataset else BUILT_IN,
        images=images,
        models=chosen,
        root_path=root_path,
        open_browser=open_browser,
    )


for command in (
    train,
    cli_measure.evaluate,
    cli_measure.benchmark,
    cli_vectors.probe,
    cli_vectors.embed,
    cli_vectors.search,
    export,
    cli_measure.report,
    cli_measure.study,
):
    app.command()(command)
app.command("app")(serve)
app.command("build")(cli_data.build)
app.add_typer(cli_data.data, name="data")


@notices()
def main() -> None:
    """Run the command; bad input, and what the system refuses, is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what it has no character for
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters of a picture is in our lines
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        if code == 130:  # typer's word for Ctrl-C
            complain("interrupted")
    except UsageError as error:
        said = error.format_message().rstrip(".")
        if said.startswith("Usage:"):  # a command without any argument
            print(said, file=sys.stderr)
        else:
            complain(f"{said}; see {error.ctx.command_path if error.ctx else 'glasskit'} --help")
        code = error.exit_code
    except InputError as error:
        if not first_process() and _told_by_first(error):
            time.sleep(PATIENCE)  # the launcher ends this process once the first one has told
        complain(error)
        code = 2
    except typer.Abort as error:
        complain("the input ended" if error.__cause__ else "stopped: it was not confirmed")
        code = 2 if error.__cause__ else 1
    except (MemoryError, RuntimeError) as error:
        if not _memory_is_full(error):
            raise
        complain("there is not enough memory for this")
        code = 2
    except BrokenPipeError:  # its reader, such as head, has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else error)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _memory_is_full(error: Exception) -> bool:
    """Whether this is what Python, or torch on a GPU or CPU, raises then."""
    # torch's class by its name: the import takes seconds, and was done if torch raised this.
    named = type(error).__name__ in ("MemoryError", "OutOfMemoryError")
    return named or "can't allocate memory" in str(error)


def _told_by_first(error: InputError) -> bool:
    """Whether the first of several processes has the same to say."""
    from torch import distributed  # imported anyway where there are several

    return error.everywhere or not distributed.is_initialized()


if __name__ == "__main__":
    main()
