// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Tracks} from "../../contracts/Tracks.sol";
import {GENERATE} from "../../contracts/Uses.sol";
import {Vouchers} from "../../contracts/Vouchers.sol";
import {House} from "./House.sol";

/// @notice From the value of a watermark to where its manifest lies, by JSON.
contract MarkingTest is House {
    string private constant NOTHING = '{"endpoints":[]}';

    uint256 private _model;

    function setUp() public override {
        super.setUp();
        _model = newModel(TRAINER);
        grant(models, _model, creator, GENERATE);
    }

    function _answers(string memory query, string memory wanted) private view {
        string memory answer = tracks.getManifestByBinding(query);
        holds(keccak256(bytes(answer)) == keccak256(bytes(wanted)), string.concat(query, " gives ", answer));
    }

    function _found(Tracks by, uint256 id) private view returns (string memory) {
        return string.concat(
            ',"manifestId":"eip155:', Strings.toString(block.chainid), "/erc721:", Strings.toHexString(address(by)), "/",
            Strings.toString(id), '"}'
        );
    }

    function _value(uint256 id) private pure returns (string memory) {
        return Base64.encode(abi.encodePacked(uint64(id)));
    }

    function _query(string memory value) private pure returns (string memory) {
        return string.concat('{"softBindingValue":"', value, '"}');
    }

    /// @dev Many tracks, so that every digit of base64 comes.
    function testFuzz_findsATrackByItsMark(bytes32 claim) external {
        vm.assume(claim != 0);
        Vouchers.Work memory work = newWork(_model);
        work.claim = claim;
        vm.prank(creator);
        uint256 id = tracks.mint(work, "content");
        string memory found = string.concat('{"endpoints":["', SITE, 'c2pa/"]', _found(tracks, id));
        _answers(_query(_value(id)), found);
        bytes memory value = bytes(_value(id));
        assembly ("memory-safe") {
            mstore(value, 11)
        }
        _answers(_query(string(value)), found);
        _answers(_query(_value(id ^ 1)), NOTHING);
    }

    function test_readsJsonAsItMayBeWritten() external {
        uint256 id = mint(creator, _model);
        string memory value = _value(id);
        string memory found = string.concat('{"endpoints":["', SITE, 'c2pa/"]', _found(tracks, id));
        _answers(string.concat('{ "softBindingValue" \t:\r\n "', value, '" }'), found);
        _answers(string.concat('{"alg":"other","softBindingValue":"', value, '"}'), found);
        _answers(string.concat('{"softBindingValues":1,"softBindingValue":"', value, '"}'), found);
        _answers(string.concat('{"alg":"softBindingValue","softBindingValue":"', value, '"}'), found);
    }

    function test_answersNothingToWhatIsNotAsked() external {
        uint256 id = mint(creator, _model);
        string memory value = _value(id);
        _answers("", NOTHING);
        _answers("{}", NOTHING);
        _answers('{"softBindingValue"', NOTHING);
        _answers('{"softBindingValue" ', NOTHING);
        _answers('{"softBindingValue":', NOTHING);
        _answers('{"softBindingValue": ', NOTHING);
        _answers('{"softBindingValue","other"}', NOTHING);
        _answers('{"softBindingValue":5}', NOTHING);
        _answers('{"softBindingValue":"', NOTHING);
        _answers('{"softBindingValue":"AAAA"}', NOTHING);
        _answers('{"softBindingValue":"AAAA', NOTHING);
        _answers(string.concat('{"softBindingValue":"', value), NOTHING);
        _answers(string.concat('{"softBindingValue":"', value, "="), NOTHING);
        _answers(string.concat('{"softBindingValue":"', value, 'A"'), NOTHING);
        _answers(string.concat('{"other":"', value, '"}'), NOTHING);
    }

    /// @dev One place, one character: every one of the 256 is a digit or none, and the last digit has two bits of zero.
    function testFuzz_readsBase64AsRfc4648Does(uint8 place, bytes1 character) external {
        uint256 id = mint(creator, _model);
        bytes memory value = bytes(_value(id));
        place = uint8(bound(place, 0, 10));
        bytes1 right = value[place];
        vm.assume(character != right);
        value[place] = character;
        _answers(_query(string(value)), NOTHING);
        value[place] = right;
        _answers(_query(string(value)), string.concat('{"endpoints":["', SITE, 'c2pa/"]', _found(tracks, id)));
    }

    /// @dev All digits, so that none depends on what the fuzzer finds: a track is put where the mark says.
    function test_readsEveryDigit() external {
        bytes memory digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        uint256 id = mint(creator, _model);
        bytes32 owner = vm.load(address(tracks), keccak256(abi.encode(id, uint256(2))));
        same(uint256(owner), uint160(creator), "this is where owners are");
        for (uint256 i = 0; i < 64; ++i) {
            bytes memory value = "AAAAAAAAAAA=";
            value[9] = digits[i];
            vm.store(address(tracks), keccak256(abi.encode(i << 4, uint256(2))), owner);
            _answers(_query(string(value)), string.concat('{"endpoints":["', SITE, 'c2pa/"]', _found(tracks, i << 4)));
        }
    }

    /// @dev 64 bits leave two of the last digit's six over, which are zero (RFC 4648, section 3.5): one text for each mark.
    function test_aMarkIsWrittenInOneWay() external {
        bytes memory digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        uint256 id = mint(creator, _model);
        bytes memory value = bytes(_value(id));
        bytes1 right = value[10];
        for (uint256 i = 0; i < 64; ++i) {
            value[10] = digits[i];
            if (digits[i] != right) _answers(_query(string(value)), NOTHING);
        }
    }

    function test_withoutASiteThereIsNoEndpoint() external {
        Tracks bare = new Tracks(models, licenses, royalties, address(0), "");
        Vouchers.Work memory work = newWork(_model);
        vm.prank(creator);
        uint256 id = bare.mint(work, "content");
        string memory answer = bare.getManifestByBinding(_query(_value(id)));
        string memory wanted = string.concat('{"endpoints":[]', _found(bare, id));
        holds(keccak256(bytes(answer)) == keccak256(bytes(wanted)), answer);
    }

    function test_describesItself() external view {
        bytes memory text = bytes(tracks.describe());
        bytes memory named = bytes(
            string.concat('"smartContractAddress":"', Strings.toChecksumHexString(address(tracks)), '"')
        );
        bool found = false;
        for (uint256 i = 0; i + named.length <= text.length && !found; ++i) {
            bytes32 here;
            uint256 length = named.length;
            assembly ("memory-safe") {
                here := keccak256(add(add(text, 32), i), length)
            }
            found = here == keccak256(named);
        }
        holds(found, "by its own address");
    }
}
