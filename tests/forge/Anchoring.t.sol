// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Guarded} from "../../contracts/Guarded.sol";
import {Inclusion} from "../../contracts/Inclusion.sol";
import {LicenseMissing, RoyaltyTooHigh, ZeroDigest} from "../../contracts/Refusals.sol";
import {Tracks} from "../../contracts/Tracks.sol";
import {GENERATE} from "../../contracts/Uses.sol";
import {House} from "./House.sol";
import {Trees} from "./Trees.sol";

/// @notice Many tracks recorded at once under a Merkle root, and minted one by one.
contract AnchoringTest is House {
    uint256 private _model;

    function setUp() public override {
        super.setUp();
        _model = newModel(TRAINER);
        grant(models, _model, creator, GENERATE);
    }

    function _leaves(uint256 size) private returns (bytes[] memory leaves) {
        leaves = new bytes[](size);
        for (uint256 i = 0; i < size; ++i) {
            leaves[i] = abi.encode(fresh(), fresh(), fresh());
        }
    }

    function _anchor(bytes[] memory leaves) private returns (bytes32 root) {
        root = Trees.root(leaves);
        vm.prank(creator);
        tracks.anchor(root, leaves.length, uint40(_model), ROYALTY, "content");
    }

    function _mint(bytes32 root, uint256 index, bytes memory leaf, bytes32[] memory path) private returns (uint256) {
        Tracks.Leaf memory track = abi.decode(leaf, (Tracks.Leaf));
        vm.prank(creator);
        return tracks.mintAnchored(root, index, track, path, "content");
    }

    function _refuses(bytes32 root, uint256 index, bytes memory leaf, bytes32[] memory path) private {
        vm.expectRevert(abi.encodeWithSelector(Tracks.NotAnchored.selector, root, index));
        _mint(root, index, leaf, path);
    }

    function testFuzz_mintsWhatIsAnchored(uint256 size, uint256 index) external {
        size = bound(size, 1, 40);
        index = bound(index, 0, size - 1);
        bytes[] memory leaves = _leaves(size);
        bytes32 root = _anchor(leaves);
        bytes32[] memory path = Trees.path(leaves, index);
        uint256 id = _mint(root, index, leaves[index], path);
        Tracks.Track memory kept = tracks.track(id);
        holds(kept.creator == creator && kept.model == _model && kept.royaltyPpm == ROYALTY, "as it was anchored");
        (, bytes32 audio,) = abi.decode(leaves[index], (bytes32, bytes32, bytes32));
        vm.expectRevert(abi.encodeWithSelector(Tracks.AudioTaken.selector, audio, id));
        _mint(root, index, leaves[index], path);
    }

    /// @dev Each part of a proof is altered, and noticed.
    function testFuzz_refusesAnotherProof(uint256 size, uint256 index, uint256 other, uint256 bit) external {
        size = bound(size, 2, 40);
        (index, other) = (bound(index, 0, size - 1), bound(other, 0, size + 3));
        vm.assume(other != index);
        bytes[] memory leaves = _leaves(size);
        bytes32 root = _anchor(leaves);
        bytes32[] memory path = Trees.path(leaves, index);
        _refuses(root, other, leaves[index], path);
        _refuses(root, index, leaves[other % size == index ? (index + 1) % size : other % size], path);
        uint256 place = bound(other, 0, path.length - 1);
        path[place] ^= bytes32(1 << (bit & 255));
        _refuses(root, index, leaves[index], path);
        path[place] ^= bytes32(1 << (bit & 255));
        bytes32[] memory longer = new bytes32[](path.length + 1);
        bytes32[] memory shorter = new bytes32[](path.length - 1);
        for (uint256 i = 0; i < path.length; ++i) {
            longer[i] = path[i];
            if (i < shorter.length) shorter[i] = path[i];
        }
        _refuses(root, index, leaves[index], longer);
        _refuses(root, index, leaves[index], shorter);
        _refuses(bytes32(uint256(root) ^ 1), index, leaves[index], path);
        _mint(root, index, leaves[index], path);
    }

    /// @dev Second preimages: a node of two hashes, passed as a leaf of another size's tree. Leaves have 96 bytes and
    /// nodes 64, so the nearest that a caller comes is the library itself.
    function test_aNodePassesForNoLeaf() external {
        bytes[] memory leaves = new bytes[](4);
        for (uint256 i = 0; i < 4; ++i) {
            leaves[i] = abi.encode(fresh(), fresh());
        }
        bytes32 root = Trees.root(leaves);
        bytes32[] memory none = new bytes32[](0);
        bytes32 left = sha256(abi.encodePacked(uint8(1), _leaf(leaves[0]), _leaf(leaves[1])));
        bytes32 right = sha256(abi.encodePacked(uint8(1), _leaf(leaves[2]), _leaf(leaves[3])));
        holds(root == sha256(abi.encodePacked(uint8(1), left, right)), "this is the tree");
        holds(!this.included(abi.encode(left, right), 0, 1, none, root), "the root's node is no leaf of a tree of one");
        bytes32[] memory path = new bytes32[](1);
        path[0] = right;
        holds(!this.included(abi.encode(_leaf(leaves[0]), _leaf(leaves[1])), 0, 2, path, root), "nor one below it");
        holds(this.included(leaves[2], 2, 4, Trees.path(leaves, 2), root), "but a leaf is");
        // With the digests that a caller may give: two of them make the node, and the third cannot be nothing.
        vm.prank(creator);
        tracks.anchor(root, 1, uint40(_model), ROYALTY, "content");
        _refuses(root, 0, abi.encode(left, right, bytes32(0)), none);
        _refuses(root, 0, abi.encode(bytes32(uint256(1)), left, right), none);
    }

    function testFuzz_nothingIsUnderARootOfZero(bytes calldata leaf) external view {
        holds(!this.included(leaf, 0, 1, new bytes32[](0), 0), "no leaf");
        holds(!this.included(leaf, 0, 1, new bytes32[](1), 0), "no path past the root");
    }

    function included(bytes calldata leaf, uint256 index, uint256 size, bytes32[] calldata path, bytes32 root)
        external
        view
        returns (bool)
    {
        return Inclusion.holds(leaf, index, size, path, root);
    }

    function _leaf(bytes memory leaf) private pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0), leaf));
    }

    function test_refusesAnAnchorOfNothing() external {
        vm.startPrank(creator);
        vm.expectRevert(ZeroDigest.selector);
        tracks.anchor(0, 1, uint40(_model), ROYALTY, "content");
        vm.expectRevert(abi.encodeWithSelector(Tracks.AnchorSize.selector, 0));
        tracks.anchor("root", 0, uint40(_model), ROYALTY, "content");
        vm.expectRevert(abi.encodeWithSelector(Tracks.AnchorSize.selector, 1_000_001));
        tracks.anchor("root", 1_000_001, uint40(_model), ROYALTY, "content");
        vm.expectRevert(abi.encodeWithSelector(RoyaltyTooHigh.selector, 1_000_001));
        tracks.anchor("root", 1, uint40(_model), 1_000_001, "content");
        vm.expectEmit(address(tracks));
        emit Tracks.Anchored("root", creator, _model, 1_000_000, ROYALTY, "content");
        tracks.anchor("root", 1_000_000, uint40(_model), ROYALTY, "content");
        vm.expectRevert(abi.encodeWithSelector(Tracks.RootAnchored.selector, bytes32("root")));
        tracks.anchor("root", 2, uint40(_model), ROYALTY, "content");
    }

    /// @dev An anchor is its creator's alone, and whoever mints from it is licensed now.
    function test_anAnchorIsNoLicense() external {
        bytes[] memory leaves = _leaves(3);
        bytes32 root = _anchor(leaves);
        Tracks.Leaf memory leaf = abi.decode(leaves[1], (Tracks.Leaf));
        bytes32[] memory path = Trees.path(leaves, 1);
        vm.startPrank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Tracks.NotAnchored.selector, root, 1));
        tracks.mintAnchored(root, 1, leaf, path, "content");
        tracks.anchor(root, 3, uint40(_model), ROYALTY, "content");
        vm.expectRevert(abi.encodeWithSelector(LicenseMissing.selector, models, _model, STRANGER, GENERATE));
        tracks.mintAnchored(root, 1, leaf, path, "content");
        vm.stopPrank();
        guardian.pause(tracks, true);
        vm.expectRevert(Guarded.MintsPaused.selector);
        _mint(root, 1, leaves[1], path);
    }
}
