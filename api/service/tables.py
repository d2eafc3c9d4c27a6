"""All tables of the service: whoever opens its database knows every one of them. One line for each module."""

from api.service import (  # noqa: F401
    answers,
    currencies,
    earnings,
    entries,
    events,
    follower,
    happenings,
    job,
    nonces,
    sessions,
    tokens,
    transactions,
    underway,
    uploads,
    wallets,
)
