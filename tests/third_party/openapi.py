#!/usr/bin/env python3
"""Holds the exchange core against its own OpenAPI document, by Schemathesis.

Reads one JSON object: the core's part of the ready line, a token, a settled exchange and a good request. Asks every
operation of the document, with generated values and with those; an answer that the document does not allow ends it.

Exit 0 and a line of counts when all is well; exit 1 and the first answer that is wrong.
"""

import collections
import json
import sys

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.checks import not_a_server_error

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 12


def main() -> int:
    given_by = json.load(sys.stdin)
    core = given_by["core"]
    session = requests.Session()
    session.trust_env = False
    session.verify = core["trust"]
    document = session.get(f"{core['base_url']}/v1/openapi.json", timeout=30).json()
    schema = schemathesis.openapi.from_dict(document)
    bearer = {"authorization": f"Bearer {given_by['token']}"}
    answers = collections.Counter()
    operations = 0

    def ask(case, headers):
        response = case.call(
            base_url=core["base_url"],
            session=session,
            headers=headers,
            timeout=30,
            verify=core["trust"],
        )
        answers[f"{case.operation.method} {case.operation.path} {response.status_code}"] += 1
        case.validate_response(response, checks=CHECKS)
        return response

    for found in schema.get_all_operations():
        operation = found.ok()
        operations += 1

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def generated(case):
            ask(case, bearer)
            ask(case, {"authorization": "Bearer nobody"})
            if "id" in (case.path_parameters or {}):
                case.path_parameters["id"] = given_by["exchange"]
                ask(case, bearer)

        generated()

    for key, status in [("told-1", 202), ("told-1", 200)]:
        case = schema["/v1/exchanges"]["POST"].Case(
            headers={"Idempotency-Key": key}, body=given_by["request"], media_type="application/json"
        )
        response = ask(case, bearer)
        assert response.status_code == status, response.text
    for path in ["/v1/exchanges/{id}", "/v1/exchanges/{id}/result"]:
        wanted = f"GET {path} 200".replace("GET", "get")
        assert any(line.lower() == wanted.lower() for line in answers), (wanted, answers)
    print(f"{operations} operations, {sum(answers.values())} answers, all as the document says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
