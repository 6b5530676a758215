"""The contract of networks: what architectures make of shapes, and what generators and critics do."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.testing._member import Member, isolated_random_state

__all__ = ["check_network"]

SHAPES: tuple[tuple[int, ...], ...] = ((2,), (1, 12, 12), (3, 8, 8))
LATENT_DIM = 6
BATCH = 8
PRECISION_TOLERANCE = 1e-4
"""Of float32 against float64, relative and absolute."""
UNMOVED_SCALE = 0.1
"""Standard deviation of what replaces weights that start at zero, behind which nothing has a gradient."""


Check = Callable[[Member, Any, Tensor, Tensor, tuple[int, ...]], None]
"""What is checked of one player: the member, the player, its inputs, its outputs and the shape of a sample."""


def check_network(
    architecture: Any,
    *,
    shapes: Sequence[tuple[int, ...]] = SHAPES,
    latent_dim: int = LATENT_DIM,
    **options: Any,
) -> None:
    """Check the contract of an architecture and of the players it makes.

    A generator maps ``(B, latent_dim)`` to ``(B, *shape)``, images in [-1, 1]; a critic maps samples to one output each
    ``(B,)``, or to one for each of P patches ``(B, P)``, float32 at least under autocast, and can be differentiated
    twice. A translator maps images to images. For every player: gradients reach every parameter, its state dict
    restores it, a copy computes the same, float32 and float64 agree.

    Args:
        architecture: a registered name, a class, or an object.
        shapes: shapes of samples; those that the architecture refuses with `UserError` are passed over, but not all.
        latent_dim: dimension of the latents.
        options: keyword arguments of the constructor.

    Raises:
        AssertionError: where the contract is broken; the message says what was expected.
    """
    member = Member.of("networks", architecture, options=options)
    served = [shape for shape in shapes if _check_shape(member, tuple(shape), latent_dim)]
    member.require(served, f"makes neither generator nor critic nor translator of any of the shapes {list(shapes)}")


def _check_shape(member: Member, shape: tuple[int, ...], latent_dim: int) -> bool:
    """Check the players of one shape; False where there are none."""
    recipe = member.make()
    players: list[tuple[str, Callable[[], nn.Module], Tensor, Check]] = [
        ("generator", lambda: member.make().generator(latent_dim, shape), _latents(latent_dim), _check_generator),  # type: ignore[no-any-return]
        ("critic", lambda: member.make().critic(shape), _samples(shape), _check_critic),  # type: ignore[no-any-return]
    ]
    if hasattr(recipe, "translator"):
        players.append(
            ("translator", lambda: member.make().translator(shape, shape), _samples(shape), _check_translator)  # type: ignore[no-any-return]
        )
    served = False
    for role, make, inputs, check in players:
        try:
            with isolated_random_state():
                player = make()
        except UserError:
            continue
        except Exception as error:
            raise AssertionError(f"{member.title}: making a {role} of {shape} raises {error!r}") from error
        served = True
        member.require(isinstance(player, nn.Module), f"a {role} must be a torch module, not {type(player).__name__}")
        with member.raises_nothing(f"a forward pass of the {role} of {shape}"):
            outputs = player(inputs)
        check(member, player, inputs, outputs, shape)
        _check_player(member, role, make, inputs)
    return served


def _latents(latent_dim: int) -> Tensor:
    return torch.randn(BATCH, latent_dim, generator=torch.Generator().manual_seed(0))


def _samples(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)


def _check_generator(
    member: Member, generator: nn.Module, latents: Tensor, samples: Tensor, shape: tuple[int, ...]
) -> None:
    expected = (len(latents), *shape)
    member.require(samples.shape == expected, f"samples of {shape} must be {expected}, not {tuple(samples.shape)}")
    member.require(samples.isfinite().all(), "samples must be finite")
    if len(shape) == 3:
        member.require(samples.abs().max() <= 1, f"images must lie in [-1, 1], but reach {samples.abs().max():.3g}")
    declared = (getattr(generator, "latent_dim", None), tuple(getattr(generator, "shape", ())))
    member.require(
        declared == (latents.shape[1], shape),
        f"a generator must declare latent_dim and shape ({latents.shape[1]}, {shape}), not {declared}",
    )
    _check_widened(member, "generator", generator, latents)


def _check_critic(member: Member, critic: Any, samples: Tensor, outputs: Tensor, shape: tuple[int, ...]) -> None:
    per_sample = outputs.dim() == 1 or (outputs.dim() == 2 and outputs.shape[1] > 1)
    member.require(
        len(outputs) == len(samples) and per_sample,
        f"outputs must be ({len(samples)},), one for each sample, or ({len(samples)}, patches), not "
        f"{tuple(outputs.shape)}",
    )
    member.require(outputs.isfinite().all(), "outputs must be finite")
    words = ("score", "energy")
    output = getattr(critic, "output", None)
    member.require(output in words, f"a critic must declare its output as one of {words}, not {output!r}")
    member.require(tuple(critic.shape) == shape, f"a critic must declare the shape {shape}, not {critic.shape}")
    features = critic.features(samples)
    member.require(
        features.dim() == 2 and len(features) == len(samples),
        f"features must be ({len(samples)}, F), not {tuple(features.shape)}",
    )
    _check_widened(member, "critic", critic, samples)
    _check_second_derivative(member, critic, samples)


def _check_translator(
    member: Member, translator: nn.Module, images: Tensor, translated: Tensor, shape: tuple[int, ...]
) -> None:
    member.require(
        translated.shape == images.shape, f"translations of {shape} must have that shape, not {translated.shape[1:]}"
    )
    member.require(translated.abs().max() <= 1, "translations must lie in [-1, 1]")


def _check_widened(member: Member, role: str, player: nn.Module, inputs: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        dtype = player(inputs).dtype
    member.require(dtype == torch.float32, f"a {role} must return float32 under autocast, not {dtype}")


def _check_second_derivative(member: Member, critic: nn.Module, samples: Tensor) -> None:
    critic = copy.deepcopy(critic)
    _move_zeros(critic)
    samples = samples.detach().requires_grad_()
    with member.raises_nothing("a gradient penalty on the critic"):
        (slope,) = torch.autograd.grad(critic(samples).sum(), samples, create_graph=True)
        loss = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        gradients = torch.autograd.grad(loss, list(critic.parameters()), allow_unused=True)
    reached = [g for g in gradients if g is not None]
    member.require(
        reached and all(g.isfinite().all() for g in reached) and any(g.any() for g in reached),
        "the gradient of a gradient penalty must be finite, and not zero everywhere",
    )


def _check_player(member: Member, role: str, make: Callable[[], nn.Module], inputs: Tensor) -> None:
    with isolated_random_state():
        player, twin = make(), make()
    _check_gradients(member, role, copy.deepcopy(player), inputs)
    with isolated_random_state(1):
        player(inputs)  # moves running statistics
    with member.raises_nothing(f"loading the {role}'s state dict"):
        twin.load_state_dict(player.state_dict())
    player.eval()
    expected = _evaluated(player, inputs)
    for other, action in ((twin.eval(), "loading its state dict"), (copy.deepcopy(player), "copying it")):
        member.require(torch.equal(_evaluated(other, inputs), expected), f"{action} must restore the {role}")
    double = _evaluated(copy.deepcopy(player).double(), inputs.double())
    member.require(double.dtype == torch.float64, f"a {role} in float64 must return float64, not {double.dtype}")
    member.require(
        torch.allclose(double, expected.double(), PRECISION_TOLERANCE, PRECISION_TOLERANCE),
        f"a {role} must compute alike in float64",
    )


def _evaluated(player: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad(), isolated_random_state(2):
        outputs: Tensor = player(inputs)
    return outputs


def _check_gradients(member: Member, role: str, player: nn.Module, inputs: Tensor) -> None:
    _move_zeros(player)
    with isolated_random_state(3):
        outputs = player(inputs)
        (outputs * torch.randn_like(outputs)).sum().backward()
    for name, parameter in player.named_parameters():
        where = f"of the {role}'s {name}"
        member.require(parameter.grad is not None, f"a gradient must reach every parameter, but there is none {where}")
        assert parameter.grad is not None
        member.require(parameter.grad.isfinite().all(), f"the gradient {where} must be finite")
        member.require(parameter.grad.any(), f"the gradient {where} must not be zero everywhere")


def _move_zeros(player: nn.Module) -> None:
    """Give weights that start at zero, as the last layers of residual branches do, values of their own."""
    with torch.no_grad(), isolated_random_state(4):
        for parameter in player.parameters():
            if not parameter.any():
                parameter.normal_(std=UNMOVED_SCALE)
