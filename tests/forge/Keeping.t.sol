// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Keys} from "../../contracts/Keys.sol";
import {ZeroDigest} from "../../contracts/Refusals.sol";
import {House} from "./House.sol";

/// @notice The history of keys: published, rotated, revoked, by whom and when.
contract KeepingTest is House {
    function testFuzz_publishesAsOftenAsAsked(address account, bytes32 record, bytes32 content, uint40 later) external {
        vm.assume(record != 0);
        uint256 first = block.number;
        vm.startPrank(account);
        vm.expectEmit(address(keys));
        emit Keys.Published(account, record, content, 0);
        keys.publish(record, content);
        same(keys.publishedIn(account), first, "found in its block");
        // A second time in one block: both are found there.
        vm.expectEmit(address(keys));
        emit Keys.Published(account, record, content, first);
        keys.publish(record, content);
        vm.roll(first + 1 + later % 1_000_000);
        vm.expectEmit(address(keys));
        emit Keys.Published(account, record, content, first);
        keys.publish(record, content);
        same(keys.publishedIn(account), block.number, "the newest is found in its block");
    }

    function testFuzz_revokesOnce(address account, bytes32 record, bytes32 content, uint32 later) external {
        vm.assume(record != 0);
        uint256 time = block.timestamp;
        vm.startPrank(account);
        vm.expectEmit(address(keys));
        emit Keys.Ended(account, address(0), account, record, content);
        keys.revoke(account, record, content);
        _ended(account, address(0));
        vm.warp(time + later);
        bytes memory over = abi.encodeWithSelector(Keys.KeyOver.selector, account, time);
        vm.expectRevert(over);
        keys.revoke(account, record, content);
        vm.expectRevert(over);
        keys.rotate(account, _other(account), record, content);
        vm.expectRevert(over);
        keys.publish(record, content);
        vm.expectRevert(over);
        keys.nameRecovery(account, _other(account));
        same(keys.endedAt(account), time, "the end stays where it was");
    }

    function testFuzz_rotatesToAKeyThatGoesOn(address account, address successor) external {
        vm.assume(successor != address(0) && successor != account);
        vm.expectEmit(address(keys));
        emit Keys.Ended(account, successor, account, "record", "content");
        vm.prank(account);
        keys.rotate(account, successor, "record", "content");
        _ended(account, successor);
        same(keys.endedAt(successor), 0, "the successor goes on");
        // No way back, and so no circle.
        vm.prank(successor);
        vm.expectRevert(abi.encodeWithSelector(Keys.Unfit.selector, account));
        keys.rotate(successor, account, "record", "content");
    }

    function testFuzz_aKeyIsFollowedByAnother(address account) external {
        vm.startPrank(account);
        vm.expectRevert(abi.encodeWithSelector(Keys.Unfit.selector, account));
        keys.rotate(account, account, "record", "content");
        vm.expectRevert(abi.encodeWithSelector(Keys.Unfit.selector, address(0)));
        keys.rotate(account, address(0), "record", "content");
    }

    function test_refusesADigestOfZero() external {
        vm.startPrank(HOLDER);
        vm.expectRevert(ZeroDigest.selector);
        keys.publish(0, "content");
        vm.expectRevert(ZeroDigest.selector);
        keys.rotate(HOLDER, OTHER, 0, "content");
        vm.expectRevert(ZeroDigest.selector);
        keys.revoke(HOLDER, 0, "content");
    }

    function testFuzz_nobodyElseEndsAKey(address who) external {
        vm.assume(who != HOLDER && who != OTHER);
        vm.prank(HOLDER);
        keys.nameRecovery(HOLDER, OTHER);
        bytes memory refused = abi.encodeWithSelector(Keys.NotKeeper.selector, HOLDER, who);
        vm.startPrank(who);
        vm.expectRevert(refused);
        keys.revoke(HOLDER, "record", "content");
        vm.expectRevert(refused);
        keys.rotate(HOLDER, STRANGER, "record", "content");
        vm.expectRevert(refused);
        keys.nameRecovery(HOLDER, who);
        same(keys.endedAt(HOLDER), 0, "it goes on");
    }

    function testFuzz_withoutARecoveryOnlyTheKeyEnds(address who) external {
        // Nobody's calls come from the zero address, which stands for "no recovery".
        vm.assume(who != HOLDER && who != address(0));
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(Keys.NotKeeper.selector, HOLDER, who));
        keys.revoke(HOLDER, "record", "content");
    }

    function testFuzz_aRecoveryEndsAndHandsOn(address recovery, address heir, bool rotated) external {
        vm.assume(recovery != address(0) && recovery != HOLDER && heir != address(0) && heir != HOLDER);
        vm.expectEmit(address(keys));
        emit Keys.RecoveryNamed(HOLDER, recovery, HOLDER);
        vm.prank(HOLDER);
        keys.nameRecovery(HOLDER, recovery);
        holds(keys.recoveryOf(HOLDER) == recovery, "named");
        // The key has no say any more: it may be in other hands.
        vm.prank(HOLDER);
        vm.expectRevert(abi.encodeWithSelector(Keys.NotKeeper.selector, HOLDER, HOLDER));
        keys.nameRecovery(HOLDER, heir);
        vm.expectEmit(address(keys));
        emit Keys.RecoveryNamed(HOLDER, heir, recovery);
        vm.prank(recovery);
        keys.nameRecovery(HOLDER, heir);
        vm.expectEmit(address(keys));
        emit Keys.Ended(HOLDER, rotated ? STRANGER : address(0), heir, "record", "content");
        vm.prank(heir);
        if (rotated) keys.rotate(HOLDER, STRANGER, "record", "content");
        else keys.revoke(HOLDER, "record", "content");
        _ended(HOLDER, rotated ? STRANGER : address(0));
    }

    function testFuzz_aRecoveryIsSomebodyElse(address account) external {
        vm.startPrank(account);
        vm.expectRevert(abi.encodeWithSelector(Keys.Unfit.selector, account));
        keys.nameRecovery(account, account);
        vm.expectRevert(abi.encodeWithSelector(Keys.Unfit.selector, address(0)));
        keys.nameRecovery(account, address(0));
    }

    function testFuzz_oneEndTouchesNobodyElse(address account, address bystander) external {
        vm.assume(account != bystander);
        vm.prank(account);
        keys.revoke(account, "record", "content");
        same(keys.endedAt(bystander), 0, "no end");
        vm.prank(bystander);
        keys.publish("record", "content");
        same(keys.publishedIn(account), 0, "no publication");
    }

    function _ended(address account, address successor) private view {
        same(keys.endedAt(account), block.timestamp, "ended now");
        holds(keys.successorOf(account) == successor, "its successor");
        (address kept, uint40 time, uint40 number) = keys.endOf(account);
        holds(kept == successor && time == block.timestamp && number == block.number, "the end is kept whole");
    }

    function _other(address account) private pure returns (address) {
        return account == HOLDER ? OTHER : HOLDER;
    }
}
