// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Datasets} from "./Datasets.sol";
import {Licenses} from "./Licenses.sol";
import {LicenseMissing, ZeroDigest} from "./Refusals.sol";
import {TRAIN, WHOLE_PPM} from "./Uses.sol";

/// @title Models
/// @notice A token is a trained checkpoint, named by the digest of its weights. It exists only if its trainer was
/// licensed to train on every dataset that went into it.
contract Models is ERC721 {
    /// @param dataset A dataset that the model was trained on.
    /// @param sharePpm Its part in the model, in parts per million.
    struct Part {
        uint96 dataset;
        uint32 sharePpm;
    }

    /// @param weights SHA-256 of the weights file.
    /// @param record SHA-256 of the signed training record.
    /// @param trainer Who trained and recorded it.
    /// @param blockNumber Block of the recording, where the event with the CID is found.
    /// @param parts Datasets and shares, in the order in which they were given; the shares add up to 1,000,000.
    struct Model {
        bytes32 weights;
        bytes32 record;
        address trainer;
        uint64 blockNumber;
        Part[] parts;
    }

    /// @notice The datasets that models are made of.
    Datasets public immutable DATASETS;

    /// @notice Where the licenses to train are.
    Licenses public immutable LICENSES;

    /// @notice How many models there are; ids run from 1 to this number.
    uint256 public count;

    /// @notice The model with these weights, or 0.
    mapping(bytes32 weights => uint256 id) public idOf;

    mapping(uint256 id => Model) private _models;

    /// @notice A training run was recorded.
    /// @param cid Where the signed record lies.
    event Recorded(
        uint256 indexed id,
        bytes32 indexed weights,
        address indexed trainer,
        bytes32 record,
        string cid,
        uint256[] datasets,
        uint32[] sharesPpm
    );

    /// @notice The weights are recorded already, as model `id`.
    error WeightsTaken(bytes32 weights, uint256 id);

    /// @notice The shares do not add up to 1,000,000, or there are not as many shares as datasets.
    error SharesUneven(uint256 sumPpm, uint256 datasets, uint256 shares);

    /// @notice A dataset is named twice.
    error DatasetTwice(uint256 dataset);

    constructor(Datasets datasets, Licenses licenses) ERC721("Stemmata Models", "STEMMODEL") {
        DATASETS = datasets;
        LICENSES = licenses;
    }

    /// @notice Record a training run; the caller is its trainer and owns the model.
    /// @param weights SHA-256 of the weights file.
    /// @param record_ SHA-256 of the signed training record.
    /// @param cid Where the signed record lies.
    /// @param datasets Every dataset the model was trained on, each once.
    /// @param sharesPpm The part of each, in parts per million.
    /// @return id The new token, counted from 1.
    function record(
        bytes32 weights,
        bytes32 record_,
        string calldata cid,
        uint256[] calldata datasets,
        uint32[] calldata sharesPpm
    ) external returns (uint256 id) {
        if (weights == 0 || record_ == 0) revert ZeroDigest();
        if (idOf[weights] != 0) revert WeightsTaken(weights, idOf[weights]);
        _requireWhole(datasets, sharesPpm);
        id = ++count;
        idOf[weights] = id;
        Model storage model_ = _models[id];
        model_.weights = weights;
        model_.record = record_;
        model_.trainer = msg.sender;
        model_.blockNumber = uint64(block.number);
        for (uint256 i = 0; i < datasets.length; ++i) {
            if (!LICENSES.isLicensed(DATASETS, datasets[i], msg.sender, TRAIN)) {
                revert LicenseMissing(datasets[i], msg.sender, TRAIN);
            }
            // Only existing datasets are licensed, and those are counted from 1: the id fits.
            model_.parts.push(Part(uint96(datasets[i]), sharesPpm[i]));
        }
        _mint(msg.sender, id);
        emit Recorded(id, weights, msg.sender, record_, cid, datasets, sharesPpm);
    }

    /// @notice What is known of a model. Reverts where there is none.
    function model(uint256 id) external view returns (Model memory) {
        _requireOwned(id);
        return _models[id];
    }

    /// @dev Every dataset has one share, no dataset comes twice, and the shares make one whole.
    function _requireWhole(uint256[] calldata datasets, uint32[] calldata sharesPpm) private pure {
        uint256 sum = 0;
        for (uint256 i = 0; i < sharesPpm.length; ++i) {
            sum += sharesPpm[i];
        }
        if (sum != WHOLE_PPM || datasets.length != sharesPpm.length) {
            revert SharesUneven(sum, datasets.length, sharesPpm.length);
        }
        for (uint256 i = 1; i < datasets.length; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                if (datasets[i] == datasets[j]) revert DatasetTwice(datasets[i]);
            }
        }
    }
}
