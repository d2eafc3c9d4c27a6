// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Guarded} from "../../contracts/Guarded.sol";

/// @notice May pause, and is a contract as it must be.
contract Guardian {
    function pause(Guarded guarded, bool on) external {
        guarded.pause(on);
    }
}

/// @notice A holder whose code refuses ether.
contract Refuser {
    receive() external payable {
        revert("refused");
    }
}

/// @notice A holder who, when money comes, calls something again, and keeps what came of it. Ether calls `receive`; a token
/// like those of ERC-777 calls the two hooks.
contract Reenterer {
    struct Attempt {
        address to;
        bytes data;
    }

    Attempt[] private _attempts;
    uint256 public tried;
    uint256 public succeeded;
    bytes public answer;

    /// @notice Call `to` with `data` when money comes; each attempt is made once, in the order in which they were armed.
    function arm(address to, bytes calldata data) external {
        _attempts.push(Attempt(to, data));
    }

    receive() external payable {
        _again();
    }

    function tokensReceived() external {
        _again();
    }

    function tokensToSend() external {
        _again();
    }

    function _again() private {
        if (tried == _attempts.length) return;
        Attempt memory attempt = _attempts[tried++];
        (bool done, bytes memory returned) = attempt.to.call(attempt.data);
        if (done) ++succeeded;
        answer = returned;
    }
}

/// @notice A wallet that is a contract (ERC-1271), and says of every signature what it was made to say.
contract Wallet {
    bytes private _says;

    constructor(bytes memory says) {
        _says = says;
    }

    function isValidSignature(bytes32, bytes calldata) external view {
        bytes memory says = _says;
        assembly ("memory-safe") {
            return(add(says, 32), mload(says))
        }
    }
}
