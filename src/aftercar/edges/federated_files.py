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
from aftercar.biomarkers.masked_sums import MaskedShare
from aftercar.edges.files import existing_file, write_text
from aftercar.errors import UsageError


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


def read_keys(folder: Path) -> dict[str, bytes]:
    """The keys of a folder with one ``CENTRE.key`` for each centre.

    Raises:
        UsageError: when there is none.
        BadShare: when one is too short.
    """
    keys = {path.stem: read_key(path) for path in sorted(folder.glob("*.key"))}
    if not keys:
        raise UsageError(f"there is no key in {folder}", fix="put one CENTRE.key for each centre there")
    return keys


def sealed(share: Share | MaskedShare, key: bytes) -> tuple[Share | MaskedShare, str]:
    """The signed share, and the text of its file as it will leave."""
    kind = "aftercar-share" if isinstance(share, Share) else "aftercar-masked-share"
    content = {"format": FORMAT, "kind": kind, **asdict(replace(share, signature=""))}
    signature = signed(json.loads(json.dumps(content)), key)
    return replace(share, signature=signature), json.dumps({**content, "signature": signature}, indent=1) + "\n"


def write_share(path: Path, share: Share | MaskedShare, key: bytes) -> Share | MaskedShare:
    """Sign and write a share; the signed share is returned."""
    done, text = sealed(share, key)
    write_text(path, text)
    return done


def read_share(path: Path, keys: Mapping[str, bytes]) -> Share | MaskedShare:
    """Read a share and check its signature with its centre's key.

    Raises:
        BadSignature: when it was changed, or signed with another key.
        BadShare: for another kind of file, a missing part, or a centre without a key.
    """
    content = _content(path, "aftercar-share", "aftercar-masked-share")
    centre = str(content.get("centre", ""))
    if centre not in keys:
        raise BadShare(f"there is no key of centre {centre!r}", where=str(path), fix=f"put {centre}.key into the folder of keys")
    import hmac

    if not hmac.compare_digest(signed(content, keys[centre]), str(content.get("signature", ""))):
        raise BadSignature("the signature does not fit", where=str(path), fix="ask the centre to send it again")
    try:
        if content["kind"] == "aftercar-masked-share":
            numbers = tuple(f"{int(number, 16):048x}" for number in content["numbers"])
            return MaskedShare(
                str(content["round"]), centre, tuple(map(str, content["centres"])), numbers, str(content["signature"])
            )
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


def _content(path: Path, *kinds: str) -> dict[str, Any]:
    try:
        content = json.loads(existing_file(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadShare(f"not a JSON file: {error}", where=str(path), fix="copy it again") from None
    if not isinstance(content, dict) or content.get("kind") not in kinds or content.get("format") != FORMAT:
        raise BadShare(f"not an {kinds[0]} file of format {FORMAT}", where=str(path))
    return content
