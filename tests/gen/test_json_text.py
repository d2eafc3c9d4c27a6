"""JSON that means to end the process that reads it."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.json_text import MOST_DEPTH, parse


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_what_is_written_is_read(value):
    try:
        assert parse(json.dumps(value)) == value
    except ValueError as error:
        assert "nested deeper" in str(error)


def test_brackets_within_texts_do_not_count():
    text = '["' + "[" * 100 + '\\"' + "{" * 100 + '"]'
    assert parse(text) == ["[" * 100 + '"' + "{" * 100]


@pytest.mark.parametrize("opening", ["[", '{"a":', '"\\\\",['])
def test_depth_is_bounded(opening):
    parse("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    with pytest.raises(ValueError, match=r"nested deeper|Extra data"):
        parse(opening * 100_000)


def test_where_the_recursion_limit_was_raised_the_process_lives():
    program = (
        "import sys; sys.setrecursionlimit(10**6)\n"
        "from gen.json_text import parse\n"
        "try: parse('[' * 10**6)\n"
        "except ValueError: print('lives')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stdout == "lives\n"
