"""Share trees: against Split.sol in the embedded chain, altered proofs, and the published form."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_abi.packed import encode_packed
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import canonical
from ledger.abi import Interface
from ledger.address import Address
from ledger.chain import Chain
from ledger.deployment import deploy
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, MalformedRecord, NotFound, ProofInvalid, Reverted
from ledger.keys import LocalSigner
from ledger.shares import WHOLE_PPM, Share, ShareProof, ShareTree, Sibling, climb

ETHER = Address(bytes(20))
SOMEBODY = Address(bytes(range(1, 21)))
WEEK = 7 * 86400


def divided(size: int) -> list[Share]:
    """Shares of all kinds, no two alike, that make one whole."""
    ppm = [1000 + place for place in range(size - 1)]
    ppm.append(WHOLE_PPM - sum(ppm))
    holders = [SOMEBODY, 7, 2**53 - 1]
    kinds = ["account", "dataset", "model"]
    return [Share(kinds[i % 3], holders[i % 3], part) for i, part in enumerate(ppm)]


@st.composite
def trees(draw: st.DrawFn) -> ShareTree:
    size = draw(st.integers(1, 20))
    cuts = sorted(draw(st.sets(st.integers(1, WHOLE_PPM - 1), min_size=size - 1, max_size=size - 1)))
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, WHOLE_PPM], strict=True)]
    accounts = st.tuples(st.just("account"), st.binary(min_size=20, max_size=20).filter(any).map(Address))
    tokens = st.tuples(st.sampled_from(["dataset", "model"]), st.integers(1, 2**53 - 1))
    return ShareTree([Share(*draw(accounts | tokens), ppm) for ppm in parts])


def by_definition(shares: list[Share]) -> tuple[bytes, int]:
    """Root and sum as RFC 9162 section 2.1.1 recurses, packed by eth_abi: where the code goes level by level."""
    if len(shares) == 1:
        kind, holder, ppm = shares[0].arguments
        return keccak(encode_packed(["uint8", "uint8", "uint256", "uint24"], [0, kind, holder, ppm])), ppm
    split = 1
    while split * 2 < len(shares):
        split *= 2
    (left, left_sum), (right, right_sum) = by_definition(shares[:split]), by_definition(shares[split:])
    types = ["uint8", "bytes32", "uint24", "bytes32", "uint24"]
    return keccak(encode_packed(types, [1, left, left_sum, right, right_sum])), left_sum + right_sum


def test_every_size_to_70_has_the_defined_root_and_good_proofs() -> None:
    for size in range(1, 71):
        shares = divided(size)
        tree = ShareTree(shares)
        assert (tree.root, WHOLE_PPM) == by_definition(shares)
        start = 0
        for index, share in enumerate(shares):
            proof = tree.proof(index)
            proof.verify(tree.root)
            assert (proof.share, proof.start) == (share, start)
            start += share.ppm


@settings(max_examples=40)
@given(trees(), st.data())
def test_any_altered_part_of_a_proof_is_noticed(tree: ShareTree, data: st.DataObject) -> None:
    proof = tree.proof(data.draw(st.integers(0, len(tree) - 1)))
    proof.verify(tree.root)
    for altered in alterations(proof):
        with pytest.raises(ProofInvalid):
            altered.verify(tree.root)
    with pytest.raises(ProofInvalid, match="not to the root"):
        proof.verify(flipped(tree.root, data.draw(st.integers(0, 31))))
    with pytest.raises(ProofInvalid, match="begins at"):
        replace(proof, start=proof.start + 1).verify(tree.root)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def alterations(proof: ShareProof) -> Iterator[ShareProof]:
    """The proof with each part of share and path altered, one at a time."""
    share, path = proof.share, proof.path
    if isinstance(share.holder, Address):
        yield replace(proof, share=replace(share, holder=Address(flipped(share.holder.raw, 0)[:19] + b"\x01")))
    else:
        yield replace(proof, share=replace(share, holder=share.holder % 2**52 + 1))
        yield replace(proof, share=replace(share, kind="model" if share.kind == "dataset" else "dataset"))
    if share.ppm > 1:
        yield replace(proof, share=replace(share, ppm=share.ppm - 1))
    yield replace(proof, path=(*path, Sibling(bytes(32), 0, True)))
    yield replace(proof, path=(*path, Sibling(bytes(32), 1, False)))
    for place, other in enumerate(path):
        beside = [
            replace(other, hash=flipped(other.hash, place)),
            replace(other, ppm=other.ppm - 1),
            replace(other, left=not other.left),
        ]
        for one in beside:
            yield replace(proof, path=(*path[:place], one, *path[place + 1 :]))
        yield replace(proof, path=path[:place] + path[place + 1 :])
        # A part of the whole that moves from a sibling to the share.
        moved = replace(share, ppm=share.ppm + 1)
        yield replace(proof, share=moved, path=(*path[:place], beside[1], *path[place + 1 :]))


def test_a_path_may_not_pass_one_whole() -> None:
    share = Share("account", SOMEBODY, 600_000)
    with pytest.raises(ProofInvalid, match="sum to 1200000 ppm"):
        climb(share, [Sibling(bytes(32), 600_000, True)])


@given(trees())
def test_published_shares_read_back(tree: ShareTree) -> None:
    payload = tree.payload()
    again = ShareTree.from_payload(payload)
    assert (again.shares, again.root, again.payload()) == (tree.shares, tree.root, payload)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("type",), "urn:stemmata:shares:v2", "type"),
        (("type",), None, "type"),
        (("shares",), {}, "shares: expected a list"),
        (("shares",), [], "shares: the shares sum to 0 ppm"),
        (("more",), 1, "more: unknown field"),
        (("shares", 1, "kind"), "artist", r"shares\[1\]\.kind: 'artist' is none of"),
        (("shares", 0, "kind"), "model", r"shares\[0\]\.holder: expected an integer"),
        (("shares", 1, "holder"), 0, r"shares\[1\]\.holder: 0 is not the number"),
        (("shares", 1, "holder"), True, r"shares\[1\]\.holder: expected an integer"),
        (("shares", 0, "holder"), str(SOMEBODY).lower(), r"shares\[0\]\.holder: .* is written"),
        (("shares", 0, "holder"), "0x" + 40 * "0", r"shares\[0\]\.holder: what is paid to the zero address"),
        (("shares", 2, "ppm"), 0, r"shares\[2\]\.ppm: 0 is not within"),
        (("shares", 2, "ppm"), "1", r"shares\[2\]\.ppm: expected an integer"),
        (("shares", 2, "ppm"), 1, "shares: the shares sum to"),
        (("shares", 2, "name"), "x", r"shares\[2\]\.name: unknown field"),
    ],
)
def test_published_shares_with_a_fault_are_refused_by_its_name(place: tuple, value: object, message: str) -> None:
    known = json.loads(ShareTree(divided(3)).payload())
    part = known
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    with pytest.raises(MalformedRecord, match=f"^{message}"):
        ShareTree.from_payload(canonical.encode(known))


def test_another_spelling_of_published_shares_is_refused() -> None:
    payload = ShareTree(divided(3)).payload()
    with pytest.raises(MalformedRecord, match="canonical"):
        ShareTree.from_payload(payload + b"\n")


@pytest.mark.parametrize(
    ("kind", "holder", "ppm", "message"),
    [
        ("artist", 1, 1, "kind"),
        ("account", 1, 1, "holder"),
        ("account", ETHER, 1, "holder"),
        ("dataset", SOMEBODY, 1, "holder"),
        ("model", 2**53, 1, "holder"),
        ("model", True, 1, "holder"),
        ("model", 1, 0, "ppm"),
        ("model", 1, WHOLE_PPM + 1, "ppm"),
        ("model", 1, True, "ppm"),
    ],
)
def test_an_impossible_share_is_refused(kind: str, holder: object, ppm: int, message: str) -> None:
    with pytest.raises(ArgumentRefused, match=f"^{message}:"):
        Share(kind, holder, ppm)


@pytest.mark.parametrize(("hash", "ppm"), [(bytes(31), 1), (bytes(32), -1), (bytes(32), WHOLE_PPM + 1)])
def test_an_impossible_sibling_is_refused(hash: bytes, ppm: int) -> None:
    with pytest.raises(ArgumentRefused):
        Sibling(hash, ppm, False)


@pytest.mark.parametrize("by", [-1, 1])
def test_shares_make_one_whole(by: int) -> None:
    shares = divided(5)
    shares[1] = replace(shares[1], ppm=shares[1].ppm + by)
    with pytest.raises(ArgumentRefused, match=f"sum to {WHOLE_PPM + by} ppm"):
        ShareTree(shares)
    with pytest.raises(ArgumentRefused, match="sum to 0 ppm"):
        ShareTree([])


@pytest.mark.parametrize("index", [-1, 3])
def test_no_proof_for_a_share_that_is_not_there(index: int) -> None:
    with pytest.raises(NotFound):
        ShareTree(divided(3)).proof(index)


def test_an_epoch_is_adopted_and_paid_out_by_proof(tmp_path) -> None:
    clock = [1_800_000_000]

    def fresh() -> Digest:
        return Digest(os.urandom(32))

    def named(error: pytest.ExceptionInfo[Reverted]) -> str:
        found = split.error(error.value.data)
        return found[0] if found else error.value.data.hex()

    with Chain.open_embedded(tmp_path, clock=lambda: clock[0]) as chain:

        def person() -> LocalSigner:
            signer = LocalSigner.generate()
            chain.fund(signer.address, 10**19)
            return signer

        maker, payer = person(), person()
        on = deploy(chain, maker)
        split = Interface.load("Split")

        def send(contract: str, function: str, *arguments: object) -> None:
            chain.send(maker, Interface.load(contract.capitalize()), getattr(on, contract), function, *arguments)

        cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
        send("datasets", "register", fresh(), fresh(), (0, 2**40 - 1, 50_000, 7, 0, ETHER), cid)
        send("models", "record", (fresh(), fresh(), 20_000, [1], [WHOLE_PPM], [], cid))
        claim = fresh()
        send("tracks", "mint", (claim, fresh(), fresh(), 1, 0), fresh())
        track = int.from_bytes(Digest.of(maker.address.raw + claim.raw).raw[:8], "big")
        send("royalties", "open", track, maker.address, 1)
        account, _ = chain.call(Interface.load("Tracks"), on.tracks, "royaltyInfo", track, 1)

        def pull(epoch: int, proof: ShareProof) -> None:
            chain.send(payer, split, account, "pullProven", ETHER, epoch, *proof.arguments)

        before, after = 10**15 + 7, 10**17 + 13
        chain.transact(payer, account, b"", value=before)
        holders = [person().address for _ in range(4)]
        parts = [1, 333_333, 99_999, 16_667]
        shares = [Share("account", holder, ppm) for holder, ppm in zip(holders, parts, strict=True)]
        tree = ShareTree([*shares, Share("dataset", 1, 50_000), Share("model", 1, 500_000)])
        # The creator's recorded share is the first; a proposal shows one of the new shares, any of them.
        with pytest.raises(Reverted) as unproven:
            chain.send(maker, split, account, "propose", 0, bytes(range(32)), *tree.proof(2).arguments)
        assert named(unproven) == "ShareUnproven"
        chain.send(maker, split, account, "propose", 0, tree.root, *tree.proof(2).arguments)
        clock[0] += WEEK - 60
        with pytest.raises(Reverted) as early:
            chain.send(payer, split, account, "adopt", ETHER)
        assert named(early) == "NothingToAdopt"
        clock[0] += 61
        chain.send(payer, split, account, "adopt", ETHER)
        assert chain.call(split, account, "rootOf", 1) == tree.root
        chain.transact(payer, account, b"", value=after)

        had = [chain.balance(holder) for holder in holders]
        refusals, left = set(), before + after
        for index in range(len(tree)):
            proof = tree.proof(index)
            for altered in alterations(proof):
                with pytest.raises(ProofInvalid):
                    altered.verify(tree.root)
                with pytest.raises(Reverted) as refused:
                    pull(1, altered)
                refusals.add(named(refused))
            proof.verify(tree.root)
            due = after * proof.share.ppm // WHOLE_PPM
            assert chain.call(split, account, "dueProven", ETHER, 1, *proof.arguments) == due
            pull(1, proof)
            left -= due
            with pytest.raises(Reverted) as twice:
                pull(1, proof)
            assert named(twice) == "NothingDue"
            if index < len(holders):
                assert chain.balance(holders[index]) == had[index] + due
        assert refusals == {"ShareUnproven", "NotWhole"}
        # What came before the epoch is still there, and of the rest what rounding left.
        assert chain.balance(account) == left
        assert before <= left < before + len(tree)

        # The next epoch is a tree of one share, whose proof is empty; the first epoch's proofs lead nowhere in it.
        second = ShareTree([Share("model", 1, WHOLE_PPM)])
        chain.send(maker, split, account, "propose", 0, second.root, *second.proof(0).arguments)
        clock[0] += WEEK + 1
        chain.send(payer, split, account, "adopt", ETHER)
        chain.transact(payer, account, b"", value=5)
        with pytest.raises(Reverted) as older:
            pull(2, tree.proof(5))
        assert named(older) == "ShareUnproven"
        pull(2, second.proof(0))
        assert chain.balance(account) == left
