"""Rounds and shares as small signed JSON files.

A share is signed with a key that the centre and the coordinator agreed on (HMAC-SHA256, a file with at least 16 bytes).
Numbers are written so that they read back equal to the last bit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from aftercar.biomarkers.federated import FORMAT, BadShare, Round, Share, signed
from aftercar.edges.files import existing_file, write_text


class BadSignature(BadShare):
    """A share whose signature does not fit its content and the centre's key."""

    code = "bad-signature"


def read_key(path: Path) -> bytes:
    """The key of a centre.

    Raises:
        BadShare: when it is shorter than 16 bytes.
    """
    key = existing_file(path).read_bytes().strip()
    if len(key) < 16:
        raise BadShare(
            "the key is shorter than 16 bytes", where=str(path), fix="make one with: openssl rand -hex 32 > centre.key"
        )
    return key


def write_round(path: Path, round_: Round) -> None:
    """Write a round."""
    write_text(path, json.dumps({"format": FORMAT, "kind": "aftercar-round", **asdict(round_)}, indent=1) + "\n")


def read_round(path: Path) -> Round:
    """Read a round.

    Raises:
        BadShare: for another kind of file or a missing part.
    """
    content = _content(path, "aftercar-round")
    try:
        return Round(
            study=str(content["study"]),
            model=content["model"],
            covariates=tuple(map(str, content["covariates"])),
            outcome=str(content["outcome"]),
            number=int(content["number"]),
            beta=tuple(float(b) for b in content["beta"]),
            mask_below=int(content["mask_below"]),
            fewest_events=int(content["fewest_events"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadShare(
            f"the round lacks or misspells a part: {error}", where=str(path), fix="ask the coordinator again"
        ) from None


def write_share(path: Path, share: Share, key: bytes) -> Share:
    """Sign and write a share; the signed share is returned."""
    content = {"format": FORMAT, "kind": "aftercar-share", **asdict(replace(share, signature=""))}
    signature = signed(json.loads(json.dumps(content)), key)
    write_text(path, json.dumps({**content, "signature": signature}, indent=1) + "\n")
    return replace(share, signature=signature)


def read_share(path: Path, keys: Mapping[str, bytes]) -> Share:
    """Read a share and check its signature with its centre's key.

    Raises:
        BadSignature: when it was changed, or signed with another key.
        BadShare: for another kind of file, a missing part, or a centre without a key.
    """
    content = _content(path, "aftercar-share")
    centre = str(content.get("centre", ""))
    if centre not in keys:
        raise BadShare(f"there is no key of centre {centre!r}", where=str(path), fix=f"put {centre}.key into the folder of keys")
    import hmac

    if not hmac.compare_digest(signed(content, keys[centre]), str(content.get("signature", ""))):
        raise BadSignature("the signature does not fit", where=str(path), fix="ask the centre to send it again")
    try:
        return Share(
            round=str(content["round"]),
            centre=centre,
            people=str(content["people"]),
            events=str(content["events"]),
            value=float(content["value"]),
            score=tuple(float(v) for v in content["score"]),
            information=tuple(tuple(float(v) for v in row) for row in content["information"]),
            third=tuple(tuple(tuple(float(v) for v in row) for row in plane) for plane in content["third"]),
            signature=str(content["signature"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadShare(f"the share lacks or misspells a part: {error}", where=str(path)) from None


def _content(path: Path, kind: str) -> dict[str, Any]:
    try:
        content = json.loads(existing_file(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadShare(f"not a JSON file: {error}", where=str(path), fix="copy it again") from None
    if not isinstance(content, dict) or content.get("kind") != kind or content.get("format") != FORMAT:
        raise BadShare(f"not an {kind} file of format {FORMAT}", where=str(path))
    return content
