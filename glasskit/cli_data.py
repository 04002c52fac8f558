"""Commands that make data sets: `glasskit build` and `glasskit data`."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glasskit.cli_options import Images, Json, Out
from glasskit.errors import InputError
from glasskit.flags import settings_of, with_settings
from glasskit.grouping.settings import BuildSettings
from glasskit.io.json_files import write_json
from glasskit.io.places import check_folder
from glasskit.io.terminal import bar, say
from glasskit.io.text_files import counted

if TYPE_CHECKING:
    from glasskit.grouping.themes import Estimate

data = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Data sets of the kit.")

SOURCE = "COCO captions .json, .csv (image, caption), or a folder of pictures with .txt files"


@with_settings(BuildSettings, own=("source", "out"))
def build(
    source: Annotated[Path, typer.Argument(metavar="CAPTIONS", help=SOURCE)],
    out: Out,
    model: Annotated[str, typer.Option(help="compares captions and names")] = "lite0-minilm",
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="OpenAI-like; writes theme captions")
    ] = None,
    llm_model: Annotated[str | None, typer.Option(help="name of the model there")] = None,
    price_in: Annotated[float, typer.Option(help="of a million tokens sent", min=0)] = 0.0,
    price_out: Annotated[float, typer.Option(help="of a million tokens received", min=0)] = 0.0,
    yes: Annotated[bool, typer.Option("--yes", help="ask the endpoint without asking me")] = False,
    json_file: Json = None,
    **flags: Any,
) -> None:
    """Make a grouped data set (MAGIC layout) from captions, with a report of how good it is.

    The key of an endpoint is read from GLASSKIT_API_KEY or OPENAI_API_KEY.
    """
    from glasskit.grouping.endpoint import Endpoint
    from glasskit.grouping.pipeline import build_dataset
    from glasskit.models import load_model

    if (endpoint is None) != (llm_model is None):
        raise InputError("--endpoint and --llm-model belong together; give both or none")
    settings = BuildSettings(source=source, out=out, **settings_of(flags))
    writer = Endpoint(endpoint, llm_model) if endpoint and llm_model else None

    def confirm(need: Estimate) -> None:
        cost = need.cost(price_in, price_out)
        priced = f", about {cost:.2f} at your prices" if price_in or price_out else ""
        say(
            f"{need.questions} questions to {llm_model}, about {need.tokens_in:,} tokens sent and "
            f"at most {need.tokens_out:,} received{priced}"
        )
        if need.questions and not yes:
            typer.confirm("Go on?", abort=True)

    with bar("embedding captions") as progress:
        built = build_dataset(settings, load_model(model), writer, confirm, progress)
    report = built.report
    say(
        f"{report.photographs} photographs in {report.concepts} concepts, silhouette "
        f"{report.purity.silhouette:.3f}, {report.leaks.captions} captions with a word "
        f"of their concept{' (dropped)' if settings.fix_leaks else ''}"
    )
    loose = [f"{g.concept} ({g.photographs})" for g in report.groups if g.loose]
    if loose:
        say(
            f"loose, perhaps leftovers: {', '.join(loose)}; the report says how loose, and "
            "--min-cohesion or --leave-out build without them"
        )
    for name, count in report.left_out.items():
        say(f"left out: {name}, {count} photographs")
    if writer is None:
        say("theme captions are left to you: new_captions is empty (or give --endpoint)")
    for note in report.notes:
        say(note)
    folder = settings.images or (source if source.is_dir() else "DIR")
    say(f"report: {settings.out / 'report.md'}")
    command = ["glasskit", "train", str(settings.out / "annotations.json"), "--images", str(folder)]
    say(f"train:  {shlex.join([*command, '--out', 'RUN'])}")
    if json_file is not None:
        write_json(json_file, asdict(report))


def _coco_command(name: str) -> Callable[..., None]:
    """The command of one of the two data sets that share the photographs."""

    def command(
        download: Annotated[
            bool, typer.Option("--download", help="fetch its 750 photographs and 250 more (160 MB)")
        ] = False,
        to: Annotated[
            str | None, typer.Option(metavar="DIR", help="folder; by default in the cache")
        ] = None,
        address: Annotated[
            str | None, typer.Option("--from", help="where the files are, such as a mirror")
        ] = None,
    ) -> None:
        from glasskit.data.coco import CARD, DERIVED, load_coco
        from glasskit.data.coco import download as fetching
        from glasskit.data.images import FolderImages, MissingImages

        if download:
            place = None if to is None else check_folder(to)
            with bar("fetching photographs") as progress:
                done = fetching.download(place, address=address, progress=progress)
            say(f"{done.new} photographs came, {done.there} were there: {done.folder}")
            if to is not None:
                say(f"name this folder where they are needed: --images {shlex.quote(to)}")
            return
        dataset = load_coco(name, to)
        labels = len(dataset.memberships[0]) / len(dataset)
        each = f", {labels:.1f} each" if dataset.several else ""
        say(f"{len(dataset)} photographs under {len(dataset.concepts)} concepts{each}")
        if name == "coco-concepts":
            words = ", ".join(f"{word} ({key})" for key, word in DERIVED.items())
            say(f"no caption names its concept; {len(DERIVED)} hold a derived word: {words}")
        say(f"how it was labelled, and what not to use it for: {CARD}")
        if isinstance(dataset.images, FolderImages):
            say(f"the photographs are in {dataset.images.folder}")
        elif isinstance(dataset.images, MissingImages):
            say(f"the photographs are not here: {dataset.images.hint}")

    return command


for coco in ("coco-concepts", "coco-ideas"):
    about = f"Say what {coco} holds and whether its photographs are here; fetch them."
    data.command(coco, help=about)(_coco_command(coco))


@data.command("pack")
def pack_dataset(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="a data set of the kit, or hf:OWNER/NAME")
    ],
    out: Out,
    images: Images = None,
    shard_size: Annotated[int, typer.Option(help="pictures a shard", min=1)] = 1000,
) -> None:
    """Write a data set as WebDataset shards; an interrupted call goes on."""
    from glasskit.data import load_dataset
    from glasskit.data.pack import pack
    from glasskit.data.streams import is_hub

    if is_hub(dataset) and images is not None:
        raise InputError(f"data set {dataset} holds its own pictures; leave --images out")
    source = dataset if is_hub(dataset) else load_dataset(dataset, images)
    with bar("packing pictures") as progress:
        done = pack(source, Path(out), shard_size, progress)
    say(f"{counted(done.pictures, 'picture')} in {counted(done.shards, 'shard')}: {out}")
