// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Share} from "../../contracts/Shares.sol";
import {Split} from "../../contracts/Split.sol";
import {Till} from "../../contracts/Till.sol";
import {ETHER, WHOLE_PPM} from "../../contracts/Uses.sol";
import {Coin} from "./Coins.sol";
import {House} from "./House.sol";
import {Populace} from "./Populace.sol";

/// @notice What holds whatever anybody does, in whichever order.
contract EconomyTest is House {
    Coin private _coin;
    Populace private _populace;

    function setUp() public override {
        super.setUp();
        _coin = new Coin();
        _populace = new Populace(datasets, licenses, models, tracks, market, _coin);
        target(address(_populace));
    }

    /// @notice Asked by forge: what it calls, and how often relative to the rest, since nothing can be sold before it is
    /// there.
    function targetSelectors() external view returns (Selectors[] memory all) {
        bytes4[20] memory ours = [
            Populace.register.selector, Populace.register.selector, Populace.offer.selector,
            Populace.buyLicense.selector, Populace.buyLicense.selector, Populace.grant.selector,
            Populace.record.selector, Populace.record.selector, Populace.record.selector, Populace.mint.selector,
            Populace.mint.selector, Populace.mint.selector, Populace.list.selector, Populace.buyTrack.selector,
            Populace.give.selector, Populace.withdraw.selector, Populace.donate.selector, Populace.pull.selector,
            Populace.attribute.selector, Populace.pullProven.selector
        ];
        all = new Selectors[](1);
        all[0].target = address(_populace);
        all[0].selectors = new bytes4[](21);
        for (uint256 i = 0; i < 20; ++i) {
            all[0].selectors[i] = ours[i];
        }
        all[0].selectors[20] = Populace.wait.selector;
    }

    struct Selectors {
        address target;
        bytes4[] selectors;
    }

    /// @dev One walk for all of it: forge walks anew for each invariant.
    function invariant_whateverAnybodyDoesTheBooksBalance() external view {
        _tillsHoldWhatTheyOwe();
        _accountsHoldWhatCame();
        _everythingIsSomebodys();
    }

    /// @dev Licenses and market: what came is what went and what is there, and of a currency as much is there as is due.
    function _tillsHoldWhatTheyOwe() private view {
        Till[2] memory tills = [Till(licenses), Till(market)];
        for (uint256 i = 0; i < 2; ++i) {
            (uint256 coinage, uint256 coins) = (_due(tills[i], ETHER), _due(tills[i], address(_coin)));
            same(address(tills[i]).balance, coinage, "ether is there as it is due");
            same(tills[i].owed(address(_coin)), coins, "tokens are owed as they are due");
            holds(_coin.balanceOf(address(tills[i])) >= coins, "and there, with what was given away");
            _balanced(address(tills[i]), ETHER);
            _balanced(address(tills[i]), address(_coin));
        }
    }

    /// @dev Accounts: the same, and the recorded shares make one whole.
    function _accountsHoldWhatCame() private view {
        for (uint256 i = 0; i < _populace.tracksMade(); ++i) {
            uint256 id = _populace.ids(i);
            Split split = _populace.accounts(id);
            _balanced(address(split), ETHER);
            _balanced(address(split), address(_coin));
            uint256 sum = 0;
            for (uint256 j = 0; j < _populace.shares(id); ++j) {
                (Share memory share,) = split.recorded(j);
                sum += share.ppm;
            }
            same(sum, WHOLE_PPM, "shares make one whole");
        }
    }

    /// @dev No token is lost or made beside the books.
    function _everythingIsSomebodys() private view {
        (uint256 sets, uint256 checkpoints, uint256 pieces) = (0, 0, 0);
        for (uint256 i = 0; i < 5; ++i) {
            address who = _populace.person(i);
            sets += datasets.balanceOf(who);
            checkpoints += models.balanceOf(who);
            pieces += tracks.balanceOf(who);
        }
        same(sets, datasets.count(), "datasets");
        same(datasets.count(), _populace.done("register"), "as many as were registered");
        same(checkpoints, models.count(), "models");
        same(models.count(), _populace.done("record"), "as many as were recorded");
        same(pieces, _populace.done("mint"), "as many tracks as were minted");
        same(address(market.TRACKS().ROYALTIES()).balance + address(tracks).balance, 0, "no ether goes astray");
    }

    /// @notice Asked by forge at the end of each run: everybody fetches everything, and next to nothing is left.
    function afterInvariant() external {
        for (uint256 i = 0; i < _populace.tracksMade(); ++i) {
            uint256 id = _populace.ids(i);
            address account = address(_populace.accounts(id));
            uint256 seats = _populace.shares(id) + _populace.accounts(id).epochs();
            _populace.empty(id, ETHER);
            _populace.empty(id, address(_coin));
            holds(account.balance < seats, "less than one unit for each share");
            holds(_coin.balanceOf(account) < seats, "of each currency");
        }
        for (uint256 i = 0; i < 5; ++i) {
            for (uint256 j = 0; j < 4; ++j) {
                _populace.withdraw(i, j & 1 == 1, j & 2 == 2);
            }
        }
        same(address(licenses).balance + address(market).balance, 0, "no till keeps ether");
        same(licenses.owed(address(_coin)) + market.owed(address(_coin)), 0, "or owes anything");
    }

    /// @dev The people above do all of it: a thousand steps drawn by hashes, and every action was let happen.
    function test_thePopulaceLivesAFullLife() external {
        for (uint256 i = 0; i < 1500; ++i) {
            uint256 r = uint256(keccak256(abi.encode("step", i)));
            (uint256 who, uint256 a, uint256 b, uint256 c) = (r & 0xffff, r >> 16 & 0xffff, r >> 32 & 0xffff, r >> 48 & 0xffff);
            bool coin = r >> 250 & 1 == 1;
            uint256 step = (r >> 64) % 14;
            if (step == 0) _populace.register(who, uint8(a), uint96(b), uint24(c), coin);
            if (step == 1) _populace.offer(who, coin, a, uint96(b), uint8(c));
            if (step == 2) _populace.buyLicense(who, coin, a, uint8(b));
            if (step == 3) _populace.grant(who, coin, a, b, uint8(c), uint40(r >> 100));
            if (step == 4) _populace.record(who, a, b, c, uint8(r >> 100));
            if (step == 5) _populace.mint(who, a, uint8(b), uint8(c), uint24(r >> 100));
            if (step == 6) _populace.list(who, a, uint96(r >> 100), coin);
            if (step == 7) _populace.buyTrack(who, a);
            if (step == 8) _populace.give(who, a, b, c);
            if (step == 9) _populace.withdraw(who, a & 1 == 1, coin);
            if (step == 10) _populace.donate(who, a, uint64(r >> 100), coin);
            if (step == 11) _populace.pull(who, a, b, coin);
            if (step == 12) _populace.attribute(who, a, b, c);
            if (step == 13) _populace.pullProven(who, a, b, coin);
        }
        string[14] memory all = [
            "register", "offer", "withdrawConsent", "buyLicense", "grant", "record", "mint", "list", "buyTrack", "give",
            "withdraw", "donate", "pull", "attribute"
        ];
        for (uint256 i = 0; i < all.length; ++i) {
            holds(_populace.done(bytes32(bytes(all[i]))) != 0, all[i]);
        }
        holds(_populace.done("pullProven") != 0, "pullProven");
        this.invariant_whateverAnybodyDoesTheBooksBalance();
        this.afterInvariant();
    }

    function _due(Till till, address currency) private view returns (uint256 sum) {
        for (uint256 i = 0; i < 5; ++i) {
            sum += till.due(currency, _populace.person(i));
        }
    }

    function _balanced(address account, address currency) private view {
        uint256 held = currency == ETHER ? account.balance : _coin.balanceOf(account);
        same(_populace.came(account, currency), _populace.went(account, currency) + held, "in is out and held");
    }
}
