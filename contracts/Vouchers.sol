// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {AlreadyOver} from "./Refusals.sol";

/// @title Vouchers
/// @notice A creator's leave, signed away from the chain (EIP-712), to mint one track: whoever submits it pays the gas.
/// A voucher is good for one claim, and a claim is minted once, so that it cannot be used twice.
abstract contract Vouchers is EIP712 {
    /// @param claim SHA-256 of the claim.
    /// @param audio SHA-256 of the audio file.
    /// @param record SHA-256 of the signed track record.
    /// @param model The model that generated it.
    /// @param royaltyPpm Part of each sale's price that is asked as royalty (ERC-2981), in parts per million.
    struct Work {
        bytes32 claim;
        bytes32 audio;
        bytes32 record;
        uint40 model;
        uint24 royaltyPpm;
    }

    /// @param creator Who generated the track, and signs.
    /// @param owner Who gets the token; zero for whoever submits the voucher.
    /// @param deadline Last second in which it may be submitted, Unix time.
    /// @param content SHA-256 of the block in which the record lies.
    struct Voucher {
        Work work;
        address creator;
        address owner;
        uint256 deadline;
        bytes32 content;
    }

    bytes32 private constant TYPE = keccak256(
        "Voucher(bytes32 claim,bytes32 audio,bytes32 record,uint256 model,uint256 royaltyPpm,address creator,"
        "address owner,uint256 deadline,bytes32 content)"
    );

    /// @notice Tracks whose vouchers their creator has cancelled.
    mapping(uint256 id => bool) public cancelled;

    /// @notice The creator's vouchers for a track are void.
    event VoucherCancelled(uint256 indexed id, address indexed creator);

    /// @notice The signature is not the creator's, or not of this voucher.
    error SignatureWrong(address creator);

    /// @notice The creator has cancelled vouchers for this track.
    error VoucherVoid(uint256 id);

    /// @notice Make void every voucher of the caller's for a claim that is not minted yet.
    function cancelVouchers(bytes32 claim) external {
        uint256 id = idOf(msg.sender, claim);
        cancelled[id] = true;
        emit VoucherCancelled(id, msg.sender);
    }

    /// @notice What a creator signs for a voucher (EIP-712).
    function digestOf(Voucher calldata voucher) public view returns (bytes32) {
        Work calldata work = voucher.work;
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    TYPE,
                    work.claim,
                    work.audio,
                    work.record,
                    work.model,
                    work.royaltyPpm,
                    voucher.creator,
                    voucher.owner,
                    voucher.deadline,
                    voucher.content
                )
            )
        );
    }

    /// @notice The token of a creator's claim: the first 64 bits of the SHA-256 of both.
    function idOf(address creator, bytes32 claim) public pure returns (uint256) {
        return uint64(bytes8(sha256(abi.encodePacked(creator, claim))));
    }

    /// @dev Revert unless the creator signed the voucher, and it counts still. A signature has one form only: OpenZeppelin
    /// refuses an s in the upper half of the group's order.
    function _requireSigned(Voucher calldata voucher, bytes calldata signature) internal view {
        if (voucher.deadline < block.timestamp) revert AlreadyOver(voucher.deadline);
        address creator = voucher.creator;
        uint256 id = idOf(creator, voucher.work.claim);
        if (cancelled[id]) revert VoucherVoid(id);
        bytes32 digest = digestOf(voucher);
        if (creator.code.length == 0) {
            (address signer, ECDSA.RecoverError fault,) = ECDSA.tryRecover(digest, signature);
            if (fault != ECDSA.RecoverError.NoError || signer != creator) revert SignatureWrong(creator);
        } else if (IERC1271(creator).isValidSignature(digest, signature) != IERC1271.isValidSignature.selector) {
            revert SignatureWrong(creator);
        }
    }
}
