// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Guarded} from "../../contracts/Guarded.sol";
import {AlreadyOver, LicenseMissing} from "../../contracts/Refusals.sol";
import {Tracks} from "../../contracts/Tracks.sol";
import {GENERATE} from "../../contracts/Uses.sol";
import {Vouchers} from "../../contracts/Vouchers.sol";
import {Wallet} from "./Actors.sol";
import {House} from "./House.sol";

/// @notice Tracks minted by whoever submits what their creator signed.
contract VouchingTest is House {
    /// @dev Order of secp256k1's group (SEC 2, section 2.4.1).
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    uint256 private _model;

    function setUp() public override {
        super.setUp();
        _model = newModel(TRAINER);
        grant(models, _model, creator, GENERATE);
    }

    function _voucher(address by) private returns (Vouchers.Voucher memory) {
        return Vouchers.Voucher(newWork(_model), by, address(0), block.timestamp + 1 days, "content");
    }

    function _sign(Vouchers.Voucher memory voucher) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(CREATOR_KEY, tracks.digestOf(voucher));
        return abi.encodePacked(r, s, v);
    }

    function _submit(Vouchers.Voucher memory voucher, bytes memory signature) private returns (uint256) {
        vm.prank(STRANGER);
        return tracks.mintByVoucher(voucher, signature);
    }

    function _refuses(Vouchers.Voucher memory voucher, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(Vouchers.SignatureWrong.selector, voucher.creator));
        _submit(voucher, signature);
    }

    function test_whoeverSubmitsAVoucherOwnsItsTrackUnlessItSaysWho() external {
        Vouchers.Voucher memory voucher = _voucher(creator);
        uint256 id = _submit(voucher, _sign(voucher));
        holds(tracks.ownerOf(id) == STRANGER && tracks.track(id).creator == creator, "for whoever submits it");
        voucher = _voucher(creator);
        voucher.owner = BUYER;
        id = _submit(voucher, _sign(voucher));
        holds(tracks.ownerOf(id) == BUYER && tracks.track(id).creator == creator, "for whom it names");
    }

    /// @dev EIP-712 as it stands there, not as the library has it.
    function testFuzz_signsAsEip712Says(Vouchers.Voucher memory voucher) external view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Stemmata Tracks"), keccak256("1"), block.chainid, address(tracks)
            )
        );
        bytes32 kind = keccak256(
            "Voucher(bytes32 claim,bytes32 audio,bytes32 record,uint256 model,uint256 royaltyPpm,address creator,address owner,uint256 deadline,bytes32 content)"
        );
        // All members are static and one word each, so the voucher's own encoding is the struct's.
        bytes32 content = keccak256(bytes.concat(kind, abi.encode(voucher)));
        holds(tracks.digestOf(voucher) == keccak256(abi.encodePacked("\x19\x01", domain, content)), "the digest");
    }

    function test_aReplayedVoucherIsRefused() external {
        Vouchers.Voucher memory voucher = _voucher(creator);
        bytes memory signature = _sign(voucher);
        uint256 id = _submit(voucher, signature);
        vm.expectRevert(abi.encodeWithSelector(Tracks.AudioTaken.selector, voucher.work.audio, id));
        _submit(voucher, signature);
        // Signed for other audio, it is for the same claim.
        voucher.work.audio = fresh();
        signature = _sign(voucher);
        vm.expectRevert(abi.encodeWithSelector(Tracks.ClaimTaken.selector, id));
        _submit(voucher, signature);
    }

    /// @dev s and the order less s sign the same; only the lower one counts, and only in 65 bytes.
    function test_aSignatureHasOneForm() external {
        Vouchers.Voucher memory voucher = _voucher(creator);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(CREATOR_KEY, tracks.digestOf(voucher));
        bytes32 mirrored = bytes32(ORDER - uint256(s));
        uint8 flipped = v == 27 ? 28 : 27;
        holds(ecrecover(tracks.digestOf(voucher), flipped, r, mirrored) == creator, "a signature it is");
        _refuses(voucher, abi.encodePacked(r, mirrored, flipped));
        _refuses(voucher, abi.encodePacked(r, bytes32(uint256(s) | uint256(v - 27) << 255)));
        _refuses(voucher, abi.encodePacked(r, s, v - 27));
        _refuses(voucher, abi.encodePacked(r, s, flipped));
        _refuses(voucher, abi.encodePacked(r, s, v, uint8(0)));
        _refuses(voucher, "");
        _submit(voucher, abi.encodePacked(r, s, v));
    }

    /// @dev Change each part, and the signature is not of it.
    function testFuzz_everyPartIsSigned(uint256 part, uint256 change) external {
        Vouchers.Voucher memory voucher = _voucher(creator);
        bytes memory signature = _sign(voucher);
        part = bound(part, 0, 7);
        change = bound(change, 1, type(uint24).max);
        Vouchers.Work memory work = voucher.work;
        if (part == 0) work.claim ^= bytes32(change);
        if (part == 1) work.audio ^= bytes32(change);
        if (part == 2) work.record ^= bytes32(change);
        if (part == 3) work.model ^= uint40(change);
        if (part == 4) work.royaltyPpm ^= uint24(change);
        if (part == 5) voucher.owner = address(uint160(change));
        if (part == 6) voucher.deadline += change;
        if (part == 7) voucher.content ^= bytes32(change);
        _refuses(voucher, signature);
    }

    function test_nobodySignsForAnother() external {
        Vouchers.Voucher memory voucher = _voucher(creator);
        bytes memory signature = _sign(voucher);
        voucher.creator = TRAINER;
        _refuses(voucher, signature);
        // Whoever recovers to nobody is nobody's creator.
        voucher.creator = address(0);
        _refuses(voucher, abi.encodePacked(bytes32(0), bytes32(0), uint8(27)));
        // A signature is no license.
        (address other, uint256 key) = (vm.addr(0xBEEF), 0xBEEF);
        voucher.creator = other;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, tracks.digestOf(voucher));
        vm.expectRevert(abi.encodeWithSelector(LicenseMissing.selector, models, _model, other, GENERATE));
        _submit(voucher, abi.encodePacked(r, s, v));
    }

    function testFuzz_anExpiredVoucherIsRefused(uint256 late) external {
        late = bound(late, 1, 1000 * 365 days);
        Vouchers.Voucher memory voucher = _voucher(creator);
        bytes memory signature = _sign(voucher);
        vm.warp(voucher.deadline + late);
        vm.expectRevert(abi.encodeWithSelector(AlreadyOver.selector, voucher.deadline));
        _submit(voucher, signature);
        vm.warp(voucher.deadline);
        _submit(voucher, signature);
    }

    function test_aVoucherOfAnotherChainOrContractIsRefused() external {
        Vouchers.Voucher memory voucher = _voucher(creator);
        bytes memory signature = _sign(voucher);
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        _refuses(voucher, signature);
        vm.chainId(here);
        Tracks twin = new Tracks(models, licenses, royalties, address(guardian), SITE);
        vm.expectRevert(abi.encodeWithSelector(Vouchers.SignatureWrong.selector, creator));
        twin.mintByVoucher(voucher, signature);
        _submit(voucher, signature);
    }

    function test_aCancelledVoucherIsRefused() external {
        Vouchers.Voucher memory voucher = _voucher(creator);
        bytes32 claim = voucher.work.claim;
        bytes memory signature = _sign(voucher);
        vm.prank(STRANGER);
        tracks.cancelVouchers(claim);
        holds(!tracks.cancelled(creator, claim), "nobody cancels another's");
        vm.prank(creator);
        vm.expectEmit(address(tracks));
        emit Vouchers.VoucherCancelled(creator, claim);
        tracks.cancelVouchers(claim);
        vm.expectRevert(abi.encodeWithSelector(Vouchers.VoucherVoid.selector, creator, claim));
        _submit(voucher, signature);
        // The creator may mint it still.
        vm.prank(creator);
        tracks.mint(voucher.work, "content");
    }

    function test_noVoucherCountsWhilePaused() external {
        Vouchers.Voucher memory voucher = _voucher(creator);
        bytes memory signature = _sign(voucher);
        guardian.pause(tracks, true);
        vm.expectRevert(Guarded.MintsPaused.selector);
        _submit(voucher, signature);
    }

    function test_aWalletThatSaysYesSigns() external {
        Wallet wallet = new Wallet(abi.encode(IERC1271.isValidSignature.selector));
        grant(models, _model, address(wallet), GENERATE);
        uint256 id = _submit(_voucher(address(wallet)), "");
        holds(tracks.track(id).creator == address(wallet), "the wallet is the creator");
    }

    /// @dev An account with a key may have code as well (EIP-7702): its key signs for it still.
    function test_anAccountThatDelegatesSignsByItsKey() external {
        vm.etch(creator, hex"ef01001000000000000000000000000000000000000000");
        Vouchers.Voucher memory voucher = _voucher(creator);
        _submit(voucher, _sign(voucher));
    }

    function test_aWalletThatSaysNoDoesNot() external {
        _refuses(_voucher(address(new Wallet(abi.encode(bytes4(0xffffffff))))), "");
        _refuses(_voucher(address(new Wallet(abi.encode(bytes4(0))))), "");
    }

    /// @dev Neither does one that says nothing, too little, or what is no answer; nor a contract that is no wallet.
    function test_aWalletThatSaysGarbageDoesNot() external {
        address[6] memory wallets = [
            address(new Wallet("")),
            address(new Wallet(abi.encodePacked(IERC1271.isValidSignature.selector))),
            address(new Wallet(abi.encode(uint256(bytes32(IERC1271.isValidSignature.selector)) | 1))),
            address(guardian),
            STRANGER,
            // The identity precompile gives back what it is asked, which begins with the right word.
            address(4)
        ];
        for (uint256 i = 0; i < wallets.length; ++i) {
            grant(models, _model, wallets[i], GENERATE);
            Vouchers.Voucher memory voucher = _voucher(wallets[i]);
            _refuses(voucher, "");
        }
    }
}
