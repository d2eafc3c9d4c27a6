// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Token} from "./Token.sol";

/// @title FeeToken
/// @notice Keeps one unit of each transfer.
contract FeeToken is Token {
    function _move(address from, address to, uint256 value) internal override {
        super._move(from, to, value);
        if (value != 0) --balanceOf[to];
    }
}
