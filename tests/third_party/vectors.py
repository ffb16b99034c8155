#!/usr/bin/env python3
"""Recomputes tests/cases/normalise/*.json and fails when a file says something else.

    vectors.py            compare
    vectors.py --write    write canonical, sha256 and key into the files (after a change of the specification)
"""

import json
import pathlib
import sys

import normal

CASES = pathlib.Path(__file__).resolve().parent.parent / "cases" / "normalise"


def main():
    write = sys.argv[1:] == ["--write"]
    wrong, seen = [], 0
    for path in sorted(CASES.glob("*.json")):
        file = json.loads(path.read_text("utf-8"))
        for vector in file["vectors"]:
            seen += 1
            base = vector.get("base", "")
            truth = {
                "canonical": normal.canonical(vector["resource"], base),
                "sha256": normal.sha256(vector["resource"], base),
                "key": normal.key(vector["resource"], base),
            }
            for name, value in truth.items():
                if not write and vector.get(name) != value:
                    wrong.append(f"{path.name}: {vector['name']}: {name} should be {value!r}")
            vector.update(truth)
        if write:
            path.write_text(json.dumps(file, ensure_ascii=False, indent=2) + "\n", "utf-8")
    if wrong or not seen:
        sys.exit("\n".join(wrong) or f"no vectors in {CASES}")
    print(f"{seen} vectors agree")


if __name__ == "__main__":
    main()
