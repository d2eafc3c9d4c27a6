"""Every recording has its part, what belongs together stays together, and each style keeps its shares."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from gen.split import ENOUGH_WORKS, SHARES, Item, Part, split

PARTS = (Part.TRAIN, Part.VALIDATION, Part.TEST)
ITEMS = st.lists(
    st.builds(
        Item,
        st.floats(1.0, 500.0),
        st.integers(0, 2),
        st.one_of(st.none(), st.integers(0, 30).map(lambda number: f"Work {number}")),
    ),
    min_size=1,
    max_size=60,
)


def alone(count: int, style: int = 0, seconds: float = 100.0) -> list[Item]:
    return [Item(seconds, style) for _ in range(count)]


@st.composite
def corpora(draw):
    items = draw(ITEMS)
    places = st.integers(0, len(items) - 1)
    return items, draw(st.lists(st.tuples(places, places), max_size=10)), draw(st.integers(0, 99))


@settings(deadline=None)  # the first call loads scipy
@given(corpora())
def test_what_belongs_together_is_on_one_side(corpus):
    items, alike, seed = corpus
    found = split(items, alike, seed)
    assert len(found.parts) == len(found.works) == len(items)
    for one, other in alike:
        assert found.works[one] == found.works[other]
    sides: dict[int, set[Part]] = {}
    for item, part, work in zip(items, found.parts, found.works, strict=True):
        sides.setdefault(work, set()).add(Part.BY_TIME if part is Part.LEFT_OUT else part)
        assert item.work is None or work == found.works[[other.work for other in items].index(item.work)]
    assert all(len(side) == 1 for side in sides.values())


@settings(deadline=None)  # the first call loads scipy
@given(corpora())
def test_every_style_has_something_to_learn_from(corpus):
    items, alike, seed = corpus
    parts = split(items, alike, seed).parts
    for style in {item.style for item in items}:
        mine = {part for item, part in zip(items, parts, strict=True) if item.style == style}
        assert mine & {Part.TRAIN, Part.BY_TIME}


@settings(deadline=None)  # the first call loads scipy
@given(corpora())
def test_the_same_seed_gives_the_same_split(corpus):
    items, alike, seed = corpus
    assert split(items, alike, seed) == split(items, list(reversed(alike)), seed)


@settings(deadline=None)  # the first call loads scipy
@given(st.lists(st.floats(1.0, 1000.0), min_size=ENOUGH_WORKS, max_size=40), st.integers(0, 99))
def test_no_part_is_empty_and_none_far_off(seconds, seed):
    parts = split([Item(length, 0) for length in seconds], (), seed).parts
    assert set(parts) == set(PARTS)
    longest = max(seconds)
    for part, share in zip(PARTS, SHARES, strict=True):
        got = sum(length for length, theirs in zip(seconds, parts, strict=True) if theirs is part)
        assert abs(got - share * sum(seconds)) <= 2 * longest


def test_each_style_is_split_for_itself():
    items = alone(100, 0) + alone(20, 1) + alone(30, 2, seconds=9.0)
    parts = split(items, (), 5).parts
    for first, last in ((0, 100), (100, 120), (120, 150)):
        count = Counter(parts[first:last])
        assert [count[part] for part in PARTS] == [(last - first) * share for share in SHARES]


def test_seeds_differ():
    assert len({split(alone(40), (), seed).parts for seed in range(5)}) == 5


def test_few_works_are_split_by_time_however_many_recordings_they_have():
    items = [Item(60.0, 0, f"Work {number % (ENOUGH_WORKS - 1)}") for number in range(50)]
    assert set(split(items, (), 1).parts) == {Part.BY_TIME}
    assert Part.BY_TIME not in split([*items, Item(60.0, 0, "One more")], (), 1).parts


def test_of_near_duplicates_that_would_be_split_by_time_the_longest_is_used():
    items = [Item(60.0, 0), Item(61.0, 0), Item(59.0, 0), Item(10.0, 0)]
    found = split(items, [(0, 1), (1, 2)], 1)
    assert found.parts == (Part.LEFT_OUT, Part.BY_TIME, Part.LEFT_OUT, Part.BY_TIME)
    assert found.works == (0, 0, 0, 3)
    assert found.of(Part.LEFT_OUT) == (0, 2)


def test_a_copy_in_another_style_is_on_the_same_side():
    items = alone(20, 0) + [Item(100.0, 1) for _ in range(20)]
    parts = split(items, [(place, 20 + place) for place in range(20)], 3).parts
    assert parts[:20] == parts[20:]
