"""Electronic signatures: over the whole content, on every page, with a key that a passphrase opens; any change is noticed."""

import datetime as dt
import io
import json
import os
import shutil
import stat
import subprocess

import pytest

from aftercar.actions.report import Wanted, build
from aftercar.actions.report_check import ReportStale, SignatureBroken, read_twin, verify
from aftercar.actions.report_sign import sign
from aftercar.cli.main import main
from aftercar.edges.signing import BadKey, SigningKey, new_key, read_signers
from aftercar.errors import UsageError
from aftercar.reports.blocks import content_digest

AT = dt.datetime(2026, 1, 5, 9, 30, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 1, 6, 14, 0, tzinfo=dt.UTC)
PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name in ("A. Assessor", "R. Reviewer"):
        new_key(folder / f"{name[0]}.key", name, PASSPHRASE)
    (folder / "signers.txt").write_text(
        "# whom we trust\n" + "".join((folder / f"{n}.key.pub").read_text(encoding="utf-8") for n in "AR"), encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("signing") / "published"
    shutil.copytree(request.config.rootpath / "examples" / "published", folder)
    return folder


@pytest.fixture
def signed(published, keys, tmp_path):
    out = tmp_path / "report"
    build(published, out, Wanted("periodic", author="A. Assessor"), ["html", "pdf", "docx", "xlsx"])
    sign(out, published, SigningKey(keys / "A.key", PASSPHRASE), role="medical assessor", meaning="author", signed_at=AT)
    return out


def test_a_signature_states_name_role_meaning_and_time_and_leaves_the_content_alone(published, keys, tmp_path):
    out = tmp_path / "report"
    build(published, out, Wanted("periodic"), ["html"])
    before = content_digest(read_twin(out / "report.json"))
    sign(out, published, SigningKey(keys / "A.key", PASSPHRASE), role="assessor", meaning="approved", signed_at=AT)
    twin = read_twin(out / "report.json")
    assert content_digest(twin) == before
    (signature,) = twin["signatures"]
    assert {key: signature[key] for key in ("name", "role", "meaning", "signed_at", "content")} == {
        "name": "A. Assessor",
        "role": "assessor",
        "meaning": "approved",
        "signed_at": "2026-01-05T09:30:00+00:00",
        "content": before,
    }


def test_every_format_is_signed_on_every_page(signed):
    words = "author: A. Assessor, medical assessor, 2026-01-05T09:30:00+00:00"
    assert words in (signed / "report.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in signed.iterdir()) == [f"report.{e}" for e in ("docx", "html", "json", "pdf", "xlsx")]
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", signed / "report.pdf", "-"], capture_output=True, text=True, check=True).stdout
        pages = text.rstrip("\f").split("\f")
        assert len(pages) > 1
        assert all(words in " ".join(page.split()) for page in pages)


def test_two_people_sign_one_content_and_the_files_are_the_same_bytes_each_time(signed, published, keys, tmp_path):
    for folder in (tmp_path / "one", tmp_path / "two"):
        shutil.copytree(signed, folder)
        reviewer = SigningKey(keys / "R.key", PASSPHRASE)
        sign(folder, published, reviewer, role="safety physician", meaning="reviewed", signed_at=LATER)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    found = verify(tmp_path / "one" / "report.html", published, signers=keys / "signers.txt")
    assert [one.meaning for one in found.signatures] == ["author", "reviewed"]


@pytest.mark.parametrize("ending", ["html", "json", "pdf", "docx", "xlsx"])
def test_a_signed_report_is_verified_in_each_format(signed, published, keys, ending):
    found = verify(signed / f"report.{ending}", published, signers=keys / "signers.txt")
    assert [one.name for one in found.signatures] == ["A. Assessor"]
    assert found.reasons == []


@pytest.mark.parametrize("ending", ["pdf", "docx", "xlsx"])
def test_a_file_without_a_twin_that_was_changed_is_noticed(signed, published, ending):
    path = signed / f"report.{ending}"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ReportStale, match="not what its data give"):
        verify(path, published)


def test_changed_content_is_noticed_even_when_the_data_changed_alike(signed, published, tmp_path):
    copy = tmp_path / "study"
    shutil.copytree(published, copy)
    path = copy / "cases.csv"
    path.write_text(
        path.read_text(encoding="utf-8").replace("aggressive CAR-positive", "indolent CAR-positive"), encoding="utf-8"
    )
    twin = json.loads((signed / "report.json").read_text(encoding="utf-8"))
    build(copy, tmp_path / "other", Wanted("periodic", author="A. Assessor"), ["json"])
    other = read_twin(tmp_path / "other" / "report.json")
    (signed / "report.json").write_text(json.dumps({**other, "signatures": twin["signatures"]}), encoding="utf-8")
    with pytest.raises(SignatureBroken, match="changed after it was signed"):
        verify(signed / "report.json", copy)


@pytest.mark.parametrize(
    ("part", "value"),
    [("name", "S. Omebody"), ("meaning", "approved"), ("signed_at", "2025-01-05T09:30:00+00:00"), ("value", "AAAA")],
)
def test_a_changed_signature_is_noticed(signed, published, part, value):
    path = signed / "report.json"
    twin = json.loads(path.read_text(encoding="utf-8"))
    twin["signatures"][0][part] = value
    path.write_text(json.dumps(twin), encoding="utf-8")
    with pytest.raises(SignatureBroken, match="does not belong to this key"):
        verify(path, published)


def test_a_key_that_nobody_trusts_is_named(signed, published, keys, tmp_path):
    (tmp_path / "signers").write_text((keys / "R.key.pub").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(SignatureBroken, match="not a signer whom you trust"):
        verify(signed / "report.json", published, signers=tmp_path / "signers")


def test_nobody_signs_what_the_data_no_longer_give(published, keys, tmp_path):
    out, copy = tmp_path / "report", tmp_path / "study"
    shutil.copytree(published, copy)
    build(copy, out, Wanted("periodic"), ["pdf"])
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    path = copy / "exposure.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",17578,", ",17579,"), encoding="utf-8")
    with pytest.raises(ReportStale, match="not what the data give now"):
        sign(out, copy, SigningKey(keys / "A.key", PASSPHRASE), role="assessor", meaning="author", signed_at=AT)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [({"meaning": "liked"}, "no meaning"), ({"role": " "}, "needs the role"), ({"folder": "x"}, "not a folder made by")],
)
def test_what_a_signature_needs_is_said(signed, published, keys, tmp_path, change, said):
    asked = {"role": "assessor", "meaning": "author", **change}
    folder = tmp_path / asked.pop("folder") if "folder" in asked else signed
    with pytest.raises(UsageError, match=said):
        sign(folder, published, SigningKey(keys / "A.key", PASSPHRASE), signed_at=AT, **asked)


def test_a_key_opens_with_its_passphrase_only_and_is_never_overwritten(keys, tmp_path):
    assert stat.S_IMODE(os.stat(keys / "A.key").st_mode) == 0o600
    assert b"ENCRYPTED" in (keys / "A.key").read_bytes()
    with pytest.raises(BadKey, match="wrong passphrase"):
        SigningKey(keys / "A.key", "correct horse batterY")
    with pytest.raises(UsageError, match="exists"):
        new_key(keys / "A.key", "A. Assessor", PASSPHRASE)
    with pytest.raises(UsageError, match="shorter than"):
        new_key(tmp_path / "k", "A. Assessor", "short")
    with pytest.raises(UsageError, match="printed name"):
        new_key(tmp_path / "k", " ", PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


def test_a_key_with_another_persons_name_beside_it_is_refused(keys, tmp_path):
    shutil.copy(keys / "A.key", tmp_path / "A.key")
    shutil.copy(keys / "R.key.pub", tmp_path / "A.key.pub")
    with pytest.raises(BadKey, match="belongs to another key"):
        SigningKey(tmp_path / "A.key", PASSPHRASE)
    (tmp_path / "bad").write_text("nonsense of somebody\n")
    with pytest.raises(BadKey, match="line 1"):
        list(read_signers(tmp_path / "bad"))


def test_the_commands_sign_and_verify(published, tmp_path, monkeypatch, capsys):
    def run(*words, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        try:
            main(["report", *words])
        except SystemExit as done:
            return done.code or 0, capsys.readouterr().out
        return 0, capsys.readouterr().out

    report, key, study = str(tmp_path / "report"), str(tmp_path / "me.key"), str(published)
    assert run("build", study, "--kind", "periodic", "--author", "A. A.", "--out", report)[0] == 0
    assert run("key", "--by", "A. A.", "--out", key, typed=PASSPHRASE + "\n")[0] == 0
    asked = ("sign", report, "--study", study, "--key", key, "--role", "assessor", "--meaning", "approved")
    assert run(*asked, typed="wrong passphrase\n")[0] == 3
    assert run(*asked, typed=PASSPHRASE + "\n")[0] == 0
    checking = ("verify", report + "/report.html", "--study", study)
    assert "unchanged since; approved: A. A., assessor" in run(*checking)[1]
    assert "a key that you trust" in run(*checking, "--signers", key + ".pub")[1]
