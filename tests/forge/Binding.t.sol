// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC5192, Soulbound} from "../../contracts/Soulbound.sol";
import {TRAIN} from "../../contracts/Uses.sol";
import {House} from "./House.sol";

/// @notice A license stays with its licensee.
contract BindingTest is House {
    uint256 private _token;

    function setUp() public override {
        super.setUp();
        uint256 id = newDataset(HOLDER);
        grant(datasets, id, TRAINER, TRAIN);
        _token = licenses.tokenOf(datasets, id, TRAINER);
    }

    function test_isBoundAndSaysSo() external view {
        holds(licenses.ownerOf(_token) == TRAINER, "owner");
        holds(licenses.locked(_token), "locked");
        same(licenses.balanceOf(TRAINER), 1, "counted");
        same(licenses.balanceOf(STRANGER), 0, "for nobody else");
        holds(licenses.getApproved(_token) == address(0), "nobody is approved");
        holds(!licenses.isApprovedForAll(TRAINER, STRANGER), "for none");
        holds(licenses.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        holds(licenses.supportsInterface(type(IERC721).interfaceId), "ERC-721");
        holds(licenses.supportsInterface(type(IERC5192).interfaceId), "ERC-5192");
        holds(!licenses.supportsInterface(0xffffffff), "and not everything");
        same(bytes(licenses.name()).length, 17, "name");
        same(bytes(licenses.symbol()).length, 7, "symbol");
    }

    function testFuzz_noTokenMoves(address by, address to) external {
        vm.startPrank(by);
        vm.expectRevert(Soulbound.Bound.selector);
        licenses.transferFrom(TRAINER, to, _token);
        vm.expectRevert(Soulbound.Bound.selector);
        licenses.safeTransferFrom(TRAINER, to, _token);
        vm.expectRevert(Soulbound.Bound.selector);
        licenses.safeTransferFrom(TRAINER, to, _token, "");
        vm.expectRevert(Soulbound.Bound.selector);
        licenses.approve(to, _token);
        vm.expectRevert(Soulbound.Bound.selector);
        licenses.setApprovalForAll(to, true);
    }

    function test_nobodyHasNoBalance() external {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidOwner.selector, address(0)));
        licenses.balanceOf(address(0));
    }

    function testFuzz_whatWasNeverGivenHasNoOwner(uint256 token) external {
        vm.assume(token != _token);
        bytes memory missing = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, token);
        vm.expectRevert(missing);
        licenses.ownerOf(token);
        vm.expectRevert(missing);
        licenses.locked(token);
        vm.expectRevert(missing);
        licenses.getApproved(token);
    }
}
