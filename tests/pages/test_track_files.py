"""What stands behind a track's address: metadata, cover, outline, and audio that begins anywhere."""

from __future__ import annotations

import shutil
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from reported import lineage

from api.home import Home
from api.pages.cover import SIZE, Covers, cover, peaks
from api.pages.fan import MOST, WIDTH, fan
from api.pages.listening import listen
from api.pages.metadata import metadata
from api.reports.picture import Picture, look
from api.reports.provenance import boxes
from api.reports.texts import Texts
from api.settings import Settings
from gen.errors import AudioError
from gen.waveform import Waveform
from ledger.digest import Digest
from ledger.records import ContentRef
from ledger.store import BlockStore

SITE = "https://music.example"
SOUND = np.sin(np.arange(44_100 * 2) * 2 * np.pi * 440 / 44_100).astype(np.float32)[None] * 0.5


def pixels(data: bytes) -> np.ndarray:
    """A palette PNG's indices, read without our writer's help (ISO 15948: chunks, zlib, filter 0)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, parts = 8, {}
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        content = data[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + content) == struct.unpack(">I", data[place + 8 + length :][:4])[0]
        parts[kind] = content
        place += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert (depth, colour) == (8, 3)
    lines = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:]


def test_metadata_has_what_markets_read() -> None:
    node = lineage("Quartets", "Songs")
    said = metadata(node, SITE)
    # The fields of OpenSea's metadata standards, docs.opensea.io/docs/metadata-standards.
    assert said["name"] == "Stemmata 0000 0000 0000 0007"
    assert said["external_url"] == f"{SITE}/tracks/7"
    assert said["image"] == f"{SITE}/tracks/7/cover.png" and said["animation_url"] == f"{SITE}/tracks/7/audio"
    assert "Quartets and Songs" in said["description"]
    traits = [(one["trait_type"], one["value"]) for one in said["attributes"]]
    assert ("Learned from", "Quartets") in traits and ("Learned from", "Songs") in traits
    assert {one.get("display_type") for one in said["attributes"]} <= {None, "date", "number"}
    assert said["stemmata"]["sha256"] == str(node.entry.audio)


def test_the_cover_runs_clockwise_from_the_top_with_high_tones_outside() -> None:
    rows, columns = 160, 800
    empty = np.zeros(columns, np.float32)
    high_first, low_last = np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), np.uint8)
    high_first[:20, :200] = 255
    low_last[-20:, -200:] = 255
    for levels, right, far in ((high_first, True, True), (low_last, False, False)):
        drawn = pixels(cover(Picture(2.0, empty, empty, levels, 16_000.0)))
        assert drawn.shape == (SIZE, SIZE)
        y, x = np.nonzero(drawn > 128)
        assert len(x) and (x >= SIZE / 2 - 2).all() == right and (y <= SIZE / 2 + 2).all()
        distance = np.hypot(x - SIZE / 2, y - SIZE / 2) / (SIZE / 2)
        assert distance.min() > 0.8 if far else distance.max() < 0.3


def test_the_outline_is_the_loudness() -> None:
    wave = Waveform(np.concatenate([SOUND[:, :44_100] * 0.2, SOUND[:, :44_100]], axis=1), 44_100)
    found = peaks(look(wave))
    assert len(found) == 400
    assert found[100] == pytest.approx(0.1, abs=0.01) and found[300] == pytest.approx(0.5, abs=0.01)


def test_what_is_no_audio_has_no_cover_and_leaves_nothing(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path / "home"))
    cid = home.store().add_bytes(b"no audio")
    covers, content = Covers(home), ContentRef(cid, "unixfs-v1-2025", Digest.of(b"no audio"))
    with pytest.raises(AudioError):
        covers.look(content)
    assert list(home.folder("covers").iterdir()) == []
    shutil.rmtree(home.path / "content")  # it is remembered, and not read and decoded again
    with pytest.raises(AudioError):
        covers.look(content)


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        (None, 200, 0, None),
        ("bytes=0-", 206, 0, None),
        ("bytes=5-9", 206, 5, 10),
        ("bytes=1048570-1048580", 206, 1_048_570, 1_048_581),  # over the edge of two blocks
        ("bytes=-7", 206, -7, None),
        ("bytes=2000000-", 206, 2_000_000, None),
        ("bytes=0-99999999", 206, 0, None),
        ("bytes=99999999-", 416, 0, 0),
        ("bytes=9-5", 416, 0, 0),
        ("bytes=0-1,5-6", 200, 0, None),
        ("bytes=-", 200, 0, None),
        ("lines=1-2", 200, 0, None),
    ],
)
def test_audio_begins_anywhere(tmp_path: Path, wanted: str | None, status: int, start: int, end: int | None) -> None:
    file = b"RIFF" + bytes(range(256)) * 9000
    store = BlockStore(tmp_path)
    content = ContentRef(store.add_file(BytesIO(file)), "unixfs-v1-2025", Digest.of(file))
    app = FastAPI()
    app.get("/")(lambda: listen(store, content, len(file), wanted, "track.wav"))
    answer = TestClient(app).get("/")
    assert answer.status_code == status
    assert answer.content == file[start:end]
    if status != 416:
        assert answer.headers["content-type"] == "audio/wav"
    if status == 206:
        first = start % len(file)
        assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(file)}"


def test_what_is_no_audio_is_not_called_audio(tmp_path: Path) -> None:
    file = b"<html><script>alert(1)</script>"
    store = BlockStore(tmp_path)
    answer = listen(store, ContentRef(store.add_bytes(file), "unixfs-v1-2025", Digest.of(file)), len(file), None, "x")
    assert answer.media_type == "application/octet-stream"


def test_streams_are_as_broad_as_shares() -> None:
    node = lineage("Quartets", "Songs", "Dances")
    drawn = fan(boxes(node, [], Texts("en")), [700_000, 200_000, 100_000])
    assert drawn is not None and len(drawn.cards) == 5 and len(drawn.streams) == 4
    broad = []
    for path in drawn.streams[1:]:
        upper = float(path[1:].split("C")[0].split()[1])
        lower = float(path.rsplit(" ", 1)[1].rstrip("Z"))
        broad.append(lower - upper)
    assert broad == pytest.approx([58.8, 16.8, 8.4], abs=0.15)
    assert all(card.x >= 0 and card.x + card.width <= WIDTH for card in drawn.cards)
    assert all(card.y >= 0 and card.y + card.height <= drawn.height for card in drawn.cards)
    # A card leads to the proof of the same box, counted as the tree counts.
    flat = [box for _, box in boxes(node, [], Texts("en")).flat()]
    assert [flat[card.place].name.lower() for card in drawn.cards][2:] == ["dataset 1", "dataset 2", "dataset 3"]


def test_too_many_datasets_are_a_list() -> None:
    node = lineage(*(f"Dataset {number}" for number in range(MOST + 1)))
    assert fan(boxes(node, [], Texts("en")), [1] * (MOST + 1)) is None
