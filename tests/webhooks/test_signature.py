"""Our signatures, held against the example of the specification and its own library."""

import base64
import hashlib
import hmac
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from holdfast.webhooks import signature


def test_a_signature_is_the_mac_of_id_time_and_body() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    # Made with the specification's scheme by hand: {msg_id}.{timestamp}.{payload}, HMAC-SHA256, base64.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    mac = hmac.new(key, b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}', hashlib.sha256).digest()
    headers = signature.signed_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }
    # What the specification's libraries publish for it.
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.text(max_size=200))
def test_the_specifications_library_accepts_ours(text: str) -> None:
    secret, body = signature.new_secret(), text.encode()
    headers = signature.signed_headers([secret], "evt_1", int(time.time()), body)
    Webhook(secret).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError, match="matching"):
        Webhook(secret).verify(body + b" ", headers, json_parse=False)
    with pytest.raises(WebhookVerificationError, match="matching"):
        Webhook(secret).verify(body, {**headers, "webhook-id": "evt_2"}, json_parse=False)


def test_while_a_secret_is_rotated_either_is_accepted_and_no_other() -> None:
    fresh, old, other = (signature.new_secret() for _ in range(3))
    headers = signature.signed_headers([fresh, old], "evt_1", int(time.time()), b"{}")
    for secret in (fresh, old):
        Webhook(secret).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError, match="matching"):
        Webhook(other).verify(b"{}", headers)


def test_an_old_request_is_refused() -> None:
    secret = signature.new_secret()
    headers = signature.signed_headers([secret], "evt_1", int(time.time()) - 301, b"{}")
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(b"{}", headers)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "begins with whsec_"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("whsec_", "24 to 64 bytes"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "24 to 64 bytes"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "24 to 64 bytes"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa\u00e9w", "not base64"),
        ("whsec_MfKQ9r8GKYqrTwjU PD8ILPZIo2LaLaSw", "not base64"),
    ],
)
def test_what_is_no_secret_is_refused_without_being_repeated(secret: str, why: str) -> None:
    with pytest.raises(signature.SecretInvalid, match=why) as refused:
        signature.key_of(secret)
    assert len(secret) < 10 or secret not in str(refused.value)


def test_secrets_are_new_and_have_as_many_bits_as_the_mac() -> None:
    made = {signature.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(signature.key_of(secret)) for secret in made} == {32}
