"""Keys in hardware behind PKCS#11: an HSM, a token, or SoftHSM.

Source: PKCS #11 Cryptographic Token Interface, version 2.40 (OASIS): CKM_ECDSA over a digest, section 2.3.6. Needs
python-pkcs11 (the extra ``hsm``) and the maker's library, the *module*.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ledger.errors import KeyNotFound, KeyUnfit, KeyUnreachable, KeyWithheld, SignatureInvalid, WrongPassphrase
from ledger.hardware import HardwareSigner, Place, address_of, require_texts

if TYPE_CHECKING:
    from ledger.companions import Companions

# The object identifier of secp256k1 in DER, 1.3.132.0.10 (SEC 2, section A.2).
_SECP256K1 = bytes.fromhex("06052b8104000a")
_POINT_BYTES = 65
# DER's OCTET STRING around an uncompressed point.
_WRAPPING = bytes.fromhex("0441")


@dataclass(frozen=True)
class TokenKey(Place):
    """A key in a token: ``module`` is the path of the maker's library, ``token`` and ``key`` are labels."""

    kind: ClassVar[str] = "pkcs11"
    module: str
    token: str
    key: str

    def __post_init__(self) -> None:
        require_texts(self)

    def signer(self, pin: str, companions: Companions | None = None) -> TokenSigner:
        """Whoever signs with the key. Raises what :class:`TokenSigner` does."""
        return TokenSigner(self, pin, companions)

    def __str__(self) -> str:
        return f"key {self.key!r} in token {self.token!r}"


class TokenSigner(HardwareSigner):
    """Signs in a token, in one session that is kept open. The PIN is used once and forgotten.

    Raises :class:`KeyNotFound`, :class:`KeyUnfit` for a key of another kind, :class:`WrongPassphrase` for another PIN,
    :class:`KeyWithheld` where the PIN is locked or the key may not sign, and :class:`KeyUnreachable` where the module
    or token is not there, or python-pkcs11 is missing.
    """

    def __init__(self, key: TokenKey, pin: str, companions: Companions | None = None) -> None:
        self._key = key
        self._turn = threading.Lock()
        with _named(key):
            self._session = _session(key, pin)
            self._private = self._session.get_key(object_class=_constant("ObjectClass", "PRIVATE_KEY"), label=key.key)
            public = self._session.get_key(object_class=_constant("ObjectClass", "PUBLIC_KEY"), label=key.key)
            curve, point = (public[_constant("Attribute", name)] for name in ("EC_PARAMS", "EC_POINT"))
        if curve != _SECP256K1:
            raise KeyUnfit(f"{key} is not on secp256k1; an account needs a key on that curve")
        # Some makers leave DER's wrapping out.
        if len(point) == _POINT_BYTES + 2:
            point = point.removeprefix(_WRAPPING)
        super().__init__(address_of(point, str(key)), companions)

    def ecdsa(self, digest: bytes) -> tuple[int, int]:
        """r and s over a 32-byte digest."""
        with self._turn, _named(self._key):
            signature = self._private.sign(digest, mechanism=_constant("Mechanism", "ECDSA"))
        if len(signature) != 64:
            raise SignatureInvalid(f"{self._key} answered with {len(signature)} bytes; r and s are 64")
        return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def _session(key: TokenKey, pin: str) -> Any:
    import pkcs11

    token = pkcs11.lib(key.module).get_token(token_label=key.token)
    try:
        return token.open(user_pin=pin)
    except pkcs11.exceptions.UserAlreadyLoggedIn:
        # A process is logged in to a token once, for all its sessions.
        return token.open()


def _constant(group: str, name: str) -> Any:
    import pkcs11

    return getattr(getattr(pkcs11, group), name)


@contextlib.contextmanager
def _named(key: TokenKey) -> Iterator[None]:
    """The library's errors, by the names of ours."""
    try:
        from pkcs11 import exceptions as they
    except ModuleNotFoundError:
        raise KeyUnreachable(f"{key} needs python-pkcs11: pip install 'stemmata[hsm]'") from None
    try:
        yield
    except (they.PinIncorrect, they.PinInvalid, they.PinLenRange):
        raise WrongPassphrase(f"the PIN does not open token {key.token!r}; after some more tries it may lock") from None
    except (they.NoSuchToken, they.NoSuchKey) as error:
        missing = "token" if isinstance(error, they.NoSuchToken) else "key pair"
        raise KeyNotFound(f"no such {missing}: {key}, through {key.module}") from None
    except (they.MultipleObjectsReturned, they.MultipleTokensReturned):
        raise KeyUnfit(f"there are several of that label: {key}, through {key.module}") from None
    except (they.MechanismInvalid, they.KeyTypeInconsistent, they.AttributeTypeInvalid) as error:
        raise KeyUnfit(f"{key} cannot sign with CKM_ECDSA ({type(error).__name__})") from None
    except (they.PinLocked, they.PinExpired, they.UserPinNotInitialized, they.FunctionRejected) as error:
        raise KeyWithheld(f"{key} may not be used ({type(error).__name__})") from None
    except they.PKCS11Error as error:
        raise KeyUnreachable(f"no answer from {key}, through {key.module}: {type(error).__name__} {error}") from None
