"""Text to image: the generator gets the vector of a sentence, and the critic sees mismatched pairs too.

Source: Reed, Akata, Yan, Logeswaran, Schiele & Lee 2016, Generative Adversarial Text to Image Synthesis
(arXiv 1605.05396), Algorithm 1 (GAN-CLS) and equation 5 (GAN-INT); conditioning augmentation: Zhang et al. 2017,
StackGAN (arXiv 1612.03242), section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, final

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, NonNegative, within
from twoplayer.games._adversarial import AdversarialGame, generated_by, prior_rows, require_scores
from twoplayer.games._bound_critic import BoundCritic
from twoplayer.games._captions import (
    CaptionVectors,
    fitted_encoder,
    restored_encoder,
    stored_captions,
    text_encoder_spec,
)
from twoplayer.games._factory import ConditioningData, GameFactory, StoredConditions
from twoplayer.games._inputs import SamplerInputs
from twoplayer.games._problem import Batch, CurveSpec, Loss, ProblemOptions, in_precision
from twoplayer.games._sentence_inputs import SentenceInputs
from twoplayer.networks._conditioning import (
    AugmentedGenerator,
    ConcatenatedCritic,
    ConcatenatedGenerator,
    ConditionalCritic,
    ProjectedCritic,
    embedding,
)

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["TextGame", "TextOptions"]


@dataclass(frozen=True)
class TextOptions(ProblemOptions):
    """Options of text to image.

    Args:
        text_encoder: makes a vector of each sentence. ``bag-of-words`` and ``characters`` are trained on the data's own
            images and captions before the game begins, and cached; ``sentence-transformers`` is a pretrained model.
        text_encoder_model: name or folder of the model of ``sentence-transformers``.
        text_embedding_dim: dimension of the vectors of encoders that are trained here.
        condition_dim: numbers in which the generator embeds the vector, beside the latents.
        critic_conditioning: how the vector enters the critic: ``projection`` on its features, or ``concatenation`` with
            the image.
        interpolate_texts: whether the generator is also trained on vectors half-way between two captions (equation 5).
        conditioning_augmentation: weight of the KL divergence from N(0, 1) of a normal distribution that replaces the
            embedding (StackGAN); 0 embeds without.
    """

    text_encoder: Literal["bag-of-words", "characters", "sentence-transformers"] = "bag-of-words"
    text_encoder_model: str | None = None
    text_embedding_dim: Count = 64
    condition_dim: Count = 64
    critic_conditioning: Literal["projection", "concatenation"] = "projection"
    interpolate_texts: bool = True
    conditioning_augmentation: NonNegative = 0.0


@final
class TextGame(AdversarialGame):
    """Images from sentences; the critic must also tell a real image with another image's sentence from a real pair.

    Half of what the critic is to call fake are real images with mismatched sentences, which is how it learns to compare
    image and text: each sentence belongs to another image and means something else than the image's own.
    """

    Options: ClassVar[type[ProblemOptions]] = TextOptions
    curves: ClassVar[Mapping[str, CurveSpec]] = {
        **AdversarialGame.curves,
        "wrong_text_score": CurveSpec(
            "D(real, mismatched text)", "critic outputs", "critic output on mismatched pairs"
        ),
        "generator_loss_between": CurveSpec("generator, interpolated", "losses", "its loss on interpolated texts"),
        "conditioning_divergence": CurveSpec("KL of the conditioning", "conditioning", "divergence from N(0, 1)"),
    }

    def __init__(self, factory: GameFactory, options: TextOptions | None = None) -> None:
        options = options or TextOptions()
        require_scores(factory.objective)
        super().__init__(factory, options)
        self.options, self.prior = options, factory.prior
        self.conditioning_augmentation = within(
            NonNegative, conditioning_augmentation=options.conditioning_augmentation
        )
        if self.conditioning_augmentation and not factory.prior.standard_normal:
            raise UserError("conditioning_augmentation draws from a normal distribution: set prior to normal")
        self.conditioning = dict(factory.data_spec.conditioning)
        self.generator = _generator(factory, options)
        self.critic: ConditionalCritic = _critic(factory, options)
        self.players = {"generator": self.generator, "critic": self.critic}
        self.constrain(self.critic)

    @classmethod
    def study(
        cls, dataset: Dataset, seed: int, options: TextOptions, previous: ConditioningData | None = None
    ) -> ConditioningData:
        spec = text_encoder_spec(options.text_encoder, options.text_encoder_model, options.text_embedding_dim)
        if previous is None or previous.stored is None:
            # One encoder for all seeds of a method, so that their runs can be compared on the same texts.
            encoder = fitted_encoder(spec, dataset)
        else:
            encoder = restored_encoder(previous.summary, previous.stored)
        assert dataset.train_captions is not None
        summary = {
            "encoder": spec.name,
            "options": spec.options,
            "state": encoder.state().metadata,
            "width": encoder.dimension,
        }
        captions = CaptionVectors(encoder, dataset.train_captions)
        stored = stored_captions(encoder, dataset)
        return ConditioningData(captions, summary, stored, mismatched=captions.mismatched)

    def inputs(self, stored: StoredConditions | None) -> SamplerInputs:
        encoder = partial(restored_encoder, self.conditioning, stored or StoredConditions({}))
        return SentenceInputs(self.generator.base_dim, self.prior, stored, encoder)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> Tensor:
        return self._generated(batch, batch.conditions)

    @in_precision
    def critic_loss(self, batch: Batch, generated: Tensor, *, ahead: bool = False) -> Loss:
        # Algorithm 1, lines 5 to 10: s_r, s_w and s_f.
        generated = generated if ahead else generated.detach()
        real, fake = self.perturbed(batch.real, batch, "real"), self.perturbed(generated, batch, "fake")
        critic = BoundCritic(self.critic, batch.conditions)
        outputs = self.critic_batch(critic, real, fake)
        loss = self.objective_loss(critic, outputs, batch, ahead=ahead)
        if self.penalties_only:
            return loss
        mismatched = BoundCritic(self.critic, batch.mismatched_conditions)(real)
        with_fakes = self.objective.critic_loss(outputs.real_output, outputs.fake_output)
        with_mismatched = self.objective.critic_loss(outputs.real_output, mismatched)
        change = (with_mismatched - with_fakes) / 2  # the mean of both in place of the first
        parts = {
            "critic_loss": loss.parts["critic_loss"] + change.detach(),
            "wrong_text_score": mismatched.mean().detach(),
        }
        return Loss(loss.total + change, {**loss.parts, **parts})

    @in_precision
    def generator_loss(self, batch: Batch, generated: Tensor) -> Loss:
        total = value = self._adversarial_loss(batch, generated, batch.conditions, "again")
        parts = {"generator_loss": value.detach()}
        if self.options.interpolate_texts:
            between = (batch.conditions + batch.mismatched_conditions) / 2  # eq. 5 with beta 1/2
            interpolated = self._adversarial_loss(batch, self._generated(batch, between), between, "between")
            total, parts["generator_loss_between"] = (value + interpolated) / 2, interpolated.detach()
        if isinstance(self.generator, AugmentedGenerator):
            divergence = self.generator.divergence(batch.conditions)
            total = total + self.conditioning_augmentation * divergence
            parts["conditioning_divergence"] = divergence.detach()
        return Loss(total, parts)

    def generator_inputs(self, batch: Batch) -> Tensor:
        return self._inputs(batch, batch.conditions)

    def _inputs(self, batch: Batch, conditions: Tensor) -> Tensor:
        latents = prior_rows(batch, self.generator.base_dim, self.prior)
        return torch.cat([latents, conditions.to(latents)], 1)

    def _generated(self, batch: Batch, conditions: Tensor) -> Tensor:
        return generated_by(self.generator, self._inputs(batch, conditions), batch)

    def _adversarial_loss(self, batch: Batch, generated: Tensor, conditions: Tensor, stream: str) -> Tensor:
        """The generator's loss on images that it made of `conditions`; real images keep their own."""
        fake = BoundCritic(self.critic, conditions)(self.perturbed(generated, batch, f"fake {stream}"))
        real = None
        if self.objective.uses_real_outputs:
            real = BoundCritic(self.critic, batch.conditions)(self.perturbed(batch.real, batch, f"real {stream}"))
        return self.objective.generator_loss(fake, real)


def _generator(factory: GameFactory, options: TextOptions) -> AugmentedGenerator | ConcatenatedGenerator:
    width, condition_dim = int(factory.data_spec.conditioning["width"]), options.condition_dim
    base = factory.generator(factory.latent_dim + condition_dim, factory.data_spec.shape)
    if options.conditioning_augmentation:
        return AugmentedGenerator(base, factory.latent_dim + condition_dim, width, condition_dim)
    return ConcatenatedGenerator(base, factory.latent_dim, width, embedding(width, condition_dim, width))


def _critic(factory: GameFactory, options: TextOptions) -> ConditionalCritic:
    width, shape = int(factory.data_spec.conditioning["width"]), factory.data_spec.shape
    if options.critic_conditioning == "projection":
        return ProjectedCritic(factory.critic(shape), shape, width)
    channels = shape[0] + options.condition_dim
    return ConcatenatedCritic(
        factory.critic((channels, *shape[1:])), shape, embedding(width, options.condition_dim, width)
    )
