// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Token} from "./Token.sol";

/// @title StubbornToken
/// @notice Lets an allowance be changed to nothing and from nothing alone, as Tether's on Ethereum.
contract StubbornToken is Token {
    function approve(address spender, uint256 value) public override returns (bool) {
        require(value == 0 || allowance[msg.sender][spender] == 0);
        return super.approve(spender, value);
    }
}
