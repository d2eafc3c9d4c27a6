"""Signing in with an account of Ethereum: the message that a wallet shows and signs (EIP-4361), read strictly.

The message is a text in which every line has its place. It says who signs in where, on which chain, until when, and
carries a nonce of the site's, so that nobody can use it twice or elsewhere. A key signs it as a personal message
(EIP-191); a contract says by itself whether a signature is its own (ERC-1271), also one that has yet to be made
(ERC-6492).
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from ledger.abi import Interface
from ledger.address import Address
from ledger.errors import Malformed, Reverted, SignatureInvalid, SignInInvalid
from ledger.signing import personal_digest, recover
from ledger.undeployed import Undeployed

if TYPE_CHECKING:
    from ledger.chain import Chain

LONGEST = 4096
"""Most characters of a message, and most bytes of a signature; the EIP sets no bound."""

_VERSION = "1"
_ASKS = " wants you to sign in with your Ethereum account:"

# RFC 3986, appendix A.
_PCHAR = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*"
_AUTHORITY = (
    r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?"
    r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)"
    r"(?::[0-9]*)?"
)
_DOMAIN = re.compile(_AUTHORITY)
_URI = re.compile(
    rf"{_SCHEME}:"
    rf"(?://{_AUTHORITY}(?:/{_PCHAR}*)*|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|{_PCHAR}+(?:/{_PCHAR}*)*|)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
)
# Reserved and unreserved characters of RFC 3986, and the space.
_STATEMENT = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;= -]+")
_NONCE = re.compile(r"[A-Za-z0-9]{8,}")
_REQUEST = re.compile(rf"{_PCHAR}*")
# RFC 3339, section 5.6.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_CHAIN = re.compile(r"0|[1-9][0-9]{0,30}")

_MAGIC = bytes.fromhex("1626ba7e") + bytes(28)
_CONTRACT = Interface(
    "ERC1271",
    (
        {
            "type": "function",
            "name": "isValidSignature",
            "inputs": [{"name": "hash", "type": "bytes32"}, {"name": "signature", "type": "bytes"}],
            "outputs": [{"name": "", "type": "bytes4"}],
            "stateMutability": "view",
        },
    ),
    b"",
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A message of EIP-4361. Times are text as in RFC 3339; ``scheme`` is that before the domain, where there is one.

    ``str()`` gives the message, and :meth:`parse` reads nothing that it would not give again, character by character.
    """

    domain: str
    address: Address
    uri: str
    chain_id: int
    nonce: str
    issued_at: str
    statement: str | None = None
    expires: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None
    scheme: str | None = None

    def __post_init__(self) -> None:
        """Raises :class:`Malformed`, which names the field."""
        _fits("domain", self.domain, _DOMAIN)
        if not self.domain:
            raise Malformed("domain: it is missing")
        if self.scheme is not None:
            _fits("scheme", self.scheme, re.compile(_SCHEME))
        _fits("URI", self.uri, _URI)
        _fits("chain id", str(self.chain_id), _CHAIN)
        _fits("nonce", self.nonce, _NONCE)
        if self.statement is not None:
            _fits("statement", self.statement, _STATEMENT)
        if self.request_id is not None:
            _fits("request id", self.request_id, _REQUEST)
        for resource in self.resources or ():
            _fits("resource", resource, _URI)
        for name in ("issued_at", "expires", "not_before"):
            if (said := getattr(self, name)) is not None:
                _moment(name.replace("_", " "), said)

    def __str__(self) -> str:
        """The message that is signed."""
        scheme = "" if self.scheme is None else f"{self.scheme}://"
        lines = [f"{scheme}{self.domain}{_ASKS}", str(self.address), ""]
        lines += [] if self.statement is None else [self.statement]
        lines += ["", f"URI: {self.uri}", f"Version: {_VERSION}", f"Chain ID: {self.chain_id}"]
        lines += [f"Nonce: {self.nonce}", f"Issued At: {self.issued_at}"]
        optional = (("Expiration Time", self.expires), ("Not Before", self.not_before), ("Request ID", self.request_id))
        lines += [f"{name}: {said}" for name, said in optional if said is not None]
        if self.resources is not None:
            lines += ["Resources:", *(f"- {resource}" for resource in self.resources)]
        return "\n".join(lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a message. Raises :class:`Malformed` for whatever is not one, with the line that does not fit."""
        if len(text) > LONGEST:
            raise Malformed(f"a message to sign in with has at most {LONGEST} characters")
        lines = _Lines(text)
        first = lines.take("domain")
        if not first.endswith(_ASKS):
            raise Malformed(f"not a message to sign in with: its first line does not end in {_ASKS!r}")
        before, found, domain = first.removesuffix(_ASKS).rpartition("://")
        account = lines.take("address")
        address = Address.parse(account)
        if str(address) != account:
            raise Malformed(f"address {account} is not written with its checksum (EIP-55)")
        lines.blank()
        statement = lines.take("statement") or None
        if statement is not None:
            lines.blank()
        uri, version, chain = lines.field("URI"), lines.field("Version"), lines.field("Chain ID")
        if version != _VERSION:
            raise Malformed(f"version {version!r}: there is version 1 alone")
        _fits("chain id", chain, _CHAIN)
        message = cls(
            domain=domain,
            address=address,
            uri=uri,
            chain_id=int(chain),
            nonce=lines.field("Nonce"),
            issued_at=lines.field("Issued At"),
            statement=statement,
            expires=lines.maybe("Expiration Time"),
            not_before=lines.maybe("Not Before"),
            request_id=lines.maybe("Request ID"),
            resources=lines.resources(),
            scheme=before if found else None,
        )
        lines.end()
        return message

    def check(self, site: str, chain_id: int, now: datetime) -> None:
        """Raise :class:`SignInInvalid` unless this is for us, and now.

        Args:
            site: scheme and authority at which people reach us, such as ``https://music.example``.
            chain_id: our chain's.
            now: the time, with its time zone.
        """
        scheme, _, domain = site.partition("://")
        if self.domain != domain or self.scheme not in (None, scheme):
            raise SignInInvalid(f"this signs in at {self.domain}, not at {domain}")
        if self.uri != site and not self.uri.startswith(f"{site}/"):
            raise SignInInvalid(f"this signs in for {self.uri}, which is not below {site}")
        if self.chain_id != chain_id:
            raise SignInInvalid(f"this signs in on chain {self.chain_id}, not on chain {chain_id}")
        if self.expires is not None and now >= _moment("expires", self.expires):
            raise SignInInvalid(f"this was to sign in before {self.expires}")
        if self.not_before is not None and now < _moment("not before", self.not_before):
            raise SignInInvalid(f"this does not sign in before {self.not_before}")

    def verify(self, signature: bytes, chain: Callable[[], AbstractContextManager[Chain]]) -> None:
        """Raise :class:`SignatureInvalid` unless the account signed this message.

        Args:
            signature: 65 bytes r, s, v of a key, v being 27, 28, or 0 and 1 as some wallets have it; or whatever the
                contract at the address calls a signature, or will once it is made (:mod:`ledger.undeployed`).
            chain: opens the chain; only called where the signature is not that of the address's key.

        Raises :class:`ChainUnreachable` where a contract cannot be asked.
        """
        if len(signature) > LONGEST:
            raise SignatureInvalid(f"a signature has at most {LONGEST} bytes, not {len(signature)}")
        digest = personal_digest(str(self).encode())
        wrapped = Undeployed.parse(signature)
        if wrapped is not None:
            return self._verify_undeployed(wrapped, digest, chain)
        fault = SignatureInvalid(f"{self.address} did not sign this message")
        try:
            v = signature[64] + 27 if len(signature) == 65 and signature[64] < 2 else None
            if recover(digest, signature if v is None else signature[:64] + bytes([v])) == self.address:
                return
        except SignatureInvalid as error:
            fault = error
        with chain() as opened:
            if not opened.has_code(self.address):
                raise fault
            self._require_known(lambda: opened.ask(self.address, _question(digest, signature)))

    def _verify_undeployed(
        self, wrapped: Undeployed, digest: bytes, chain: Callable[[], AbstractContextManager[Chain]]
    ) -> None:
        question = _question(digest, wrapped.signature)
        with chain() as opened:
            if opened.has_code(self.address):
                with contextlib.suppress(SignatureInvalid):  # it may need what the factory does before it knows its own
                    return self._require_known(lambda: opened.ask(self.address, question))
            self._require_known(lambda: opened.run(wrapped.trial(self.address, question)))

    def _require_known(self, ask: Callable[[], bytes]) -> None:
        try:
            said = ask()
        except Reverted:
            raise SignatureInvalid(f"the contract {self.address} refuses the signature") from None
        if said != _MAGIC:
            raise SignatureInvalid(f"the contract {self.address} does not know the signature as its own")


def _question(digest: bytes, signature: bytes) -> bytes:
    return _CONTRACT.call("isValidSignature", digest, signature)


class _Lines:
    """The lines of a message, taken from the top."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._next = 0

    def take(self, name: str) -> str:
        if self._next >= len(self._lines):
            raise Malformed(f"{name}: the message ends before it")
        self._next += 1
        return self._lines[self._next - 1]

    def blank(self) -> None:
        if self.take("an empty line"):
            raise Malformed(f"line {self._next} has to be empty")

    def field(self, name: str) -> str:
        line = self.take(name)
        if not line.startswith(f"{name}: "):
            raise Malformed(f"line {self._next} has to begin with '{name}: '")
        return line.removeprefix(f"{name}: ")

    def maybe(self, name: str) -> str | None:
        there = self._next < len(self._lines) and self._lines[self._next].startswith(f"{name}: ")
        return self.field(name) if there else None

    def resources(self) -> tuple[str, ...] | None:
        if self._next >= len(self._lines) or self._lines[self._next] != "Resources:":
            return None
        self._next += 1
        found = []
        while self._next < len(self._lines):
            line = self.take("resource")
            if not line.startswith("- "):
                raise Malformed(f"line {self._next}: a resource begins with '- '")
            found.append(line.removeprefix("- "))
        return tuple(found)

    def end(self) -> None:
        if self._next < len(self._lines):
            raise Malformed(f"line {self._next + 1} is one that no message has, or not in this place")


def _fits(name: str, said: str, pattern: re.Pattern[str]) -> None:
    found = pattern.fullmatch(said)
    if found is None:
        raise Malformed(f"{name}: {said!r} is not what EIP-4361 has there")
    literal = found.groupdict().get("literal")
    if literal is not None:
        try:
            ipaddress.IPv6Address(literal)
        except ValueError:
            raise Malformed(f"{name}: {literal!r} is no address of IPv6") from None


def _moment(name: str, said: str) -> datetime:
    _fits(name, said, _TIME)
    try:
        return datetime.fromisoformat(said.upper())
    except ValueError:
        raise Malformed(f"{name}: {said!r} is on no calendar or clock") from None
