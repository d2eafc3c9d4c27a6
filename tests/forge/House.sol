// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Datasets} from "../../contracts/Datasets.sol";
import {Keys} from "../../contracts/Keys.sol";
import {Licenses} from "../../contracts/Licenses.sol";
import {Market} from "../../contracts/Market.sol";
import {Models} from "../../contracts/Models.sol";
import {Offers} from "../../contracts/Offers.sol";
import {Royalties} from "../../contracts/Royalties.sol";
import {Tracks} from "../../contracts/Tracks.sol";
import {ALL_USES, ETHER, FOREVER, GENERATE, TRAIN, WHOLE_PPM} from "../../contracts/Uses.sol";
import {Vouchers} from "../../contracts/Vouchers.sol";
import {Guardian} from "./Actors.sol";
import {Cheats} from "./Cheats.sol";

/// @title House
/// @notice All seven contracts, made in the order of ledger/deployment.py, and the people who use them. The verbs here do
/// what nobody refuses; a test that is about a verb spells it out.
abstract contract House is Cheats {
    uint96 internal constant PRICE = 1000;
    uint24 internal constant ROYALTY = 50_000;
    string internal constant SITE = "https://tracks.example/";
    uint256 internal constant CREATOR_KEY = 0xC0FFEE;

    address internal constant HOLDER = address(0x1001);
    address internal constant OTHER = address(0x1002);
    address internal constant TRAINER = address(0x1003);
    address internal constant BUYER = address(0x1004);
    address internal constant STRANGER = address(0x1005);

    /// @dev Has a key, since creators sign vouchers.
    address internal creator;

    Datasets internal datasets;
    Licenses internal licenses;
    Models internal models;
    Royalties internal royalties;
    Tracks internal tracks;
    Market internal market;
    Keys internal keys;
    Guardian internal guardian;

    uint256 private _digests;

    function setUp() public virtual {
        creator = vm.addr(CREATOR_KEY);
        // A time and a block of their own, so that zero is told from "now".
        vm.warp(1_800_000_000);
        vm.roll(1234);
        guardian = new Guardian();
        datasets = new Datasets();
        address foretold = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        licenses = new Licenses(datasets, Offers(foretold));
        models = new Models(datasets, licenses);
        royalties = new Royalties(datasets, models);
        tracks = new Tracks(models, licenses, royalties, address(guardian), SITE);
        market = new Market(tracks);
        keys = new Keys();
        address[5] memory people = [HOLDER, OTHER, TRAINER, BUYER, STRANGER];
        for (uint256 i = 0; i < people.length; ++i) vm.deal(people[i], 100 ether);
        vm.deal(creator, 100 ether);
    }

    /// @dev A digest that nothing else has.
    function fresh() internal returns (bytes32) {
        return keccak256(abi.encode("fresh", ++_digests));
    }

    function ordinary() internal pure returns (Offers.Terms memory) {
        return Offers.Terms(PRICE, FOREVER, ROYALTY, ALL_USES, 0, ETHER);
    }

    /// @dev What a buyer agrees to who takes the terms as they are.
    function dealOf(Offers.Terms memory terms) internal pure returns (Licenses.Deal memory) {
        return Licenses.Deal(terms.price, terms.currency, terms.until, terms.royaltyPpm);
    }

    /// @dev The same in a token.
    function pricedIn(address currency) internal pure returns (Offers.Terms memory terms) {
        terms = ordinary();
        terms.currency = currency;
    }

    function newDataset(address holder, Offers.Terms memory terms) internal returns (uint256) {
        bytes32 root = fresh();
        bytes32 record = fresh();
        vm.prank(holder);
        return datasets.register(root, record, terms, "cid");
    }

    function newDataset(address holder) internal returns (uint256) {
        return newDataset(holder, ordinary());
    }

    function grant(Offers subject, uint256 id, address who, uint8 uses) internal returns (uint256) {
        bytes32 record = fresh();
        address owner = subject.ownerOf(id);
        vm.prank(owner);
        return licenses.grant(subject, id, who, uses, FOREVER, record, fresh());
    }

    function one(uint256 id) internal pure returns (uint256[] memory ids) {
        ids = new uint256[](1);
        ids[0] = id;
    }

    function two(uint256 first, uint256 second) internal pure returns (uint256[] memory ids) {
        ids = new uint256[](2);
        (ids[0], ids[1]) = (first, second);
    }

    function whole() internal pure returns (uint32[] memory shares) {
        shares = new uint32[](1);
        shares[0] = WHOLE_PPM;
    }

    /// @dev A run on datasets, the first of which gets what the others leave.
    function runOn(uint256[] memory ids, uint24 royaltyPpm) internal returns (Models.Run memory run) {
        uint32[] memory shares = new uint32[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            shares[i] = WHOLE_PPM / uint32(ids.length);
        }
        if (ids.length != 0) shares[0] += WHOLE_PPM % uint32(ids.length);
        return Models.Run(fresh(), fresh(), royaltyPpm, ids, shares, new uint256[](0), "cid");
    }

    function train(address trainer, Models.Run memory run) internal returns (uint256) {
        vm.prank(trainer);
        return models.record(run);
    }

    /// @dev A model trained on one new dataset of HOLDER's, which is owed 5 % of what its tracks earn, and the model 2 %.
    function newModel(address trainer) internal returns (uint256) {
        uint256 id = newDataset(HOLDER);
        grant(datasets, id, trainer, TRAIN);
        return train(trainer, runOn(one(id), 20_000));
    }

    function newWork(uint256 modelId) internal returns (Vouchers.Work memory) {
        return Vouchers.Work(fresh(), fresh(), fresh(), uint40(modelId), ROYALTY);
    }

    function mint(address by, uint256 modelId) internal returns (uint256) {
        Vouchers.Work memory made = newWork(modelId);
        vm.prank(by);
        return tracks.mint(made, "content");
    }

    /// @dev A track of a creator who is licensed to generate with a new model of TRAINER's.
    function newTrack() internal returns (uint256) {
        uint256 id = newModel(TRAINER);
        grant(models, id, creator, GENERATE);
        return mint(creator, id);
    }
}
