// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Datasets} from "../../contracts/Datasets.sol";
import {Offers} from "../../contracts/Offers.sol";
import {AlreadyOver, ConsentWithdrawn, NotOwner, RoyaltyTooHigh, UsesUnknown, ZeroDigest} from "../../contracts/Refusals.sol";
import {ALL_USES, ETHER, GENERATE, TRAIN, WHOLE_PPM} from "../../contracts/Uses.sol";
import {House} from "./House.sol";

/// @notice Datasets, and the terms on which their owners sell.
contract RegisteringTest is House {
    function testFuzz_registersOnce(address holder, bytes32 root, bytes32 record) external {
        vm.assume(holder != address(0) && root != 0 && record != 0);
        vm.prank(holder);
        vm.expectEmit(address(datasets));
        emit Datasets.Registered(1, root, holder, record, ordinary(), "cid");
        uint256 id = datasets.register(root, record, ordinary(), "cid");
        same(id, 1, "the first dataset is number 1");
        holds(datasets.ownerOf(id) == holder, "the caller holds it");
        same(datasets.blockOf(id), block.number, "it is found in this block");
        (uint64 filed, bytes24 kept) = datasets.byRoot(root);
        same(filed, id, "it is found by its root");
        holds(kept == bytes24(record), "the record's first bits are kept");
        vm.expectRevert(abi.encodeWithSelector(Datasets.RootTaken.selector, root, id));
        datasets.register(root, record, ordinary(), "cid");
    }

    function test_refusesADigestOfZero() external {
        vm.expectRevert(ZeroDigest.selector);
        datasets.register(0, "record", ordinary(), "cid");
        vm.expectRevert(ZeroDigest.selector);
        datasets.register("root", 0, ordinary(), "cid");
    }

    function testFuzz_keepsTermsAsTheyAre(Offers.Terms memory terms) external {
        terms.until = uint40(bound(terms.until, block.timestamp, type(uint40).max));
        terms.royaltyPpm = uint24(bound(terms.royaltyPpm, 0, WHOLE_PPM));
        terms.uses &= ALL_USES;
        terms.preferences = uint8(bound(terms.preferences & 3, 0, 2) | bound(terms.preferences >> 6, 0, 2) << 2);
        _offers(newDataset(HOLDER, terms), terms);
        // Changed to and from a token: the currency of before is not left behind.
        uint256 id = newDataset(HOLDER, pricedIn(address(0xC011)));
        vm.prank(HOLDER);
        vm.expectEmit(address(datasets));
        emit Offers.TermsChanged(id, terms);
        datasets.changeTerms(id, terms);
        _offers(id, terms);
        same(datasets.blockOf(id), block.number, "the block stays");
    }

    function test_refusesTermsThatMeanNothing() external {
        Offers.Terms memory terms = ordinary();
        terms.royaltyPpm = uint24(WHOLE_PPM) + 1;
        _refuses(terms, abi.encodeWithSelector(RoyaltyTooHigh.selector, terms.royaltyPpm));
        terms = ordinary();
        terms.uses = ALL_USES + 1;
        _refuses(terms, abi.encodeWithSelector(UsesUnknown.selector, terms.uses));
        terms = ordinary();
        terms.preferences = 3;
        _refuses(terms, abi.encodeWithSelector(Offers.PreferencesUnknown.selector, 3));
        terms.preferences = 12;
        _refuses(terms, abi.encodeWithSelector(Offers.PreferencesUnknown.selector, 12));
        terms = ordinary();
        terms.until = uint40(block.timestamp - 1);
        _refuses(terms, abi.encodeWithSelector(AlreadyOver.selector, terms.until));
    }

    function testFuzz_onlyTheOwnerChangesTermsAndConsent(address who) external {
        uint256 id = newDataset(HOLDER);
        vm.assume(who != HOLDER);
        vm.startPrank(who);
        vm.expectRevert(abi.encodeWithSelector(NotOwner.selector, id, who));
        datasets.changeTerms(id, ordinary());
        vm.expectRevert(abi.encodeWithSelector(NotOwner.selector, id, who));
        datasets.withdrawConsent(id);
    }

    function test_consentEndsForGood() external {
        uint256 id = newDataset(HOLDER);
        vm.startPrank(HOLDER);
        vm.expectEmit(address(datasets));
        emit Datasets.ConsentEnded(id);
        datasets.withdrawConsent(id);
        (,, bool closed) = datasets.offer(id);
        holds(closed, "the offer is closed");
        vm.expectRevert(abi.encodeWithSelector(ConsentWithdrawn.selector, id));
        datasets.withdrawConsent(id);
        vm.expectRevert(abi.encodeWithSelector(ConsentWithdrawn.selector, id));
        datasets.changeTerms(id, ordinary());
    }

    function testFuzz_knowsNothingOfOthers(uint256 id) external {
        vm.assume(id != newDataset(HOLDER));
        bytes memory missing = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id);
        vm.expectRevert(missing);
        datasets.offer(id);
        vm.expectRevert(missing);
        datasets.blockOf(id);
        vm.expectRevert(missing);
        datasets.tokenURI(id);
        vm.expectRevert(missing);
        datasets.withdrawConsent(id);
    }

    /// @dev Whoever buys the right in a dataset has it whole.
    function test_theRightPassesOn() external {
        uint256 id = newDataset(HOLDER);
        vm.prank(HOLDER);
        datasets.transferFrom(HOLDER, OTHER, id);
        vm.prank(OTHER);
        datasets.changeTerms(id, ordinary());
        (address owner,,) = datasets.offer(id);
        holds(owner == OTHER, "the buyer is paid from now on");
    }

    function test_saysItsPreferences() external {
        Offers.Terms memory terms = ordinary();
        uint256 id = newDataset(HOLDER, terms);
        _says(id, "notAllowed", "notAllowed", "constrained");
        terms.preferences = 1 | 2 << 2;
        terms.uses = GENERATE;
        vm.startPrank(HOLDER);
        datasets.changeTerms(id, terms);
        _says(id, "constrained", "allowed", "notAllowed");
        terms.uses = TRAIN;
        datasets.changeTerms(id, terms);
        _says(id, "constrained", "allowed", "constrained");
        terms.until = uint40(block.timestamp);
        datasets.changeTerms(id, terms);
        _says(id, "constrained", "allowed", "constrained");
        // What was sold until yesterday is not on sale.
        vm.warp(block.timestamp + 1);
        _says(id, "constrained", "allowed", "notAllowed");
        datasets.withdrawConsent(id);
        _says(id, "notAllowed", "notAllowed", "notAllowed");
    }

    function _says(uint256 id, string memory mining, string memory inference, string memory training) private view {
        string memory json = string.concat(
            '{"name":"Stemmata dataset 1","dataMiningPreference":{"dataMining":"',
            mining, '","aiInference":"', inference, '","aiTraining":"', training, '","aiGenerativeTraining":"', training,
            '"},"license":{"name":"the terms on chain","document":"eip155:31337/erc721:',
            Strings.toHexString(address(datasets)), '/1"}}'
        );
        string memory wanted = string.concat("data:application/json;base64,", Base64.encode(bytes(json)));
        holds(keccak256(bytes(datasets.tokenURI(id))) == keccak256(bytes(wanted)), datasets.tokenURI(id));
    }

    function _offers(uint256 id, Offers.Terms memory wanted) private view {
        (address owner, Offers.Terms memory terms, bool closed) = datasets.offer(id);
        holds(owner == HOLDER && !closed, "the holder offers it");
        holds(keccak256(abi.encode(terms)) == keccak256(abi.encode(wanted)), "terms are kept");
        holds(wanted.currency != ETHER || terms.currency == ETHER, "ether is the zero address");
    }

    function _refuses(Offers.Terms memory terms, bytes memory why) private {
        vm.expectRevert(why);
        datasets.register("root", "record", terms, "cid");
        uint256 id = newDataset(HOLDER);
        vm.prank(HOLDER);
        vm.expectRevert(why);
        datasets.changeTerms(id, terms);
    }
}
