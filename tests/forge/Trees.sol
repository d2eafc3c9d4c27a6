// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Share, Sibling} from "../../contracts/Shares.sol";

/// @notice Merkle trees as RFC 9162 defines them (section 2.1.1, paths after 2.1.3.1): by recursion, as the contracts never
/// do it.
library Trees {
    function root(bytes[] memory leaves) internal pure returns (bytes32) {
        return _hash(leaves, 0, leaves.length);
    }

    /// @dev The siblings of a leaf, from the bottom up.
    function path(bytes[] memory leaves, uint256 index) internal pure returns (bytes32[] memory) {
        return _path(leaves, index, 0, leaves.length);
    }

    function _hash(bytes[] memory leaves, uint256 from, uint256 to) private pure returns (bytes32) {
        if (to - from == 1) return sha256(abi.encodePacked(uint8(0), leaves[from]));
        uint256 middle = from + _half(to - from);
        return sha256(abi.encodePacked(uint8(1), _hash(leaves, from, middle), _hash(leaves, middle, to)));
    }

    function _path(bytes[] memory leaves, uint256 index, uint256 from, uint256 to)
        private
        pure
        returns (bytes32[] memory all)
    {
        if (to - from == 1) return new bytes32[](0);
        uint256 middle = from + _half(to - from);
        bool left = index < middle;
        bytes32[] memory below = left ? _path(leaves, index, from, middle) : _path(leaves, index, middle, to);
        all = new bytes32[](below.length + 1);
        for (uint256 i = 0; i < below.length; ++i) {
            all[i] = below[i];
        }
        all[below.length] = left ? _hash(leaves, middle, to) : _hash(leaves, from, middle);
    }

    /// @dev The largest power of two below a number.
    function _half(uint256 number) private pure returns (uint256 half) {
        half = 1;
        while (half * 2 < number) half *= 2;
    }
}

/// @notice Sum trees over shares, of four at most.
library SumTrees {
    struct Node {
        bytes32 hash;
        uint24 ppm;
    }

    function leaf(Share memory share) internal pure returns (Node memory) {
        return Node(keccak256(abi.encodePacked(uint8(0), share.kind, share.holder, share.ppm)), share.ppm);
    }

    function join(Node memory left, Node memory right) internal pure returns (Node memory) {
        return Node(
            keccak256(abi.encodePacked(uint8(1), left.hash, left.ppm, right.hash, right.ppm)), left.ppm + right.ppm
        );
    }

    /// @dev Root of two pairs.
    function root(Share[4] memory shares) internal pure returns (bytes32) {
        return join(join(leaf(shares[0]), leaf(shares[1])), join(leaf(shares[2]), leaf(shares[3]))).hash;
    }

    /// @dev The siblings of one of four.
    function path(Share[4] memory shares, uint256 index) internal pure returns (Sibling[] memory siblings) {
        siblings = new Sibling[](2);
        Node memory beside = leaf(shares[index ^ 1]);
        siblings[0] = Sibling(beside.hash, beside.ppm, index & 1 == 1);
        uint256 pair = (index & 2) ^ 2;
        Node memory above = join(leaf(shares[pair]), leaf(shares[pair + 1]));
        siblings[1] = Sibling(above.hash, above.ppm, index & 2 == 2);
    }
}
