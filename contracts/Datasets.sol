// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Offers} from "./Offers.sol";
import {ConsentWithdrawn, ZeroDigest} from "./Refusals.sol";
import {TRAIN} from "./Uses.sol";

/// @title Datasets
/// @notice A token is the right in a dataset of recordings: whoever owns it is paid for licenses, grants them, and may
/// withdraw consent. A dataset is named by the Merkle root over its recordings, and a root is registered once.
contract Datasets is Offers {
    /// @param dataset The token.
    /// @param record First 192 bits of the SHA-256 of the signed dataset record; the event has all of them.
    struct Filed {
        uint64 dataset;
        bytes24 record;
    }

    /// @notice How many datasets there are; ids run from 1 to this number.
    uint256 public count;

    /// @notice The dataset registered under a root; 0 where there is none.
    mapping(bytes32 root => Filed) public byRoot;

    /// @notice A dataset was registered.
    /// @param root Merkle root (RFC 9162, SHA-256) over the recordings.
    /// @param holder Who registered it.
    /// @param record SHA-256 of the signed dataset record.
    /// @param cid Where the signed record lies.
    event Registered(
        uint256 indexed id, bytes32 indexed root, address indexed holder, bytes32 record, Terms terms, string cid
    );

    /// @notice The owner of dataset `id` sells and grants no more licenses. Those that exist stay valid.
    event ConsentEnded(uint256 indexed id);

    /// @notice The root is registered already, as dataset `id`.
    error RootTaken(bytes32 root, uint256 id);

    constructor() ERC721("Stemmata Datasets", "STEMDATA") {}

    /// @notice Register a dataset; the caller becomes its holder.
    /// @param root Merkle root over the recordings.
    /// @param record SHA-256 of the signed dataset record.
    /// @param terms What licenses are sold for.
    /// @param cid Where the signed record lies.
    /// @return id The new token, counted from 1.
    function register(bytes32 root, bytes32 record, Terms calldata terms, string calldata cid)
        external
        returns (uint256 id)
    {
        if (root == 0 || record == 0) revert ZeroDigest();
        if (byRoot[root].dataset != 0) revert RootTaken(root, byRoot[root].dataset);
        id = ++count;
        byRoot[root] = Filed(uint64(id), bytes24(record));
        _offers[id].blockNumber = uint40(block.number);
        _keepTerms(id, terms);
        _mint(msg.sender, id);
        emit Registered(id, root, msg.sender, record, terms, cid);
    }

    /// @notice Change the terms of licenses sold from now on. Only the owner may, and only while consent stands.
    function changeTerms(uint256 id, Terms calldata terms) external {
        _requireConsent(id);
        _keepTerms(id, terms);
        emit TermsChanged(id, terms);
    }

    /// @notice Withdraw consent, for good. Licenses issued before stay valid.
    function withdrawConsent(uint256 id) external {
        _requireConsent(id);
        _offers[id].closed = true;
        emit ConsentEnded(id);
    }

    /// @inheritdoc Offers
    function blockOf(uint256 id) external view override returns (uint256) {
        _requireOwned(id);
        return _offers[id].blockNumber;
    }

    /// @notice Metadata with the preferences of ERC-7517. Training is never allowed without a license: "constrained"
    /// where one is on sale, else "notAllowed".
    function tokenURI(uint256 id) public view override returns (string memory) {
        (, Terms memory terms, bool closed) = offer(id);
        bool sold = !closed && terms.uses & TRAIN != 0 && terms.until >= block.timestamp;
        string memory training = sold ? "constrained" : "notAllowed";
        string memory json = string.concat(
            '{"name":"Stemmata dataset ',
            Strings.toString(id),
            '","dataMiningPreference":{"dataMining":"',
            _preference(closed ? 0 : terms.preferences & 3),
            '","aiInference":"',
            _preference(closed ? 0 : terms.preferences >> 2),
            '","aiTraining":"',
            training,
            '","aiGenerativeTraining":"',
            training,
            '"},"license":{"name":"the terms on chain","document":"eip155:',
            Strings.toString(block.chainid),
            "/erc721:",
            Strings.toHexString(address(this)),
            "/",
            Strings.toString(id),
            '"}}'
        );
        return string.concat("data:application/json;base64,", Base64.encode(bytes(json)));
    }

    /// @dev Revert unless the caller owns the dataset and consent stands.
    function _requireConsent(uint256 id) private view {
        _requireOwner(id, msg.sender);
        if (_offers[id].closed) revert ConsentWithdrawn(id);
    }

    /// @dev The word that ERC-7517 has for a preference.
    function _preference(uint8 value) private pure returns (string memory) {
        return value == 2 ? "allowed" : value == 1 ? "constrained" : "notAllowed";
    }
}
