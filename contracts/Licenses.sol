// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Datasets} from "./Datasets.sol";
import {ConsentWithdrawn, NotOwner, UsesUnknown} from "./Refusals.sol";
import {ALL_USES} from "./Uses.sol";

/// @title Licenses
/// @notice Who may do what with which dataset or model, and until when. A license is bound to its licensee. What buyers
/// pay is credited to the owner of the dataset, who fetches it: no payment can be blocked by its receiver.
contract Licenses {
    /// @notice The datasets whose licenses are sold here.
    Datasets public immutable DATASETS;

    /// @notice How many licenses there are; ids run from 1 to this number.
    uint256 public count;

    /// @notice What an account may fetch with `withdraw`, in wei.
    mapping(address account => uint256 wei_) public withdrawable;

    /// @dev End of the valid time of each use, as 64-bit lanes of one slot: the use of bit k lies in lane k.
    mapping(address subject => mapping(uint256 id => mapping(address licensee => uint256 lanes))) private _until;

    /// @notice A license was bought or granted.
    /// @param subject The token contract, datasets or models.
    /// @param subjectId The token.
    /// @param uses A mask of Uses.sol.
    /// @param from First second of validity, Unix time.
    /// @param until Last second of validity, Unix time; the largest uint64 where there is no end.
    /// @param price What was paid, in wei.
    /// @param record SHA-256 of the signed license record.
    /// @param cid Where the signed record lies.
    event Licensed(
        uint256 indexed id,
        uint256 indexed subjectId,
        address indexed licensee,
        address subject,
        uint8 uses,
        uint64 from,
        uint64 until,
        uint256 price,
        bytes32 record,
        string cid
    );

    /// @notice Exactly the price must be sent, so that nothing is lost.
    error PriceNotMet(uint256 dataset, uint256 price, uint256 sent);

    /// @notice The dataset is not on offer for all of these uses.
    error UseNotOffered(uint256 dataset, uint8 asked, uint8 offered);

    /// @notice The end lies before the present block's time.
    error AlreadyOver(uint64 until);

    /// @notice Nothing is credited to the account.
    error NothingDue(address account);

    /// @notice The account's own code refused the money; it stays credited.
    error PaymentRefused(address account);

    constructor(Datasets datasets) {
        DATASETS = datasets;
    }

    /// @notice Buy a license of a dataset, without end. Send exactly the price.
    /// @param dataset The dataset.
    /// @param uses Uses wanted, a mask of Uses.sol, all of them on offer.
    /// @param record SHA-256 of the signed license record.
    /// @param cid Where the signed record lies.
    /// @return id The license, counted from 1.
    function buy(uint256 dataset, uint8 uses, bytes32 record, string calldata cid)
        external
        payable
        returns (uint256 id)
    {
        address owner = DATASETS.ownerOf(dataset);
        Datasets.Dataset memory terms = DATASETS.dataset(dataset);
        if (!terms.consent) revert ConsentWithdrawn(dataset);
        if (uses == 0 || uses & ~terms.uses != 0) revert UseNotOffered(dataset, uses, terms.uses);
        if (msg.value != terms.price) revert PriceNotMet(dataset, terms.price, msg.value);
        withdrawable[owner] += msg.value;
        return _issue(address(DATASETS), dataset, msg.sender, uses, type(uint64).max, msg.value, record, cid);
    }

    /// @notice Grant a license of a dataset or model without payment. Only the token's owner may, and for a dataset only
    /// while consent stands.
    /// @param subject The token contract, datasets or models.
    /// @param subjectId The token.
    /// @param licensee Who may use it.
    /// @param uses A mask of Uses.sol.
    /// @param until Last second of validity, Unix time; the largest uint64 for no end.
    /// @param record SHA-256 of the signed license record.
    /// @param cid Where the signed record lies.
    /// @return id The license, counted from 1.
    function grant(
        IERC721 subject,
        uint256 subjectId,
        address licensee,
        uint8 uses,
        uint64 until,
        bytes32 record,
        string calldata cid
    ) external returns (uint256 id) {
        if (subject.ownerOf(subjectId) != msg.sender) revert NotOwner(subjectId, msg.sender);
        if (address(subject) == address(DATASETS) && !DATASETS.dataset(subjectId).consent) {
            revert ConsentWithdrawn(subjectId);
        }
        if (uses == 0 || uses > ALL_USES) revert UsesUnknown(uses);
        if (until < block.timestamp) revert AlreadyOver(until);
        return _issue(address(subject), subjectId, licensee, uses, until, 0, record, cid);
    }

    /// @notice Fetch everything that is credited to the caller.
    function withdraw() external {
        uint256 amount = withdrawable[msg.sender];
        if (amount == 0) revert NothingDue(msg.sender);
        withdrawable[msg.sender] = 0;
        (bool paid,) = msg.sender.call{value: amount}("");
        if (!paid) revert PaymentRefused(msg.sender);
    }

    /// @notice Whether `who` may use the token now. A token's owner always may.
    /// @param subject The token contract, datasets or models.
    /// @param id The token; where there is none, nobody is licensed.
    /// @param use One or more bits of Uses.sol, all of which must be licensed.
    function isLicensed(IERC721 subject, uint256 id, address who, uint8 use) external view returns (bool) {
        if (use == 0 || use > ALL_USES) return false;
        try subject.ownerOf(id) returns (address owner) {
            if (owner == who) return true;
        } catch {
            return false;
        }
        uint256 lanes = _until[address(subject)][id][who];
        for (uint256 k = 0; use >> k != 0; ++k) {
            if ((use >> k) & 1 == 1 && uint64(lanes >> (64 * k)) < block.timestamp) return false;
        }
        return true;
    }

    /// @dev Write a license. A use that is licensed for longer already keeps its later end.
    function _issue(
        address subject,
        uint256 subjectId,
        address licensee,
        uint8 uses,
        uint64 until,
        uint256 price,
        bytes32 record,
        string calldata cid
    ) private returns (uint256 id) {
        uint256 lanes = _until[subject][subjectId][licensee];
        for (uint256 k = 0; uses >> k != 0; ++k) {
            if ((uses >> k) & 1 == 1 && uint64(lanes >> (64 * k)) < until) {
                lanes = (lanes & ~(uint256(type(uint64).max) << (64 * k))) | (uint256(until) << (64 * k));
            }
        }
        _until[subject][subjectId][licensee] = lanes;
        id = ++count;
        emit Licensed(
            id, subjectId, licensee, subject, uses, uint64(block.timestamp), until, price, record, cid
        );
    }
}
