"""Text to image: the generator is told a sentence, and the critic is shown wrong ones too.

Source: Reed, Akata, Yan, Logeswaran, Schiele & Lee 2016, Generative Adversarial Text to Image Synthesis
(arXiv 1605.05396), Algorithm 1 (GAN-CLS) and equation 5 (GAN-INT); conditioning augmentation: Zhang et al. 2017,
StackGAN (arXiv 1612.03242), section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, NonNegative, within
from twoplayer.games._adversarial import AdversarialGame, needs_scores
from twoplayer.games._base import Batch, Loss, in_precision, prior_rows
from twoplayer.games._bound_critic import BoundCritic
from twoplayer.games._captions import CaptionVectors, encoder_of, fitted, kept_captions, restored
from twoplayer.games._factory import ConditioningData, ConfigurableGame, GameFactory, StoredConditions
from twoplayer.games._inputs import SamplerInputs
from twoplayer.games._sentence_inputs import SentenceInputs
from twoplayer.networks._conditioning import (
    AugmentedGenerator,
    ConcatenatedCritic,
    ConcatenatedGenerator,
    ConditionalCritic,
    ProjectedCritic,
    embedding,
)
from twoplayer.objectives._base import Objective
from twoplayer.regularizers._base import Regularizer

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["TextGame"]


class TextGame(AdversarialGame, ConfigurableGame):
    """Images of what sentences say; the critic must tell a real image with another's sentence from a real pair.

    Half of what the critic calls fake are real images with wrong sentences, which is how it learns to match: each of
    another image, and none that says the same as one of its own. With `interpolate_texts` the generator also answers
    for sentences half-way between the two, which nobody wrote.

    `text_encoder` makes vectors of sentences: "bag-of-words" and "characters" learn `text_embedding_dim` numbers with
    the data's own images, before training, and are kept in the cache; "sentence-transformers" takes the
    `text_encoder_model` of that name or folder. The vector's embedding of `condition_dim` numbers joins the latents;
    with `conditioning_augmentation` above 0, which weighs what it costs to be far from N(0, 1), a draw around it does.
    Into the critic the vector comes by "projection" of its features, or by "concatenation" with the image.
    """

    def __init__(
        self,
        generator: AugmentedGenerator | ConcatenatedGenerator,
        critic: ConditionalCritic,
        given: dict[str, Any],
        prior: Literal["normal", "uniform"],
        objective: Objective,
        regularizers: Sequence[Regularizer] = (),
        *,
        text_encoder: Literal["bag-of-words", "characters", "sentence-transformers"] = "bag-of-words",
        text_encoder_model: str | None = None,
        text_embedding_dim: Count = 64,
        condition_dim: Count = 64,
        critic_conditioning: Literal["projection", "concatenation"] = "projection",
        interpolate_texts: bool = True,
        conditioning_augmentation: NonNegative = 0.0,
    ) -> None:
        needs_scores(objective)
        super().__init__(objective, regularizers)
        self.augmentation = within(NonNegative, conditioning_augmentation=conditioning_augmentation)
        if self.augmentation and prior != "normal":
            raise UserError("conditioning_augmentation draws from a normal distribution: set prior to normal")
        self.generator = generator
        self.critic: ConditionalCritic = critic
        self.given, self.prior, self.interpolate_texts = given, prior, interpolate_texts
        self.players = {"generator": generator, "critic": critic}
        self.rule(critic)

    @classmethod
    def study(
        cls, dataset: Dataset, seed: int, before: ConditioningData | None = None, **options: Any
    ) -> ConditioningData:
        named = encoder_of(
            options.get("text_encoder", "bag-of-words"),
            options.get("text_encoder_model"),
            options.get("text_embedding_dim", 64),
        )
        if before is None or before.kept is None:
            encoder = fitted(named, dataset)  # one for all seeds of a method, so that runs can be asked the same
        else:
            encoder = restored(before.given, before.kept)
        assert dataset.train_captions is not None
        given = {
            "encoder": named.name,
            "options": named.options,
            "state": encoder.state().metadata,
            "width": encoder.dimension,
        }
        captions = CaptionVectors(encoder, dataset.train_captions)
        return ConditioningData(captions, given, kept_captions(encoder, dataset), wrong=captions.wrong)

    @classmethod
    def assemble(cls, kit: GameFactory, **options: Any) -> TextGame:
        given, shape = dict(kit.facts.given), kit.facts.shape
        width, condition_dim = int(given["width"]), int(options.get("condition_dim", 64))
        base = kit.generator(kit.latent_dim + condition_dim, shape)
        generator: AugmentedGenerator | ConcatenatedGenerator
        if options.get("conditioning_augmentation"):
            generator = AugmentedGenerator(base, kit.latent_dim + condition_dim, width, condition_dim)
        else:
            generator = ConcatenatedGenerator(base, kit.latent_dim, width, embedding(width, condition_dim, width))
        critic: ConditionalCritic
        if options.get("critic_conditioning", "projection") == "projection":
            critic = ProjectedCritic(kit.critic(shape), shape, width)
        else:
            wide = (shape[0] + condition_dim, *shape[1:])
            critic = ConcatenatedCritic(kit.critic(wide), shape, embedding(width, condition_dim, width))
        return cls(generator, critic, given, kit.prior, kit.objective, kit.regularizers, **options)

    @classmethod
    def target(cls, dataset: Dataset, **options: Any) -> Dataset:
        return dataset

    def inputs(self, kept: StoredConditions | None) -> SamplerInputs:
        return SentenceInputs(
            self.generator.base_dim, self.prior, kept, partial(restored, self.given, kept or StoredConditions({}))
        )

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> Tensor:
        return self._made(batch, batch.given)

    @in_precision
    def critic_loss(self, batch: Batch, generated: Tensor, *, ahead: bool = False) -> Loss:
        # Algorithm 1, lines 5 to 10: s_r, s_w and s_f.
        generated = generated if ahead else generated.detach()
        real, fake = self.perturbed(batch.real, batch, "real"), self.perturbed(generated, batch, "fake")
        told = BoundCritic(self.critic, batch.given)
        scored = self.scored(told, real, fake)
        loss = self.judged(told, scored, batch, ahead=ahead)
        wrong = BoundCritic(self.critic, batch.mismatched)(real)
        with_fakes = self.objective.critic_loss(scored.real_output, scored.fake_output)
        with_wrong = self.objective.critic_loss(scored.real_output, wrong)
        more = (with_wrong - with_fakes) / 2
        whole = {"critic_loss": loss.parts["critic_loss"] + more.detach(), "wrong_text_score": wrong.mean().detach()}
        return Loss(loss.total + more, {**loss.parts, **whole})

    @in_precision
    def generator_loss(self, batch: Batch, generated: Tensor) -> Loss:
        total = value = self._fooled(batch, generated, batch.given, "again")
        parts = {"generator_loss": value.detach()}
        if self.interpolate_texts:
            between = (batch.given + batch.mismatched) / 2  # eq. 5 with beta 1/2
            more = self._fooled(batch, self._made(batch, between), between, "between")
            total, parts["generator_loss_between"] = (value + more) / 2, more.detach()
        if isinstance(self.generator, AugmentedGenerator):
            apart = self.generator.divergence(batch.given)
            total, parts["conditioning_divergence"] = total + self.augmentation * apart, apart.detach()
        return Loss(total, parts)

    def _made(self, batch: Batch, given: Tensor) -> Tensor:
        free = prior_rows(batch, self.generator.base_dim, self.prior)
        return self.generator(torch.cat([free, given.to(free)], 1))  # type: ignore[no-any-return]

    def _fooled(self, batch: Batch, made: Tensor, given: Tensor, draw: str) -> Tensor:
        """What the generator loses by what it has made of the texts; real images keep their own."""
        fake = BoundCritic(self.critic, given)(self.perturbed(made, batch, f"fake {draw}"))
        real = None
        if self.objective.uses_real_outputs:
            real = BoundCritic(self.critic, batch.given)(self.perturbed(batch.real, batch, f"real {draw}"))
        return self.objective.generator_loss(fake, real)
