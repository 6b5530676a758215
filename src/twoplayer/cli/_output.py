"""The flag of every verb that writes where the user says: what lies there is never replaced unasked."""

from __future__ import annotations

import click

__all__ = ["overwrite_option"]

overwrite_option = click.option("--overwrite", is_flag=True, help="replace what lies there")
