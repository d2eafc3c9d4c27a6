// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Datasets} from "../../contracts/Datasets.sol";
import {Offers} from "../../contracts/Offers.sol";
import {ZeroDigest} from "../../contracts/Refusals.sol";
import {ETHER, FOREVER, TRAIN} from "../../contracts/Uses.sol";
import {Cheats} from "./Cheats.sol";

function ordinary() pure returns (Offers.Terms memory) {
    return Offers.Terms(1 ether, FOREVER, 50_000, TRAIN, 0, ETHER);
}

/// @notice Registers as anybody would, and keeps count.
contract Registrar is Cheats {
    Datasets public immutable DATASETS;
    uint256 public registered;
    uint256 public refused;

    constructor(Datasets datasets) {
        DATASETS = datasets;
    }

    /// @notice Few roots, so that the same comes twice.
    function register(address holder, uint8 root, bytes32 record) external {
        if (holder == address(0)) holder = address(this);
        vm.prank(holder);
        try DATASETS.register(bytes32(uint256(root)), record, ordinary(), "cid") {
            ++registered;
        } catch {
            ++refused;
        }
    }
}

contract DatasetsTest is Cheats {
    Datasets private _datasets;
    Registrar private _registrar;

    function setUp() external {
        _datasets = new Datasets();
        _registrar = new Registrar(_datasets);
        target(address(_registrar));
    }

    function testFuzz_registersOnce(address holder, bytes32 root, bytes32 record) external {
        vm.assume(holder != address(0) && root != 0 && record != 0);
        vm.prank(holder);
        uint256 id = _datasets.register(root, record, ordinary(), "cid");
        same(id, 1, "the first dataset is number 1");
        holds(_datasets.ownerOf(id) == holder, "the caller holds it");
        vm.expectRevert(abi.encodeWithSelector(Datasets.RootTaken.selector, root, id));
        _datasets.register(root, record, ordinary(), "cid");
    }

    function test_refusesADigestOfZero() external {
        vm.expectRevert(ZeroDigest.selector);
        _datasets.register(0, bytes32(uint256(1)), ordinary(), "cid");
    }

    function invariant_countsWhatItRegistered() external view {
        same(_datasets.count(), _registrar.registered(), "count");
    }
}
