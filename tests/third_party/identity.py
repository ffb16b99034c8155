#!/usr/bin/env python3
"""Checks what `exchange identity match` decided with a library and a reckoning that are not ours.

    identity.py RULES.toml LEFT.csv RIGHT.csv DECISIONS.jsonl PAIRS.csv

Every Jaro-Winkler similarity of plain names is computed again by jellyfish. Every pair is judged again from its
evidence and the rules file alone: levels, log2(m / u), guards, rules, thresholds. Every automatic match must have
been the only candidate on both sides, and no record may stand in two pairs.
"""

import collections
import csv
import json
import math
import sys
import tomllib

import jellyfish

# Fewest similarities and pairs that make this a check at all.
SIMILARITIES_MIN = 100
PAIRS_MIN = 500
ALWAYS = {"A1", "H1"}
# What stands between a fact as rules of format 1 are shown it and as later ones are.
NEWER_READING = ", format 2: "


def people(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def plain(name):
    return name.isascii() and name.isalpha() and len(name) < 40


def fact(evidence, field, is_newer=False):
    readings = evidence.get(field, "missing").split(NEWER_READING)
    return readings[-1 if is_newer else 0]


def similarities(left, right, decisions):
    seen = 0
    for decision in decisions:
        for candidate in decision["candidates"]:
            for field in ("given", "family"):
                kind, _, number = fact(candidate["evidence"], field).partition(" ")
                a, b = left[decision["left"]][field], right[candidate["right"]][field]
                if kind not in ("similar", "rival") or not (plain(a) and plain(b)):
                    continue
                wanted = jellyfish.jaro_winkler_similarity(a.lower(), b.lower())
                if abs(wanted - float(number)) > 0.00006:
                    sys.exit(f"{decision['left']} {candidate['right']} {field}: {number}, not {wanted}")
                seen += 1
    if seen < SIMILARITIES_MIN:
        sys.exit(f"only {seen} similarities")
    return seen


def levels(rules, evidence):
    found = {}
    for field in list(rules["field"]) + ["alternate"]:
        kind, _, number = fact(evidence, field, rules["format"] > 1).partition(" ")
        if number:
            bands = sorted(rules["field"][field]["bands"].items(), key=lambda band: -band[1])
            band = next((name for name, least in bands if float(number) >= least - 1e-9), None)
            kind = "different" if band is None else ("rival" if kind == "rival" else band)
        found[field] = kind
    return found


def holds(clause, found):
    return all(found[field] in wanted for field, wanted in clause["when"].items())


def judged(rules, thresholds, found):
    total = 0.0
    for field, shares in rules["field"].items():
        if found[field] != "missing":
            total += math.log2(shares["m"][found[field]] / shares["u"][found[field]])
    guards = [guard for guard in rules["guard"] if holds(guard, found)]
    refusal = next((guard for guard in guards if guard["effect"] == "refuse"), None)
    if refusal:
        return "no_match", refusal["id"], total
    rule = next((rule for rule in rules["rule"] if holds(rule, found)), None)
    verified = next((rule for rule in rules["verify"] if holds(rule, found)), None)
    if rule:
        standing, reason = "match", rule["id"]
    elif total >= thresholds["upper"]:
        standing, reason = "match", "F1"
    elif total < thresholds["lower"]:
        return "no_match", "N1", total
    elif verified:
        standing, reason = "match", verified["id"]
    else:
        standing, reason = "review", "F2"
    if guards:
        # A pair in doubt says so first.
        first = next((guard for guard in guards if guard["effect"] == "doubt"), guards[0])
        standing, reason = "review", first["id"]
    return standing, reason, total


def pairs_again(rules, decisions):
    seen = 0
    per_left, per_right = collections.Counter(), collections.Counter()
    for decision in decisions:
        thresholds = rules["thresholds"][decision["sensitivity"]]
        for candidate in decision["candidates"]:
            seen += 1
            name = f"{decision['left']} {candidate['right']}"
            standing, reason, total = judged(rules, thresholds, levels(rules, candidate["evidence"]))
            if abs(total - candidate["score"]) > 0.0011:
                sys.exit(f"{name}: score {candidate['score']}, not {total}")
            if candidate["rule"] in ALWAYS:
                if standing == "no_match":
                    sys.exit(f"{name}: {candidate['rule']}, but it is no candidate ({reason})")
            elif standing != "no_match" or candidate["rule"] != reason:
                if (standing, reason) != (candidate["decision"], candidate["rule"]):
                    sys.exit(f"{name}: {candidate['decision']} {candidate['rule']}, not {standing} {reason}")
            if standing != "no_match" and candidate["rule"] != "H1":
                per_left[decision["left"]] += 1
                per_right[candidate["right"]] += 1
    if seen < PAIRS_MIN:
        sys.exit(f"only {seen} pairs")
    for decision in decisions:
        if decision["decision"] == "match":
            left, right = per_left[decision["left"]], per_right[decision["right"]]
            if (left, right) != (1, 1):
                sys.exit(f"{decision['left']}: matched out of {left} and {right} candidates")
    return seen


def one_to_one(path, decisions):
    with open(path, newline="", encoding="utf-8") as file:
        pairs = list(csv.DictReader(file))
    for side in ("left_id", "right_id"):
        if len({pair[side] for pair in pairs}) != len(pairs):
            sys.exit(f"a {side} stands in two pairs")
    logged = {d["left"]: (d["right"], d["decision"]) for d in decisions if d["right"]}
    written = {p["left_id"]: (p["right_id"], p["decision"]) for p in pairs}
    if logged != written:
        sys.exit("the pairs and the decisions differ")
    return len(pairs)


def main():
    rules_path, left_path, right_path, decisions_path, pairs_path = sys.argv[1:]
    with open(rules_path, "rb") as file:
        rules = tomllib.load(file)
    with open(decisions_path, encoding="utf-8") as file:
        decisions = [json.loads(line) for line in file]
    names = similarities(people(left_path), people(right_path), decisions)
    judged_again = pairs_again(rules, decisions)
    pairs = one_to_one(pairs_path, decisions)
    print(f"{names} similarities, {judged_again} judged pairs and {pairs} written pairs agree")


if __name__ == "__main__":
    main()
