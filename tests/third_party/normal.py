"""Normalisation as members/README.md specifies it, written apart from the Rust code.

    canonical(resource, base) -> str    sha256(resource, base) -> hex    key(resource, base) -> str
"""

import hashlib
import json
import re

# A literal reference below the base: a type, an id and perhaps a version, nothing before and nothing after.
LITERAL = re.compile(
    r"([A-Z][A-Za-z]{0,63})/[A-Za-z0-9.\-]{1,64}(?:/_history/[A-Za-z0-9.\-]{1,64})?\Z"
)


def _origin(url):
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    port = {"https": ":443", "http": ":80"}.get(scheme.lower(), "")
    authority = authority.lower()
    if port and authority.endswith(port):
        authority = authority[: -len(port)]
    return scheme.lower() + "://" + authority, slash + path


def _own_type(node, base):
    """The type of what a Reference names on the server itself, else nothing."""
    text = node.get("reference")
    if not isinstance(text, str):
        return None
    if "://" in text:
        if not base:
            return None
        (origin, path), (own, prefix) = _origin(text), _origin(base)
        prefix = prefix.rstrip("/") + "/"
        if origin != own or not path.startswith(prefix):
            return None
        text = path[len(prefix) :]
    hit = LITERAL.match(text)
    written = node.get("type")
    if not hit or (
        isinstance(written, str)
        and written != hit.group(1)
        and not written.endswith("/" + hit.group(1))
    ):
        return None
    return hit.group(1)


def _without_ids(node, base):
    if isinstance(node, list):
        return [_without_ids(item, base) for item in node]
    if not isinstance(node, dict):
        return node
    own = _own_type(node, base)
    out = {}
    for name, value in node.items():
        if own and name == "type":
            continue
        out[name] = own if own and name == "reference" else _without_ids(value, base)
    return out


def normalise(resource, base=""):
    normal = _without_ids(resource, base)
    normal.pop("id", None)
    meta = normal.get("meta")
    if isinstance(meta, dict):
        meta = {k: v for k, v in meta.items() if k not in ("lastUpdated", "versionId")}
        if meta:
            normal["meta"] = meta
        else:
            del normal["meta"]
    return normal


def canonical(resource, base=""):
    return json.dumps(
        normalise(resource, base), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def sha256(resource, base=""):
    return hashlib.sha256(canonical(resource, base).encode("utf-8")).hexdigest()


def key(resource, base=""):
    identifiers = resource.get("identifier", [])
    if isinstance(identifiers, dict):
        identifiers = [identifiers]
    for one in identifiers:
        if one.get("system") and one.get("value"):
            return f"{one['system']}|{one['value']}"
    return "sha256:" + sha256(resource, base)
