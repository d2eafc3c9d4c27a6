// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @title ERC-5192, minimal soulbound tokens
interface IERC5192 {
    /// @notice The token cannot be transferred.
    event Locked(uint256 tokenId);

    /// @notice The token can be transferred; never emitted here.
    event Unlocked(uint256 tokenId);

    /// @notice Whether a token cannot be transferred. Reverts where there is no such token.
    function locked(uint256 tokenId) external view returns (bool);
}

/// @title Soulbound
/// @notice ERC-721 tokens that stay where they are (ERC-5192). The low 160 bits of a token's number are its owner: who
/// owns it needs no slot, and cannot change.
abstract contract Soulbound is IERC165, IERC721, IERC721Errors, IERC5192 {
    mapping(address owner => uint256) private _balances;

    /// @notice No token of this contract moves, and nobody can be allowed to move one.
    error Bound();

    /// @notice Name of the collection (ERC-721 metadata).
    function name() external pure returns (string memory) {
        return "Stemmata Licenses";
    }

    /// @notice Symbol of the collection (ERC-721 metadata).
    function symbol() external pure returns (string memory) {
        return "STEMLIC";
    }

    /// @inheritdoc IERC721
    function balanceOf(address owner) external view returns (uint256) {
        if (owner == address(0)) revert ERC721InvalidOwner(owner);
        return _balances[owner];
    }

    /// @inheritdoc IERC721
    function ownerOf(uint256 tokenId) public view returns (address) {
        if (!_exists(tokenId)) revert ERC721NonexistentToken(tokenId);
        return address(uint160(tokenId));
    }

    /// @inheritdoc IERC5192
    function locked(uint256 tokenId) external view returns (bool) {
        ownerOf(tokenId);
        return true;
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IERC721).interfaceId
            || interfaceId == type(IERC5192).interfaceId;
    }

    /// @inheritdoc IERC721
    function getApproved(uint256 tokenId) external view returns (address) {
        ownerOf(tokenId);
        return address(0);
    }

    /// @inheritdoc IERC721
    function isApprovedForAll(address, address) external pure returns (bool) {
        return false;
    }

    /// @notice Reverts: no token moves.
    function approve(address, uint256) external pure {
        revert Bound();
    }

    /// @notice Reverts: no token moves.
    function setApprovalForAll(address, bool) external pure {
        revert Bound();
    }

    /// @notice Reverts: no token moves.
    function transferFrom(address, address, uint256) external pure {
        revert Bound();
    }

    /// @notice Reverts: no token moves.
    function safeTransferFrom(address, address, uint256) external pure {
        revert Bound();
    }

    /// @notice Reverts: no token moves.
    function safeTransferFrom(address, address, uint256, bytes calldata) external pure {
        revert Bound();
    }

    /// @dev Whether a token was ever given out.
    function _exists(uint256 tokenId) internal view virtual returns (bool);

    /// @dev Give out a token, for good.
    function _bind(address owner, uint256 tokenId) internal {
        if (owner == address(0)) revert ERC721InvalidReceiver(owner);
        ++_balances[owner];
        emit Transfer(address(0), owner, tokenId);
        emit Locked(tokenId);
    }
}
