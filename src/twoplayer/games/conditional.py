"""Conditional generation: samples of a given class, or with given attributes.

Labels and attributes, several at once, categorical and continuous, enter the generator beside the latents or by
conditional normalization, and the critic beside the samples or by projection; an auxiliary classifier, a second
discriminator, may predict them from the samples.

Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", eq. 2; Odena, Olah & Shlens 2017, "Conditional
Image Synthesis with Auxiliary Classifier GANs", eq. 2 and 3 (the auxiliary classifier); Miyato & Koyama 2018, "cGANs
with Projection Discriminator", eq. 3; de Vries et al. 2017, "Modulating early visual processing by language", section 3
(conditional normalization).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, Positive
from twoplayer.core.rng import numpy_generator
from twoplayer.data._attributes import Attribute, total_width
from twoplayer.games._adversarial import AdversarialGame, SamplewiseGame, generated_by, prior_rows, require_scores
from twoplayer.games._attribute_codes import AttributeCodes, attributes_of, classification_loss
from twoplayer.games._bound_critic import BoundCritic
from twoplayer.games._conditioned_inputs import ConditionedInputs
from twoplayer.games._factory import MAX_STORED_ROWS, ConditioningData, GameFactory, StoredConditions
from twoplayer.games._inputs import SamplerInputs
from twoplayer.games._problem import Batch, CurveSpec, Loss, ProblemOptions, in_precision
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

__all__ = ["ConditionalGame", "ConditionalOptions"]

MAX_STORED_BYTES = 2**24
"""Size of the conditions that a run stores, at most."""
MAX_CONDITION_CHANNELS = 16
"""Channels, or features, that a condition adds to a sample at most."""
IGNORED_CLASSIFIER = (
    "this game's auxiliary classifier: set auxiliary_classifier to none, and critic_conditioning to concatenation or "
    "projection"
)


@dataclass(frozen=True)
class ConditionalOptions(ProblemOptions):
    """Options of conditional generation.

    Args:
        conditions: names of the attributes to condition on, the class as ``label``; None for the class and all
            attributes.
        generator_conditioning: ``concatenation`` embeds the conditions in `condition_dim` numbers beside the latents;
            ``normalization`` makes them gain and bias of every normalization.
        critic_conditioning: ``concatenation`` embeds the conditions beside the samples, ``projection`` projects them on
            the critic's features, ``none`` leaves them to the auxiliary classifier.
        auxiliary_classifier: predicts the conditions from samples, ``shared`` on the critic's features or ``own`` as a
            network by itself; the generator is trained to be classified correctly.
        auxiliary_classifier_data: whether it is trained on ``real`` samples only or, as in AC-GAN, on ``both`` real and
            generated ones, where it may agree with the generator on what a class looks like, against the data.
        auxiliary_classifier_weight: weight of the classification loss in the generator's loss.
        condition_dim: numbers in which the conditions are embedded beside the latents.
    """

    conditions: list[str] | None = None
    generator_conditioning: Literal["concatenation", "normalization"] = "concatenation"
    critic_conditioning: Literal["concatenation", "projection", "none"] = "concatenation"
    auxiliary_classifier: Literal["none", "shared", "own"] = "none"
    auxiliary_classifier_data: Literal["real", "both"] = "real"
    auxiliary_classifier_weight: Positive = 1.0
    condition_dim: Count = 64


@final
class ConditionalGame(SamplewiseGame):
    """Both players get the conditions of the batch's real samples; the generator makes other samples that fulfil them.

    Raises `UserError` where no player would use the conditions, or networks cannot take them.
    """

    Options: ClassVar[type[ProblemOptions]] = ConditionalOptions
    curves: ClassVar[Mapping[str, CurveSpec]] = {
        **AdversarialGame.curves,
        "classifier_real": CurveSpec("classifier, real", "auxiliary classifier", "its loss on real samples"),
        "classifier_fake": CurveSpec("classifier, fake", "auxiliary classifier", "its loss on generated samples"),
        "classifier_generated": CurveSpec(
            "classifier, generator", "auxiliary classifier", "the classification loss that the generator minimizes"
        ),
    }

    def __init__(self, factory: GameFactory, options: ConditionalOptions | None = None) -> None:
        options = options or ConditionalOptions()
        if options.critic_conditioning == "none" and options.auxiliary_classifier == "none":
            raise UserError(
                "no player would use the conditions: set critic_conditioning to concatenation or projection, or "
                "auxiliary_classifier to shared or own"
            )
        if options.critic_conditioning == "concatenation" and options.auxiliary_classifier == "shared":
            raise UserError(
                "a shared auxiliary classifier would read the conditions off the critic's own input: set "
                "critic_conditioning to projection or none, or auxiliary_classifier to own"
            )
        require_scores(factory.objective)
        super().__init__(factory, options)
        self.options = options
        self.attributes = tuple(Attribute.of(document) for document in factory.data_spec.conditioning["attributes"])
        self.prior, self.latent_dim, self.shape = factory.prior, factory.latent_dim, factory.data_spec.shape
        self.conditions_from = factory.latent_dim
        self.ignored_by_critic_gradient = None if options.auxiliary_classifier == "none" else IGNORED_CLASSIFIER
        self.generator = _generator(factory, self.attributes, options)
        self.critic: CriticWithClassifier = CriticWithClassifier(*_critics(factory, self.attributes, options))
        self.players = {"generator": self.generator, "critic": self.critic}
        self.constrain(self.critic)

    @classmethod
    def study(
        cls, dataset: Dataset, seed: int, options: ConditionalOptions, previous: ConditioningData | None = None
    ) -> ConditioningData:
        attributes = attributes_of(dataset, options.conditions)
        codes = AttributeCodes.of_training(attributes, dataset)
        count = min(MAX_STORED_ROWS, max(1, MAX_STORED_BYTES // (4 * total_width(attributes))))
        rows = numpy_generator(seed, "kept rows").permutation(len(dataset.train))[:count]
        stored = StoredConditions({"given": torch.from_numpy(codes(rows))})
        return ConditioningData(codes, {"attributes": [asdict(attribute) for attribute in attributes]}, stored)

    def inputs(self, stored: StoredConditions | None) -> SamplerInputs:
        if stored is None or "given" not in stored.tensors:
            raise UserError("this run has lost its inputs.safetensors, which holds the conditions: restore it")
        rows = np.asarray(stored.tensors["given"])
        return ConditionedInputs(self.latent_dim, self.prior, self.attributes, rows, image=len(self.shape) == 3)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> Tensor:
        return generated_by(self.generator, self.generator_inputs(batch), batch)

    @in_precision
    def critic_loss(self, batch: Batch, generated: Tensor, *, ahead: bool = False) -> Loss:
        generated = generated if ahead else generated.detach()
        critic = BoundCritic(self.critic.conditional, batch.conditions)
        real, fake = self.perturbed(batch.real, batch, "real"), self.perturbed(generated, batch, "fake")
        outputs = self.critic_batch(critic, real, fake)
        features = torch.cat(critic.features)
        loss = self.objective_loss(critic, outputs, batch, ahead=ahead)
        if self.penalties_only:
            return loss
        terms = self._classification(outputs.real, features[: len(real)], batch, "classifier_real")
        if self.options.auxiliary_classifier_data == "both":
            terms |= self._classification(outputs.fake, features[len(real) :], batch, "classifier_fake")
        return _with(loss, terms, 1.0)

    @in_precision
    def critic_loss_on(self, batch: Batch, samples: Tensor, inputs: Tensor) -> Loss:
        # The samples came from other conditions than the batch's; points between the two, which penalties look at, are
        # paired with the conditions of the real ones.
        critic, critic_of_fake = (
            BoundCritic(self.critic.conditional, conditions)
            for conditions in (batch.conditions, inputs[:, self.latent_dim :])
        )
        real, fake = self.perturbed(batch.real, batch, "real"), self.perturbed(samples.detach(), batch, "fake")
        return self.objective_loss(critic, self.critic_batch(critic, real, fake, critic_of_fake), batch)

    @in_precision
    def generator_loss(self, batch: Batch, generated: Tensor) -> Loss:
        critic = BoundCritic(self.critic.conditional, batch.conditions)
        fake = self.perturbed(generated, batch, "fake again")
        score = critic(fake)
        real = critic(self.perturbed(batch.real, batch, "real again")) if self.objective.uses_real_outputs else None
        value = self.objective.generator_loss(score, real)
        terms = self._classification(fake, critic.features[0], batch, "classifier_generated")
        return _with(Loss(value, {"generator_loss": value.detach()}), terms, self.options.auxiliary_classifier_weight)

    def latents(self, batch: Batch, times: int = 1) -> Tensor:
        latents = prior_rows(batch, self.latent_dim, self.prior, times)
        return torch.cat([latents, batch.random_conditions(times).to(latents)], 1)

    def generator_inputs(self, batch: Batch) -> Tensor:
        return torch.cat([prior_rows(batch, self.latent_dim, self.prior), batch.conditions], 1)

    def _classification(self, samples: Tensor, features: Tensor, batch: Batch, name: str) -> dict[str, Tensor]:
        """The auxiliary classifier's loss on samples that should fulfil the batch's conditions; empty without one."""
        if self.critic.classifier is None:
            return {}
        predictions = self.critic.predict(samples, features)
        return {name: classification_loss(predictions, batch.conditions, self.attributes)}


@final
class CriticWithClassifier(nn.Module):
    """A conditional critic and the auxiliary classifier, if any.

    A `shared` classifier reads the critic's features, another one the samples.
    """

    output: Literal["score", "energy"] = "score"

    def __init__(self, conditional: ConditionalCritic, classifier: nn.Module | None, shared: bool) -> None:
        super().__init__()
        # names of the state dict since release 0.1
        self.told, self.checker, self.shared = conditional, classifier, shared

    @property
    def conditional(self) -> ConditionalCritic:
        """The critic of samples and conditions."""
        return self.told

    @property
    def classifier(self) -> nn.Module | None:
        """The auxiliary classifier; None without one."""
        return self.checker

    def predict(self, samples: Tensor, features: Tensor) -> Tensor:
        """The auxiliary classifier's predictions of the conditions, ``(B, width)``."""
        assert self.checker is not None
        predictions: Tensor = self.checker(features if self.shared else samples)
        return predictions

    def features(self, samples: Tensor) -> Tensor:
        """The critic's features ``(B, F)`` of samples without conditions."""
        return self.conditional.features(samples)

    def forward(self, samples: Tensor, conditions: Tensor) -> Tensor:
        score: Tensor = self.conditional(samples, conditions)
        return score


def _generator(factory: GameFactory, attributes: tuple[Attribute, ...], options: ConditionalOptions) -> Generator:
    inputs, shape, latent_dim = total_width(attributes), factory.data_spec.shape, factory.latent_dim
    if options.generator_conditioning == "normalization":
        return ModulatedGenerator(factory.generator(latent_dim, shape), latent_dim, inputs)
    base = factory.generator(latent_dim + options.condition_dim, shape)
    return ConcatenatedGenerator(base, latent_dim, inputs, embedding(inputs, options.condition_dim, len(attributes)))


def _critics(
    factory: GameFactory, attributes: tuple[Attribute, ...], options: ConditionalOptions
) -> tuple[ConditionalCritic, nn.Module | None, bool]:
    """The critic, the auxiliary classifier, and whether that one shares the critic's features."""
    inputs, shape = total_width(attributes), factory.data_spec.shape
    critic: ConditionalCritic
    if options.critic_conditioning == "concatenation":
        channels = min(inputs, MAX_CONDITION_CHANNELS)
        base = factory.critic((shape[0] + channels, *shape[1:]))
        critic = ConcatenatedCritic(base, shape, embedding(inputs, channels, len(attributes)))
    elif options.critic_conditioning == "projection":
        critic = ProjectedCritic(factory.critic(shape), shape, inputs)
    else:
        critic = ConditionBlindCritic(factory.critic(shape), shape)
    if options.auxiliary_classifier == "shared":
        return critic, ExactLinear(critic.base.width, inputs), True
    own = options.auxiliary_classifier == "own"
    return critic, factory.encoder(inputs, shape, of="critic") if own else None, False


def _with(loss: Loss, terms: Mapping[str, Tensor], weight: float) -> Loss:
    """The loss with further terms, whose unweighted values are logged."""
    total = loss.total
    for term in terms.values():
        total = total + weight * term
    return Loss(total, {**loss.parts, **{name: term.detach() for name, term in terms.items()}})
