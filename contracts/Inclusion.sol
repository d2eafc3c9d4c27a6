// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Inclusion
/// @notice Merkle inclusion proofs as in Certificate Transparency (RFC 9162, section 2.1.3.2), over SHA-256. A leaf is
/// hashed behind a 00 and a node behind a 01, so that a node can never pass for a leaf.
library Inclusion {
    /// @dev Whether a leaf is the one at `index` of the `size` leaves under `root`.
    /// @param leaf The leaf itself, not its hash.
    /// @param path The siblings, from the leaf upwards.
    function holds(bytes memory leaf, uint256 index, uint256 size, bytes32[] calldata path, bytes32 root)
        internal
        view
        returns (bool)
    {
        if (index >= size) return false;
        bytes32 node = sha256(abi.encodePacked(uint8(0), leaf));
        uint256 last = size - 1;
        // In assembly, since a proof has up to twenty levels: 01 and two nodes are laid out behind the free memory pointer,
        // and the contract at 2 (Yellow Paper, appendix E) hashes their 65 bytes.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 1)
            let end := add(path.offset, shl(5, path.length))
            for { let sibling := path.offset } lt(sibling, end) { sibling := add(sibling, 32) } {
                // The path goes on above the root.
                if iszero(last) {
                    node := 0
                    break
                }
                switch or(and(index, 1), eq(index, last))
                case 0 {
                    mstore(add(free, 1), node)
                    mstore(add(free, 33), calldataload(sibling))
                }
                default {
                    mstore(add(free, 1), calldataload(sibling))
                    mstore(add(free, 33), node)
                    // A last node without a sibling moved up unhashed: skip those levels.
                    for {} iszero(or(and(index, 1), iszero(index))) {} {
                        index := shr(1, index)
                        last := shr(1, last)
                    }
                }
                index := shr(1, index)
                last := shr(1, last)
                // Without gas enough the call fails, and the node is none.
                let done := staticcall(gas(), 2, free, 65, 0, 32)
                node := mul(done, mload(0))
            }
        }
        return last == 0 && node == root && root != 0;
    }
}
