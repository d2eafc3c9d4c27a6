// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Licenses} from "../../contracts/Licenses.sol";
import {Offers} from "../../contracts/Offers.sol";
import {
    AlreadyOver,
    ConsentWithdrawn,
    LicenseMissing,
    NotOwner,
    UsesUnknown,
    ZeroDigest
} from "../../contracts/Refusals.sol";
import {Till} from "../../contracts/Till.sol";
import {ALL_USES, COMMERCIAL, ETHER, FOREVER, GENERATE, TRAIN} from "../../contracts/Uses.sol";
import {House} from "./House.sol";

/// @notice Licenses bought and granted: who may do what, until when.
contract LicensingTest is House {
    function _buy(uint256 id, uint8 uses, Licenses.Deal memory deal, uint256 sent) private returns (uint256) {
        vm.prank(BUYER);
        return licenses.buy{value: sent}(datasets, id, uses, deal, "record", "content");
    }

    function testFuzz_buysWhatIsOffered(uint96 price, uint8 uses, uint40 until, uint24 royaltyPpm) external {
        uses = uint8(bound(uses, 1, ALL_USES));
        until = uint40(bound(until, block.timestamp, FOREVER));
        royaltyPpm = uint24(bound(royaltyPpm, 0, 1_000_000));
        Offers.Terms memory terms = Offers.Terms(price, until, royaltyPpm, ALL_USES, 0, ETHER);
        uint256 id = newDataset(HOLDER, terms);
        vm.deal(BUYER, price);
        Licenses.Issue memory issue = Licenses.Issue(datasets, HOLDER, uses, until, royaltyPpm, price, ETHER);
        uint256 token = licenses.tokenOf(datasets, id, BUYER);
        vm.expectEmit(address(licenses));
        emit Licenses.Licensed(id, BUYER, 1, issue, "record", "content");
        same(_buy(id, uses, dealOf(terms), price), 1, "the first license between them");
        same(licenses.due(ETHER, HOLDER), price, "the owner is credited");
        for (uint8 use = 1; use <= ALL_USES; ++use) {
            holds(licenses.isLicensed(datasets, id, BUYER, use) == (use & ~uses == 0), "just the uses bought");
        }
        holds(licenses.ownerOf(token) == BUYER, "the licensee has the token");
        if (until == FOREVER) return;
        vm.warp(uint256(until) + 1);
        for (uint8 use = 1; use <= ALL_USES; ++use) {
            holds(!licenses.isLicensed(datasets, id, BUYER, use), "until its last second");
        }
    }

    function test_sellsOnTheTermsThatAreAgreedAlone() external {
        Offers.Terms memory terms = ordinary();
        (terms.uses, terms.until) = (TRAIN | GENERATE, uint40(block.timestamp + 10));
        uint256 id = newDataset(HOLDER, terms);
        Licenses.Deal memory deal = dealOf(terms);
        vm.expectRevert(abi.encodeWithSelector(Till.ValueNotMet.selector, PRICE, PRICE - 1));
        _buy(id, TRAIN, deal, PRICE - 1);
        vm.expectRevert(abi.encodeWithSelector(Licenses.UseNotOffered.selector, id, 0, terms.uses));
        _buy(id, 0, deal, PRICE);
        vm.expectRevert(abi.encodeWithSelector(Licenses.UseNotOffered.selector, id, TRAIN | COMMERCIAL, terms.uses));
        _buy(id, TRAIN | COMMERCIAL, deal, PRICE);
        bytes memory differ = abi.encodeWithSelector(Licenses.TermsDiffer.selector, id, terms);
        deal.price += 1;
        vm.expectRevert(differ);
        _buy(id, TRAIN, deal, PRICE + 1);
        deal = dealOf(terms);
        deal.currency = address(1);
        vm.expectRevert(differ);
        _buy(id, TRAIN, deal, 0);
        vm.expectRevert(abi.encodeWithSelector(Till.ValueNotMet.selector, 0, 1));
        _buy(id, TRAIN, deal, 1);
        deal = dealOf(terms);
        deal.until -= 1;
        vm.expectRevert(differ);
        _buy(id, TRAIN, deal, PRICE);
        deal = dealOf(terms);
        deal.royaltyPpm += 1;
        vm.expectRevert(differ);
        _buy(id, TRAIN, deal, PRICE);
        deal = dealOf(terms);
        vm.prank(BUYER);
        vm.expectRevert(ZeroDigest.selector);
        licenses.buy{value: PRICE}(datasets, id, TRAIN, deal, 0, "content");
        vm.warp(terms.until);
        _buy(id, TRAIN, deal, PRICE);
        vm.warp(uint256(terms.until) + 1);
        vm.expectRevert(abi.encodeWithSelector(AlreadyOver.selector, terms.until));
        _buy(id, TRAIN, deal, PRICE);
        vm.prank(HOLDER);
        datasets.withdrawConsent(id);
        vm.expectRevert(abi.encodeWithSelector(ConsentWithdrawn.selector, id));
        _buy(id, TRAIN, deal, PRICE);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        _buy(99, TRAIN, deal, PRICE);
    }

    /// @dev What is sold is the right in datasets and models: another contract in their place says what it likes.
    function testFuzz_knowsTwoSubjects(address subject) external {
        vm.assume(subject != address(datasets) && subject != address(models));
        bytes memory unknown = abi.encodeWithSelector(Licenses.SubjectUnknown.selector, subject);
        vm.expectRevert(unknown);
        licenses.buy(Offers(subject), 1, TRAIN, Licenses.Deal(0, ETHER, FOREVER, 0), "record", "content");
        vm.expectRevert(unknown);
        licenses.grant(Offers(subject), 1, BUYER, TRAIN, FOREVER, "record", "content");
        vm.expectRevert(unknown);
        licenses.isLicensed(Offers(subject), 1, BUYER, TRAIN);
        vm.expectRevert(unknown);
        licenses.tokenOf(Offers(subject), 1, BUYER);
    }

    function test_onlyTheOwnerGrantsAndOnlyWhatThereIs() external {
        uint256 id = newDataset(HOLDER);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(NotOwner.selector, id, STRANGER));
        licenses.grant(datasets, id, BUYER, TRAIN, FOREVER, "record", "content");
        vm.startPrank(HOLDER);
        vm.expectRevert(abi.encodeWithSelector(UsesUnknown.selector, 0));
        licenses.grant(datasets, id, BUYER, 0, FOREVER, "record", "content");
        vm.expectRevert(abi.encodeWithSelector(UsesUnknown.selector, 8));
        licenses.grant(datasets, id, BUYER, 8, FOREVER, "record", "content");
        vm.expectRevert(abi.encodeWithSelector(AlreadyOver.selector, block.timestamp - 1));
        licenses.grant(datasets, id, BUYER, TRAIN, uint40(block.timestamp - 1), "record", "content");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        licenses.grant(datasets, id, address(0), TRAIN, FOREVER, "record", "content");
        vm.expectRevert(ZeroDigest.selector);
        licenses.grant(datasets, id, BUYER, TRAIN, FOREVER, 0, "content");
        datasets.withdrawConsent(id);
        vm.expectRevert(abi.encodeWithSelector(ConsentWithdrawn.selector, id));
        licenses.grant(datasets, id, BUYER, TRAIN, FOREVER, "record", "content");
    }

    /// @dev A later grant can neither shorten a license nor ask more for it; once it has run out, terms are new.
    function testFuzz_aGrantTakesNothingAway(uint40 first, uint40 second, uint24 before, uint24 later) external {
        (before, later) = (uint24(bound(before, 0, 1_000_000)), uint24(bound(later, 0, 1_000_000)));
        first = uint40(bound(first, block.timestamp, FOREVER));
        second = uint40(bound(second, block.timestamp, FOREVER));
        Offers.Terms memory terms = ordinary();
        terms.royaltyPpm = before;
        uint256 id = newDataset(HOLDER, terms);
        vm.startPrank(HOLDER);
        same(licenses.grant(datasets, id, TRAINER, ALL_USES, first, "record", "content"), 1, "the first");
        terms.royaltyPpm = later;
        datasets.changeTerms(id, terms);
        same(licenses.grant(datasets, id, TRAINER, ALL_USES, second, "record", "content"), 2, "the second");
        Licenses.Held memory held = licenses.heldBy(datasets, id, TRAINER);
        uint256 most = first > second ? first : second;
        same(held.train, most, "train");
        same(held.generate, most, "generate");
        same(held.commercial, most, "commercial");
        same(held.royaltyPpm, second < first || before < later ? before : later, "never a higher royalty");
        same(held.issued, 2, "both are counted");
        same(licenses.balanceOf(TRAINER), 1, "in one token");
        if (most == FOREVER) return;
        vm.warp(most + 1);
        licenses.grant(datasets, id, TRAINER, TRAIN, FOREVER, "record", "content");
        same(licenses.heldBy(datasets, id, TRAINER).royaltyPpm, later, "a new license, a new royalty");
    }

    /// @dev End and royalty are one license's: a shorter one, bought at a higher royalty, changes neither.
    function test_theLongerLicenseCounts() external {
        Offers.Terms memory terms = ordinary();
        uint256 id = newDataset(HOLDER, terms);
        _buy(id, TRAIN, dealOf(terms), PRICE);
        (terms.until, terms.royaltyPpm) = (uint40(block.timestamp), 900_000);
        vm.prank(HOLDER);
        datasets.changeTerms(id, terms);
        _buy(id, TRAIN, dealOf(terms), PRICE);
        same(licenses.heldBy(datasets, id, BUYER).royaltyPpm, ROYALTY, "the longer one's royalty");
        same(licenses.heldBy(datasets, id, BUYER).train, FOREVER, "and its end");
        terms.until = FOREVER;
        vm.prank(HOLDER);
        datasets.changeTerms(id, terms);
        _buy(id, TRAIN, dealOf(terms), PRICE);
        same(licenses.heldBy(datasets, id, BUYER).royaltyPpm, 900_000, "of two as long, the newer: it was agreed to");
    }

    /// @dev A license for one use says nothing of the royalty of training, and of no other use.
    function test_usesAreKeptApart() external {
        uint256 id = newDataset(HOLDER);
        uint8[3] memory uses = [TRAIN, GENERATE, COMMERCIAL];
        for (uint160 i = 0; i < 3; ++i) {
            address who = address(0x2000 + i);
            grant(datasets, id, who, uses[i]);
            for (uint256 j = 0; j < 3; ++j) {
                holds(licenses.isLicensed(datasets, id, who, uses[j]) == (i == j), "one use each");
            }
            same(licenses.heldBy(datasets, id, who).royaltyPpm, i == 0 ? ROYALTY : 0, "royalty of training alone");
        }
    }

    function testFuzz_nobodyIsLicensedForNothing(uint8 use, uint256 id, address who) external {
        uint256 mine = newDataset(HOLDER);
        holds(!licenses.isLicensed(datasets, mine, HOLDER, 0), "no use");
        holds(licenses.isLicensed(datasets, mine, HOLDER, use) == (use != 0 && use <= ALL_USES), "an owner may all");
        vm.assume(id != mine);
        holds(!licenses.isLicensed(datasets, id, who, TRAIN), "a dataset that there is not");
        same(licenses.tokenOf(datasets, id | 1 << 95, who), 0, "no number so high has a token");
    }

    function testFuzz_aTokenSaysWhoseItIs(uint256 id, address who) external view {
        id = bound(id, 0, (1 << 95) - 1);
        uint256 token = licenses.tokenOf(datasets, id, who);
        holds(address(uint160(token)) == who && token >> 160 == id, "licensee and dataset");
        same(licenses.tokenOf(models, id, who), token | 1 << 255, "the highest bit for a model");
    }

    function test_royaltiesAreThoseAgreedTo() external {
        uint256 bought = newDataset(HOLDER);
        uint256 owned = newDataset(TRAINER);
        grant(datasets, bought, TRAINER, TRAIN);
        Offers.Terms memory dearer = ordinary();
        dearer.royaltyPpm = 400_000;
        vm.prank(HOLDER);
        datasets.changeTerms(bought, dearer);
        vm.prank(TRAINER);
        datasets.changeTerms(owned, dearer);
        uint24[] memory ppm = licenses.royaltiesOf(datasets, two(bought, owned), TRAINER);
        same(ppm[0], ROYALTY, "as it was agreed");
        same(ppm[1], 400_000, "an owner's as it is now");
        vm.expectRevert(abi.encodeWithSelector(LicenseMissing.selector, datasets, owned, HOLDER, TRAIN));
        licenses.royaltiesOf(datasets, two(bought, owned), HOLDER);
    }

    function test_sellsModelsToo() external {
        uint256 id = newModel(TRAINER);
        Offers.Terms memory terms = ordinary();
        (terms.uses, terms.royaltyPpm) = (GENERATE, 20_000);
        vm.prank(TRAINER);
        models.changeTerms(id, terms);
        vm.prank(BUYER);
        licenses.buy{value: PRICE}(models, id, GENERATE, dealOf(terms), "record", "content");
        holds(licenses.isLicensed(models, id, BUYER, GENERATE), "licensed");
        holds(!licenses.isLicensed(datasets, id, BUYER, GENERATE), "of the model and not of the dataset of that number");
        same(licenses.due(ETHER, TRAINER), PRICE, "the trainer is credited");
    }
}
