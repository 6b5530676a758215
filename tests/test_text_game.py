"""The text game: its losses are Reed et al.'s, and what a run is asked is as in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from _kits import SmallKit
from _toys import FixedBatch, adam
from twoplayer.algorithms.alternating import Alternating
from twoplayer.data._base import Dataset
from twoplayer.errors import UserError
from twoplayer.games._captions import encoder_of, fitted, kept_captions
from twoplayer.games._kit import Facts, Kept
from twoplayer.games._sentences import Sentences
from twoplayer.games.text import Text
from twoplayer.texts import _towers

WIDTH, SIDE = 5, 8
GIVEN = {"encoder": "bag-of-words", "options": {}, "state": {}, "width": WIDTH}


class Told(FixedBatch):
    """Images of 8 by 8 pixels, each with a text's vector."""

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        self.looks += 1
        return torch.rand(self.size, 1, SIDE, SIDE, generator=self.random("data")) * 2 - 1

    @property
    def given(self) -> Tensor:  # type: ignore[override]
        return torch.randn(self.size, WIDTH, generator=self.random("texts"))

    @property
    def mismatched(self) -> Tensor:  # type: ignore[override]
        return self.given.roll(-1, 0)


def game(objective: str = "non-saturating", rules: tuple[str, ...] = (), **options: Any) -> Text:
    kit = SmallKit(
        Facts((1, SIDE, SIDE), given=GIVEN), network="dcgan", objective=objective, rules=rules, filters=4,
        normalization="none",
    )  # fmt: skip
    return Text.assemble(kit, embedded=4, **options)


@pytest.mark.parametrize("into_critic", ["projection", "concatenation"])
def test_the_critic_sees_right_texts_wrong_texts_and_fakes(into_critic: str) -> None:
    """Algorithm 1, line 10: log s_r + (log(1 − s_w) + log(1 − s_f))/2."""
    played, batch = game(into_critic=into_critic), Told(1)
    generated = played.generate(batch)
    loss = played.critic_loss(batch, generated)
    right, fake = played.critic(batch.real, batch.given), played.critic(generated, batch.given)
    wrong = played.critic(batch.real, batch.given[[1, 2, 3, 4, 5, 6, 7, 0]])
    wanted = softplus(-right).mean() + (softplus(wrong).mean() + softplus(fake).mean()) / 2
    torch.testing.assert_close(loss.total, wanted)
    assert loss.parts["wrong_text_score"] == pytest.approx(wrong.mean().item(), abs=1e-6)
    assert not torch.allclose(right, wrong)
    found = torch.autograd.grad(loss.total, list(played.generator.parameters()), allow_unused=True)
    assert all(gradient is None for gradient in found)


def test_the_generator_answers_for_texts_half_way_between_two() -> None:
    """Equation 5 with β = ½, the same latents, beside line 12 of Algorithm 1; without it, line 12 alone."""
    played, batch = game(), Told(1)
    generated = played.generate(batch)
    loss = played.generator_loss(batch, generated)
    between = (batch.given + batch.mismatched) / 2
    latents = torch.randn(8, 3, generator=batch.random("latents"))
    torch.testing.assert_close(generated, played.generator(torch.cat([latents, batch.given], 1)))
    made = played.generator(torch.cat([latents, between], 1))
    own, more = softplus(-played.critic(generated, batch.given)).mean(), softplus(-played.critic(made, between)).mean()
    torch.testing.assert_close(loss.total, (own + more) / 2)
    torch.testing.assert_close(game(interpolate=False).generator_loss(batch, generated).total, own)


@pytest.mark.parametrize(("objective", "rules"), [("relativistic", ()), ("hinge", ("r1",)), ("wasserstein", ("clip",))])
def test_other_objectives_play_it_too(objective: str, rules: tuple[str, ...]) -> None:
    played, batch = game(objective, rules), Told(1)
    before = {k: v.clone() for k, v in played.state_dict().items()}
    algorithm, generated = Alternating(played, adam), played.generate(batch)
    algorithm.move("critic", played.critic_loss(batch, generated))
    between = {k: v.clone() for k, v in played.state_dict().items()}
    assert {k.split(".")[0] for k in before if not torch.equal(before[k], between[k])} == {"critic"}
    algorithm.move("generator", played.generator_loss(batch, generated))
    after = played.state_dict()
    assert {k.split(".")[0] for k in before if not torch.equal(between[k], after[k])} == {"generator"}


def test_critics_without_a_score_of_whole_images_have_no_place() -> None:
    with pytest.raises(UserError, match="needs a critic that scores samples as a whole"):
        Text.assemble(SmallKit(Facts((1, SIDE, SIDE), given=GIVEN), network="autoencoder", filters=4), embedded=4)


# ---- what a run is asked


@pytest.fixture
def captioned(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Nine images of ten are cats; the tenth has two captions."""
    monkeypatch.setattr(_towers, "PRESENTATIONS", 50)
    images = np.random.default_rng(0).integers(0, 256, (20, SIDE, SIDE, 1), np.uint8)
    captions = ((("a cat",),) * 9 + (("a dog", "a puppy"),)) * 2
    return Dataset(
        name="animals", kind="images", train=images, held_out=images[:0], train_captions=captions, key="animals"
    )


def test_captions_are_drawn_as_often_as_in_training(captioned: Dataset) -> None:
    encoder = fitted(encoder_of("bag-of-words", None, WIDTH), captioned)
    kept = kept_captions(encoder, captioned)
    assert sorted(kept.words) == ["a cat", "a dog", "a puppy"]
    inputs = Sentences(2, "normal", kept, lambda: encoder)
    drawn = inputs.draw(2_000, 0, "evaluation")[:, 2:]
    shares = {
        word: float((drawn == vector).all(1).double().mean())
        for word, vector in zip(kept.words, kept.tensors["vectors"], strict=True)
    }
    assert shares == pytest.approx({"a cat": 0.9, "a dog": 0.05, "a puppy": 0.05}, abs=0.02)
    asked = inputs.wanting({"text": "a dog"}).draw(5, 0, "sample")[:, 2:]
    assert torch.equal(asked, torch.from_numpy(encoder.encode(["a dog"])).expand(5, -1))


def test_captions_kept_without_how_often_they_are_given_are_drawn_alike(captioned: Dataset) -> None:
    encoder = fitted(encoder_of("bag-of-words", None, WIDTH), captioned)
    kept = kept_captions(encoder, captioned)
    older = Kept({name: tensor for name, tensor in kept.tensors.items() if name != "weights"}, kept.words)
    drawn = Sentences(2, "normal", older, lambda: encoder).draw(3_000, 0, "evaluation")[:, 2:]
    cats = (drawn == kept.tensors["vectors"][kept.words.index("a cat")]).all(1).double().mean()
    assert float(cats) == pytest.approx(1 / 3, abs=0.04)


def test_a_run_that_lost_its_captions_says_so() -> None:
    with pytest.raises(UserError, match="has lost the captions"):
        Sentences(2, "normal", None, lambda: None)  # type: ignore[arg-type, return-value]
