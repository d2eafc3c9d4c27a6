// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev What a license may allow, as a bit mask: one bit per use.
/// To train a model on a dataset, or to go on training from a model.
uint8 constant TRAIN = 1;
/// @dev To generate with a model and mint what comes out.
uint8 constant GENERATE = 2;
/// @dev To sell what comes out.
uint8 constant COMMERCIAL = 4;
/// @dev Every use there is.
uint8 constant ALL_USES = TRAIN | GENERATE | COMMERCIAL;

/// @dev One whole, in parts per million.
uint32 constant WHOLE_PPM = 1_000_000;

/// @dev Where a time stands for "without end". Times are Unix time in seconds.
uint40 constant FOREVER = type(uint40).max;

/// @dev Where a currency stands for ether; every other address is an ERC-20 token.
address constant ETHER = address(0);
