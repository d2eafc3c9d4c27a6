"""The keystore: files of other wallets, altered files, names, permissions, and that a key never shows itself."""

import copy
import json
import multiprocessing
import os
import pickle
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.address import Address
from ledger.companionfile import CompanionFile
from ledger.errors import BadKeyName, KeyDamaged, KeyExists, KeyFault, KeyNotFound, StoreFault, WrongPassphrase
from ledger.keys import Keystore, LocalSigner

QUICK = 2
"""scrypt's n: no protection at all, but quick."""

SECRET = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys")


@pytest.fixture
def umask_zero() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_new_key_signs_as_its_address(store: Keystore) -> None:
    address = store.new("ana", "secret", scrypt_n=QUICK)
    signer = store.unlock("ana", "secret")
    assert signer.address == address == store.address("ana")
    assert store.new("ben", "secret", scrypt_n=QUICK) != address


def test_an_open_key_stays_open_but_not_for_everybody(store: Keystore) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    signer = store.unlock("ana", "secret")
    assert store.unlock("ana", "secret") is signer
    with pytest.raises(WrongPassphrase):
        store.unlock("ana", "Secret")


def test_a_replaced_file_is_opened_anew(store: Keystore, tmp_path: Path) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    store.unlock("ana", "secret")
    (tmp_path / "keys" / "ana.json").unlink()
    (tmp_path / "keys" / "ana.companions.json").unlink()
    address = store.new("ana", "other", scrypt_n=QUICK)
    with pytest.raises(WrongPassphrase):
        store.unlock("ana", "secret")
    assert store.unlock("ana", "other").address == address


def test_a_passphrase_typed_in_another_form_of_unicode_is_the_same(store: Keystore) -> None:
    store.new("ana", "caf\u00e9", scrypt_n=QUICK)
    store.unlock("ana", "cafe\u0301")


def test_a_passphrase_that_is_not_unicode_works_as_it_is(store: Keystore) -> None:
    store.new("ana", "caf\udce9", scrypt_n=QUICK)
    store.unlock("ana", "caf\udce9")


def test_a_wrong_passphrase(store: Keystore) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    with pytest.raises(WrongPassphrase, match=r"ana\.json") as caught:
        store.unlock("ana", "guess")
    assert "guess" not in str(caught.value)


def test_an_empty_passphrase_is_refused(store: Keystore) -> None:
    with pytest.raises(WrongPassphrase, match="empty"):
        store.new("ana", "", scrypt_n=QUICK)
    assert store.names() == ()


def test_an_unknown_name(store: Keystore) -> None:
    with pytest.raises(KeyNotFound, match="ana"):
        store.address("ana")
    with pytest.raises(KeyNotFound, match="ana"):
        store.unlock("ana", "secret")


def test_a_name_that_is_taken(store: Keystore) -> None:
    address = store.new("ana", "secret", scrypt_n=QUICK)
    with pytest.raises(KeyExists, match="ana"):
        store.new("ana", "other", scrypt_n=QUICK)
    assert store.unlock("ana", "secret").address == address


def _race(folder: Path, gate: "multiprocessing.synchronize.Barrier", results: "multiprocessing.Queue[str]") -> None:
    gate.wait()
    try:
        results.put(str(Keystore(folder).new("ana", "secret", scrypt_n=QUICK)))
    except KeyExists:
        results.put("KeyExists")


def test_of_two_processes_one_wins(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    gate, results = context.Barrier(2), context.Queue()
    racers = [context.Process(target=_race, args=(tmp_path, gate, results)) for _ in range(2)]
    for racer in racers:
        racer.start()
    outcome = sorted(results.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join()
    assert outcome == sorted(["KeyExists", str(Keystore(tmp_path).address("ana"))])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ana.companions.json", "ana.json"]


def test_a_name_taken_in_the_last_moment_is_not_overwritten(store: Keystore, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the other process had made the file while this one was busy with scrypt.
    address = store.new("ana", "secret", scrypt_n=QUICK)
    monkeypatch.setattr(Path, "exists", lambda self: False)
    with pytest.raises(KeyExists):
        store.new("ana", "other", scrypt_n=QUICK)
    assert store.unlock("ana", "secret").address == address


@pytest.mark.usefixtures("umask_zero")
def test_files_and_folders_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "keys"
    Keystore(folder).new("ana", "secret", scrypt_n=QUICK)
    for name in ("ana.json", "ana.companions.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["ana.companions.json", "ana.json"]


@pytest.mark.parametrize(
    "name", ["ana", "Ana Lopes", "Σωκράτης", "作曲家", "مُلحِّن", "می\u200cخواهم", "संगीत", "🎼", "a.b", "x" * 200]
)
def test_names_in_any_script(store: Keystore, name: str) -> None:
    store.new(name, "secret", scrypt_n=QUICK)
    assert len(store.names()) == 1
    assert store.address(store.names()[0]) == store.address(name)


def test_one_name_in_two_forms_of_unicode_is_one_name(store: Keystore) -> None:
    address = store.new("Ze\u0301", "secret", scrypt_n=QUICK)
    assert store.names() == ("Z\u00e9",)
    assert store.address("Z\u00e9") == address
    with pytest.raises(KeyExists):
        store.new("Z\u00e9", "secret", scrypt_n=QUICK)


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", ".", "..", "../ana", "a/b", "/ana", "a\\b", "a\0b", "a\nb", "a\x7fb", ".hidden", " ana", "ana "),
        *("x" * 201, "é" * 101, "a\u202eb", "a\u200bb", "a\u2028b", "a\ud800b", "\ufeffana"),
    ],
)
def test_names_that_are_no_file_names_or_deceive_the_eye(store: Keystore, name: str, tmp_path: Path) -> None:
    for attempt in (
        lambda: store.new(name, "secret", scrypt_n=QUICK),
        lambda: store.unlock(name, "secret"),
        lambda: store.address(name),
    ):
        with pytest.raises(BadKeyName):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_names_are_sorted_and_other_files_are_none(store: Keystore, tmp_path: Path) -> None:
    assert store.names() == ()
    for name in ("b", "a", "Ä"):
        store.new(name, "secret", scrypt_n=QUICK)
    (tmp_path / "keys" / "notes.txt").write_text("")
    (tmp_path / "keys" / ".left-over.new").write_text("")
    assert store.names() == ("a", "b", "Ä")


def test_a_key_never_shows_itself() -> None:
    signer = LocalSigner(SECRET)
    shown = [repr(signer), str(signer), f"{signer!r:s}", repr([signer]), repr(dir(signer))]
    for attempt in (lambda: pickle.dumps(signer), lambda: copy.copy(signer), lambda: copy.deepcopy(signer)):
        with pytest.raises(TypeError) as caught:
            attempt()
        shown.append("".join(traceback.format_exception(caught.value)))
    assert not hasattr(signer, "__dict__")
    for text in shown:
        assert SECRET.hex() not in text
        assert str(int.from_bytes(SECRET, "big")) not in text
        assert repr(SECRET) not in text


def test_an_open_keystore_never_shows_its_keys(store: Keystore) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    store.unlock("ana", "secret")
    assert "secret" not in repr(store)
    assert "secret" not in repr(vars(store))
    with pytest.raises(TypeError):
        pickle.dumps(store)


def test_no_temporary_file_is_left_when_writing_fails(
    store: Keystore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFault, match=r"ana\.json could not be written: No space"):
        store.new("ana", "secret", scrypt_n=QUICK)
    assert list((tmp_path / "keys").iterdir()) == []


def test_every_fault_of_a_key_is_a_key_fault() -> None:
    assert all(issubclass(kind, KeyFault) for kind in (BadKeyName, KeyDamaged, KeyExists, KeyNotFound, WrongPassphrase))


def test_an_address_is_read_without_a_passphrase(store: Keystore) -> None:
    address = store.new("ana", "secret", scrypt_n=QUICK)
    assert isinstance(store.address("ana"), Address)
    assert Keystore(store._folder).address("ana") == address


# -- companions


def test_a_new_key_has_companions(store: Keystore) -> None:
    address = store.new("ana", "secret", scrypt_n=QUICK)
    signer = store.unlock("ana", "secret")
    assert signer.companions is not None
    card = store.card("ana")
    assert (card.name, card.kind, card.address, card.where) == ("ana", "file", address, None)
    assert card.public == signer.companions.public
    store.new("ben", "secret", scrypt_n=QUICK)
    assert card.fingerprint != store.card("ben").fingerprint
    assert store.names() == ("ana", "ben")


def test_they_stay_closed_where_nobody_wants_them(store: Keystore, tmp_path: Path) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    closed = store.unlock("ana", "secret", companions=False)
    assert closed.companions is None
    assert store.unlock("ana", "secret").companions is not None
    assert store.unlock("ana", "secret", companions=False) is closed
    # A damaged file of companions does not keep anybody from the account's money.
    (tmp_path / "keys" / "ana.companions.json").write_bytes(b"{}")
    assert Keystore(tmp_path / "keys").unlock("ana", "secret", companions=False).address == closed.address
    with pytest.raises(KeyDamaged, match=r"ana\.companions\.json"):
        Keystore(tmp_path / "keys").unlock("ana", "secret")


def test_a_kill_between_the_two_files_is_made_good(
    store: Keystore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CompanionFile, "encrypt", killed)
        with pytest.raises(KeyboardInterrupt):
            store.new("ana", "secret", scrypt_n=QUICK)
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["ana.json"]
    assert store.card("ana").public is None
    assert store.card("ana").fingerprint is None
    with pytest.raises(WrongPassphrase, match=r"ana\.json"):
        store.unlock("ana", "sceret")  # nothing is made under a mistyped one
    assert store.card("ana").public is None
    mended = store.unlock("ana", "secret")
    assert mended.companions is not None
    assert Keystore(tmp_path / "keys").unlock("ana", "secret").companions is not None
    assert store.card("ana").public == mended.companions.public
    made = json.loads((tmp_path / "keys" / "ana.companions.json").read_text())
    assert made["n"] == QUICK  # what opening costs, the key's own file has said


def _open(folder: Path, gate: "multiprocessing.synchronize.Barrier", results: "multiprocessing.Queue[str]") -> None:
    gate.wait()
    results.put(repr(Keystore(folder).unlock("ana", "secret").companions))


def test_of_two_processes_that_mend_one_wins(store: Keystore, tmp_path: Path) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    (tmp_path / "keys" / "ana.companions.json").unlink()
    context = multiprocessing.get_context("spawn")
    gate, results = context.Barrier(2), context.Queue()
    racers = [context.Process(target=_open, args=(tmp_path / "keys", gate, results)) for _ in range(2)]
    for racer in racers:
        racer.start()
    first, second = (results.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join()
    assert first == second == repr(store.unlock("ana", "secret").companions)


def test_companions_of_another_key_do_not_open(store: Keystore, tmp_path: Path) -> None:
    for name in ("ana", "ben"):
        store.new(name, "secret", scrypt_n=QUICK)
    (tmp_path / "keys" / "ben.companions.json").replace(tmp_path / "keys" / "ana.companions.json")
    for attempt in (lambda: store.unlock("ana", "secret"), lambda: store.card("ana")):
        with pytest.raises(KeyDamaged, match="companion keys of"):
            attempt()


def test_companions_whose_key_is_gone_are_not_overwritten(store: Keystore, tmp_path: Path) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    (tmp_path / "keys" / "ana.json").unlink()
    before = (tmp_path / "keys" / "ana.companions.json").read_bytes()
    with pytest.raises(KeyExists, match=r"ana\.companions\.json .* move it away"):
        store.new("ana", "secret", scrypt_n=QUICK)
    assert (tmp_path / "keys" / "ana.companions.json").read_bytes() == before
    assert store.names() == ()


def test_no_key_is_named_as_companions_are(store: Keystore) -> None:
    with pytest.raises(BadKeyName, match="companion"):
        store.new("ana.companions", "secret", scrypt_n=QUICK)


def test_an_open_key_never_shows_its_companions(store: Keystore) -> None:
    store.new("ana", "secret", scrypt_n=QUICK)
    signer = store.unlock("ana", "secret")
    assert signer.companions is not None
    seed = signer.companions.reveal()
    shown = repr(signer) + repr(vars(store)) + repr(store.card("ana")) + repr(store.files("ana"))
    assert seed.hex() not in shown
    assert repr(seed)[2:-1] not in shown


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_key_that_opens_or_none(tmp_path: Path) -> None:
    program = "import sys, pathlib; from ledger.keys import Keystore\nprint('go', flush=True)\n"
    program += "Keystore(pathlib.Path(sys.argv[1])).new('ana', 'secret', scrypt_n=2)"
    outcomes, whole = set(), 0.0
    for number in range(16):
        folder = tmp_path / str(number)
        with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if number == 0:  # this one may finish, and says how long that takes
                began = time.monotonic()
                process.wait()
                whole = time.monotonic() - began
            time.sleep(whole * (number - 1) / 14 if number else 0)
            process.kill()
        keystore = Keystore(folder)
        outcomes.add(len(list(folder.iterdir())) if folder.exists() else 0)
        address = keystore.address("ana") if keystore.has("ana") else keystore.new("ana", "secret", scrypt_n=2)
        signer = keystore.unlock("ana", "secret")
        assert signer.address == address
        assert signer.companions is not None
    assert {0, 2} <= outcomes  # before the first file, and after the second
