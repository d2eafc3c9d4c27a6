"""The mark's message: key schedule, tag, convolutional code."""

import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.errors import WrongLength
from gen.watermark.code import TailBitingCode
from gen.watermark.patterns import BANDS, PERIOD, PILOT, Pattern
from gen.watermark.payload import CODE, PUBLIC_KEY, beginning, code_bits, decode, derive, encode, tag

IDENTITY = bytes(range(8))
KEY = b"sixteen bytes is"


def test_key_schedule_agrees_with_openssl():
    # printf LABEL | openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY -binary | openssl dgst -shake256 -xoflen 32
    assert PUBLIC_KEY.hex() == "4e8de02a660fcd91eb781f10fc103f1a0d30a0a53513e35175e385e30419a97f"
    assert derive(PUBLIC_KEY, "tag", 32).hex() == "d3f3d239daab899247e79e03b547793da0d88edd64e9bd723ccb26e3e2615c70"
    assert tag(PUBLIC_KEY, IDENTITY).hex() == "05d22e2379"


def test_labels_and_keys_give_independent_bytes():
    assert derive(KEY, "a", 64) != derive(KEY, "b", 64)
    assert derive(KEY, "a", 64) != derive(PUBLIC_KEY, "a", 64)
    assert derive(KEY, "a", 64)[:32] == derive(KEY, "a", 32)


@pytest.mark.parametrize("key", [b"", b"fifteen bytes ."])
def test_short_key_is_refused(key):
    with pytest.raises(WrongLength, match="at least 16 bytes"):
        derive(key, "tag", 4)


@pytest.mark.parametrize("size", [0, 7, 9])
def test_id_of_another_size_is_refused(size):
    with pytest.raises(WrongLength, match="8 bytes"):
        encode(KEY, bytes(size))


@settings(max_examples=25, deadline=None)
@given(
    st.one_of(st.binary(min_size=8, max_size=8), st.binary(min_size=16, max_size=16)),
    st.binary(min_size=16, max_size=32),
    st.integers(0, 2**32 - 1),
)
def test_id_survives_noise_and_erasures(identity, key, seed):
    pick = np.random.default_rng(seed)
    # At 1.2 one in two hundred is nearer to another word, at 1.3 one in twenty.
    soft = encode(key, identity) + pick.normal(0, 1.0, code_bits(len(identity)))
    soft[pick.permutation(len(soft))[: len(soft) // 3]] = 0
    assert decode(key, soft.astype(np.float32)) == identity


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=8, max_size=8), st.floats(1e-6, 1e6))
def test_scale_of_soft_values_does_not_matter(identity, scale):
    assert decode(KEY, encode(KEY, identity) * np.float32(scale)) == identity


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 103))
def test_one_wrong_bit_in_id_or_tag_is_noticed(place):
    bits = np.unpackbits(np.frombuffer(IDENTITY + tag(KEY, IDENTITY), np.uint8))
    assert decode(KEY, CODE.encode(bits)) == IDENTITY
    bits[place] ^= 1
    assert decode(KEY, CODE.encode(bits)) is None


def test_another_key_reads_nothing():
    assert decode(PUBLIC_KEY, encode(KEY, IDENTITY)) is None


def test_viterbi_nearly_always_finds_what_trying_all_words_finds_and_more_often_in_three_rounds():
    code = TailBitingCode((0o13, 0o15, 0o17), 4)
    words = np.array([code.encode(np.array(bits, np.uint8)) for bits in itertools.product((0, 1), repeat=12)])
    pick = np.random.default_rng(0)
    hits = {2: 0, 3: 0}
    for _ in range(500):
        soft = (words[pick.integers(len(words))] + pick.normal(0, 1, code.length(12))).astype(np.float32)
        for rounds in hits:
            hits[rounds] += bool((code.encode(code.decode(soft, rounds)) == words[np.argmax(words @ soft)]).all())
    assert 475 <= hits[2] < hits[3]


def test_small_code_agrees_with_the_trellis_drawn_by_hand():
    # Generators 7 and 5 (octal), input 1 0 1 1 0 0: two zeros at its end make the circle begin at zero.
    signs = TailBitingCode((0o7, 0o5), 3).encode(np.array([1, 0, 1, 1, 0, 0], np.uint8))
    assert "".join("1" if sign < 0 else "0" for sign in signs) == "111000010111"
    # The same message turned by two bits: the circle has no beginning.
    turned = TailBitingCode((0o7, 0o5), 3).encode(np.array([1, 1, 0, 0, 1, 0], np.uint8))
    assert "".join("1" if sign < 0 else "0" for sign in turned) == "000101111110"


def test_generator_of_another_length_is_refused():
    with pytest.raises(WrongLength, match="exactly 3 bits"):
        TailBitingCode((0o7, 0o3), 3)


def test_free_distance_is_the_documented_one():
    # Shortest way in output ones from leaving the zero state to coming back (Dijkstra).
    states = 1 << (CODE.constraint - 1)
    ones = (CODE._signs < 0).sum(axis=1)[CODE._outputs].tolist()
    best, queue = {}, [(ones[1], 1)]
    while queue:
        cost, state = heapq.heappop(queue)
        if state == 0:
            break
        if best.get(state, cost + 1) <= cost:
            continue
        best[state] = cost
        for register in (2 * state, 2 * state + 1):
            heapq.heappush(queue, (cost + ones[register], register % states))
    assert cost == 56


def test_pattern_spreads_every_code_bit_evenly():
    pattern = Pattern.of(KEY, 8)
    assert pattern.signs.shape == pattern.places.shape == (PERIOD, BANDS)
    assert set(np.unique(pattern.signs)) == {-1, 1}
    counts = np.bincount(pattern.places[pattern.places != PILOT], minlength=code_bits(8))
    assert counts.max() - counts.min() <= 1
    # Half a period, as in a cut of five seconds, holds a share of all of them.
    half = pattern.places[: PERIOD // 2]
    assert np.bincount(half[half != PILOT], minlength=code_bits(8)).min() >= counts.min() // 5


def test_patterns_of_two_keys_are_unrelated():
    first, second = Pattern.of(KEY, 8).signs, Pattern.of(PUBLIC_KEY, 8).signs
    assert abs(float((first * second).mean())) < 5 / np.sqrt(first.size)


def test_pattern_reads_what_it_writes():
    pattern = Pattern.of(KEY, 8)
    word = encode(KEY, IDENTITY)
    assert (np.sign(pattern.read(pattern.write(word))) == word).all()


def test_ids_begin_in_different_tiles_and_keys_decide_where():
    begins = [beginning(KEY, bytes([number] * 8), PERIOD) for number in range(200)]
    assert all(0 <= begin < PERIOD for begin in begins)
    assert len(set(begins)) > 140
    assert begins != [beginning(PUBLIC_KEY, bytes([number] * 8), PERIOD) for number in range(200)]


def test_message_shorter_than_the_register_is_refused():
    with pytest.raises(WrongLength, match="at least 15 bits"):
        CODE.encode(np.zeros(14, np.uint8))
