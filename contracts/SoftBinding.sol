// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title SoftBinding
/// @notice The decentralised lookup of C2PA's Soft Binding API (section 2.2): from the value of a watermark to where the
/// manifest can be had, by a function that takes and gives JSON, and a description of that function.
abstract contract SoftBinding {
    string private constant VALUE = '"softBindingValue"';

    /// @notice How to look a watermark up here: JSON after C2PA's decentralized-lookup schema.
    function describe() external view returns (string memory) {
        return string.concat(
            '[{"resolutionMethod":"smartContract","querySmartContract":{"smartContractAddress":"',
            Strings.toChecksumHexString(address(this)),
            '","byBindingFunctionName":"getManifestByBinding","byBindingInputSchema":{"type":"object","properties":',
            '{"softBindingValue":{"type":"string","description":"the 8 bytes of a watermark id, in base64"}},',
            '"required":["softBindingValue"],"additionalProperties":false},"byBindingOutputSchema":{"type":"object",',
            '"properties":{"endpoints":{"type":"array","items":{"type":"string","format":"uri"}},"manifestId":',
            '{"type":"string","description":"the token, as in CAIP-19"}},"required":["endpoints"],',
            '"additionalProperties":false}}}]'
        );
    }

    /// @notice Where the manifest of a watermark can be had.
    /// @param binding JSON as described: an object with the member softBindingValue, base64 of 8 bytes.
    /// @return JSON with the endpoints of a resolution API, and the manifest's id where a track has that watermark.
    function getManifestByBinding(string calldata binding) external view returns (string memory) {
        (bool read, uint64 watermark) = _watermark(bytes(binding));
        if (!read || !_marks(watermark)) return '{"endpoints":[]}';
        string memory endpoint = _endpoint();
        return string.concat(
            '{"endpoints":[',
            bytes(endpoint).length == 0 ? "" : string.concat('"', endpoint, '"'),
            '],"manifestId":"eip155:',
            Strings.toString(block.chainid),
            "/erc721:",
            Strings.toHexString(address(this)),
            "/",
            Strings.toString(watermark),
            '"}'
        );
    }

    /// @dev Whether a track has a watermark.
    function _marks(uint64 watermark) internal view virtual returns (bool);

    /// @dev URL of a C2PA resolution API that knows the manifests; empty where there is none.
    function _endpoint() internal view virtual returns (string memory);

    /// @dev The watermark in a query; false where the text is not what `describe` asks for.
    function _watermark(bytes calldata text) private pure returns (bool read, uint64 watermark) {
        uint256 place = _after(text);
        uint256 from = place;
        uint256 bits = 0;
        for (; place < text.length && place < from + 11; ++place) {
            uint256 digit = _digit(text[place]);
            if (digit == 64) return (false, 0);
            bits = bits << 6 | digit;
        }
        // 64 bits are ten digits and four bits of one more, whose last two bits are zero (RFC 4648, section 4).
        if (place != from + 11 || bits & 3 != 0) return (false, 0);
        if (place < text.length && text[place] == "=") ++place;
        return (place < text.length && text[place] == '"', uint64(bits >> 2));
    }

    /// @dev Where the value of the member begins, behind its quotation mark; the text's end where there is none.
    function _after(bytes calldata text) private pure returns (uint256) {
        uint256 length = bytes(VALUE).length;
        bytes32 wanted = keccak256(bytes(VALUE));
        for (uint256 place = 0; place + length <= text.length; ++place) {
            if (text[place] != '"' || keccak256(text[place:place + length]) != wanted) continue;
            place = _skip(text, place + length);
            if (place == text.length || text[place] != ":") continue;
            place = _skip(text, place + 1);
            return place < text.length && text[place] == '"' ? place + 1 : text.length;
        }
        return text.length;
    }

    /// @dev The next place that is not JSON's white space.
    function _skip(bytes calldata text, uint256 place) private pure returns (uint256) {
        while (
            place < text.length
                && (text[place] == " " || text[place] == "\t" || text[place] == "\n" || text[place] == "\r")
        ) {
            ++place;
        }
        return place;
    }

    /// @dev A digit of base64, 0 to 63; 64 for what is none.
    function _digit(bytes1 character) private pure returns (uint256) {
        uint8 code = uint8(character);
        if (code >= 65 && code <= 90) return code - 65;
        if (code >= 97 && code <= 122) return code - 71;
        if (code >= 48 && code <= 57) return code + 4;
        if (code == 43) return 62;
        return code == 47 ? 63 : 64;
    }
}
