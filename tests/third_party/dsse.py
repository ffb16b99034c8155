#!/usr/bin/env python3
"""Verifies a DSSE envelope by securesystemslib, and writes its payload.

Takes the envelope's file and the public key's file (PEM). Exit 0 with the payload on standard output; exit 1 and why when
no signature of the envelope is of the key.
"""

import hashlib
import json
import sys

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

envelope_file, key_file = sys.argv[1:]
with open(key_file, "rb") as file:
    public = load_pem_public_key(file.read())
der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
key = SSlibKey.from_crypto(public, keyid=hashlib.sha256(der).hexdigest())
with open(envelope_file, encoding="utf-8") as file:
    envelope = Envelope.from_dict(json.load(file))
try:
    envelope.verify([key], 1)
except VerificationError as why:
    sys.exit(str(why))
sys.stdout.buffer.write(envelope.payload)
