// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Relay} from "./Relay.sol";

/// @title Guardian
/// @notice Stands for a multisig wallet whose owners all agree.
contract Guardian is Relay {}
