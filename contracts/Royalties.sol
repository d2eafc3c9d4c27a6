// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Models} from "./Models.sol";
import {Split} from "./Split.sol";

/// @title Royalties
/// @notice Each track has an address that is known before anything is there: a clone of Split.sol whose code holds the
/// shares. Money can be sent to it at any time; the clone is made by whoever first pulls. The address is a commitment to
/// track, creator and shares, so that nobody can put another split there.
contract Royalties {
    /// @notice Where the shares come from.
    Models public immutable MODELS;

    /// @notice What every account is a clone of.
    Split public immutable SPLIT;

    /// @notice An account was made. It is a track's only if the track has this creator and this model.
    event Opened(uint256 indexed track, Split indexed account, address creator, uint256 model);

    constructor(IERC721 datasets, Models models) {
        MODELS = models;
        SPLIT = new Split(datasets, models);
    }

    /// @notice The address of a track's account, whether anything is there yet or not.
    /// @param track The token.
    /// @param creator Who created the track.
    /// @param model The model that generated it. Reverts where there is no such model.
    function accountOf(uint256 track, address creator, uint256 model) external view returns (address) {
        return Clones.predictDeterministicAddressWithImmutableArgs(
            address(SPLIT), _shares(creator, model), bytes32(track)
        );
    }

    /// @notice Make a track's account, unless it is there.
    function open(uint256 track, address creator, uint256 model) public returns (Split account) {
        bytes memory shares = _shares(creator, model);
        account = Split(
            payable(Clones.predictDeterministicAddressWithImmutableArgs(address(SPLIT), shares, bytes32(track)))
        );
        if (address(account).code.length != 0) return account;
        Clones.cloneDeterministicWithImmutableArgs(address(SPLIT), shares, bytes32(track));
        emit Opened(track, account, creator, model);
    }

    /// @notice Make a track's account if need be, and pay out one share of it.
    /// @param currency An ERC-20 token, or zero for ether.
    /// @param index The share: 0 the creator, 1 the model's holder, then the model's dues in their order.
    function pull(uint256 track, address creator, uint256 model, address currency, uint256 index) external {
        open(track, creator, model).pull(currency, index);
    }

    /// @dev What a clone carries in its code: creator (20 bytes), model (5), its royalty (3), dues (6 each).
    function _shares(address creator, uint256 model) private view returns (bytes memory shares) {
        (uint24 royaltyPpm, uint48[] memory dues) = MODELS.duesOf(model);
        shares = new bytes(28 + 6 * dues.length);
        assembly ("memory-safe") {
            mstore(add(shares, 32), or(shl(96, creator), or(shl(56, model), shl(32, royaltyPpm))))
            let to := add(shares, 60)
            for { let from := add(dues, 32) let end := add(from, mul(32, mload(dues))) } lt(from, end) {
                from := add(from, 32)
                to := add(to, 6)
            } { mstore(to, shl(208, mload(from))) }
        }
    }
}
