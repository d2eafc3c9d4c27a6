"""Making records: what is impossible cannot be made, and what is made cannot be changed."""

import hashlib
import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import facts
import pytest

from ledger import canonical, records
from ledger.address import Address
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.errors import DigestMismatch, MalformedRecord, ProofInvalid

DATASET, LICENSE, RUN, TRACK = facts.a_dataset(), facts.a_license(), facts.a_training_run(), facts.a_track()
CONTENT = TRACK.content


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
    assert record.claim.digest == Digest.of(record.claim.payload())
    assert f"{record.claim.token:016x}" == record.claim.watermark.hex() == record.watermark
    with pytest.raises(DigestMismatch, match=record.watermark):
        replace(record, watermark="0" * 16)
    with pytest.raises(DigestMismatch):
        replace(record, claim=replace(record.claim, seed=record.claim.seed + 1))


def test_the_token_is_the_hash_of_creator_and_claim() -> None:
    """As ``idOf`` of contracts/Vouchers.sol: sha256(abi.encodePacked(creator, claim)), its first 64 bits."""
    claim = facts.a_track().claim
    packed = bytes.fromhex("03" * 20) + hashlib.sha256(claim.payload()).digest()
    assert claim.token == int.from_bytes(hashlib.sha256(packed).digest()[:8], "big")
    # From coreutils: { printf '\003%.0s' {1..20}; xxd -r -p <<< CLAIM; } | sha256sum, CLAIM as in IDENTITIES below.
    assert claim.watermark.hex() == "a54c888665ae4f2f"


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
        (
            DATASET.recordings[0],
            {"content": DATASET.recordings[0].content.cid},
            "content: expected ContentRef, not Cid",
        ),
        (CONTENT, {"cid": str(CONTENT.cid)}, "cid: expected Cid"),
        (CONTENT, {"profile": ""}, "profile: "),
        (CONTENT, {"sha256": CONTENT.sha256.raw}, "sha256: expected Digest, not bytes"),
        (DATASET, {"asset": "dataset:" + "A1" * 16}, "asset: .* is not dataset: and 32"),
        (DATASET, {"asset": "metadata:" + "a1" * 16}, "asset: "),
        (DATASET.terms, {"price": -1}, "price: -1"),
        (DATASET.terms, {"price": 2**96}, "price: "),
        (DATASET.terms, {"currency": Address(bytes(20))}, "currency: .* no token"),
        (DATASET.terms, {"currency": str(facts.TOKEN)}, "currency: expected Address, not str"),
        (DATASET.terms, {"until": "1969-12-31T23:59:59Z"}, "until: .* is before the beginning of Unix time"),
        (DATASET.terms, {"until": 2**40 - 1}, "until: expected a text"),
        (DATASET.terms, {"data_mining": "notConstrained"}, "dataMining: 'notConstrained' is none of notAllowed, "),
        (DATASET.terms, {"data_mining": None}, "dataMining: None is none of"),
        (DATASET.terms, {"inference": 2}, "inference: 2 is none of"),
        (DATASET.terms, {"royalty_ppm": 1_000_001}, "royaltyPpm: "),
        (DATASET.terms, {"uses": ("generate", "train")}, "uses: .* in the order train, generate, commercial"),
        (DATASET.terms, {"uses": ("train", "train")}, "uses: .* once"),
        (DATASET.terms, {"uses": "train"}, "uses: expected a tuple"),
        (LICENSE, {"subject_kind": "track"}, "subjectKind: 'track'"),
        (LICENSE, {"subject_id": 0}, "subjectId: 0"),
        (LICENSE, {"uses": ()}, "uses: empty"),
        (LICENSE, {"valid_until": facts.NOW}, "validUntil: .* not after"),
        (LICENSE, {"valid_until": ""}, "validUntil: empty"),
        (LICENSE, {"valid_from": "1960-01-01T00:00:00Z", "valid_until": "1960-01-02T00:00:00Z"}, "validUntil: .* Unix"),
        (LICENSE, {"price": 2**96}, "price: "),
        (LICENSE, {"currency": Address(bytes(20))}, "currency: .* no token"),
        (LICENSE, {"royalty_ppm": 1_000_001}, "royaltyPpm: "),
        (RUN, {"royalty_ppm": -1}, "royaltyPpm: -1"),
        (RUN, {"datasets": (), "parents": ()}, "datasets: empty"),
        (RUN, {"datasets": None}, "datasets: expected a tuple"),
        (RUN, {"datasets": RUN.datasets[::-1]}, r"datasets\[1\]: 1 is out of order"),
        (RUN, {"parents": None}, "parents: expected a tuple"),
        (RUN, {"parents": (4,)}, r"parents\[0\]: expected Parent"),
        (RUN, {"parents": RUN.parents[::-1]}, r"parents\[1\]: 4 is out of order"),
        (RUN, {"parents": RUN.parents[:1] * 2}, r"parents\[1\]: 4 occurs twice"),
        (RUN.parents[0], {"id": 0}, "id: 0"),
        (RUN.parents[0], {"record": "0" * 64}, "record: expected Digest"),
        (RUN.parents[0], {"license_id": -1}, "licenseId: -1"),
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
        (TRACK, {"royalty_ppm": 1_000_001}, "royaltyPpm: "),
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


def test_terms_that_say_no_more_are_in_ether_without_end_and_allow_nothing_unlicensed() -> None:
    plain = records.Terms(1, 0, ("train",))
    assert plain.to_json() == {
        "price": "1",
        "currency": None,
        "royaltyPpm": 0,
        "uses": ["train"],
        "until": None,
        "dataMining": "notAllowed",
        "inference": "notAllowed",
    }


def test_the_bounds_of_the_chain_are_possible() -> None:
    terms = replace(DATASET.terms, price=2**96 - 1, until="1970-01-01T00:00:00Z", royalty_ppm=1_000_000)
    assert records.read(replace(DATASET, terms=terms).payload()).terms == terms  # type: ignore[union-attr]
    assert replace(LICENSE, price=2**96 - 1, currency=None, royalty_ppm=0).currency is None


def test_preferences_stand_in_the_order_of_their_numbers_on_chain() -> None:
    """``_preference`` of contracts/Datasets.sol: 0 not allowed, 1 constrained, 2 allowed."""
    assert records.PREFERENCES == ("notAllowed", "constrained", "allowed")


def test_a_run_needs_no_dataset_where_it_began_from_a_model() -> None:
    run = replace(RUN, datasets=())
    assert records.read(run.payload()) == run
    assert replace(RUN, parents=()).predicate()["parents"] == []


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


PINNED: dict[str, Any] = {
    "dataset": DATASET,
    "labelled": facts.a_labelled_dataset(),
    "license": LICENSE,
    "run": RUN,
    "track": TRACK,
    "claim": TRACK.claim,
}
IDENTITIES = {
    "labelled": "5ba0cbf5d079e31f4e0990240ac00c65f95d0505f87da73a99b27d10e27bdf9c",
    "dataset": "ab6fc7578f6a55d5ee54caf8380b169ca8bda5520992d7cd859a668e896704ec",
    "license": "1df46c99316d2f061d2f8f10aa5a9ff34158bedc740fe97c750afc2d5682e34d",
    "run": "d8d277eb0fd9076049f5d1f89a7cc8252bb7aba6eb5108e701d4ee0b79b215a4",
    "track": "fdb2012aaf5e23d48725ad0304fc6ba2ac3de8c0c733a4c96aabf6fe56527ed5",
    "claim": "22e7eb2b1a1d4c06a7b53d7ce40877de7a769aae172b837187de435fc20769fc",
}


def test_what_is_said_of_labels_has_a_kind_of_its_own_and_changes_no_plain_record() -> None:
    labelled = facts.a_labelled_dataset()
    assert isinstance(labelled, records.DatasetRecord)
    assert b"urn:stemmata:dataset:v2" in labelled.payload() and b"labels" not in DATASET.payload()
    with pytest.raises(MalformedRecord, match=r"recordings\[0\].labels: only LabelledDatasetRecord"):
        replace(DATASET, recordings=labelled.recordings)
    with pytest.raises(MalformedRecord, match="no label is known"):
        facts.labelled(DATASET, [(0,) * 6] * 3)
    with pytest.raises(MalformedRecord, match=r"recordings\[0\].labels: missing"):
        facts.labelled(DATASET, [(), (1, 0, 0, 0, 0, 0), ()])


def test_a_grouping_is_written_in_one_way() -> None:
    for labels in ([2, 1, 2], [1, 3, 2], [0, 2, 1]):
        with pytest.raises(MalformedRecord, match="the next new number is"):
            facts.labelled(DATASET, [(0, 0, label, 0, 0, 0) for label in labels])
    assert facts.labelled(DATASET, [(0, 0, label, 0, 0, 0) for label in (0, 1, 1)])


def test_no_personal_text_is_in_a_dataset_record() -> None:
    name = "Ana Lopes - Demo for Mum.wav"
    recording = replace(DATASET.recordings[0], name_commitment=records.commitment(b"s" * 16, name))
    record = replace(DATASET, recordings=(recording, *DATASET.recordings[1:]))
    assert b"Ana" not in record.payload()


def test_a_cid_of_version_0_keeps_its_spelling() -> None:
    cid = Cid.parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")
    old = records.ContentRef(cid, "unixfs-v0-2015", facts.digest("codes"))
    assert records.read(replace(TRACK, fingerprint=old).payload()).fingerprint == old  # type: ignore[union-attr]


def test_the_digest_beside_a_cid_is_that_of_the_bytes_below_it() -> None:
    """A CID of one block holds the digest itself; of several, only who has the bytes can tell."""
    with pytest.raises(DigestMismatch, match=str(CONTENT.cid)):
        replace(CONTENT, sha256=facts.digest("other bytes"))
    tree = replace(CONTENT, cid=Cid.of_dag_pb(b"a node"))
    assert replace(tree, sha256=facts.digest("other bytes")).sha256 == facts.digest("other bytes")


def test_what_is_published_in_clear_lies_under_its_cid() -> None:
    other = facts.content("another file")
    with pytest.raises(DigestMismatch, match=str(RUN.weights)):
        replace(RUN, content=other)
    with pytest.raises(DigestMismatch, match=str(TRACK.audio)):
        replace(TRACK, content=other)


def test_what_is_called_sealed_does_not_lie_in_clear() -> None:
    sealed = replace(RUN, sealed=True, content=facts.content("ciphertext"))
    assert records.read(sealed.payload()) == sealed
    with pytest.raises(MalformedRecord, match="sealed: the weights themselves"):
        replace(RUN, sealed=True)
    with pytest.raises(DigestMismatch, match="content"):
        replace(sealed, sealed=False)
    with pytest.raises(MalformedRecord, match="sealed: expected a bool"):
        replace(sealed, sealed=1)  # type: ignore[arg-type]
