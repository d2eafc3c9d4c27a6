// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice An ERC-20 token that does what it should.
contract Coin is ERC20("Coin", "COIN") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @notice Keeps a hundredth of every transfer.
contract FeeCoin is Coin {
    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : value / 100;
        if (fee != 0) super._update(from, address(0), fee);
        super._update(from, to, value - fee);
    }
}

/// @notice Moves nothing, and says so by false instead of reverting.
contract FalseCoin is Coin {
    bool public broken;

    function set(bool on) external {
        broken = on;
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return !broken && super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return !broken && super.transferFrom(from, to, value);
    }
}

/// @notice Moves nothing, and says true.
contract LyingCoin is Coin {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return true;
    }
}

/// @notice Returns nothing at all, as USDT on Ethereum.
contract SilentCoin {
    mapping(address account => uint256) public balanceOf;
    mapping(address account => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice Tells sender and receiver of every transfer, as ERC-777 does: the sender before, the receiver after.
contract CallingCoin is Coin {
    function _update(address from, address to, uint256 value) internal override {
        _tell(from, "tokensToSend()");
        super._update(from, to, value);
        _tell(to, "tokensReceived()");
    }

    function _tell(address whom, string memory what) private {
        if (whom.code.length == 0) return;
        (bool heard,) = whom.call(abi.encodeWithSignature(what));
        // Who does not listen is not told.
        if (!heard) return;
    }
}

/// @notice Lowers balances by itself, as rebasing tokens do.
contract ShrinkingCoin is Coin {
    function shrink(address account, uint256 by) external {
        _burn(account, by);
    }
}
