// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Relay
/// @notice A contract that asks others whatever it is told to, so that contracts can own, buy and sign in tests.
abstract contract Relay {
    /// @notice Call `to`, hand the money on, and revert as it reverts.
    function ask(address to, bytes calldata data) external payable {
        (bool done, bytes memory said) = to.call{value: msg.value}(data);
        if (done) return;
        assembly ("memory-safe") {
            revert(add(said, 32), mload(said))
        }
    }
}
