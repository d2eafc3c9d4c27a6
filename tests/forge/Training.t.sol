// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Datasets} from "../../contracts/Datasets.sol";
import {Dues} from "../../contracts/Dues.sol";
import {Licenses} from "../../contracts/Licenses.sol";
import {Models} from "../../contracts/Models.sol";
import {Offers} from "../../contracts/Offers.sol";
import {LicenseMissing, NotOwner, RoyaltyTooHigh, ZeroDigest} from "../../contracts/Refusals.sol";
import {FOREVER, GENERATE, TRAIN, WHOLE_PPM} from "../../contracts/Uses.sol";
import {House} from "./House.sol";

/// @notice Training runs: who may record one, and what its model owes from then on.
contract TrainingTest is House {
    function _refuses(Models.Run memory run, bytes memory why) private {
        vm.prank(TRAINER);
        vm.expectRevert(why);
        models.record(run);
    }

    function test_recordsARun() external {
        uint256 id = newDataset(HOLDER);
        grant(datasets, id, TRAINER, TRAIN);
        Models.Run memory run = runOn(one(id), 20_000);
        vm.prank(TRAINER);
        vm.expectEmit(address(models));
        uint48[] memory owed = new uint48[](1);
        owed[0] = Dues.toDataset(id, ROYALTY);
        emit Models.Recorded(
            1, run.weights, TRAINER, run.record, 20_000, run.datasets, run.sharesPpm, run.parents, owed, "cid"
        );
        same(models.record(run), 1, "the first model is number 1");
        holds(models.ownerOf(1) == TRAINER, "the trainer owns it");
        same(models.blockOf(1), block.number, "found in this block");
        (uint64 filed, bytes24 kept) = models.byWeights(run.weights);
        holds(filed == 1 && kept == bytes24(run.record), "found by its weights");
        (, Offers.Terms memory terms, bool closed) = models.offer(1);
        holds(terms.uses == 0 && terms.royaltyPpm == 20_000 && !closed, "nothing is on offer, the royalty stands");
        run.record = fresh();
        _refuses(run, abi.encodeWithSelector(Models.WeightsTaken.selector, run.weights, 1));
    }

    function test_refusesWhatIsNotWhole() external {
        uint256 a = newDataset(TRAINER);
        uint256 b = newDataset(TRAINER);
        Models.Run memory run = runOn(one(a), 0);
        run.weights = 0;
        _refuses(run, abi.encodeWithSelector(ZeroDigest.selector));
        run = runOn(one(a), 0);
        run.record = 0;
        _refuses(run, abi.encodeWithSelector(ZeroDigest.selector));
        _refuses(runOn(new uint256[](0), 0), abi.encodeWithSelector(Models.TrainedOnNothing.selector));
        run = runOn(two(a, b), 0);
        run.sharesPpm = whole();
        _refuses(run, abi.encodeWithSelector(Models.SharesUneven.selector, WHOLE_PPM, 2, 1));
        run = runOn(two(a, b), 0);
        run.sharesPpm[1] -= 1;
        _refuses(run, abi.encodeWithSelector(Models.SharesUneven.selector, WHOLE_PPM - 1, 2, 2));
        run = runOn(new uint256[](0), 0);
        run.parents = one(train(TRAINER, runOn(one(a), 0)));
        run.sharesPpm = whole();
        _refuses(run, abi.encodeWithSelector(Models.SharesUneven.selector, WHOLE_PPM, 0, 1));
        run = runOn(two(a, b), 0);
        (run.sharesPpm[0], run.sharesPpm[1]) = (0, WHOLE_PPM);
        _refuses(run, abi.encodeWithSelector(Models.ShareOfNothing.selector, a));
        _refuses(runOn(two(b, a), 0), abi.encodeWithSelector(Models.OutOfOrder.selector, a));
        _refuses(runOn(two(a, a), 0), abi.encodeWithSelector(Models.OutOfOrder.selector, a));
        run = runOn(new uint256[](0), 0);
        run.parents = two(1, 1);
        _refuses(run, abi.encodeWithSelector(Models.OutOfOrder.selector, 1));
    }

    /// @dev Every dataset, and every parent, at the moment of recording.
    function testFuzz_refusesWhoIsNotLicensed(uint8 licensed, uint40 until) external {
        uint256[] memory ids = new uint256[](3);
        until = uint40(bound(until, block.timestamp, FOREVER - 1));
        for (uint256 i = 0; i < 3; ++i) {
            ids[i] = newDataset(HOLDER);
            vm.prank(HOLDER);
            if (licensed >> i & 1 == 1) licenses.grant(datasets, ids[i], TRAINER, TRAIN, until, "record", "content");
            else licenses.grant(datasets, ids[i], TRAINER, GENERATE, FOREVER, "record", "content");
        }
        for (uint256 i = 0; i < 3; ++i) {
            if (licensed >> i & 1 == 1) continue;
            _refuses(runOn(ids, 0), abi.encodeWithSelector(LicenseMissing.selector, datasets, ids[i], TRAINER, TRAIN));
            return;
        }
        vm.warp(until);
        train(TRAINER, runOn(ids, 0));
        vm.warp(uint256(until) + 1);
        _refuses(runOn(ids, 0), abi.encodeWithSelector(LicenseMissing.selector, datasets, ids[0], TRAINER, TRAIN));
    }

    function test_refusesAParentThatIsNotLicensed() external {
        uint256 parent = newModel(TRAINER);
        Models.Run memory run = runOn(new uint256[](0), 0);
        run.parents = one(parent);
        vm.prank(OTHER);
        vm.expectRevert(abi.encodeWithSelector(LicenseMissing.selector, models, parent, OTHER, TRAIN));
        models.record(run);
        grant(models, parent, OTHER, TRAIN);
        same(train(OTHER, run), parent + 1, "a license is all it takes");
        run = runOn(new uint256[](0), 0);
        run.parents = one(99);
        _refuses(run, abi.encodeWithSelector(LicenseMissing.selector, models, 99, TRAINER, TRAIN));
    }

    /// @dev A dataset is owed its royalty in proportion to its share, rounded up; who asks for nothing is not written.
    function testFuzz_owesInProportion(uint32 share, uint24 a, uint24 b) external {
        share = uint32(bound(share, 1, WHOLE_PPM - 1));
        (a, b) = (uint24(bound(a, 0, WHOLE_PPM)), uint24(bound(b, 0, WHOLE_PPM)));
        Offers.Terms memory terms = ordinary();
        terms.royaltyPpm = a;
        uint256 first = newDataset(TRAINER, terms);
        terms.royaltyPpm = b;
        uint256 second = newDataset(TRAINER, terms);
        Models.Run memory run = runOn(two(first, second), 0);
        (run.sharesPpm[0], run.sharesPpm[1]) = (share, WHOLE_PPM - share);
        uint256 owedFirst = (uint256(share) * a + WHOLE_PPM - 1) / WHOLE_PPM;
        uint256 owedSecond = (uint256(WHOLE_PPM - share) * b + WHOLE_PPM - 1) / WHOLE_PPM;
        (, uint48[] memory dues) = models.duesOf(train(TRAINER, run));
        uint256 n = 0;
        if (owedFirst != 0) same(dues[n++], owedFirst << 27 | first, "the first dataset");
        if (owedSecond != 0) same(dues[n++], owedSecond << 27 | second, "the second dataset");
        same(dues.length, n, "and nobody else");
    }

    /// @dev A child owes its parents' royalties and all that they owe, after its own.
    function test_inheritsWhatParentsOwe() external {
        uint256 first = newModel(TRAINER);
        uint256 id = newDataset(TRAINER);
        uint256 free = train(TRAINER, runOn(one(id), 0));
        Models.Run memory run = runOn(one(id), 10_000);
        run.parents = two(first, free);
        (uint24 royaltyPpm, uint48[] memory dues) = models.duesOf(train(TRAINER, run));
        same(royaltyPpm, 10_000, "its own");
        same(dues.length, 4, "dataset, parent, the parent's dataset, and the free parent's dataset");
        same(dues[0], uint256(ROYALTY) << 27 | id, "its dataset");
        same(dues[1], 1 << 47 | uint256(20_000) << 27 | first, "its parent");
        same(dues[2], uint256(ROYALTY) << 27 | 1, "its parent's dataset");
        same(dues[3], uint256(ROYALTY) << 27 | id, "a parent without royalty hands on what it owes itself");
    }

    function test_owesNoMoreThanThereIs() external {
        uint256 id = newDataset(TRAINER);
        train(TRAINER, runOn(one(id), 950_000));
        _refuses(runOn(one(id), 950_001), abi.encodeWithSelector(RoyaltyTooHigh.selector, 1_000_001));
        Models.Run memory run = runOn(new uint256[](0), 1);
        run.parents = one(1);
        _refuses(run, abi.encodeWithSelector(RoyaltyTooHigh.selector, 1_000_001));
    }

    function test_owesToNoMoreThan255() external {
        uint256[] memory ids = new uint256[](255);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = newDataset(TRAINER);
        }
        uint256 id = train(TRAINER, runOn(ids, 1));
        (, uint48[] memory dues) = models.duesOf(id);
        same(dues.length, 255, "as many as fit");
        same(dues[254], (uint256(WHOLE_PPM / 255) * ROYALTY / WHOLE_PPM + 1) << 27 | ids[254], "the last of them");
        Models.Run memory run = runOn(new uint256[](0), 0);
        run.parents = one(id);
        _refuses(run, abi.encodeWithSelector(Models.TooManyDues.selector, 256));
    }

    function test_theRoyaltyOfAModelIsFixed() external {
        uint256 id = newModel(TRAINER);
        Offers.Terms memory terms = ordinary();
        vm.prank(TRAINER);
        vm.expectRevert(abi.encodeWithSelector(Models.RoyaltyFixed.selector, id, 20_000));
        models.changeTerms(id, terms);
        terms.royaltyPpm = 20_000;
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(NotOwner.selector, id, STRANGER));
        models.changeTerms(id, terms);
        vm.prank(TRAINER);
        vm.expectEmit(address(models));
        emit Offers.TermsChanged(id, terms);
        models.changeTerms(id, terms);
        (, Offers.Terms memory kept,) = models.offer(id);
        holds(keccak256(abi.encode(kept)) == keccak256(abi.encode(terms)), "kept");
    }

    function test_knowsNothingOfOthers() external {
        bytes memory missing = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1);
        vm.expectRevert(missing);
        models.offer(1);
        vm.expectRevert(missing);
        models.blockOf(1);
        vm.expectRevert(missing);
        models.duesOf(1);
        vm.expectRevert(missing);
        models.changeTerms(1, ordinary());
    }

    /// @dev Licenses made for other datasets, or for models elsewhere, would say who may train on what is not there.
    function test_refusesLicensesOfAnotherHouse() external {
        vm.expectRevert(abi.encodeWithSelector(Models.WrongLicenses.selector, licenses));
        new Models(datasets, licenses);
        Datasets others = new Datasets();
        address here = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        Licenses mixed = new Licenses(datasets, Offers(here));
        vm.expectRevert(abi.encodeWithSelector(Models.WrongLicenses.selector, mixed));
        new Models(others, mixed);
    }
}
