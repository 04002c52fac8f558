"""What a text tower reads: its length, and the words that it does not know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import open_clip
import pytest
import torch

from glasskit.errors import InputError
from glasskit.models import GlassModel
from glasskit.models.reading import Reading, check_query, read_with


def test_the_length_is_where_the_vectors_stop_to_change(lite0: GlassModel) -> None:
    """62 word pieces and two marks are the context of 64."""
    ends = ["dog " * 61 + end for end in ("cat", "boat")]
    inside, beyond = lite0.encode_texts(ends), lite0.encode_texts([f"dog {end}" for end in ends])
    assert not torch.equal(inside[0], inside[1])
    assert torch.equal(beyond[0], beyond[1])
    assert lite0.reading(ends)[1:4] == (2, 62, 0)
    reading = lite0.reading([*ends, f"dog {ends[0]}"])
    assert reading[1:4] == (3, 62, 1)
    assert reading.note("captions") == (
        "1 of 3 captions is longer than the 62 word pieces that lite0-minilm reads; the rest is "
        "not read"
    )


@pytest.mark.parametrize(
    ("text", "words", "unknown"),
    [
        *((word, 1, 1) for word in ["猫", "قطة", "🎉", "xqz"]),
        ("кошка на диване", 3, 3),
        ("a party 🎉", 3, 1),
        ("A dog — running… “hi”!", 4, 0),
        ("crème brûlée, 25 °C", 4, 0),
        ("o'clock at 4x4 on $5", 7, 0),
        ("a unicyclist jaywalks", 3, 0),
        ("???", 0, 0),
        ("", 0, 0),
    ],
)
def test_words_that_have_no_token_or_only_letters_are_unknown(
    lite0: GlassModel, text: str, words: int, unknown: int
) -> None:
    reading = lite0.reading([text])
    assert (reading.words, reading.unknown) == (words, unknown)
    if words and unknown == words:
        with pytest.raises(InputError, match=f"lite0-minilm reads English; {words} of {words} wor"):
            check_query(lite0, text)
    else:
        check_query(lite0, text)


def test_threads_do_not_read_with_each_others_padding(lite0: GlassModel) -> None:
    """The app counts one visitor's words while another's are made tokens of."""
    long = ["dog " * 80]
    counted, read = lite0.reading(["a dog"]), lite0.tokens(long)
    with ThreadPoolExecutor(4) as pool:
        both = [
            (pool.submit(lite0.tokens, long), pool.submit(lite0.reading, ["a dog"]))
            for _ in range(1000)
        ]
        tokens, counts = zip(*both, strict=True)
        assert all(one.result() == counted for one in counts)
        assert all(torch.equal(one.result(), read) for one in tokens)


def test_byte_pairs_know_every_word_and_have_a_length() -> None:
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    texts = ["dog " * 75, "dog " * 76, "猫", "🎉 " * 40]
    reading = read_with(tokenizer, texts, "ViT-B-32/openai")
    kept = tokenizer(texts)
    assert reading[1:] == (4, 75, int((kept[:, -1] != 0).sum()) - 1, 0, 0)
    assert reading.note("captions").startswith(f"{reading.longer} of 4 captions ")


def test_what_is_read_whole_is_no_line() -> None:
    assert Reading("m", 5, 62, 0, 9, 0).note("captions") == ""
    assert Reading("m", 2, 62, 0, 2000, 1200).note("captions") == (
        "1,200 of 2,000 words of captions are unknown to m"
    )
