"""Five simulated centres, plain files: joint equals pooled, what leaves is shown first, and nobody can be reconstructed."""

import csv
import json

import numpy as np
import pytest

from aftercar.actions.biomarkers_cohort import read_input
from aftercar.biomarkers import federated
from aftercar.biomarkers.masked_sums import MODULUS, SCALE, BadMask, MaskedShare, mask, unmask
from aftercar.cli.main import main
from aftercar.cohort.survival import fit_firth_cox
from aftercar.edges.federated_files import read_keys
from aftercar.errors import Conflict, UsageError
from aftercar.vocab.estimates import rate

CENTRES = ("bern", "graz", "lisbon", "oslo", "vienna")


def run(capsys, *words):
    status = 0
    try:
        main(["biomarkers", *map(str, words)])
    except SystemExit as end:
        status = end.code or 0
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder for each centre: its people, its own key, and a key with each other centre. Oslo has one event, Vienna none."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(5)
    (folder / "coordinator" / "keys").mkdir(parents=True)
    people = []
    for k, centre in enumerate(CENTRES):
        home = folder / centre
        (home / "pairs").mkdir(parents=True)
        n = 150 + 50 * k
        ch, lines = (rng.random(n) < 0.3).astype(int), rng.integers(1, 6, n)
        stop = np.ceil(rng.exponential(900, n)) + 1
        cause = (
            (rng.random(n) < 0.04 * np.exp(0.8 * ch)).astype(int) if centre not in ("oslo", "vienna") else np.zeros(n, dtype=int)
        )
        if centre == "oslo":
            cause[7] = 1
        with (home / "cohort.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([("person_id", "start", "stop", "cause", "centre")])
            csv.writer(stream).writerows((f"{centre}{i}", 0, int(stop[i]), cause[i], centre) for i in range(n))
        with (home / "known.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([("person_id", "name", "value", "known_day")])
            for name, values in (("ch", ch), ("lines", lines)):
                csv.writer(stream).writerows((f"{centre}{i}", name, int(values[i]), -10) for i in range(n))
        (home / "own.key").write_text(f"signature key of {centre}, handed to the coordinator")
        (folder / "coordinator" / "keys" / f"{centre}.key").write_text(f"signature key of {centre}, handed to the coordinator")
        for other in CENTRES:
            if other != centre:
                (home / "pairs" / f"{other}.key").write_text("held only by " + " and ".join(sorted((centre, other))))
        people += [(centre, c, s, e, x) for c, s, e, x in zip(cause, stop, ch, lines, strict=True)]
    return folder, people


def answers(capsys, world, round_file, tag, *more):
    files = []
    for centre in CENTRES:
        home = world[0] / centre
        out = world[0] / "coordinator" / f"{centre}-{tag}.json"
        words = [
            "share",
            round_file,
            home / "cohort.csv",
            "--covariates",
            home / "known.csv",
            "--centre",
            centre,
            "--key",
            home / "own.key",
        ]
        words += ["--out", out, *[str(word).replace("HOME", str(home)) for word in more]]
        status, shown, err = run(capsys, *words)
        assert status == 0, err
        assert "nothing was written" in err
        assert not out.exists()
        assert run(capsys, *words, "--commit")[0] == 0
        assert out.read_text() == shown, "what was shown is not what left"
        files.append(out)
    return files


def test_the_joint_fit_under_masks_equals_the_pooled_fit(capsys, world):
    desk = world[0] / "coordinator"
    step = desk / "round1.json"
    assert run(capsys, "combine", step, "--new", "demo", "--use", "ch,lines")[0] == 0
    for number in range(2, 40):
        files = answers(capsys, world, step, f"fit{number}", "--pair-keys", "HOME/pairs")
        after = desk / f"round{number}.json"
        status, out, err = run(capsys, "combine", step, *files, "--keys", desk / "keys", "--out", after, "--json")
        assert status == 0, err
        if not after.exists():
            break
        step = after
    joint = {row["covariate"]: row["coefficient"] for row in json.loads(out)}
    names, cause, stop, ch, lines = zip(*world[1], strict=True)
    pooled = fit_firth_cox(stop=stop, event=cause, x=np.column_stack([ch, lines]), strata=names, limits=False)
    assert [joint["ch"], joint["lines"]] == pytest.approx(list(pooled.coefficients), abs=1e-8)


def test_joint_rates_are_exact(capsys, world):
    desk = world[0] / "coordinator"
    step = desk / "rates.json"
    assert run(capsys, "combine", step, "--new", "demo", "--model", "rate", "--use", "ch")[0] == 0
    files = answers(capsys, world, step, "rate", "--pair-keys", "HOME/pairs")
    status, out, err = run(capsys, "combine", step, *files, "--keys", desk / "keys", "--json")
    assert status == 0, err
    found = {row["group"]: row for row in json.loads(out)}
    rows = np.array([(cause, stop, ch) for _, cause, stop, ch, _ in world[1]], dtype=float)
    for group, who in (("all", rows[:, 2] >= 0), ("ch = 1", rows[:, 2] == 1), ("ch = 0", rows[:, 2] == 0)):
        exact = rate(int(rows[who, 0].sum()), rows[who, 1].sum() / 365.25)
        row = found[group]
        assert (row["people"], row["events"]) == (who.sum(), rows[who, 0].sum())
        assert [row["rate"], row["low"], row["high"]] == pytest.approx([exact.value, exact.low, exact.high], rel=1e-14)


def test_rates_in_the_clear_and_half_masked_rounds_are_refused(capsys, world, tmp_path):
    home, desk = world[0] / "bern", world[0] / "coordinator"
    known = ["--covariates", home / "known.csv", "--centre", "bern", "--key", home / "own.key", "--out", tmp_path / "x.json"]
    run(capsys, "combine", tmp_path / "rates.json", "--new", "demo", "--model", "rate")
    status, _, err = run(capsys, "share", tmp_path / "rates.json", home / "cohort.csv", *known)
    assert (status, "--pair-keys" in err) == (2, True)
    run(capsys, "combine", tmp_path / "round.json", "--new", "demo", "--use", "ch")
    files = answers(capsys, world, tmp_path / "round.json", "half", "--pair-keys", "HOME/pairs")
    assert run(capsys, "combine", tmp_path / "round.json", *files[1:], "--keys", desk / "keys")[0] == 3
    run(capsys, "share", tmp_path / "round.json", home / "cohort.csv", *known, "--commit")
    status, _, err = run(capsys, "combine", tmp_path / "round.json", tmp_path / "x.json", *files[1:], "--keys", desk / "keys")
    assert (status, "same way" in err) == (2, True)


def attack(share, known):
    """Learn the covariate of a centre's only case from its file: in a Cox model at zero, score = x - mean at risk.

    The mean follows from the information, p (1 - p), of one yes-or-no covariate. Works in the clear.
    """
    if isinstance(share, MaskedShare):
        numbers = [int(number, 16) for number in share.numbers]
        score, information = ((n - MODULUS if n > MODULUS // 2 else n) / SCALE for n in (numbers[3], numbers[4]))
    else:
        score, information = share.score[0], share.information[0][0]
    p = 0.5 - np.sqrt(np.clip(0.25 - information, 0, 0.25)) if known else 0.5
    return int(abs(score + p - 1) < abs(score + p))


def test_a_person_cannot_be_reconstructed(world):
    """The attack that reads the only case of a centre from an answer in the clear is no better than a coin under masks."""
    rng = np.random.default_rng(17)
    keys = {other: f"key of oslo and {other}, long enough".encode() for other in CENTRES if other != "oslo"}
    clear, masked = [], []
    for trial in range(400):
        round_ = federated.first_round(f"trial {trial}", "cox", ["ch"], "t")
        x = (rng.random(60) < 0.3).astype(float)
        truth = x[0] = float(trial % 2)
        data = {"x": x, "stop": np.r_[1.0, rng.uniform(2, 9, 59)], "event": np.r_[1.0, np.zeros(59)]}
        open_share = federated.make_share(round_, "oslo", **data, allow_few=True)
        people, events, value, score, information, _ = federated.sums(round_, **data)
        hidden = mask(round_.fingerprint, "oslo", [people, events, value, *score, *information.ravel()], keys)
        clear.append(attack(open_share, True) == truth)
        masked.append(attack(hidden, True) == truth)
    assert np.mean(clear) == 1.0
    assert 0.4 < np.mean(masked) < 0.6


def test_every_other_world_explains_the_same_files():
    """By construction: for any other data with the same sums there are pair keys' masks that give the very same files."""
    rng = np.random.default_rng(3)
    data = {centre: [int(n) for n in rng.integers(0, 1000, 4)] for centre in CENTRES}
    pairs = {tuple(sorted((a, b))): rng.bytes(32) for a in CENTRES for b in CENTRES if a < b}
    shares = {c: mask("r", c, data[c], {o: pairs[tuple(sorted((c, o)))] for o in CENTRES if o != c}) for c in CENTRES}
    assert unmask("r", list(shares.values())) == [sum(column) for column in zip(*data.values(), strict=True)]
    other = {**data, "bern": [n + 5 for n in data["bern"]], "oslo": [n - 5 for n in data["oslo"]]}
    for place in range(4):
        shown = {c: int(shares[c].numbers[place], 16) for c in CENTRES}
        masks = {c: (shown[c] - other[c][place] * SCALE) % MODULUS for c in CENTRES}
        assert sum(masks.values()) % MODULUS == 0, "the masks of the other world would not cancel"


def test_masked_numbers_look_like_noise():
    zeros = [0.0] * 2000
    share = mask("r", "b", zeros, {"a": b"k" * 32, "c": b"l" * 32})
    bits = np.unpackbits(np.frombuffer(bytes.fromhex("".join(share.numbers)), dtype=np.uint8))
    assert abs(bits.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(bits))
    assert len(set(share.numbers)) == 2000
    assert not set(share.numbers) & set(mask("another round", "b", zeros, {"a": b"k" * 32, "c": b"l" * 32}).numbers)


def test_masks_that_do_not_fit_are_refused():
    keys = {"b": b"k" * 32, "c": b"l" * 32}
    with pytest.raises(BadMask, match="at least 3"):
        mask("r", "a", [1], {"b": b"k" * 32})
    with pytest.raises(BadMask, match="itself"):
        mask("r", "b", [1], keys)
    for number in (float("nan"), float("inf"), 1e40):
        with pytest.raises(BadMask):
            mask("r", "a", [number], keys)
    share = mask("r", "a", [1], keys)
    with pytest.raises(BadMask, match="one set"):
        unmask("r", [share])
    with pytest.raises(Conflict):
        unmask("s", [share])


def test_each_centre_reads_its_own_folder_only(world):
    for centre in CENTRES:
        assert {person.centre for person in read_input(world[0] / centre / "cohort.csv").people} == {centre}
    with pytest.raises(UsageError, match="no key"):
        read_keys(world[0])


def test_in_the_clear_counts_are_masked_and_few_events_need_a_yes(capsys, world, tmp_path):
    run(capsys, "combine", tmp_path / "round.json", "--new", "demo", "--use", "ch")
    shown = {}
    for centre in ("bern", "oslo", "vienna"):
        home = world[0] / centre
        words = ["share", tmp_path / "round.json", home / "cohort.csv", "--covariates", home / "known.csv", "--centre", centre]
        words += ["--key", home / "own.key", "--out", tmp_path / "x.json"]
        status, out, err = run(capsys, *words)
        if centre == "oslo":
            assert (status, "--pair-keys" in err) == (6, True)
            status, out, err = run(capsys, *words, "--allow-few-events")
        assert status == 0, err
        shown[centre] = json.loads(out)
    assert shown["oslo"]["events"] == "<5"
    assert shown["vienna"]["events"] == "0"
    assert not (tmp_path / "x.json").exists()
    for share in shown.values():
        assert set(share) == {
            "format", "kind", "round", "centre", "people", "events", "value", "score", "information", "third", "signature",
        }  # fmt: skip
