"""The lab: demonstrations of the theory, one file each, discovered by name, each with a verdict that is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twoplayer.core.registry import Family

if TYPE_CHECKING:
    from twoplayer.lab._result import DemonstrationResult

__all__ = ["create", "describe", "family", "names", "perform"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe


def perform(name: str, *, seed: int = 0, **options: Any) -> DemonstrationResult:
    """Run one demonstration.

    Args:
        name: The demonstration, one of `names()`.
        seed: The seed of all its random numbers. Default 0.
        options: Its options, such as sizes and numbers of steps.

    Returns:
        Text, tables, figures and checks, with a verdict computed from the checks.

    Raises:
        UserError: If a name or an option is unknown, or an option is out of range.

    >>> perform("earth-mover").held
    True
    """
    from twoplayer.core.ranges import within
    from twoplayer.lab._result import DemonstrationResult
    from twoplayer.pages.plot_style import house_style

    known = family.options(name)
    checked = {k: within(known[k].annotation, **{k: v}) if k in known else v for k, v in options.items()}
    demonstration = create(name, **checked)
    result = DemonstrationResult(describe(name), demonstration.statement, seed)
    with house_style(), result.timed():
        demonstration.run(result)
    return result
