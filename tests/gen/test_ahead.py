"""What is made ahead is what would have been made when it was asked for."""

import threading
import time

import pytest

from gen.training.ahead import Ahead


def test_the_next_one_is_made_by_another_thread_meanwhile():
    made = []

    def make(number):
        made.append((number, threading.current_thread() is threading.main_thread()))
        return number * number

    ahead = Ahead(make, 4)
    found = []
    for number in range(4):
        found.append(ahead(number))
        for _ in range(1000):
            if len(made) == min(number + 2, 4):
                break
            time.sleep(0.001)
    assert found == [0, 1, 4, 9]
    assert made == [(0, True), (1, False), (2, False), (3, False)]  # and none behind the end
    ahead.rest()


def test_asked_in_any_order_it_gives_the_same_and_is_never_called_twice_at_once():
    busy = threading.Lock()

    def make(number):
        assert busy.acquire(blocking=False), "two at once"
        time.sleep(0.002)
        busy.release()
        return str(number)

    ahead = Ahead(make, 100)
    order = [5, 6, 3, 3, 4, 90, 5, 6, 7]
    assert [ahead(number) for number in order] == [str(number) for number in order]
    ahead.rest()
    assert [ahead(number) for number in order] == [str(number) for number in order]
    ahead.rest()


def test_an_error_is_raised_where_its_number_is_asked_for():
    def make(number):
        if number == 2:
            raise KeyError("two")
        return number

    ahead = Ahead(make, 10)
    assert [ahead(0), ahead(1)] == [0, 1]
    with pytest.raises(KeyError, match="two"):
        ahead(2)
    assert ahead(3) == 3
    ahead.rest()


def test_the_thread_is_gone_after_a_rest():
    before = threading.active_count()
    ahead = Ahead(lambda number: number, 10)
    ahead(0)
    assert threading.active_count() == before + 1
    ahead.rest()
    assert threading.active_count() == before
