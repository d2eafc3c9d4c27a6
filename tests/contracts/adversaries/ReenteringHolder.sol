// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Relay} from "./Relay.sol";

/// @title ReenteringHolder
/// @notice When ether comes, it calls back, once for each time that it was told to, and counts how often that worked.
contract ReenteringHolder is Relay {
    address public target;
    bytes public data;
    uint256 public tries;
    uint256 public successes;

    function arm(address target_, bytes calldata data_, uint256 tries_) external {
        (target, data, tries) = (target_, data_, tries_);
    }

    receive() external payable {
        if (tries == 0) return;
        --tries;
        (bool done,) = target.call(data);
        if (done) ++successes;
    }
}
