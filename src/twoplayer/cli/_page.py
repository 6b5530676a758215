"""The report of a run, brought up to date by the verbs that find out more about it."""

from __future__ import annotations

from pathlib import Path

import click

from twoplayer.cli._flags import with_flags
from twoplayer.core.errors import UserError

__all__ = ["renew_report"]


def renew_report(run: Path, *, quiet: bool = False) -> None:
    """Write the report of the run anew and say on standard error where it is, or why it is as before."""
    from twoplayer.reporting import write_report

    try:
        told = f"report: {write_report(run)}"
    except (UserError, OSError) as error:  # somebody else's run, or a damaged one: what was found is told all the same
        reason = with_flags(error.text) if isinstance(error, UserError) else error
        told = f"twoplayer: note: the report of {run} stays as it was: {reason}"
    if not quiet:
        click.echo(told, err=True)
