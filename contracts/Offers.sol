// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {AlreadyOver, NotOwner, RoyaltyTooHigh, UsesUnknown} from "./Refusals.sol";
import {ALL_USES, ETHER, WHOLE_PPM} from "./Uses.sol";

/// @title Offers
/// @notice Tokens whose owners sell licenses, and on what terms. Terms can be changed at any time, for licenses sold from
/// then on: those sold before are Licenses.sol's, and nothing here touches them.
abstract contract Offers is ERC721 {
    /// @param price What a license costs, in the currency's smallest unit.
    /// @param until Last second that the licenses on sale are valid for, Unix time; FOREVER for no end.
    /// @param royaltyPpm Part asked of what is earned with whatever a licensee makes, in parts per million.
    /// @param uses Uses on offer, a mask of Uses.sol; none where nothing is for sale.
    /// @param preferences What the owner allows without a license (ERC-7517): bits 0-1 data mining, bits 2-3 inference;
    /// 0 not allowed, 1 constrained, 2 allowed.
    /// @param currency An ERC-20 token, or zero for ether.
    struct Terms {
        uint96 price;
        uint40 until;
        uint24 royaltyPpm;
        uint8 uses;
        uint8 preferences;
        address currency;
    }

    /// @dev One slot per token; a second one, in `_currencies`, only where the price is not in ether.
    /// @param closed True once no license is issued any more.
    /// @param priced True where the currency is an ERC-20 token.
    /// @param blockNumber Block in which a dataset was registered.
    struct Offer {
        uint96 price;
        uint40 until;
        uint24 royaltyPpm;
        uint8 uses;
        uint8 preferences;
        bool closed;
        bool priced;
        uint40 blockNumber;
    }

    mapping(uint256 id => Offer) internal _offers;

    mapping(uint256 id => address currency) private _currencies;

    /// @notice The owner of token `id` changed its terms, for licenses sold from now on.
    event TermsChanged(uint256 indexed id, Terms terms);

    /// @notice The preferences name a value that ERC-7517 does not have.
    error PreferencesUnknown(uint8 preferences);

    /// @notice What licenses of a token are sold for, and by whom. Reverts where there is no such token.
    /// @return owner Who is paid, and may grant licenses.
    /// @return terms The terms as they are now.
    /// @return closed True if no license is issued any more.
    function offer(uint256 id) public view virtual returns (address owner, Terms memory terms, bool closed) {
        owner = _requireOwned(id);
        Offer storage kept = _offers[id];
        terms = Terms(kept.price, kept.until, kept.royaltyPpm, kept.uses, kept.preferences, ETHER);
        if (kept.priced) terms.currency = _currencies[id];
        closed = kept.closed;
    }

    /// @notice Block in which a token was made, where the event with the CID is found. Reverts where there is none.
    function blockOf(uint256 id) external view virtual returns (uint256);

    /// @dev Revert unless `caller` owns the token.
    function _requireOwner(uint256 id, address caller) internal view {
        if (_requireOwned(id) != caller) revert NotOwner(id, caller);
    }

    /// @dev Write the terms of a token; whether anything may be offered at all is for the caller to decide.
    function _keepTerms(uint256 id, Terms calldata terms) internal {
        if (terms.royaltyPpm > WHOLE_PPM) revert RoyaltyTooHigh(terms.royaltyPpm);
        if (terms.uses > ALL_USES) revert UsesUnknown(terms.uses);
        if (terms.preferences & 3 > 2 || terms.preferences >> 2 > 2) revert PreferencesUnknown(terms.preferences);
        if (terms.until < block.timestamp) revert AlreadyOver(terms.until);
        Offer memory kept = _offers[id];
        kept.price = terms.price;
        kept.until = terms.until;
        kept.royaltyPpm = terms.royaltyPpm;
        kept.uses = terms.uses;
        kept.preferences = terms.preferences;
        kept.priced = terms.currency != ETHER;
        _offers[id] = kept;
        if (kept.priced) _currencies[id] = terms.currency;
    }
}
