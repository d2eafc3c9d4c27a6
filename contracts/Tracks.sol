// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Licenses} from "./Licenses.sol";
import {Models} from "./Models.sol";
import {LicenseMissing, ZeroDigest} from "./Refusals.sol";
import {GENERATE} from "./Uses.sol";

/// @title Tracks
/// @notice A token is a generated track. Its id is the digest of its claim (what was known before the samples were), and
/// the first 64 bits of that digest are the watermark inside the audio: so a track is found by its token, by the digest
/// of its file, or by the mark heard in any copy of it.
contract Tracks is ERC721 {
    /// @param audio SHA-256 of the audio file.
    /// @param record SHA-256 of the signed track record.
    /// @param model The model that generated it.
    /// @param creator Who minted it.
    /// @param blockNumber Block of the minting, where the event with the CID is found.
    struct Track {
        bytes32 audio;
        bytes32 record;
        uint256 model;
        address creator;
        uint64 blockNumber;
    }

    /// @notice The models that generate tracks.
    Models public immutable MODELS;

    /// @notice Where the licenses to generate are.
    Licenses public immutable LICENSES;

    /// @notice How many tracks there are.
    uint256 public count;

    /// @notice The track whose file has this SHA-256, or 0.
    mapping(bytes32 audio => uint256 id) public byAudio;

    /// @notice The track with this watermark, or 0. A watermark is the first 64 bits of a claim.
    mapping(uint64 watermark => uint256 id) public byWatermark;

    mapping(uint256 id => Track) private _tracks;

    /// @notice A track was minted.
    /// @param cid Where the signed record lies.
    event Minted(
        uint256 indexed id,
        uint256 indexed model,
        address indexed creator,
        bytes32 audio,
        bytes32 record,
        string cid
    );

    /// @notice The claim is minted already; it is its own id.
    error ClaimTaken(uint256 id);

    /// @notice The audio file is minted already, as track `id`.
    error AudioTaken(bytes32 audio, uint256 id);

    /// @notice Another claim has the same first 64 bits; it is track `id`.
    error WatermarkTaken(uint64 watermark, uint256 id);

    constructor(Models models, Licenses licenses) ERC721("Stemmata Tracks", "STEMTRACK") {
        MODELS = models;
        LICENSES = licenses;
    }

    /// @notice Mint a track. The caller owns the model or is licensed to generate with it.
    /// @param claim SHA-256 of the claim.
    /// @param audio SHA-256 of the audio file.
    /// @param record SHA-256 of the signed track record.
    /// @param cid Where the signed record lies.
    /// @param model The model that generated it.
    /// @return id The token: the claim as a number.
    function mint(bytes32 claim, bytes32 audio, bytes32 record, string calldata cid, uint256 model)
        external
        returns (uint256 id)
    {
        if (claim == 0 || audio == 0 || record == 0) revert ZeroDigest();
        id = uint256(claim);
        uint64 watermark = uint64(id >> 192);
        if (_ownerOf(id) != address(0)) revert ClaimTaken(id);
        if (byWatermark[watermark] != 0) revert WatermarkTaken(watermark, byWatermark[watermark]);
        if (byAudio[audio] != 0) revert AudioTaken(audio, byAudio[audio]);
        if (!LICENSES.isLicensed(MODELS, model, msg.sender, GENERATE)) {
            revert LicenseMissing(model, msg.sender, GENERATE);
        }
        ++count;
        byWatermark[watermark] = id;
        byAudio[audio] = id;
        _tracks[id] = Track(audio, record, model, msg.sender, uint64(block.number));
        _mint(msg.sender, id);
        emit Minted(id, model, msg.sender, audio, record, cid);
    }

    /// @notice What is known of a track. Reverts where there is none.
    function track(uint256 id) external view returns (Track memory) {
        _requireOwned(id);
        return _tracks[id];
    }
}
