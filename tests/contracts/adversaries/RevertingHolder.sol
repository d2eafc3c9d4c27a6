// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Relay} from "./Relay.sol";

/// @title RevertingHolder
/// @notice Takes no ether.
contract RevertingHolder is Relay {
    receive() external payable {
        revert("no, thank you");
    }
}
