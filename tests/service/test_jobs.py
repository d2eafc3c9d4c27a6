"""Jobs from asking to outcome: leases that run out, fences that hold, and nothing recorded twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.errors import LeaseLost, NoSuchThing, RequestConflict, TooMany, UsageError
from api.service.database import Database
from api.service.jobs import MOST_RETRIES, Bounds, Jobs
from api.service.leases import MOST_TRIES, Claim, Leases
from ledger.address import Address
from tests.service.conftest import Clock

ANNA, BEN = Address(bytes(19) + b"a"), Address(bytes(19) + b"b")


def claimed(leases: Leases, worker: str = "w", seconds: float = 30) -> Claim:
    claim = leases.claim(worker, seconds)
    assert claim is not None
    return claim


def test_from_asking_to_outcome(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    asked = jobs.submit(ANNA, "mint", {"file": "ä.wav"})
    assert (asked.state, asked.account, asked.request) == ("waiting", ANNA, {"file": "ä.wav"})
    assert len(asked.id) >= 22
    clock.wait(1)
    claim = claimed(leases)
    assert claim.job.id == asked.id
    assert leases.claim("other", 30) is None  # it is taken
    leases.say(claim, "progress", {"done": 1}, topic="a")
    leases.say(claim, "progress", {"done": 2}, topic="a")
    leases.say(claim, "layer", {"layer": "digest"})
    clock.wait(1)
    leases.finish(claim, {"track": "00"})
    job = jobs.get(asked.id)
    assert (job.state, job.result, job.problem, job.tries) == ("done", {"track": "00"}, None, 1)
    assert (job.begun or 0) - job.made == 1
    assert (job.ended or 0) - job.made == 2
    said = [(event.kind, *event.content.values()) for event in jobs.events(job.id)]
    assert said == [
        ("state", "waiting"),
        ("state", "running"),
        ("progress", 2),  # in the place of the first
        ("layer", "digest"),
        ("state", "done"),
    ]
    numbers = [event.number for event in jobs.events(job.id)]
    assert numbers == [1, 2, 4, 5, 6]
    assert [event.number for event in jobs.events(job.id, after=4)] == [5, 6]
    assert jobs.last_events([job.id, "gone"]) == {job.id: 6}
    assert leases.claim("w", 30) is None


def test_a_job_of_a_dead_worker_goes_on_and_is_recorded_once(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    asked = jobs.submit(ANNA, "mint", {})
    dead = claimed(leases, "dead")
    leases.note(dead, {"paid": "1"})
    clock.wait(20)
    assert leases.beat(dead, 30) is False
    clock.wait(29)
    assert leases.claim("living", 30) is None  # the beat counts
    clock.wait(2)
    living = claimed(leases, "living")
    assert living.job.id == asked.id
    assert living.fence > dead.fence
    assert living.job.note == {"paid": "1"}
    for late in (
        lambda: leases.finish(dead, {"by": "dead"}),
        lambda: leases.fail(dead, {}),
        lambda: leases.say(dead, "progress", {}),
        lambda: leases.note(dead, {}),
        lambda: leases.release(dead),
        lambda: leases.cancelled(dead),
        lambda: leases.beat(dead, 30),
    ):
        with pytest.raises(LeaseLost):
            late()
    leases.finish(living, {"by": "living"})
    with pytest.raises(LeaseLost):
        leases.finish(living, {"by": "living, again"})
    assert jobs.get(asked.id).result == {"by": "living"}


def test_what_ends_every_worker_fails(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    asked = jobs.submit(None, "audit", {})
    for _ in range(MOST_TRIES):
        claimed(leases)
        clock.wait(31)
    assert leases.claim("w", 30) is None
    job = jobs.get(asked.id)
    assert (job.state, (job.problem or {})["title"]) == ("failed", "Lost")


def test_what_could_not_be_checked_is_tried_again_later(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    asked = jobs.submit(ANNA, "mint", {})
    for attempt in range(MOST_TRIES):
        claim = claimed(leases)
        assert claim.job.tries == attempt + 1
        leases.fail(claim, {"title": "ChainUnreachable"}, again=10)
        assert leases.claim("w", 30) is None
        clock.wait(11)
    job = jobs.get(asked.id)
    assert (job.state, job.problem) == ("failed", {"title": "ChainUnreachable"})


def test_cancel(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    waiting, running, dead = (jobs.submit(ANNA, "mint", {}) for _ in range(3))
    assert jobs.cancel(waiting.id).state == "cancelled"
    assert jobs.cancel(waiting.id).state == "cancelled"
    claim = claimed(leases)
    assert claim.job.id == running.id
    asked = jobs.cancel(running.id)
    assert (asked.state, asked.cancelling) == ("running", True)
    assert leases.beat(claim, 30) is True
    leases.cancelled(claim)
    assert jobs.get(running.id).state == "cancelled"
    claimed(leases)
    jobs.cancel(dead.id)
    clock.wait(31)
    assert leases.claim("w", 30) is None  # nobody begins again what was to be ended
    assert jobs.get(dead.id).state == "cancelled"
    done = jobs.submit(ANNA, "mint", {})
    leases.finish(claimed(leases), {})
    with pytest.raises(RequestConflict, match="over already"):
        jobs.cancel(done.id)
    with pytest.raises(NoSuchThing):
        jobs.cancel("nothing")


def test_a_job_that_is_given_back_loses_no_try(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    asked = jobs.submit(ANNA, "mint", {})
    for _ in range(MOST_TRIES + 1):
        leases.release(claimed(leases))
    assert claimed(leases).job.tries == 1
    assert jobs.get(asked.id).state == "running"


def test_retry(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    asked = jobs.submit(ANNA, "mint", {})
    with pytest.raises(RequestConflict, match="waiting"):
        jobs.retry(asked.id)
    for again in range(MOST_RETRIES):
        leases.fail(claimed(leases), {"title": "Refused"})
        job = jobs.retry(asked.id)
        assert (job.state, job.problem, job.ended, job.retries, job.tries) == ("waiting", None, None, again + 1, 0)
    leases.fail(claimed(leases), {})
    with pytest.raises(RequestConflict, match="new one"):
        jobs.retry(asked.id)


def test_quotas(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock, Bounds(account=2, anonymous=1)), Leases(database, clock)
    first = [jobs.submit(ANNA, "mint", {}) for _ in range(2)]
    with pytest.raises(TooMany, match="you have 2 jobs") as caught:
        jobs.submit(ANNA, "mint", {})
    assert caught.value.after > 0
    jobs.submit(BEN, "mint", {})
    jobs.submit(None, "audit", {})
    with pytest.raises(TooMany, match="the service has 1"):
        jobs.submit(None, "audit", {})
    jobs.cancel(first[0].id)
    jobs.submit(ANNA, "mint", {})
    with pytest.raises(TooMany):
        jobs.retry(first[0].id)
    leases.finish(claimed(leases), {})
    jobs.retry(first[0].id)
    with pytest.raises(UsageError, match="at most"):
        jobs.submit(ANNA, "mint", {"text": "x" * 70_000})


def test_lists_pages_and_forgets(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    made = [jobs.submit(ANNA, "mint", {"n": n}) for n in range(5)]
    jobs.submit(BEN, "mint", {})
    page = jobs.list(ANNA, most=2)
    assert [job.id for job in page] == [made[4].id, made[3].id]
    rest = jobs.list(ANNA, before=page[-1].number)
    assert [job.id for job in rest] == [made[n].id for n in (2, 1, 0)]
    leases.finish(claimed(leases), {})
    clock.wait(10)
    assert jobs.forget(clock().timestamp() - 11) == ()
    assert jobs.forget(clock().timestamp() - 9) == (made[0].id,)
    with pytest.raises(NoSuchThing):
        jobs.events(made[0].id)
    assert jobs.count() == {"waiting": 5}


def test_a_worker_leaves_out_what_it_does_not_do(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    jobs.submit(ANNA, "train", {})
    short = jobs.submit(ANNA, "mint", {})
    claim = leases.claim("w", 30, without=("train",))
    assert claim is not None
    assert claim.job.id == short.id
    assert leases.claim("w", 30, without=("train",)) is None


def test_accounts_take_turns(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    asked = [(ANNA, 1), (ANNA, 2), (ANNA, 3), (BEN, 4), (None, 5), (None, 6), (BEN, 7)]
    for account, number in asked:
        jobs.submit(account, "mint", {"n": number})
    done = []
    for _ in asked:
        clock.wait(1)
        claim = claimed(leases)
        done.append(claim.job.request["n"])
        leases.finish(claim, {})
    assert done == [1, 4, 5, 2, 7, 6, 3]


def test_new_accounts_cannot_keep_everybody_else_waiting(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    jobs.submit(ANNA, "batch", {})
    leases.finish(claimed(leases), {})
    second = jobs.submit(ANNA, "batch", {})
    overtaken = 0
    for number in range(20):
        jobs.submit(Address(number.to_bytes(20)), "batch", {})
        claim = claimed(leases)
        if claim.job.id == second.id:
            break
        overtaken += 1
        leases.finish(claim, {})
        clock.wait(600)
    assert 5 <= overtaken <= 7  # for an hour; after that it is her turn


def test_an_account_has_one_long_job_in_work(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock), Leases(database, clock)
    first, second = (jobs.submit(ANNA, "batch", {}) for _ in range(2))
    short, bens = jobs.submit(ANNA, "mint", {}), jobs.submit(BEN, "batch", {})
    claims = {}
    while claim := leases.claim("w", 30, alone=("train", "batch")):
        claims[claim.job.id] = claim
    assert claims.keys() == {first.id, short.id, bens.id}
    leases.finish(claims[first.id], {})
    again = leases.claim("w", 30, alone=("train", "batch"))
    assert again is not None
    assert again.job.id == second.id
    clock.wait(31)  # its worker died: its own lease is in nobody's way
    again = leases.claim("w", 30, alone=("train", "batch"))
    assert again is not None
    assert again.job.id in (second.id, bens.id, short.id)


def test_many_at_once_share_nothing(database: Database, clock: Clock) -> None:
    jobs, leases = Jobs(database, clock, Bounds(account=6)), Leases(database, clock)
    gate = threading.Barrier(4)

    def together(work: Callable[[int], object]) -> list[object]:
        def one(number: int) -> object:
            gate.wait()
            return work(number)

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(one, range(4)))

    def ask(number: int) -> int:
        for done in range(3):
            try:
                jobs.submit(ANNA, "mint", {})
            except TooMany:
                return done
        return 3

    assert sum(int(str(done)) for done in together(ask)) == 6
    taken = together(lambda number: [leases.claim(f"w{number}", 30)])
    ids = [claim.job.id for each in taken for claim in each if claim is not None]  # type: ignore[attr-defined]
    assert len(ids) == len(set(ids))
    claim = claimed(leases)

    def talk(number: int) -> None:
        for done in range(3):
            leases.say(claim, "made", {"by": number, "done": done})

    together(talk)
    numbers = [event.number for event in jobs.events(claim.job.id)]
    assert numbers == list(range(1, 15))
