"""All tables of the service: whoever opens its database knows every one of them. One line for each module."""

from api.service import (  # noqa: F401
    answers,
    entries,
    events,
    follower,
    happenings,
    job,
    nonces,
    sessions,
    tokens,
    transactions,
    uploads,
    wallets,
)
