// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Share, Shares, Sibling} from "./Shares.sol";

/// @title Epochs
/// @notice Attribution epochs: new shares for later income, as a Merkle root that one holder of a recorded share proposes,
/// and that counts once no other has objected for a week. Silence is consent; a holder who does not want to watch refuses
/// all proposals beforehand. It is always the recorded shares that decide, so that no epoch can shut anybody out.
abstract contract Epochs {
    /// @notice How long a proposal can be objected to, in seconds.
    uint256 public constant WINDOW = 7 days;

    /// @notice Root of the proposed shares; zero where nothing is proposed.
    bytes32 public proposedRoot;

    /// @notice When the proposal counts, Unix time.
    uint256 public countsFrom;

    /// @notice How many recorded shares refuse every proposal.
    uint256 public refusals;

    /// @notice Whether a recorded share refuses every proposal.
    mapping(uint256 index => bool) public refused;

    bytes32[] private _roots;

    /// @notice A holder proposed new shares; they count from `from` on, Unix time, unless a holder objects before.
    event Proposed(bytes32 indexed root, address indexed by, uint256 from);

    /// @notice A holder objected: the proposal is void.
    event Objected(bytes32 indexed root, address indexed by);

    /// @notice A recorded share refuses every proposal, or no more.
    event Refused(uint256 indexed index, bool on);

    /// @notice A proposal counts: it is epoch `epoch`.
    event Accepted(uint256 indexed epoch, bytes32 indexed root);

    /// @notice Only who holds the recorded share may propose, object and refuse.
    error NotHolder(address caller);

    /// @notice There is a proposal already; its window has to end first, or somebody to object.
    error ProposalPending(bytes32 root);

    /// @notice Holders of so many shares refuse every proposal.
    error ProposalsRefused(uint256 shares);

    /// @notice The root is not proposed, or its window is over.
    error NothingProposed();

    /// @notice There is no such epoch.
    error NoEpoch(uint256 epoch);

    /// @notice The share does not lead to the root of the epoch's shares.
    error ShareUnproven(uint256 epoch);

    /// @notice Propose new shares for later income.
    /// @param index The caller's recorded share.
    /// @param root Merkle root over the new shares.
    /// @param share One of them, and `path` its siblings: the root is that of a whole tree.
    function propose(uint256 index, bytes32 root, Share calldata share, Sibling[] calldata path) external {
        uint256 epoch = _accepted();
        _requireHolder(index);
        if (proposedRoot != 0) revert ProposalPending(proposedRoot);
        if (refusals != 0) revert ProposalsRefused(refusals);
        (bytes32 found,) = Shares.climb(share, path);
        if (found != root) revert ShareUnproven(epoch + 1);
        proposedRoot = root;
        countsFrom = block.timestamp + WINDOW;
        emit Proposed(root, msg.sender, countsFrom);
    }

    /// @notice Object to the proposal of `root`: it is void.
    /// @param index The caller's recorded share.
    function object(uint256 index, bytes32 root) external {
        _requireHolder(index);
        if (proposedRoot == 0 || proposedRoot != root || block.timestamp >= countsFrom) revert NothingProposed();
        _void();
    }

    /// @notice Refuse every proposal from now on, also the present one; or no more. It stays with the share: its next holder
    /// may change it.
    /// @param index The caller's recorded share.
    function refuse(uint256 index, bool on) external {
        _accepted();
        _requireHolder(index);
        if (refused[index] == on) return;
        refused[index] = on;
        refusals = on ? refusals + 1 : refusals - 1;
        emit Refused(index, on);
        if (proposedRoot != 0) _void();
    }

    /// @notice How many epochs count; proposals whose window has ended, but that nobody has called for, not among them.
    function epochs() external view returns (uint256) {
        return _roots.length;
    }

    /// @notice Root of the shares of an epoch, from 1. Reverts where there is none.
    function rootOf(uint256 epoch) public view returns (bytes32) {
        if (epoch == 0 || epoch > _roots.length) revert NoEpoch(epoch);
        return _roots[epoch - 1];
    }

    /// @dev How many epochs count, after a proposal whose window is over has become one.
    function _accepted() internal returns (uint256 epoch) {
        epoch = _roots.length;
        if (proposedRoot == 0 || block.timestamp < countsFrom) return epoch;
        _roots.push(proposedRoot);
        emit Accepted(++epoch, proposedRoot);
        proposedRoot = 0;
    }

    /// @dev Whether an account holds a recorded share that is not empty.
    function _holds(address account, uint256 index) internal view virtual returns (bool);

    function _requireHolder(uint256 index) private view {
        if (!_holds(msg.sender, index)) revert NotHolder(msg.sender);
    }

    /// @dev End the proposal.
    function _void() private {
        emit Objected(proposedRoot, msg.sender);
        proposedRoot = 0;
    }
}
