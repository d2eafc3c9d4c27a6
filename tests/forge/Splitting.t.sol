// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Models} from "../../contracts/Models.sol";
import {Royalties} from "../../contracts/Royalties.sol";
import {Kind, Share} from "../../contracts/Shares.sol";
import {Split} from "../../contracts/Split.sol";
import {ETHER, GENERATE, TRAIN} from "../../contracts/Uses.sol";
import {Reenterer, Refuser} from "./Actors.sol";
import {CallingCoin, Coin, FalseCoin, FeeCoin, ShrinkingCoin, SilentCoin} from "./Coins.sol";
import {House} from "./House.sol";

/// @notice The account of a track, and what each recorded share fetches from it.
contract SplittingTest is House {
    uint256 private _model;
    uint256 private _id;
    Split private _split;

    /// @dev A creator, a model of TRAINER's at 2 %, its dataset of HOLDER's at 5 %, its parent of OTHER's at 3 %, and the
    /// parent's dataset of STRANGER's at 5 %.
    function setUp() public override {
        super.setUp();
        uint256 first = newDataset(STRANGER);
        grant(datasets, first, OTHER, TRAIN);
        uint256 parent = train(OTHER, runOn(one(first), 30_000));
        uint256 second = newDataset(HOLDER);
        grant(datasets, second, TRAINER, TRAIN);
        grant(models, parent, TRAINER, TRAIN);
        Models.Run memory run = runOn(one(second), 20_000);
        run.parents = one(parent);
        _model = train(TRAINER, run);
        grant(models, _model, creator, GENERATE);
        _id = mint(creator, _model);
        _split = royalties.open(_id, creator, _model);
    }

    function _pay(uint256 amount) private {
        vm.deal(address(this), amount);
        (bool paid,) = address(_split).call{value: amount}("");
        holds(paid, "money can always come");
    }

    function test_anAccountIsMadeOnce() external {
        uint256 id = mint(creator, _model);
        address foretold = royalties.accountOf(id, creator, _model);
        same(foretold.code.length, 0, "nothing is there");
        vm.expectEmit(address(royalties));
        emit Royalties.Opened(id, Split(payable(foretold)), creator, _model);
        holds(address(royalties.open(id, creator, _model)) == foretold, "where it was foretold");
        vm.recordLogs();
        holds(address(royalties.open(id, creator, _model)) == foretold, "and there it stays");
        same(vm.getRecordedLogs().length, 0, "made once");
        bytes memory missing = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99);
        vm.expectRevert(missing);
        royalties.accountOf(id, creator, 99);
        vm.expectRevert(missing);
        royalties.open(id, creator, 99);
    }

    /// @dev Another creator, track or model is another address.
    function testFuzz_anAddressIsACommitment(uint256 id, address by) external view {
        address account = royalties.accountOf(id, by, _model);
        holds((account == address(_split)) == (id == _id && by == creator), "track and creator");
        holds(royalties.accountOf(_id, creator, 1) != address(_split), "model");
    }

    function test_carriesTheShares() external {
        _is(0, Kind.Account, uint160(creator), 850_000, 150_000);
        _is(1, Kind.Model, _model, 20_000, 0);
        _is(2, Kind.Dataset, 2, 50_000, 20_000);
        _is(3, Kind.Model, 1, 30_000, 70_000);
        _is(4, Kind.Dataset, 1, 50_000, 100_000);
        vm.expectRevert(abi.encodeWithSelector(Split.NoShare.selector, 5));
        _split.recorded(5);
        vm.expectRevert(abi.encodeWithSelector(Split.NoShare.selector, type(uint256).max));
        _split.pull(ETHER, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(Split.NoShare.selector, 5));
        _split.due(ETHER, 5);
    }

    function _is(uint256 index, Kind kind, uint256 holder, uint256 ppm, uint256 start) private view {
        (Share memory share, uint256 from) = _split.recorded(index);
        holds(share.kind == kind && share.holder == holder, "whose");
        same(share.ppm, ppm, "how much");
        same(from, start, "from where on");
    }

    /// @dev Whatever comes, in whichever parts, and whoever pulls when: each gets the share, rounded down, and less than a
    /// unit for each stays for later.
    function testFuzz_paysOutAllThatCame(uint96[4] calldata income, uint256 order) external {
        address[5] memory whose = [creator, TRAINER, HOLDER, OTHER, STRANGER];
        uint256[5] memory ppm = [uint256(850_000), 20_000, 50_000, 30_000, 50_000];
        uint256[5] memory before;
        for (uint256 i = 0; i < 5; ++i) before[i] = whose[i].balance;
        uint256 total = 0;
        for (uint256 i = 0; i < 4; ++i) {
            _pay(income[i]);
            total += income[i];
            uint256 index = (order >> 8 * i) % 5;
            uint256 due = _split.due(ETHER, index);
            uint256 had = whose[index].balance;
            if (due == 0) vm.expectRevert();
            _split.pull(ETHER, index);
            same(whose[index].balance, had + due, "what was due");
        }
        for (uint256 i = 0; i < 5; ++i) {
            if (_split.due(ETHER, i) != 0) _split.pull(ETHER, i);
        }
        holds(address(_split).balance < 5, "less than a unit for each is left");
        for (uint256 i = 0; i < 5; ++i) {
            same(whose[i].balance - before[i], total * ppm[i] / 1_000_000, "the share, rounded down");
        }
    }

    function test_paysInEveryCurrencyByItself() external {
        Coin coin = new Coin();
        coin.mint(address(_split), 1000);
        _pay(100);
        vm.expectEmit(address(_split));
        emit Split.Pulled(address(coin), HOLDER, 0, 20_000, 50);
        royalties.pull(_id, creator, _model, address(coin), 2);
        same(coin.balanceOf(HOLDER), 50, "the token");
        same(address(_split).balance, 100, "and no ether");
        vm.expectRevert(abi.encodeWithSelector(Split.NothingDue.selector, 20_000));
        _split.pull(address(coin), 2);
    }

    function testFuzz_nothingIsDueOfNothing(uint256 index) external {
        (Share memory share, uint256 start) = _split.recorded(index % 5);
        vm.prank(address(uint160(share.holder)));
        vm.expectRevert(abi.encodeWithSelector(Split.NothingDue.selector, start));
        _split.pull(ETHER, index % 5);
    }

    /// @dev Unit by unit, each pulling in turn: what rounding keeps back counts with what comes later.
    function test_neverPaysWhatIsNotThere() external {
        for (uint256 i = 0; i < 100; ++i) {
            _pay(1);
            for (uint256 j = 0; j < 5; ++j) {
                if (_split.due(ETHER, (i + j) % 5) != 0) _split.pull(ETHER, (i + j) % 5);
            }
            holds(address(_split).balance < 5, "less than a unit for each");
        }
        same(address(_split).balance, 0, "a hundred units are whole for all");
    }

    /// @dev Shares are those of the tokens' owners at the moment of pulling.
    function test_aShareGoesWithItsToken() external {
        _pay(1000);
        vm.prank(HOLDER);
        datasets.transferFrom(HOLDER, BUYER, 2);
        uint256 before = BUYER.balance;
        _split.pull(ETHER, 2);
        same(BUYER.balance, before + 50, "the new owner");
        vm.prank(TRAINER);
        models.transferFrom(TRAINER, BUYER, _model);
        _split.pull(ETHER, 1);
        same(BUYER.balance, before + 70, "of the model, too");
        vm.prank(creator);
        tracks.transferFrom(creator, BUYER, _id);
        before = creator.balance;
        _split.pull(ETHER, 0);
        same(creator.balance, before + 850, "but the creator's stays the creator's");
    }

    function test_aRevertingHolderBlocksNobody() external {
        address refuser = address(new Refuser());
        vm.prank(HOLDER);
        datasets.transferFrom(HOLDER, refuser, 2);
        _pay(1000);
        vm.expectRevert(abi.encodeWithSelector(Split.PaymentRefused.selector, refuser));
        _split.pull(ETHER, 2);
        same(_split.due(ETHER, 2), 50, "it stays due");
        uint256[4] memory rest = [uint256(0), 1, 3, 4];
        for (uint256 i = 0; i < 4; ++i) _split.pull(ETHER, rest[i]);
        same(address(_split).balance, 50, "and is there");
    }

    function test_aReenteringHolderPullsOnce() external {
        Reenterer holder = new Reenterer();
        vm.prank(HOLDER);
        datasets.transferFrom(HOLDER, address(holder), 2);
        holder.arm(address(_split), abi.encodeCall(Split.pull, (ETHER, 2)));
        _pay(1000);
        _split.pull(ETHER, 2);
        same(holder.tried(), 1, "it tried");
        same(holder.succeeded(), 0, "in vain");
        same(address(holder).balance, 50, "its own");
        CallingCoin coin = new CallingCoin();
        coin.mint(address(_split), 1000);
        holder.arm(address(_split), abi.encodeCall(Split.pull, (address(coin), 2)));
        _split.pull(address(coin), 2);
        same(holder.tried(), 2, "it tried");
        same(holder.succeeded(), 0, "in vain");
        same(coin.balanceOf(address(holder)), 50, "its own");
    }

    /// @dev A holder pays money in again while fetching: it is income like any other.
    function test_whatComesBackIsIncome() external {
        Reenterer holder = new Reenterer();
        vm.prank(HOLDER);
        datasets.transferFrom(HOLDER, address(holder), 2);
        _pay(1000);
        _split.pull(ETHER, 2);
        vm.prank(address(holder));
        (bool paid,) = address(_split).call{value: 50}("");
        holds(paid, "paid back");
        same(_split.due(ETHER, 2), 2, "a share of it, rounded down");
    }

    function test_tokensOfEveryKind() external {
        Coin silent = Coin(address(new SilentCoin()));
        silent.mint(address(_split), 1000);
        _split.pull(address(silent), 2);
        same(silent.balanceOf(HOLDER), 50, "one that returns nothing works");
        FeeCoin fee = new FeeCoin();
        fee.mint(address(_split), 10_000);
        _split.pull(address(fee), 2);
        same(fee.balanceOf(HOLDER), 495, "one that keeps a fee keeps it of what is paid");
        FalseCoin broken = new FalseCoin();
        broken.mint(address(_split), 1000);
        broken.set(true);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, broken));
        _split.pull(address(broken), 2);
        same(_split.due(address(broken), 2), 50, "one that returns false owes still");
        vm.expectRevert();
        _split.pull(STRANGER, 2);
    }

    /// @dev A token that lowers balances: whoever comes late finds less, and nobody is paid from another currency.
    function test_aTokenThatShrinksPaysWhatIsThere() external {
        ShrinkingCoin coin = new ShrinkingCoin();
        coin.mint(address(_split), 1000);
        _split.pull(address(coin), 0);
        coin.shrink(address(_split), 120);
        same(_split.due(address(coin), 0), 0, "paid more than is due by now");
        for (uint256 i = 1; i < 5; ++i) {
            if (_split.due(address(coin), i) != 0) _split.pull(address(coin), i);
        }
        same(coin.balanceOf(address(_split)), 0, "all that was left");
    }
}
