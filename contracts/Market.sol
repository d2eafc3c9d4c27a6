// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {AlreadyOver, NotOwner} from "./Refusals.sol";
import {Till} from "./Till.sol";
import {Tracks} from "./Tracks.sol";
import {ETHER} from "./Uses.sol";

/// @title Market
/// @notice Tracks at a fixed price. The royalty of ERC-2981 is paid with every sale, or there is no sale. A track stays
/// with its owner until it is sold: the owner lists it, then approves this contract for that one token. In this order:
/// any transfer ends the approval, and listing anew replaces a forgotten offer before a new approval could wake it.
contract Market is Till {
    /// @param seller Who listed it.
    /// @param price In the currency's smallest unit.
    /// @param currency An ERC-20 token, or zero for ether.
    /// @param until Last second of the offer, Unix time; FOREVER for no end.
    struct Listing {
        address seller;
        uint96 price;
        address currency;
        uint40 until;
    }

    /// @notice The tracks that are sold here.
    Tracks public immutable TRACKS;

    /// @notice What is for sale; a zero seller where a track is not listed.
    mapping(uint256 track => Listing) public listings;

    /// @notice A track is for sale.
    event Listed(uint256 indexed track, address indexed seller, uint256 price, address currency, uint40 until);

    /// @notice A track is for sale no more.
    event Unlisted(uint256 indexed track, address indexed seller);

    /// @notice A track was sold. The seller is credited with the price less the royalty.
    event Sold(
        uint256 indexed track,
        address indexed seller,
        address indexed buyer,
        uint256 price,
        address currency,
        address account,
        uint256 royalty
    );

    /// @notice The price or currency is not (any more) what the buyer agreed to.
    /// @param price What it costs, in the currency's smallest unit.
    /// @param currency An ERC-20 token, or zero for ether.
    error PriceChanged(uint256 track, uint256 price, address currency);

    /// @notice The track is not for sale.
    error NotListed(uint256 track);

    /// @notice The seller does not own the track any more, or has not approved the sale.
    error ListingStale(uint256 track);

    /// @notice The royalty did not reach the track's account in full.
    error RoyaltyUnpaid(address account, uint256 royalty);

    constructor(Tracks tracks) {
        TRACKS = tracks;
    }

    /// @notice Offer a track that the caller owns, or change the offer. Approve this contract for it afterwards.
    function list(uint256 track, uint96 price, address currency, uint40 until) external {
        if (TRACKS.ownerOf(track) != msg.sender) revert NotOwner(track, msg.sender);
        if (until < block.timestamp) revert AlreadyOver(until);
        listings[track] = Listing(msg.sender, price, currency, until);
        emit Listed(track, msg.sender, price, currency, until);
    }

    /// @notice End an offer of the caller's.
    function unlist(uint256 track) external {
        if (listings[track].seller != msg.sender) revert NotListed(track);
        delete listings[track];
        emit Unlisted(track, msg.sender);
    }

    /// @notice Buy a track. Ether is sent with the call; of a token, this contract must be allowed to take the price.
    /// @param currency The currency that the buyer agrees to.
    /// @param price The price that the buyer agrees to: it must be the one on offer.
    function buy(uint256 track, address currency, uint256 price) external payable {
        _requireValue(currency, price);
        Listing memory listing = listings[track];
        address seller = listing.seller;
        if (seller == address(0)) revert NotListed(track);
        if (listing.until < block.timestamp) revert AlreadyOver(listing.until);
        if (price != listing.price || currency != listing.currency) {
            revert PriceChanged(track, listing.price, listing.currency);
        }
        if (TRACKS.ownerOf(track) != seller || TRACKS.getApproved(track) != address(this)) revert ListingStale(track);
        delete listings[track];
        (address account, uint256 royalty) = TRACKS.royaltyInfo(track, price);
        emit Sold(track, seller, msg.sender, price, currency, account, royalty);
        TRACKS.transferFrom(seller, msg.sender, track);
        _collect(currency, price - royalty, seller);
        _payRoyalty(currency, account, royalty);
    }

    /// @dev Pay a royalty, and see that it arrived.
    function _payRoyalty(address currency, address account, uint256 royalty) private {
        if (royalty == 0) return;
        if (currency == ETHER) {
            (bool paid,) = account.call{value: royalty}("");
            if (!paid) revert RoyaltyUnpaid(account, royalty);
        } else {
            uint256 before = IERC20(currency).balanceOf(account);
            SafeERC20.safeTransferFrom(IERC20(currency), msg.sender, account, royalty);
            if (IERC20(currency).balanceOf(account) < before + royalty) revert RoyaltyUnpaid(account, royalty);
        }
    }
}
