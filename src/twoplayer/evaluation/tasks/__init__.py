"""The family of evaluation tasks, which measure what a game is for: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.evaluation.tasks._base import EvaluationTask as EvaluationTask
    from twoplayer.evaluation.tasks._base import TaskContext as TaskContext
    from twoplayer.evaluation.tasks._base import TaskResult as TaskResult

__all__ = ["EvaluationTask", "TaskContext", "TaskResult", "create", "describe", "family", "names"]

family = Family(__name__, root="twoplayer.evaluation.tasks._base:EvaluationTask")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(__name__, {"EvaluationTask": "_base", "TaskContext": "_base", "TaskResult": "_base"})
