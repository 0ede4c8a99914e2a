#!/usr/bin/env python3
"""An independent reader of sealift's bundle format 1, written from bundle-spec/ alone.

    verify_bundle.py --root ROOT.dsse.json [--root NEXT.dsse.json ...] [--now TIME] MEDIA...
    verify_bundle.py --vectors bundle-spec/vectors
    verify_bundle.py --root ROOT.dsse.json --report REPORT | --enclave ENCLAVE | --capsule CAPSULE | --vsa STATEMENTS [--report REPORT] | --receipt RECEIPT
    verify_bundle.py --wycheproof tests/fixtures/wycheproof

ENCLAVE is a folder with an enclave's log, reports and statements, or a copy of these. With --revocations FILE keys that are
revoked do not count. The schemas of reports and statements are read from bundle-spec/, beside this program's folder.

It needs Python 3.9 and, beside the standard library, some zstd: Python 3.14's own, the package `zstandard`, libzstd.so.1
or the command `zstd`. It shares no code with the Rust, and brings its own signatures, JSON rules and tar headers.

It checks everything about a bundle but two things, and says so: whether an artifact's own content fits its name, and
whether publishers' proofs hold. It has no memory of earlier imports, so order is judged for vectors only. Nothing here
runs in constant time: it handles public keys only.

Exit: 0 accepted; 1 refused; 2 wrong command line; 3 could not be done. Volumes that are missing are no refusal.
"""

import argparse
import base64
import binascii
import bisect
import contextlib
import ctypes
import ctypes.util
import datetime
import errno
import functools
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import unicodedata

# The ecosystems of format 1 and their kinds of proof, in the order that a catalog states them (catalog.md §4).
PROOF_KINDS = {
    "cargo": [],
    "deb": ["apt-release"],
    "files": [],
    "maven": ["openpgp", "sigstore"],
    "npm": ["npm-signature", "npm-attestations"],
    "pypi": ["pypi-attestations"],
}

# limits.md
MAX_PROOFS_BESIDES = 16
MAX_MANIFEST_ENVELOPE_BYTES = 1 << 20
MAX_ROOT_ENVELOPE_BYTES = 64 << 10
MAX_ENVELOPE_BYTES = 1 << 20
MAX_REPORT_RECORD_BYTES = 8 << 20
MAX_HELD_OBJECTS = 1 << 24
MAX_PARTS = 4195328
MAX_KEPT_OBJECTS = 262144
MAX_INDEX_BYTES = 1 << 30
MAX_INDEX_LINE_BYTES = 1024
MAX_STREAMS = 1000
MAX_CUSTODY_RECORDS = 500
MAX_CUSTODY_BYTES = 256 << 10
MAX_CUSTODY_TEXT_BYTES = 200
MAX_CUSTODY_NOTE_BYTES = 2000
MAX_CUSTODY_SCANS = 16
MAX_CUSTODY_TOLD = 100
MAX_SIGNATURES = 64
MAX_CHECKPOINT_BYTES = 16 << 10
MAX_PROOF_HASHES = 64
MAX_ROOTS = 64
MAX_APPROVALS = 64
MAX_CATALOG_BYTES = 1 << 30
MAX_CATALOG_CONTENT_BYTES = 8 << 30
MAX_CATALOG_LINE_BYTES = 16 << 20
MAX_OBJECTS = MAX_ARTIFACTS = MAX_DOCUMENTS = 4 << 20
MAX_VOLUMES = 10_000
MAX_OBJECT_BYTES = 8 << 40
MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES = 4 << 10, 1 << 30
MAX_ZSTD_WINDOW_BYTES = 1 << 23
MAX_RECIPIENTS = 64
MAX_NAME_BYTES = 512
MAX_SEQUENCE_JUMP = 64
MAX_CREATED_AHEAD_SECONDS = 86_400
DAY_SECONDS = 86_400
# report.md §2: no time lies after it.
LAST_SECOND = 253_402_207_200
MAX_CLOCK_BEHIND_SECONDS = 600
MAX_JSON_DEPTH = 16
MAX_JSON_INTEGER = (1 << 53) - 1

BLOCK = 512
CHUNK = 1 << 20


class Refused(Exception):
    """The bundle was judged and is wrong: the same bundle would be refused again."""

    def __init__(self, code, subject, reason, key=None):
        super().__init__(f"{subject}: {reason}")
        self.code, self.subject, self.reason, self.key = code, subject, reason, key


class Unable(Exception):
    """This run failed: a file cannot be read, or a program is missing."""


# ---- strict JSON: seal.md §2

BRACKETS_AND_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
SURROGATE = re.compile("[\ud800-\udfff]")


class NotStrict(ValueError):
    """A text breaks the rules of strict JSON or of its schema."""


def read_json(data):
    """Reads strict JSON, refusing what it forbids before any value is used."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotStrict(f"not UTF-8: {error}") from None
    if text[:1] in " \t\n\r\ufeff" or text[-1:] in " \t\n\r":
        raise NotStrict("something stands around the document")
    if text.count("[") + text.count("{") > MAX_JSON_DEPTH:
        check_depth(text)
    try:
        value = json.loads(
            text, object_pairs_hook=unique_keys, parse_int=plain_integer, parse_float=no_float, parse_constant=no_float
        )
    except NotStrict:
        raise
    except (ValueError, RecursionError) as error:
        raise NotStrict(f"not JSON: {error}") from None
    if "\\u" in text and any(SURROGATE.search(part) for part in strings_in(value)):
        raise NotStrict("a string holds a lone surrogate")
    return value


def check_depth(text):
    depth = 0
    for match in BRACKETS_AND_STRINGS.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise NotStrict("nested deeper than 16")
        elif match[0] in "]}":
            depth -= 1


def unique_keys(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotStrict("a key stands twice in one object")
    return value


def plain_integer(text):
    if text == "-0" or len(text) > 17 or abs(int(text)) > MAX_JSON_INTEGER:
        raise NotStrict(f"{text[:20]} is not a plain integer within 2^53 - 1")
    return int(text)


def no_float(text):
    raise NotStrict(f"{text[:20]} is not an integer")


def strings_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings_in(item)


# ---- schemas: each type is a function that gives the value or raises NotStrict

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
FIRST_TIME = datetime.datetime(1970, 1, 1)


def text(value):
    if not isinstance(value, str):
        raise NotStrict("not a string")
    return value


def integer(value, highest=MAX_JSON_INTEGER):
    if type(value) is not int or not 0 <= value <= highest:
        raise NotStrict(f"not an integer from 0 to {highest}")
    return value


def digest(value):
    if not DIGEST.fullmatch(text(value)):
        raise NotStrict("not a digest `sha256:` and 64 lower-case hexadecimal digits")
    return value


def time(value):
    """Seconds since 1970 of `2026-11-21T12:00:00Z`, the one spelling of a time."""
    match = TIME.fullmatch(text(value))
    try:
        moment = datetime.datetime(*map(int, match.groups())) if match else None
    except ValueError:
        moment = None
    if moment is None or moment < FIRST_TIME:
        raise NotStrict("not a time such as 2026-01-31T12:00:00Z")
    return int((moment - FIRST_TIME).total_seconds())


def spell(seconds):
    return (FIRST_TIME + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def always(value):
    if value is not True:
        raise NotStrict("not true")
    return True


def word(*words):
    def check(value):
        if text(value) not in words:
            raise NotStrict(f"not one of {', '.join(words)}")
        return value

    return check


def list_of(item):
    def check(value):
        if not isinstance(value, list):
            raise NotStrict("not a list")
        return [item(part) for part in value]

    return check


def map_of(key, item):
    def check(value):
        if not isinstance(value, dict):
            raise NotStrict("not an object")
        return {key(name): item(part) for name, part in value.items()}

    return check


def not_empty(item):
    def check(value):
        if not value:
            raise NotStrict("what may be left out is empty")
        return item(value)

    return check


def or_null(item):
    return lambda value: None if value is None else item(value)


def anything(value):
    return value


def nothing_critical(value):
    if list_of(text)(value):
        raise NotStrict(f"the critical extension {value[0]!r} is not known")
    return value


def struct(optional=(), **fields):
    """A closed schema: every field that is not optional is there, and no other."""
    optional = dict(optional)
    known = {**fields, **optional}

    def check(value):
        if not isinstance(value, dict):
            raise NotStrict("not an object")
        for name in value:
            if name not in known:
                raise NotStrict(f"the field {name[:100]!r} is not known")
        result = {name: None for name in optional}
        for name, kind in known.items():
            if name in value:
                try:
                    result[name] = kind(value[name])
                except NotStrict as error:
                    raise NotStrict(f"`{name}`: {error}") from None
            elif name in fields:
                raise NotStrict(f"the field `{name}` is missing")
        return result

    return check


SEGMENTS = list_of(digest)
ENVELOPE = struct(payload=text, payloadType=text, signatures=list_of(struct(keyid=text, sig=text)))
ROOT = struct(
    version=integer,
    epoch=integer,
    expires=time,
    profile=word("evaluation", "standard", "strict"),
    enclave=struct(name=text, id=digest),
    keys=map_of(digest, struct(person=text, public=text)),
    roles=map_of(
        word("root", "trust", "policy", "export", "approve", "import", "log"),
        struct(keys=list_of(digest), threshold=lambda value: integer(value, (1 << 32) - 1)),
    ),
    optional={"ext": not_empty(map_of(text, anything)), "critical": nothing_critical},
)
APPROVAL = struct(
    manifest=digest,
    decision=word("approved", "rejected"),
    seen=list_of(text),
    reason=text,
    created=time,
    expires=time,
    optional={"ticket": text, "ext": not_empty(map_of(text, anything)), "critical": nothing_critical},
)
MANIFEST = struct(
    catalog=struct(
        artifacts=integer,
        content_size=integer,
        digest=digest,
        documents=integer,
        object_bytes=integer,
        objects=integer,
        size=integer,
    ),
    created=time,
    epoch=integer,
    format=integer,
    generator=text,
    not_after=time,
    plan=digest,
    recipients=list_of(digest),
    roots=list_of(struct(digest=digest, size=integer, version=integer)),
    segment_size=integer,
    sequence=integer,
    stream=text,
    volumes=list_of(struct(bytes=integer, segments=integer)),
    optional={
        "base": or_null(digest),
        "base_source": word("receipt", "memory"),
        "previous": or_null(digest),
        "critical": list_of(text),
        "side_data": not_empty(map_of(word("advisories", "popular-names", "revocations", "trust-data", "vex"), digest)),
    },
)
RECEIPT = struct(
    artifacts=integer,
    created=time,
    enclave=digest,
    format=integer,
    generation=or_null(struct(number=integer, repository=digest)),
    objects=struct(count=integer, digest=digest),
    streams=list_of(struct(epoch=integer, manifest=digest, sequence=integer, stream=text)),
    optional={"critical": nothing_critical},
)
CUSTODY_EVENTS = ("written", "scanned", "sealed", "stored", "handed-over", "received", "inspected", "opened", "wiped", "destroyed")
CUSTODY = struct(
    at=time,
    created=time,
    event=word(*CUSTODY_EVENTS),
    format=integer,
    manifest=digest,
    previous=list_of(digest),
    time_by=word("clock", "person"),
    optional={
        "critical": nothing_critical,
        "ext": not_empty(map_of(text, anything)),
        "from": text,
        "medium": struct(
            optional={
                **{name: text for name in ("capacity", "kind", "label", "model", "owner", "serial", "vendor")},
                "write_protection": word("none", "software", "hardware", "write-once"),
            }
        ),
        "note": text,
        "place": text,
        "sanitisation": struct(method=text, optional={"certificate": text}),
        "scans": list_of(
            struct(
                engine=text,
                found=integer,
                objects=integer,
                unclear=integer,
                optional={
                    "definitions": time,
                    "problem": text,
                    "told": list_of(struct(detail=text, object=digest, result=word("found", "not-scanned"))),
                    "version": text,
                },
            )
        ),
        "seal": struct(number=text, state=word("intact", "broken")),
        "to": text,
        "volumes": list_of(
            struct(number=lambda value: integer(value, (1 << 32) - 1), optional={"digest": digest})
        ),
        "witness": text,
    },
)
OBJECT = struct(
    digest=digest,
    encoding=word("identity", "zstd"),
    size=integer,
    optional={"segments": SEGMENTS, "stored_size": or_null(integer)},
)
DOCUMENT = struct(ecosystem=text, name=text, kind=text, digest=digest, origin=text)
PROOF = struct(
    kind=text, state=word("present", "absent", "not-served", "not-asked"), optional={"objects": list_of(digest)}
)
ARTIFACT = struct(
    ecosystem=text,
    name=text,
    version=text,
    file=text,
    digest=digest,
    origin=text,
    reason=text,
    proofs=list_of(PROOF),
)
RECORDS = {"object": OBJECT, "document": DOCUMENT, "artifact": ARTIFACT}


def record(value):
    """A catalog line: an object with exactly one field, which names the record's kind (catalog.md §1)."""
    if not isinstance(value, dict) or len(value) != 1:
        raise NotStrict("not an object with one field")
    ((kind, body),) = value.items()
    if kind not in RECORDS:
        raise NotStrict(f"records of kind {kind[:100]!r} are not known")
    return kind, RECORDS[kind](body)


def read_record(line):
    """A catalog line has one spelling: sorted keys, no white space, empty lists left out (catalog.md §1)."""
    found = read_document(line, record, "the catalog's record")
    value = json.loads(line)
    body = next(iter(value.values()))
    lists = [body.get("segments")] + [proof.get("objects") for proof in body.get("proofs", [])]
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if [] in lists or text.encode() != line:
        raise Refused("json-not-strict", "the catalog's record", "it is not the text that its values are written as")
    return found


def read_document(data, schema, subject):
    try:
        return schema(read_json(data))
    except NotStrict as error:
        raise Refused("json-not-strict", subject, f"it is not in strict JSON or does not fit its schema: {error}") from None


# ---- JSON Schemas: as much of 2020-12 as those in bundle-spec/schemas use

JSON_TYPES = {"array": list, "boolean": bool, "integer": int, "null": type(None), "object": dict, "string": str}


class Schema:
    """A schema of bundle-spec/schemas, which lies beside this program's folder."""

    FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "bundle-spec", "schemas")

    def __init__(self, name):
        with open(os.path.join(self.FOLDER, name + ".schema.json"), encoding="utf-8") as file:
            self.whole = json.load(file)
        self.patterns = {}

    def check(self, value, definition=None):
        """Raises NotStrict unless a value fits the schema, or one of its definitions."""
        self.fit(self.whole["$defs"][definition] if definition else self.whole, value, "it")

    def fits(self, rules, value):
        try:
            self.fit(rules, value, "")
        except NotStrict:
            return False
        return True

    def fit(self, rules, value, place):
        def demand(holds, fault):
            if not holds:
                raise NotStrict(f"{place} {fault}")

        if isinstance(rules, bool):
            return demand(rules, "is not known")
        for rule, bound in rules.items():
            if rule in ("$schema", "$id", "$defs", "title", "description", "default", "examples", "format", "then", "else"):
                continue
            if rule == "$ref":
                self.fit(self.whole["$defs"][bound.removeprefix("#/$defs/")], value, place)
            elif rule == "type":
                demand(type(value) in [JSON_TYPES[kind] for kind in ([bound] if isinstance(bound, str) else bound)], "is of another type")
            elif rule in ("enum", "const"):
                known = bound if rule == "enum" else [bound]
                demand(any(type(one) is type(value) and one == value for one in known), "is none of the known words")
            elif rule in ("anyOf", "oneOf"):
                count = sum(self.fits(one, value) for one in bound)
                demand(count == 1 or (count > 0 and rule == "anyOf"), "fits none of its forms")
            elif rule == "if":
                self.fit(rules.get("then" if self.fits(bound, value) else "else", True), value, place)
            elif isinstance(value, dict) and rule in self.OF_OBJECTS:
                self.fit_object(rule, bound, rules, value, place, demand)
            elif isinstance(value, list) and rule in self.OF_LISTS:
                if rule == "items":
                    for index, item in enumerate(value):
                        self.fit(bound, item, f"{place}[{index}]")
                demand(rule != "minItems" or len(value) >= bound, "has too few entries")
                demand(rule != "maxItems" or len(value) <= bound, "has too many entries")
                demand(rule != "uniqueItems" or len({json.dumps(item, sort_keys=True) for item in value}) == len(value), "says something twice")
            elif isinstance(value, str) and rule in self.OF_TEXTS:
                demand(rule != "pattern" or self.pattern(bound).search(value), "has another form")
                demand(rule != "minLength" or len(value) >= bound, "is too short")
                demand(rule != "maxLength" or len(value) <= bound, "is too long")
            elif type(value) is int and rule in self.OF_NUMBERS:
                demand(value >= bound if rule == "minimum" else value <= bound, "is out of its range")
            elif rule not in self.OF_OBJECTS + self.OF_LISTS + self.OF_TEXTS + self.OF_NUMBERS:
                raise Unable(f"a schema uses the keyword {rule}, which this program does not know")
        # A pattern alone lets the 30th of February pass.
        if rules.get("pattern", "").endswith(":[0-9]{2}Z$"):
            time(value)

    OF_OBJECTS = ("required", "properties", "additionalProperties", "propertyNames", "minProperties", "maxProperties")
    OF_LISTS = ("items", "minItems", "maxItems", "uniqueItems")
    OF_TEXTS = ("pattern", "minLength", "maxLength")
    OF_NUMBERS = ("minimum", "maximum")

    def fit_object(self, rule, bound, rules, value, place, demand):
        if rule == "required":
            for name in bound:
                demand(name in value, f"lacks `{name}`")
        elif rule == "properties":
            for name in bound.keys() & value.keys():
                self.fit(bound[name], value[name], f"`{name}`")
        elif rule == "additionalProperties":
            for name in value.keys() - rules.get("properties", {}).keys():
                self.fit(bound, value[name], f"`{name[:100]}`")
        elif rule == "propertyNames":
            for name in value:
                self.fit(bound, name, f"`{name[:100]}`")
        demand(rule != "minProperties" or len(value) >= bound, "has too few fields")
        demand(rule != "maxProperties" or len(value) <= bound, "has too many fields")

    def pattern(self, text):
        """ECMA's `$` is the very end; Python's would let a line feed follow."""
        if text not in self.patterns:
            self.patterns[text] = re.compile(re.sub(r"\$$", r"\\Z", text))
        return self.patterns[text]


@functools.lru_cache(maxsize=None)
def schema(name):
    try:
        return Schema(name)
    except OSError:
        return None


# ---- Ed25519: RFC 8032 §5.1, with the checks of seal.md §4

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def ed_add(a, b):
    """RFC 8032 §5.1.4, in extended coordinates; complete, so it doubles too."""
    p, q = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    r, s = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = q - p, s - r, s + r, q + p
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def ed_multiply(scalar, point):
    result = NEUTRAL
    for bit in bin(scalar)[2:]:
        result = ed_add(result, result)
        if bit == "1":
            result = ed_add(result, point)
    return result


def ed_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def ed_decode(data):
    """A point from its canonical 32 bytes, or None (RFC 8032 §5.1.3)."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def ed_small_order(point):
    return ed_equal(ed_multiply(8, point), NEUTRAL)


ED_BASE = ed_decode(bytes([0x58]) + bytes([0x66]) * 31)


def ed_key(data):
    point = ed_decode(data)
    if point is None:
        return "it is no point of the curve, or not in its canonical encoding"
    if ed_small_order(point):
        return "it is a point of small order"
    if not ed_equal(ed_multiply(L, point), NEUTRAL):
        return "it is outside the prime-order group"
    return point


def ed_verify(data, point, message, signature):
    if len(signature) != 64:
        return False
    r, s = ed_decode(signature[:32]), int.from_bytes(signature[32:], "little")
    if r is None or s >= L or ed_small_order(r):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + data + message).digest(), "little") % L
    return ed_equal(ed_multiply(s, ED_BASE), ed_add(r, ed_multiply(k, point)))


# ---- ECDSA: FIPS 186-5 §6.4.2 over the curves of SP 800-186 §3.2.1; all have a = -3


class Curve:
    def __init__(self, p, n, b, x, y, hasher):
        self.p, self.n, self.b, self.base, self.hasher = p, n, b, (x, y), hasher
        self.length = (p.bit_length() + 7) // 8

    def key(self, data):
        """A point from its uncompressed form (SEC 1 §2.3.4), or why not. The order is prime: any point but zero will do."""
        if len(data) != 1 + 2 * self.length or data[0] != 4:
            return "it is no uncompressed point"
        x, y = (int.from_bytes(part, "big") for part in (data[1 : 1 + self.length], data[1 + self.length :]))
        if x >= self.p or y >= self.p or (y * y - x * x * x + 3 * x - self.b) % self.p:
            return "it is no point of the curve"
        return (x, y)

    def add(self, a, b):
        if a is None or b is None:
            return a or b
        if a[0] == b[0] and (a[1] + b[1]) % self.p == 0:
            return None
        slope = (3 * a[0] * a[0] - 3, 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
        ratio = slope[0] * pow(slope[1], -1, self.p)
        x = (ratio * ratio - a[0] - b[0]) % self.p
        return (x, (ratio * (a[0] - x) - a[1]) % self.p)

    def multiply(self, scalar, point):
        result = None
        for bit in bin(scalar)[2:]:
            result = self.add(result, result)
            if bit == "1":
                result = self.add(result, point)
        return result

    def verify(self, _data, point, message, signature):
        numbers = der_integers(signature)
        if numbers is None or not all(0 < number < self.n for number in numbers):
            return False
        r, s = numbers
        # Both digests have exactly as many bits as the order.
        e = int.from_bytes(self.hasher(message).digest(), "big")
        w = pow(s, -1, self.n)
        result = self.add(
            self.multiply(e * w % self.n, self.base), self.multiply(r * w % self.n, point)
        )
        return result is not None and result[0] % self.n == r


def der_integers(data):
    """The two numbers of a strict DER `SEQUENCE { r INTEGER, s INTEGER }`, or None. None of ours has 128 bytes."""
    if len(data) < 2 or data[0] != 0x30 or data[1] != len(data) - 2 or data[1] > 127:
        return None
    numbers, rest = [], data[2:]
    while rest:
        if len(rest) < 3 or rest[0] != 2 or not 0 < rest[1] <= len(rest) - 2:
            return None
        body, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        if body[0] > 127 or (body[0] == 0 and len(body) > 1 and body[1] < 128):
            return None
        numbers.append(int.from_bytes(body, "big"))
    return numbers if len(numbers) == 2 else None


P256 = Curve(
    2**256 - 2**224 + 2**192 + 2**96 - 1,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    hashlib.sha256,
)
P384 = Curve(
    2**384 - 2**128 - 2**96 + 2**32 - 1,
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
    0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
    hashlib.sha384,
)

# seal.md §4: the header of each algorithm's SubjectPublicKeyInfo, the key's length, and who checks and verifies.
ALGORITHMS = [
    (bytes.fromhex("302a300506032b6570032100"), 32, ed_key, ed_verify),
    (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"), 65, P256.key, P256.verify),
    (bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200"), 97, P384.key, P384.verify),
]


@functools.lru_cache(maxsize=1024)
def public_key(info):
    """Gives (verify function, None) for a SubjectPublicKeyInfo, or (None, why it may not be used)."""
    for header, length, check, verify in ALGORITHMS:
        if info.startswith(header):
            data = info[len(header) :]
            point = check(data) if len(data) == length else "it has the wrong length"
            if isinstance(point, str):
                return None, point
            return functools.partial(verify, data, point), None
    return None, "its algorithm is not known"


# ---- envelopes: seal.md §1, §3


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def decode_base64(value, subject):
    """One alphabet or the other, padded, unused bits zero: decoding and encoding again must give the same text."""
    data = value.encode("utf-8")
    for decode, encode in (
        (base64.b64decode, base64.b64encode),
        (base64.urlsafe_b64decode, base64.urlsafe_b64encode),
    ):
        with contextlib.suppress(binascii.Error):
            decoded = decode(data)
            if encode(decoded) == data:
                return decoded
    raise Refused("json-not-strict", subject, "a field is not in base64")


class Envelope:
    def __init__(self, data, subject):
        if len(data) > MAX_MANIFEST_ENVELOPE_BYTES:
            raise Refused("preauth-limit-exceeded", subject, "the envelope is larger than 1 MiB")
        wire = read_document(data, ENVELOPE, subject)
        if len(wire["signatures"]) > MAX_SIGNATURES:
            raise Refused("preauth-limit-exceeded", subject, "the envelope carries more than 64 signatures")
        self.signatures = [(part["keyid"], decode_base64(part["sig"], subject)) for part in wire["signatures"]]
        self.payload = decode_base64(wire["payload"], subject)
        self.type = wire["payloadType"]

    def message(self):
        """The pre-authentication encoding (DSSE 1.0.2)."""
        kind = self.type.encode("utf-8")
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)

    def check_kind(self, kind, subject):
        if self.type != f"application/vnd.sealift.{kind}.v1+json":
            raise Refused("wrong-document-kind", subject, f"it is not a {kind} but {self.type[:100]!r}")


# ---- roots: root.md

PERSON = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
ENCLAVE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
PROFILES = ["evaluation", "standard", "strict"]
TOO_FEW = {"root": "root-chain-broken", "export": "export-signature-invalid", "import": "key-not-in-role", "trust": "key-not-in-role", "policy": "key-not-in-role"}


class Root:
    """A root that has been read and keeps the rules of root.md §3. Whether it is trusted is for the caller to know."""

    def __init__(self, data, subject):
        if len(data) > MAX_ROOT_ENVELOPE_BYTES:
            raise Refused("preauth-limit-exceeded", subject, "the root's envelope is larger than 64 KiB")
        self.envelope = Envelope(data, subject)
        self.envelope.check_kind("root", subject)
        self.fingerprint = sha256(self.envelope.payload)
        self.subject = subject
        fields = read_document(self.envelope.payload, ROOT, subject)
        self.version, self.epoch, self.expires = fields["version"], fields["epoch"], fields["expires"]
        self.profile, self.enclave, self.roles = fields["profile"], fields["enclave"], fields["roles"]
        self.person, self.verifiers, self.infos = {}, {}, {}
        for key_id, key in fields["keys"].items():
            self.take_key(key_id, key)
        self.check_rules()

    def demand(self, holds, reason, code="threshold-invalid"):
        if not holds:
            raise Refused(code, self.subject, f"root {self.version}: {reason}")

    def take_key(self, key_id, key):
        info = None
        with contextlib.suppress(binascii.Error, UnicodeEncodeError):
            info = base64.b64decode(key["public"].encode("ascii"), validate=True)
        canonical = info is not None and base64.b64encode(info).decode() == key["public"]
        verify, why = public_key(info) if canonical else (None, "it is not in base64")
        self.demand(verify, f"the key of {key['person']!r} may not be used: {why}", "key-not-allowed")
        self.demand(sha256(info) == key_id, f"the key of {key['person']!r} does not stand under its own id")
        self.person[key_id], self.verifiers[key_id], self.infos[key_id] = key["person"], verify, info

    def threshold(self, role):
        return self.roles[role]["threshold"] if role in self.roles else 0

    def persons(self, role):
        return {self.person[key] for key in self.roles[role]["keys"]} if role in self.roles else set()

    def check_rules(self):
        """root.md §3."""
        self.demand(self.version >= 1 and self.epoch >= 1, "version and epoch start at 1")
        self.demand(ENCLAVE.fullmatch(self.enclave["name"]), "the enclave's name has another form")
        for person in self.person.values():
            self.demand(PERSON.fullmatch(person), f"{person!r} cannot name a person")
        for role in ("root", "trust", "policy", "export", "approve", "import", "log"):
            if role not in self.roles:
                self.demand(role == "approve" and self.profile == "evaluation", f"nobody has the role {role}")
                continue
            keys = self.roles[role]["keys"]
            self.demand(len(set(keys)) == len(keys), f"the role {role} names one key twice")
            self.demand(all(key in self.person for key in keys), f"the role {role} names a key that is not listed")
            fits = 1 <= self.threshold(role) <= len(self.persons(role))
            self.demand(fits, f"the threshold of the role {role} is zero or more than its persons")
        used = {key for role in self.roles.values() for key in role["keys"]}
        self.demand(used == set(self.person), "a key has no role")
        own = self.version > 1 or self.enclave["id"] in self.roles["import"]["keys"]
        self.demand(own, "the enclave's id is not that of an import key")
        if self.profile != "evaluation":
            enough = self.threshold("root") >= 2 and len(self.persons("root")) >= 3
            self.demand(enough, "the profile asks for two of three root persons")
            both = self.persons("export") & self.persons("approve")
            self.demand(not both, f"{sorted(both)} would export and approve", "roles-not-separate")
        if self.profile == "strict":
            for role in ("trust", "policy", "approve"):
                self.demand(self.threshold(role) >= 2, f"the profile asks for two persons in the role {role}")

    def all_signers(self, kind, envelope, subject):
        """The (person, key id) of every valid signature; others are passed over (seal.md §3)."""
        envelope.check_kind(kind, subject)
        message = envelope.message()
        return {
            (self.person[key], key)
            for key, signature in envelope.signatures
            if key in self.verifiers and self.verifiers[key](message, signature)
        }

    def signers(self, role, kind, envelope, subject):
        keys = self.roles[role]["keys"] if role in self.roles else []
        return {signer for signer in self.all_signers(kind, envelope, subject) if signer[1] in keys}

    def verify(self, role, kind, envelope, subject):
        """Gives the persons who vouch, or refuses (root.md §4)."""
        signers = self.signers(role, kind, envelope, subject)
        persons = {person for person, _ in signers}
        threshold = max(1, self.threshold(role))
        if min(len(persons), len(signers)) < threshold:
            reason = f"{len(persons)} of {threshold} persons with the role {role} have signed the {kind}"
            raise Refused(TOO_FEW[role], subject, reason)
        return sorted(persons)

    def advance(self, data, subject):
        """The next root, if it follows from this one (root.md §5)."""
        following = Root(data, subject)
        following.demand(
            following.version == self.version + 1,
            f"it does not follow root {self.version}",
            "trust-version-out-of-order",
        )
        self.verify("root", "root", following.envelope, subject)
        following.verify("root", "root", following.envelope, subject)
        following.demand(following.enclave == self.enclave, "it is for another enclave", "root-chain-broken")
        following.demand(
            PROFILES.index(following.profile) >= PROFILES.index(self.profile), "it lowers the profile"
        )
        following.demand(
            following.epoch in (self.epoch, self.epoch + 1), "it moves the epoch by more than one", "root-chain-broken"
        )
        return following


class Chain(list):
    """The roots of a site from the pinned one on, and why and since when keys are no longer good, by their plain ids."""

    def __init__(self, roots=(), revoked=()):
        super().__init__(roots)
        self.revoked, self.has_revocations, self.voided = dict(revoked), False, {}

    def judge(self, role, kind, envelope, subject):
        """Gives who vouches by the newest root that knows enough of them: whoever has left since has signed it all the same. Then none of
        the keys that count may be revoked, whenever."""
        newest = None
        for root in reversed(self):
            try:
                root.verify(role, kind, envelope, subject)
            except Refused as refused:
                newest = newest or refused
                continue
            signers = root.signers(role, kind, envelope, subject)
            self.check_good({key for _, key in signers}, subject)
            return sorted({person for person, _ in signers})
        raise newest

    def check_good(self, keys, subject):
        for key in sorted(keys):
            if self.is_revoked(key):
                reason, _ = self.revoked[plain_fingerprint(key)]
                raise Refused("key-revoked", subject, f"a key that signed it is revoked: {reason}", key)

    def since(self, key):
        """Since when a revoked key is not good; nothing where that holds for all times."""
        return self.revoked[plain_fingerprint(key)][1]

    def without(self, key):
        """The same site, had it not revoked one key."""
        plain = plain_fingerprint(key)
        spared = Chain(self, {name: why for name, why in self.revoked.items() if name != plain})
        spared.has_revocations, spared.voided = self.has_revocations, self.voided
        return spared

    def good(self, envelope):
        """An envelope without the signatures of revoked keys."""
        good = Envelope.__new__(Envelope)
        good.__dict__.update(envelope.__dict__)
        good.signatures = [(key, blob) for key, blob in envelope.signatures if not self.is_revoked(key)]
        return good

    def is_revoked(self, key):
        return plain_fingerprint(key) in self.revoked

    def take(self, data, roots, subject):
        """Takes what is no longer good."""
        self.revoked, self.voided = read_revocations(data, roots, subject)
        self.has_revocations = True


def plain_fingerprint(text):
    """Fingerprints are the same with and without colons, spaces, `sha256:` and capitals (trust-data.md §3)."""
    plain = text.removeprefix("sha256:").replace(" ", "").replace(":", "")
    return plain.upper() if re.fullmatch("[0-9A-Fa-f]*", plain) else text


REVOCATIONS = struct(
    created=time,
    critical=nothing_critical,
    revoked=list_of(struct(reason=text, what=anything, optional={"invalid_since": time})),
    version=integer,
    optional={"ext": not_empty(map_of(text, anything))},
)


def read_revocations(data, roots, subject):
    """The keys of a site's own that are no longer good, with the bundles that are void, if enough persons with the role trust say so (trust-data.md §3)."""
    envelope = Envelope(data, subject)
    Chain(roots).judge("trust", "revocations", envelope, subject)
    fields = read_document(envelope.payload, REVOCATIONS, subject)
    if schema("revocations"):
        read_document(envelope.payload, lambda value: schema("revocations").check(value), subject)
    keys, bundles = {}, {}
    for entry in fields["revoked"]:
        what = entry["what"] if isinstance(entry["what"], dict) else {}
        if isinstance(what.get("bundle"), str):
            bundles.setdefault(what["bundle"], entry["reason"])
        if isinstance(what.get("key"), str):
            keys.setdefault(plain_fingerprint(entry["what"]["key"]), (entry["reason"], entry.get("invalid_since")))
    return keys, bundles


@functools.lru_cache(maxsize=16)
def pinned_root(data, subject):
    """A root that this site trusts already; it must be signed by its own threshold (root.md §1)."""
    root = Root(data, subject)
    root.verify("root", "root", root.envelope, subject)
    return root


# ---- the container: container.md


def header(name, size):
    """The one header that a member has (container.md §3)."""
    block = bytearray(BLOCK)

    def put(offset, data):
        block[offset : offset + len(data)] = data

    put(0, name.encode("ascii"))
    put(100, b"0000644\0")
    put(108, b"0000000\0" * 2)
    put(124, b"%011o\0" % size)
    put(136, b"00000000000\0")
    put(148, b" " * 8)
    put(156, b"0")
    put(257, b"ustar\x0000")
    put(329, b"0000000\0" * 2)
    put(148, b"%06o\0 " % sum(block))
    return bytes(block)


def padding(size):
    return -size % BLOCK


def claimed_size(untrusted_header):
    """The size that a header claims, or None (container.md §5): used to compute the header that it must be."""
    digits = untrusted_header[124:135]
    return int(digits, 8) if re.fullmatch(rb"[0-7]{11}", digits) else None


class Volume:
    """One volume, read once from its first byte to its last."""

    def __init__(self, name, stream):
        self.name, self.stream, self.position, self.kept = name, stream, 0, None

    def chunks(self, size):
        """So many bytes in pieces; a volume that ends before is refused (container.md §4)."""
        while size:
            data = self.read(min(size, CHUNK))
            if not data:
                raise Refused("object-missing", self.name, f"the volume ends too early, at byte {self.position}")
            size -= len(data)
            yield data

    def read(self, size):
        try:
            data = self.stream.read(size)
        except OSError as error:
            raise Unable(f"cannot read {self.name} at byte {self.position}: {error}") from None
        self.position += len(data)
        return data

    def exact(self, size):
        return b"".join(self.chunks(size))

    def header(self):
        kept, self.kept = self.kept, None
        return kept or self.exact(BLOCK)

    def expect(self, name, size):
        if self.header() != header(name, size):
            self.not_exact(f"a header is not that of the member {name} of {size} bytes")

    def padding(self, size):
        if self.exact(padding(size)).strip(b"\0"):
            self.not_exact("the padding after a member is not zero")

    def data(self, size):
        data = self.exact(size)
        self.padding(size)
        return data

    def end(self):
        if self.exact(2 * BLOCK).strip(b"\0"):
            self.not_exact("the end is not two zero blocks")
        if self.read(1):
            self.not_exact("bytes follow the end")

    def not_exact(self, reason):
        raise Refused("container-not-exact", f"{self.name} at byte {self.position}", reason)


# ---- open: container.md §5, §6


def open_media(media):
    """Reads the first envelope of each volume, and the approvals; believes nothing."""
    volumes, approvals = [], []
    for path in media:
        if path == "-":
            volumes.append(open_volume("-", sys.stdin.buffer))
            continue
        for file in list_files(path):
            stream, name = open_plain(file), os.path.basename(file)
            if is_approval(name):
                data = stream.read(MAX_MANIFEST_ENVELOPE_BYTES + 1)
                if len(data) > MAX_MANIFEST_ENVELOPE_BYTES:
                    raise Refused("preauth-limit-exceeded", name, "the approval is larger than 1 MiB")
                approvals.append((name, data))
            else:
                volumes.append(open_volume(name, stream))
    if not volumes:
        raise Unable("no volume was given")
    return volumes, approvals


def is_approval(name):
    return ".approval-" in name and name.endswith(".dsse.json")


def list_files(path):
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return [path]
        names = sorted(os.listdir(path), key=os.fsencode)
    except OSError as error:
        raise Unable(f"cannot read {path}: {error}") from None
    return [os.path.join(path, name) for name in names if os.path.splitext(name)[1] == ".tar" or is_approval(name)]


def open_plain(path):
    """Opens a plain file; follows no link, and opens no device or pipe (container.md §6)."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused("special-file", os.path.basename(path), "it is a symbolic link") from None
        raise Unable(f"cannot read {path}: {error}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused("special-file", os.path.basename(path), "it is not a plain file")
    return os.fdopen(descriptor, "rb")


def open_volume(name, stream):
    """Reads one header and one envelope of bounded size, and nothing more (container.md §5)."""
    volume = Volume(name, stream)
    untrusted = volume.header()
    size = claimed_size(untrusted)
    if size is not None and size > MAX_MANIFEST_ENVELOPE_BYTES and untrusted.startswith(b"manifest.dsse.json"):
        raise Refused("preauth-limit-exceeded", name, "the manifest's envelope is larger than 1 MiB")
    if size is None or untrusted != header("manifest.dsse.json", size):
        raise Refused("unknown-format", name, "it does not begin as a volume of bundle format 1")
    volume.envelope = volume.data(size)
    return volume


# ---- authenticate: README.md, "The reader, in order"; manifest.md §4


class Memory:
    """What an enclave remembers of a stream; vectors and capsules bring one."""

    def __init__(self, fields):
        self.last = (fields.get("last_epoch", 0), fields.get("last_sequence", 0), fields.get("last_manifest"))
        self.same_number = fields.get("same_number")
        self.known_time = time(fields["known_time"]) if "known_time" in fields else None
        self.record_gaps = fields.get("record_gaps", False)
        self.base = fields.get("base")
        # Whether persons have decided about something of the bundle that was imported last.
        self.is_decided = False

    def holds(self, base):
        return base in (self.last[2], self.same_number, self.base)


class Verdict:
    """What was found out about a bundle."""

    def __init__(self):
        self.manifest = self.digest = self.root = None
        self.exporters, self.approvers, self.missing, self.gap = [], [], [], None


def authenticate(volumes, approvals, site, now, memory):
    root = site[-1]
    verdict, pinned = Verdict(), root.version
    for volume in volumes:
        roots = read_roots(volume, pinned)
        for version, data in roots:
            if version > root.version:
                root = root.advance(data, f"root {version} in {volume.name}")
        subject = f"manifest in {volume.name}"
        envelope = Envelope(volume.envelope, subject)
        exporters = root.verify("export", "manifest", envelope, subject)
        found = sha256(envelope.payload)
        check_not_revoked(site, root, envelope, found, subject)
        if verdict.manifest is None:
            verdict.manifest = read_document(envelope.payload, MANIFEST, subject)
            check_manifest(verdict.manifest, subject)
            verdict.digest, verdict.exporters = found, exporters
        elif found != verdict.digest:
            volume.not_exact("it belongs to another bundle than the first volume")
        check_roots(volume, roots, verdict.manifest)
    vouch(verdict, approvals, root, now, memory, site)
    return verdict


def vouch(verdict, approvals, root, now, memory, site):
    """What a manifest whose seal counts says of itself: for whom, when, in which order, and who approved."""
    verdict.root = root
    check_recipient(verdict.manifest, root)
    once_more = memory and memory.is_decided and (memory.last[0], memory.last[2]) == (root.epoch, verdict.digest)
    if memory and not once_more and verdict.digest in (memory.last[2], memory.same_number):
        raise Refused("already-imported", label(verdict.manifest), "it was imported before; nothing changed")
    check_time(verdict.manifest, root, now, memory)
    base = verdict.manifest.get("base")
    if memory and base is not None and not memory.holds(base):
        raise Refused("base-missing", label(verdict.manifest), "it builds on a bundle that was not imported")
    if memory and not once_more:
        verdict.gap = check_order(verdict.manifest, verdict.digest, root, memory)
    verdict.approvers = check_approvals(approvals, verdict, root, now, site)


def check_not_revoked(site, root, envelope, found, subject):
    """A key that may be in other hands can claim any time; a bundle can be void by itself (trust-data.md §3)."""
    site.check_good({key for _, key in root.signers("export", "manifest", envelope, subject)}, subject)
    if found in site.voided:
        raise Refused("bundle-voided", subject, f"this bundle was voided: {site.voided[found]}")


def label(manifest):
    return f"bundle {manifest['stream']} {manifest['epoch']}/{manifest['sequence']}"


def read_roots(volume, pinned):
    """The travelling roots, each behind the only header possible for it (manifest.md §5)."""
    roots = []
    while True:
        untrusted = volume.header()
        size = claimed_size(untrusted)
        versions = [roots[-1][0] + 1] if roots else range(1, pinned + MAX_ROOTS + 1)
        fits = size is not None and size <= MAX_ROOT_ENVELOPE_BYTES
        version = next((v for v in versions if fits and untrusted == header(f"roots/{v}.dsse.json", size)), None)
        if version is None:
            volume.kept = untrusted
            return roots
        if len(roots) == MAX_ROOTS:
            raise Refused("preauth-limit-exceeded", volume.name, "more than 64 roots travel")
        roots.append((version, volume.data(size)))


def check_roots(volume, roots, manifest):
    found = [{"digest": sha256(data), "size": len(data), "version": version} for version, data in roots]
    if found != manifest["roots"]:
        volume.not_exact("its roots are not those that the manifest lists")


def check_manifest(manifest, subject):
    """manifest.md §3, in its order."""

    def demand(holds, reason, code="json-not-strict"):
        if not holds:
            raise Refused(code, subject, reason)

    demand(manifest["format"] == 1, f"format {manifest['format']} is not known", "unknown-format")
    demand(not manifest["critical"], f"a critical extension is not known: {manifest['critical']}", "unknown-format")
    demand(re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", manifest["stream"]), "`stream` is no stream's name")
    demand(manifest["epoch"] >= 1 and manifest["sequence"] >= 1, "`epoch` and `sequence` begin at 1")
    demand((manifest["sequence"] == 1) == (manifest["previous"] is None), "`previous` is there or not, wrongly")
    demand(manifest["created"] <= manifest["not_after"], "`not_after` lies before `created`")
    demand(1 <= len(manifest["generator"].encode()) <= 100, "`generator` must have 1 to 100 bytes")
    recipients = manifest["recipients"]
    demand(1 <= len(recipients) <= MAX_RECIPIENTS, "there must be 1 to 64 recipients")
    demand(all(a < b for a, b in zip(recipients, recipients[1:])), "`recipients` do not ascend")
    roots = manifest["roots"]
    demand(1 <= len(roots) <= MAX_ROOTS, "there must be 1 to 64 roots")
    versions = [root["version"] for root in roots]
    demand(versions[0] >= 1 and versions == list(range(versions[0], versions[0] + len(roots))), "`roots` have a gap")
    demand(all(1 <= root["size"] <= MAX_ROOT_ENVELOPE_BYTES for root in roots), "a root has 1 byte to 64 KiB")
    segment = manifest["segment_size"]
    power = segment & (segment - 1) == 0 and MIN_SEGMENT_BYTES <= segment <= MAX_SEGMENT_BYTES
    demand(power, "`segment_size` must be a power of two from 4 KiB to 1 GiB")
    catalog = manifest["catalog"]
    demand(1 <= catalog["size"] <= MAX_CATALOG_BYTES, "the catalog must be stored in 1 byte to 1 GiB")
    demand(catalog["content_size"] <= MAX_CATALOG_CONTENT_BYTES, "the catalog must expand to at most 8 GiB")
    demand(1 <= catalog["objects"] <= MAX_OBJECTS, "the catalog must list 1 to 4,194,304 objects")
    demand(catalog["artifacts"] <= MAX_ARTIFACTS and catalog["documents"] <= MAX_DOCUMENTS, "the catalog lists too much")
    volumes = manifest["volumes"]
    demand(1 <= len(volumes) <= MAX_VOLUMES, "there must be 1 to 10,000 volumes")
    held = all(part["segments"] >= 1 and part["bytes"] >= part["segments"] * BLOCK for part in volumes)
    demand(held, "every volume holds at least one segment")
    demand(sum(part["bytes"] for part in volumes) <= MAX_OBJECT_BYTES * 1024, "the volumes' sizes overflow")


def check_recipient(manifest, root):
    if root.enclave["id"] not in manifest["recipients"]:
        raise Refused("wrong-enclave", label(manifest), f"it was not made for {root.enclave['name']}")


def check_time(manifest, root, now, memory):
    """manifest.md §4: the clock, the root, the time of making, the end."""
    reference = now
    if memory and memory.known_time is not None:
        if now + MAX_CLOCK_BEHIND_SECONDS < memory.known_time:
            raise Refused("clock-behind", "the clock", "it shows an earlier time than is known")
        reference = max(now, memory.known_time)
    if reference > root.expires:
        raise Refused("root-expired", f"root {root.version}", f"it expired at {spell(root.expires)}")
    if manifest["created"] > now + MAX_CREATED_AHEAD_SECONDS:
        raise Refused("time-implausible", label(manifest), "it claims to be made in the future")
    if manifest["not_after"] < reference:
        raise Refused("bundle-expired", label(manifest), f"its time to live passed at {spell(manifest['not_after'])}")


def check_order(manifest, found, root, memory):
    """manifest.md §4: epoch, number, predecessor. Gives the missing numbers where the site lets that pass."""

    def refuse(code, reason):
        raise Refused(code, label(manifest), reason)

    if manifest["epoch"] < root.epoch:
        refuse("rollback", "it belongs to an earlier epoch than the root's")
    if manifest["epoch"] > root.epoch:
        refuse("sequence-jump", "it belongs to a later epoch than the root's")
    last_epoch, last_number, last_manifest = memory.last
    known = last_manifest is not None and last_epoch == root.epoch
    last_number = last_number if known else 0
    number = manifest["sequence"]
    if memory.same_number is not None and memory.same_number != found:
        refuse("sequence-reused", "another bundle with this number was imported before")
    if number <= last_number:
        refuse("rollback", "a newer bundle of this stream has been imported")
    if number - last_number > MAX_SEQUENCE_JUMP:
        refuse("sequence-jump", "its number is further ahead than any real gap")
    if number > last_number + 1:
        if not memory.record_gaps:
            refuse("sequence-gap", "bundles before it have not been imported")
        return (last_number + 1, number - 1)
    if known and manifest["previous"] != last_manifest:
        refuse("sequence-reused", "it follows another bundle than the one imported last")
    return None


def check_approvals(approvals, verdict, root, now, site):
    """approvals.md §2; what a revoked key signed is not there."""
    envelopes = [(name, site.good(Envelope(data, name))) for name, data in approvals]
    if len(envelopes) > MAX_APPROVALS:
        raise Refused("preauth-limit-exceeded", "the approvals", "there are more than 64")
    approved = set()
    for name, envelope in envelopes:
        signers = root.all_signers("approval", envelope, name)
        if not signers:
            continue
        approval = read_document(envelope.payload, APPROVAL, name)
        check_approval(approval, name)
        if approval["manifest"] != verdict.digest:
            continue
        if any(person in verdict.exporters for person, _ in signers):
            raise Refused("roles-not-separate", name, "a person who signed the manifest approved it")
        for signer in sorted(root.signers("approve", "approval", envelope, name)):
            if approval["decision"] == "rejected":
                raise Refused("approvals-missing", name, f"{signer[0]} rejected it: {approval['reason']}")
            if now <= approval["expires"]:
                approved.add(signer)
    persons = {person for person, _ in approved}
    if min(len(persons), len(approved)) < root.threshold("approve"):
        reason = f"{len(persons)} of {root.threshold('approve')} persons have approved"
        raise Refused("approvals-missing", "the approvals", reason)
    return sorted(persons)


def check_approval(approval, name):
    """approvals.md §1."""
    texts = [(line, 2000) for line in approval["seen"] + [approval["reason"]]]
    texts += [(approval["ticket"], 200)] if approval["ticket"] is not None else []
    fits = (
        approval["reason"].strip()
        and 1 <= len(approval["seen"]) <= 100
        and all(len(line.encode()) <= most for line, most in texts)
        and not any(unicodedata.category(char) == "Cc" for line, _ in texts for char in line)
        and approval["created"] <= approval["expires"]
    )
    if not fits:
        raise Refused("json-not-strict", name, "a field of the approval is out of its range")


# ---- zstd: catalog.md §5


class Frame:
    """Checks that stored bytes are exactly one frame with a bounded window (RFC 8878 §3.1.1), and decodes it.

    Only bytes whose digest has been compared are fed. Which library decodes makes no difference to what is accepted:
    the frame's header and its end are found here.
    """

    MAGIC = b"\x28\xb5\x2f\xfd"

    def __init__(self, size, sink, subject):
        self.size, self.sink, self.subject, self.found = size, sink, subject, 0
        self.head, self.skip, self.step = b"", 0, self.read_header
        self.decoder = new_decoder(self.take)

    def feed(self, data):
        self.walk(data)
        try:
            self.decoder.feed(data)
        except DecodeError as error:
            self.refuse("size-exceeded", f"the zstd frame cannot be decoded: {error}")

    def finish(self):
        """Ends the frame; its content has exactly the signed size."""
        if self.step == self.read_header and not self.head.startswith(self.MAGIC):
            self.refuse("container-not-exact", "the stored bytes are not one zstd frame")
        if self.step is not None or self.skip:
            self.refuse("size-exceeded", "the zstd frame is incomplete")
        try:
            self.decoder.finish()
        except DecodeError as error:
            self.refuse("size-exceeded", f"the zstd frame cannot be decoded: {error}")
        if self.found != self.size:
            self.refuse("container-not-exact", f"the frame holds {self.found} bytes and not {self.size}")

    def take(self, content):
        self.found += len(content)
        if self.found > self.size:
            self.refuse("size-exceeded", f"the frame expands to more than its signed size of {self.size} bytes")
        self.sink(content)

    def refuse(self, code, reason):
        raise Refused(code, self.subject, reason)

    def walk(self, data):
        """Follows the frame's blocks to its end. `head` collects a header; `skip` bytes of a block are passed over."""
        at = 0
        while at < len(data):
            if self.skip:
                count = min(self.skip, len(data) - at)
                self.skip -= count
                at += count
            elif self.step is None:
                self.refuse("container-not-exact", "bytes follow the zstd frame")
            else:
                self.head += data[at : at + 1]
                at += 1
                if self.step():
                    self.head = b""

    def read_header(self):
        """RFC 8878 §3.1.1.1: magic, descriptor, window, dictionary, content size."""
        if not self.MAGIC.startswith(self.head[:4]):
            self.refuse("container-not-exact", "the stored bytes are not one zstd frame")
        if len(self.head) < 5:
            return False
        descriptor = self.head[4]
        single = descriptor >> 5 & 1
        dictionary_bytes = (0, 1, 2, 4)[descriptor & 3]
        size_bytes = (single, 2, 4, 8)[descriptor >> 6]
        end = 5 + (1 - single) + dictionary_bytes + size_bytes
        if len(self.head) < end:
            return False
        if single:
            window = int.from_bytes(self.head[end - size_bytes : end], "little") + (256 if size_bytes == 2 else 0)
        else:
            base = 1 << (10 + (self.head[5] >> 3))
            window = base + base // 8 * (self.head[5] & 7)
        dictionary = self.head[end - size_bytes - dictionary_bytes : end - size_bytes]
        if descriptor & 8 or dictionary.strip(b"\0"):
            self.refuse("size-exceeded", "the zstd frame asks for a dictionary, or sets a reserved bit")
        if window > MAX_ZSTD_WINDOW_BYTES:
            self.refuse("size-exceeded", f"the zstd frame asks for a window of {window} bytes")
        self.checksum, self.step = descriptor >> 2 & 1, self.read_block
        return True

    def read_block(self):
        """RFC 8878 §3.1.1.2: last, type, size in three bytes."""
        if len(self.head) < 3:
            return False
        field = int.from_bytes(self.head, "little")
        last, kind, size = field & 1, field >> 1 & 3, field >> 3
        self.skip = 1 if kind == 1 else size
        if last:
            self.skip += 4 * self.checksum
            self.step = None
        return True


class DecodeError(Exception):
    """The library refuses the frame."""


class StreamDecoder:
    """Python 3.14's compression.zstd, or the package zstandard: both give an object with `decompress`."""

    def __init__(self, module, take):
        self.take = take
        if module.__name__ == "zstandard":
            self.error = module.ZstdError
            self.stream = module.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES).decompressobj()
        else:
            self.error = module.ZstdError
            self.stream = module.ZstdDecompressor(options={module.DecompressionParameter.window_log_max: 23})

    def feed(self, data):
        # In small pieces: one compressed block gives at most 128 KiB, so output stays bounded too.
        for at in range(0, len(data), 4096):
            try:
                content = self.stream.decompress(data[at : at + 4096])
            except (self.error, EOFError) as error:
                raise DecodeError(error) from None
            self.take(content)

    def finish(self):
        if not getattr(self.stream, "eof", True):
            raise DecodeError("the frame is incomplete")


class Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer of zstd.h have the same shape."""

    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("position", ctypes.c_size_t)]


class LibraryDecoder:
    """libzstd by its streaming interface (zstd.h, "Streaming decompression")."""

    WINDOW_LOG_MAX = 100

    def __init__(self, library, take):
        self.library, self.take, self.rest = library, take, 1
        self.context = library.ZSTD_createDCtx()
        self.check(library.ZSTD_DCtx_setParameter(self.context, self.WINDOW_LOG_MAX, 23))
        self.output = ctypes.create_string_buffer(128 << 10)

    def feed(self, data):
        source = Buffer(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data), 0)
        while True:
            target = Buffer(ctypes.addressof(self.output), len(self.output), 0)
            self.rest = self.check(
                self.library.ZSTD_decompressStream(self.context, ctypes.byref(target), ctypes.byref(source))
            )
            if target.position:
                self.take(ctypes.string_at(self.output, target.position))
            if source.position == source.size and (target.position < target.size or self.rest == 0):
                return

    def check(self, result):
        if self.library.ZSTD_isError(result):
            raise DecodeError(self.library.ZSTD_getErrorName(result).decode())
        return result

    def finish(self):
        if self.rest:
            raise DecodeError("the frame is incomplete")

    def __del__(self):
        self.library.ZSTD_freeDCtx(self.context)


class CommandDecoder:
    """The command zstd, which reads what was collected in a temporary file."""

    def __init__(self, take):
        self.take, self.file = take, tempfile.TemporaryFile()

    def feed(self, data):
        self.file.write(data)

    def finish(self):
        self.file.seek(0)
        command = ["zstd", "-q", "-d", "-c", f"--memory={MAX_ZSTD_WINDOW_BYTES}"]
        with subprocess.Popen(command, stdin=self.file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                for content in iter(lambda: process.stdout.read(CHUNK), b""):
                    self.take(content)
            except BaseException:
                process.kill()
                raise
        self.file.close()
        if process.returncode:
            raise DecodeError("the command zstd failed")


@functools.lru_cache(maxsize=1)
def find_zstd():
    """The first way to decode zstd that this machine has."""
    with contextlib.suppress(ImportError):
        from compression import zstd

        return lambda take: StreamDecoder(zstd, take)
    with contextlib.suppress(ImportError):
        import zstandard

        return lambda take: StreamDecoder(zstandard, take)
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
        library.ZSTD_createDCtx.restype = ctypes.c_void_p
        library.ZSTD_freeDCtx.argtypes = [ctypes.c_void_p]
        library.ZSTD_DCtx_setParameter.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
        library.ZSTD_DCtx_setParameter.restype = ctypes.c_size_t
        library.ZSTD_decompressStream.argtypes = [ctypes.c_void_p, ctypes.POINTER(Buffer), ctypes.POINTER(Buffer)]
        library.ZSTD_decompressStream.restype = ctypes.c_size_t
        library.ZSTD_isError.argtypes = library.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
        library.ZSTD_getErrorName.restype = ctypes.c_char_p
        return lambda take: LibraryDecoder(library, take)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run(["zstd", "--version"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return CommandDecoder
    raise Unable("no zstd is here: use Python 3.14, install the package zstandard, libzstd.so.1 or the command zstd")


def new_decoder(take):
    return find_zstd()(take)


# ---- the catalog: catalog.md


def receive_catalog(volume, manifest):
    """Reads the catalog's member into a temporary file. Its bytes are those of the signed digest when this returns."""
    summary, hasher = manifest["catalog"], hashlib.sha256()
    volume.expect("catalog.ndjson.zst", summary["size"])
    stored = tempfile.TemporaryFile()
    for data in volume.chunks(summary["size"]):
        hasher.update(data)
        stored.write(data)
    volume.padding(summary["size"])
    if "sha256:" + hasher.hexdigest() != summary["digest"]:
        raise Refused("digest-mismatch", volume.name, "the catalog is not the one that was signed")
    return stored


def catalog_records(stored, manifest):
    """The catalog's records, decoded as a stream (catalog.md §1, §5)."""
    subject, lines = "the catalog", []
    rest = bytearray()

    def split(content):
        rest.extend(content)
        if b"\n" in content:
            *complete, last = bytes(rest).split(b"\n")
            lines.extend(complete)
            rest[:] = last
        if len(rest) > MAX_CATALOG_LINE_BYTES or any(len(line) > MAX_CATALOG_LINE_BYTES for line in lines):
            raise Refused("size-exceeded", subject, "a line is longer than 16 MiB")

    frame = Frame(manifest["catalog"]["content_size"], split, subject)
    stored.seek(0)
    # Small pieces, so that few lines wait at a time.
    for data in iter(lambda: stored.read(4096), b""):
        frame.feed(data)
        for line in lines:
            yield read_record(line)
        lines.clear()
    frame.finish()
    for line in lines:
        yield read_record(line)
    if rest:
        raise Refused("container-not-exact", subject, "its last line does not end in a line feed")


class Stored:
    """An object's place in the volumes: its segments, their sizes, digests and names (catalog.md §2)."""

    def __init__(self, fields, segment_size):
        self.digest, self.encoding, self.size = fields["digest"], fields["encoding"], fields["size"]
        self.length = self.size if fields["stored_size"] is None else fields["stored_size"]
        self.segment_size = segment_size
        self.count = max(1, -(-self.length // segment_size))
        self.listed = fields["segments"] or []

    def check(self, fields):
        def demand(holds, reason):
            if not holds:
                raise Refused("json-not-strict", f"object {self.digest} in the catalog", reason)

        demand(max(self.size, self.length) <= MAX_OBJECT_BYTES, "it is larger than 8 TiB")
        if self.encoding == "identity":
            demand(fields["stored_size"] is None, "it is stored as it is, and yet has a `stored_size`")
        else:
            demand(fields["stored_size"] is not None, "it is stored as zstd, and `stored_size` is missing")
            demand(self.length < self.size, "it is stored as zstd, and is not smaller for it")
        alone = self.encoding == "identity" and self.count == 1
        demand(len(self.listed) == (0 if alone else self.count), "the number of its segments does not fit its size")

    def segments(self):
        """Each segment's member name, size and digest."""
        digits = self.digest[len("sha256:") :]
        name = f"objects/{digits[:2]}/{digits[2:]}" + (".zst" if self.encoding == "zstd" else "")
        for index in range(self.count):
            size = min(self.segment_size, self.length - index * self.segment_size)
            suffix = f".{index:06}" if self.count > 1 else ""
            yield name + suffix, size, self.listed[index] if self.listed else self.digest


class CatalogChecker:
    """Shape, order, references, limits and sums of a catalog (catalog.md §2 to §4)."""

    def __init__(self, manifest):
        self.manifest = manifest
        self.objects, self.referenced = [], bytearray()
        self.last = ("object",)
        self.totals = dict.fromkeys(("objects", "object_bytes", "segments", "documents", "artifacts"), 0)
        self.volume, self.in_volume = 0, [0, 0]

    def refuse(self, code, reason):
        raise Refused(code, "the catalog", reason)

    def take(self, kind, fields):
        getattr(self, "take_" + kind)(fields)

    def in_order(self, what, *key):
        """Objects, then documents, then artifacts; within each, strictly ascending by bytes."""
        rank = {"object": 0, "document": 1, "artifact": 2}
        if (rank[key[0]], *key[1:]) <= (rank[self.last[0]], *self.last[1:]):
            self.refuse("container-not-exact", f"{what} is out of order or listed twice")
        self.last = key

    def count(self, kind, limit):
        self.totals[kind] += 1
        if self.totals[kind] > limit:
            self.refuse("size-exceeded", f"it lists more than {limit} {kind}")

    def take_object(self, fields):
        self.in_order(f"object {fields['digest']}", "object", fields["digest"])
        stored = Stored(fields, self.manifest["segment_size"])
        stored.check(fields)
        self.count("objects", MAX_OBJECTS)
        self.objects.append(bytes.fromhex(stored.digest[7:]))
        self.referenced.append(0)
        self.totals["object_bytes"] += stored.size
        self.totals["segments"] += stored.count
        self.fill_volumes(stored)

    def fill_volumes(self, stored):
        """volumes.md §1: segments fill the volumes in the catalog's order."""
        for _, size, _ in stored.segments():
            if self.volume == len(self.manifest["volumes"]):
                self.refuse("container-not-exact", "the manifest's volumes hold fewer segments than it lists")
            expected = self.manifest["volumes"][self.volume]
            self.in_volume[0] += 1
            self.in_volume[1] += BLOCK + size + padding(size)
            if self.in_volume[0] == expected["segments"]:
                if self.in_volume[1] != expected["bytes"]:
                    self.refuse("container-not-exact", f"volume {self.volume + 1} is not the sum of its segments")
                self.volume, self.in_volume = self.volume + 1, [0, 0]

    def take_document(self, fields):
        what = f"document {fields['kind']} of {fields['ecosystem']}/{fields['name']}"
        self.in_order(what, "document", fields["ecosystem"], fields["name"], fields["kind"], fields["digest"])
        self.lengths(what, fields, "name", "kind", "origin")
        self.proof_kinds(what, fields)
        self.reference(what, fields["digest"])
        self.count("documents", MAX_DOCUMENTS)

    def take_artifact(self, fields):
        what = f"artifact {fields['ecosystem']} {fields['name']} {fields['version']} ({fields['file']})"
        self.in_order(what, "artifact", fields["ecosystem"], fields["name"], fields["version"], fields["file"])
        self.lengths(what, fields, "name", "version", "file", "origin", "reason")
        kinds = self.proof_kinds(what, fields)
        stated = [proof["kind"] for proof in fields["proofs"]]
        if stated[: len(kinds)] != kinds:
            self.refuse("json-not-strict", f"{what}: it does not state each kind of proof of its ecosystem once")
        besides = fields["proofs"][len(kinds) :]
        if len(besides) > MAX_PROOFS_BESIDES:
            self.refuse("json-not-strict", f"{what}: it brings {len(besides)} proofs besides its ecosystem's")
        for index, proof in enumerate(besides):
            kind = proof["kind"]
            if kind in kinds or (index and besides[index - 1]["kind"].encode() >= kind.encode()):
                self.refuse("json-not-strict", f"{what}: the proofs besides its ecosystem's do not ascend by kind")
            if proof["state"] == "not-asked" or not re.fullmatch(r"[a-z0-9-]{1,64}", kind):
                self.refuse("json-not-strict", f"{what}: a proof besides its ecosystem's is {proof['state']}, or has no name")
        for proof in fields["proofs"]:
            objects = proof["objects"] or []
            if (proof["state"] == "present") != bool(objects):
                self.refuse("json-not-strict", f"{what}: {proof['kind']} is {proof['state']}, with {len(objects)} objects")
            for name in objects:
                self.reference(what, name)
        self.reference(what, fields["digest"])
        self.count("artifacts", MAX_ARTIFACTS)

    def lengths(self, what, fields, *names):
        for name in names:
            if not 1 <= len(fields[name].encode()) <= MAX_NAME_BYTES:
                self.refuse("unsafe-name", f"{what}: `{name}` must have 1 to 512 bytes")

    def proof_kinds(self, what, fields):
        if fields["ecosystem"] not in PROOF_KINDS:
            self.refuse("unknown-format", f"{what}: the ecosystem is not known")
        return PROOF_KINDS[fields["ecosystem"]]

    def reference(self, what, name):
        raw = bytes.fromhex(name[7:])
        index = bisect.bisect_left(self.objects, raw)
        if index == len(self.objects) or self.objects[index] != raw:
            # A delta may leave out what the enclave holds; this reader has no enclave (manifest.md §2).
            self.refuse("object-not-listed", f"{what} names object {name}, which is not listed")
        self.referenced[index] = 1

    def finish(self):
        manifest = self.manifest
        self.reference("the plan", manifest["plan"])
        for kind, name in (manifest["side_data"] or {}).items():
            self.reference(kind, name)
        expected = dict(manifest["catalog"], segments=sum(part["segments"] for part in manifest["volumes"]))
        for what, found in self.totals.items():
            if found != expected[what]:
                self.refuse("container-not-exact", f"its {what} are {found} and not {expected[what]}")
        if 0 in self.referenced:
            unused = self.objects[self.referenced.index(0)].hex()
            self.refuse("container-not-exact", f"object sha256:{unused} is listed, and nothing names it")
        if self.volume != len(manifest["volumes"]):
            self.refuse("container-not-exact", "the manifest's volumes hold more segments than it lists")


# ---- objects: volumes.md, catalog.md §2


class Content:
    """An object's content as its segments come, in order; digests and decodes."""

    def __init__(self, stored):
        self.stored, self.hasher = stored, hashlib.sha256()
        subject = f"object {stored.digest}"
        self.frame = Frame(stored.size, self.hasher.update, subject) if stored.encoding == "zstd" else None

    def feed(self, data):
        if self.frame:
            self.frame.feed(data)
        else:
            self.hasher.update(data)

    def finish(self):
        if self.frame:
            self.frame.finish()
        if "sha256:" + self.hasher.hexdigest() != self.stored.digest:
            raise Refused("digest-mismatch", f"object {self.stored.digest}", "its content is not what its name says")


def read_segment(volume, name, size, expected, content):
    """One member: header, bytes, padding, digest. The decoder gets the bytes only when their digest fits."""
    volume.expect(name, size)
    hasher = hashlib.sha256()
    held = tempfile.SpooledTemporaryFile(max_size=8 * CHUNK) if content and content.frame else None
    for data in volume.chunks(size):
        hasher.update(data)
        if held:
            held.write(data)
        elif content:
            content.feed(data)
    volume.padding(size)
    if "sha256:" + hasher.hexdigest() != expected:
        raise Refused("digest-mismatch", f"{name} in {volume.name}", "it has not the digest that the catalog lists")
    if held:
        held.seek(0)
        for data in iter(lambda: held.read(CHUNK), b""):
            content.feed(data)


def verify_objects(volumes, manifest):
    """Reads every volume to its end; gives the numbers of those that are missing."""
    count, numbered, catalog = len(manifest["volumes"]), {}, None
    for volume in volumes:
        stored = receive_catalog(volume, manifest)
        if catalog is None:
            catalog, checker = stored, CatalogChecker(manifest)
            for kind, fields in catalog_records(catalog, manifest):
                checker.take(kind, fields)
            checker.finish()
        else:
            stored.close()
        mark = volume.header()
        number = next((n for n in range(1, count + 1) if mark == header(f"volume/{n}-of-{count}", 0)), None)
        if number is None:
            volume.not_exact("the member that says which volume this is does not fit the manifest")
        if number in numbered:
            volume.not_exact(f"volume {number} was given twice")
        numbered[number] = volume
    read_volumes(numbered, manifest, catalog)
    catalog.close()
    return [number for number in range(1, count + 1) if number not in numbered]


def read_volumes(numbered, manifest, catalog):
    """Reads the volumes in the order of their numbers, so that an object that crosses volumes is hashed in one go."""
    ends, number, done = [part["segments"] for part in manifest["volumes"]], 1, 0
    for kind, fields in catalog_records(catalog, manifest):
        if kind != "object":
            break
        stored = Stored(fields, manifest["segment_size"])
        content = Content(stored)
        for name, size, expected in stored.segments():
            volume = numbered.get(number)
            if volume:
                read_segment(volume, name, size, expected, content)
            else:
                content = None  # a part is missing: its other segments are checked one by one
            done += 1
            if done == ends[number - 1]:
                if volume:
                    volume.end()
                number, done = number + 1, 0
        if content:
            content.finish()


# ---- the whole


def verify(media, site, now, memory=None):
    """All checks in their order (README.md); gives the verdict or raises Refused."""
    volumes, approvals = open_media(media)
    try:
        verdict = authenticate(volumes, approvals, site, now, memory)
        verdict.missing = verify_objects(volumes, verdict.manifest)
    finally:
        for volume in volumes:
            volume.stream.close()
    return verdict


def printable(value):
    """Names in a bundle may hold terminal controls; none is printed."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(value))


def show(verdict):
    manifest, root = verdict.manifest, verdict.root
    count = len(manifest["volumes"])
    lines = [
        ("manifest", verdict.digest),
        ("made", f"{spell(manifest['created'])}, to be imported until {spell(manifest['not_after'])}"),
        ("root", f"{root.version}, profile {root.profile}, fingerprint {root.fingerprint}"),
        ("exported by", ", ".join(verdict.exporters)),
        ("approved by", ", ".join(verdict.approvers) or "nobody, and the root asks for nobody"),
        ("holds", "{artifacts} artifacts, {documents} documents, {objects} objects, {object_bytes} bytes".format(**manifest["catalog"])),
        ("volumes", f"{count - len(verdict.missing)} of {count}"),
        ("not checked", "artifacts' own contents; publishers' proofs; order, which only an enclave remembers"),
    ]
    if verdict.missing:
        lines.append(("missing", ", ".join(map(str, verdict.missing))))
    print(f"{'incomplete' if verdict.missing else 'accepted'}: {printable(label(manifest))}")
    for name, value in lines:
        print(f"  {name:<12} {printable(value)}")


# ---- vectors: README.md, "Vectors"


def read_case(path):
    """The few lines of TOML that a case.toml has: strings, integers and booleans, and one table."""
    case, table = {}, None
    with open(path, encoding="utf-8") as file:
        for line in filter(None, map(str.strip, file)):
            if line == "[memory]":
                table = case["memory"] = {}
                continue
            name, _, value = line.partition(" = ")
            (case if table is None else table)[name] = json.loads(value)
    return case


def judge_case(folder):
    case = read_case(os.path.join(folder, "case.toml"))
    try:
        return case, JUDGES[case.get("judge", "bundle")](folder, case)
    except Refused as refused:
        return case, refused.code


def judge_bundle(folder, case):
    memory = Memory(case["memory"]) if "memory" in case else None
    verdict = verify([folder], case_roots(folder), time(case["now"]), memory)
    return "incomplete" if verdict.missing else "accepted"


def case_roots(folder):
    """The pinned root, those that follow it, and what is no longer good."""
    paths = [os.path.join(folder, "root.dsse.json")]
    if not os.path.exists(paths[0]):
        paths = [os.path.join(folder, os.pardir, os.pardir, "root.dsse.json")]
    while os.path.exists(path := os.path.join(folder, f"root-{len(paths) + 1}.dsse.json")):
        paths.append(path)
    revocations = os.path.join(folder, "revocations.dsse.json")
    return load_roots(paths, revocations if os.path.exists(revocations) else None)


def judge_checkpoint(folder, _):
    path = os.path.join(folder, "checkpoint")
    Checkpoint(read_note(path), path).verify(case_roots(folder))
    return "accepted"


def judge_report(folder, _):
    verify_report(os.path.join(folder, "report.ndjson"), case_roots(folder))
    return "accepted"


def judge_summaries(folder, _):
    verify_vsa(os.path.join(folder, "vsa.intoto.jsonl"), case_roots(folder), os.path.join(folder, "report.ndjson"))
    return "accepted"


def judge_enclave(folder, _):
    Enclave(folder, case_roots(folder))
    return "accepted"


def judge_capsule(folder, _):
    verify_capsule(os.path.join(folder, "capsule.tar"), case_roots(folder))
    return "accepted"


def judge_receipt(folder, _):
    verify_receipt(os.path.join(folder, "receipt.ndjson"), case_roots(folder))
    return "accepted"


def judge_custody(folder, case):
    names = sorted(filter(is_custody, os.listdir(folder)), key=os.fsencode)
    files = [(name, read_whole(os.path.join(folder, name), MAX_CUSTODY_BYTES + 1)) for name in names]
    chain = Custody(files, case_roots(folder), case["manifest"], case["volumes"], time(case["now"]))
    return chain.troubles[0][0] if chain.troubles else "accepted"


JUDGES = {
    "bundle": judge_bundle,
    "capsule": judge_capsule,
    "checkpoint": judge_checkpoint,
    "custody": judge_custody,
    "enclave": judge_enclave,
    "receipt": judge_receipt,
    "report": judge_report,
    "summaries": judge_summaries,
}


def run_vectors(folder):
    passed, failed, accepted = 0, 0, []
    for place, folders, files in os.walk(folder):
        folders.sort()
        if "case.toml" not in files:
            continue
        case, found = judge_case(place)
        if found != case["verdict"]:
            failed += 1
            print(f"{os.path.relpath(place, folder)}: {found} and not {case['verdict']}: {case['why']}")
            continue
        passed += 1
        if found in ("accepted", "incomplete") and "judge" not in case:
            accepted.append(place)
    failed += validate_schemas(accepted)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def validate_schemas(places):
    """Checks the documents of accepted bundles against the JSON Schemas; gives the number that do not fit."""
    if schema("manifest") is None:
        print("skipped: JSON Schemas (bundle-spec/schemas is not beside this program's folder)")
        return 0
    failed = 0
    for place in places:
        for name, value in documents_of(place):
            try:
                schema(name).check(value)
            except NotStrict as error:
                failed += 1
                print(f"{place}: {name}: {error}")
    return failed


def documents_of(place):
    """Every document of an accepted case with its schema's name."""
    volumes, approvals = open_media([place])
    with open(os.path.join(place, "root.dsse.json"), "rb") as file:
        root = file.read()
    for kind, data in [("root", root), *(("approval", data) for _, data in approvals)]:
        yield "envelope", read_json(data)
        yield kind, read_json(Envelope(data, kind).payload)
    for volume in volumes:
        with volume.stream:
            envelope = Envelope(volume.envelope, volume.name)
            manifest = read_document(envelope.payload, MANIFEST, volume.name)
            yield "manifest", read_json(envelope.payload)
            read_roots(volume, MAX_ROOTS)
            with receive_catalog(volume, manifest) as stored:
                for kind, fields in catalog_records(stored, manifest):
                    yield "catalog-record", {kind: as_written(fields)}


def as_written(value):
    """A document without the optional fields that it does not have."""
    if isinstance(value, dict):
        return {name: as_written(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [as_written(part) for part in value]
    return value


def run_wycheproof(folder):
    """Checks this file's own signatures against Wycheproof's; invalid keys count as invalid signatures."""
    passed = failed = 0
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            groups = json.load(file)["testGroups"]
        for group in groups:
            verify_signature, _ = public_key(bytes.fromhex(group["publicKeyDer"]))
            for test in group["tests"]:
                message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
                valid = bool(verify_signature and verify_signature(message, signature))
                if valid == (test["result"] == "valid"):
                    passed += 1
                else:
                    failed += 1
                    print(f"{name} {test['tcId']}: {'valid' if valid else 'invalid'} and not {test['result']}: {test['comment']}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


# ---- reports: report.md


def verify_report(path, roots):
    """Everything of report.md §4; gives the head, its digest, who signed it, and what it proves of the log."""
    try:
        file = open(path, "rb")
    except OSError as error:
        raise Unable(f"cannot read {path}: {error}") from None
    with file:
        line = file.readline(MAX_ENVELOPE_BYTES + 2).removesuffix(b"\n")
        if len(line) > MAX_ENVELOPE_BYTES:
            raise Refused("size-exceeded", path, "the first line is longer than an envelope may be")
        envelope = Envelope(line, path)
        envelope.check_kind("report", path)
        persons = roots.judge("import", "report", envelope, path)
        validate = report_schema()
        head = read_part(envelope.payload, validate, "head", path)
        if head.get("format") != 1:
            raise Refused("unknown-format", path, f"format {head.get('format')!r} is not known")
        check_attempt(head, path)
        records = head["records"]
        proof = LogProof(head["log"], roots, path) if head.get("log") is not None else None
        found, count, size = hashlib.sha256(), 0, 0
        while line := file.readline(MAX_REPORT_RECORD_BYTES + 1):
            if len(line) > MAX_REPORT_RECORD_BYTES:
                raise Refused("size-exceeded", path, f"record {count + 1} is longer than a record may be")
            found.update(line)
            count, size = count + 1, size + len(line)
            if count > records["count"]:
                break
            text = line.removesuffix(b"\n")
            artifact = read_part(text, validate, "artifact", path)
            if proof:
                proof.tree.push(leaf_hash(artifact_leaf(head, artifact, text)))
    if (count, size, "sha256:" + found.hexdigest()) != (records["count"], records["bytes"], records["digest"]):
        raise Refused("digest-mismatch", path, "the records are not those that were signed")
    if proof:
        proof.finish(head)
    return head, sha256(envelope.payload), persons, proof


def check_attempt(head, subject):
    """What a head says twice, it says alike (report.md §2)."""

    def demand(holds, field):
        if not holds:
            raise Refused("json-not-strict", subject, f"the field {field} has a value that no report has")

    refused = head.get("outcome") == "refused"
    if keep := head.get("retention"):
        demand(keep["class"] == ("refusal" if refused else "report"), "retention.class")
        until = None if keep["days"] is None else min(time(head["created"]) + keep["days"] * DAY_SECONDS, LAST_SECOND)
        demand((keep["until"] and time(keep["until"])) == until, "retention.until")
    demand(("result" in head) == ("waived" in head), "waived")
    if "result" in head:
        passed = "passed-with-waivers" if head["waived"] else "passed"
        demand(head["result"] == ("failed" if refused else passed), "result")
    for check in head.get("checks", ()):
        if "started" in check:
            demand("ended" in check and time(check["started"]) <= time(check["ended"]), "checks.ended")


# ---- the log: log.md


class Tree:
    """A Merkle tree that grows, as the whole subtrees of which it consists (RFC 9162 §2.1.1)."""

    def __init__(self, size=0, subtrees=()):
        self.size, self.subtrees = size, list(subtrees)

    def push(self, node):
        rest = self.size
        while rest & 1:
            node, rest = node_hash(self.subtrees.pop(), node), rest >> 1
        self.subtrees.append(node)
        self.size += 1

    def root(self):
        if not self.subtrees:
            return hashlib.sha256(b"").digest()
        return functools.reduce(lambda right, left: node_hash(left, right), reversed(self.subtrees))


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def leaf_hash(fields):
    return hashlib.sha256(b"\0" + canonical(fields)).digest()


def canonical(fields):
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")


def artifact_leaf(head, artifact, line):
    """log.md §2."""
    decision = artifact["decision"]["admission"] if artifact["decision"] else ""
    return {
        "artifact": artifact["digest"],
        "decision": decision,
        "kind": "artifact",
        "purl": artifact["purl"],
        "record": sha256(line),
        "report": head["number"],
    }


def attempt_leaf(head):
    """log.md §2."""
    published = head["published"] or {}
    return {
        "bundle": head["bundle"] and head["bundle"]["manifest"],
        "codes": sorted({refusal["code"] for refusal in head["refusals"]}),
        "count": head["records"]["count"],
        "created": head["created"],
        "generation": published.get("generation"),
        "kind": "attempt",
        "outcome": head["outcome"],
        "previous": head["previous"] and head["previous"]["digest"],
        "records": head["records"]["digest"],
        "report": head["number"],
        "repository": published.get("repository"),
    }


def consistent(earlier_size, earlier, later_size, later, proof):
    """RFC 9162 §2.1.4.2."""
    if earlier_size == later_size:
        return earlier == later and not proof
    if earlier_size == 0:
        return not proof
    if earlier_size > later_size or len(proof) > MAX_PROOF_HASHES:
        return False
    rest = list(proof)
    if earlier_size & (earlier_size - 1) == 0:
        rest.insert(0, earlier)
    if not rest:
        return False
    one, two = earlier_size - 1, later_size - 1
    while one & 1:
        one, two = one >> 1, two >> 1
    old = new = rest.pop(0)
    for node in rest:
        if two == 0:
            return False
        if one & 1 or one == two:
            old, new = node_hash(node, old), node_hash(node, new)
            while one and not one & 1:
                one, two = one >> 1, two >> 1
        else:
            new = node_hash(new, node)
        one, two = one >> 1, two >> 1
    return two == 0 and old == earlier and new == later


def log_origin(root):
    return f"sealift/{root.enclave['name']}/{root.enclave['id'].removeprefix('sha256:')}"


class Checkpoint:
    """The head of a log as a note, signed or not (log.md §4; C2SP tlog-checkpoint.md, signed-note.md)."""

    LINE = re.compile("\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)")
    MOST_SIGNATURES = 100
    MOST_NAME_BYTES = 256

    def __init__(self, text, subject):
        def demand(holds, reason):
            if not holds:
                raise Refused("log-inconsistent", subject, f"the checkpoint {reason}")

        demand(len(text.encode("utf-8")) <= MAX_CHECKPOINT_BYTES, "is too long")
        body, gap, block = text.rpartition("\n\n")
        self.body = body + "\n" if gap else text
        lines = self.body.split("\n")
        demand(len(lines) == 4 and not lines[3] and lines[0], "has not three lines")
        demand(re.fullmatch("0|[1-9][0-9]{0,15}", lines[1]), "does not say a size")
        self.origin, self.size = lines[0], int(lines[1])
        demand(self.size <= MAX_JSON_INTEGER, "does not say a size")
        self.root = plain_base64(lines[2]) or b""
        demand(len(self.root) == 32, "does not say a root")
        self.signatures = []
        if gap:
            demand(not re.search("[\x00-\x09\x0b-\x1f\x7f]", text), "holds control characters")
            demand(block.endswith("\n") and len(block) > 1, "does not end in a line of a signature")
            lines = block[:-1].split("\n")
            demand(len(lines) <= self.MOST_SIGNATURES, "has too many signatures")
            self.signatures = [self.signature(line) for line in lines]
            demand(all(self.signatures), "has a line that is no signature")
        self.subject = subject

    def signature(self, line):
        """A name, and a key's hash with its signature; None for another line."""
        match = self.LINE.fullmatch(line)
        blob = match and plain_base64(match[2])
        if not blob or len(blob) < 5 or not is_note_name(match[1]):
            return None
        return match[1], blob

    def verify(self, roots):
        """Who has signed it with the role log, by the newest root that asks for no more (log.md §4)."""
        origin = log_origin(roots[-1])
        if self.origin != origin:
            raise Refused("log-inconsistent", self.subject, f"the checkpoint is of {self.origin!r} and not of {origin!r}")
        for root in reversed(roots):
            keys = {key for key in root.roles["log"]["keys"] if self.is_signed_by(root, key)}
            persons = {root.person[key] for key in keys}
            if len(persons) >= root.threshold("log"):
                roots.check_good(keys, self.subject)
                return sorted(persons)
        raise Refused("key-not-in-role", self.subject, "nobody with the role log has signed the checkpoint as often as the root asks")

    def is_signed_by(self, root, key):
        header, length = ALGORITHMS[0][:2]
        raw = root.infos[key].removeprefix(header)
        if len(raw) != length:
            return False
        name = hashlib.sha256(self.origin.encode("utf-8") + b"\n\1" + raw).digest()[:4]
        message = self.body.encode("utf-8")
        return any(
            signer == self.origin and blob[:4] == name and root.verifiers[key](message, blob[4:])
            for signer, blob in self.signatures
        )


def is_note_name(name):
    """signed-note.md, "Verifier keys": no white space and no plus sign."""
    odd = any(letter.isspace() or letter == "+" or unicodedata.category(letter) == "Cc" for letter in name)
    return name != "" and not odd and len(name.encode("utf-8")) <= Checkpoint.MOST_NAME_BYTES


def plain_base64(text):
    """The bytes of a text in base64 with its padding, and no bit that says nothing; None for another."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return data if base64.b64encode(data).decode() == text else None


class LogProof:
    """What a report proves of the log (log.md §5)."""

    def __init__(self, part, roots, subject):
        self.subject = subject
        try:
            struct(
                after=text,
                before=or_null(text),
                consistency=list_of(digest),
                first=integer,
                origin=text,
                subtrees=list_of(digest),
            )(part)
        except NotStrict as error:
            raise Refused("json-not-strict", subject, f"its log does not fit its schema: {error}") from None
        if part["origin"] != log_origin(roots[-1]):
            self.refuse("it is of another log")
        self.after = Checkpoint(part["after"], subject)
        self.persons = self.after.verify(roots)
        self.before = Checkpoint(part["before"], subject) if part["before"] is not None else None
        proof = [bytes.fromhex(value.removeprefix("sha256:")) for value in part["consistency"]]
        first, subtrees = part["first"], [bytes.fromhex(value.removeprefix("sha256:")) for value in part["subtrees"]]
        if self.before is None:
            if proof:
                self.refuse("there is a proof and no checkpoint before")
        else:
            if self.before.signatures:
                # Whoever signed the one after vouches for a tree that holds this one, whatever became of keys since.
                self.before.verify(Chain(roots))
            elif self.before.origin != self.after.origin:
                self.refuse("the checkpoint before is of another log")
            if self.before.size > first:
                self.refuse("the checkpoint before is later than the attempt")
            if not consistent(self.before.size, self.before.root, self.after.size, self.after.root, proof):
                self.refuse("the tree after does not hold the one before")
        if first > self.after.size or len(subtrees) != bin(first).count("1"):
            self.refuse("its leaves do not lie in the tree")
        self.first, self.tree = first, Tree(first, subtrees)

    def refuse(self, reason):
        raise Refused("log-inconsistent", self.subject, reason)

    def finish(self, head):
        self.tree.push(leaf_hash(attempt_leaf(head)))
        if (self.tree.size, self.tree.root()) != (self.after.size, self.after.root):
            self.refuse("its leaves do not give the tree that is signed")


def tile_path(level, index, width):
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return os.path.join("tile", level, *groups) + (f".p/{width}" if width < 256 else "")


def read_log_file(folder, name, limit):
    path = os.path.join(folder, name)
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise Refused("log-inconsistent", path, "it is missing") from None
    except OSError as error:
        raise Unable(f"cannot read {path}: {error}") from None
    if len(data) > limit:
        raise Refused("log-inconsistent", path, "it is larger than it may be")
    return data


def read_note(path):
    try:
        return read_whole(path, MAX_CHECKPOINT_BYTES + 1).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("log-inconsistent", path, "the checkpoint is not in UTF-8") from None


def verify_log(folder, roots, proofs):
    """The checkpoint of a log's folder, the tree that its entries give, and the heads that reports speak of (log.md §3, §6)."""
    path = os.path.join(folder, "checkpoint")
    shown = Checkpoint(read_note(path), path)
    persons = shown.verify(roots)
    heads = [(shown.size, shown.root, shown.subject)]
    for proof in proofs:
        for point in (proof.before, proof.after):
            if point and point.size > shown.size:
                raise Refused("state-rolled-back", folder, f"the log has {shown.size} leaves, and {point.subject} speaks of {point.size}")
            if point:
                heads.append((point.size, point.root, point.subject))
    tree = Tree()
    roots_at = {size: subject for size, _, subject in heads}
    found = {0: tree.root()}
    while tree.size < shown.size:
        index, width = tree.size // 256, min(256, shown.size - tree.size)
        name = tile_path("entries", index, width)
        data, hashes = read_log_file(folder, name, 256 * (2 + 65535)), []
        while data:
            length = int.from_bytes(data[:2], "big")
            if len(data) < 2 + length:
                raise Refused("log-inconsistent", os.path.join(folder, name), "it ends within an entry")
            hashes.append(hashlib.sha256(b"\0" + data[2 : 2 + length]).digest())
            data = data[2 + length :]
        if len(hashes) != width:
            raise Refused("log-inconsistent", os.path.join(folder, name), "it has not as many entries as its name says")
        tile = tile_path("0", index, width)
        if read_log_file(folder, tile, 256 * 32) != b"".join(hashes):
            raise Refused("log-inconsistent", os.path.join(folder, tile), "it has other hashes than the entries give")
        for node in hashes:
            tree.push(node)
            if tree.size in roots_at:
                found[tree.size] = tree.root()
    for size, root, subject in heads:
        if found[size] != root:
            raise Refused("log-inconsistent", subject, f"the log's first {size} leaves give another root")
    return shown, persons


def read_part(data, validate, name, subject):
    try:
        value = read_json(data)
        fault = validate(name, value)
    except NotStrict as error:
        fault = str(error)
    if fault or not isinstance(value, dict):
        raise Refused("json-not-strict", subject, f"its {name} does not fit its schema: {fault}")
    return value


def report_schema():
    """A function that says what is wrong with a part of a report; without bundle-spec only what is counted on here."""
    known = schema("report")
    if known is None:
        print("skipped: the schema of reports (bundle-spec is not beside this program's folder)")
        return few_fields

    def validate(name, value):
        # A later format is said as what it is.
        if name == "head" and isinstance(value, dict) and type(value.get("format")) is int and value["format"] >= 0:
            value = {**value, "format": 1}
        known.check(value, name)

    return validate


def few_fields(name, value):
    if name == "head":
        try:
            read = struct(count=integer, bytes=integer, digest=digest)
            read(value["records"])
        except (KeyError, TypeError, NotStrict) as error:
            return f"records: {error}"
    return None


def show_report(path, roots):
    head, name, persons, proof = verify_report(path, roots)
    bundle = head["bundle"]["label"] if head["bundle"] else "that nobody vouched for"
    print(f"verified report {head['number']} of {printable(head['station']['name'])}: bundle {printable(bundle)} {head['outcome']}")
    print(f"  {head['records']['count']} artifacts, signed by {printable(', '.join(persons))}, {name}")
    if proof:
        print(f"  leaves {proof.first} to {proof.after.size - 1} of its log are those of its records; checkpoint signed by {printable(', '.join(proof.persons))}")
    say_revocations(roots)
    return proof


# ---- receipts: custody.md


def verify_receipt(path, roots):
    """Everything of custody.md §2; gives the head and who signed it."""
    try:
        file = open(path, "rb")
    except OSError as error:
        raise Unable(f"cannot read {path}: {error}") from None
    with file:
        envelope = Envelope(file.readline(MAX_ENVELOPE_BYTES + 2).removesuffix(b"\n"), path)
        envelope.check_kind("receipt", path)
        persons = roots.judge("import", "receipt", envelope, path)
        head = read_document(envelope.payload, RECEIPT, path)
        names = [end["stream"] for end in head["streams"]]
        listed = head["objects"]
        if head["format"] != 1 or names != sorted(set(names)) or listed["count"] > MAX_HELD_OBJECTS or len(names) > MAX_STREAMS:
            raise Refused("json-not-strict", path, "its head does not keep its rules")
        if head["enclave"] != roots[-1].enclave["id"]:
            raise Refused("wrong-enclave", path, "it is another enclave's")
        found, count, last = hashlib.sha256(), 0, b""
        while line := file.readline(65):
            count += 1
            if count > listed["count"]:
                break
            found.update(line)
            if not re.fullmatch(rb"[0-9a-f]{64}\n", line) or line <= last:
                raise Refused("json-not-strict", path, f"line {count} of the list is not the next digest")
            last = line
    if (count, "sha256:" + found.hexdigest()) != (listed["count"], listed["digest"]):
        raise Refused("digest-mismatch", path, "the list of objects is not the one that was signed")
    return head, persons


def show_receipt(path, roots):
    head, persons = verify_receipt(path, roots)
    print(f"verified receipt of {head['enclave']}, signed by {printable(', '.join(persons))}")
    print(f"  {head['objects']['count']} objects held, {head['artifacts']} artifacts ever imported")
    say_revocations(roots)


def say_revocations(roots):
    if not roots.has_revocations:
        print("  not checked: whether a key that signed it has been revoked since (--revocations)")


# ---- custody: custody.md §4, §5

A_DAY = 86400


def custody_texts(record):
    """Texts that persons wrote, each with the bytes that it may have."""
    medium, seal, done = record["medium"] or {}, record["seal"] or {}, record["sanitisation"] or {}
    scans = record["scans"] or []
    short = [record[name] for name in ("from", "place", "to", "witness")]
    short += [medium.get(name) for name in ("capacity", "kind", "label", "model", "owner", "serial", "vendor")]
    short += [seal.get("number"), done.get("method"), done.get("certificate")]
    short += [scan[name] for scan in scans for name in ("engine", "version")]
    long = [record["note"]] + [scan["problem"] for scan in scans]
    long += [told["detail"] for scan in scans for told in scan["told"] or []]
    yield from ((value, MAX_CUSTODY_TEXT_BYTES) for value in short if value is not None)
    yield from ((value, MAX_CUSTODY_NOTE_BYTES) for value in long if value is not None)


def ascending(values):
    return all(first < second for first, second in zip(values, values[1:]))


def check_custody(record, name):
    """The rules of custody.md §4 that a schema cannot say."""

    def demand(holds, reason):
        if not holds:
            raise Refused("custody-record-unproven", name, reason)

    demand(record["format"] == 1, "it is not of format 1")
    for value, limit in custody_texts(record):
        demand(value.strip() and len(value.encode()) <= limit, "a text is empty or too long")
        demand(not any(unicodedata.category(letter) == "Cc" for letter in value), "a text holds a control character")
    demand(record["at"] <= record["created"], "it was written down before it happened")
    demand(record["time_by"] == "person" or record["at"] == record["created"], "nobody said its time")
    demand(ascending(record["previous"]) and len(record["previous"]) <= MAX_CUSTODY_RECORDS, "`previous` is not in order")
    numbers = [volume["number"] for volume in record["volumes"] or []]
    demand(ascending([0] + numbers), "volumes are not in order")
    event, seal = record["event"], record["seal"]
    demand(event != "sealed" or (seal and seal["state"] == "intact"), "a medium is sealed without a seal")
    demand(event != "handed-over" or record["to"] is not None, "nobody got it")
    demand(not record["sanitisation"] or event in ("wiped", "destroyed"), "sanitisation of another event")
    scans = record["scans"] or []
    demand((event == "scanned") == bool(scans), "scans of another event")
    demand(len(scans) <= MAX_CUSTODY_SCANS and ascending([scan["engine"] for scan in scans]), "scans are not in order")
    for scan in scans:
        told = scan["told"] or []
        demand(len(told) <= MAX_CUSTODY_TOLD and ascending([one["object"] for one in told]), "a scan tells out of order")
        found = sum(one["result"] == "found" for one in told)
        counts, claimed = (found, len(told) - found), (scan["found"], scan["unclear"])
        demand(found <= claimed[0] and counts[1] <= claimed[1], "a scan tells of more than it counts")
        demand(scan["problem"] is not None or counts == claimed, "a scan tells of less than it counts")


class Custody:
    """The chain of a bundle's custody records: those that count, in order, and what does not fit together."""

    def __init__(self, files, roots, manifest, volumes, now):
        self.roots, self.manifest, self.now, self.troubles = roots, manifest, now, []
        records = {}
        for name, data in files[:MAX_CUSTODY_RECORDS]:
            try:
                key, record = self.read(name, data, volumes)
                records.setdefault(key, (name, record))
            except Refused as refused:
                self.trouble("custody-record-unproven", name, refused.reason)
        if len(files) > MAX_CUSTODY_RECORDS:
            self.trouble("custody-record-unproven", "records", "there are more than anybody looks at")
        told = [volume["number"] for _, record in records.values() for volume in record["volumes"] or []]
        self.count = volumes or max(told, default=1)
        self.heads, self.links = {}, []
        self.place(records)
        self.compare()

    def trouble(self, code, name, reason):
        self.troubles.append((code, name, reason))

    def read(self, name, data, volumes):
        if len(data) > MAX_CUSTODY_BYTES:
            raise Refused("custody-record-unproven", name, "it is too long")
        envelope = Envelope(data, name)
        envelope.check_kind("custody", name)
        record = read_document(envelope.payload, CUSTODY, name)
        check_custody(record, name)
        signers = {key for root in self.roots for _, key in root.all_signers("custody", envelope, name)}
        if not signers:
            raise Refused("custody-record-unproven", name, "nobody whom the root knows has signed it")
        if all(map(self.roots.is_revoked, signers)):
            raise Refused("custody-record-unproven", name, "every key that signed it is revoked")
        if record["manifest"] != self.manifest:
            raise Refused("custody-record-unproven", name, "it is about another bundle")
        if record["volumes"] and record["volumes"][-1]["number"] > (volumes or 10_000):
            raise Refused("custody-record-unproven", name, "it is about a volume that the bundle does not have")
        return sha256(envelope.payload), record

    def numbers(self, record):
        return [volume["number"] for volume in record["volumes"] or []] or range(1, self.count + 1)

    def place(self, records):
        open_ = sorted(records.items(), key=lambda item: (item[1][1]["at"], item[0]))
        placed = set()
        while open_:
            follows = [item for item in open_ if placed.issuperset(item[1][1]["previous"])]
            item = (follows or open_)[0]
            open_.remove(item)
            key, (name, record) = item
            placed.add(key)
            last = {self.heads[number] for number in self.numbers(record) if number in self.heads}
            if not follows:
                self.trouble("custody-chain-broken", name, "it follows a record that is not here")
            elif last != set(record["previous"]):
                self.trouble("custody-chain-broken", name, "it does not follow the last record about its volumes")
            self.heads.update(dict.fromkeys(self.numbers(record), key))
            self.links.append((name, record))

    def compare(self):
        for number in range(1, self.count + 1):
            last = seal = serial = volume_digest = None
            gone = False
            for name, record in self.links:
                if number not in self.numbers(record):
                    continue
                event, medium = record["event"], record["medium"] or {}
                if gone and event != "written":
                    self.trouble("custody-chain-broken", name, "its medium was destroyed before")
                if last is not None and record["at"] + A_DAY < last:
                    self.trouble("custody-chain-broken", name, "it happened before what it follows")
                last = record["at"]
                if record["seal"]:
                    if seal is not None and seal != record["seal"]["number"]:
                        self.trouble("custody-seal-differs", name, f"the seal was {seal}")
                    elif record["seal"]["state"] == "broken":
                        self.trouble("custody-seal-differs", name, "the seal was found broken")
                if event == "opened":
                    seal = None
                elif event == "sealed":
                    seal = record["seal"]["number"]
                if event == "written":
                    serial, gone = None, False
                gone = gone or event == "destroyed"
                found = medium.get("serial")
                if None not in (serial, found) and serial != found:
                    self.trouble("custody-medium-differs", name, f"the serial number was {serial}")
                serial = serial or found
                found = next((one["digest"] for one in record["volumes"] or [] if one["number"] == number), None)
                if None not in (volume_digest, found) and volume_digest != found:
                    self.trouble("custody-medium-differs", name, f"volume {number} had the digest {volume_digest}")
                volume_digest = volume_digest or found
        for name, record in self.links:
            if record["created"] > self.now + A_DAY:
                self.trouble("custody-chain-broken", name, "it claims to be written in the future")


def is_custody(name):
    return ".custody-" in name and name.endswith(".dsse.json")


def show_custody(media, roots, now):
    """Judges the records beside a bundle, or alone; 1 where something does not fit together."""
    files, manifest, volumes = [], None, None
    for path in media:
        names = sorted(os.listdir(path), key=os.fsencode) if os.path.isdir(path) else [None]
        for name in names:
            file = os.path.join(path, name) if name else path
            name = os.path.basename(file)
            if is_custody(name):
                files.append((name, open_plain(file).read(MAX_CUSTODY_BYTES + 1)))
            elif name.endswith(".tar") and manifest is None:
                envelope = Envelope(open_volume(name, open_plain(file)).envelope, name)
                envelope.check_kind("manifest", name)
                roots[-1].verify("export", "manifest", envelope, name)
                manifest = sha256(envelope.payload)
                volumes = len(read_document(envelope.payload, MANIFEST, name)["volumes"])
    if manifest is None:
        manifest = only_manifest(files, roots)
    chain = Custody(files, roots, manifest, volumes, now)
    print(f"{len(chain.links)} custody records of {manifest} count")
    for name, record in chain.links:
        print(f"  {spell(record['at'])} {record['event']}: {printable(name)}")
    for code, name, reason in chain.troubles:
        print(f"  {printable(name)}: {printable(reason)} [{code}]")
    say_revocations(roots)
    return int(any(code != "custody-record-unproven" for code, *_ in chain.troubles))


def only_manifest(files, roots):
    found = set()
    for name, data in files:
        try:
            envelope = Envelope(data, name)
            if any(root.all_signers("custody", envelope, name) for root in roots):
                found.add(read_document(envelope.payload, CUSTODY, name)["manifest"])
        except Refused:
            pass
    if len(found) != 1:
        raise Unable("the records are about no bundle or several, and no volume is there")
    return found.pop()


# ---- capsules: capsule.md

INDEX = struct(
    format=integer,
    generator=text,
    left_out=struct(content=integer, missing=integer),
    parts=integer,
    report=digest,
)
KEPT_INDEX = struct(format=integer, left_out=struct(bytes=integer, objects=integer), parts=integer)
PART = struct(bytes=integer, digest=digest, name=text)
PART_NAME = re.compile(
    r"report\.ndjson|basis/(?:(?:approvals|custody|reviews|scans|seen)\.ndjson|(?:catalog|examined|memory)\.ndjson\.zst|manifest\.dsse\.json|objects\.tar|order\.json)"
    r"|objects/[0-9a-f]{2}/[0-9a-f]{62}"
    r"|(?:countersignatures|trust/(?:anchors|policies|revocations|roots))/(?:0|[1-9][0-9]*)\.dsse\.json"
)


def index_lines(file, subject, first, max_parts):
    """The header and the parts of an index (capsule.md §1)."""
    last, count, head = "", 0, None
    while line := file.readline(MAX_INDEX_LINE_BYTES + 1):
        if len(line) > MAX_INDEX_LINE_BYTES or not line.endswith(b"\n"):
            raise Refused("json-not-strict", subject, "a line of its index is too long, or is cut")
        fields = read_document(line[:-1], PART if head else first, subject)
        if canonical(fields) != line[:-1]:
            raise Refused("json-not-strict", subject, "a line of its index is not the text that its values are written as")
        if head is None:
            head = fields
            if head["format"] != 1:
                raise Refused("unknown-format", subject, f"format {head['format']} is not known")
            if head["parts"] > max_parts:
                raise Refused("size-exceeded", subject, "it has more parts than there may be")
            yield head
            continue
        if fields["name"] <= last:
            raise Refused("container-not-exact", subject, f"{fields['name'][:100]!r} is named twice, or out of order")
        last, count = fields["name"], count + 1
        yield fields
    if head is None:
        raise Refused("json-not-strict", subject, "its index is empty")
    if count != head["parts"]:
        raise Refused("container-not-exact", subject, "its index does not name as many parts as it says")


def unpack(path, subject, folder, first, max_parts, max_index_bytes):
    """Every part as the index says, in a folder; nothing of it is believed (capsule.md §1). Gives the index's first line and each part."""
    volume = Volume(subject, open_plain(path))
    untrusted_header = volume.header()
    size = claimed_size(untrusted_header)
    if size is not None and size > max_index_bytes:
        raise Refused("size-exceeded", subject, "its index is larger than its limit")
    if size is None or untrusted_header != header("index.ndjson", size):
        volume.not_exact("the first header is not that of an index")

    def store(place, size):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        hasher = hashlib.sha256()
        with open(place, "xb") as file:
            for data in volume.chunks(size):
                hasher.update(data)
                file.write(data)
        volume.padding(size)
        return "sha256:" + hasher.hexdigest()

    index = os.path.join(folder, "index")
    store(index, size)
    with open(index, "rb") as file:
        lines = index_lines(file, subject, first, max_parts)
        yield next(lines)
        for part in lines:
            name = part["name"]
            if not PART_NAME.fullmatch(name):
                raise Refused("unsafe-name", subject, f"no part has the name {name[:100]!r}")
            volume.expect(name, part["bytes"])
            found = store(os.path.join(folder, name), part["bytes"])
            own = "sha256:" + name[8:].replace("/", "") if name.startswith("objects/") else found
            if found != part["digest"] or own != found:
                raise Refused("digest-mismatch", f"{subject}: {name}", "its bytes are not those that are named by digest")
            yield part
    volume.end()


def unpack_capsule(path, folder):
    """The index's first line, the parts that are no objects by name, and the objects (capsule.md §4)."""
    unpacked = unpack(path, os.path.basename(path), folder, INDEX, MAX_PARTS, MAX_INDEX_BYTES)
    head, parts, objects = next(unpacked), {}, []
    for part in unpacked:
        if part["name"].startswith("objects/"):
            objects.append(part["digest"])
        else:
            parts[part["name"]] = part
    return head, parts, objects


def kept_objects(path, subject, objects):
    """The objects that were kept of what was refused or kept out (capsule.md §3); none of them lies beside them too."""
    with tempfile.TemporaryDirectory() as folder:
        unpacked = unpack(path, subject, folder, KEPT_INDEX, MAX_KEPT_OBJECTS, (MAX_KEPT_OBJECTS + 1) * MAX_INDEX_LINE_BYTES)
        next(unpacked)
        for part in unpacked:
            if not part["name"].startswith("objects/"):
                raise Refused("unsafe-name", subject, f"{part['name'][:100]!r} is not the name of an object")
            if part["digest"] in objects:
                raise Refused("container-not-exact", subject, f"{part['name']} is there twice")
            yield part["digest"]


def verify_capsule(path, roots, judge=None):
    """capsule.md §4: whether every part follows from the root. `judge` hears of what was opened, while it is there. Proofs and policy are not judged
    again: that is `sealift reverify`."""
    subject = os.path.basename(path)
    with tempfile.TemporaryDirectory() as folder:
        index, parts, objects = unpack_capsule(path, folder)

        def read(name, code="object-missing"):
            if name not in parts:
                raise Refused(code, subject, f"it lacks {name}")
            with open(os.path.join(folder, name), "rb") as file:
                return file.read(MAX_ENVELOPE_BYTES + 1)

        first = f"trust/roots/{roots[0].version}.dsse.json"
        if Root(read(first, "not-rooted-in-pin"), first).fingerprint != roots[0].fingerprint:
            raise Refused("not-rooted-in-pin", subject, "its root of that version is another one")
        chain = Chain(roots[:1])
        while (name := f"trust/roots/{chain[-1].version + 1}.dsse.json") in parts:
            chain.append(chain[-1].advance(read(name), name))
        versions = [int(name.split("/")[2].partition(".")[0]) for name in parts if name.startswith("trust/roots/")]
        if any(version > chain[-1].version for version in versions):
            raise Refused("root-chain-broken", subject, "a root is missing between those that it carries")
        if "report.ndjson" not in parts:
            raise Refused("object-missing", subject, "it lacks its report")
        head, found, persons, proof = verify_report(os.path.join(folder, "report.ndjson"), chain)
        if found != index["report"]:
            raise Refused("digest-mismatch", subject, "its report is another one than the index says")
        basis = {"basis/" + part["name"]: (part["bytes"], part["digest"]) for part in head.get("basis", [])}
        for name, (size, expected) in basis.items():
            if name not in parts:
                raise Refused("object-missing", subject, f"it lacks {name}, which its report names")
            if (parts[name]["bytes"], parts[name]["digest"]) != (size, expected):
                raise Refused("digest-mismatch", f"{subject}: {name}", "it is not the one that the report names")
        by_version = {root.version: root for root in chain}
        then = by_version.get(head["trust"]["root"]["version"])
        if then is None or then.fingerprint != head["trust"]["root"]["digest"]:
            raise Refused("root-chain-broken", subject, "its roots do not lead to the one that the report names")
        known = [root for root in chain if root.version <= then.version]
        order = read_json(read("basis/order.json")) if "basis/order.json" in parts else {}
        allowed = check_standing(head, order.get("revocations"), known, parts, read, subject)
        allowed |= set(basis) | {"report.ndjson"}
        for name in parts:
            if name not in allowed and not name.startswith(("trust/roots/", "countersignatures/")):
                raise Refused("object-not-listed", f"{subject}: {name}", "its report does not name it")
        if revocations := head["trust"]["revocations"]:
            name = f"trust/revocations/{revocations['version']}.dsse.json"
            chain.take(read(name), known, name)
            verify_report(os.path.join(folder, "report.ndjson"), chain)
        named = named_objects(head, then, parts, folder, read, subject)
        if "basis/objects.tar" in parts:
            kept = os.path.join(folder, "basis/objects.tar")
            objects += list(kept_objects(kept, f"{subject}: objects.tar", set(objects)))
        for name in objects:
            if name not in named:
                raise Refused("object-not-listed", subject, f"neither its catalog nor its manifest names the object {name}")
        said = [(name, *capsule_countersignature(name, read(name), chain, head, found, os.path.join(folder, "report.ndjson"))) for name in parts if name.startswith("countersignatures/")]
        if judge:
            judge(head, known, parts, read)
    return head, found, persons, len(objects), index["left_out"], said


def capsule_countersignature(subject, data, roots, head, digest, path):
    """What a person says of the report, by its signatures alone (capsule.md §4)."""
    envelope = Envelope(data, subject)
    persons, body = read_statement("countersignature", envelope, roots, subject)
    if body["report"] != {"digest": digest, "number": head["number"]}:
        raise Refused("digest-mismatch", subject, "it is about another report")
    keys = {key for root in roots for person, key in root.all_signers("countersignature", envelope, subject) if person in persons}
    check_separate(head, persons, keys, read_report_envelope(path), roots, subject)
    return persons, body


def check_standing(head, before, known, parts, read, subject):
    """The documents that counted then, each signed as the roots of then ask, and of the digest that the report names."""
    policy = head["policy"] if head["policy"] and head["policy"]["signed_by"] else None
    stands = [
        ("anchors", "trust-data", "trust", head["trust"]["trust_data"]),
        ("revocations", "revocations", "trust", head["trust"]["revocations"]),
        ("policies", "policy", "policy", policy),
    ]
    allowed = set()
    for folder, kind, role, named in stands:
        versions = [(named["version"], named["digest"])] if named else []
        if folder == "revocations" and before is not None and before not in [version for version, _ in versions]:
            versions.append((before, None))
        for version, expected in versions:
            name = f"trust/{folder}/{version}.dsse.json"
            envelope = Envelope(read(name), name)
            signed, newest = False, None
            for root in reversed(known):
                try:
                    signed = bool(root.verify(role, kind, envelope, name))
                    break
                except Refused as refused:
                    newest = newest or refused
            if not signed:
                raise newest
            if expected is not None and sha256(envelope.payload) != expected:
                raise Refused("digest-mismatch", f"{subject}: {name}", "it is not what counted then, as the report says")
            allowed.add(name)
    return allowed


ORDER = struct(
    optional={"again": always},
    gap=word("record", "refuse"),
    has_base=anything,
    last=or_null(struct(epoch=integer, manifest=digest, sequence=integer)),
    numbered=or_null(digest),
    revocations=or_null(integer),
)


def attempt_again(head, known, parts, read):
    """Seal, recipient, time, order and approvals, as of the report and by what the enclave remembered: they come to what the report says
    (capsule.md §5). Gives whether there was a seal to judge."""
    if "basis/manifest.dsse.json" not in parts or "basis/order.json" not in parts:
        return False
    order = read_document(read("basis/order.json"), ORDER, "basis/order.json")
    last = order["last"] or {"epoch": 0, "manifest": None, "sequence": 0}
    memory = Memory({"last_epoch": last["epoch"], "last_manifest": last["manifest"], "last_sequence": last["sequence"], "same_number": order["numbered"]})
    memory.is_decided = order["again"] is True
    memory.record_gaps, memory.known_time = order["gap"] == "record", time(head["known_time"]["time"]) if head["known_time"] else None
    site = Chain(known)
    if order["revocations"] is not None:
        name = f"trust/revocations/{order['revocations']}.dsse.json"
        site.take(read(name), known, name)
    envelope, verdict = Envelope(read("basis/manifest.dsse.json"), "the manifest"), Verdict()
    lines = read("basis/approvals.ndjson").splitlines() if "basis/approvals.ndjson" in parts else []
    codes = {refusal["code"] for refusal in head["refusals"]}
    try:
        verdict.exporters, verdict.digest = known[-1].verify("export", "manifest", envelope, "the manifest"), sha256(envelope.payload)
        check_not_revoked(site, known[-1], envelope, verdict.digest, "the manifest")
        verdict.manifest = read_document(envelope.payload, MANIFEST, "the manifest")
        check_manifest(verdict.manifest, "the manifest")
        memory.base = verdict.manifest.get("base") if order["has_base"] is True else None
        vouch(verdict, [("an approval", line) for line in lines], known[-1], time(head["created"]), memory, site)
    except Refused as refused:
        if head["outcome"] == "refused" and codes == {refused.code}:
            return True
        if head["outcome"] == "refused" and refused.code == "approvals-missing" and "basis/approvals.ndjson" not in parts:
            # What is no envelope is never kept.
            return False
        raise Refused("reverify-differs", "the report", f"it says {sorted(codes) or 'imported'}, and {refused} [{refused.code}]") from None
    judged = [check["id"] for check in head["checks"] if check["result"] == "fail" and check["id"] in ("recipient", "order", "freshness", "approvals")]
    if judged:
        raise Refused("reverify-differs", "the report", f"it says that {', '.join(judged)} failed, and nothing is wrong there")
    named = {(person["role"], person["person"]) for person in head["people"]}
    found = {("export", person) for person in verdict.exporters} | {("approve", person) for person in verdict.approvers}
    if named != found:
        raise Refused("reverify-differs", "the report", f"it names {sorted(named)}, and those who signed are {sorted(found)}")
    return True


def named_objects(head, root, parts, folder, read, subject):
    """The objects that the manifest and the catalog name, both of which are judged by their seals and digests."""
    if "basis/manifest.dsse.json" not in parts:
        return set()
    envelope = Envelope(read("basis/manifest.dsse.json"), "the manifest")
    root.verify("export", "manifest", envelope, "the manifest")
    if head["bundle"] is None or sha256(envelope.payload) != head["bundle"]["manifest"]:
        raise Refused("digest-mismatch", subject, "its manifest is not the one that the report names")
    manifest = read_document(envelope.payload, MANIFEST, "the manifest")
    check_manifest(manifest, "the manifest")
    named = {manifest["plan"], *(manifest.get("side_data") or {}).values()}
    name = "basis/catalog.ndjson.zst"
    if name not in parts:
        return set()
    if parts[name]["digest"] != manifest["catalog"]["digest"]:
        raise Refused("digest-mismatch", subject, "its catalog is not the one that was signed")
    if "basis/examined.ndjson.zst" not in parts:
        return set()
    with open(os.path.join(folder, name), "rb") as stored, open(os.path.join(folder, "basis/examined.ndjson.zst"), "rb") as examined:
        said = compressed_lines(examined, "basis/examined.ndjson.zst")
        for kind, fields in catalog_records(stored, manifest):
            if kind != "artifact":
                continue
            line = next(said, None)
            if line is None:
                raise Refused("json-not-strict", subject, "its basis says less than its catalog lists")
            content = read_document(line, anything, "basis/examined.ndjson.zst")
            for proof in fields.get("proofs") or []:
                if proof["state"] == "present":
                    named.update(one for one in proof.get("objects") or [] if one != fields["digest"])
            if isinstance(content, dict) and content.get("content") is True:
                named.add(fields["digest"])
    return named


def compressed_lines(stored, subject):
    """The lines of one zstd frame whose size nobody says (capsule.md §3)."""
    rest, lines = bytearray(), []

    def split(content):
        rest.extend(content)
        *complete, last = bytes(rest).split(b"\n")
        lines.extend(complete)
        rest[:] = last
        if len(rest) > MAX_CATALOG_LINE_BYTES:
            raise Refused("size-exceeded", subject, "a line is longer than 16 MiB")

    decoder = new_decoder(split)
    for data in iter(lambda: stored.read(4096), b""):
        try:
            decoder.feed(data)
        except DecodeError as error:
            raise Refused("size-exceeded", subject, f"its zstd frame cannot be decoded: {error}") from None
        yield from lines
        lines.clear()


def show_capsule(path, roots):
    judged = []
    head, name, persons, objects, left_out, said = verify_capsule(path, roots, lambda *opened: judged.append(attempt_again(*opened)))
    print(f"verified the capsule of report {head['number']} of {printable(head['station']['name'])}: {head['outcome']}")
    print(f"  signed by {printable(', '.join(persons))}, {name}; {objects} objects")
    for _, by, body in said:
        print(f"  {body['said']} by {printable(', '.join(by))}: {printable(body['reason'])}")
    print(f"  left out: {left_out['content']} contents, {left_out['missing']} objects, as its index says")
    if judged == [True]:
        print("  seal, recipient, time, order and approvals come to what the report says, as of then")
    print("  not judged again: proofs and policy (`sealift reverify` does), and whether keys have been revoked since")


# ---- the records of an enclave together: log.md §8, retention.md §2

STATEMENTS = {"hold": None, "release": "trust", "tombstone": "import", "renewal": "import", "loss": "trust", "countersignature": "approve"}
STATEMENT_FILE = re.compile(r"(\d{6,})-([a-z]+)\.(dsse\.json|list\.ndjson)", re.ASCII)
REPORT_FILE = re.compile(r"(\d{6,})-.*\.report\.ndjson", re.ASCII)
RENEWED = struct(digest=digest, path=text, sha512=text, size=integer)


def check_texts(body, name):
    """What persons wrote (retention.md §2)."""
    for value, limit in ((body["reason"], 2000), (body.get("ticket"), 200)):
        bad = value is not None and (len(value.encode()) > limit or any(unicodedata.category(letter) == "Cc" for letter in value))
        if bad or (limit == 2000 and not value.strip()):
            raise Refused("json-not-strict", name, "what a person wrote is empty, too long or holds a control character")


def is_plain_path(path):
    """Components that lead nowhere else, on any system (limits.md)."""
    if len(path.encode()) > 1024:
        return False
    stems = {"con", "prn", "aux", "nul"} | {f"{device}{number}" for device in ("com", "lpt") for number in range(1, 10)}
    return all(
        re.fullmatch(r"[!-~]{1,255}", part) and not re.search(r'[\\:*?"<>|]', part) and not part.endswith(".") and part.split(".")[0].lower() not in stems
        for part in path.split("/")
    )


def check_statement(what, body, name):
    """The rules of retention.md that a schema cannot say."""

    def demand(holds, reason):
        if not holds:
            raise Refused("json-not-strict", name, reason)

    if what in ("hold", "release", "loss", "countersignature"):
        check_texts(body, name)
    if what == "hold":
        scope = body["scope"]
        demand(scope["kind"] != "dates" or time(scope["from"]) < time(scope["until"]), "its scope ends before it begins")
        named = scope.get("purl", scope.get("key", "x"))
        fits = 1 <= len(named.encode()) <= 2000 and not any(unicodedata.category(letter) == "Cc" for letter in named)
        demand(fits and (scope["kind"] != "purl" or named.startswith("pkg:")), "its scope names nothing")
    elif what == "tombstone":
        demand(time(body["at"]) <= time(body["created"]), "`at` is after `created`")
        for entry in body["entries"]:
            below = entry["path"].startswith(("reports/", "reviews/", "store/objects/"))
            demand(below and is_plain_path(entry["path"]), "a path is not where records lie")
            demand(time(entry["until"]) <= time(body["at"]), "an entry was kept for longer")
            demand((entry["class"] in ("report", "refusal")) == ("report" in entry), "a report stands where there is none, or lacks")
    elif what == "loss":
        demand(ascending([report["number"] for report in body["reports"]]), "`reports` do not ascend")


class Enclave:
    """A folder with an enclave's log, reports and statements, which are to be those of its trusted roots."""

    def __init__(self, folder, roots):
        self.folder, self.roots, self.statements, self.gone, self.heads = folder, roots, [], {}, []
        self.revoked, self.spared, self.keys = [], {}, {}
        self.reports = self.read_reports()
        if not self.reports and not os.path.isdir(self.path("log")):
            raise Unable(f"{folder} holds no reports and no log")
        self.read_log()
        for number, what, expected in [(leaf["number"], leaf["what"], leaf["digest"]) for leaf in self.told("statement")]:
            self.read_statement(number, what, expected)
        self.check_statement_files()
        self.check_renewals()
        for number, _, what, body, _ in self.statements:
            gone = [entry["report"] for entry in body["entries"] if "report" in entry] if what == "tombstone" else body.get("reports", [])
            for report in gone:
                self.gone.setdefault(report["number"], (report, what, number))
        self.check_order()
        self.check_countersignatures()
        self.beside = 0
        pruned = {entry["path"] for _, _, what, body, _ in self.statements if what == "tombstone" for entry in body["entries"]}
        for head, _, path in self.reports.values():
            # Named before anybody knew what would come of the attempt.
            self.check_beside(head, path.removesuffix(".report.ndjson").removesuffix("-refused"), pruned)

    def check_beside(self, head, place, pruned):
        """What an attempt was judged by, and what state.db took in, is as the report names it; nothing else lies there (report.md §2, log.md §7)."""
        folder, named = place + ".basis", {part["name"]: part for part in head.get("basis", [])}
        for name in sorted(set(os.listdir(folder)) - set(named)) if os.path.isdir(folder) else []:
            raise Refused("state-rolled-back", os.path.join(folder, name), "its report does not name it")
        for name, part in named.items():
            path = os.path.join(folder, name)
            if os.path.exists(path):
                found, _, size = digests_of(path)
                if (found, size) != (part["digest"], part["bytes"]):
                    raise Refused("digest-mismatch", path, "it is not the one that its report names")
            elif os.path.relpath(path, self.folder) not in pruned:
                raise Refused("state-rolled-back", path, "its report names it, and it is missing")
            self.beside += 1
        if head.get("journal"):
            self.check_journal(place + ".journal.ndjson.zst", head["journal"])
            self.beside += 1

    def check_journal(self, path, named):
        """The lines, as state.db took them in (log.md §7)."""
        if not os.path.exists(path):
            raise Refused("state-rolled-back", path, "its report names it, and it is missing")
        found, count, size = hashlib.sha256(), 0, 0

        def take(content):
            nonlocal count, size
            found.update(content)
            count, size = count + content.count(b"\n"), size + len(content)

        try:
            frame = Frame(named["bytes"], take, path)
            with open(path, "rb") as file:
                while data := file.read(CHUNK):
                    frame.feed(data)
            frame.finish()
        except Refused as refused:
            raise Refused("digest-mismatch", path, f"it cannot be read: {refused.reason}") from None
        if (count, size, "sha256:" + found.hexdigest()) != (named["count"], named["bytes"], named["digest"]):
            raise Refused("digest-mismatch", path, "it is not the one that its report names")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def names(self, folder):
        return sorted(os.listdir(self.path(folder))) if os.path.isdir(self.path(folder)) else []

    def read_reports(self):
        found = {}
        for name in self.names("reports"):
            match = REPORT_FILE.fullmatch(name)
            if not match:
                continue
            path = self.path("reports", name)
            try:
                head, name, _, proof = verify_report(path, self.roots)
            except Refused as refused:
                # Of renewals only the log tells, and of its length the reports: this one is taken so far.
                if refused.code != "key-revoked" or refused.key is None or self.roots.since(refused.key) is None:
                    raise
                head, name, _, proof = verify_report(path, self.roots.without(refused.key))
                self.revoked.append((path, refused))
            if head["number"] != int(match[1]) or head["number"] in found:
                raise Refused("state-rolled-back", path, "it lies there under another number, or twice")
            found[head["number"]] = (head, name, path)
            for point in (proof.before, proof.after) if proof else ():
                if point:
                    self.heads.append((point.size, point.root, path))
        return found

    def read_log(self):
        """Every leaf that counts: those that are signed, and those after them that tell of something that is there."""
        folder = self.path("log")
        signed = max((size for size, *_ in self.heads), default=0)
        shown = None
        if os.path.exists(os.path.join(folder, "checkpoint")):
            shown = Checkpoint(read_note(os.path.join(folder, "checkpoint")), os.path.join(folder, "checkpoint"))
            if shown.signatures or shown.origin != log_origin(self.roots[-1]):
                shown.verify(self.roots)
            self.heads.append((shown.size, shown.root, shown.subject))
            if not self.reports and shown.size:
                raise Refused("state-rolled-back", folder, f"{shown.size} leaves are signed, and no report is there")
        size = max(signed, shown.size if shown else 0)
        while os.path.exists(os.path.join(folder, tile_path("entries", size // 256, size % 256 + 1))) and self.counts(folder, size):
            size += 1
        self.size, self.leaves, tree, wanted = size, [], Tree(), {}
        for count, root, subject in self.heads:
            wanted.setdefault(count, []).append((root, subject))
        self.levels = []
        for first in range(0, size, 256):
            width = min(256, size - first)
            for text in read_entries(folder, first // 256, width):
                node = hashlib.sha256(b"\0" + text).digest()
                tree.push(node)
                self.push(node)
                for root, subject in wanted.get(tree.size, []):
                    if root != tree.root():
                        raise Refused("log-inconsistent", subject, f"the log's first {tree.size} leaves give another root")
                try:
                    leaf = read_json(text)
                    kind = leaf["kind"]
                except (NotStrict, KeyError, TypeError):
                    raise Refused("log-inconsistent", folder, f"entry {tree.size - 1} is no leaf") from None
                if kind != "artifact":
                    self.leaves.append((tree.size - 1, leaf))
        self.check_tiles(folder)

    def counts(self, folder, place):
        """Whether a leaf that nothing signed covers tells of something that is there (log.md §7)."""
        try:
            leaf = read_json(read_entries(folder, place // 256, place % 256 + 1)[-1])
            kept = [os.path.lexists(self.path("generations", str(number))) for number in leaf.get("generations", [leaf.get("generation")])]
            if leaf["kind"] == "statement":
                path = self.statement_path(leaf["number"], leaf["what"])
                return os.path.exists(path) and sha256(Envelope(read_whole(path, MAX_ENVELOPE_BYTES + 1), path).payload) == leaf["digest"]
            return leaf["kind"] == "recheck" or (leaf["kind"] == "rollback" and all(kept)) or (leaf["kind"] == "sweep" and not any(kept))
        except (Refused, NotStrict, KeyError, TypeError, AttributeError):
            return False

    def push(self, node):
        """The hashes of every level, in tiles (C2SP tlog-tiles.md)."""
        for level in range(8):
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level].append(node)
            if len(self.levels[level]) % 256:
                return
            tree = Tree()
            for part in self.levels[level][-256:]:
                tree.push(part)
            node = tree.root()

    def check_tiles(self, folder):
        known = {"checkpoint"}
        for level, hashes in enumerate(self.levels):
            for first in range(0, len(hashes), 256):
                part = hashes[first : first + 256]
                name = tile_path(str(level), first // 256, len(part))
                if read_log_file(folder, name, 256 * 32) != b"".join(part):
                    raise Refused("log-inconsistent", os.path.join(folder, name), "it has other hashes than the entries give")
        for place, _, files in os.walk(folder):
            for name in files:
                below = os.path.relpath(os.path.join(place, name), folder)
                if below not in known and not self.is_tile(below):
                    raise Refused("log-inconsistent", os.path.join(folder, below), "it is no part of the log")

    def is_tile(self, below):
        match = re.fullmatch(r"tile/(entries|\d+)/((?:x\d{3}/)*\d{3})(?:\.p/(\d+))?", below, re.ASCII)
        if not match:
            return False
        level = 0 if match[1] == "entries" else int(match[1])
        index, width = int(match[2].replace("x", "").replace("/", "")), int(match[3] or 256)
        nodes = self.size >> 8 * level
        whole = nodes // 256 > index
        # Beginnings of tiles stay until the tile is whole.
        return tile_path(match[1], index, width) == below and 1 <= width <= 256 and 256 * index + width <= nodes and (width == 256 or not whole)

    def told(self, kind):
        return [leaf for _, leaf in self.leaves if leaf["kind"] == kind]

    def statement_path(self, number, what):
        return self.path("statements", f"{number:06}-{what}.dsse.json")

    def read_statement(self, number, what, expected):
        """retention.md §2."""
        path = self.statement_path(number, what)
        name = f"statement {number} ({what})"
        if what not in STATEMENTS:
            raise Refused("unknown-format", name, "this program knows no such statement")
        if not os.path.exists(path):
            raise Refused("state-rolled-back", name, "it is missing")
        envelope = Envelope(read_whole(path, MAX_ENVELOPE_BYTES + 1), path)
        envelope.check_kind(what, name)
        found = sha256(envelope.payload)
        if found != expected:
            raise Refused("state-rolled-back", name, "it is not the one that was taken")
        persons, body = read_statement(what, envelope, self.roots, name)
        self.keys[number] = {key for root in self.roots for _, key in root.all_signers(what, envelope, name)}
        self.statements.append((number, found, what, body, persons))

    def check_statement_files(self):
        known = {os.path.basename(self.statement_path(number, what)) for number, _, what, *_ in self.statements}
        known |= {f"{number:06}-renewal.list.ndjson" for number, _, what, *_ in self.statements if what == "renewal"}
        for name in self.names("statements"):
            if name not in known:
                raise Refused("enclave-differs", self.path("statements", name), "the log tells of no such statement")

    def check_renewals(self):
        """The renewals follow one another, each with its list; and each report whose key is revoked since stands by one (retention.md §5)."""
        before, covered = None, {}
        for number, found, what, body, _ in self.statements:
            if what != "renewal":
                continue
            name = f"statement {number} (renewal)"
            if body["previous"] != before:
                raise Refused("state-rolled-back", name, "it does not follow the renewal before")
            before, path, listed = found, self.path("statements", f"{number:06}-renewal.list.ndjson"), body["list"]
            if not os.path.exists(path):
                raise Refused("state-rolled-back", name, "its list of files is missing")
            data = read_whole(path, listed["bytes"] + 1)
            lines = data.split(b"\n")
            if (len(data), len(lines) - 1, sha256(data), hashlib.sha512(data).hexdigest()) != (listed["bytes"], listed["count"], listed["digest"], listed["sha512"]) or lines[-1]:
                raise Refused("digest-mismatch", name, "its list of files is not the one that was signed")
            for line in lines[:-1]:
                try:
                    file = RENEWED(read_json(line))
                except NotStrict:
                    raise Refused("digest-mismatch", name, "a line of its list is none") from None
                covered.setdefault((file["digest"], file["sha512"], file["size"]), []).append((number, time(body["created"])))
        for path, refused in self.revoked:
            since, key = self.roots.since(refused.key), refused.key
            renewals = covered.get(digests_of(path), [])
            self.spared[path] = next((number for number, made in renewals if made < since and key not in self.keys[number]), None)
            if self.spared[path] is None:
                raise refused

    def check_order(self):
        """Each report names the one before; what is gone is known by a statement (report.md §1, retention.md §4, §6)."""
        before = None
        for number in sorted(self.reports.keys() | self.gone.keys()):
            if number in self.reports:
                head, found, path = self.reports[number]
                named = head["previous"] and (head["previous"]["number"], head["previous"]["digest"])
            else:
                report, found, path = self.gone[number][0], self.gone[number][0]["digest"], f"report {number}"
                named = report["previous"] and (number - 1, report["previous"])
            if named != before:
                raise Refused("state-rolled-back", path, "it does not follow the report before")
            before = (number, found)
        for leaf in self.told("attempt"):
            if leaf["report"] not in self.reports and leaf["report"] not in self.gone:
                raise Refused("state-rolled-back", self.folder, f"report {leaf['report']}, whose leaves are in the log, is not there")

    def check_countersignatures(self):
        """Each is about the report of its number, and by nobody who has a part in that (retention.md §7)."""
        for number, _, what, body, persons in self.statements:
            if what != "countersignature":
                continue
            name, named = f"statement {number} (countersignature)", body["report"]["number"]
            if named in self.reports:
                head, found, path = self.reports[named]
            else:
                head, found, path = None, self.gone[named][0]["digest"] if named in self.gone else None, None
            if found != body["report"]["digest"]:
                raise Refused("state-rolled-back", name, f"it is about another report {named} than the one that is there")
            if head is not None:
                keys = {key for root in self.roots for key in self.keys[number] if root.person.get(key) in persons}
                check_separate(head, persons, keys, read_report_envelope(path), self.roots, name)

    def holds(self):
        """The names of those in force: a hold ends by a release that came after it and names it, and by nothing else."""
        held = {}
        for _, found, what, body, _ in self.statements:
            if what == "hold":
                held[found] = body["name"]
            elif what == "release":
                held.pop(body["hold"], None)
        return sorted(held.values())


def read_statement(what, envelope, roots, name):
    """Who signed a statement, and what it says (retention.md §2)."""
    persons = judge_statement(what, envelope, roots, name)
    body = read_document(envelope.payload, anything, name)
    known = schema("statement")
    if known is None:
        raise Unable("bundle-spec is not beside this program's folder, and with it the schema of statements")
    read_document(envelope.payload, lambda value: known.check(value, what), name)
    check_statement(what, body, name)
    if body["enclave"] != roots[-1].enclave["id"]:
        raise Refused("wrong-enclave", name, "it is another enclave's")
    return persons, body


def judge_statement(what, envelope, roots, name):
    role = STATEMENTS[what]
    if role is None:
        # Any person of the root may hold, and whoever loses a key does not thereby end it.
        for root in reversed(roots):
            if signers := root.all_signers(what, envelope, name):
                return sorted({person for person, _ in signers})
        raise Refused("key-not-in-role", name, "nobody whom the root knows has signed it")
    good, newest = roots.good(envelope), None
    for root in reversed(roots):
        try:
            signers_of(root, role, what, envelope, name)
        except Refused as refused:
            newest = newest or refused
            continue
        try:
            return signers_of(root, role, what, good, name)
        except Refused:
            raise Refused("key-revoked", name, "too few of those who signed it have keys that are still good") from None
    raise newest


def signers_of(root, role, what, envelope, name):
    """As many persons with a role as it asks for; one for what is one person's word (retention.md §2)."""
    if what != "countersignature":
        return root.verify(role, what, envelope, name)
    signers = root.signers(role, what, envelope, name)
    if not signers:
        raise Refused("key-not-in-role", name, f"nobody with the role {role} has signed it")
    return sorted({person for person, _ in signers})


def check_separate(head, persons, keys, envelope, roots, name):
    """Whoever signed a report, or exported its bundle, does not countersign it (retention.md §7)."""
    exporters = [person for person in head["people"] if person["role"] == "export"]
    signers = {signer for root in roots for signer in root.signers("import", "report", envelope, name)}
    taken = {person["person"] for person in exporters} | {person for person, _ in signers}
    if taken & set(persons) or {key for person in exporters for key in person["keys"]} & keys or {key for _, key in signers} & keys:
        raise Refused("roles-not-separate", name, "it is by somebody who signed the report, or exported the bundle")


def read_report_envelope(path):
    with open(path, "rb") as file:
        return Envelope(file.readline(MAX_ENVELOPE_BYTES + 2).removesuffix(b"\n"), path)


def digests_of(path):
    """Both digests and the size of a file, as a renewal lists it."""
    both, size = (hashlib.sha256(), hashlib.sha512()), 0
    try:
        with open(path, "rb") as file:
            while data := file.read(CHUNK):
                size += len(data)
                for one in both:
                    one.update(data)
    except OSError as error:
        raise Unable(f"cannot read {path}: {error}") from None
    return "sha256:" + both[0].hexdigest(), both[1].hexdigest(), size


def read_entries(folder, index, width):
    name = tile_path("entries", index, width)
    data, entries = read_log_file(folder, name, 256 * (2 + 65535)), []
    while data:
        length = int.from_bytes(data[:2], "big")
        if len(data) < 2 + length:
            raise Refused("log-inconsistent", os.path.join(folder, name), "it ends within an entry")
        entries.append(data[2 : 2 + length])
        data = data[2 + length :]
    if len(entries) != width:
        raise Refused("log-inconsistent", os.path.join(folder, name), "it has not as many entries as its name says")
    return entries


def show_enclave(folder, roots):
    enclave = Enclave(folder, roots)
    print(f"verified the records of {printable(roots[-1].enclave['name'])}: {len(enclave.reports)} reports, {enclave.size} leaves, {len(enclave.statements)} statements")
    for number, (_, what, statement) in sorted(enclave.gone.items()):
        if number not in enclave.reports:
            print(f"  report {number} is {'pruned' if what == 'tombstone' else 'noted as lost'}, by statement {statement}")
    for path, number in sorted(enclave.spared.items()):
        print(f"  {printable(path)}: its key is revoked since; it stands by the renewal in statement {number}")
    for number, _, what, body, persons in enclave.statements:
        print(f"  statement {number}: {what}{countersigned(what, body)}, signed by {printable(', '.join(persons))}")
    print(f"  holds in force: {printable(', '.join(enclave.holds())) or 'none'}")
    print(f"  beside reports: {enclave.beside} files, each as its report names it")
    print("  not checked: state.db, the store, the repository (`sealift audit`)")
    say_revocations(roots)


def countersigned(what, body):
    """What a person says of a report, in words."""
    return f" of report {body['report']['number']}, {body['said']}: {printable(body['reason'])}" if what == "countersignature" else ""


# ---- verification summaries: report.md §5, SLSA 1.2


def verify_vsa(path, roots, report):
    """Statements of a report, one a line, each signed by the role `import`; held against the report if there is one. Gives how many passed and failed."""
    records, name, imported = None, None, False
    if report:
        head, name, _, _ = verify_report(report, roots)
        imported = head["outcome"] == "imported"
        with open(report, "rb") as file:
            file.readline()
            records = [read_json(line.removesuffix(b"\n")) for line in file]
    counts, number = {"PASSED": 0, "FAILED": 0}, 0
    try:
        file = open(path, "rb")
    except OSError as error:
        raise Unable(f"cannot read {path}: {error}") from None
    with file:
        while line := file.readline(MAX_ENVELOPE_BYTES + 2):
            subject = f"{path}, line {number + 1}"
            envelope = Envelope(line.removesuffix(b"\n"), subject)
            if envelope.type != "application/vnd.in-toto+json":
                raise Refused("wrong-document-kind", subject, f"it is no in-toto statement but {envelope.type[:100]!r}")
            in_toto_signers(envelope, roots, subject)
            result, said = read_summary(envelope, subject)
            counts[result] += 1
            if records is not None:
                compare_summary(said, result, records, number, name, subject)
                if result == "PASSED" and not imported:
                    raise Refused("digest-mismatch", subject, "it says PASSED, and nothing was imported")
            number += 1
    if records is not None and number != len(records):
        raise Refused("digest-mismatch", path, f"it has {number} statements, and the report {len(records)} records")
    return counts


def in_toto_signers(envelope, roots, subject):
    """As `Root.verify` counts, for the payload type that belongs to no document of this format."""
    for root in reversed(roots):
        message = envelope.message()
        signers = {
            (root.person[key], key)
            for key, signature in envelope.signatures
            if key in root.roles["import"]["keys"] and root.verifiers[key](message, signature)
        }
        persons = {person for person, _ in signers}
        if min(len(persons), len(signers)) >= max(1, root.threshold("import")):
            roots.check_good({key for _, key in signers}, subject)
            return sorted(persons)
    raise Refused("key-not-in-role", subject, "too few persons with the role import have signed it")


def read_summary(envelope, subject):
    try:
        said = read_json(envelope.payload)
        predicate = said["predicate"]
        fits = (
            said["_type"] == "https://in-toto.io/Statement/v1"
            and said["predicateType"] == "https://slsa.dev/verification_summary/v1"
            and len(said["subject"]) == 1
            and predicate["verificationResult"] in ("PASSED", "FAILED")
            and isinstance(predicate["verifiedLevels"], list)
            and all(isinstance(level, str) for level in predicate["verifiedLevels"])
            and (predicate["verifiedLevels"] == ["FAILED"]) == (predicate["verificationResult"] == "FAILED")
            # No anchor says which level a builder keeps, so none may be claimed.
            and not any(re.fullmatch(r"SLSA_BUILD_LEVEL_[0-9]+", level) for level in predicate["verifiedLevels"])
        )
    except (KeyError, TypeError, NotStrict) as error:
        raise Refused("json-not-strict", subject, f"it is no verification summary: {error}") from None
    if not fits:
        raise Refused("json-not-strict", subject, "it is no verification summary as report.md §5 has it")
    return predicate["verificationResult"], said


def compare_summary(said, result, records, number, name, subject):
    if number >= len(records):
        raise Refused("digest-mismatch", subject, "the report has no such record")
    record, decision = records[number], records[number]["decision"] or {}
    (about,) = said["subject"]
    own = "urn:sealift:report"
    report = said["predicate"].get(own, {}).get("digest", {}).get("sha256")
    if (about["digest"].get("sha256"), about.get("uri")) != (record["digest"][7:], record["purl"]) or report != name[7:]:
        raise Refused("digest-mismatch", subject, "it is about another artifact or report")
    admitted = decision.get("admission") in ("allowed", "reviewed") and (
        decision["rules_say"] == "allow" or (decision["admission"], decision["rules_say"]) == ("reviewed", "review")
    )
    if result == "PASSED" and not admitted:
        raise Refused("digest-mismatch", subject, "it says PASSED, and the report does not")


def arguments():
    parser = argparse.ArgumentParser(description="Verify a bundle without sealift: structure, trust and every byte.")
    parser.add_argument("--root", action="append", metavar="FILE", help="the pinned root; then, in order, those that follow it")
    parser.add_argument("--revocations", metavar="FILE", help="what is no longer good, signed with the role trust")
    parser.add_argument("--now", metavar="TIME", help="judge as of this time, such as 2026-01-31T12:00:00Z")
    parser.add_argument("--vectors", metavar="FOLDER", help="judge every case of bundle-spec/vectors, and compare")
    parser.add_argument("--wycheproof", metavar="FOLDER", help="check this program's own signatures")
    parser.add_argument("--report", metavar="FILE", help="verify the report of an import or a refusal, with --root alone")
    parser.add_argument("--log", metavar="FOLDER", help="verify an enclave's log, and that it holds what --report says")
    parser.add_argument("--enclave", metavar="FOLDER", help="verify an enclave's log, reports and statements together, with --root alone")
    parser.add_argument("--capsule", metavar="FILE", help="verify that every part of a capsule follows from --root")
    parser.add_argument("--vsa", metavar="FILE", help="verify signed verification summaries, and hold them against --report")
    parser.add_argument("--receipt", metavar="FILE", help="verify what an enclave says that it holds, with --root alone")
    parser.add_argument("--custody", action="store_true", help="judge the custody records beside MEDIA, and nothing else")
    parser.add_argument("media", nargs="*", metavar="MEDIA", help="volumes and approvals, or folders that hold them; - is standard input")
    options = parser.parse_args()
    signed = options.report or options.enclave or options.log or options.receipt or options.capsule or options.vsa
    if signed and (not options.root or options.media):
        parser.error("a report, a log, a capsule, a summary or a receipt needs --root, and no media")
    if not options.vectors and not options.wycheproof and not signed and not (options.root and options.media):
        parser.error("give --root and media, or --root and --report, or --vectors")
    if options.now:
        try:
            options.now = time(options.now)
        except NotStrict as error:
            parser.error(f"--now is {error}")
    return options


def load_roots(paths, revocations=None):
    """The pinned root and those that follow it, each verified by the one before; and what is no longer good."""
    roots = Chain()
    for path in paths:
        data = read_whole(path, MAX_ROOT_ENVELOPE_BYTES + 1)
        roots.append(roots[-1].advance(data, path) if roots else pinned_root(data, os.path.basename(path)))
    if revocations:
        roots.take(read_whole(revocations, MAX_ENVELOPE_BYTES + 1), roots, revocations)
    return roots


def read_whole(path, limit):
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError as error:
        raise Unable(f"cannot read {path}: {error}") from None


def main():
    options = arguments()
    try:
        if options.vectors:
            return run_vectors(options.vectors)
        if options.wycheproof:
            return run_wycheproof(options.wycheproof)
        roots = load_roots(options.root, options.revocations)
        if options.capsule:
            show_capsule(options.capsule, roots)
            return 0
        if options.vsa:
            counts = verify_vsa(options.vsa, roots, options.report)
            print(f"verified {sum(counts.values())} verification summaries: {counts['PASSED']} passed, {counts['FAILED']} failed")
            if not options.report:
                print("  not checked: what they say against a report (--report)")
            return 0
        if options.report or options.log:
            proof = show_report(options.report, roots) if options.report else None
            if options.log:
                shown, persons = verify_log(options.log, roots, [proof] if proof else [])
                print(f"verified the log: {shown.size} leaves, checkpoint signed by {printable(', '.join(persons))}")
            return 0
        if options.enclave:
            show_enclave(options.enclave, roots)
            return 0
        if options.receipt:
            show_receipt(options.receipt, roots)
            return 0
        now = options.now if options.now is not None else int(datetime.datetime.now(datetime.timezone.utc).timestamp())
        if options.custody:
            return show_custody(options.media, roots, now)
        show(verify(options.media, roots, now))
        say_revocations(roots)
        return 0
    except Refused as refused:
        print(f"refused: {printable(refused.subject)}: {printable(refused.reason)} [{refused.code}]", file=sys.stderr)
        return 1
    except Unable as unable:
        print(f"error: {printable(unable)}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
