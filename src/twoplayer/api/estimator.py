"""A GAN as a scikit-learn estimator: arrays in, arrays out."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from twoplayer.api.run import Run
from twoplayer.config.renamed import current_settings
from twoplayer.runs.run_dir import RunFolder

__all__ = ["GAN"]


class GAN(BaseEstimator):
    """Fits a generator to the rows of an array, after scikit-learn's conventions.

    Args:
        method: a name of ``twoplayer list methods``.
        steps: generator rounds; None takes the method's default.
        random_state: seed of training, or a `numpy.random.RandomState`, or None for a fresh one each time.
        run: folder to keep the run in; None keeps it in a temporary one until the estimator is gone. Either way,
            fitting again replaces the run of the fit before.
        settings: any other settings, as `twoplayer.train` takes them, in a mapping.

    After `fit`, ``run_`` is the `twoplayer.Run` and ``n_features_in_`` the number of columns. X is an array
    ``(n_samples, n_features)``, or uint8 images ``(N, H, W)`` or ``(N, H, W, C)``.

    >>> GAN("wgan-gp", steps=200).fit(X).sample(1000).shape  # doctest: +SKIP
    (1000, 2)
    """

    _discard: Any
    _channel_axis: bool

    def __init__(
        self,
        method: str = "default",
        *,
        steps: int | None = None,
        random_state: Any = None,
        run: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.steps = steps
        self.random_state = random_state
        self.run = run
        self.settings = settings

    def fit(self, X: Any, y: Any = None) -> GAN:  # noqa: N803
        """Train on the rows of X, with class labels y if given. Raises `ValueError` for what is not such an array."""
        from twoplayer.api.train import train

        array = np.asarray(X) if hasattr(X, "__array__") or isinstance(X, list) else X
        if not (isinstance(array, np.ndarray) and array.dtype == np.uint8 and array.ndim in (3, 4)):
            array = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=4)
        else:
            self.n_features_in_ = int(np.prod(array.shape[1:]))
        settings = {"tensorboard": False, "evaluate_every": 0, **current_settings(self.settings or {})}
        settings.setdefault("seed", int(check_random_state(self.random_state).randint(2**31)))
        if array.ndim == 2:
            settings.setdefault("batch_size", int(min(256, max(2, len(array) // 2))))
        source = (array, y) if y is not None else array
        with self._place() as folder:
            self.run_ = train(self.method, source, run=folder, steps=self.steps, **settings)
        self._channel_axis = array.ndim != 3
        return self

    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> np.ndarray:
        """`n_samples` rows like those of X, in X's units, ``(n_samples, n_features)``, or images like X's.

        Images have a channel axis where X's had one: ``(n_samples, H, W)`` after X ``(N, H, W)``.
        """
        check_is_fitted(self, "run_")
        seed = int(check_random_state(random_state).randint(2**31))
        run: Run = self.run_
        drawn = run.sample(n_samples, seed=seed).array
        return drawn if self._channel_axis else drawn[..., 0]

    @contextlib.contextmanager
    def _place(self) -> Iterator[Path]:
        """The folder to train in. This estimator's earlier run is set aside there, and back if no new one begins."""
        if self.run is None:
            yield self._temporary() / "run"
            return
        folder = RunFolder(self.run)
        earlier = getattr(self, "run_", None)
        if earlier is None or not folder.exists or not folder.path.samefile(earlier.path):
            yield folder.path
            return
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.path.name}-", dir=folder.path.parent))
        folder.path.rename(aside / "run")
        try:
            yield folder.path
        finally:
            if not folder.exists:
                shutil.rmtree(folder.path, ignore_errors=True)
                (aside / "run").rename(folder.path)
            shutil.rmtree(aside, ignore_errors=True)

    def _temporary(self) -> Path:
        """A folder that goes with this estimator, or with its next fit."""
        if hasattr(self, "_discard"):
            self._discard()
        folder = tempfile.mkdtemp(prefix="twoplayer-")
        self._discard = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if "_discard" in state:
            raise TypeError("a fitted GAN lives in its run folder: give GAN(run=FOLDER), then pickle or copy it")
        return state
