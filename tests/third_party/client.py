#!/usr/bin/env python3
"""A requesting payer written from the specifications (SMART Backend Services, Bulk Data, PDex 2.2).

It shares no code with Outrider or the exchange. Given the exchange's ready line it matches every member
of a set, exports what was matched, checks each record against the set's oracle, releases its jobs, and
tries what must be refused.

    client.py [--members FILE] [--partner ID] [--alg ES384|RS384] [READY_LINE | -]

Exit 0 and a JSON summary when all is well; exit 1 and a reason when not.
"""

import argparse
import base64
import gzip
import hashlib
import json
import pathlib
import sys
import time
import uuid

import jwt
import requests
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import normal

MATCH_SCOPE = "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch"
DATA_SCOPE = "system/*.rs"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RESULT_CODES = "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMultiMemberMatchResultCS"
MATCH_PARAMETERS = (
    "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/base-ext-match-parameters"
)
JOB_SECONDS_MAX = 60
HTTP_SECONDS_MAX = 30


class Wrong(Exception):
    """Something is not as the specifications or the oracle say."""


def expect(truth, message):
    if not truth:
        raise Wrong(message)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(key):
    """RFC 7638 of a P-384 public key."""
    numbers = key.public_key().public_numbers()
    jwk = {
        "crv": "P-384",
        "kty": "EC",
        "x": b64url(numbers.x.to_bytes(48, "big")),
        "y": b64url(numbers.y.to_bytes(48, "big")),
    }
    text = json.dumps(jwk, sort_keys=True, separators=(",", ":"))
    return b64url(hashlib.sha256(text.encode()).digest())


class Client:
    """One registered client of one partner."""

    def __init__(self, base, trust, client_id, key_file, alg="ES384", kid=None):
        self.base = base.rstrip("/")
        self.client_id = client_id
        self.alg = alg
        self.key = load_pem_private_key(pathlib.Path(key_file).read_bytes(), None)
        self.kid = kid or thumbprint(self.key)
        self.http = requests.Session()
        # The partner's own CA and nothing from the environment, which would win over `verify`.
        self.http.trust_env = False
        self.http.verify = trust
        self.token_url = self.discover()

    def call(self, method, url, **rest):
        return self.http.request(method, url, timeout=HTTP_SECONDS_MAX, **rest)

    def discover(self):
        answer = self.call("GET", f"{self.base}/.well-known/smart-configuration")
        expect(answer.status_code == 200, f"smart-configuration answered {answer.status_code}")
        smart = answer.json()
        expect("private_key_jwt" in smart["token_endpoint_auth_methods_supported"], "no private_key_jwt")
        expect(self.alg in smart["token_endpoint_auth_signing_alg_values_supported"], f"no {self.alg}")
        return smart["token_endpoint"]

    def capability(self):
        answer = self.call("GET", f"{self.base}/metadata", headers={"Accept": "application/fhir+json"})
        expect(answer.status_code == 200, f"metadata answered {answer.status_code}")
        statement = answer.json()
        expect(statement["resourceType"] == "CapabilityStatement", "metadata is no CapabilityStatement")
        expect(statement["fhirVersion"] == "4.0.1", f"fhirVersion is {statement['fhirVersion']}")
        group = [r for r in statement["rest"][0]["resource"] if r["type"] == "Group"][0]
        names = {operation["name"] for operation in group["operation"]}
        expect({"bulk-member-match", "davinci-data-export"} <= names, f"operations are {names}")

    def assertion(self, **changes):
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.token_url,
            "exp": int(time.time()) + 240,
            "jti": str(uuid.uuid4()),
        }
        claims.update(changes)
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.key, self.alg, headers={"kid": self.kid})

    def post_token(self, scope, assertion):
        return self.call("POST", self.token_url, data={
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        })

    def token(self, scope):
        answer = self.post_token(scope, self.assertion())
        expect(answer.status_code == 200, f"token answered {answer.status_code}: {answer.text}")
        expect(answer.headers.get("Cache-Control") == "no-store", "a token may be cached")
        body = answer.json()
        expect(body["token_type"].lower() == "bearer", f"token_type is {body['token_type']}")
        expect(0 < body["expires_in"] <= 300, f"expires_in is {body['expires_in']}")
        return body["access_token"]

    def kick_off(self, path, token, body, prefer="respond-async"):
        headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if prefer:
            headers["Prefer"] = prefer
        data = body if isinstance(body, str) else json.dumps(body)
        return self.call("POST", f"{self.base}/{path}", headers=headers, data=data.encode())

    def poll(self, status_url, token):
        """Waits as told until the manifest is there; returns it and how often was asked."""
        give_up = time.monotonic() + JOB_SECONDS_MAX
        asked = 0
        while time.monotonic() < give_up:
            asked += 1
            answer = self.get(status_url, token)
            if answer.status_code == 200:
                expect(answer.headers["Content-Type"].startswith("application/json"), "manifest is no JSON")
                expect("Expires" in answer.headers, "the manifest has no Expires")
                manifest = answer.json()
                for name in ("transactionTime", "request", "requiresAccessToken", "output", "error"):
                    expect(name in manifest, f"the manifest has no {name}")
                expect(manifest["error"] == [], f"the manifest lists errors: {manifest['error']}")
                return manifest, asked
            expect(answer.status_code == 202, f"status answered {answer.status_code}: {answer.text}")
            expect("X-Progress" in answer.headers, "202 without X-Progress")
            time.sleep(max(1, int(answer.headers["Retry-After"])))
        raise Wrong(f"no manifest in {JOB_SECONDS_MAX} s")

    def get(self, url, token=None, **headers):
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.call("GET", url, headers=headers)

    def lines(self, output, token):
        answer = self.get(output["url"], token)
        expect(answer.status_code == 200, f"{output['url']} answered {answer.status_code}")
        expect(answer.headers["Content-Type"].startswith("application/fhir+ndjson"), "no NDJSON")
        # Split at line feeds only: NDJSON text may hold other line separators.
        found = [json.loads(line) for line in answer.content.decode("utf-8").split("\n") if line]
        expect(len(found) == output["count"], f"{output['url']}: {len(found)} lines, {output['count']} said")
        for one in found:
            expect(one["resourceType"] == output["type"], f"a {one['resourceType']} among {output['type']}")
        return found

    def release(self, status_url, token):
        headers = {"Authorization": f"Bearer {token}"}
        answer = self.call("DELETE", status_url, headers=headers)
        expect(answer.status_code == 202, f"DELETE answered {answer.status_code}")
        refused(self.get(status_url, token), 404, "a released job")


def refused(answer, status, what):
    """A FHIR refusal: the status, and an OperationOutcome."""
    expect(answer.status_code == status, f"{what}: {answer.status_code} instead of {status}")
    expect(answer.headers["Content-Type"].startswith("application/fhir+json"), f"{what}: not FHIR JSON")
    expect(answer.json()["resourceType"] == "OperationOutcome", f"{what}: no OperationOutcome")
    if status == 401:
        expect("WWW-Authenticate" in answer.headers, f"{what}: 401 without WWW-Authenticate")


def oauth_refused(answer, error, what):
    expect(answer.status_code == 400, f"{what}: {answer.status_code} instead of 400")
    expect(answer.json()["error"] == error, f"{what}: {answer.text}")


def match_body(members):
    def bundle(request):
        return {"name": "MemberBundle", "part": [
            {"name": "MemberPatient", "resource": request["patient"]},
            {"name": "CoverageToMatch", "resource": request["coverage_to_match"]},
            {"name": "Consent", "resource": request["consent"]},
        ]}
    return {"resourceType": "Parameters", "parameter": [bundle(m["request"]) for m in members]}


def export_body(**more):
    parameters = [{"name": "exportType", "valueCanonical": "hl7.fhir.us.davinci-pdex#payertopayer"}]
    parameters += [{"name": name, "valueString": value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": parameters}


def accepted(answer, what):
    expect(answer.status_code == 202, f"{what} answered {answer.status_code}: {answer.text}")
    location = answer.headers.get("Content-Location", "")
    expect(location.startswith("https://"), f"{what}: Content-Location is {location!r}")
    return location


def check_groups(groups, members, file):
    """Buckets, accounting identity, contained Patients; returns {member id: responder's Patient id}."""
    submitted = {m["id"]: m for m in members}
    seen, patients, codes = {}, {}, []
    for group in groups:
        expect(group["type"] == "person" and group["actual"] is True, "a Group not of actual persons")
        coding = group["code"]["coding"][0]
        expect(coding["system"] == RESULT_CODES, f"code system {coding['system']}")
        codes.append(coding["code"])
        trait = group["characteristic"][0]
        asker = trait["valueReference"]["identifier"]["value"]
        expect(asker == file["requester"]["npi"], f"characteristic names {asker}")
        expect(trait["exclude"] is False and trait["period"]["start"], "characteristic is incomplete")
        contained = {c["id"]: c for c in group.get("contained", []) if c["resourceType"] == "Patient"}
        expect(group["quantity"] == len(group.get("member", [])), "quantity is not the number of members")
        for member in group.get("member", []):
            entity = member["entity"]
            own = [e["valueReference"]["reference"] for e in entity["extension"] if e["url"] == MATCH_PARAMETERS]
            expect(len(own) == 1 and own[0][1:] in contained, f"{own} is not contained")
            member_id = own[0][1:]
            expect(member_id in submitted and member_id not in seen, f"{member_id}: not sent, or twice")
            sent = submitted[member_id]["request"]["patient"]
            expect(contained[member_id] == sent, f"{member_id}: contained Patient differs")
            seen[member_id] = coding["code"]
            if coding["code"] == "match":
                expect(entity["reference"].startswith("Patient/"), "a match without a Patient")
                patients[member_id] = entity["reference"]
            else:
                expect(entity["reference"] == own[0], f"{member_id}: {entity['reference']} gives somebody away")
    expect(codes.count("match") == 1 and len(codes) == len(set(codes)), f"buckets are {codes}")
    for member_id, member in submitted.items():
        bucket = member["expect"]["bucket"]
        expect(seen.get(member_id) == bucket, f"{member_id}: {seen.get(member_id)} instead of {bucket}")
    return patients


def check_records(records, members, patients):
    """Every expected record with its hash, nothing else, nobody else, no money."""
    due = [m for m in members if m["expect"]["bucket"] == "match"]
    wanted = {}
    for member in due:
        for kind, expected in member["expect"]["resources"].items():
            for one in expected:
                wanted[(kind, one["key"])] = one["sha256"]
    got = {}
    for record in records:
        name = (record["resourceType"], normal.key(record))
        expect(name not in got, f"{name} comes twice")
        got[name] = normal.sha256(record)
    missing, extra = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    expect(not missing, f"{len(missing)} records missing, the first is {missing[:1]}")
    expect(not extra, f"{len(extra)} records too many, the first is {extra[:1]}")
    differing = sorted(name for name in wanted if wanted[name] != got[name])
    expect(not differing, f"{len(differing)} records differ, the first is {differing[:1]}")
    people = {f"{r['resourceType']}/{r['id']}": r for r in records if r["resourceType"] == "Patient"}
    expect(set(people) == set(patients.values()), "exported Patients are not the matched ones")
    text = json.dumps(records, ensure_ascii=False)
    for member in members:
        matched = member["expect"]["bucket"] == "match"
        for canary in member["expect"]["canaries"]:
            expect((canary in text) == matched, f"{member['id']}: canary {canary} matched={matched}")
    for member in due:
        held, truth = people[patients[member["id"]]], member["expect"]["identity"]
        name = [n for n in held["name"] if n.get("use") == "official"][0]
        told = (name["family"], name["given"][0], held["birthDate"])
        expect(told == (truth["family"], truth["given"], truth["birth_date"]), f"{member['id']}: {told}")
    for word in ('"amount"', '"total"', '"unitPrice"', '"net"', '"payment"'):
        expect(word not in text, f"there is money: {word}")
    return len(got)


def token_negatives(client):
    used = client.assertion()
    expect(client.post_token(MATCH_SCOPE, used).status_code == 200, "a good assertion is refused")
    soon = int(time.time())
    other_key = Client.__new__(Client)
    other_key.__dict__.update(client.__dict__, kid="nobody")
    cases = [
        ("the same jti twice", used, MATCH_SCOPE, "invalid_client"),
        ("no jti", client.assertion(jti=None), MATCH_SCOPE, "invalid_client"),
        ("wrong aud", client.assertion(aud=client.base), MATCH_SCOPE, "invalid_client"),
        ("exp in an hour", client.assertion(exp=soon + 3600), MATCH_SCOPE, "invalid_client"),
        ("exp has passed", client.assertion(exp=soon - 60), MATCH_SCOPE, "invalid_client"),
        ("no exp", client.assertion(exp=None), MATCH_SCOPE, "invalid_client"),
        ("sub is another", client.assertion(sub="somebody"), MATCH_SCOPE, "invalid_client"),
        ("unknown kid", other_key.assertion(), MATCH_SCOPE, "invalid_client"),
        ("a broken signature", client.assertion()[:-8] + "AAAAAAAA", MATCH_SCOPE, "invalid_client"),
        ("unknown scope", client.assertion(), "system/Everything", "invalid_scope"),
        ("no scope", client.assertion(), "", "invalid_scope"),
    ]
    for what, assertion, scope, error in cases:
        oauth_refused(client.post_token(scope, assertion), error, what)
    return len(cases) + 1


def kick_off_negatives(client, token, body):
    path = "Group/$bulk-member-match"
    empty = {"resourceType": "Parameters", "parameter": []}
    refused(client.kick_off(path, None, body), 401, "a match without a token")
    refused(client.kick_off(path, "made-up", body), 401, "a match with a made-up token")
    refused(client.kick_off(path, token, body, prefer=None), 400, "a match without Prefer")
    refused(client.kick_off(path, token, "{not json"), 400, "a match that is no JSON")
    refused(client.kick_off(path, token, empty), 422, "a match without members")
    refused(client.get(f"{client.base}/nowhere"), 404, "an unknown address")
    return 6


def walk(client, rival, file):
    """The whole journey; returns the summary."""
    members = file["members"]
    client.capability()
    refusals = token_negatives(client)
    match_token = client.token(MATCH_SCOPE)
    body = match_body(members)
    refusals += kick_off_negatives(client, match_token, body)
    match_job = accepted(client.kick_off("Group/$bulk-member-match", match_token, body), "the match")
    manifest, polls = client.poll(match_job, match_token)
    # A partner may add the result as PDex 2.1 had it; requesters should prefer the Groups.
    outputs = [output for output in manifest["output"] if output["type"] == "Group"]
    groups = [g for output in outputs for g in client.lines(output, match_token)]
    patients = check_groups(groups, members, file)
    group = [g["id"] for g in groups if g["code"]["coding"][0]["code"] == "match"][0]

    export = f"Group/{group}/$davinci-data-export"
    refused(client.kick_off(export, match_token, export_body()), 403, "an export with the match's token")
    data_token = client.token(DATA_SCOPE)
    unsupported = export_body(_typeFilter="Encounter?status=finished")
    refused(client.kick_off(export, data_token, unsupported), 400, "an export with a filter it does not know")
    export_job = accepted(client.kick_off(export, data_token, export_body()), "the export")
    export_manifest, more = client.poll(export_job, data_token)
    outputs = export_manifest["output"]
    records = [r for output in outputs for r in client.lines(output, data_token)]
    checked = check_records(records, members, patients)
    refused(client.get(outputs[0]["url"]), 401, "a file without a token")
    refused(client.get(outputs[0]["url"], match_token), 403, "a file with the match's token")
    squeezed = client.call("GET", outputs[0]["url"], stream=True, headers={
        "Authorization": f"Bearer {data_token}", "Accept-Encoding": "gzip"})
    expect(squeezed.headers.get("Content-Encoding") == "gzip", "gzip was accepted and not used")
    plain = client.get(outputs[0]["url"], data_token, **{"Accept-Encoding": "identity"}).content
    expect(gzip.decompress(squeezed.raw.read()) == plain, "gzip and plain differ")
    refusals += 4 + strangers(client, rival, group, match_job, export_job, outputs[0]["url"])

    client.release(export_job, data_token)
    client.release(match_job, match_token)
    refused(client.get(outputs[0]["url"], data_token), 404, "a file of a released job")
    return {"members": len(members), "matched": len(patients), "records": checked,
            "polls": polls + more, "refusals": refusals + 3, "alg": client.alg}


def strangers(client, rival, group, match_job, export_job, file_url):
    """Another registered client gets nothing of ours."""
    if rival is None:
        return 0
    token = rival.token(f"{MATCH_SCOPE} {DATA_SCOPE}")
    refused(rival.get(f"{client.base}/Group/{group}", token), 404, "another's Group")
    refused(rival.get(match_job, token), 404, "another's match job")
    refused(rival.get(export_job, token), 404, "another's export job")
    refused(rival.get(file_url, token), 404, "another's file")
    kick_off = rival.kick_off(f"Group/{group}/$davinci-data-export", token, export_body())
    refused(kick_off, 404, "an export of another's Group")
    stolen = rival.call("DELETE", export_job, headers={"Authorization": f"Bearer {token}"})
    refused(stolen, 404, "the release of another's job")
    return 6


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("ready", nargs="?", default="-", help="the exchange's ready line, or - for stdin")
    arguments.add_argument("--partner", default="keystone")
    arguments.add_argument("--members", help="a member set; by default members/PARTNER-basic.json")
    arguments.add_argument("--alg", default="ES384", choices=["ES384", "RS384"])
    options = arguments.parse_args()
    ready = json.loads(sys.stdin.readline() if options.ready == "-" else options.ready)
    partner = [p for p in ready["partners"] if p["id"] == options.partner]
    if not partner:
        sys.exit(f"foreign client: {options.partner} is not served")
    partner = partner[0]
    root = pathlib.Path(__file__).resolve().parents[2]
    path = options.members or root / "members" / f"{options.partner}-basic.json"
    file = json.loads(pathlib.Path(path).read_text("utf-8"))
    clients = partner.get("clients", [])
    own = {"client_id": partner["client_id"], "key": partner["key"], "alg": "ES384", "kid": None}
    if options.alg != "ES384":
        own = [c for c in clients if c["client_id"] == partner["client_id"] and c["alg"] == options.alg][0]
    others = [c for c in clients if c["client_id"] != partner["client_id"]]
    build = lambda c: Client(partner["base_url"], ready["trust"], c["client_id"], c["key"], c["alg"], c["kid"])
    started = time.monotonic()
    try:
        summary = walk(build(own), build(others[0]) if others else None, file)
    except Wrong as wrong:
        sys.exit(f"foreign client: {options.partner}: {wrong}")
    except requests.RequestException as trouble:
        sys.exit(f"foreign client: {options.partner}: no answer: {trouble}")
    summary.update(partner=options.partner, seconds=round(time.monotonic() - started, 1))
    print(json.dumps(summary, sort_keys=True))


if __name__ == "__main__":
    main()
