// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Offers} from "./Offers.sol";
import {AlreadyOver, ConsentWithdrawn, LicenseMissing, NotOwner, UsesUnknown, ZeroDigest} from "./Refusals.sol";
import {Soulbound} from "./Soulbound.sol";
import {Till} from "./Till.sol";
import {ALL_USES, COMMERCIAL, ETHER, GENERATE, TRAIN} from "./Uses.sol";

/// @title Licenses
/// @notice Who may do what with which dataset or model, and until when. A license is bound to its licensee (ERC-5192):
/// the token of a licensee and a subject holds all that was bought or granted between them, and cannot be passed on.
contract Licenses is Soulbound, Till {
    /// @param train,generate,commercial Last second of each use, Unix time; 0 where it was never licensed.
    /// @param royaltyPpm Part of later income that was agreed to with the license to train, in parts per million.
    /// @param issued How many licenses were bought or granted; they are numbered from 1.
    struct Held {
        uint40 train;
        uint40 generate;
        uint40 commercial;
        uint24 royaltyPpm;
        uint112 issued;
    }

    /// @dev What a buyer agrees to; a license is sold on just these terms or not at all.
    /// @param price In the currency's smallest unit.
    /// @param currency An ERC-20 token, or zero for ether.
    /// @param until Last second of validity, Unix time; FOREVER for no end.
    /// @param royaltyPpm Part of later income, in parts per million.
    struct Deal {
        uint256 price;
        address currency;
        uint40 until;
        uint24 royaltyPpm;
    }

    /// @param subject The token contract, datasets or models.
    /// @param payee Owner of the token, who is credited with the price.
    /// @param uses A mask of Uses.sol.
    /// @param until Last second of validity, Unix time; FOREVER for no end. It begins with the block.
    /// @param royaltyPpm Part of later income agreed to, in parts per million.
    /// @param price What was paid, in the currency's smallest unit.
    /// @param currency An ERC-20 token, or zero for ether.
    struct Issue {
        Offers subject;
        address payee;
        uint8 uses;
        uint40 until;
        uint24 royaltyPpm;
        uint256 price;
        address currency;
    }

    /// @notice The datasets that are licensed here.
    Offers public immutable DATASETS;

    /// @notice The models that are licensed here.
    Offers public immutable MODELS;

    mapping(uint256 token => Held) private _held;

    /// @notice A license was bought or granted.
    /// @param subjectId The dataset or model.
    /// @param number Its number among the licenses of this licensee for this subject, from 1.
    /// @param issue What was issued.
    /// @param record SHA-256 of the signed license record.
    /// @param content SHA-256 of the block in which the record lies: the digest in its CID.
    event Licensed(
        uint256 indexed subjectId,
        address indexed licensee,
        uint256 number,
        Issue issue,
        bytes32 record,
        bytes32 content
    );

    /// @notice The terms are not (any more) what the buyer agreed to.
    error TermsDiffer(uint256 id, Offers.Terms terms);

    /// @notice The subject is not on offer for all of these uses.
    error UseNotOffered(uint256 id, uint8 asked, uint8 offered);

    /// @notice Licenses are of datasets and models alone.
    error SubjectUnknown(address subject);

    /// @param datasets The datasets.
    /// @param models The models; made after this contract, which they ask, so their address is foretold.
    constructor(Offers datasets, Offers models) {
        DATASETS = datasets;
        MODELS = models;
    }

    /// @notice Buy a license on the terms that the owner offers. Ether is sent with the call; of a token, this contract
    /// must be allowed to take the price.
    /// @param subject The token contract, datasets or models.
    /// @param subjectId The token.
    /// @param uses Uses wanted, a mask of Uses.sol, all of them on offer.
    /// @param deal What the buyer agrees to: it must be what is on offer.
    /// @param record SHA-256 of the signed license record.
    /// @param content SHA-256 of the block in which the record lies.
    /// @return number Of the license, among those of this licensee for this subject.
    function buy(
        Offers subject,
        uint256 subjectId,
        uint8 uses,
        Deal calldata deal,
        bytes32 record,
        bytes32 content
    ) external payable returns (uint256 number) {
        _requireValue(deal.currency, deal.price);
        (address payee, Offers.Terms memory terms) = _open(subject, subjectId);
        if (uses == 0 || uses & ~terms.uses != 0) revert UseNotOffered(subjectId, uses, terms.uses);
        if (
            deal.price != terms.price || deal.currency != terms.currency || deal.until != terms.until
                || deal.royaltyPpm != terms.royaltyPpm
        ) revert TermsDiffer(subjectId, terms);
        if (terms.until < block.timestamp) revert AlreadyOver(terms.until);
        Issue memory issue = Issue(subject, payee, uses, deal.until, deal.royaltyPpm, deal.price, deal.currency);
        number = _issue(subjectId, msg.sender, issue, record, content);
        _collect(deal.currency, deal.price, payee);
    }

    /// @notice Grant a license without payment. Only the token's owner may, and for a dataset only while consent stands.
    /// A grant never raises the royalty of a license to train that is still valid.
    /// @param subject The token contract, datasets or models.
    /// @param subjectId The token.
    /// @param licensee Who may use it.
    /// @param uses A mask of Uses.sol.
    /// @param until Last second of validity, Unix time; FOREVER for no end.
    /// @param record SHA-256 of the signed license record.
    /// @param content SHA-256 of the block in which the record lies.
    /// @return Number of the license, among those of this licensee for this subject.
    function grant(
        Offers subject,
        uint256 subjectId,
        address licensee,
        uint8 uses,
        uint40 until,
        bytes32 record,
        bytes32 content
    ) external returns (uint256) {
        (address owner, Offers.Terms memory terms) = _open(subject, subjectId);
        if (owner != msg.sender) revert NotOwner(subjectId, msg.sender);
        if (uses == 0 || uses > ALL_USES) revert UsesUnknown(uses);
        if (until < block.timestamp) revert AlreadyOver(until);
        Held storage held = _held[tokenOf(subject, subjectId, licensee)];
        uint24 royaltyPpm = terms.royaltyPpm;
        if (held.train >= block.timestamp && held.royaltyPpm < royaltyPpm) royaltyPpm = held.royaltyPpm;
        Issue memory issue = Issue(subject, owner, uses, until, royaltyPpm, 0, ETHER);
        return _issue(subjectId, licensee, issue, record, content);
    }

    /// @notice Whether `who` may use a dataset or model now. Its owner always may.
    /// @param subject The token contract, datasets or models.
    /// @param id The token; where there is none, nobody is licensed.
    /// @param use One or more bits of Uses.sol, all of which must be licensed.
    function isLicensed(Offers subject, uint256 id, address who, uint8 use) public view returns (bool) {
        if (use == 0 || use > ALL_USES) return false;
        if (_covers(_held[tokenOf(subject, id, who)], use)) return true;
        try subject.ownerOf(id) returns (address owner) {
            return owner == who;
        } catch {
            return false;
        }
    }

    /// @notice The royalties to which `who` agreed by licenses to train on `ids`, in parts per million; those of an owner
    /// without a license are the present terms'. Reverts unless every one is licensed now.
    function royaltiesOf(Offers subject, uint256[] calldata ids, address who)
        external
        view
        returns (uint24[] memory royaltiesPpm)
    {
        royaltiesPpm = new uint24[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            Held storage held = _held[tokenOf(subject, ids[i], who)];
            if (held.train >= block.timestamp) {
                royaltiesPpm[i] = held.royaltyPpm;
            } else {
                if (!isLicensed(subject, ids[i], who, TRAIN)) {
                    revert LicenseMissing(address(subject), ids[i], who, TRAIN);
                }
                (, Offers.Terms memory terms,) = subject.offer(ids[i]);
                royaltiesPpm[i] = terms.royaltyPpm;
            }
        }
    }

    /// @notice Until when each use is licensed, and at which royalty.
    function heldBy(Offers subject, uint256 id, address who) external view returns (Held memory) {
        return _held[tokenOf(subject, id, who)];
    }

    /// @notice The token of a licensee and a subject: the licensee in the low 160 bits, the subject's id above them, and
    /// the highest bit set for a model. So it says whose it is without a slot of its own.
    function tokenOf(Offers subject, uint256 id, address licensee) public view returns (uint256) {
        uint256 kind = 0;
        if (address(subject) == address(MODELS)) kind = 1 << 255;
        else if (address(subject) != address(DATASETS)) revert SubjectUnknown(address(subject));
        if (id >> 95 != 0) return 0;
        return kind | (id << 160) | uint160(licensee);
    }

    /// @dev A token exists from the first license on; that it has run out does not end it.
    function _exists(uint256 token) internal view override returns (bool) {
        return _held[token].issued != 0;
    }

    /// @dev Owner and terms of a subject for which licenses may be issued.
    function _open(Offers subject, uint256 id) private view returns (address owner, Offers.Terms memory terms) {
        if (address(subject) != address(DATASETS) && address(subject) != address(MODELS)) {
            revert SubjectUnknown(address(subject));
        }
        bool closed;
        (owner, terms, closed) = subject.offer(id);
        if (closed) revert ConsentWithdrawn(id);
    }

    /// @dev Write a license. A use that is licensed for longer already stays as it is.
    function _issue(uint256 subjectId, address licensee, Issue memory issue, bytes32 record, bytes32 content)
        private
        returns (uint256)
    {
        if (record == 0) revert ZeroDigest();
        uint256 token = tokenOf(issue.subject, subjectId, licensee);
        Held memory held = _held[token];
        if (++held.issued == 1) _bind(licensee, token);
        if (issue.uses & TRAIN != 0 && held.train <= issue.until) {
            // End and royalty come from one license: the longer one.
            held.train = issue.until;
            held.royaltyPpm = issue.royaltyPpm;
        }
        if (issue.uses & GENERATE != 0 && held.generate < issue.until) held.generate = issue.until;
        if (issue.uses & COMMERCIAL != 0 && held.commercial < issue.until) held.commercial = issue.until;
        _held[token] = held;
        emit Licensed(subjectId, licensee, held.issued, issue, record, content);
        return held.issued;
    }

    /// @dev Whether all of `uses` are licensed now.
    function _covers(Held storage held, uint8 uses) private view returns (bool) {
        return (uses & TRAIN == 0 || held.train >= block.timestamp)
            && (uses & GENERATE == 0 || held.generate >= block.timestamp)
            && (uses & COMMERCIAL == 0 || held.commercial >= block.timestamp);
    }
}
