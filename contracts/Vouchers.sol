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

    /// @notice Claims whose vouchers their creator has cancelled.
    mapping(address creator => mapping(bytes32 claim => bool)) public cancelled;

    /// @notice The creator's vouchers for a claim are void.
    event VoucherCancelled(address indexed creator, bytes32 indexed claim);

    /// @notice The signature is not the creator's, or not of this voucher.
    error SignatureWrong(address creator);

    /// @notice The creator has cancelled vouchers for this claim.
    error VoucherVoid(address creator, bytes32 claim);

    /// @notice Make void every voucher of the caller's for a claim that is not minted yet.
    function cancelVouchers(bytes32 claim) external {
        cancelled[msg.sender][claim] = true;
        emit VoucherCancelled(msg.sender, claim);
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
        if (cancelled[creator][voucher.work.claim]) revert VoucherVoid(creator, voucher.work.claim);
        bytes32 digest = digestOf(voucher);
        // The key first: an account that has a key may have code as well (EIP-7702).
        (address signer, ECDSA.RecoverError fault,) = ECDSA.tryRecover(digest, signature);
        if (fault == ECDSA.RecoverError.NoError && signer == creator) return;
        (bool answered, bytes memory answer) =
            creator.staticcall(abi.encodeCall(IERC1271.isValidSignature, (digest, signature)));
        if (!answered || answer.length < 32 || bytes32(answer) != bytes32(IERC1271.isValidSignature.selector)) {
            revert SignatureWrong(creator);
        }
    }
}
