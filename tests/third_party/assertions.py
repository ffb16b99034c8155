#!/usr/bin/env python3
"""Writes exchange/kit/cases/assertions.json: client assertions signed by PyJWT, for the exchange's verifier.

The keys are made, used and thrown away, so a new run changes the whole file; run it when a case is added.
"""

import base64
import hashlib
import hmac
import json
import pathlib

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FILE = pathlib.Path(__file__).resolve().parents[2] / "exchange" / "kit" / "cases" / "assertions.json"
NOW = 1_790_000_000
TOKEN_URL = "https://payer.example/oauth/token"


def pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def forged_with_public_key(claims, public):
    """HS256 over the public key's text: what a verifier that trusts `alg` would accept."""
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    signed = part({"alg": "HS256", "typ": "JWT", "kid": "ec"}) + b"." + part(claims)
    mac = hmac.new(public.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def main():
    ec_key, rsa_key = ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)
    other = ec.generate_private_key(ec.SECP384R1())
    good = {"iss": "outrider", "sub": "outrider", "aud": TOKEN_URL, "exp": NOW + 240, "jti": "j-1"}

    def signed(changes=None, key=ec_key, alg="ES384", kid="ec"):
        claims = {k: v for k, v in {**good, **(changes or {})}.items() if v is not None}
        return jwt.encode(claims, key, alg, headers={"kid": kid} if kid else None)

    unsigned = jwt.encode(good, None, "none", headers={"kid": "ec"})
    swapped = signed().split(".")
    swapped[1] = signed({"exp": NOW + 250}).split(".")[1]
    cases = [
        ("good ES384", signed(), "good"),
        ("good RS384", signed(key=rsa_key, alg="RS384", kid="rsa"), "good"),
        ("aud in a list", signed({"aud": ["https://other.example", TOKEN_URL]}), "good"),
        ("exp five minutes ahead", signed({"exp": NOW + 300}), "good"),
        ("exp with a fraction", signed({"exp": NOW + 100.5}), "good"),
        ("signed by another key", signed(key=other), "signature"),
        ("claims of another assertion", ".".join(swapped), "signature"),
        ("unknown kid", signed(kid="nobody"), "unknown-key"),
        ("no kid", signed(kid=None), "unknown-key"),
        ("the EC key's kid with RS384", signed(key=rsa_key, alg="RS384", kid="ec"), "unknown-key"),
        ("alg none", unsigned, "malformed"),
        ("HS256 with the public key", forged_with_public_key(good, pem(ec_key)), "algorithm"),
        ("RS256", signed(key=rsa_key, alg="RS256", kid="rsa"), "algorithm"),
        ("iss is another", signed({"iss": "somebody"}), "issuer"),
        ("sub is another", signed({"sub": "somebody"}), "issuer"),
        ("no sub", signed({"sub": None}), "issuer"),
        ("aud is another", signed({"aud": "https://other.example"}), "audience"),
        ("aud with a slash", signed({"aud": TOKEN_URL + "/"}), "audience"),
        ("no aud", signed({"aud": None}), "audience"),
        ("no exp", signed({"exp": None}), "no-expiry"),
        ("exp has passed", signed({"exp": NOW - 60}), "expired"),
        ("exp an hour ahead", signed({"exp": NOW + 3600}), "exp-too-far"),
        ("nbf ahead", signed({"nbf": NOW + 120}), "not-yet"),
        ("no jti", signed({"jti": None}), "no-jti"),
        ("empty jti", signed({"jti": ""}), "no-jti"),
        ("jti too long", signed({"jti": "j" * 300}), "no-jti"),
        ("not a JWT", "a.b.c", "malformed"),
        ("nothing", "", "malformed"),
    ]
    file = {
        "written_by": "tests/third_party/assertions.py (PyJWT)",
        "now": NOW,
        "token_url": TOKEN_URL,
        "keys": [
            {"kid": "ec", "alg": "ES384", "pem": pem(ec_key)},
            {"kid": "rsa", "alg": "RS384", "pem": pem(rsa_key)},
        ],
        "cases": [{"name": n, "jwt": j, "expect": e} for n, j, e in cases],
    }
    FILE.write_text(json.dumps(file, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
