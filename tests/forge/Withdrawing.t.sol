// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Offers} from "../../contracts/Offers.sol";
import {Till} from "../../contracts/Till.sol";
import {ETHER, TRAIN} from "../../contracts/Uses.sol";
import {Reenterer, Refuser} from "./Actors.sol";
import {CallingCoin, Coin, FalseCoin, FeeCoin, LyingCoin, ShrinkingCoin, SilentCoin} from "./Coins.sol";
import {House} from "./House.sol";

/// @notice What is credited for licenses, and fetched by whoever it is due to: with holders and tokens of every kind.
contract WithdrawingTest is House {
    /// @dev A dataset of `holder` is sold once for a token, of which the buyer has enough.
    function _sell(address holder, Coin coin) private {
        uint256 id = newDataset(holder, pricedIn(address(coin)));
        coin.mint(BUYER, PRICE);
        vm.startPrank(BUYER);
        coin.approve(address(licenses), PRICE);
        licenses.buy(datasets, id, TRAIN, dealOf(pricedIn(address(coin))), "record", "content");
        vm.stopPrank();
    }

    function _sellFails(Coin coin, bytes memory why) private {
        uint256 id = newDataset(HOLDER, pricedIn(address(coin)));
        coin.mint(BUYER, PRICE);
        vm.startPrank(BUYER);
        coin.approve(address(licenses), PRICE);
        vm.expectRevert(why);
        licenses.buy(datasets, id, TRAIN, dealOf(pricedIn(address(coin))), "record", "content");
        vm.stopPrank();
    }

    function _sellForEther(address holder) private {
        uint256 id = newDataset(holder);
        vm.prank(BUYER);
        licenses.buy{value: PRICE}(datasets, id, TRAIN, dealOf(ordinary()), "record", "content");
    }

    function test_fetchesEtherOnce() external {
        _sellForEther(HOLDER);
        _sellForEther(HOLDER);
        uint256 before = HOLDER.balance;
        vm.startPrank(HOLDER);
        vm.expectEmit(address(licenses));
        emit Till.Withdrawn(HOLDER, ETHER, 2 * PRICE);
        licenses.withdraw(ETHER);
        same(HOLDER.balance, before + 2 * PRICE, "all of it");
        vm.expectRevert(abi.encodeWithSelector(Till.NothingDue.selector, HOLDER));
        licenses.withdraw(ETHER);
    }

    function test_fetchesATokenOnce() external {
        Coin coin = new Coin();
        _sell(HOLDER, coin);
        _sell(OTHER, coin);
        same(licenses.owed(address(coin)), 2 * PRICE, "owed to both");
        vm.startPrank(HOLDER);
        licenses.withdraw(address(coin));
        same(coin.balanceOf(HOLDER), PRICE, "one's own");
        same(licenses.owed(address(coin)), PRICE, "owed to the other");
        vm.expectRevert(abi.encodeWithSelector(Till.NothingDue.selector, HOLDER));
        licenses.withdraw(address(coin));
    }

    /// @dev Nobody can ask for what nobody owes; a price of nothing moves nothing and calls no token.
    function testFuzz_callsOfNoValueDoNothing(address who, address currency) external {
        vm.assume(who != address(0));
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(Till.NothingDue.selector, who));
        licenses.withdraw(currency);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(Till.NothingDue.selector, who));
        market.withdraw(currency);
        vm.assume(currency != ETHER);
        uint256 id = newDataset(HOLDER, _free(currency));
        vm.prank(who);
        licenses.buy(datasets, id, TRAIN, dealOf(_free(currency)), "record", "content");
        same(licenses.due(currency, HOLDER) + licenses.owed(currency), 0, "nothing is due");
    }

    function _free(address currency) private pure returns (Offers.Terms memory terms) {
        terms = pricedIn(currency);
        terms.price = 0;
    }

    function test_aRevertingHolderBlocksNobody() external {
        address refuser = address(new Refuser());
        _sellForEther(refuser);
        _sellForEther(HOLDER);
        vm.prank(refuser);
        vm.expectRevert(abi.encodeWithSelector(Till.PaymentRefused.selector, refuser));
        licenses.withdraw(ETHER);
        same(licenses.due(ETHER, refuser), PRICE, "it stays due");
        vm.prank(HOLDER);
        licenses.withdraw(ETHER);
    }

    function test_aReenteringHolderFetchesOnce() external {
        Reenterer holder = new Reenterer();
        _sellForEther(address(holder));
        _sellForEther(HOLDER);
        holder.arm(address(licenses), abi.encodeCall(Till.withdraw, (ETHER)));
        vm.prank(address(holder));
        licenses.withdraw(ETHER);
        same(holder.tried(), 1, "it tried");
        same(holder.succeeded(), 0, "in vain");
        holds(keccak256(holder.answer()) == keccak256(abi.encodeWithSelector(Till.NothingDue.selector, holder)), "why");
        same(address(holder).balance, PRICE, "its own");
        same(address(licenses).balance, PRICE, "and not the other's");
    }

    function test_aReenteringTokenPaysOnce() external {
        CallingCoin coin = new CallingCoin();
        Reenterer holder = new Reenterer();
        _sell(address(holder), coin);
        _sell(HOLDER, coin);
        holder.arm(address(licenses), abi.encodeCall(Till.withdraw, (address(coin))));
        vm.prank(address(holder));
        licenses.withdraw(address(coin));
        same(holder.tried(), 1, "it tried");
        same(holder.succeeded(), 0, "in vain");
        same(coin.balanceOf(address(holder)), PRICE, "its own");
        same(coin.balanceOf(address(licenses)), PRICE, "and not the other's");
    }

    /// @dev A buyer who is called before paying, and is the payee, fetches the price in advance from what others are due:
    /// it has to be there again when the sale ends.
    function test_aBuyerWhoFetchesBeforePayingGainsNothing() external {
        CallingCoin coin = new CallingCoin();
        _sell(HOLDER, coin);
        Reenterer buyer = new Reenterer();
        uint256 id = newDataset(address(buyer), pricedIn(address(coin)));
        coin.mint(address(buyer), PRICE);
        buyer.arm(address(licenses), abi.encodeCall(Till.withdraw, (address(coin))));
        vm.startPrank(address(buyer));
        coin.approve(address(licenses), PRICE);
        licenses.buy(datasets, id, TRAIN, dealOf(pricedIn(address(coin))), "record", "content");
        same(buyer.succeeded(), 1, "it fetched in advance");
        same(coin.balanceOf(address(buyer)), PRICE, "as much as it paid");
        same(coin.balanceOf(address(licenses)), PRICE, "the other's is there");
        same(licenses.owed(address(coin)), PRICE, "and owed");
        same(licenses.due(address(coin), address(buyer)), 0, "nothing twice");
    }

    /// @dev A second purchase inside the first finds the first's price missing.
    function test_aPurchaseInsideAPurchaseIsPaidToo() external {
        CallingCoin coin = new CallingCoin();
        Reenterer buyer = new Reenterer();
        uint256 id = newDataset(HOLDER, pricedIn(address(coin)));
        coin.mint(address(buyer), 2 * PRICE);
        buyer.arm(
            address(licenses),
            abi.encodeCall(licenses.buy, (datasets, id, TRAIN, dealOf(pricedIn(address(coin))), "record", "content"))
        );
        vm.startPrank(address(buyer));
        coin.approve(address(licenses), 2 * PRICE);
        licenses.buy(datasets, id, TRAIN, dealOf(pricedIn(address(coin))), "record", "content");
        same(licenses.owed(address(coin)), coin.balanceOf(address(licenses)), "what is owed is there");
        same(buyer.succeeded(), 0, "the inner purchase was refused");
        bytes memory why = abi.encodeWithSelector(Till.PaymentShort.selector, coin, 2 * PRICE, PRICE);
        holds(keccak256(buyer.answer()) == keccak256(why), "since the outer one was not paid yet");
    }

    function test_aTokenThatKeepsAFeeSellsNothing() external {
        FeeCoin coin = new FeeCoin();
        _sellFails(coin, abi.encodeWithSelector(Till.PaymentShort.selector, coin, PRICE, PRICE - PRICE / 100));
        // Not even where somebody else's fee is there.
        coin.mint(address(licenses), PRICE / 100);
        _sell(HOLDER, coin);
        _sellFails(coin, abi.encodeWithSelector(Till.PaymentShort.selector, coin, 2 * PRICE, 2 * PRICE - PRICE / 100));
    }

    function test_aTokenThatReturnsFalseSellsAndPaysNothing() external {
        FalseCoin coin = new FalseCoin();
        _sell(HOLDER, coin);
        coin.set(true);
        bytes memory failed = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, coin);
        _sellFails(coin, failed);
        vm.prank(HOLDER);
        vm.expectRevert(failed);
        licenses.withdraw(address(coin));
        same(licenses.due(address(coin), HOLDER), PRICE, "it stays due");
        coin.set(false);
        vm.prank(HOLDER);
        licenses.withdraw(address(coin));
        same(coin.balanceOf(HOLDER), PRICE, "until the token pays");
    }

    function test_aTokenThatLiesSellsNothing() external {
        LyingCoin coin = new LyingCoin();
        _sellFails(coin, abi.encodeWithSelector(Till.PaymentShort.selector, coin, PRICE, 0));
    }

    function test_aTokenThatReturnsNothingWorks() external {
        Coin coin = Coin(address(new SilentCoin()));
        uint256 id = newDataset(HOLDER, pricedIn(address(coin)));
        coin.mint(BUYER, PRICE);
        vm.startPrank(BUYER);
        SilentCoin(address(coin)).approve(address(licenses), PRICE);
        licenses.buy(datasets, id, TRAIN, dealOf(pricedIn(address(coin))), "record", "content");
        vm.stopPrank();
        vm.prank(HOLDER);
        licenses.withdraw(address(coin));
        same(coin.balanceOf(HOLDER), PRICE, "fetched");
    }

    /// @dev A token that shrinks harms those who sold for it, and no other currency.
    function test_aTokenThatShrinksHarmsItsOwnBooksAlone() external {
        ShrinkingCoin coin = new ShrinkingCoin();
        _sell(HOLDER, coin);
        _sellForEther(HOLDER);
        coin.shrink(address(licenses), 1);
        _sellFails(coin, abi.encodeWithSelector(Till.PaymentShort.selector, coin, 2 * PRICE, 2 * PRICE - 1));
        vm.startPrank(HOLDER);
        licenses.withdraw(ETHER);
        vm.expectRevert();
        licenses.withdraw(address(coin));
    }

    function test_anAccountWithoutCodeIsNoToken() external {
        uint256 id = newDataset(HOLDER, pricedIn(STRANGER));
        vm.prank(BUYER);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, STRANGER));
        licenses.buy(datasets, id, TRAIN, dealOf(pricedIn(STRANGER)), "record", "content");
    }
}
