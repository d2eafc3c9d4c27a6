"""Making records: what is impossible cannot be made, and what is made cannot be changed."""

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import facts
import pytest

from ledger import canonical, records
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.errors import DigestMismatch, MalformedRecord, ProofInvalid

DATASET, LICENSE, RUN, TRACK = facts.a_dataset(), facts.a_license(), facts.a_training_run(), facts.a_track()


def test_the_root_is_checked_against_the_recordings() -> None:
    record = facts.a_dataset()
    with pytest.raises(ProofInvalid, match=str(record.root)):
        replace(record, root=facts.digest("another root"))
    with pytest.raises(ProofInvalid):
        replace(record, recordings=record.recordings[:-1])
    first, *others = record.recordings
    with pytest.raises(ProofInvalid):
        replace(record, recordings=(replace(first, pcm=facts.digest("other samples")), *others))


def test_the_root_is_that_of_the_merkle_tree_over_64_byte_leaves() -> None:
    from ledger.merkle import MerkleTree

    record = facts.a_dataset()
    leaves = [one.sha256.raw + one.pcm.raw for one in record.recordings]
    assert [one.leaf() for one in record.recordings] == leaves
    assert {len(leaf) for leaf in leaves} == {64}
    MerkleTree(leaves).proof(1).verify(record.recordings[1].leaf(), record.root)


def test_the_watermark_follows_from_the_claim() -> None:
    record = facts.a_track()
    assert record.claim.watermark == Digest.of(record.claim.payload()).raw[:8]
    assert record.claim.token == int(str(record.claim.digest), 16)
    assert f"{record.claim.token:064x}"[:16] == record.watermark
    with pytest.raises(DigestMismatch, match=record.watermark):
        replace(record, watermark="0" * 16)
    with pytest.raises(DigestMismatch):
        replace(record, claim=replace(record.claim, seed=record.claim.seed + 1))


def test_a_claim_is_canonical_and_every_field_of_it_moves_the_watermark() -> None:
    claim = facts.a_track().claim
    assert canonical.decode(claim.payload()) == claim.to_json()
    others = {
        replace(claim, chain_id=1).watermark,
        replace(claim, tracks=facts.HOLDER).watermark,
        replace(claim, model=2).watermark,
        replace(claim, weights=facts.digest("x")).watermark,
        replace(claim, creator=facts.HOLDER).watermark,
        replace(claim, seed=6).watermark,
        replace(claim, frames=1).watermark,
        replace(claim, rate=48000).watermark,
        replace(claim, channels=1).watermark,
        replace(claim, style=(1, 999_999)).watermark,
        replace(claim, sampler={}).watermark,
    }
    assert len(others | {claim.watermark}) == 12


@pytest.mark.parametrize(
    ("record", "changes", "field"),
    [
        (DATASET, {"recordings": ()}, "recordings: empty"),
        (DATASET, {"recordings": list(DATASET.recordings)}, "recordings: expected a tuple"),
        (DATASET, {"recordings": DATASET.recordings[::-1]}, r"recordings\[1\]: .* out of order"),
        (DATASET, {"recordings": DATASET.recordings[:1] * 2}, r"recordings\[1\]: .* occurs twice"),
        (DATASET, {"recordings": ("x",)}, r"recordings\[0\]: expected Recording"),
        (DATASET, {"title": ""}, "title: empty"),
        (DATASET, {"title": " \u3000"}, "title: empty"),
        (DATASET, {"title": "a\nb"}, "title: .* control"),
        (DATASET, {"title": "x" * 201}, "title: 201 characters"),
        (DATASET, {"title": "\ud800"}, "title: .* control"),
        (DATASET, {"title": b"x"}, "title: expected a text"),
        (DATASET, {"license": ""}, "license: empty"),
        (DATASET, {"holder": str(facts.HOLDER)}, "holder: expected Address, not str"),
        (DATASET, {"root": "0" * 64}, "root: expected Digest"),
        (DATASET, {"terms": {}}, "terms: expected Terms"),
        (DATASET, {"omitted": (None,)}, r"omitted\[0\]: expected Omission"),
        (DATASET, {"created": "2026-11-23T10:00:00+00:00"}, "created: not a time"),
        (DATASET.recordings[0], {"size": 0}, "size: 0"),
        (DATASET.recordings[0], {"size": 1.0}, "size: expected an integer, not float"),
        (DATASET.recordings[0], {"size": 2**53}, "size: "),
        (DATASET.recordings[0], {"frames": True}, "frames: expected an integer, not bool"),
        (DATASET.recordings[0], {"rate": 768_001}, "rate: "),
        (DATASET.recordings[0], {"channels": 33}, "channels: "),
        (DATASET.recordings[0], {"iscc": "iscc:EIAQMBEYSNJIUHUJ"}, "iscc: "),
        (DATASET.recordings[0], {"cid": str(DATASET.recordings[0].cid)}, "cid: expected Cid"),
        (DATASET.recordings[0], {"cid_profile": ""}, "cidProfile: "),
        (DATASET.terms, {"price_wei": -1}, "priceWei: -1"),
        (DATASET.terms, {"royalty_ppm": 1_000_001}, "royaltyPpm: "),
        (DATASET.terms, {"uses": ("generate", "train")}, "uses: .* in the order train, generate, commercial"),
        (DATASET.terms, {"uses": ("train", "train")}, "uses: .* once"),
        (DATASET.terms, {"uses": "train"}, "uses: expected a tuple"),
        (LICENSE, {"subject_kind": "track"}, "subjectKind: 'track'"),
        (LICENSE, {"subject_id": 0}, "subjectId: 0"),
        (LICENSE, {"uses": ()}, "uses: empty"),
        (LICENSE, {"valid_until": facts.NOW}, "validUntil: .* not after"),
        (LICENSE, {"valid_until": ""}, "validUntil: empty"),
        (LICENSE, {"price_wei": 2**128}, "priceWei: "),
        (RUN, {"datasets": ()}, "datasets: empty"),
        (RUN, {"datasets": RUN.datasets[:1]}, "datasets.sharePpm: the shares sum to 600000"),
        (RUN, {"datasets": (replace(RUN.datasets[0], share_ppm=500_000),) * 2}, r"datasets\[1\]: 1 occurs twice"),
        (RUN, {"config": {"a": 0.5}}, r"config\.a: expected str or int or bool, not float"),
        (RUN, {"config": {"a": 2**53}}, r"config\.a: "),
        (RUN, {"config": {"": 1}}, r"config \(a name\): empty"),
        (RUN, {"config": {1: 1}}, r"config \(a name\): expected a text"),
        (RUN, {"config": [("a", 1)]}, "config: expected a mapping"),
        (RUN, {"config": {str(number): 1 for number in range(4097)}}, "config: 4097 entries"),
        (RUN, {"metrics": {"loss": "inf"}}, r"metrics\.loss: "),
        (RUN, {"metrics": {"loss": 0.5}}, r"metrics\.loss: expected str"),
        (RUN, {"packages": {"torch": "2\x00"}}, r"packages\.torch: .* control"),
        (RUN, {"seed": -1}, "seed: -1"),
        (RUN, {"seed": 2**53}, "seed: "),
        (RUN, {"finished": "2026-11-23T09:59:59Z"}, "finished: .* is before started"),
        (RUN, {"split": (1, 0, 0)}, "split: expected Split"),
        (RUN.split, {"validation": -1}, "validation: -1"),
        (RUN.datasets[0], {"license_id": -1}, "licenseId: -1"),
        (TRACK, {"attention": (1_000_000,)}, "attention: 1 shares, but the claim's style has 2"),
        (TRACK, {"attention": ()}, "attention: empty"),
        (TRACK, {"attention": (0.5, 0.5)}, r"attention\[0\]: expected int, not float"),
        (TRACK, {"attention": (1_000_001, -1)}, r"attention\[0\]: "),
        (TRACK, {"watermark": TRACK.claim.watermark}, "watermark: "),
        (TRACK.claim, {"style": (True, 999_999)}, r"style\[0\]: expected an integer, not bool"),
        (TRACK.claim, {"chain_id": 0}, "chainId: 0"),
        (TRACK.claim, {"sampler": {"t": True}}, r"sampler\.t: expected str or int, not bool"),
    ],
)
def test_an_impossible_record_cannot_be_made(record: Any, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedRecord, match=f"^{field}"):
        replace(record, **changes)


def test_a_dataset_that_sells_nothing_is_possible() -> None:
    assert replace(DATASET.terms, uses=()).uses == ()


def test_a_record_cannot_be_changed_afterwards() -> None:
    config = {"layers": 3}
    run = replace(RUN, config=config)
    before = run.digest
    config["layers"] = 4
    assert run.config == {"layers": 3}
    assert Digest.of(run.payload()) == before
    with pytest.raises(TypeError):
        run.config["layers"] = 5  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        run.seed = 1  # type: ignore[misc]


def test_the_shape_is_an_in_toto_statement() -> None:
    statement = json.loads(LICENSE.payload())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "urn:stemmata:license:v1"
    assert statement["subject"] == [{"name": "dataset", "digest": {"sha256": str(DATASET.digest)}}]
    subjects = [[entry["name"] for entry in record.to_statement()["subject"]] for record in (DATASET, RUN, TRACK)]
    assert subjects == [["recordings"], ["weights"], ["audio", "pcm"]]


def test_these_records_keep_their_identity() -> None:
    """A change of any name, order or spelling in a record would orphan everything that is on a chain already."""
    assert {name: str(record.digest) for name, record in PINNED.items()} == IDENTITIES


PINNED: dict[str, Any] = {"dataset": DATASET, "license": LICENSE, "run": RUN, "track": TRACK, "claim": TRACK.claim}
IDENTITIES = {
    "dataset": "c2c42a0c372bc226ecc3fdff470ca3dc12e85e61dad9d0d9ff3fcc8099e34138",
    "license": "5daee317a85045a4976c654b8639c6c99a6b64faa02876dbf0c912bfb75ea3d2",
    "run": "93a7c9432c460c0f185b4d5c83db12217ad690a9f5f35324e704d16d8701165b",
    "track": "0b5ba2257e667fefe44cade21f7eb999061518ec4006d8efec5a8bba4d0a5092",
    "claim": "22e7eb2b1a1d4c06a7b53d7ce40877de7a769aae172b837187de435fc20769fc",
}


def test_no_personal_text_is_in_a_dataset_record() -> None:
    name = "Ana Lopes - Demo for Mum.wav"
    recording = replace(DATASET.recordings[0], name_commitment=records.commitment(b"s" * 16, name))
    record = replace(DATASET, recordings=(recording, *DATASET.recordings[1:]))
    assert b"Ana" not in record.payload()


def test_a_cid_of_version_0_keeps_its_spelling() -> None:
    cid = Cid.parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")
    assert records.read(replace(TRACK, fingerprint=cid).payload()).fingerprint == cid  # type: ignore[union-attr]
