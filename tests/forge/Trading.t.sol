// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Market} from "../../contracts/Market.sol";
import {AlreadyOver, NotOwner} from "../../contracts/Refusals.sol";
import {Royalties} from "../../contracts/Royalties.sol";
import {Till} from "../../contracts/Till.sol";
import {Tracks} from "../../contracts/Tracks.sol";
import {ETHER, FOREVER, GENERATE} from "../../contracts/Uses.sol";
import {Vouchers} from "../../contracts/Vouchers.sol";
import {Reenterer, Refuser} from "./Actors.sol";
import {CallingCoin, Coin, FeeCoin, SilentCoin} from "./Coins.sol";
import {House} from "./House.sol";

/// @notice Tracks whose accounts are at an address of the test's choice.
contract Elsewhere {
    address private immutable _ACCOUNT;
    address private immutable _SELLER;
    address private _approved;

    constructor(address account, address seller) {
        (_ACCOUNT, _SELLER) = (account, seller);
    }

    function ownerOf(uint256) external view returns (address) {
        return _SELLER;
    }

    function approve(address to) external {
        _approved = to;
    }

    function getApproved(uint256) external view returns (address) {
        return _approved;
    }

    function royaltyInfo(uint256, uint256) external view returns (address, uint256) {
        return (_ACCOUNT, 1);
    }

    function transferFrom(address, address, uint256) external {}
}

/// @notice Tracks at a fixed price, with the royalty.
contract TradingTest is House {
    uint256 private _id;
    uint256 private _model;
    address private _account;

    function setUp() public override {
        super.setUp();
        _model = newModel(TRAINER);
        grant(models, _model, creator, GENERATE);
        _id = mint(creator, _model);
        _account = royalties.accountOf(_id, creator, _model);
    }

    function _list(uint96 price, address currency) private {
        vm.startPrank(creator);
        market.list(_id, price, currency, FOREVER);
        tracks.approve(address(market), _id);
        vm.stopPrank();
    }

    function _buy(address currency, uint256 price) private {
        vm.prank(BUYER);
        market.buy{value: currency == ETHER ? price : 0}(_id, currency, price);
    }

    function _coins(Coin coin, uint256 amount) private {
        coin.mint(BUYER, amount);
        vm.prank(BUYER);
        coin.approve(address(market), amount);
    }

    function testFuzz_sellsForEther(uint96 price) external {
        _list(price, ETHER);
        vm.deal(BUYER, price);
        uint256 royalty = uint256(price) * ROYALTY / 1_000_000;
        vm.expectEmit(address(market));
        emit Market.Sold(_id, creator, BUYER, price, ETHER, _account, royalty);
        _buy(ETHER, price);
        holds(tracks.ownerOf(_id) == BUYER, "the buyer has it");
        same(market.due(ETHER, creator), price - royalty, "the seller is credited with the rest");
        same(_account.balance, royalty, "the royalty is there, before any account is made");
        same(address(market).balance, price - royalty, "nothing stays");
        (address seller,,,) = market.listings(_id);
        holds(seller == address(0), "sold once");
    }

    function testFuzz_sellsForAToken(uint96 price) external {
        Coin coin = new Coin();
        _list(price, address(coin));
        _coins(coin, price);
        _buy(address(coin), price);
        uint256 royalty = uint256(price) * ROYALTY / 1_000_000;
        same(market.due(address(coin), creator), price - royalty, "the seller");
        same(coin.balanceOf(_account), royalty, "the account");
        same(coin.balanceOf(BUYER), 0, "the buyer");
        vm.assume(price - royalty != 0);
        vm.prank(creator);
        market.withdraw(address(coin));
        same(coin.balanceOf(creator), price - royalty, "fetched");
    }

    function test_onlyTheOwnerLists() external {
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(NotOwner.selector, _id, STRANGER));
        market.list(_id, 1, ETHER, FOREVER);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        market.list(99, 1, ETHER, FOREVER);
        vm.startPrank(creator);
        vm.expectRevert(abi.encodeWithSelector(AlreadyOver.selector, block.timestamp - 1));
        market.list(_id, 1, ETHER, uint40(block.timestamp - 1));
        vm.expectEmit(address(market));
        emit Market.Listed(_id, creator, 1, ETHER, FOREVER);
        market.list(_id, 1, ETHER, FOREVER);
    }

    function test_onlyWhoListedUnlists() external {
        _list(PRICE, ETHER);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Market.NotListed.selector, _id));
        market.unlist(_id);
        vm.startPrank(creator);
        vm.expectEmit(address(market));
        emit Market.Unlisted(_id, creator);
        market.unlist(_id);
        vm.expectRevert(abi.encodeWithSelector(Market.NotListed.selector, _id));
        market.unlist(_id);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(Market.NotListed.selector, _id));
        _buy(ETHER, PRICE);
    }

    function test_sellsOnWhatIsAgreedAlone() external {
        vm.startPrank(creator);
        market.list(_id, PRICE, ETHER, uint40(block.timestamp + 10));
        tracks.approve(address(market), _id);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(Market.PriceChanged.selector, _id, PRICE, ETHER));
        _buy(ETHER, PRICE - 1);
        vm.expectRevert(abi.encodeWithSelector(Market.PriceChanged.selector, _id, PRICE, ETHER));
        _buy(address(1), PRICE);
        vm.prank(BUYER);
        vm.expectRevert(abi.encodeWithSelector(Till.ValueNotMet.selector, PRICE, PRICE + 1));
        market.buy{value: PRICE + 1}(_id, ETHER, PRICE);
        vm.warp(block.timestamp + 11);
        vm.expectRevert(abi.encodeWithSelector(AlreadyOver.selector, block.timestamp - 1));
        _buy(ETHER, PRICE);
        vm.warp(block.timestamp - 1);
        _buy(ETHER, PRICE);
    }

    /// @dev Listed, given away, come back: the listing is there, the leave to sell is not.
    function test_aStaleListingSellsNothing() external {
        _list(PRICE, ETHER);
        vm.prank(creator);
        tracks.transferFrom(creator, OTHER, _id);
        bytes memory stale = abi.encodeWithSelector(Market.ListingStale.selector, _id);
        vm.expectRevert(stale);
        _buy(ETHER, PRICE);
        vm.prank(OTHER);
        tracks.approve(address(market), _id);
        vm.expectRevert(stale);
        _buy(ETHER, PRICE);
        vm.prank(OTHER);
        tracks.transferFrom(OTHER, creator, _id);
        vm.expectRevert(stale);
        _buy(ETHER, PRICE);
        // Leave for everything is no leave for this sale: it would outlive transfers.
        vm.prank(creator);
        tracks.setApprovalForAll(address(market), true);
        vm.expectRevert(stale);
        _buy(ETHER, PRICE);
    }

    function test_aRevertingSellerSellsAndBlocksNobody() external {
        address refuser = address(new Refuser());
        vm.prank(creator);
        tracks.transferFrom(creator, refuser, _id);
        vm.startPrank(refuser);
        market.list(_id, PRICE, ETHER, FOREVER);
        tracks.approve(address(market), _id);
        vm.stopPrank();
        _buy(ETHER, PRICE);
        vm.prank(refuser);
        vm.expectRevert(abi.encodeWithSelector(Till.PaymentRefused.selector, refuser));
        market.withdraw(ETHER);
    }

    /// @dev A buyer who is called while paying tries to buy again, and to sell what it has in hand.
    function test_aReenteringBuyerBuysOnce() external {
        CallingCoin coin = new CallingCoin();
        _list(PRICE, address(coin));
        Reenterer buyer = new Reenterer();
        coin.mint(address(buyer), 3 * PRICE);
        buyer.arm(address(market), abi.encodeCall(Market.buy, (_id, address(coin), PRICE)));
        buyer.arm(address(market), abi.encodeCall(Till.withdraw, (address(coin))));
        vm.startPrank(address(buyer));
        coin.approve(address(market), 3 * PRICE);
        market.buy(_id, address(coin), PRICE);
        same(buyer.tried(), 2, "it tried both, once before the price and once before the royalty");
        same(buyer.succeeded(), 0, "in vain");
        same(coin.balanceOf(address(buyer)), 2 * PRICE, "it paid once");
        same(coin.balanceOf(address(market)), market.owed(address(coin)), "what is owed is there");
    }

    /// @dev Whoever pulls the royalty while it is being paid makes the sale fail, and takes nothing from it.
    function test_aRoyaltyPulledWhileItIsPaidIsUnpaid() external {
        CallingCoin coin = new CallingCoin();
        _list(PRICE, address(coin));
        royalties.open(_id, creator, _model);
        coin.mint(_account, PRICE);
        Reenterer buyer = new Reenterer();
        coin.mint(address(buyer), PRICE);
        buyer.arm(STRANGER, "");
        buyer.arm(
            address(royalties), abi.encodeCall(Royalties.pull, (_id, creator, _model, address(coin), 0))
        );
        vm.startPrank(address(buyer));
        coin.approve(address(market), PRICE);
        vm.expectRevert(abi.encodeWithSelector(Market.RoyaltyUnpaid.selector, _account, PRICE * ROYALTY / 1_000_000));
        market.buy(_id, address(coin), PRICE);
    }

    function test_aTokenThatKeepsAFeePaysNoRoyalty() external {
        FeeCoin coin = new FeeCoin();
        Vouchers.Work memory work = newWork(_model);
        work.royaltyPpm = 1_000_000;
        vm.prank(creator);
        _id = tracks.mint(work, "content");
        _list(PRICE, address(coin));
        _coins(coin, PRICE);
        address account = royalties.accountOf(_id, creator, _model);
        vm.expectRevert(abi.encodeWithSelector(Market.RoyaltyUnpaid.selector, account, PRICE));
        _buy(address(coin), PRICE);
    }

    function test_aTokenThatReturnsNothingWorks() external {
        Coin coin = Coin(address(new SilentCoin()));
        _list(PRICE, address(coin));
        coin.mint(BUYER, PRICE);
        vm.prank(BUYER);
        SilentCoin(address(coin)).approve(address(market), PRICE);
        _buy(address(coin), PRICE);
        same(coin.balanceOf(_account), PRICE * ROYALTY / 1_000_000, "the royalty arrived");
    }

    /// @dev No account of this house refuses ether; a market over tracks whose accounts do sells none of them.
    function test_withoutItsRoyaltyNothingIsSold() external {
        address refuser = address(new Refuser());
        Elsewhere elsewhere = new Elsewhere(refuser, creator);
        Market other = new Market(Tracks(address(elsewhere)));
        elsewhere.approve(address(other));
        vm.prank(creator);
        other.list(1, PRICE, ETHER, FOREVER);
        vm.prank(BUYER);
        vm.expectRevert(abi.encodeWithSelector(Market.RoyaltyUnpaid.selector, refuser, 1));
        other.buy{value: PRICE}(1, ETHER, PRICE);
    }
}
