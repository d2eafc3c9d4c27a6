// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Dues} from "./Dues.sol";
import {Epochs} from "./Epochs.sol";
import {Kind, Share, Shares, Sibling} from "./Shares.sol";
import {ETHER, WHOLE_PPM} from "./Uses.sol";

/// @title Split
/// @notice The account of one track. Whatever lands here, ether or any ERC-20 token, belongs to creator, model holder and
/// dataset holders in the proportions that the code carries, and each is paid on request. Shares of datasets and models go
/// to whoever owns the token at that moment.
/// @dev What a share is due of an income is rounded down: less than one unit per share stays here, and counts with what
/// comes later. A token that calls back in the midst of its own transfers can skew its own shares, and no other currency.
/// For later income the shares can be replaced by an attribution epoch (Epochs.sol). Each currency changes over when
/// `adopt` is called for it.
contract Split is Epochs {
    /// @dev What is on the books of a currency: everything ever paid out, and the epoch that its income now falls into.
    struct Book {
        uint128 released;
        uint64 epoch;
    }

    /// @dev Everything ever received in a currency when an epoch began and when the next one did.
    struct Range {
        uint128 start;
        uint128 end;
    }

    /// @notice The right in datasets.
    IERC721 public immutable DATASETS;

    /// @notice The right in models.
    IERC721 public immutable MODELS;

    mapping(address currency => Book) private _books;

    mapping(address currency => mapping(uint256 epoch => Range)) private _ranges;

    /// @dev What each share was paid: the key is the epoch and, in the low 24 bits, where the share's interval begins.
    mapping(address currency => mapping(uint256 seat => uint256 amount)) private _paid;

    /// @notice A share was paid out.
    /// @param start Where the share's interval begins, in parts per million.
    event Pulled(address indexed currency, address indexed payee, uint256 epoch, uint256 start, uint256 amount);

    /// @notice The income of a currency falls into `epoch` from now on; `received` is all that had come before.
    event Adopted(address indexed currency, uint256 indexed epoch, uint256 received);

    /// @notice Nothing is due to this share.
    error NothingDue(uint256 start);

    /// @notice There is no such share.
    error NoShare(uint256 index);

    /// @notice The currency's income falls into the newest epoch already.
    error NothingToAdopt(uint256 epoch);

    /// @notice The payee's own code refused the money; it stays due.
    error PaymentRefused(address payee);

    constructor(IERC721 datasets, IERC721 models) {
        DATASETS = datasets;
        MODELS = models;
    }

    /// @notice Ether may come at any time, from anybody; once the clone is there, with more than 2,300 gas.
    receive() external payable {}

    /// @notice Pay out a recorded share of all income before the first epoch. Anybody may call it; the holder is paid.
    /// @param currency An ERC-20 token, or zero for ether.
    /// @param index 0 the creator, 1 the model's holder, then the model's dues in their order.
    function pull(address currency, uint256 index) external {
        (Share memory share, uint256 start) = recorded(index);
        _pay(currency, 0, share, start);
    }

    /// @notice Pay out a share of an epoch. Anybody may call it; the holder is paid.
    /// @param epoch From 1.
    /// @param path The share's siblings, from the bottom up.
    function pullProven(address currency, uint256 epoch, Share calldata share, Sibling[] calldata path) external {
        _pay(currency, epoch, share, _start(epoch, share, path));
    }

    /// @notice What `pull` would pay, in the currency's smallest unit.
    function due(address currency, uint256 index) external view returns (uint256) {
        (Share memory share, uint256 start) = recorded(index);
        return _due(currency, 0, share, start);
    }

    /// @notice What `pullProven` would pay, in the currency's smallest unit.
    function dueProven(address currency, uint256 epoch, Share calldata share, Sibling[] calldata path)
        external
        view
        returns (uint256)
    {
        return _due(currency, epoch, share, _start(epoch, share, path));
    }

    /// @notice Let a currency's income fall into the newest epoch from now on. Anybody may call it.
    function adopt(address currency) external {
        uint256 newest = _accepted();
        Book storage book = _books[currency];
        if (book.epoch == newest) revert NothingToAdopt(newest);
        uint256 received = _balance(currency) + book.released;
        _ranges[currency][book.epoch].end = SafeCast.toUint128(received);
        _ranges[currency][newest].start = SafeCast.toUint128(received);
        book.epoch = uint64(newest);
        emit Adopted(currency, newest, received);
    }

    /// @notice A recorded share, and where its interval begins, in parts per million.
    /// @param index As of `pull`. Reverts beyond the last.
    function recorded(uint256 index) public view returns (Share memory share, uint256 start) {
        bytes memory args = Clones.fetchCloneArgs(address(this));
        uint256 head;
        assembly ("memory-safe") {
            head := mload(add(args, 32))
        }
        uint256 dues = (args.length - 28) / 6;
        if (index > dues + 1) revert NoShare(index);
        uint24 royaltyPpm = uint24(head >> 32);
        if (index == 1) return (Share(Kind.Model, uint40(head >> 56), royaltyPpm), 0);
        start = royaltyPpm;
        for (uint256 i = 0; i < dues; ++i) {
            uint48 owed;
            assembly ("memory-safe") {
                owed := shr(208, mload(add(args, add(60, mul(6, i)))))
            }
            if (i + 2 == index) {
                Kind kind = Dues.isModel(owed) ? Kind.Model : Kind.Dataset;
                return (Share(kind, Dues.token(owed), uint24(Dues.ppm(owed))), start);
            }
            start += Dues.ppm(owed);
        }
        // The creator has all that nobody else is owed.
        return (Share(Kind.Account, head >> 96, uint24(WHOLE_PPM - start)), start);
    }

    /// @dev Pay what is due to a share. All books are written before any money moves.
    function _pay(address currency, uint256 epoch, Share memory share, uint256 start) private {
        uint256 seat = epoch << 24 | start;
        uint256 amount = _due(currency, epoch, share, start);
        if (amount == 0) revert NothingDue(start);
        _paid[currency][seat] += amount;
        _books[currency].released += SafeCast.toUint128(amount);
        address payee = _payee(share);
        emit Pulled(currency, payee, epoch, start, amount);
        if (currency == ETHER) {
            (bool taken,) = payee.call{value: amount}("");
            if (!taken) revert PaymentRefused(payee);
        } else {
            SafeERC20.safeTransfer(IERC20(currency), payee, amount);
        }
    }

    /// @dev What a share may fetch now.
    function _due(address currency, uint256 epoch, Share memory share, uint256 start) private view returns (uint256) {
        uint256 balance = _balance(currency);
        uint256 income = _income(currency, epoch, _books[currency], balance);
        uint256 all = income * share.ppm / WHOLE_PPM;
        uint256 paid = _paid[currency][epoch << 24 | start];
        if (all <= paid) return 0;
        // A token that lowers balances by itself can leave less than is due.
        return all - paid < balance ? all - paid : balance;
    }

    /// @dev All that came in during an epoch.
    function _income(address currency, uint256 epoch, Book storage book, uint256 balance)
        private
        view
        returns (uint256)
    {
        uint256 newest = book.epoch;
        if (epoch > newest) return 0;
        uint256 received = balance + book.released;
        if (newest == 0) return received;
        Range storage range = _ranges[currency][epoch];
        uint256 end = epoch == newest ? received : range.end;
        // A token that lowers balances by itself can leave less than there was.
        return end > range.start ? end - range.start : 0;
    }

    /// @dev Where a share's interval begins. Reverts unless the share leads to the epoch's root.
    function _start(uint256 epoch, Share calldata share, Sibling[] calldata path) private view returns (uint256) {
        (bytes32 root, uint256 start) = Shares.climb(share, path);
        if (root != rootOf(epoch)) revert ShareUnproven(epoch);
        return start;
    }

    /// @inheritdoc Epochs
    function _holds(address account, uint256 index) internal view override returns (bool) {
        (Share memory held,) = recorded(index);
        return held.ppm != 0 && _payee(held) == account;
    }

    function _payee(Share memory share) private view returns (address) {
        if (share.kind == Kind.Account) return address(uint160(share.holder));
        return (share.kind == Kind.Dataset ? DATASETS : MODELS).ownerOf(share.holder);
    }

    function _balance(address currency) private view returns (uint256) {
        return currency == ETHER ? address(this).balance : IERC20(currency).balanceOf(address(this));
    }
}
