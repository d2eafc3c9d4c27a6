"""All tables of the service: whoever opens its database knows every one of them. One line for each module."""

from api.service import events, job, sessions, tokens  # noqa: F401
