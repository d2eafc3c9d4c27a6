"""Gas is what it was: every figure of benchmarks/gas.json, on the chain in the process and on Ganache."""

import importlib.util
import shutil
import sys
from pathlib import Path

import ganache_server
import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "gas.py"


@pytest.fixture(scope="module")
def gas():
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("gas_benchmark", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _compare(gas, kind):
    with gas.opened(kind) as (chain, rich):
        rows = gas.measure(chain, rich)
    was, now = ({(row.action, row.situation): row.gas for row in side} for side in (gas.kept(), rows))
    changed = [
        f"{action}, {situation}: was {was.get((action, situation))}, is {now.get((action, situation))}"
        for action, situation in sorted(was.keys() | now.keys())
        if was.get((action, situation)) != now.get((action, situation))
    ]
    assert not changed, "\n".join([*changed, f"if that is meant: {gas.UPDATE}"])


@pytest.mark.slow
def test_gas_is_what_it_was_on_the_chain_in_the_process(gas):
    _compare(gas, "embedded")


@pytest.mark.integration
def test_gas_is_what_it_was_on_ganache(gas):
    if shutil.which("node") is None or not ganache_server.PROGRAM.exists():
        pytest.skip("Ganache is not installed; install Node and run: npm ci --prefix contracts")
    _compare(gas, "ganache")


def test_no_action_costs_more_than_it_may(gas):
    figures = {(row.action, row.situation): row.gas for row in gas.kept()}
    for action, (most, read) in gas.TARGETS.items():
        assert figures[action, read] <= most, action


def test_the_page_tells_what_is_kept(gas):
    assert gas.PAGE.read_text("utf-8") == gas.page(gas.kept()), f"run: {gas.UPDATE}"
