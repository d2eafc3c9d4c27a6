"""Who may know whom, and what may load when: read from the source, and seen in a fresh interpreter."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("ledger", "gen", "api", "scripts")

AUDIO = {"torch", "torchaudio", "numpy", "scipy", "librosa", "soundfile", "soxr", "av", "numba", "iscc_core"}
NETWORK = {"web3", "eth", "eth_tester", "eth_account", "requests", "urllib3", "httpx", "aiohttp", "socket", "http"}
STRANGERS = {
    "gen": {"ledger", "api", "scripts"} | NETWORK,
    "ledger": {"gen", "api", "scripts"} | AUDIO,
    "api": {"scripts", "web3"},
}

HEAVY = {"torch", "librosa", "numba", "web3", "eth", "eth_tester", "eth_account", "tink", "boto3", "botocore", "pkcs11"}
# What an auditor installs has no torch: an audit and a registration need these parts of gen.
AUDITORS = ("gen.audio", "gen.corpus", "gen.fingerprint", "gen.watermark")
# The two kinds of chain, an EVM in the process and a node far away: ledger.chain loads the one that is opened.
CHAINS = ("ledger.blockfile", "ledger.evm", "ledger.rpc")


def modules(room: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / room).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(path: Path) -> set[str]:
    """The names of all modules that a file imports: at the top, within functions, and for type checkers."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides who is imported"
            found.add(node.module or "")
    return found


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


@pytest.mark.parametrize("room", STRANGERS)
def test_a_room_does_not_know_its_strangers(room: str) -> None:
    known = {str(path.relative_to(ROOT)): roots(path) & STRANGERS[room] for _, path in modules(room)}
    assert known, f"no modules in {room}"
    assert {path: names for path, names in known.items() if names} == {}


def test_one_file_knows_web3() -> None:
    users = [name for room in ROOMS for name, path in modules(room) if "web3" in roots(path)]
    assert users == ["ledger.rpc"]


def test_every_import_is_seen(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("import a.b\nfrom c.d import e\nif 1:\n import f as g\ndef h():\n from i import j\n")
    assert imported(source) == {"a.b", "c.d", "f", "i"}


def loaded_by(*names: str) -> set[str]:
    """Top-level packages in a fresh interpreter after importing these modules."""
    program = f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in result.stdout.split()}


def test_the_ledger_loads_nothing_heavy() -> None:
    names = [name for name, _ in modules("ledger") if name not in CHAINS]
    assert "ledger.chain" in names
    assert loaded_by(*names) & (HEAVY | AUDIO) == set()


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_by("api.cli") & (HEAVY | AUDIO) == set()


def test_an_auditors_half_of_the_generation_core_needs_no_studio() -> None:
    names = [name for name, _ in modules("gen") if name.startswith(AUDITORS)]
    assert len(names) > len(AUDITORS)
    assert loaded_by(*names) & HEAVY == set()
