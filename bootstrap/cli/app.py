"""The root of the command line and its groups. Each command is in a module of this package."""

from typing import Annotated

import typer

from bootstrap import __version__

# Help pages are plain, because importing Rich takes longer than the rest of a help page.
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

app = typer.Typer(
    help="From nothing to governed machine learning on Azure, and kept there.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings=_CONTEXT,
)
model = typer.Typer(help="The model's life: gate, register, serve.", rich_markup_mode=None, no_args_is_help=True)
platform = typer.Typer(help="The manifests of your platform.", rich_markup_mode=None, no_args_is_help=True)
blueprint = typer.Typer(help="The catalogue of project blueprints.", rich_markup_mode=None, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mlops-bootstrap {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From nothing to governed machine learning on Azure, and kept there."""


app.add_typer(model, name="model")
app.add_typer(platform, name="platform")
app.add_typer(blueprint, name="blueprint")
