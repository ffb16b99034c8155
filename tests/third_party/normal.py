"""Normalisation as members/README.md specifies it, written apart from the Rust code.

    canonical(resource) -> str      sha256(resource) -> hex      key(resource) -> str
"""

import hashlib
import json
import re

# A relative literal reference: a type and an id, nothing before and nothing after.
RELATIVE = re.compile(r"([A-Z][A-Za-z]*)/[A-Za-z0-9.\-]{1,64}\Z")


def _without_ids(node):
    if isinstance(node, list):
        return [_without_ids(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for name, value in node.items():
        hit = RELATIVE.match(value) if name == "reference" and isinstance(value, str) else None
        out[name] = hit.group(1) if hit else _without_ids(value)
    return out


def normalise(resource):
    normal = _without_ids(resource)
    normal.pop("id", None)
    meta = normal.get("meta")
    if isinstance(meta, dict):
        meta = {k: v for k, v in meta.items() if k not in ("lastUpdated", "versionId")}
        if meta:
            normal["meta"] = meta
        else:
            del normal["meta"]
    return normal


def canonical(resource):
    return json.dumps(
        normalise(resource), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def sha256(resource):
    return hashlib.sha256(canonical(resource).encode("utf-8")).hexdigest()


def key(resource):
    identifiers = resource.get("identifier", [])
    if isinstance(identifiers, dict):
        identifiers = [identifiers]
    for one in identifiers:
        if one.get("system") and one.get("value"):
            return f"{one['system']}|{one['value']}"
    return "sha256:" + sha256(resource)
