// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Dues} from "./Dues.sol";
import {Licenses} from "./Licenses.sol";
import {Offers} from "./Offers.sol";
import {RoyaltyTooHigh, ZeroDigest} from "./Refusals.sol";
import {WHOLE_PPM} from "./Uses.sol";

/// @title Models
/// @notice A token is a trained checkpoint, named by the digest of its weights. It exists only if its trainer was licensed
/// to train on every dataset and every parent model that went into it. What a track made with it owes to their holders is
/// fixed when it is recorded, and inherited by whatever is trained from it.
contract Models is Offers {
    /// @param model The token.
    /// @param record First 192 bits of the SHA-256 of the signed training record; the event has all of them.
    struct Filed {
        uint64 model;
        bytes24 record;
    }

    /// @param weights SHA-256 of the weights file.
    /// @param record SHA-256 of the signed training record.
    /// @param royaltyPpm Part of a track's income that the model's holder asks, in parts per million; never changes.
    /// @param datasets Every dataset the model was trained on, in ascending order.
    /// @param sharesPpm Part of each in the training, in parts per million, 1,000,000 in all. The trainer declares them,
    /// and signs them in the record.
    /// @param parents Models that the training began from, in ascending order.
    /// @param cid Where the signed record lies.
    struct Run {
        bytes32 weights;
        bytes32 record;
        uint24 royaltyPpm;
        uint256[] datasets;
        uint32[] sharesPpm;
        uint256[] parents;
        string cid;
    }

    /// @notice The datasets that models are made of.
    Offers public immutable DATASETS;

    /// @notice Where the licenses to train are.
    Licenses public immutable LICENSES;

    /// @notice How many models there are; ids run from 1 to this number.
    uint256 public count;

    /// @notice The model with these weights; 0 where there is none.
    mapping(bytes32 weights => Filed) public byWeights;

    /// @dev Royalty, block and dues of a model; see Dues.sol.
    mapping(uint256 id => mapping(uint256 word => uint256)) private _dues;

    /// @notice A training run was recorded.
    /// @param dues What its tracks owe; see Dues.sol.
    event Recorded(
        uint256 indexed id,
        bytes32 indexed weights,
        address indexed trainer,
        bytes32 record,
        uint24 royaltyPpm,
        uint256[] datasets,
        uint32[] sharesPpm,
        uint256[] parents,
        uint48[] dues,
        string cid
    );

    /// @notice The weights are recorded already, as model `id`.
    error WeightsTaken(bytes32 weights, uint256 id);

    /// @notice The shares do not add up to 1,000,000, or there are not as many shares as datasets.
    error SharesUneven(uint256 sumPpm, uint256 datasets, uint256 shares);

    /// @notice A dataset that has no share in the training is not named.
    error ShareOfNothing(uint256 dataset);

    /// @notice Datasets and parents are named once each, in ascending order.
    error OutOfOrder(uint256 id);

    /// @notice Nobody trains from nothing: a run names a dataset or a parent.
    error TrainedOnNothing();

    /// @notice A model can owe to 255 holders at most, itself aside.
    error TooManyDues(uint256 dues);

    /// @notice The royalty of a model is part of what its licensees agreed to, and stays as it was recorded.
    error RoyaltyFixed(uint256 id, uint24 royaltyPpm);

    /// @notice The licenses were made for models at another address.
    error WrongLicenses(address licenses);

    constructor(Offers datasets, Licenses licenses) ERC721("Stemmata Models", "STEMMODEL") {
        if (address(licenses.MODELS()) != address(this) || address(licenses.DATASETS()) != address(datasets)) {
            revert WrongLicenses(address(licenses));
        }
        DATASETS = datasets;
        LICENSES = licenses;
    }

    /// @notice Record a training run; the caller is its trainer and owns the model. Nothing is on offer yet.
    /// @return id The new token, counted from 1.
    function record(Run calldata run) external returns (uint256 id) {
        if (run.weights == 0 || run.record == 0) revert ZeroDigest();
        if (byWeights[run.weights].model != 0) revert WeightsTaken(run.weights, byWeights[run.weights].model);
        uint48[] memory owed = _owedBy(run);
        id = ++count;
        byWeights[run.weights] = Filed(uint64(id), bytes24(run.record));
        Dues.write(_dues[id], Dues.Head(run.royaltyPpm, uint8(owed.length), uint32(block.number)), owed);
        _mint(msg.sender, id);
        emit Recorded(
            id,
            run.weights,
            msg.sender,
            run.record,
            run.royaltyPpm,
            run.datasets,
            run.sharesPpm,
            run.parents,
            owed,
            run.cid
        );
    }

    /// @notice Offer licenses of a model, or change or end an offer, for licenses sold from now on. The royalty stays.
    function changeTerms(uint256 id, Terms calldata terms) external {
        _requireOwner(id, msg.sender);
        uint24 royaltyPpm = Dues.readHead(_dues[id]).royaltyPpm;
        if (terms.royaltyPpm != royaltyPpm) revert RoyaltyFixed(id, royaltyPpm);
        _keepTerms(id, terms);
        emit TermsChanged(id, terms);
    }

    /// @notice What a track made with a model owes, beside the model's own royalty. Reverts where there is no such model.
    /// @return royaltyPpm The royalty of the model's own holder, in parts per million.
    /// @return dues Whom it owes how much; see Dues.sol.
    function duesOf(uint256 id) public view returns (uint24 royaltyPpm, uint48[] memory dues) {
        _requireOwned(id);
        royaltyPpm = Dues.readHead(_dues[id]).royaltyPpm;
        dues = Dues.read(_dues[id]);
    }

    /// @inheritdoc Offers
    function offer(uint256 id) public view override returns (address owner, Terms memory terms, bool closed) {
        (owner, terms, closed) = super.offer(id);
        // The royalty stands from the beginning, whether anything was ever on offer or not.
        terms.royaltyPpm = Dues.readHead(_dues[id]).royaltyPpm;
    }

    /// @inheritdoc Offers
    function blockOf(uint256 id) external view override returns (uint256) {
        _requireOwned(id);
        return Dues.readHead(_dues[id]).blockNumber;
    }

    /// @dev Everything a run owes. Reverts unless the caller may train on all that it names.
    function _owedBy(Run calldata run) private view returns (uint48[] memory owed) {
        _requireWhole(run);
        _requireAscending(run.datasets);
        owed = new uint48[](run.datasets.length);
        uint256 n = 0;
        uint256 sumPpm = run.royaltyPpm;
        if (owed.length != 0) {
            uint24[] memory royaltiesPpm = LICENSES.royaltiesOf(DATASETS, run.datasets, msg.sender);
            for (uint256 i = 0; i < royaltiesPpm.length; ++i) {
                if (run.sharesPpm[i] == 0) revert ShareOfNothing(run.datasets[i]);
                // Rounded up: whoever asks for something is owed something.
                uint256 ppm = (uint256(run.sharesPpm[i]) * royaltiesPpm[i] + WHOLE_PPM - 1) / WHOLE_PPM;
                if (ppm == 0) continue;
                owed[n++] = Dues.toDataset(run.datasets[i], ppm);
                sumPpm += ppm;
            }
            _cut(owed, n);
        }
        if (run.parents.length != 0) {
            _requireAscending(run.parents);
            // A parent exists already, so its number is lower: no cycle of parents can come about.
            LICENSES.royaltiesOf(this, run.parents, msg.sender);
            for (uint256 i = 0; i < run.parents.length; ++i) {
                (owed, sumPpm) = _inherit(owed, sumPpm, run.parents[i]);
            }
        }
        if (owed.length > 255) revert TooManyDues(owed.length);
        if (sumPpm > WHOLE_PPM) revert RoyaltyTooHigh(sumPpm);
    }

    /// @dev `owed` with what a parent owes, and its own royalty.
    function _inherit(uint48[] memory owed, uint256 sumPpm, uint256 parent)
        private
        view
        returns (uint48[] memory all, uint256)
    {
        (uint24 royaltyPpm, uint48[] memory inherited) = duesOf(parent);
        all = new uint48[](owed.length + inherited.length + 1);
        uint256 n = 0;
        for (uint256 i = 0; i < owed.length; ++i) {
            all[n++] = owed[i];
        }
        if (royaltyPpm != 0) all[n++] = Dues.toModel(parent, royaltyPpm);
        sumPpm += royaltyPpm;
        for (uint256 i = 0; i < inherited.length; ++i) {
            all[n++] = inherited[i];
            sumPpm += Dues.ppm(inherited[i]);
        }
        _cut(all, n);
        return (all, sumPpm);
    }

    /// @dev Shorten an array to its first `length` elements.
    function _cut(uint48[] memory array, uint256 length) private pure {
        assembly ("memory-safe") {
            mstore(array, length)
        }
    }

    /// @dev Every dataset has one share, and the shares make one whole.
    function _requireWhole(Run calldata run) private pure {
        uint256 datasets = run.datasets.length;
        if (datasets == 0 && run.parents.length == 0) revert TrainedOnNothing();
        uint32[] calldata sharesPpm = run.sharesPpm;
        uint256 sumPpm = 0;
        for (uint256 i = 0; i < sharesPpm.length; ++i) {
            sumPpm += sharesPpm[i];
        }
        if (datasets != sharesPpm.length || sumPpm != (datasets == 0 ? 0 : WHOLE_PPM)) {
            revert SharesUneven(sumPpm, datasets, sharesPpm.length);
        }
    }

    function _requireAscending(uint256[] calldata ids) private pure {
        for (uint256 i = 1; i < ids.length; ++i) {
            if (ids[i] <= ids[i - 1]) revert OutOfOrder(ids[i]);
        }
    }
}
