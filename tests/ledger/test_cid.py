import base64
import contextlib
import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.cid import Cid, Codec
from ledger.errors import MalformedCid

EMPTY_RAW = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"  # multiformats/cid README and ipfs docs
EMPTY_FILE_V0 = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"  # Kubo: ipfs add of an empty file
EMPTY_FOLDER_V0 = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"  # Kubo: ipfs object new unixfs-dir
EMPTY_FOLDER_V1 = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"  # the same, as version 1


def test_known_cids():
    assert str(Cid.of_raw(b"")) == EMPTY_RAW
    assert str(Cid.of_dag_pb(bytes.fromhex("0a020801"))) == EMPTY_FOLDER_V1
    assert Cid.parse(EMPTY_FOLDER_V0).digest == Cid.parse(EMPTY_FOLDER_V1).digest
    assert Cid.parse(EMPTY_FILE_V0).names(bytes.fromhex("0a0408021800"))


def test_versions_stay_apart():
    old, new = Cid.parse(EMPTY_FOLDER_V0), Cid.parse(EMPTY_FOLDER_V1)
    assert (old.version, new.version) == (0, 1)
    assert old != new
    assert old.codec is new.codec is Codec.DAG_PB
    assert str(old) == EMPTY_FOLDER_V0
    assert len(old.raw) == 34
    assert len(new.raw) == 36


@given(st.binary(max_size=200), st.sampled_from(["raw", "dag-pb", "version 0"]))
def test_text_and_back(block, kind):
    cid = Cid.of_raw(block) if kind == "raw" else Cid.of_dag_pb(block)
    if kind == "version 0":
        cid = Cid(cid.raw[2:])
    assert Cid.parse(str(cid)) == cid
    assert cid.names(block)
    assert not cid.names(block + b"\0")
    assert pickle.loads(pickle.dumps(cid)) == cid


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "starts with neither"),
        ("b", "ends inside the varint"),
        ("zQmfDLZnGvHGLw6UJ6xsUzzBcJiwUo5NKeBVvUZTjqdBmPW", "base58btc"),
        ("f01551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "base16"),
        (EMPTY_RAW.upper(), "base32 upper"),
        (EMPTY_RAW[:-1], "characters"),
        (EMPTY_RAW[:-1] + "v", "bits that belong to no byte"),
        (EMPTY_RAW[:-1] + "1", "'1', which is no digit"),
        (EMPTY_RAW[:-1] + "=", "'=', which is no digit"),
        (EMPTY_RAW + " ", "' ', which is no digit"),
        (EMPTY_RAW[:5] + "ä" + EMPTY_RAW[6:], "'ä', which is no digit"),
        ("bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "codec 0x71"),
        ("bafkrgqhhyivzstcz3hhswshfjgy6ertgmnqeleynhwt4dlfsthi4hn7zgh4uvlsb5xncykzapi3ocd4lzogukir6ksdy6wzrnz6ohnv4aglcs",
         "hash function 0x13"),
        (EMPTY_FILE_V0[:-1], "45 characters"),
        (EMPTY_FILE_V0[:-1] + "0", "'0', which is no digit of base58"),
        ("b" * 500, "500 characters"),
        ("b" + base64.b32encode(b"\x12\x20" + bytes(32)).decode().lower().rstrip("="), "version 0 written in base32"),
    ],
)  # fmt: skip
def test_other_spellings_are_refused_by_name(text, complaint):
    with pytest.raises(MalformedCid, match=complaint):
        Cid.parse(text)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "ends inside"),
        (b"\x12\x20" + bytes(31), "34 bytes, not 33"),
        (b"\x02\x55\x12\x20" + bytes(32), "version 2"),
        (b"\x01\xa9\x02\x12\x20" + bytes(32), "codec 0x129"),
        (b"\x01\xd5\x00\x12\x20" + bytes(32), "longer than its number needs"),
        (b"\x01\x55\x00\x20" + bytes(32), "hash function 0x00"),
        (b"\x01\x55\x12\x1f" + bytes(31), "announces 31"),
        (b"\x01\x55\x12\x20" + bytes(33), "holds 33"),
        (b"\xff" * 40, "more than 9 bytes"),
    ],
)
def test_other_bytes_are_refused_by_name(raw, complaint):
    with pytest.raises(MalformedCid, match=complaint):
        Cid(raw)


@given(st.text(max_size=80))
def test_any_text_is_a_cid_or_malformed(text):
    with contextlib.suppress(MalformedCid):
        assert str(Cid.parse(text)) == text


def test_a_cid_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Cid.of_raw(b"").raw = b""
