"""The settings of a training run, as one typed tree: what ``config.yaml`` holds.

A *part* is a member of a family with its options: ``{"name": "dcgan", "filters": 64}``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from twoplayer.core.durations import seconds

__all__ = ["Config", "Optimizer"]

Part = dict[str, Any]

STOP_FIELDS = ("steps", "images", "max_time")
MIN_EVALUATED_SAMPLES = 100
"""Generated samples of which a figure says anything."""
CHANGEABLE_ON_RESUME = frozenset(
    (*STOP_FIELDS, "device", "log_every", "sample_every", "checkpoint_every", "evaluate_every", "keep_checkpoints",
     "evaluate_count", "on_failure", "early_stopping", "early_stopping_patience", "early_stopping_every",
     "tensorboard")
)  # fmt: skip
"""Fields that a resumed run may change, since no weight depends on them, or on its end where step sizes fall to it."""


def _enough(count: int) -> int:
    if 0 < count < MIN_EVALUATED_SAMPLES:
        raise ValueError(f"must be at least {MIN_EVALUATED_SAMPLES}, or 0 for no measurements")
    return count


class Optimizer(BaseModel):
    """How a player's gradient becomes a step."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Literal["adam", "rmsprop", "sgd"] = Field("adam", description="adam, rmsprop or sgd")
    learning_rate: float = Field(2e-4, gt=0, le=1e6, description="step size of both players")
    critic_learning_rate: float | None = Field(None, gt=0, le=1e6, description="step size of the critic, if another")
    lr_decay_start: float = Field(
        1.0, ge=0, le=1, description="share of the run after which step sizes fall linearly to 0"
    )
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's first moment")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's second moment")
    alpha: float = Field(0.99, ge=0, lt=1, description="RMSprop's moving average")
    momentum: float = Field(0.0, ge=0, lt=1, description="momentum of SGD and RMSprop")


class Config(BaseModel):
    """Everything that decides a training run."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: str = Field("default", description="named preset: twoplayer list methods")
    data: Part = Field(description="known name, path or hf:OWNER/NAME: twoplayer list data")
    resolution: int | None = Field(None, ge=8, le=256, description="side of the square images, in pixels")
    held_out: float = Field(0.1, ge=0, lt=1, description="share kept out of training, if the data have no test part")
    game: Part = Field({"name": "generation"}, description="who plays for what: twoplayer list games")
    objective: Part = Field({"name": "non-saturating"}, description="what is played for: twoplayer list objectives")
    regularizers: dict[str, dict[str, Any]] = Field({}, description="comma-separated: twoplayer list regularizers")
    generator: Part = Field({"name": "mlp"}, description="network: twoplayer list networks")
    critic: Part = Field({"name": "mlp"}, description="network: twoplayer list networks")
    algorithm: Part = Field({"name": "alternating"}, description="how the players move: twoplayer list algorithms")
    optimizer: Optimizer = Field(Optimizer(), description="adam, rmsprop or sgd")
    latent_dim: int = Field(128, ge=1, description="dimension of the latents")
    prior: Literal["normal", "uniform"] = Field("normal", description="distribution of the latents")
    batch_size: int = Field(64, ge=2, description="real samples in a minibatch, over all processes")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="decay of the averaged generator per round; 0: no average")
    steps: int | None = Field(None, ge=1, description="stop after so many generator rounds")
    images: int | None = Field(None, ge=1, description="stop after the critic has consumed so many real samples")
    max_time: Annotated[float | None, BeforeValidator(seconds)] = Field(
        None, gt=0, description="stop after so much training time: 90s, 10min, 1.5h"
    )
    seed: int = Field(0, ge=0, description="seed of everything random")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto, fp32 or bf16")
    memory_format: Literal["auto", "contiguous", "channels-last"] = Field("auto", description="layout of images")
    log_every: int | None = Field(None, ge=1, description="rounds between lines of progress")
    sample_every: int | None = Field(None, ge=1, description="rounds between sample grids")
    checkpoint_every: int | None = Field(None, ge=1, description="rounds between checkpoints")
    evaluate_every: int | None = Field(None, ge=0, description="rounds between measurements; 0: only at the end")
    evaluate_count: Annotated[int, AfterValidator(_enough)] = Field(
        10_000,
        ge=0,
        description=f"generated samples per evaluation, at least {MIN_EVALUATED_SAMPLES}; 0: no evaluation",
    )
    keep_checkpoints: int = Field(2, ge=1, description="newest checkpoints that are kept")
    divergence_limit: float = Field(1e4, gt=0, description="largest |D(real) − D(fake)| before a run stops itself")
    on_failure: Literal["warn", "stop"] = Field(
        "warn", description="what to do when training is seen to fail: warn or stop (exit code 3)"
    )
    early_stopping: Literal["none", "auto", "plateau", "duality-gap", "critic"] = Field(
        "none", description="end when nothing is to be gained: auto, plateau, duality-gap or critic"
    )
    early_stopping_patience: float = Field(
        0.5, gt=0, description="rounds without a gain that end a run, as a share of all before"
    )
    early_stopping_every: int | None = Field(None, ge=1, description="rounds between judgements of early stopping")
    tensorboard: bool = Field(True, description="write TensorBoard events into the run folder")

    def tree(self) -> dict[str, Any]:
        """The settings as plain values, as ``config.yaml`` holds them."""
        return self.model_dump(mode="json")

    def differences(self, other: Config) -> list[str]:
        """Fields in which two configs would train different weights."""
        mine, others = self.tree(), other.tree()
        free = CHANGEABLE_ON_RESUME if self.optimizer.lr_decay_start == 1 else CHANGEABLE_ON_RESUME - {*STOP_FIELDS}
        return [k for k in mine if k not in free and mine[k] != others[k]]
