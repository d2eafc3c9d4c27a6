// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Relay} from "./Relay.sol";
import {Token} from "./Token.sol";

/// @title ReenteringToken
/// @notice Before it moves anything it calls somebody back, once for each time that it was told to.
contract ReenteringToken is Token, Relay {
    address public target;
    bytes public data;
    uint256 public tries;
    uint256 public successes;

    function arm(address target_, bytes calldata data_, uint256 tries_) external {
        (target, data, tries) = (target_, data_, tries_);
    }

    function _move(address from, address to, uint256 value) internal override {
        if (tries != 0) {
            --tries;
            (bool done,) = target.call(data);
            if (done) ++successes;
        }
        super._move(from, to, value);
    }
}
