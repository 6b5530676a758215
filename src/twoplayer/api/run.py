"""A run, as `import twoplayer` gives it: sample, evaluate, diagnose, report, export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twoplayer.inference.trained_run import TrainedRun
from twoplayer.sampling.samples import Samples

if TYPE_CHECKING:
    from twoplayer.diagnosis._diagnosis import Diagnosis
    from twoplayer.evaluation.result import Evaluation

__all__ = ["Run"]


class Run(TrainedRun):
    """A finished or unfinished run, read from its folder, with everything that can be done with it.

    `TrainedRun` holds what it is and draws samples; what is added here calls the packages above it.
    """

    def interpolations(
        self, rows: int = 8, columns: int | None = None, *, seed: int = 0, refine: int | None = None
    ) -> Samples:
        """Samples along `rows` paths through the latent space, `columns` on each (10 images, 200 points), row by row.

        Both ends are samples like any other; `twoplayer.inference.latent_paths.slerp` says how the
        way goes between them. `refine` as for `sample`. Raises `UserError` where the generator starts from no latents.
        """
        from twoplayer.inference.latent_paths import interpolations

        return interpolations(self, rows, columns, seed=seed, refine=refine)

    def evaluate(
        self,
        *,
        n: int | None = None,
        seed: int | None = None,
        refine: int | None = None,
        extractor: Any = None,
        metrics: Any = None,
        keep: bool = False,
        data: Any = None,
    ) -> Evaluation:
        """Every metric that applies, on `n` samples, beside the same figures for held-out real data.

        With the run's own seed (None) these are the samples that training measured. `refine` as for `sample`;
        `extractor` and `metrics` as for `twoplayer.evaluate`. With `keep` the run's report shows them, with pictures.
        `data` is what the run was trained on, where that was an array or another object in memory.
        """
        from twoplayer.evaluation.evaluate import evaluate_run

        return evaluate_run(
            self, n=n, seed=seed, refine=refine, extractor=extractor, metrics=metrics, keep=keep, data=data
        )

    def diagnose(self, *, only: Sequence[str] | None = None, data: Any = None) -> Diagnosis:
        """Check the run for failure modes: findings, most severe first, with evidence and what to try next.

        `only` names the failure modes to check (``twoplayer diagnose`` lists them), all by default; `data` is what the
        run was trained on, where that was an array or another object in memory.
        """
        from twoplayer.diagnosis import diagnose

        return diagnose(self, only=only, data=data)

    def report(self, output: Path | str | None = None) -> Path:
        """Write the run's page, one self-contained file, and return its path."""
        from twoplayer.reporting import write_report

        return write_report(self.path, output=None if output is None else Path(output))

    def export(
        self,
        path: Path | str | None = None,
        *,
        format: Literal["pt2", "onnx"] | None = None,
        refine: int | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the averaged generator as one program that runs without this library, and return its path.

        By default ``generator.pt2``, which ``torch.export.load(path).module()`` opens; a name that ends in ``.onnx``
        makes it ONNX. It takes what `inputs` draws and gives what `sample` does before images become whole numbers.
        `refine` as for `sample`. Raises `UserError` as `twoplayer.export.export` does.
        """
        from twoplayer.export import export

        return export(self, path, format=format, refine=refine, overwrite=overwrite).path
