// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Dues} from "../../contracts/Dues.sol";
import {WHOLE_PPM} from "../../contracts/Uses.sol";
import {Cheats} from "./Cheats.sol";

/// @notice The library with its words in reach.
contract Ledger {
    mapping(uint256 word => uint256) private _words;

    function write(Dues.Head memory head, uint48[] memory dues) external {
        Dues.write(_words, head, dues);
    }

    function read() external view returns (Dues.Head memory, uint48[] memory) {
        return (Dues.readHead(_words), Dues.read(_words));
    }

    function make(bool isModel, uint256 id, uint256 ppm) external pure returns (uint48) {
        return isModel ? Dues.toModel(id, ppm) : Dues.toDataset(id, ppm);
    }
}

/// @notice Dues, written and read.
contract OwingTest is Cheats {
    function testFuzz_readsWhatWasWritten(uint24 royaltyPpm, uint32 number, uint48[] memory dues) external {
        uint256 count = dues.length > 255 ? 255 : dues.length;
        assembly ("memory-safe") {
            mstore(dues, count)
        }
        Ledger ledger = new Ledger();
        Dues.Head memory head = Dues.Head(royaltyPpm, uint8(count), number);
        ledger.write(head, dues);
        (Dues.Head memory kept, uint48[] memory read) = ledger.read();
        holds(keccak256(abi.encode(kept)) == keccak256(abi.encode(head)), "head");
        holds(keccak256(abi.encode(read)) == keccak256(abi.encode(dues)), "dues");
    }

    function testFuzz_aDueSaysWhomAndHowMuch(bool isModel, uint256 id, uint256 ppm) external {
        (id, ppm) = (bound(id, 0, (1 << 27) - 1), bound(ppm, 0, WHOLE_PPM));
        uint48 due = new Ledger().make(isModel, id, ppm);
        holds(Dues.isModel(due) == isModel && Dues.token(due) == id && Dues.ppm(due) == ppm, "there and back");
    }

    function testFuzz_numbersEndAt27Bits(bool isModel, uint256 id) external {
        id = bound(id, 1 << 27, type(uint256).max);
        Ledger ledger = new Ledger();
        vm.expectRevert(abi.encodeWithSelector(Dues.TokenTooHigh.selector, id));
        ledger.make(isModel, id, 1);
    }
}
