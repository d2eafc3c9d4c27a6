"""TDM Reservation Protocol: whether the right to mine is reserved, as the file ``/.well-known/tdmrep.json``.

Source: W3C Community Group Report "TDM Reservation Protocol (TDMRep)", 10 May 2024, sections 4 and 5.1. It has one bit.
Text and data mining in the sense of Directive (EU) 2019/790, Article 4, is also how a model is trained: the right is
said to be unreserved only where mining and every training are allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.errors import Malformed

if TYPE_CHECKING:
    from ledger.preferences import Preferences


def rules(said: Preferences, location: str, policy: str | None = None) -> list[dict[str, Any]]:
    """One rule for the files whose path on the server matches ``location``, a pattern as in ``robots.txt``.

    ``policy`` is the URL where a license can be had; it is left out where nothing is reserved, or none is sold.
    """
    words = (said.data_mining, said.training, said.generative_training)
    reserved = any(word != "allowed" for word in words)
    rule: dict[str, Any] = {"location": location, "tdm-reservation": int(reserved)}
    if policy is not None and "constrained" in words:
        rule["tdm-policy"] = policy
    return [rule]


def read(rules: Sequence[Mapping[str, Any]], location: str) -> Preferences:
    """What the file says of exactly this pattern; nothing is said of inference.

    A reservation with a policy is *constrained*: there is somebody to ask. Raises :class:`~ledger.errors.Malformed`.
    """
    from ledger.preferences import Preferences

    if not isinstance(rules, Sequence) or not all(isinstance(rule, Mapping) for rule in rules):
        raise Malformed("tdmrep.json is an array of objects")
    rule = next((each for each in rules if each.get("location") == location), None)
    if rule is None:
        raise Malformed(f"no rule has the location {location!r}")
    reserved = rule.get("tdm-reservation")
    if type(reserved) is not int or reserved not in (0, 1):
        raise Malformed(f"tdm-reservation: {reserved!r} is neither 0 nor 1")
    policy = rule.get("tdm-policy") if reserved else None
    word = ("notAllowed" if policy is None else "constrained") if reserved else "allowed"
    return Preferences(word, None, word, word, policy)
