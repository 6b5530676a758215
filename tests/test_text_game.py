"""The text game: its losses are Reed et al.'s, and what a run is asked is as in training."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import softplus

from _factories import SmallFactory
from _toys import FixedBatch, adam
from twoplayer import priors
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.device import place
from twoplayer.core.errors import UserError
from twoplayer.core.rng import numpy_generator
from twoplayer.data._base import Dataset
from twoplayer.games._captions import CaptionVectors, fitted_encoder, stored_captions, text_encoder_spec
from twoplayer.games._factory import ConditioningData, DataSpec, StoredConditions
from twoplayer.games._sentence_inputs import SentenceInputs
from twoplayer.games.text import TextGame, TextOptions
from twoplayer.networks._conditioning import AugmentedGenerator
from twoplayer.text_encoders import _contrastive as _towers
from twoplayer.training.batches import Batches

WIDTH, SIDE = 5, 8
GIVEN = {"encoder": "bag-of-words", "options": {}, "state": {}, "width": WIDTH}


class Told(FixedBatch):
    """Images of 8 by 8 pixels, each with a text's vector."""

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        self.looks += 1
        return torch.rand(self.size, 1, SIDE, SIDE, generator=self.random("data")) * 2 - 1

    @property
    def conditions(self) -> Tensor:  # type: ignore[override]
        return torch.randn(self.size, WIDTH, generator=self.random("texts"))

    @property
    def mismatched_conditions(self) -> Tensor:  # type: ignore[override]
        return self.conditions.roll(-1, 0)


def game(objective: str = "non-saturating", rules: tuple[str, ...] = (), **options: Any) -> TextGame:
    kit = SmallFactory(
        DataSpec((1, SIDE, SIDE), conditioning=GIVEN), network="dcgan", objective=objective, rules=rules, filters=4,
        normalization="none",
    )  # fmt: skip
    return TextGame(kit, TextOptions(condition_dim=4, **options))


@pytest.mark.parametrize("into_critic", ["projection", "concatenation"])
def test_the_critic_sees_right_texts_wrong_texts_and_fakes(into_critic: str) -> None:
    """Algorithm 1, line 10: log s_r + (log(1 − s_w) + log(1 − s_f))/2."""
    played, batch = game(critic_conditioning=into_critic), Told(1)
    generated = played.generate(batch)
    loss = played.critic_loss(batch, generated)
    right, fake = played.critic(batch.real, batch.conditions), played.critic(generated, batch.conditions)
    wrong = played.critic(batch.real, batch.conditions[[1, 2, 3, 4, 5, 6, 7, 0]])
    wanted = softplus(-right).mean() + (softplus(wrong).mean() + softplus(fake).mean()) / 2
    torch.testing.assert_close(loss.total, wanted)
    torch.testing.assert_close(loss.parts["critic_loss"], wanted.detach())
    assert loss.parts["wrong_text_score"] == pytest.approx(wrong.mean().item(), abs=1e-6)
    assert not torch.allclose(right, wrong)
    found = torch.autograd.grad(loss.total, list(played.generator.parameters()), allow_unused=True)
    assert all(gradient is None for gradient in found)


def test_the_generator_answers_for_texts_half_way_between_two() -> None:
    """Equation 5 with β = ½, the same latents, beside line 12 of Algorithm 1; without it, line 12 alone."""
    played, batch = game(), Told(1)
    generated = played.generate(batch)
    loss = played.generator_loss(batch, generated)
    between = (batch.conditions + batch.mismatched_conditions) / 2
    latents = torch.randn(8, 3, generator=batch.random("latents"))
    torch.testing.assert_close(generated, played.generator(torch.cat([latents, batch.conditions], 1)))
    made = played.generator(torch.cat([latents, between], 1))
    own, more = (
        softplus(-played.critic(generated, batch.conditions)).mean(),
        softplus(-played.critic(made, between)).mean(),
    )
    torch.testing.assert_close(loss.total, (own + more) / 2)
    torch.testing.assert_close(game(interpolate_texts=False).generator_loss(batch, generated).total, own)


def test_conditioning_augmentation_draws_around_the_text_and_pays_for_distance() -> None:
    """StackGAN's equation 2: c = μ + σ·ε joins the latents, and KL(N(μ, σ²) ‖ N(0, 1)) the generator's loss."""
    played, batch = game(conditioning_augmentation=2.0, interpolate_texts=False), Told(1)
    generator = played.generator
    assert isinstance(generator, AugmentedGenerator)
    torch.nn.init.normal_(generator.log_variance.linear.weight, std=0.3)
    mean, deviation = generator.mean(batch.conditions), (generator.log_variance(batch.conditions) / 2).exp()
    free = torch.randn(8, 3 + 4, generator=batch.random("latents"))
    generated = played.generate(batch)
    drawn = torch.cat([free[:, :3], mean + deviation * free[:, 3:]], 1)
    torch.testing.assert_close(generated, generator.base(drawn))
    apart = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).sum(1).mean()
    loss = played.generator_loss(batch, generated)
    own = softplus(-played.critic(generated, batch.conditions)).mean()
    torch.testing.assert_close(loss.total, own + 2 * apart)
    torch.testing.assert_close(loss.parts["conditioning_divergence"], apart.detach())
    before = {name: weight.clone() for name, weight in generator.named_parameters()}
    Alternating(played, adam).optimizer_step("generator", played.generator_loss(batch, played.generate(batch)))
    assert [n for n, w in generator.named_parameters() if torch.equal(w, before[n]) and not n.endswith("bias")] == []
    inputs = played.inputs(StoredConditions({"vectors": batch.conditions}, ("text",) * 8))
    assert inputs.draw(4, 0, "sample").shape == (4, 3 + 4 + WIDTH)


def test_conditioning_augmentation_needs_normal_latents() -> None:
    kit = SmallFactory(DataSpec((1, SIDE, SIDE), conditioning=GIVEN), network="dcgan", filters=4, prior="uniform")
    with pytest.raises(UserError, match="draws from a normal distribution: set prior to normal"):
        TextGame(kit, TextOptions(condition_dim=4, conditioning_augmentation=1.0))
    with pytest.raises(UserError, match="conditioning_augmentation must be greater than or equal to 0"):
        game(conditioning_augmentation=-1.0)


@pytest.mark.parametrize(("objective", "rules"), [("relativistic", ()), ("hinge", ("r1",)), ("wasserstein", ("clip",))])
def test_other_objectives_play_it_too(objective: str, rules: tuple[str, ...]) -> None:
    played, batch = game(objective, rules), Told(1)
    before = {k: v.clone() for k, v in played.state_dict().items()}
    algorithm, generated = Alternating(played, adam), played.generate(batch)
    algorithm.optimizer_step("critic", played.critic_loss(batch, generated))
    between = {k: v.clone() for k, v in played.state_dict().items()}
    assert {k.split(".")[0] for k in before if not torch.equal(before[k], between[k])} == {"critic"}
    algorithm.optimizer_step("generator", played.generator_loss(batch, generated))
    after = played.state_dict()
    assert {k.split(".")[0] for k in before if not torch.equal(between[k], after[k])} == {"generator"}


def test_real_pairs_stay_real_where_generated_ones_are_held_against_them() -> None:
    """A relativistic generator answers for texts half-way, which no real image has."""
    played, batch = game("relativistic"), Told(1)
    generated, between = played.generate(batch), (batch.conditions + batch.mismatched_conditions) / 2
    latents = torch.randn(8, 3, generator=batch.random("latents"))
    made = played.generator(torch.cat([latents, between], 1))
    real = played.critic(batch.real, batch.conditions)
    fakes = played.critic(generated, batch.conditions), played.critic(made, between)
    wanted = sum(softplus(real - fake).mean() for fake in fakes) / 2
    torch.testing.assert_close(played.generator_loss(batch, generated).total, wanted)


def test_objectives_of_reconstruction_errors_have_no_place() -> None:
    with pytest.raises(UserError, match=r"began needs a critic that reconstructs samples.*take another objective"):
        game("began")


def test_critics_without_a_score_of_whole_images_have_no_place() -> None:
    with pytest.raises(UserError, match="needs a critic that scores samples as a whole"):
        TextGame(
            SmallFactory(DataSpec((1, SIDE, SIDE), conditioning=GIVEN), network="autoencoder", filters=4),
            TextOptions(condition_dim=4),
        )


# ---- wrong texts


class Bag:
    """Sentences of the same words have the same vector, but for the last bits."""

    def encode(self, sentences: list[str]) -> np.ndarray:
        rows = []
        for number, sentence in enumerate(sentences):
            words = " ".join(sorted(sentence.split()))
            drawn = np.random.default_rng(zlib.crc32(words.encode())).normal(size=WIDTH)
            rows.append(drawn * (1 + 1e-7 * number))
        return np.array(rows, np.float32)


def captions_of(*several: tuple[str, ...]) -> CaptionVectors:
    return CaptionVectors(Bag(), several)  # type: ignore[arg-type]


def said(captions: CaptionVectors, vectors: np.ndarray) -> list[int]:
    """Which of its distinct captions each vector is."""
    return [int(np.abs(captions.vectors - vector).sum(1).argmin()) for vector in vectors]


def test_a_wrong_text_is_anothers_and_says_what_none_of_its_own_does() -> None:
    """Nine in ten have the same caption, so that the next row's would mostly be the right one."""
    data = [("a cat",)] * 90 + [("a dog", "a puppy"), ("a puppy", "dog a"), ("bird", "cat a")] * 3 + [("a fish",)]
    captions = captions_of(*data)
    rows = np.random.default_rng(0).permutation(len(data))
    names = list(dict.fromkeys(s for several in data for s in several))
    for batch in range(20):
        vectors = captions.mismatched(rows, numpy_generator(0, "wrong", batch))
        for row, number in zip(rows, said(captions, vectors), strict=True):
            assert {*names[number].split()} not in [{*own.split()} for own in data[row]]
    again = captions.mismatched(rows, numpy_generator(0, "wrong", 19))
    np.testing.assert_array_equal(vectors, again)
    assert not np.array_equal(vectors, captions.mismatched(rows, numpy_generator(0, "wrong", 20)))


def test_wrong_texts_are_drawn_as_often_as_they_are_given() -> None:
    captions = captions_of(*[("a dog",)] * 10, *[("a cat",)] * 30, *[("a fish",)] * 10)
    numbers = said(captions, captions.mismatched(np.zeros(2_000, int), numpy_generator(0, "wrong")))
    assert np.bincount(numbers, minlength=3) / 2_000 == pytest.approx([0, 0.75, 0.25], abs=0.04)


def test_without_another_text_none_is_wrong() -> None:
    for data in ([("a cat",)] * 5, [("a cat",), ("a dog",), ("a dog", "a cat", "cat a")]):
        with pytest.raises(UserError, match="has every caption that there is"):
            captions_of(*data)
    enough = captions_of(("a cat", "cat a"), ("a dog",))
    assert said(enough, enough.mismatched(np.array([0, 1]), numpy_generator(0, "wrong"))) in ([2, 0], [2, 1])


def test_a_batch_has_wrong_texts_of_its_own(captioned: Dataset) -> None:
    """Whichever process holds a row."""
    captions = captions_of(*captioned.train_captions)  # type: ignore[misc]
    knowledge = ConditioningData(captions, wrong=captions.mismatched)
    batches = Batches(captioned, 10, 0, place("cpu", "fp32", "contiguous", "images"), knowledge)
    batch = next(batches)
    right, wrong = said(captions, batch.conditions.numpy()), said(captions, batch.mismatched_conditions.numpy())
    assert 0 in right
    assert all((r == 0) != (w == 0) for r, w in zip(right, wrong, strict=True))  # cats and dogs
    assert torch.equal(
        batch.mismatched_conditions, next(Batches(captioned, 10, 0, batches.placement, knowledge)).mismatched
    )


# ---- what a run is asked


@pytest.fixture
def captioned(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Nine images of ten are cats; the tenth has two captions."""
    monkeypatch.setattr(_towers, "TRAINING_PAIRS", 50)
    images = np.random.default_rng(0).integers(0, 256, (20, SIDE, SIDE, 1), np.uint8)
    captions = ((("a cat",),) * 9 + (("a dog", "a puppy"),)) * 2
    return Dataset(
        name="animals", kind="images", train=images, held_out=images[:0], train_captions=captions, key="animals"
    )


def test_captions_are_drawn_as_often_as_in_training(captioned: Dataset) -> None:
    encoder = fitted_encoder(text_encoder_spec("bag-of-words", None, WIDTH), captioned)
    kept = stored_captions(encoder, captioned)
    assert sorted(kept.texts) == ["a cat", "a dog", "a puppy"]
    inputs = SentenceInputs(2, priors.create("normal"), kept, lambda: encoder)
    drawn = inputs.draw(2_000, 0, "evaluation")[:, 2:]
    shares = {
        word: float((drawn == vector).all(1).double().mean())
        for word, vector in zip(kept.texts, kept.tensors["vectors"], strict=True)
    }
    assert shares == pytest.approx({"a cat": 0.9, "a dog": 0.05, "a puppy": 0.05}, abs=0.02)
    asked = inputs.with_conditions({"text": "a dog"}).draw(5, 0, "sample")[:, 2:]
    assert torch.equal(asked, torch.from_numpy(encoder.encode(["a dog"])).expand(5, -1))


def test_captions_kept_without_how_often_they_are_given_are_drawn_alike(captioned: Dataset) -> None:
    encoder = fitted_encoder(text_encoder_spec("bag-of-words", None, WIDTH), captioned)
    kept = stored_captions(encoder, captioned)
    older = StoredConditions({name: tensor for name, tensor in kept.tensors.items() if name != "weights"}, kept.texts)
    drawn = SentenceInputs(2, priors.create("normal"), older, lambda: encoder).draw(3_000, 0, "evaluation")[:, 2:]
    cats = (drawn == kept.tensors["vectors"][kept.texts.index("a cat")]).all(1).double().mean()
    assert float(cats) == pytest.approx(1 / 3, abs=0.04)


def test_a_run_that_lost_its_captions_says_so() -> None:
    with pytest.raises(UserError, match="has lost the captions"):
        SentenceInputs(2, priors.create("normal"), None, lambda: None)  # type: ignore[arg-type, return-value]
