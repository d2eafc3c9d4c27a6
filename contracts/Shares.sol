// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WHOLE_PPM} from "./Uses.sol";

/// @dev Who holds a share: an account, or the owner of a dataset's or model's token.
enum Kind {
    Account,
    Dataset,
    Model
}

/// @param kind What `holder` is.
/// @param holder An account's address, or the token of a dataset or model.
/// @param ppm Parts per million of the income.
struct Share {
    Kind kind;
    uint256 holder;
    uint24 ppm;
}

/// @param hash The sibling's hash, on the way from a share up to the root.
/// @param ppm Parts per million of all shares below the sibling.
/// @param left Whether the sibling lies to the left.
struct Sibling {
    bytes32 hash;
    uint24 ppm;
    bool left;
}

/// @title Shares
/// @notice Merkle sum trees over shares. Hashes carry the sum of the shares below, so that the intervals of one tree cannot
/// overlap and make one whole; a leaf is hashed behind a 00 and a node behind a 01, so that neither can pass for the other.
library Shares {
    /// @notice The shares along the path do not make one whole.
    error NotWhole(uint256 sumPpm);

    /// @dev The root that a share leads to, and where the share's interval begins, in parts per million.
    /// @param path The share's siblings, from the bottom up.
    function climb(Share calldata share, Sibling[] calldata path)
        internal
        pure
        returns (bytes32 hash, uint256 start)
    {
        hash = keccak256(abi.encodePacked(uint8(0), share.kind, share.holder, share.ppm));
        uint256 sum = share.ppm;
        for (uint256 i = 0; i < path.length; ++i) {
            Sibling calldata other = path[i];
            if (other.left) {
                hash = keccak256(abi.encodePacked(uint8(1), other.hash, other.ppm, hash, uint24(sum)));
                start += other.ppm;
            } else {
                hash = keccak256(abi.encodePacked(uint8(1), hash, uint24(sum), other.hash, other.ppm));
            }
            sum += other.ppm;
            if (sum > WHOLE_PPM) revert NotWhole(sum);
        }
        if (sum != WHOLE_PPM) revert NotWhole(sum);
    }
}
