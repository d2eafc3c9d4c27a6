// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Guarded} from "./Guarded.sol";
import {Inclusion} from "./Inclusion.sol";
import {Licenses} from "./Licenses.sol";
import {Offers} from "./Offers.sol";
import {LicenseMissing, RoyaltyTooHigh, ZeroDigest} from "./Refusals.sol";
import {Royalties} from "./Royalties.sol";
import {SoftBinding} from "./SoftBinding.sol";
import {GENERATE, WHOLE_PPM} from "./Uses.sol";
import {Vouchers} from "./Vouchers.sol";

/// @title Tracks
/// @notice A token is a generated track. Its number is the watermark inside the audio: the first 64 bits of the SHA-256 of
/// its creator and its claim (what was known before the samples were), so that nobody can take the number of somebody
/// else's claim, but by trying some 2^64 of their own. A track is found by its mark, heard in any copy, or by the digest of its file.
contract Tracks is ERC721, Vouchers, Guarded, SoftBinding, IERC2981, IERC4906 {
    /// @param creator Who generated the track; keeps the creator's share for good.
    /// @param model The model that generated it.
    /// @param royaltyPpm See Vouchers.sol.
    /// @param blockNumber Block of the minting, where the event with claim, record and CID is found.
    struct Track {
        address creator;
        uint40 model;
        uint24 royaltyPpm;
        uint32 blockNumber;
    }

    /// @dev A track under an anchored root: SHA-256 of its claim, its audio file and its signed record.
    struct Leaf {
        bytes32 claim;
        bytes32 audio;
        bytes32 record;
    }

    /// @param track The token.
    /// @param record First 192 bits of the SHA-256 of the signed track record; the event has all of them.
    struct Filed {
        uint64 track;
        bytes24 record;
    }

    /// @param model The model that generated all tracks under the root.
    /// @param royaltyPpm See Vouchers.sol.
    /// @param blockNumber Block of the anchoring.
    /// @param size How many tracks there are under the root; 0 where nothing is anchored.
    struct Anchor {
        uint40 model;
        uint24 royaltyPpm;
        uint64 blockNumber;
        uint128 size;
    }

    /// @notice Most tracks under one root.
    uint256 public constant LARGEST_ANCHOR = 1_000_000;

    /// @notice The models that generate tracks.
    Offers public immutable MODELS;

    /// @notice Where the licenses to generate are.
    Licenses public immutable LICENSES;

    /// @notice Where each track has its account.
    Royalties public immutable ROYALTIES;

    string private _site;

    /// @notice The track whose file has this SHA-256; 0 where there is none.
    mapping(bytes32 audio => Filed) public byAudio;

    /// @notice What was anchored by a creator under a Merkle root.
    mapping(address creator => mapping(bytes32 root => Anchor)) public anchors;

    mapping(uint256 id => Track) private _tracks;

    /// @notice A track was minted. In the manner of ERC-7007, whose prompt is here the claim and whose generated data the
    /// audio file, both by their digests; the proof is the signed record.
    /// @param claim SHA-256 of the claim.
    /// @param audio SHA-256 of the audio file.
    /// @param model The model that generated it.
    /// @param creator Who generated it.
    /// @param record SHA-256 of the signed track record.
    /// @param royaltyPpm See Vouchers.sol.
    /// @param content SHA-256 of the block in which the record lies: the digest in its CID.
    event Minted(
        uint256 indexed id,
        bytes32 indexed claim,
        bytes32 indexed audio,
        uint256 model,
        address creator,
        bytes32 record,
        uint24 royaltyPpm,
        bytes32 content
    );

    /// @notice A Merkle root over tracks was anchored.
    /// @param content SHA-256 of the root block of the file of all leaves: the digest in its CID.
    event Anchored(
        bytes32 indexed root,
        address indexed creator,
        uint256 indexed model,
        uint256 size,
        uint24 royaltyPpm,
        bytes32 content
    );

    /// @notice The creator says where the record of a track lies now.
    event Moved(uint256 indexed id, bytes32 content);

    /// @notice The claim is minted already, as track `id`.
    error ClaimTaken(uint256 id);

    /// @notice The audio file is minted already, as track `id`.
    error AudioTaken(bytes32 audio, uint256 id);

    /// @notice The creator anchored this root already.
    error RootAnchored(bytes32 root);

    /// @notice An anchor holds between one track and a million.
    error AnchorSize(uint256 size);

    /// @notice The proof does not lead from these digests to what the creator anchored.
    error NotAnchored(bytes32 root, uint256 index);

    /// @notice Only its creator may say where a track's record lies.
    error NotCreator(uint256 id, address caller);

    /// @param guardian See Guarded.sol.
    /// @param site URL that the tracks' pages and a C2PA resolution API begin with, with a slash at its end; or empty.
    constructor(Offers models, Licenses licenses, Royalties royalties, address guardian, string memory site)
        ERC721("Stemmata Tracks", "STEMTRACK")
        EIP712("Stemmata Tracks", "1")
        Guarded(guardian)
    {
        MODELS = models;
        LICENSES = licenses;
        ROYALTIES = royalties;
        _site = site;
    }

    /// @notice Mint a track. The caller owns the model or is licensed to generate with it.
    /// @param content SHA-256 of the block in which the record lies.
    /// @return id The token: the track's watermark.
    function mint(Work calldata work, bytes32 content) external returns (uint256 id) {
        return _create(msg.sender, msg.sender, work, content);
    }

    /// @notice Mint a track by a voucher that its creator signed (EIP-712, or ERC-1271 where the creator is a contract).
    /// Anybody may submit it; it is the creator who must be licensed.
    function mintByVoucher(Voucher calldata voucher, bytes calldata signature) external returns (uint256 id) {
        _requireSigned(voucher, signature);
        address owner = voucher.owner == address(0) ? msg.sender : voucher.owner;
        return _create(voucher.creator, owner, voucher.work, voucher.content);
    }

    /// @notice Record many tracks of one model at once; any of them can be minted later.
    /// @param root Merkle root (RFC 9162, SHA-256) over the tracks' leaves: claim, audio and record digests, 96 bytes each.
    /// @param size How many leaves there are.
    /// @param royaltyPpm See Vouchers.sol.
    /// @param content SHA-256 of the root block of the file of all leaves.
    function anchor(bytes32 root, uint256 size, uint40 model, uint24 royaltyPpm, bytes32 content) external {
        if (root == 0) revert ZeroDigest();
        if (size == 0 || size > LARGEST_ANCHOR) revert AnchorSize(size);
        if (royaltyPpm > WHOLE_PPM) revert RoyaltyTooHigh(royaltyPpm);
        if (anchors[msg.sender][root].size != 0) revert RootAnchored(root);
        anchors[msg.sender][root] = Anchor(model, royaltyPpm, uint64(block.number), uint128(size));
        emit Anchored(root, msg.sender, model, size, royaltyPpm, content);
    }

    /// @notice Mint a track that the caller anchored. The caller must be licensed now.
    /// @param root As anchored.
    /// @param index The track's place among the leaves, from 0.
    /// @param path The leaf's siblings, from the bottom up.
    function mintAnchored(
        bytes32 root,
        uint256 index,
        Leaf calldata leaf,
        bytes32[] calldata path,
        bytes32 content
    ) external returns (uint256 id) {
        Anchor memory kept = anchors[msg.sender][root];
        if (!Inclusion.holds(abi.encode(leaf), index, kept.size, path, root)) {
            revert NotAnchored(root, index);
        }
        return _create(msg.sender, msg.sender, Work(leaf.claim, leaf.audio, leaf.record, kept.model, kept.royaltyPpm), content);
    }

    /// @notice Say where the record of a track lies now. Its digest stays what it is.
    function move(uint256 id, bytes32 content) external {
        _requireOwned(id);
        if (_tracks[id].creator != msg.sender) revert NotCreator(id, msg.sender);
        emit Moved(id, content);
        emit MetadataUpdate(id);
    }

    /// @notice What is known of a track. Reverts where there is none.
    function track(uint256 id) external view returns (Track memory) {
        _requireOwned(id);
        return _tracks[id];
    }

    /// @inheritdoc IERC2981
    function royaltyInfo(uint256 tokenId, uint256 salePrice) external view returns (address, uint256) {
        _requireOwned(tokenId);
        Track memory kept = _tracks[tokenId];
        return
            (ROYALTIES.accountOf(tokenId, kept.creator, kept.model), salePrice * kept.royaltyPpm / WHOLE_PPM);
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        // ERC-4906 names its identifier, since it adds events only.
        return interfaceId == type(IERC2981).interfaceId || interfaceId == bytes4(0x49064906)
            || super.supportsInterface(interfaceId);
    }

    /// @dev Put a track on the books.
    function _create(address creator, address owner, Work memory work, bytes32 content)
        private
        returns (uint256 id)
    {
        _requireRunning();
        if (work.claim == 0 || work.audio == 0 || work.record == 0) revert ZeroDigest();
        if (work.royaltyPpm > WHOLE_PPM) revert RoyaltyTooHigh(work.royaltyPpm);
        id = idOf(creator, work.claim);
        if (byAudio[work.audio].track != 0) revert AudioTaken(work.audio, byAudio[work.audio].track);
        if (!LICENSES.isLicensed(MODELS, work.model, creator, GENERATE)) {
            revert LicenseMissing(address(MODELS), work.model, creator, GENERATE);
        }
        byAudio[work.audio] = Filed(uint64(id), bytes24(work.record));
        _tracks[id] = Track(creator, work.model, work.royaltyPpm, uint32(block.number));
        // As OpenZeppelin's _mint does, but for the error and for asking once.
        if (_update(owner, id, address(0)) != address(0)) revert ClaimTaken(id);
        emit Minted(
            id, work.claim, work.audio, work.model, creator, work.record, work.royaltyPpm, content
        );
    }

    function _baseURI() internal view override returns (string memory) {
        return bytes(_site).length == 0 ? "" : string.concat(_site, "tracks/");
    }

    function _marks(uint64 watermark) internal view override returns (bool) {
        return _ownerOf(watermark) != address(0);
    }

    function _endpoint() internal view override returns (string memory) {
        return bytes(_site).length == 0 ? "" : string.concat(_site, "c2pa/");
    }
}
