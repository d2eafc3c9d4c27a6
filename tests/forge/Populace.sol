// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Datasets} from "../../contracts/Datasets.sol";
import {Licenses} from "../../contracts/Licenses.sol";
import {Market} from "../../contracts/Market.sol";
import {Models} from "../../contracts/Models.sol";
import {Offers} from "../../contracts/Offers.sol";
import {Split} from "../../contracts/Split.sol";
import {Till} from "../../contracts/Till.sol";
import {Tracks} from "../../contracts/Tracks.sol";
import {ALL_USES, ETHER, FOREVER, GENERATE, TRAIN, WHOLE_PPM} from "../../contracts/Uses.sol";
import {Vouchers} from "../../contracts/Vouchers.sol";
import {Coin} from "./Coins.sol";
import {Watch} from "./Watch.sol";

/// @title Populace
/// @notice Five people who do at random all that can be done in the house, and keep books of their own: what was paid into
/// which contract and what came out, who was licensed until when. What the contracts refuse is refused; what they let
/// happen is held against the books.
contract Populace is Watch {
    /// @notice How often each action was let happen.
    mapping(bytes32 action => uint256) public done;

    /// @dev The last second of a use, by subject, id, licensee and use; from what was bought and granted.
    mapping(bytes32 license => uint256) private _until;
    mapping(bytes32 digest => bool) private _seen;

    constructor(Datasets datasets, Licenses licenses, Models models, Tracks tracks, Market market, Coin coin)
        Watch(datasets, licenses, models, tracks, market, coin)
    {}

    function register(uint256 who, uint8 root, uint96 price, uint24 royaltyPpm, bool inCoin) external watched(who) {
        Offers.Terms memory terms = Offers.Terms(
            price % 10 ether, FOREVER, royaltyPpm % 300_000, ALL_USES, 0, inCoin ? address(COIN) : ETHER
        );
        bytes32 digest = keccak256(abi.encode("root", root % 64));
        vm.prank(person(who));
        try DATASETS.register(digest, "record", terms, "cid") returns (uint256 id) {
            _new("register", digest);
            same(id, done["register"], "ids are counted");
        } catch {
            holds(_seen[digest], "refused only what is there");
        }
    }

    /// @notice A model is offered, or the price of a dataset changes; or its holder's consent ends, one time in sixteen.
    function offer(uint256 who, bool ofModel, uint256 id, uint96 price, uint8 end) external watched(who) {
        Offers subject = _subject(ofModel);
        id = _any(subject, id);
        if (id == 0) return;
        (address owner, Offers.Terms memory terms, bool closed) = subject.offer(id);
        (terms.price, terms.uses, terms.until) = (price % 10 ether, ALL_USES, FOREVER);
        bool may = owner == person(who) && !closed;
        vm.prank(person(who));
        if (ofModel) {
            try MODELS.changeTerms(id, terms) { _did("offer", may); } catch { holds(!may, "refused an owner"); }
        } else if (end % 16 == 0) {
            try DATASETS.withdrawConsent(id) { _did("withdrawConsent", may); } catch { holds(!may, "refused an owner"); }
        } else {
            try DATASETS.changeTerms(id, terms) { _did("offer", may); } catch { holds(!may, "refused an owner"); }
        }
    }

    function buyLicense(uint256 who, bool ofModel, uint256 id, uint8 uses) external watched(who) {
        Offers subject = _subject(ofModel);
        id = _any(subject, id);
        if (id == 0) return;
        (, Offers.Terms memory terms,) = subject.offer(id);
        Licenses.Deal memory deal = Licenses.Deal(terms.price, terms.currency, terms.until, terms.royaltyPpm);
        uint256 value = terms.currency == ETHER ? terms.price : 0;
        address buyer = person(who);
        _fund(buyer, terms.currency, terms.price, address(LICENSES));
        vm.prank(buyer);
        try LICENSES.buy{value: value}(subject, id, uses & ALL_USES, deal, "record", "content") {
            _did("buyLicense", true);
            came[address(LICENSES)][terms.currency] += terms.price;
            _license(subject, id, buyer, uses, terms.until);
        } catch {}
    }

    function grant(uint256 who, bool ofModel, uint256 id, uint256 whom, uint8 uses, uint40 length) external watched(who) {
        Offers subject = _subject(ofModel);
        id = _any(subject, id);
        if (id == 0) return;
        uint40 until = uint40(block.timestamp + length % 90 days);
        uses = uint8(bound(uses, 1, ALL_USES));
        bool may = subject.ownerOf(id) == person(who);
        vm.prank(person(who));
        try LICENSES.grant(subject, id, person(whom), uses, until, "record", "content") {
            _did("grant", may);
            _license(subject, id, person(whom), uses, until);
        } catch {}
    }

    function record(uint256 who, uint256 first, uint256 second, uint256 parent, uint8 weights) external watched(who) {
        Models.Run memory run;
        first = _any(DATASETS, first);
        if (first == 0) return;
        second = first + second % 3;
        bool pair = second != first && second <= DATASETS.count();
        run.datasets = new uint256[](pair ? 2 : 1);
        run.sharesPpm = new uint32[](pair ? 2 : 1);
        (run.datasets[0], run.sharesPpm[0]) = (first, pair ? 333_333 : WHOLE_PPM);
        if (pair) (run.datasets[1], run.sharesPpm[1]) = (second, 666_667);
        bool child = parent % 2 == 1 && MODELS.count() != 0;
        run.parents = new uint256[](child ? 1 : 0);
        if (child) run.parents[0] = _any(MODELS, parent >> 1);
        (run.weights, run.record) = (keccak256(abi.encode("weights", weights % 64)), "record");
        run.royaltyPpm = uint24(parent % 100_000);
        bool may = _licensed(DATASETS, first, person(who), TRAIN)
            && (!pair || _licensed(DATASETS, second, person(who), TRAIN))
            && (!child || _licensed(MODELS, run.parents[0], person(who), TRAIN));
        vm.prank(person(who));
        try MODELS.record(run) returns (uint256 id) {
            _did("record", may);
            _new("weights", run.weights);
            same(id, done["record"], "ids are counted");
        } catch {}
    }

    function mint(uint256 who, uint256 model, uint8 claim, uint8 audio, uint24 royaltyPpm) external watched(who) {
        model = _any(MODELS, model);
        if (model == 0) return;
        address by = person(who);
        Vouchers.Work memory work = Vouchers.Work(
            keccak256(abi.encode(claim % 64)), keccak256(abi.encode("audio", audio)), "record", uint40(model),
            royaltyPpm % 200_000
        );
        bool may = _licensed(MODELS, model, by, GENERATE);
        vm.prank(by);
        try TRACKS.mint(work, "content") returns (uint256 id) {
            _did("mint", may);
            _new("audio", work.audio);
            _new("claim", keccak256(abi.encode("track", id)));
            _open(id, by, model);
        } catch {}
    }

    function list(uint256 who, uint256 place, uint96 price, bool inCoin) external watched(who) {
        uint256 id = _track(place);
        if (id == 0) return;
        bool may = TRACKS.ownerOf(id) == person(who);
        vm.startPrank(person(who));
        try MARKET.list(id, price % 10 ether, inCoin ? address(COIN) : ETHER, FOREVER) {
            _did("list", may);
            TRACKS.approve(address(MARKET), id);
        } catch {
            holds(!may, "refused an owner");
        }
        vm.stopPrank();
    }

    /// @dev Who listed a track, and approved its sale, lets it go by that act.
    function buyTrack(uint256 who, uint256 place) external {
        uint256 id = _track(place);
        if (id == 0) return;
        (address seller, uint96 price, address currency,) = MARKET.listings(id);
        address buyer = person(who);
        _fund(buyer, currency, price, address(MARKET));
        bool may = seller != address(0) && TRACKS.ownerOf(id) == seller && TRACKS.getApproved(id) == address(MARKET);
        _look();
        vm.prank(buyer);
        try MARKET.buy{value: currency == ETHER ? price : 0}(id, currency, price) {
            _did("buyTrack", may);
            uint256 royalty = uint256(price) * TRACKS.track(id).royaltyPpm / WHOLE_PPM;
            came[address(accounts[id])][currency] += royalty;
            came[address(MARKET)][currency] += price - royalty;
        } catch {
            holds(!may, "refused a buyer");
        }
        _compare(buyer, seller);
    }

    function give(uint256 who, uint256 kind, uint256 id, uint256 whom) external watched(who) {
        (address from, address to) = (person(who), person(whom));
        vm.startPrank(from);
        if (kind % 3 == 0 && (id = _any(DATASETS, id)) != 0 && DATASETS.ownerOf(id) == from) {
            DATASETS.transferFrom(from, to, id);
            _did("give", true);
        } else if (kind % 3 == 1 && (id = _any(MODELS, id)) != 0 && MODELS.ownerOf(id) == from) {
            MODELS.transferFrom(from, to, id);
        } else if (kind % 3 == 2 && (id = _track(id)) != 0 && TRACKS.ownerOf(id) == from) {
            TRACKS.transferFrom(from, to, id);
        }
        vm.stopPrank();
    }

    function withdraw(uint256 who, bool ofMarket, bool inCoin) external watched(who) {
        Till till = ofMarket ? Till(MARKET) : Till(LICENSES);
        address currency = inCoin ? address(COIN) : ETHER;
        uint256 amount = till.due(currency, person(who));
        vm.prank(person(who));
        try till.withdraw(currency) {
            _did("withdraw", amount != 0);
            went[address(till)][currency] += amount;
        } catch {
            same(amount, 0, "refused what is due");
        }
    }

    /// @notice Money comes to an account by itself; or a token to a till, where it is nobody's.
    function donate(uint256 who, uint256 to, uint64 amount, bool inCoin) external watched(who) {
        uint256 id = _track(to);
        address account = id == 0 || inCoin && to % 5 == 0 ? address(LICENSES) : address(accounts[id]);
        if (account == address(LICENSES)) inCoin = true;
        address currency = inCoin ? address(COIN) : ETHER;
        _fund(person(who), currency, amount, address(0));
        vm.prank(person(who));
        if (inCoin) COIN.transfer(account, amount);
        else _send(account, amount);
        came[account][currency] += amount;
        _did("donate", true);
    }

    function pull(uint256 who, uint256 place, uint256 index, bool inCoin) external watched(who) {
        uint256 id = _track(place);
        if (id == 0) return;
        Split split = accounts[id];
        index %= shares[id];
        address currency = inCoin ? address(COIN) : ETHER;
        uint256 amount = split.due(currency, index);
        vm.prank(person(who));
        try split.pull(currency, index) {
            _did("pull", amount != 0);
            _fetch(id, currency, index, amount);
        } catch {
            same(amount, 0, "refused what is due");
        }
    }

    /// @notice All later income of an account goes to one person, since nobody objects for a week.
    function attribute(uint256 who, uint256 place, uint256 index, uint256 whom) external watched(who) {
        uint256 id = _track(place);
        if (id == 0) return;
        if (_attribute(id, person(who), index % shares[id], person(whom))) _did("attribute", true);
    }

    function pullProven(uint256 who, uint256 place, uint256 epoch, bool inCoin) external watched(who) {
        uint256 id = _track(place);
        if (id == 0 || accounts[id].epochs() == 0) return;
        if (_pullProven(id, epoch % accounts[id].epochs() + 1, inCoin ? address(COIN) : ETHER)) _did("pullProven", true);
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + time % 20 days);
        vm.roll(block.number + 1);
    }

    function _did(bytes32 action, bool may) private {
        holds(may, "let happen what nobody may");
        ++done[action];
    }

    function _new(bytes32 action, bytes32 digest) private {
        holds(!_seen[digest], "no digest twice");
        _seen[digest] = true;
        ++done[action];
    }

    function _subject(bool ofModel) private view returns (Offers) {
        return ofModel ? Offers(MODELS) : Offers(DATASETS);
    }

    function _any(Offers subject, uint256 id) private view returns (uint256) {
        uint256 count = address(subject) == address(MODELS) ? MODELS.count() : DATASETS.count();
        return count == 0 ? 0 : id % count + 1;
    }

    function _license(Offers subject, uint256 id, address who, uint8 uses, uint256 until) private {
        for (uint8 use = 1; use <= ALL_USES; use *= 2) {
            bytes32 key = keccak256(abi.encode(subject, id, who, use));
            if (uses & use != 0 && _until[key] < until) _until[key] = until;
        }
    }

    function _licensed(Offers subject, uint256 id, address who, uint8 use) private view returns (bool) {
        return subject.ownerOf(id) == who || _until[keccak256(abi.encode(subject, id, who, use))] >= block.timestamp;
    }
}
