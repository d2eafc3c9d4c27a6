"""Settings come from the environment, and never show the passphrase."""

import os
from pathlib import Path

import pytest

import api.instrument
from api.errors import UsageError
from api.settings import Settings


def test_defaults() -> None:
    settings = Settings.from_environ({})
    assert settings.home == Path("~/.stemmata").expanduser()
    assert settings.passphrase is None
    assert settings.rpc_url is None
    assert settings.confirmations == 0
    assert settings.corpus_engine == "local"


def test_every_variable(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "STEMMATA_HOME": str(tmp_path),
            "STEMMATA_PASSPHRASE": "open sesame",
            "STEMMATA_RPC": "http://127.0.0.1:8545",
            "STEMMATA_DEPLOYMENT": str(tmp_path / "contracts.json"),
            "STEMMATA_CONFIRMATIONS": "12",
            "IPFS_API": "http://anna:api-secret@127.0.0.1:5001",
            "IPFS_API_AUTH": "bearer:auth-secret",
            "STEMMATA_GATEWAY": "https://anna:gateway-secret@gateway.example",
            "STEMMATA_PINNING": "https://pin-secret.example",
            "STEMMATA_PINNING_TOKEN": "token-secret",
            "STEMMATA_CORPUS_ENGINE": "ray:2",
        }
    )
    assert settings.home == tmp_path
    assert settings.passphrase == "open sesame"
    assert settings.rpc_url == "http://127.0.0.1:8545"
    assert settings.deployment == tmp_path / "contracts.json"
    assert settings.confirmations == 12
    assert "sesame" not in repr(settings)
    assert "8545" not in repr(settings)
    assert settings.ipfs_api == "http://anna:api-secret@127.0.0.1:5001"
    assert settings.ipfs_auth == "bearer:auth-secret"
    assert settings.gateway == "https://anna:gateway-secret@gateway.example"
    assert settings.pinning == "https://pin-secret.example"
    assert settings.pinning_token == "token-secret"
    assert settings.corpus_engine == "ray:2"
    assert "secret" not in repr(settings)


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.from_environ({"STEMMATA_PASSPHRASE": "", "STEMMATA_RPC": ""}) == Settings.from_environ({})


@pytest.mark.parametrize("word", ["-1", "1.5", "twelve", "²"])
def test_confirmations_are_a_number_of_blocks(word: str) -> None:
    with pytest.raises(UsageError, match="STEMMATA_CONFIRMATIONS"):
        Settings.from_environ({"STEMMATA_CONFIRMATIONS": word})


def from_descriptor(content: bytes, *, close: bool = True) -> str | None:
    reading, writing = os.pipe()
    os.write(writing, content)
    if close:
        os.close(writing)
    try:
        return Settings.from_environ({"STEMMATA_PASSPHRASE_FD": str(reading)}).passphrase
    finally:
        os.close(reading)
        if not close:
            os.close(writing)


@pytest.mark.parametrize(
    "content", [b"open sesame", b"open sesame\n", b"open sesame\r\n", b"open sesame\nsecond line\n"]
)
def test_the_first_line_of_a_descriptor_is_the_passphrase(content: bytes) -> None:
    assert from_descriptor(content) == "open sesame"


def test_a_descriptor_that_stays_open_is_not_waited_for() -> None:
    assert from_descriptor(b"open sesame\n", close=False) == "open sesame"


def test_a_passphrase_is_the_same_from_a_descriptor_as_from_the_environment() -> None:
    for octets in ("pässword ключ".encode(), b"caf\xe9", b" with spaces "):
        assert from_descriptor(octets) == os.fsdecode(octets)


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_an_empty_descriptor_is_no_passphrase(content: bytes) -> None:
    with pytest.raises(UsageError, match="empty passphrase"):
        from_descriptor(content)


def test_a_descriptor_without_end_is_not_read_to_it() -> None:
    with Path("/dev/zero").open("rb") as endless, pytest.raises(UsageError, match="at most"):
        Settings.from_environ({"STEMMATA_PASSPHRASE_FD": str(endless.fileno())})


@pytest.mark.parametrize("word", ["-1", "three", "²", "99999", "9" * 30])
def test_what_is_no_open_descriptor(word: str) -> None:
    with pytest.raises(UsageError, match="STEMMATA_PASSPHRASE_FD"):
        Settings.from_environ({"STEMMATA_PASSPHRASE_FD": word})


def test_two_passphrases_are_one_too_many() -> None:
    with pytest.raises(UsageError, match="keep one") as caught:
        Settings.from_environ({"STEMMATA_PASSPHRASE_FD": "3", "STEMMATA_PASSPHRASE": "open sesame"})
    assert "sesame" not in str(caught.value)


def test_co_signing_is_on_unless_it_is_switched_off() -> None:
    assert Settings.from_environ({}).cosign
    assert Settings.from_environ({"STEMMATA_COSIGN": "on"}).cosign
    assert not Settings.from_environ({"STEMMATA_COSIGN": "off"}).cosign
    with pytest.raises(UsageError, match="on or off"):
        Settings.from_environ({"STEMMATA_COSIGN": "no"})


def test_the_instrument_is_the_packages_or_none_or_anothers(tmp_path: Path) -> None:
    for environ in ({}, {"STEMMATA_INSTRUMENT": "on"}, {"STEMMATA_INSTRUMENT": ""}):
        assert Settings.from_environ(environ).instrument == Path(api.instrument.__file__).parent
    assert Settings.from_environ({"STEMMATA_INSTRUMENT": "off"}).instrument is None
    with pytest.raises(UsageError, match=r"STEMMATA_INSTRUMENT is on, off, or a folder"):
        Settings.from_environ({"STEMMATA_INSTRUMENT": str(tmp_path)})
    (tmp_path / "instrument.json").touch()
    assert Settings.from_environ({"STEMMATA_INSTRUMENT": str(tmp_path)}).instrument == tmp_path
