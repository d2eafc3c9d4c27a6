// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Datasets} from "../../contracts/Datasets.sol";
import {Licenses} from "../../contracts/Licenses.sol";
import {Market} from "../../contracts/Market.sol";
import {Models} from "../../contracts/Models.sol";
import {Kind, Share, Sibling} from "../../contracts/Shares.sol";
import {Split} from "../../contracts/Split.sol";
import {Tracks} from "../../contracts/Tracks.sol";
import {ETHER, WHOLE_PPM} from "../../contracts/Uses.sol";
import {Cheats} from "./Cheats.sol";
import {Coin} from "./Coins.sol";
import {SumTrees} from "./Trees.sol";

/// @title Watch
/// @notice Five people, the money that came and went, and an eye on every action: whatever somebody does, nobody else has
/// less of anything afterwards.
abstract contract Watch is Cheats {
    uint256 internal constant PEOPLE = 5;
    uint256 private constant THINGS = 10;

    Datasets public immutable DATASETS;
    Licenses public immutable LICENSES;
    Models public immutable MODELS;
    Tracks public immutable TRACKS;
    Market public immutable MARKET;
    Coin public immutable COIN;

    /// @notice What came into a contract, and what went out, by the books of those who paid and fetched.
    mapping(address account => mapping(address currency => uint256)) public came;
    mapping(address account => mapping(address currency => uint256)) public went;

    /// @notice The tracks, their accounts, and how many recorded shares each has.
    uint256[] public ids;
    mapping(uint256 track => Split) public accounts;
    mapping(uint256 track => uint256) public shares;

    /// @dev What each recorded share fetched, by track, currency and index.
    mapping(uint256 track => mapping(address currency => mapping(uint256 index => uint256))) private _fetched;

    /// @dev The one share of each epoch.
    mapping(uint256 track => mapping(uint256 epoch => Share)) private _attributed;

    uint256[THINGS][PEOPLE] private _had;

    modifier watched(uint256 who) {
        _look();
        _;
        _compare(person(who), address(0));
    }

    constructor(Datasets datasets, Licenses licenses, Models models, Tracks tracks, Market market, Coin coin) {
        (DATASETS, LICENSES, MODELS, TRACKS, MARKET, COIN) = (datasets, licenses, models, tracks, market, coin);
    }

    function person(uint256 who) public pure returns (address) {
        return address(uint160(0x9000 + who % PEOPLE));
    }

    function tracksMade() external view returns (uint256) {
        return ids.length;
    }

    /// @notice Everybody fetches all that is due from an account, in a currency, of every epoch.
    function empty(uint256 id, address currency) external {
        for (uint256 i = 0; i < shares[id]; ++i) {
            uint256 amount = accounts[id].due(currency, i);
            if (amount == 0) continue;
            accounts[id].pull(currency, i);
            _fetch(id, currency, i, amount);
            same(accounts[id].due(currency, i), 0, "fetched once");
        }
        for (uint256 epoch = 1; epoch <= accounts[id].epochs(); ++epoch) {
            _pullProven(id, epoch, currency);
        }
    }

    function _open(uint256 id, address creator, uint256 model) internal {
        ids.push(id);
        accounts[id] = TRACKS.ROYALTIES().open(id, creator, model);
        (, uint48[] memory dues) = MODELS.duesOf(model);
        shares[id] = dues.length + 2;
    }

    function _track(uint256 place) internal view returns (uint256) {
        return ids.length == 0 ? 0 : ids[place % ids.length];
    }

    /// @dev Money for what somebody is about to do, so that it is not counted as theirs.
    function _fund(address who, address currency, uint256 amount, address spender) internal {
        if (currency == ETHER) {
            vm.deal(who, who.balance + amount);
            return;
        }
        COIN.mint(who, amount);
        if (spender == address(0)) return;
        vm.prank(who);
        COIN.approve(spender, amount);
    }

    function _send(address account, uint256 amount) internal {
        (bool paid,) = account.call{value: amount}("");
        holds(paid, "ether can always come");
    }

    function _attribute(uint256 id, address by, uint256 index, address whom) internal returns (bool) {
        Split split = accounts[id];
        Share memory all = Share(Kind.Account, uint160(whom), uint24(WHOLE_PPM));
        vm.prank(by);
        try split.propose(index, SumTrees.leaf(all).hash, all, new Sibling[](0)) {
            (Share memory held,) = split.recorded(index);
            holds(held.ppm != 0, "a share of nothing has no say");
        } catch {
            return false;
        }
        vm.warp(block.timestamp + 7 days);
        split.adopt(ETHER);
        split.adopt(address(COIN));
        _attributed[id][split.epochs()] = all;
        return true;
    }

    /// @dev A share was paid: all in all, no more than its part of what came.
    function _fetch(uint256 id, address currency, uint256 index, uint256 amount) internal {
        address account = address(accounts[id]);
        went[account][currency] += amount;
        uint256 all = _fetched[id][currency][index] += amount;
        (Share memory share,) = accounts[id].recorded(index);
        holds(all * WHOLE_PPM <= came[account][currency] * share.ppm, "no more than the share");
    }

    function _pullProven(uint256 id, uint256 epoch, address currency) internal returns (bool) {
        (Split split, Share memory share) = (accounts[id], _attributed[id][epoch]);
        uint256 amount = split.dueProven(currency, epoch, share, new Sibling[](0));
        if (amount == 0) return false;
        split.pullProven(currency, epoch, share, new Sibling[](0));
        went[address(split)][currency] += amount;
        return true;
    }

    function _look() internal {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _had[i] = _has(person(i));
        }
    }

    function _compare(address actor, address other) internal view {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            if (person(i) == actor || person(i) == other) continue;
            uint256[THINGS] memory has = _has(person(i));
            for (uint256 j = 0; j < THINGS; ++j) {
                holds(has[j] >= _had[i][j], "nobody has less by another's act");
            }
        }
    }

    function _has(address who) private view returns (uint256[THINGS] memory) {
        return [
            who.balance,
            COIN.balanceOf(who),
            LICENSES.due(ETHER, who),
            LICENSES.due(address(COIN), who),
            MARKET.due(ETHER, who),
            MARKET.due(address(COIN), who),
            DATASETS.balanceOf(who),
            MODELS.balanceOf(who),
            TRACKS.balanceOf(who),
            LICENSES.balanceOf(who)
        ];
    }
}
