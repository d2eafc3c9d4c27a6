// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Dues
/// @notice What a model owes to one holder, in 48 bits: the token in the low 27, the part of a track's income in parts per
/// million in the next 20, and the highest bit set where the token is a model and not a dataset. Never zero. They are kept
/// four to a word; the first word begins with a head of 64 bits, so that a model of four datasets takes one slot.
library Dues {
    /// @param royaltyPpm What the model's own holder asks, in parts per million.
    /// @param count How many dues there are.
    /// @param blockNumber Block of the recording.
    struct Head {
        uint24 royaltyPpm;
        uint8 count;
        uint32 blockNumber;
    }

    uint48 private constant MODEL = 1 << 47;
    uint256 private constant PER_WORD = 4;

    /// @notice Dues name tokens up to number 2^27 - 1.
    error TokenTooHigh(uint256 id);

    /// @dev `ppm` for the holder of a dataset.
    function toDataset(uint256 id, uint256 ppm_) internal pure returns (uint48) {
        if (id >> 27 != 0) revert TokenTooHigh(id);
        return uint48(ppm_ << 27 | id);
    }

    /// @dev `ppm` for the holder of a model.
    function toModel(uint256 id, uint256 ppm_) internal pure returns (uint48) {
        return MODEL | toDataset(id, ppm_);
    }

    /// @dev The part, in parts per million.
    function ppm(uint48 due) internal pure returns (uint256) {
        return (due & ~MODEL) >> 27;
    }

    /// @dev The token.
    function token(uint48 due) internal pure returns (uint256) {
        return due & ((1 << 27) - 1);
    }

    /// @dev Whether the token is a model.
    function isModel(uint48 due) internal pure returns (bool) {
        return due & MODEL != 0;
    }

    /// @dev Keep dues in a model's words.
    function write(mapping(uint256 => uint256) storage words, Head memory head, uint48[] memory dues) internal {
        uint256 packed = uint256(head.royaltyPpm) << 232 | uint256(head.count) << 224 | uint256(head.blockNumber) << 192;
        uint256 lane = 0;
        for (uint256 i = 0; i < dues.length; ++i) {
            packed |= uint256(dues[i]) << 48 * lane;
            if (++lane == PER_WORD) {
                words[i / PER_WORD] = packed;
                (packed, lane) = (0, 0);
            }
        }
        if (lane != 0 || dues.length == 0) words[dues.length / PER_WORD] = packed;
    }

    /// @dev The head of a model's words; all zero where nothing was written.
    function readHead(mapping(uint256 => uint256) storage words) internal view returns (Head memory) {
        uint256 packed = words[0];
        return Head(uint24(packed >> 232), uint8(packed >> 224), uint32(packed >> 192));
    }

    /// @dev The dues in a model's words.
    function read(mapping(uint256 => uint256) storage words) internal view returns (uint48[] memory dues) {
        uint256 packed = words[0];
        dues = new uint48[](uint8(packed >> 224));
        for (uint256 i = 0; i < dues.length; ++i) {
            if (i != 0 && i % PER_WORD == 0) packed = words[i / PER_WORD];
            dues[i] = uint48(packed);
            packed >>= 48;
        }
    }
}
