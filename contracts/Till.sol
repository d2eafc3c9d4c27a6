// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ETHER} from "./Uses.sol";

/// @title Till
/// @notice Money that was paid for somebody: credited, and fetched by them alone, so that no receiver can block a sale.
/// Each currency has books of its own, and the books are closed by looking at what is really there: a token that keeps a
/// fee, returns false or calls back can make its own sales fail and nothing else.
abstract contract Till {
    /// @notice What an account may fetch, in the currency's smallest unit; the zero currency is ether.
    mapping(address currency => mapping(address account => uint256 amount)) public due;

    /// @notice What all accounts together may fetch of an ERC-20 token.
    mapping(address currency => uint256 amount) public owed;

    /// @notice An account fetched what was credited to it.
    event Withdrawn(address indexed account, address indexed currency, uint256 amount);

    /// @notice Exactly the price must be sent in ether, and none where the price is in a token.
    error ValueNotMet(uint256 asked, uint256 sent);

    /// @notice Of the token less arrived than is due to all accounts: it keeps a fee, or pays nothing.
    error PaymentShort(address currency, uint256 owed, uint256 held);

    /// @notice Nothing is credited to the account.
    error NothingDue(address account);

    /// @notice The account's own code refused the money; it stays credited.
    error PaymentRefused(address account);

    /// @notice Fetch everything that is credited to the caller.
    /// @param currency An ERC-20 token, or zero for ether.
    function withdraw(address currency) external {
        uint256 amount = due[currency][msg.sender];
        if (amount == 0) revert NothingDue(msg.sender);
        due[currency][msg.sender] = 0;
        emit Withdrawn(msg.sender, currency, amount);
        if (currency == ETHER) {
            (bool paid,) = msg.sender.call{value: amount}("");
            if (!paid) revert PaymentRefused(msg.sender);
        } else {
            owed[currency] -= amount;
            SafeERC20.safeTransfer(IERC20(currency), msg.sender, amount);
        }
    }

    /// @dev Revert unless the ether that came with the call is what a price asks for.
    function _requireValue(address currency, uint256 price) internal view {
        uint256 asked = currency == ETHER ? price : 0;
        if (msg.value != asked) revert ValueNotMet(asked, msg.value);
    }

    /// @dev Credit `amount` to `payee` and collect it from the caller. The last thing that a function does: a token's code
    /// is called. Ether has come with the call already.
    function _collect(address currency, uint256 amount, address payee) internal {
        if (amount == 0) return;
        due[currency][payee] += amount;
        if (currency == ETHER) return;
        owed[currency] += amount;
        SafeERC20.safeTransferFrom(IERC20(currency), msg.sender, address(this), amount);
        uint256 held = IERC20(currency).balanceOf(address(this));
        if (held < owed[currency]) revert PaymentShort(currency, owed[currency], held);
    }
}
