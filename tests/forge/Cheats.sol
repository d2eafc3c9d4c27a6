// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What forge can do to the chain that a test runs on: those of its cheatcodes that tests here use.
/// Source: the Foundry Book, "Cheatcodes Reference". A signature added here works at once, forge knows them all.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    // Whose call, when, with what.
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function deal(address account, uint256 wei_) external;
    function warp(uint256 time) external;
    function roll(uint256 number) external;
    function chainId(uint256 id) external;
    function etch(address target, bytes calldata code) external;
    function store(address target, bytes32 slot, bytes32 value) external;
    function load(address target, bytes32 slot) external view returns (bytes32);

    // Keys.
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function getNonce(address account) external view returns (uint64);
    function label(address account, string calldata name) external;

    // What is expected.
    function assume(bool condition) external pure;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata reason) external;
    function expectEmit() external;
    function expectEmit(address emitter) external;
    function expectCall(address callee, bytes calldata data) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function assertEq(uint256 left, uint256 right, string calldata what) external pure;
    function assertTrue(bool condition, string calldata what) external pure;
}

/// @title Cheats
/// @notice What a test inherits: forge's cheatcodes, and the contracts that an invariant test plays with.
abstract contract Cheats {
    /// @dev Where forge answers: the last 160 bits of keccak256("hevm cheat code").
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address[] private _targets;

    /// @notice Asked by forge: whom to call at random. All contracts of `setUp` where none was named.
    function targetContracts() external view returns (address[] memory) {
        return _targets;
    }

    /// @dev Name a contract that an invariant test calls at random.
    function target(address handler) internal {
        _targets.push(handler);
    }

    /// @dev Two numbers are the same.
    function same(uint256 left, uint256 right, string memory what) internal pure {
        vm.assertEq(left, right, what);
    }

    /// @dev Something holds.
    function holds(bool condition, string memory what) internal pure {
        vm.assertTrue(condition, what);
    }

    /// @dev A number within both ends, and each of them within reach of the fuzzer.
    function bound(uint256 number, uint256 least, uint256 most) internal pure returns (uint256) {
        if (number >= least && number <= most) return number;
        uint256 size = most - least + 1;
        return size == 0 ? number : least + number % size;
    }
}
