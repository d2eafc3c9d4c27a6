"""All tables of the service: whoever opens its database knows every one of them. One line for each module."""

from api.service import answers, events, job, nonces, sessions, tokens, transactions, uploads  # noqa: F401
