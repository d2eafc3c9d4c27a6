"""Gas is what it was: every figure of benchmarks/gas.json, on the chain in the process and on Ganache."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import ganache_server
import pytest

ROOT = Path(__file__).parents[2]
KEPT = {
    (row["action"], row["situation"]): row["gas"]
    for row in json.loads((ROOT / "benchmarks" / "gas.json").read_text("utf-8"))
}


@pytest.fixture(scope="module")
def gas():
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("gas_benchmark", ROOT / "benchmarks" / "gas.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _compare(rows, without=frozenset()):
    measured = {(row.action, row.situation): row.gas for row in rows}
    wanted = {name: figure for name, figure in KEPT.items() if name[0] not in without}
    found = {name: figure for name, figure in measured.items() if name[0] not in without}
    changed = [
        f"{name[0]}, {name[1]}: {found.get(name)} instead of {wanted.get(name)}"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]
    assert not changed, "\n".join([*changed, "if that is meant: python benchmarks/gas.py --write"])


def test_gas_is_what_it_was_on_the_chain_in_the_process(gas):
    with gas.opened("embedded") as (chain, rich):
        # A signature's zero bytes cost less, and the chain's number is among what is signed.
        _compare(gas.measure(chain, rich), without={"mint a track by voucher"})


@pytest.mark.integration
def test_gas_is_what_it_was_on_ganache(gas):
    if shutil.which("node") is None or not ganache_server.PROGRAM.exists():
        pytest.skip("Ganache is not installed; install Node and run: npm ci --prefix contracts")
    with gas.opened("ganache") as (chain, rich):
        _compare(gas.measure(chain, rich))


def test_no_action_costs_more_than_it_may(gas):
    for action, (most, _) in gas.TARGETS.items():
        assert KEPT[action, gas.READ_FOR[action]] <= most, action
