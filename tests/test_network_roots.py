"""The roots of the network family: noise streams, the intermediate latent space, wrappers that pass both on."""

from __future__ import annotations

from typing import final

import pytest
import torch
from torch import Tensor, nn

from twoplayer import networks
from twoplayer.networks._base import Generator, MappedGenerator, generate
from twoplayer.networks._conditioning import AugmentedGenerator, ConcatenatedGenerator, ModulatedGenerator, embedding
from twoplayer.networks._joint import InvertedGenerator

LATENT, WIDTH = 3, 5


@final
class TinyStyleGenerator(MappedGenerator):
    """A linear mapping network and a linear synthesis network with one noise input, to points of the plane."""

    uses_noise = True

    def __init__(self) -> None:
        super().__init__()
        self.latent_dim, self.intermediate_dim, self.shape = LATENT, WIDTH, (2,)
        self.mapping_network, self.synthesis_network = nn.Linear(LATENT, WIDTH), nn.Linear(WIDTH, 2)
        self.norm = nn.GroupNorm(1, 2)

    def mapping(self, latents: Tensor) -> Tensor:
        intermediate: Tensor = self.mapping_network(latents)
        return intermediate

    def synthesis(self, intermediate: Tensor, *, noise: torch.Generator | None = None) -> Tensor:
        samples: Tensor = self.norm(self.synthesis_network(intermediate))
        return samples if noise is None else samples + torch.randn(samples.shape, generator=noise)


def stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wrappers() -> dict[str, Generator]:
    encoder = networks.create("mlp", filters=4).encoder(LATENT, (2,))
    return {
        "concatenated": ConcatenatedGenerator(TinyStyleGenerator(), LATENT - 1, 4, embedding(4, 1, 1)),
        "augmented": AugmentedGenerator(TinyStyleGenerator(), LATENT, 4, 2),
        "modulated": ModulatedGenerator(TinyStyleGenerator(), LATENT, 4),
        "inverted": InvertedGenerator(TinyStyleGenerator(), encoder, bounded=False),
    }


def test_a_mapped_generator_is_its_synthesis_of_its_mapping() -> None:
    generator, latents = TinyStyleGenerator(), torch.randn(4, LATENT)
    intermediate = generator.mapping(latents)
    assert intermediate.shape == (4, generator.intermediate_dim)
    assert torch.equal(generator(latents), generator.synthesis(intermediate))
    assert torch.equal(generator(latents, noise=stream(1)), generator.synthesis(intermediate, noise=stream(1)))


def test_noise_comes_from_its_stream_alone() -> None:
    generator, latents = TinyStyleGenerator(), torch.randn(4, LATENT)
    before = torch.get_rng_state()
    first, again, other = (generate(generator, latents, stream(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(generate(generator, latents), generator(latents))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", wrappers())
def test_wrapped_generators_pass_noise_on(name: str) -> None:
    torch.manual_seed(0)
    generator = wrappers()[name]
    assert generator.uses_noise
    latents = torch.randn(4, generator.latent_dim)
    first, again, without = (generate(generator, latents, s) for s in (stream(1), stream(1), None))
    assert first.shape == (4, 2) and torch.equal(first, again) and not torch.equal(first, without)


def test_generators_of_the_family_use_no_noise_and_have_no_intermediate_space() -> None:
    for name in networks.names():
        if name not in ("patchgan", "unet", "resnet-translator"):
            generator = networks.create(name).generator(LATENT, (1, 8, 8))
            assert not generator.uses_noise and generator.intermediate_dim is None
            latents = torch.randn(2, LATENT)
            assert torch.equal(generate(generator.eval(), latents, stream(0)), generator(latents))


def test_a_wrapper_of_a_generator_without_noise_uses_none() -> None:
    base = networks.create("mlp", filters=4).generator(LATENT, (2,))
    generator = ConcatenatedGenerator(base, LATENT - 1, 4, embedding(4, 1, 1))
    assert not generator.uses_noise
    assert generate(generator, torch.randn(4, generator.latent_dim), stream(0)).shape == (4, 2)
