"""What all contracts share: a member made from a name, a class or an object, and assertions that name it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from twoplayer.core.registry import family

__all__ = ["Member", "isolated_random_state"]


@dataclass(frozen=True)
class Member:
    """The member under test: `make` gives a new one each time."""

    title: str
    make: Callable[[], Any]

    @classmethod
    def of(cls, label: str, member: Any, *arguments: Any, options: Mapping[str, Any]) -> Member:
        """A member of the family `label`.

        Args:
            label: the family, such as ``objectives``.
            member: a registered name, a class (or any callable that makes a member), or an object.
            arguments: positional arguments of the constructor.
            options: keyword arguments of the constructor.

        Raises:
            AssertionError: where what is made does not extend the family's root class.
        """
        root = family(label).root
        if isinstance(member, str):
            name = member
            made = cls(name, lambda: family(label).create(name, *arguments, **options))
        elif inspect.isclass(member) or (callable(member) and not isinstance(member, root)):
            title = getattr(member, "__name__", repr(member))
            made = cls(title, lambda: member(*arguments, **options))
        else:
            made = cls(type(member).__name__, lambda: copy.deepcopy(member))
        made.require(isinstance(made.make(), root), f"must extend {root.__module__.rpartition('.')[0]}.{root.__name__}")
        return made

    def require(self, condition: Any, message: str) -> None:
        """Raises `AssertionError` with the member's name in front of `message`, unless the condition holds."""
        if not condition:
            raise AssertionError(f"{self.title}: {message}")

    @contextmanager
    def raises_nothing(self, action: str) -> Iterator[None]:
        """Raises `AssertionError` that says in which `action` the member failed, where it fails with another error."""
        try:
            yield
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"{self.title}: {action} raises {type(error).__name__}: {error}") from error

    @contextmanager
    def raises(self, expected: type[Exception], action: str) -> Iterator[None]:
        """Raises `AssertionError` unless `action` raises the expected error."""
        try:
            yield
        except expected:
            return
        except Exception as error:
            raise AssertionError(
                f"{self.title}: {action} must raise {expected.__name__}, but raises {type(error).__name__}: {error}"
            ) from error
        raise AssertionError(f"{self.title}: {action} must raise {expected.__name__}")

    @contextmanager
    def keeps_global_random_state(self, action: str) -> Iterator[None]:
        """Raises `AssertionError` where an action draws from torch's or numpy's global generators."""
        before = torch.get_rng_state(), _numpy_state()
        yield
        after = torch.get_rng_state(), _numpy_state()
        same = torch.equal(before[0], after[0]) and before[1] == after[1]
        self.require(same, f"{action} must not draw from the global random generators")


def _numpy_state() -> tuple[bytes, int]:
    state = np.random.get_state(legacy=False)["state"]
    return state["key"].tobytes(), state["pos"]


@contextmanager
def isolated_random_state(seed: int = 0) -> Iterator[None]:
    """Torch's global generator seeded, and given back as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
