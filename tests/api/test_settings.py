"""Settings come from the environment, and never show the passphrase."""

from pathlib import Path

import pytest

from api.errors import UsageError
from api.settings import Settings


def test_defaults() -> None:
    settings = Settings.from_environ({})
    assert settings.home == Path("~/.stemmata").expanduser()
    assert settings.passphrase is None
    assert settings.rpc_url is None
    assert settings.confirmations == 0


def test_every_variable(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "STEMMATA_HOME": str(tmp_path),
            "STEMMATA_PASSPHRASE": "open sesame",
            "STEMMATA_RPC": "http://127.0.0.1:8545",
            "STEMMATA_DEPLOYMENT": str(tmp_path / "contracts.json"),
            "STEMMATA_CONFIRMATIONS": "12",
        }
    )
    assert settings.home == tmp_path
    assert settings.passphrase == "open sesame"
    assert settings.rpc_url == "http://127.0.0.1:8545"
    assert settings.deployment == tmp_path / "contracts.json"
    assert settings.confirmations == 12
    assert "sesame" not in repr(settings)
    assert "8545" not in repr(settings)


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environ({"STEMMATA_PASSPHRASE": "", "STEMMATA_RPC": ""}) == Settings.from_environ({})


@pytest.mark.parametrize("word", ["-1", "1.5", "twelve", "²"])
def test_confirmations_are_a_number_of_blocks(word: str) -> None:
    with pytest.raises(UsageError, match="STEMMATA_CONFIRMATIONS"):
        Settings.from_environ({"STEMMATA_CONFIRMATIONS": word})
