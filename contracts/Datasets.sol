// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ConsentWithdrawn, NotOwner, UsesUnknown, ZeroDigest} from "./Refusals.sol";
import {ALL_USES, WHOLE_PPM} from "./Uses.sol";

/// @title Datasets
/// @notice A token is the right in a dataset of recordings: whoever owns it is paid for licenses, grants them, and may
/// withdraw consent. A dataset is named by the Merkle root over its recordings, and a root is registered once.
contract Datasets is ERC721 {
    /// @param root Merkle root (RFC 9162, SHA-256) over the recordings.
    /// @param record SHA-256 of the signed dataset record.
    /// @param price What a license costs, in wei.
    /// @param royaltyPpm Royalty asked on what is made with the dataset, in parts per million.
    /// @param uses Uses on offer, a mask of Uses.sol.
    /// @param consent False once consent has been withdrawn.
    /// @param blockNumber Block of the registration, where the event with the CID is found.
    struct Dataset {
        bytes32 root;
        bytes32 record;
        uint128 price;
        uint32 royaltyPpm;
        uint8 uses;
        bool consent;
        uint64 blockNumber;
    }

    /// @notice How many datasets there are; ids run from 1 to this number.
    uint256 public count;

    /// @notice The dataset registered under a root, or 0.
    mapping(bytes32 root => uint256 id) public idOf;

    mapping(uint256 id => Dataset) private _datasets;

    /// @notice A dataset was registered.
    /// @param cid Where the signed record lies.
    event Registered(
        uint256 indexed id,
        bytes32 indexed root,
        address indexed holder,
        bytes32 record,
        string cid,
        uint128 price,
        uint32 royaltyPpm,
        uint8 uses
    );

    /// @notice The owner of dataset `id` sells and grants no more licenses. Those that exist stay valid.
    event ConsentEnded(uint256 indexed id);

    /// @notice The root is registered already, as dataset `id`.
    error RootTaken(bytes32 root, uint256 id);

    /// @notice A royalty above one whole.
    error RoyaltyTooHigh(uint32 ppm);

    constructor() ERC721("Stemmata Datasets", "STEMDATA") {}

    /// @notice Register a dataset; the caller becomes its holder.
    /// @param root Merkle root over the recordings.
    /// @param record SHA-256 of the signed dataset record.
    /// @param cid Where the signed record lies.
    /// @param price Price of a license, in wei.
    /// @param royaltyPpm Royalty in parts per million, at most 1,000,000.
    /// @param uses Uses on offer, a mask of Uses.sol.
    /// @return id The new token, counted from 1.
    function register(
        bytes32 root,
        bytes32 record,
        string calldata cid,
        uint128 price,
        uint32 royaltyPpm,
        uint8 uses
    ) external returns (uint256 id) {
        if (root == 0 || record == 0) revert ZeroDigest();
        if (idOf[root] != 0) revert RootTaken(root, idOf[root]);
        if (royaltyPpm > WHOLE_PPM) revert RoyaltyTooHigh(royaltyPpm);
        if (uses == 0 || uses > ALL_USES) revert UsesUnknown(uses);
        id = ++count;
        idOf[root] = id;
        _datasets[id] = Dataset(root, record, price, royaltyPpm, uses, true, uint64(block.number));
        _mint(msg.sender, id);
        emit Registered(id, root, msg.sender, record, cid, price, royaltyPpm, uses);
    }

    /// @notice Withdraw consent, for good. Licenses issued before stay valid.
    function withdrawConsent(uint256 id) external {
        if (_requireOwned(id) != msg.sender) revert NotOwner(id, msg.sender);
        if (!_datasets[id].consent) revert ConsentWithdrawn(id);
        _datasets[id].consent = false;
        emit ConsentEnded(id);
    }

    /// @notice What is known of a dataset. Reverts where there is none.
    function dataset(uint256 id) external view returns (Dataset memory) {
        _requireOwned(id);
        return _datasets[id];
    }
}
