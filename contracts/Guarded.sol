// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Guarded
/// @notice New mints can be paused by one contract, such as a multisig wallet, that has no other power: what exists stays
/// its owners'. With no guardian, nobody can pause.
abstract contract Guarded {
    /// @notice Who may pause new mints; zero for nobody.
    address public immutable GUARDIAN;

    /// @notice Whether the guardian has paused new mints.
    bool public paused;

    /// @notice New mints are paused, or go on.
    event PauseChanged(bool paused);

    /// @notice New mints are paused.
    error MintsPaused();

    /// @notice Only the guardian may pause.
    error NotGuardian(address caller);

    /// @notice A guardian is a contract, or zero.
    error GuardianIsNoContract(address guardian);

    constructor(address guardian) {
        // Code of 23 bytes is how an ordinary account delegates to a contract (EIP-7702).
        uint256 length = guardian.code.length;
        if (guardian != address(0) && (length == 0 || length == 23)) revert GuardianIsNoContract(guardian);
        GUARDIAN = guardian;
    }

    /// @notice Stop new mints, or let them go on. Only the guardian may.
    function pause(bool on) external {
        if (msg.sender != GUARDIAN) revert NotGuardian(msg.sender);
        paused = on;
        emit PauseChanged(on);
    }

    /// @dev Revert while new mints are paused.
    function _requireRunning() internal view {
        if (GUARDIAN != address(0) && paused) revert MintsPaused();
    }
}
