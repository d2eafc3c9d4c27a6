// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ZeroDigest} from "./Refusals.sol";

/// @title Keys
/// @notice The history of accounts' keys: which companion keys an account has published, and whether and when its key
/// ended, by rotation to a successor or by revocation. An end is final and counts from the block it is mined in; no date
/// but that block's is taken from anybody, so that nobody takes back what they signed before. What a key says of itself
/// stands in signed records, which the events name. No other contract asks here: it is for whoever verifies.
contract Keys {
    /// @param successor The account that goes on; zero where the key was revoked, or has not ended.
    /// @param time Time of the block in which the key ended, Unix time; 0 while it has not.
    /// @param blockNumber That block.
    struct End {
        address successor;
        uint40 time;
        uint40 blockNumber;
    }

    /// @param recovery Who else may end the key; zero for nobody.
    /// @param blockNumber Block of the newest publication; 0 where there is none.
    struct Standing {
        address recovery;
        uint40 blockNumber;
    }

    /// @notice How an account's key ended.
    mapping(address account => End) public endOf;

    mapping(address account => Standing) private _standings;

    /// @notice An account published companion keys: those it has from here on.
    /// @param record SHA-256 of the signed key record.
    /// @param content SHA-256 of the block in which the record lies: the digest in its CID.
    /// @param previous Block of the publication before; 0 for the first.
    event Published(address indexed account, bytes32 indexed record, bytes32 content, uint256 previous);

    /// @notice A key ended.
    /// @param successor The account that goes on; zero where the key was revoked.
    /// @param by Who ended it: the key itself, or its recovery.
    /// @param record SHA-256 of the key record, which `by` signed.
    /// @param content SHA-256 of the block in which the record lies.
    event Ended(
        address indexed account, address indexed successor, address indexed by, bytes32 record, bytes32 content
    );

    /// @notice From here on, `recovery` may end the key of `account` as well.
    event RecoveryNamed(address indexed account, address indexed recovery, address indexed by);

    /// @notice The key ended before.
    /// @param time Time of that block, Unix time.
    error KeyOver(address account, uint256 time);

    /// @notice Only the key itself may do this, or its recovery.
    error NotKeeper(address account, address caller);

    /// @notice A key does not follow itself, and is not its own recovery; a successor has not ended, and is not zero.
    error Unfit(address named);

    /// @notice Publish the caller's companion keys. May be done again, when there are new ones.
    function publish(bytes32 record, bytes32 content) external {
        if (record == 0) revert ZeroDigest();
        _requireGoing(msg.sender);
        emit Published(msg.sender, record, content, _standings[msg.sender].blockNumber);
        _standings[msg.sender].blockNumber = uint40(block.number);
    }

    /// @notice End a key, and name its successor. Who signed for `account` until now signs for `successor` from now on.
    function rotate(address account, address successor, bytes32 record, bytes32 content) external {
        if (successor == address(0) || successor == account || endOf[successor].time != 0) revert Unfit(successor);
        _end(account, successor, record, content);
    }

    /// @notice End a key without a successor.
    function revoke(address account, bytes32 record, bytes32 content) external {
        _end(account, address(0), record, content);
    }

    /// @notice Name who else may end a key. The key itself names the first; from then on only the recovery hands the office
    /// on, or else whoever stole a key could shut out whoever is there to end it.
    function nameRecovery(address account, address recovery) external {
        address keeper = _standings[account].recovery;
        if (msg.sender != (keeper == address(0) ? account : keeper)) revert NotKeeper(account, msg.sender);
        if (recovery == address(0) || recovery == account) revert Unfit(recovery);
        _requireGoing(account);
        _standings[account].recovery = recovery;
        emit RecoveryNamed(account, recovery, msg.sender);
    }

    /// @notice When a key ended, Unix time; 0 while it has not.
    function endedAt(address account) external view returns (uint256) {
        return endOf[account].time;
    }

    /// @notice The account that goes on where a key was rotated; zero where it was not.
    function successorOf(address account) external view returns (address) {
        return endOf[account].successor;
    }

    /// @notice Who may end a key beside the key itself; zero for nobody.
    function recoveryOf(address account) external view returns (address) {
        return _standings[account].recovery;
    }

    /// @notice Block of an account's newest publication, where its event is found; 0 where there is none.
    function publishedIn(address account) external view returns (uint256) {
        return _standings[account].blockNumber;
    }

    /// @dev End a key; the caller is the key itself or its recovery.
    function _end(address account, address successor, bytes32 record, bytes32 content) private {
        if (record == 0) revert ZeroDigest();
        if (msg.sender != account && msg.sender != _standings[account].recovery) {
            revert NotKeeper(account, msg.sender);
        }
        _requireGoing(account);
        endOf[account] = End(successor, uint40(block.timestamp), uint40(block.number));
        emit Ended(account, successor, msg.sender, record, content);
    }

    function _requireGoing(address account) private view {
        uint256 time = endOf[account].time;
        if (time != 0) revert KeyOver(account, time);
    }
}
