// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Relay} from "./Relay.sol";

/// @title Wallet1271
/// @notice A wallet whose signatures are those of one key (ERC-1271).
contract Wallet1271 is Relay {
    address public immutable OWNER;

    constructor(address owner) {
        OWNER = owner;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        bytes32 r = bytes32(signature[:32]);
        bytes32 s = bytes32(signature[32:64]);
        return ecrecover(hash, uint8(signature[64]), r, s) == OWNER ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}
