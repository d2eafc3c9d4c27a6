// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Epochs} from "../../contracts/Epochs.sol";
import {Kind, Share, Shares, Sibling} from "../../contracts/Shares.sol";
import {Split} from "../../contracts/Split.sol";
import {ETHER, GENERATE} from "../../contracts/Uses.sol";
import {ShrinkingCoin} from "./Coins.sol";
import {House} from "./House.sol";
import {SumTrees} from "./Trees.sol";

/// @notice New shares for later income: proposed, objected to, accepted, and adopted by each currency.
contract AttributingTest is House {
    Split private _split;
    Share[4] private _shares;
    Sibling[] private _none;

    /// @dev Three with a recorded share: the creator has 93 %, TRAINER's model 2 %, HOLDER's dataset 5 %.
    function setUp() public override {
        super.setUp();
        uint256 id = newModel(TRAINER);
        grant(models, id, creator, GENERATE);
        _split = royalties.open(mint(creator, id), creator, id);
        _shares[0] = Share(Kind.Account, uint160(creator), 400_000);
        _shares[1] = Share(Kind.Dataset, 1, 300_000);
        _shares[2] = Share(Kind.Model, 1, 200_000);
        _shares[3] = Share(Kind.Account, uint160(STRANGER), 100_000);
    }

    function _pay(uint256 amount) private {
        vm.deal(address(_split), address(_split).balance + amount);
    }

    function _propose(address by, uint256 index, Share[4] memory shares) private returns (bytes32 root) {
        root = SumTrees.root(shares);
        vm.prank(by);
        _split.propose(index, root, shares[0], SumTrees.path(shares, 0));
    }

    function _accepted(Share[4] memory shares) private {
        _propose(creator, 0, shares);
        vm.warp(block.timestamp + _split.WINDOW());
    }

    function _pull(uint256 epoch, uint256 index) private returns (uint256) {
        (Share memory share, Sibling[] memory path) = (_shares[index], SumTrees.path(_shares, index));
        uint256 due = _split.dueProven(ETHER, epoch, share, path);
        _split.pullProven(ETHER, epoch, share, path);
        return due;
    }

    function test_incomeFallsIntoItsEpoch() external {
        _pay(1000);
        bytes32 root = SumTrees.root(_shares);
        vm.expectEmit(address(_split));
        emit Epochs.Proposed(root, creator, block.timestamp + 7 days);
        _propose(creator, 0, _shares);
        holds(_split.proposedRoot() == root && _split.countsFrom() == block.timestamp + 7 days, "proposed");
        same(_split.epochs(), 0, "and no more");
        vm.expectRevert(abi.encodeWithSelector(Split.NothingToAdopt.selector, 0));
        _split.adopt(ETHER);
        vm.warp(block.timestamp + 7 days);
        vm.expectEmit(address(_split));
        emit Epochs.Accepted(1, root);
        vm.expectEmit(address(_split));
        emit Split.Adopted(ETHER, 1, 1000);
        _split.adopt(ETHER);
        holds(_split.epochs() == 1 && _split.rootOf(1) == root && _split.proposedRoot() == 0, "an epoch");
        vm.expectRevert(abi.encodeWithSelector(Split.NothingToAdopt.selector, 1));
        _split.adopt(ETHER);
        _pay(2000);
        same(_split.due(ETHER, 0), 930, "what came before is shared as before");
        same(_pull(1, 0), 800, "an account's");
        same(_pull(1, 1), 600, "a dataset's");
        same(HOLDER.balance, 100 ether + 600, "goes to its owner");
        same(_pull(1, 2), 400, "a model's");
        same(_pull(1, 3), 200, "somebody's who had none before");
        for (uint256 i = 0; i < 3; ++i) _split.pull(ETHER, i);
        same(address(_split).balance, 0, "nothing is left");
    }

    /// @dev A currency that has not adopted an epoch shares as before, and its epoch has no income.
    function test_eachCurrencyChangesOverByItself() external {
        ShrinkingCoin coin = new ShrinkingCoin();
        _accepted(_shares);
        _split.adopt(ETHER);
        coin.mint(address(_split), 1000);
        (Share memory share, Sibling[] memory path) = (_shares[0], SumTrees.path(_shares, 0));
        same(_split.dueProven(address(coin), 1, share, path), 0, "no income yet");
        vm.expectRevert(abi.encodeWithSelector(Split.NothingDue.selector, 0));
        _split.pullProven(address(coin), 1, share, path);
        same(_split.due(address(coin), 0), 930, "as before");
        _split.adopt(address(coin));
        // Shrinking leaves the newest epoch with less than nothing, which is nothing.
        coin.shrink(address(_split), 10);
        same(_split.dueProven(address(coin), 1, share, path), 0, "less than there was");
        same(_split.due(address(coin), 0), 930, "of what came before");
    }

    function test_aSecondEpochFollowsTheFirst() external {
        _accepted(_shares);
        _split.adopt(ETHER);
        _pay(1000);
        // Recorded shares decide on every epoch, so that none can shut anybody out.
        Share[4] memory next = _shares;
        (next[0].ppm, next[3].ppm) = (100_000, 400_000);
        (Share memory share, Sibling[] memory path) = (_shares[3], SumTrees.path(_shares, 3));
        bytes32 root = SumTrees.root(next);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Epochs.NotHolder.selector, STRANGER));
        _split.propose(0, root, share, path);
        _propose(HOLDER, 2, next);
        vm.warp(block.timestamp + 7 days);
        _split.adopt(ETHER);
        _pay(3000);
        same(_split.dueProven(ETHER, 1, share, path), 100, "of the first");
        same(_split.dueProven(ETHER, 2, next[3], SumTrees.path(next, 3)), 1200, "of the second");
        vm.expectRevert(abi.encodeWithSelector(Epochs.ShareUnproven.selector, 2));
        _split.dueProven(ETHER, 2, share, path);
        same(_split.due(ETHER, 0), 0, "nothing came before the first");
    }

    function test_anObjectionVoidsAProposal() external {
        vm.prank(TRAINER);
        vm.expectRevert(Epochs.NothingProposed.selector);
        _split.object(1, 0);
        bytes32 root = _propose(creator, 0, _shares);
        (Share memory share, Sibling[] memory path) = (_shares[0], SumTrees.path(_shares, 0));
        vm.prank(TRAINER);
        vm.expectRevert(abi.encodeWithSelector(Epochs.ProposalPending.selector, root));
        _split.propose(1, root, share, path);
        // An objection is to one root, so that it does not hit another that came between.
        vm.prank(HOLDER);
        vm.expectRevert(Epochs.NothingProposed.selector);
        _split.object(2, "other");
        vm.prank(HOLDER);
        vm.expectEmit(address(_split));
        emit Epochs.Objected(root, HOLDER);
        _split.object(2, root);
        holds(_split.proposedRoot() == 0, "void");
        vm.warp(block.timestamp + 8 days);
        vm.expectRevert(abi.encodeWithSelector(Split.NothingToAdopt.selector, 0));
        _split.adopt(ETHER);
        // The last second to object is the one before it counts.
        _propose(creator, 0, _shares);
        vm.warp(block.timestamp + 7 days - 1);
        vm.prank(HOLDER);
        _split.object(2, root);
        _propose(creator, 0, _shares);
        vm.warp(block.timestamp + 7 days);
        vm.prank(HOLDER);
        vm.expectRevert(Epochs.NothingProposed.selector);
        _split.object(2, root);
    }

    function test_aHolderRefusesAllBeforehand() external {
        bytes32 root = _propose(creator, 0, _shares);
        vm.startPrank(HOLDER);
        vm.expectEmit(address(_split));
        emit Epochs.Refused(2, true);
        vm.expectEmit(address(_split));
        emit Epochs.Objected(root, HOLDER);
        _split.refuse(2, true);
        holds(_split.proposedRoot() == 0 && _split.refused(2) && _split.refusals() == 1, "the present one is void");
        _split.refuse(2, true);
        same(_split.refusals(), 1, "said twice, it is one refusal");
        vm.stopPrank();
        vm.prank(TRAINER);
        _split.refuse(1, true);
        same(_split.refusals(), 2, "two shares");
        (Share memory share, Sibling[] memory path) = (_shares[0], SumTrees.path(_shares, 0));
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Epochs.ProposalsRefused.selector, 2));
        _split.propose(0, root, share, path);
        // It stays with the share: the next holder may change it.
        vm.prank(HOLDER);
        datasets.transferFrom(HOLDER, BUYER, 1);
        vm.prank(HOLDER);
        vm.expectRevert(abi.encodeWithSelector(Epochs.NotHolder.selector, HOLDER));
        _split.refuse(2, false);
        vm.prank(BUYER);
        _split.refuse(2, false);
        vm.prank(TRAINER);
        _split.refuse(1, false);
        same(_split.refusals(), 0, "none refuses any more");
        _accepted(_shares);
        // What counts already is not refused any more.
        vm.prank(BUYER);
        _split.refuse(2, true);
        same(_split.epochs(), 1, "accepted");
    }

    function test_aProposalIsOneWholeThatExists() external {
        (Share memory share, Sibling[] memory path) = (_shares[1], SumTrees.path(_shares, 1));
        vm.startPrank(creator);
        vm.expectRevert(abi.encodeWithSelector(Epochs.ShareUnproven.selector, 1));
        _split.propose(0, "root", share, path);
        vm.expectRevert(abi.encodeWithSelector(Epochs.ShareUnproven.selector, 1));
        _split.propose(0, 0, share, path);
        Share[4] memory more = _shares;
        more[3].ppm += 1;
        (bytes32 root, Sibling[] memory above) = (SumTrees.root(more), SumTrees.path(more, 0));
        vm.expectRevert(abi.encodeWithSelector(Shares.NotWhole.selector, 1_000_001));
        _split.propose(0, root, more[0], above);
    }

    function testFuzz_onlyHoldersProposeAndObject(address who, uint256 index) external {
        vm.assume(who != creator && who != TRAINER && who != HOLDER);
        index = bound(index, 0, 2);
        (Share memory share, Sibling[] memory path) = (_shares[0], SumTrees.path(_shares, 0));
        bytes memory why = abi.encodeWithSelector(Epochs.NotHolder.selector, who);
        bytes32 root = SumTrees.root(_shares);
        vm.startPrank(who);
        vm.expectRevert(why);
        _split.propose(index, root, share, path);
        vm.expectRevert(why);
        _split.refuse(index, true);
        vm.stopPrank();
        _propose(creator, 0, _shares);
        vm.prank(who);
        vm.expectRevert(why);
        _split.object(index, root);
    }

    /// @dev A share of nothing says nothing.
    function test_aShareOfNothingHasNoSay() external {
        uint256 id = newDataset(TRAINER);
        uint256 free = train(TRAINER, runOn(one(id), 0));
        grant(models, free, creator, GENERATE);
        Split split = royalties.open(mint(creator, free), creator, free);
        vm.prank(TRAINER);
        vm.expectRevert(abi.encodeWithSelector(Epochs.NotHolder.selector, TRAINER));
        split.refuse(1, true);
    }

    function test_anEpochIsCountedFromOne() external {
        (Share memory share, Sibling[] memory path) = (_shares[0], SumTrees.path(_shares, 0));
        vm.expectRevert(abi.encodeWithSelector(Epochs.NoEpoch.selector, 0));
        _split.dueProven(ETHER, 0, share, path);
        vm.expectRevert(abi.encodeWithSelector(Epochs.NoEpoch.selector, 1));
        _split.pullProven(ETHER, 1, share, path);
    }

    /// @dev Change each part of a proof: none leads anywhere else.
    function testFuzz_everyPartOfAShareIsProven(uint256 part, uint256 index, uint24 change) external {
        _accepted(_shares);
        _split.adopt(ETHER);
        _pay(1_000_000);
        index = bound(index, 0, 3);
        change = uint24(bound(change, 1, 99_999));
        (Share memory share, Sibling[] memory path) = (_shares[index], SumTrees.path(_shares, index));
        bytes memory why = abi.encodeWithSelector(Epochs.ShareUnproven.selector, 1);
        part = bound(part, 0, 6);
        if (part == 0) share.kind = Kind((uint8(share.kind) + 1) % 3);
        if (part == 1) share.holder ^= change;
        if (part == 2) path[change & 1].hash ^= bytes32(uint256(change));
        if (part == 3) path[change & 1].left = !path[change & 1].left;
        // Taken from one and given to another, the sum is the same.
        if (part == 4) (share.ppm, path[0].ppm) = (share.ppm - change, path[0].ppm + change);
        if (part == 5) (path[0].ppm, path[1].ppm) = (path[0].ppm - change, path[1].ppm + change);
        if (part == 6) {
            share.ppm += change;
            why = abi.encodeWithSelector(Shares.NotWhole.selector, 1_000_000 + uint256(change));
        }
        vm.expectRevert(why);
        _split.pullProven(ETHER, 1, share, path);
    }

    /// @dev Second preimages: the node above the first pair, passed as a share that holds what both hold.
    function test_aNodePassesForNoShare() external {
        _accepted(_shares);
        _split.adopt(ETHER);
        _pay(1000);
        SumTrees.Node memory left = SumTrees.join(SumTrees.leaf(_shares[0]), SumTrees.leaf(_shares[1]));
        SumTrees.Node memory right = SumTrees.join(SumTrees.leaf(_shares[2]), SumTrees.leaf(_shares[3]));
        Sibling[] memory path = new Sibling[](1);
        path[0] = Sibling(right.hash, right.ppm, false);
        bytes memory why = abi.encodeWithSelector(Epochs.ShareUnproven.selector, 1);
        vm.expectRevert(why);
        _split.pullProven(ETHER, 1, Share(Kind.Account, uint256(left.hash), left.ppm), path);
        vm.expectRevert(why);
        _split.pullProven(ETHER, 1, Share(Kind.Account, uint256(SumTrees.root(_shares)), 1_000_000), _none);
        // A path that ends below the top makes no whole, nor does one that goes on above it.
        path[0] = Sibling(SumTrees.leaf(_shares[1]).hash, 300_000, false);
        vm.expectRevert(abi.encodeWithSelector(Shares.NotWhole.selector, 700_000));
        _split.pullProven(ETHER, 1, _shares[0], path);
        path = new Sibling[](3);
        (path[0], path[1]) = (SumTrees.path(_shares, 0)[0], SumTrees.path(_shares, 0)[1]);
        vm.expectRevert(why);
        _split.pullProven(ETHER, 1, _shares[0], path);
        path[2].ppm = 1;
        vm.expectRevert(abi.encodeWithSelector(Shares.NotWhole.selector, 1_000_001));
        _split.pullProven(ETHER, 1, _shares[0], path);
    }

    /// @dev Whole or in parts, in every order: two epochs pay out what came in both.
    function testFuzz_epochsPayOutAllThatCame(uint96 first, uint96 second, uint256 order) external {
        _pay(first);
        _accepted(_shares);
        if (order & 1 == 1 && _split.due(ETHER, 0) != 0) _split.pull(ETHER, 0);
        _split.adopt(ETHER);
        _pay(second);
        for (uint256 i = 0; i < 4; ++i) {
            uint256 index = (i + order % 4) % 4;
            (Share memory share, Sibling[] memory path) = (_shares[index], SumTrees.path(_shares, index));
            if (_split.dueProven(ETHER, 1, share, path) != 0) _pull(1, index);
        }
        for (uint256 i = 0; i < 3; ++i) {
            if (_split.due(ETHER, i) != 0) _split.pull(ETHER, i);
        }
        holds(address(_split).balance < 7, "less than a unit for each share of each epoch is left");
    }
}
