"""The built-in text engine: any script, nothing lost in its state, no row that depends on its neighbours."""

import numpy as np
import pytest

from labelsieve.core.errors import EngineError, InputError
from labelsieve.core.sockets import Learner
from labelsieve.engines._tokens import grams, tokens_of
from labelsieve.engines.words import Words
from labelsieve.heads.view import View

ANIMALS = ["the cat sat on the mat", "a cat and a kitten", "kittens play with the cat", "cats sleep all day"]
MONEY = ["the bank raised its rates", "a loan from the bank", "rates of the loan", "banks lend money"]
SCRIPTS = [
    "東京は日本の首都です",
    "मेरा नाम राम है",
    "กรุงเทพมหานคร",
    "مرحبا بالعالم",
    "Привет, мир",
    "naïve café",
    "👍🏽 !!!",
    "שלום",
]


def fitted(texts: list[str], seed: int = 0) -> Words:
    return Words().fit(texts, np.random.default_rng(seed))


def embed(engine: Words, texts: list[str]) -> np.ndarray:
    return engine.compute([engine.prepare(text) for text in texts])


def test_it_is_a_learner_that_says_what_it_gives() -> None:
    engine = fitted(ANIMALS + MONEY)
    assert isinstance(engine, Learner)
    x = embed(engine, ANIMALS)
    assert x.shape == (4, engine.dim) and x.dtype == np.float32 and np.isfinite(x).all()


def test_texts_on_one_subject_are_closer_than_texts_on_two() -> None:
    engine = fitted(ANIMALS * 20 + MONEY * 20)
    x = embed(engine, ANIMALS + MONEY)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    cosine = x @ x.T
    within = (cosine[:4, :4].sum() - 4) / 12
    assert within > 2 * abs(cosine[:4, 4:].mean())


def test_scaled_axes_of_a_small_pool_tell_who_is_like_whom() -> None:
    rng = np.random.default_rng(0)
    nouns = [[f"{kind}{i}" for i in range(12)] for kind in ("moss", "iron")]
    kinds = np.arange(60) % 2
    texts = [" ".join(rng.choice(nouns[kind], 6)) for kind in kinds]
    engine = fitted(texts)
    x = View.fit(embed(engine, texts), "zunit")(embed(engine, texts))
    alike = x @ x.T / engine.dim
    np.fill_diagonal(alike, np.nan)
    assert (kinds[np.nanargmax(alike, axis=1)] == kinds).mean() > 0.9


def test_an_unseen_spelling_is_found_by_its_letters() -> None:
    engine = fitted(ANIMALS * 20 + MONEY * 20)
    typo, cat, bank = embed(engine, ["kittenz", "kitten", "bank"])
    assert typo @ cat > 5 * abs(typo @ bank)


def test_restoring_gives_the_same_bits_and_revision() -> None:
    engine = fitted(ANIMALS + MONEY + SCRIPTS)
    again = Words().restore({name: array.copy() for name, array in engine.state().items()})
    assert again.revision == engine.revision and again.dim == engine.dim
    assert embed(again, [*SCRIPTS, "new text"]).tobytes() == embed(engine, [*SCRIPTS, "new text"]).tobytes()
    assert all(array.dtype != object for array in engine.state().values())


def test_the_same_seed_learns_the_same_and_another_draws_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelsieve.engines.words.TEXTS", 6)
    pool = ANIMALS + MONEY + SCRIPTS
    assert fitted(pool, 3).revision == fitted(pool, 3).revision
    assert len({fitted(pool, seed).revision for seed in range(5)}) > 1


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    engine = fitted(ANIMALS + MONEY)
    together = embed(engine, ANIMALS + MONEY)
    alone = np.concatenate([embed(engine, [text]) for text in ANIMALS + MONEY])
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00", "\ud800", "x" * 100_000, "😀" * 3, "a\u0301"])
def test_any_text_gives_a_finite_row(text: str) -> None:
    row = embed(fitted(ANIMALS + SCRIPTS), [text])
    assert row.shape[0] == 1 and np.isfinite(row).all()


def test_an_empty_text_is_a_row_of_zeros() -> None:
    assert not embed(fitted(ANIMALS), [""]).any()


def test_every_script_is_told_apart() -> None:
    x = embed(fitted(SCRIPTS), SCRIPTS)
    norms = np.linalg.norm(x, axis=1)
    assert (norms > 0.5).all()
    cosine = (x / norms[:, None]) @ (x / norms[:, None]).T
    assert (cosine - np.eye(len(x)) < 0.5).all()


def test_words_with_vowel_signs_stay_whole() -> None:
    assert tokens_of("मेरा नाम") == ["मेरा", "नाम"]
    assert tokens_of("ABC, 東京!") == ["abc", ",", "東", "京", "!"]
    assert list(grams("ab")) == [" ab", "ab ", " ab "]


def test_what_cannot_be_learnt_or_read_is_said() -> None:
    with pytest.raises(EngineError, match="learnt nothing"):
        Words().prepare("x")
    with pytest.raises(EngineError, match="no text with a word"):
        fitted(["", "  "])
    with pytest.raises(EngineError, match="no text with a word"):
        fitted([])
    with pytest.raises(InputError, match="not dict"):
        fitted(ANIMALS).prepare({"text": "x"})
    with pytest.raises(EngineError, match="lacks axes"):
        Words().restore({"vocabulary": np.zeros(2, np.uint8), "rarity": np.zeros(1)})


def test_one_text_is_enough_to_learn_from() -> None:
    engine = fitted(["hello world"])
    assert engine.dim == 1 and embed(engine, ["hello"]).any()


def test_a_stream_is_read_once_and_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelsieve.engines.words.TEXTS", 50)
    engine = Words().fit((f"text number {i}" for i in range(5000)), np.random.default_rng(0))
    assert embed(engine, ["text number 7"]).any()
