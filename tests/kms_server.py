"""A KMS to sign with: moto's server, mended where it does not do what AWS documents.

moto 5.2 hashes what it is sent once more even where MessageType is DIGEST; AWS signs the digest as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any
from unittest import mock

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not-so-secret-in-a-test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
"""The variables by which boto3 finds its way to the server, and nowhere else."""


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The URL of a server that forgets its keys when it ends."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        with _signing_digests():
            host, port = server.get_host_and_port()
            yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextlib.contextmanager
def _signing_digests() -> Iterator[None]:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256
    from moto.kms.responses import KmsResponse
    from moto.kms.utils import ECDSAPrivateKey

    of_digest: ContextVar[bool] = ContextVar("of_digest", default=False)
    answer, sign = KmsResponse.sign, ECDSAPrivateKey.sign

    def answer_by_type(response: Any) -> str:
        of_digest.set(response._get_param("MessageType") == "DIGEST")
        return answer(response)

    def sign_by_type(key: Any, message: bytes, signing_algorithm: str) -> bytes:
        if not of_digest.get():
            return sign(key, message, signing_algorithm)
        return key.private_key.sign(message, ec.ECDSA(Prehashed(SHA256())))

    with (
        mock.patch.object(KmsResponse, "sign", answer_by_type),
        mock.patch.object(ECDSAPrivateKey, "sign", sign_by_type),
    ):
        yield


def client(url: str) -> Any:
    """Whoever administers the keys there."""
    import boto3

    return boto3.client("kms", endpoint_url=url)


def new_key(url: str, spec: str = "ECC_SECG_P256K1", usage: str = "SIGN_VERIFY") -> str:
    """The id of a new key."""
    return str(client(url).create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"])
