"""What is counted: each take once, unknown as unknown, and what there is far too little of by a stated rule."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from gen.balance import BALANCED, FAR_BELOW, balance
from gen.labels import Labels

NAMES = st.one_of(st.none(), st.sampled_from(["Jazz", "jazz", "Folk", "Samba"]))
ITEMS = st.lists(
    st.tuples(st.floats(1.0, 1000.0), st.builds(Labels, genre=NAMES, region=NAMES)), min_size=1, max_size=30
)


def counted(items, families=None):
    return balance([s for s, _ in items], [labels for _, labels in items], families or range(len(items)))


@settings(deadline=None)
@given(ITEMS, st.data())
def test_every_second_is_counted_once_for_each_label(items, data):
    families = [data.draw(st.integers(0, place)) for place in range(len(items))]
    found = counted(items, families)
    assert found.takes + found.copies == len(items)
    assert math.isclose(found.seconds + found.copied, sum(seconds for seconds, _ in items))
    assert set(found.groups) == set(BALANCED)
    for groups in found.groups.values():
        assert math.isclose(sum(group.seconds for group in groups), found.seconds)
        assert sum(group.recordings for group in groups) == found.takes
        known = [group for group in groups if group.name is not None]
        assert [group.seconds for group in known] == sorted((group.seconds for group in known), reverse=True)
        assert groups[len(known) :] == tuple(group for group in groups if group.name is None)


def test_a_group_with_less_than_half_of_an_even_share_is_named():
    # Even would be 100 s each.
    items = [(seconds, Labels(genre=genre)) for genre, seconds in (("Jazz", 201.0), ("Folk", 50.0), ("Samba", 49.0))]
    assert FAR_BELOW == 0.5
    assert [(group.name, group.under) for group in counted(items).groups["genre"]] == [
        ("Jazz", False),
        ("Folk", False),
        ("Samba", True),
    ]


def test_what_is_unknown_is_said_and_makes_nothing_small():
    items = [(30.0, Labels(era="Baroque")), (5000.0, Labels())]
    found = counted(items).groups
    assert [(group.name, group.recordings, group.under) for group in found["era"]] == [
        ("Baroque", 1, False),
        (None, 1, False),
    ]
    assert [(group.name, group.seconds) for group in found["region"]] == [(None, 5030.0)]


def test_spelling_makes_no_groups():
    found = counted([(10.0, Labels(artist="Ana  Lima")), (20.0, Labels(artist="ANA LIMA"))]).groups["artist"]
    assert [(group.recordings, group.seconds) for group in found] == [(2, 30.0)]


def test_of_copies_the_longest_counts_with_what_any_of_them_says():
    items = [(50.0, Labels(genre="Jazz", era="1950s")), (60.0, Labels(genre="Bebop")), (10.0, Labels())]
    found = counted(items, (0, 0, 2))
    assert (found.takes, found.copies, found.seconds, found.copied) == (2, 1, 70.0, 50.0)
    assert [(group.name, group.seconds) for group in found.groups["genre"]] == [("Bebop", 60.0), (None, 10.0)]
    assert [(group.name, group.seconds) for group in found.groups["era"]] == [("1950s", 60.0), (None, 10.0)]
