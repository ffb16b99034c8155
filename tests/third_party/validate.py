#!/usr/bin/env python3
"""Is every line a resource of FHIR R4 (4.0.1)? By `fhir.resources` from PyPI, which shares no code with us.

It knows the structure of R4: types, cardinalities, formats, one value of a choice. It knows no profile and no
code system; those rules are tests of our own.

    validate.py FILE...     NDJSON, `-` is stdin; exit 1 and a line for each refusal, else a count by type
"""

import collections
import json
import sys

import fhir.resources
from fhir.resources import construct_fhir_element

LINES_TOLD_MAX = 20


def complaint(line):
    """Why the line is no resource, or nothing."""
    try:
        resource = json.loads(line)
        construct_fhir_element(resource["resourceType"], line)
    except (ValueError, LookupError, TypeError) as why:
        return " ".join(str(why).split())[:300]
    return None


def main(paths):
    assert fhir.resources.__fhir_version__ == "4.0.1", fhir.resources.__fhir_version__
    counts, refused = collections.Counter(), 0
    for path in paths:
        file = sys.stdin if path == "-" else open(path, encoding="utf-8", newline="\n")
        for number, line in enumerate(file, 1):
            why = complaint(line)
            if why is None:
                counts[json.loads(line)["resourceType"]] += 1
                continue
            refused += 1
            if refused <= LINES_TOLD_MAX:
                print(f"{path}:{number}: {why}")
    print(json.dumps({"valid": counts, "refused": refused}, sort_keys=True))
    sys.exit(1 if refused or not counts else 0)


if __name__ == "__main__":
    main(sys.argv[1:] or ["-"])
