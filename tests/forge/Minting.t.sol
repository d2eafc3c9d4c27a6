// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Guarded} from "../../contracts/Guarded.sol";
import {LicenseMissing, RoyaltyTooHigh, ZeroDigest} from "../../contracts/Refusals.sol";
import {Tracks} from "../../contracts/Tracks.sol";
import {FOREVER, GENERATE, TRAIN, WHOLE_PPM} from "../../contracts/Uses.sol";
import {Vouchers} from "../../contracts/Vouchers.sol";
import {House} from "./House.sol";

/// @notice Tracks minted by their creators, and the guardian who may pause that.
contract MintingTest is House {
    uint256 private _model;

    function setUp() public override {
        super.setUp();
        _model = newModel(TRAINER);
        grant(models, _model, creator, GENERATE);
    }

    function _refuses(Vouchers.Work memory work, bytes memory why) private {
        vm.prank(creator);
        vm.expectRevert(why);
        tracks.mint(work, "content");
    }

    function testFuzz_mintsOnce(bytes32 claim, bytes32 audio, bytes32 record, uint24 royaltyPpm) external {
        vm.assume(claim != 0 && audio != 0 && record != 0);
        royaltyPpm = uint24(bound(royaltyPpm, 0, WHOLE_PPM));
        uint256 id = tracks.idOf(creator, claim);
        same(id, uint256(sha256(abi.encodePacked(creator, claim))) >> 192, "the first 64 bits");
        vm.expectEmit(address(tracks));
        emit Tracks.Minted(id, claim, audio, _model, creator, record, royaltyPpm, "content");
        vm.startPrank(creator);
        same(tracks.mint(Vouchers.Work(claim, audio, record, uint40(_model), royaltyPpm), "content"), id, "its mark");
        holds(tracks.ownerOf(id) == creator, "the creator owns it");
        Tracks.Track memory kept = tracks.track(id);
        holds(kept.creator == creator && kept.model == _model && kept.royaltyPpm == royaltyPpm, "kept");
        same(kept.blockNumber, block.number, "found in this block");
        (uint64 filed, bytes24 first) = tracks.byAudio(audio);
        holds(filed == id && first == bytes24(record), "found by its file");
        (address account, uint256 royalty) = tracks.royaltyInfo(id, 3_000_001);
        holds(account == royalties.accountOf(id, creator, _model), "royalties go to its account");
        same(royalty, uint256(3_000_001) * royaltyPpm / WHOLE_PPM, "its part");
        vm.expectRevert(abi.encodeWithSelector(Tracks.AudioTaken.selector, audio, id));
        tracks.mint(Vouchers.Work(fresh(), audio, record, uint40(_model), royaltyPpm), "content");
        vm.expectRevert(abi.encodeWithSelector(Tracks.ClaimTaken.selector, id));
        tracks.mint(Vouchers.Work(claim, fresh(), record, uint40(_model), royaltyPpm), "content");
    }

    function test_refusesWhatMeansNothing() external {
        Vouchers.Work memory work = newWork(_model);
        work.claim = 0;
        _refuses(work, abi.encodeWithSelector(ZeroDigest.selector));
        work = newWork(_model);
        work.audio = 0;
        _refuses(work, abi.encodeWithSelector(ZeroDigest.selector));
        work = newWork(_model);
        work.record = 0;
        _refuses(work, abi.encodeWithSelector(ZeroDigest.selector));
        work = newWork(_model);
        work.royaltyPpm = uint24(WHOLE_PPM) + 1;
        _refuses(work, abi.encodeWithSelector(RoyaltyTooHigh.selector, work.royaltyPpm));
    }

    function testFuzz_refusesWhoIsNotLicensed(address who, uint40 until) external {
        vm.assume(who != creator && who != TRAINER && who != address(0));
        until = uint40(bound(until, block.timestamp, FOREVER - 1));
        Vouchers.Work memory work = newWork(_model);
        bytes memory missing = abi.encodeWithSelector(LicenseMissing.selector, models, _model, who, GENERATE);
        vm.prank(TRAINER);
        licenses.grant(models, _model, who, TRAIN, FOREVER, "record", "content");
        vm.prank(who);
        vm.expectRevert(missing);
        tracks.mint(work, "content");
        vm.prank(TRAINER);
        licenses.grant(models, _model, who, GENERATE, until, "record", "content");
        vm.warp(uint256(until) + 1);
        vm.prank(who);
        vm.expectRevert(missing);
        tracks.mint(work, "content");
        vm.warp(until);
        vm.prank(who);
        tracks.mint(work, "content");
        work = newWork(99);
        _refuses(work, abi.encodeWithSelector(LicenseMissing.selector, models, 99, creator, GENERATE));
    }

    function test_itsCreatorSaysWhereTheRecordLies() external {
        uint256 id = mint(creator, _model);
        vm.prank(creator);
        tracks.transferFrom(creator, BUYER, id);
        vm.prank(BUYER);
        vm.expectRevert(abi.encodeWithSelector(Tracks.NotCreator.selector, id, BUYER));
        tracks.move(id, "elsewhere");
        vm.prank(creator);
        vm.expectEmit(address(tracks));
        emit Tracks.Moved(id, "elsewhere");
        vm.expectEmit(address(tracks));
        emit IERC4906.MetadataUpdate(id);
        tracks.move(id, "elsewhere");
    }

    function testFuzz_knowsNothingOfOthers(uint256 id) external {
        vm.assume(id != mint(creator, _model));
        bytes memory missing = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id);
        vm.expectRevert(missing);
        tracks.track(id);
        vm.expectRevert(missing);
        tracks.royaltyInfo(id, 1);
        vm.expectRevert(missing);
        tracks.move(id, "elsewhere");
    }

    function test_saysWhatItIs() external {
        holds(tracks.supportsInterface(type(IERC2981).interfaceId), "ERC-2981");
        holds(tracks.supportsInterface(0x49064906), "ERC-4906");
        holds(tracks.supportsInterface(type(IERC721).interfaceId), "ERC-721");
        holds(tracks.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        holds(!tracks.supportsInterface(0xffffffff), "and not everything");
        uint256 id = mint(creator, _model);
        bytes memory uri = bytes(tracks.tokenURI(id));
        bytes memory wanted = bytes(string.concat(SITE, "tracks/"));
        for (uint256 i = 0; i < wanted.length; ++i) {
            holds(uri[i] == wanted[i], "its page");
        }
        Tracks bare = new Tracks(models, licenses, royalties, address(0), "");
        Vouchers.Work memory work = newWork(_model);
        vm.prank(creator);
        same(bytes(bare.tokenURI(bare.mint(work, "content"))).length, 0, "no site, no page");
    }

    function test_whilePausedNothingIsMinted() external {
        uint256 id = mint(creator, _model);
        vm.expectEmit(address(tracks));
        emit Guarded.PauseChanged(true);
        guardian.pause(tracks, true);
        holds(tracks.paused(), "paused");
        Vouchers.Work memory work = newWork(_model);
        _refuses(work, abi.encodeWithSelector(Guarded.MintsPaused.selector));
        // What exists goes on.
        vm.prank(creator);
        tracks.transferFrom(creator, BUYER, id);
        guardian.pause(tracks, false);
        vm.prank(creator);
        tracks.mint(work, "content");
    }

    function testFuzz_onlyTheGuardianPauses(address who, bool on) external {
        vm.assume(who != address(guardian));
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(Guarded.NotGuardian.selector, who));
        tracks.pause(on);
    }

    /// @dev An account with a key could be one person, or a lost one.
    function test_aGuardianIsAContractOrNobody() external {
        vm.expectRevert(abi.encodeWithSelector(Guarded.GuardianIsNoContract.selector, STRANGER));
        new Tracks(models, licenses, royalties, STRANGER, SITE);
        // Code of 23 bytes is that of an account with a key that delegates (EIP-7702).
        vm.etch(STRANGER, hex"ef01001000000000000000000000000000000000000000");
        vm.expectRevert(abi.encodeWithSelector(Guarded.GuardianIsNoContract.selector, STRANGER));
        new Tracks(models, licenses, royalties, STRANGER, SITE);
        Tracks free = new Tracks(models, licenses, royalties, address(0), SITE);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Guarded.NotGuardian.selector, STRANGER));
        free.pause(true);
    }
}
