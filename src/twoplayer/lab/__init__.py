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
    """Run one demonstration and return what it found: text, tables, pictures and checks.

    Raises `UserError` for an unknown name or option, and for an option out of its range.

    >>> perform("earth-mover").held
    True
    """
    from twoplayer.core.ranges import within
    from twoplayer.lab._result import DemonstrationResult
    from twoplayer.pages.plot_style import house_style

    known = family.options(name)
    settled = {k: within(known[k].annotation, **{k: v}) if k in known else v for k, v in options.items()}
    demonstration = create(name, **settled)
    findings = DemonstrationResult(describe(name), demonstration.statement, seed)
    with house_style(), findings.timed():
        demonstration.show(findings)
    return findings
