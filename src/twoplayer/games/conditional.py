"""Conditional generation: samples of a class, or with attributes, as asked.

Labels and attributes, several at once, categorical and continuous, enter the generator beside the latents or by
conditional normalization, and the critic beside the samples or by projection; a checker, a second discriminator, may
have to find them in the samples.

Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", eq. 2; Odena, Olah & Shlens 2017, "Conditional
Image Synthesis with Auxiliary Classifier GANs", eq. 2 and 3 (the checker); Miyato & Koyama 2018, "cGANs with Projection
Discriminator", eq. 3; de Vries et al. 2017, "Modulating early visual processing by language", section 3 (conditional
normalization).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, Positive
from twoplayer.core.rng import numpy_generator
from twoplayer.data._attributes import Attribute, total_width
from twoplayer.games._adversarial import AdversarialGame, needs_scores
from twoplayer.games._attribute_codes import AttributeCodes, disagreement, traits_of
from twoplayer.games._base import Batch, Loss, SlopedGame, in_precision, prior_rows
from twoplayer.games._bound_critic import BoundCritic
from twoplayer.games._conditioned_inputs import ConditionedInputs
from twoplayer.games._factory import KEPT, ConditioningData, ConfigurableGame, GameFactory, StoredConditions
from twoplayer.games._inputs import SamplerInputs
from twoplayer.networks._base import Generator
from twoplayer.networks._conditioning import (
    ConcatenatedCritic,
    ConcatenatedGenerator,
    ConditionalCritic,
    ConditionBlindCritic,
    ModulatedGenerator,
    ProjectedCritic,
    embedding,
)
from twoplayer.networks._precision import ExactLinear

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["ConditionalGame"]

KEPT_BYTES = 2**24
"""Of the rows that a run keeps, at most."""
UNHEARD = (
    "this game's checker: set auxiliary_classifier to none, and critic_conditioning to concatenation or projection"
)
MOST_MAPS = 16
"""Channels, or features, that a condition adds to a sample at most."""


@final
class ConditionalGame(AdversarialGame, SlopedGame, ConfigurableGame):
    """Both players are told what the real samples of the batch are like; the generator is to make others like them.

    `conditions` names what counts, the class as ``label``; None is the class and all attributes. Into the generator
    they go by `generator_conditioning`: embedded in `condition_dim` numbers beside the latents, or as gain and bias of
    every normalization. Into the critic by `critic_conditioning`: embedded beside the samples, by projection on its
    features, or not at all. The `auxiliary_classifier` finds them again, ``shared`` off the critic's features, ``own``
    as a network by itself; the generator has to please it, with `auxiliary_classifier_weight`. It learns from ``real``
    samples, or, as in AC-GAN, from ``both``: then it may agree with the generator on what a class looks like, against
    the data.

    Raises `UserError` where nobody would look at the conditions, or networks cannot take them.
    """

    def __init__(
        self,
        kit: GameFactory,
        *,
        conditions: list[str] | None = None,
        generator_conditioning: Literal["concatenation", "normalization"] = "concatenation",
        critic_conditioning: Literal["concatenation", "projection", "none"] = "concatenation",
        auxiliary_classifier: Literal["none", "shared", "own"] = "none",
        auxiliary_classifier_data: Literal["real", "both"] = "real",
        auxiliary_classifier_weight: Positive = 1.0,
        condition_dim: Count = 64,
    ) -> None:
        if critic_conditioning == "none" and auxiliary_classifier == "none":
            raise UserError(
                "nobody would look at the conditions: set critic_conditioning to concatenation or projection, or "
                "auxiliary_classifier to shared or own"
            )
        if critic_conditioning == "concatenation" and auxiliary_classifier == "shared":
            raise UserError(
                "a shared checker would read the conditions off the critic's own input: set critic_conditioning to "
                "projection or none, or auxiliary_classifier to own"
            )
        needs_scores(kit.objective)
        super().__init__(kit.objective, kit.regularizers)
        self.traits = tuple(Attribute.of(document) for document in kit.facts.given["attributes"])
        self.prior, self.latent_dim, self.shape = kit.prior, kit.latent_dim, kit.facts.shape
        self.told_from, self.unheard = kit.latent_dim, None if auxiliary_classifier == "none" else UNHEARD
        self.auxiliary_classifier_weight, self.auxiliary_classifier_data = (
            auxiliary_classifier_weight,
            auxiliary_classifier_data,
        )
        self.generator = _generator(kit, self.traits, generator_conditioning, condition_dim)
        self.critic: CriticWithClassifier = CriticWithClassifier(
            *_critics(kit, self.traits, critic_conditioning, auxiliary_classifier)
        )
        self.players = {"generator": self.generator, "critic": self.critic}
        self.rule(self.critic)

    @classmethod
    def study(
        cls, dataset: Dataset, seed: int, before: ConditioningData | None = None, **options: Any
    ) -> ConditioningData:
        traits = traits_of(dataset, options.get("conditions"))
        codes = AttributeCodes.of_training(traits, dataset)
        count = min(KEPT, max(1, KEPT_BYTES // (4 * total_width(traits))))
        rows = numpy_generator(seed, "kept rows").permutation(len(dataset.train))[:count]
        kept = StoredConditions({"given": torch.from_numpy(codes(rows))})
        return ConditioningData(codes, {"attributes": [asdict(trait) for trait in traits]}, kept)

    @classmethod
    def assemble(cls, kit: GameFactory, **options: Any) -> ConditionalGame:
        return cls(kit, **options)

    @classmethod
    def target(cls, dataset: Dataset, **options: Any) -> Dataset:
        return dataset

    def inputs(self, kept: StoredConditions | None) -> SamplerInputs:
        if kept is None or "given" not in kept.tensors:
            raise UserError("this run has lost its inputs.safetensors, which says what to ask for: restore it")
        rows = np.asarray(kept.tensors["given"])
        return ConditionedInputs(self.latent_dim, self.prior, self.traits, rows, image=len(self.shape) == 3)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> Tensor:
        free = prior_rows(batch, self.latent_dim, self.prior)
        samples: Tensor = self.generator(torch.cat([free, batch.given], 1))
        return samples

    @in_precision
    def critic_loss(self, batch: Batch, generated: Tensor, *, ahead: bool = False) -> Loss:
        generated = generated if ahead else generated.detach()
        told = BoundCritic(self.critic.told, batch.given)
        real, fake = self.perturbed(batch.real, batch, "real"), self.perturbed(generated, batch, "fake")
        scored = self.scored(told, real, fake)
        seen = torch.cat(told.features)
        loss = self.judged(told, scored, batch, ahead=ahead)
        wrong = self._wrong_on(scored.real, seen[: len(real)], batch, "checker_real")
        if self.auxiliary_classifier_data == "both":
            wrong |= self._wrong_on(scored.fake, seen[len(real) :], batch, "checker_fake")
        return _with(loss, wrong, 1.0)

    @in_precision
    def critic_loss_on(self, batch: Batch, samples: Tensor, inputs: Tensor) -> Loss:
        # Samples that came of other conditions than the batch's; what lies between the two, as penalties look at, is
        # held against those of the real ones.
        told, other = (BoundCritic(self.critic.told, given) for given in (batch.given, inputs[:, self.latent_dim :]))
        real, fake = self.perturbed(batch.real, batch, "real"), self.perturbed(samples.detach(), batch, "fake")
        return self.judged(told, self.scored(told, real, fake, other), batch)

    @in_precision
    def generator_loss(self, batch: Batch, generated: Tensor) -> Loss:
        told = BoundCritic(self.critic.told, batch.given)
        fake = self.perturbed(generated, batch, "fake again")
        score = told(fake)
        real = told(self.perturbed(batch.real, batch, "real again")) if self.objective.uses_real_outputs else None
        value = self.objective.generator_loss(score, real)
        wrong = self._wrong_on(fake, told.features[0], batch, "checker_generated")
        return _with(Loss(value, {"generator_loss": value.detach()}), wrong, self.auxiliary_classifier_weight)

    def latents(self, batch: Batch, times: int = 1) -> Tensor:
        free = prior_rows(batch, self.latent_dim, self.prior, times)
        return torch.cat([free, batch.others(times).to(free)], 1)

    def _wrong_on(self, samples: Tensor, features: Tensor, batch: Batch, name: str) -> dict[str, Tensor]:
        """The checker's loss on samples that should be as given; nothing without a checker."""
        if self.critic.checker is None:
            return {}
        return {name: disagreement(self.critic.answers(samples, features), batch.given, self.traits)}


@final
class CriticWithClassifier(nn.Module):
    """A critic that is told the conditions, and beside it a checker, if any, that has to find them.

    A `shared` checker reads the critic's features, another one the samples.
    """

    output: Literal["score", "energy"] = "score"

    def __init__(self, told: ConditionalCritic, checker: nn.Module | None, shared: bool) -> None:
        super().__init__()
        self.told, self.checker, self.shared = told, checker, shared

    def answers(self, samples: Tensor, features: Tensor) -> Tensor:
        """What the checker thinks was given, ``(B, width)``."""
        assert self.checker is not None
        answers: Tensor = self.checker(features if self.shared else samples)
        return answers

    def features(self, samples: Tensor) -> Tensor:
        """The critic's features ``(B, F)`` of samples of which it is told nothing."""
        return self.told.features(samples)

    def forward(self, samples: Tensor, given: Tensor) -> Tensor:
        score: Tensor = self.told(samples, given)
        return score


def _generator(kit: GameFactory, traits: tuple[Attribute, ...], entry: str, condition_dim: int) -> Generator:
    inputs, shape = total_width(traits), kit.facts.shape
    if entry == "normalization":
        return ModulatedGenerator(kit.generator(kit.latent_dim, shape), kit.latent_dim, inputs)
    base = kit.generator(kit.latent_dim + condition_dim, shape)
    return ConcatenatedGenerator(base, kit.latent_dim, inputs, embedding(inputs, condition_dim, len(traits)))


def _critics(
    kit: GameFactory, traits: tuple[Attribute, ...], entry: str, checker: str
) -> tuple[ConditionalCritic, nn.Module | None, bool]:
    """The critic, the checker, and whether it shares the critic's features."""
    inputs, shape = total_width(traits), kit.facts.shape
    told: ConditionalCritic
    if entry == "concatenation":
        more = min(inputs, MOST_MAPS)
        base = kit.critic((shape[0] + more, *shape[1:]))
        told = ConcatenatedCritic(base, shape, embedding(inputs, more, len(traits)))
    elif entry == "projection":
        told = ProjectedCritic(kit.critic(shape), shape, inputs)
    else:
        told = ConditionBlindCritic(kit.critic(shape), shape)
    if checker == "shared":
        return told, ExactLinear(told.base.width, inputs), True
    return told, kit.encoder(inputs, shape, of="critic") if checker == "own" else None, False


def _with(loss: Loss, terms: dict[str, Tensor], weight: float) -> Loss:
    """The loss with further terms, whose values are shown as they are."""
    total = loss.total
    for term in terms.values():
        total = total + weight * term
    return Loss(total, {**loss.parts, **{name: term.detach() for name, term in terms.items()}})
