// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A digest of 32 zero bytes names nothing.
error ZeroDigest();

/// @notice `caller` does not own token `id`.
error NotOwner(uint256 id, address caller);

/// @notice The mask names no use, or a use that does not exist.
/// @param uses The mask that was given; see Uses.sol.
error UsesUnknown(uint8 uses);

/// @notice The holder of dataset `dataset` has withdrawn consent: no license for it is issued any more.
error ConsentWithdrawn(uint256 dataset);

/// @notice `user` holds no valid license for a use of a token.
/// @param subject The token contract: datasets or models.
/// @param id The token.
/// @param use One bit of Uses.sol.
error LicenseMissing(address subject, uint256 id, address user, uint8 use);

/// @notice A royalty above one whole.
/// @param ppm Parts per million.
error RoyaltyTooHigh(uint256 ppm);

/// @notice The end, Unix time in seconds, lies before the present block's time.
error AlreadyOver(uint256 until);
