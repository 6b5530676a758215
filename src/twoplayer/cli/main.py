"""The command ``twoplayer``: finds its verbs by their files and imports none before it is called."""

from __future__ import annotations

import ast
import importlib
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import click

from twoplayer.cli._flags import with_flags
from twoplayer.core.errors import Diverged, Interrupted, UserError
from twoplayer.core.version import __version__

__all__ = ["main"]

FOLDER = Path(__file__).parent
NOT_VERBS = {"main", "__init__"}
ORDER = (
    "train", "sample", "evaluate", "diagnose", "compare", "report", "export", "translate", "encode", "reconstruct",
    "test-samples", "data", "lab", "list",
)  # fmt: skip


class Verbs(click.Group):
    """Verbs are the files of this package; the first line of each docstring is its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = [p.stem.replace("_", "-") for p in FOLDER.glob("[!_]*.py") if p.stem not in NOT_VERBS]
        return sorted(found, key=lambda v: (ORDER.index(v) if v in ORDER else len(ORDER), v))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"twoplayer.cli.{name.replace('-', '_')}")
        return module.command  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, _summary(verb)) for verb in self.list_commands(ctx)])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from twoplayer.core.errors import did_you_mean

            raise UserError(
                f"no verb is called {args[0]!r}: {did_you_mean(args[0], self.list_commands(ctx))}"
            ) from None


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="twoplayer")
def root() -> None:
    """Train, measure, compare and explain generative adversarial networks.

    \b
    twoplayer train dcgan --data fashion-mnist
    twoplayer train wgan-gp --data ./my-photos --resolution 64 --steps 50000
    twoplayer sample runs/NAME --n 64 -o samples.png
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 the user's mistake, 3 training stopped itself, 130 interrupted."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The command line's exit code. With ``--json``, errors are also printed as a JSON document."""
    warnings.showwarning = _show_warning
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    code, errors = _outcome(arguments)
    for line in errors:
        click.echo(f"twoplayer: {line}", err=True)
    if errors and as_json:
        from twoplayer.core.files import json_text

        click.echo(json_text({"errors": errors, "exit_code": code}, indent=2))
    return code


def _outcome(arguments: list[str] | None) -> tuple[int, list[str]]:
    """Run a verb. Returns the exit code and the lines of the error message."""
    try:
        return int(root.main(arguments, prog_name="twoplayer", standalone_mode=False) or 0), []
    except click.exceptions.Exit as stop:
        return stop.exit_code, []
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2, []
    except click.ClickException as error:
        return 2, error.format_message().splitlines()
    except UserError as error:
        return 2, with_flags(error.text).splitlines()
    except Diverged as error:
        return 3, with_flags(f"training stopped itself: {error.text}").splitlines()
    except Interrupted as error:
        return 130, with_flags(error.text).splitlines()
    except (click.Abort, KeyboardInterrupt):
        return 130, ["interrupted"]
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        return 2, ["the device is out of memory: lower --batch-size, --filters or --resolution"]
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0, []
    except OSError as error:
        return 2, [f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"]


def _out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out; torch, which has an error of its own for it, is imported only if it was used."""
    own = getattr(sys.modules.get("torch"), "OutOfMemoryError", MemoryError)
    return isinstance(error, MemoryError | own) or "out of memory" in str(error)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, UserWarning | FutureWarning):
        click.echo(f"twoplayer: note: {with_flags(str(message))}", err=True)


def _summary(verb: str) -> str:
    tree = ast.parse((FOLDER / f"{verb.replace('-', '_')}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").split("\n", 1)[0]
