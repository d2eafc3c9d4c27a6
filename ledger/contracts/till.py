"""Money that sales have credited (``contracts/Till.sol``), and allowances of ERC-20 tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ledger.abi import Interface
from ledger.contracts.verbs import Verbs
from ledger.contracts.words import currency_word
from ledger.errors import Reverted

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.keys import Signer

TillKind = Literal["licenses", "market"]
"""Who sold: licenses, or tracks."""


class TillVerbs(Verbs):
    """See what is due, and fetch it; let a contract take the price in a token."""

    def due(self, account: Address, currency: Address | None = None, till: TillKind = "licenses") -> int:
        """What an account may fetch with :meth:`withdraw`."""
        return int(self._on.view(till.capitalize(), "due", currency_word(currency), account))

    def withdraw(self, signer: Signer, currency: Address | None = None, till: TillKind = "licenses") -> None:
        """Fetch everything that is credited to the signer.

        Raises:
            NothingDue: nothing is.
            PaymentRefused: the signer's own code refused the money; it stays credited.
        """
        self._on.send(signer, till.capitalize(), "withdraw", currency_word(currency))

    def allow(self, signer: Signer, currency: Address, amount: int, till: TillKind = "licenses") -> None:
        """Let a till take ``amount`` of the signer's tokens (ERC-20): what buying in that currency needs.

        Nothing is sent where it may take that much already. Some tokens let no allowance be changed but to nothing and
        from nothing; there, one that an ended purchase left is taken back first.
        """
        spender = getattr(self.deployment, till)
        allowed = self._allowed(signer.address, currency, spender)
        if allowed >= amount:
            return
        try:
            self._on.send_at(signer, ERC20, currency, "approve", spender, amount)
        except Reverted:
            if not allowed:
                raise
            self._on.send_at(signer, ERC20, currency, "approve", spender, 0)
            self._on.send_at(signer, ERC20, currency, "approve", spender, amount)

    def _allowed(self, account: Address, currency: Address, spender: Address) -> int:
        try:
            return int(self._on.view_at(ERC20, currency, "allowance", account, spender))
        except Reverted:  # it does not say
            return 0

    def tokens(self, account: Address, currency: Address) -> int:
        """Balance of an ERC-20 token."""
        return int(self._on.view_at(ERC20, currency, "balanceOf", account))


def _function(name: str, inputs: tuple[tuple[str, str], ...], output: str, mutability: str) -> dict[str, object]:
    return {
        "type": "function",
        "name": name,
        "inputs": [{"name": field, "type": kind} for field, kind in inputs],
        "outputs": [{"name": "", "type": output}],
        "stateMutability": mutability,
    }


# Three functions of ERC-20; what `approve` returns is not read, since old tokens return nothing.
ERC20 = Interface(
    "ERC20",
    (
        _function("approve", (("spender", "address"), ("value", "uint256")), "bool", "nonpayable"),
        _function("allowance", (("owner", "address"), ("spender", "address")), "uint256", "view"),
        _function("balanceOf", (("account", "address"),), "uint256", "view"),
    ),
    b"",
)
