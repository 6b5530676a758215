"""The settings of a training run, as one typed tree: what ``config.yaml`` holds.

A *part* is a member of a family with its options: ``{"name": "dcgan", "filters": 64}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from twoplayer.core.durations import seconds
from twoplayer.core.errors import UserError
from twoplayer.core.registry import family
from twoplayer.schedules._base import Schedule, is_schedule

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


def _schedule_or_number(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """A number, or a schedule whose ends are such numbers; 0 is an end too, from which a rate may rise."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        import yaml

        value = yaml.safe_load(value)
    if not isinstance(value, Mapping):
        return validate(value)
    try:
        Schedule.of("", value)
    except UserError as error:
        raise ValueError(str(error).strip()) from None
    ends = {key: value[key] if value[key] == 0 else validate(value[key]) for key in ("from", "to")}
    return {**value, **ends}


SCHEDULABLE, AS_IT_IS = WrapValidator(_schedule_or_number), PlainSerializer(lambda value: value, return_type=Any)
"""What makes a number of the config one that may be a schedule."""
Rate = Annotated[float, Field(gt=0, le=1e6), SCHEDULABLE, AS_IT_IS]
DecayRate = Annotated[float, Field(ge=0, lt=1), SCHEDULABLE, AS_IT_IS]


def _stopping_criterion(name: str) -> str:
    names = ["none", "auto", *family("stopping-criteria").names()]
    if name not in names:
        raise ValueError(f"must be one of {', '.join(names)}")
    return name


class Optimizer(BaseModel):
    """How a player's gradient becomes a step: a member of the optimizers, with its options, and the learning rates."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    name: str = Field("adam", description="twoplayer list optimizers")
    learning_rate: Rate = Field(2e-4, description="learning rate of all players")
    critic_learning_rate: Rate | None = Field(None, description="learning rate of the critic, if another")
    lr_decay_start: float = Field(
        1.0, ge=0, le=1, description="share of the run after which learning rates fall linearly to 0"
    )

    @property
    def options(self) -> dict[str, Any]:
        """The options of the member."""
        return dict(self.model_extra or {})


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
    optimizer: Optimizer = Field(Optimizer(), description="how gradients become steps: twoplayer list optimizers")
    latent_dim: int = Field(128, ge=1, description="dimension of the latents")
    prior: Part = Field({"name": "normal"}, description="distribution of the latents: twoplayer list priors")
    batch_size: int = Field(64, ge=2, description="real samples in a minibatch, over all processes")
    ema_decay: DecayRate = Field(0.999, description="decay of the averaged generator per step; 0: no average")
    steps: int | None = Field(None, ge=1, description="stop after so many generator steps")
    images: int | None = Field(None, ge=1, description="stop after the critic has consumed so many real samples")
    max_time: Annotated[float | None, BeforeValidator(seconds)] = Field(
        None, gt=0, description="stop after so much training time: 90s, 10min, 1.5h"
    )
    seed: int = Field(0, ge=0, description="seed of everything random")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto, fp32 or bf16")
    memory_format: Literal["auto", "contiguous", "channels-last"] = Field("auto", description="layout of images")
    log_every: int | None = Field(None, ge=1, description="steps between lines of progress")
    sample_every: int | None = Field(None, ge=1, description="steps between sample grids")
    checkpoint_every: int | None = Field(None, ge=1, description="steps between checkpoints")
    evaluate_every: int | None = Field(None, ge=0, description="steps between measurements; 0: only at the end")
    evaluate_count: Annotated[int, AfterValidator(_enough)] = Field(
        10_000,
        ge=0,
        description=f"generated samples per evaluation, at least {MIN_EVALUATED_SAMPLES}; 0: none",
    )
    keep_checkpoints: int = Field(2, ge=1, description="newest checkpoints that are kept")
    divergence_limit: float = Field(1e4, gt=0, description="largest |D(real) − D(fake)| before a run stops itself")
    on_failure: Literal["warn", "stop"] = Field(
        "warn", description="what to do when training is seen to fail: warn or stop (exit code 3)"
    )
    early_stopping: Annotated[str, AfterValidator(_stopping_criterion)] = Field(
        "none", description="end when nothing is gained any more: auto, or twoplayer list stopping-criteria"
    )
    early_stopping_patience: float = Field(
        0.5, gt=0, description="steps without a gain that end a run, as a share of all before"
    )
    early_stopping_every: int | None = Field(None, ge=1, description="steps between judgements of --early-stopping")
    tensorboard: bool = Field(True, description="write TensorBoard events into the run folder")

    def tree(self) -> dict[str, Any]:
        """The settings as plain values, as ``config.yaml`` holds them."""
        return self.model_dump(mode="json")

    def differences(self, other: Config) -> list[str]:
        """Fields in which two configs would train different weights."""
        mine, others = self.tree(), other.tree()
        fixed_end = self.optimizer.lr_decay_start < 1 or _has_schedule(mine)
        free = CHANGEABLE_ON_RESUME - {*STOP_FIELDS} if fixed_end else CHANGEABLE_ON_RESUME
        return [k for k in mine if k not in free and mine[k] != others[k]]


def _has_schedule(value: Any) -> bool:
    """Whether some number in a tree of settings is a schedule over the run."""
    if not isinstance(value, Mapping):
        return False
    return is_schedule(value) or any(_has_schedule(v) for v in value.values())
