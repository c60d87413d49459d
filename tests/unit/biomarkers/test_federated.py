"""Joined without sharing: equal to the pooled fit; changed or foreign answers are refused."""

import dataclasses
import json

import numpy as np
import pytest

from aftercar.biomarkers import federated
from aftercar.biomarkers.logistic import fit_firth_logistic
from aftercar.cohort.survival import fit_cox, fit_firth_cox
from aftercar.edges.federated_files import BadSignature, read_key, read_round, read_share, write_round, write_share
from aftercar.errors import Conflict


@pytest.fixture(scope="module")
def centres():
    """Five centres; the last has no event."""
    rng = np.random.default_rng(9)
    found = []
    for k in range(5):
        n = 300 + 100 * k
        x = np.column_stack([(rng.random(n) < 0.3), rng.normal(size=n)]).astype(float)
        start = np.where(rng.random(n) < 0.3, rng.uniform(0, 1, n), 0.0)
        stop = start + np.ceil(rng.exponential(1 + k, n) * 10) / 10
        event = (rng.random(n) < 0.03 * np.exp(x[:, 0])).astype(float) if k < 4 else np.zeros(n)
        found.append((f"c{k}", x, start, stop, event))
    return found


def joined(model, centres, through=None):
    round_ = federated.first_round("demo", model, ["ch", "lines"], "t")
    for _ in range(80):
        shares = [
            federated.make_share(round_, name, x=x, start=start, stop=stop, event=event, allow_few=True)
            for name, x, start, stop, event in centres
        ]
        if through is not None:
            shares = [through(round_, share) for share in shares]
        found = federated.combine(round_, shares)
        if found.converged:
            return found
        round_ = federated.next_round(round_, found)
    raise AssertionError("did not converge")


def pooled(centres):
    names = np.repeat([c[0] for c in centres], [len(c[1]) for c in centres])
    x, start, stop, event = (np.concatenate([c[i] for c in centres]) for i in (1, 2, 3, 4))
    return names, x, start, stop, event


@pytest.mark.parametrize("model", federated.MODELS)
def test_the_joint_fit_equals_the_pooled_fit(centres, model):
    names, x, start, stop, event = pooled(centres)
    found = joined(model, centres)
    if model == "cox":
        reference = fit_cox(start=start, stop=stop, event=event, x=x, strata=names)
    elif model == "firth-cox":
        reference = fit_firth_cox(start=start, stop=stop, event=event, x=x, strata=names, limits=False)
    elif model == "firth-logistic":
        reference = fit_firth_logistic(event, x, limits=False)
    else:
        z = np.column_stack([np.ones(len(event)), x])
        beta = np.zeros(3)
        for _ in range(60):
            mu = 1 / (1 + np.exp(-z @ beta))
            information = z.T @ (z * (mu * (1 - mu))[:, None])
            beta = beta + np.linalg.solve(information, z.T @ (event - mu))
        assert np.abs(found.beta - beta).max() < 1e-8
        assert np.abs(found.covariance - np.linalg.inv(information)).max() < 1e-8
        return
    assert np.abs(found.beta - reference.coefficients).max() < 1e-8
    assert np.abs(found.covariance - reference.covariance).max() < 1e-8
    assert found.value == pytest.approx(reference.value, abs=1e-8)


def test_files_lose_no_bit_and_carry_no_row(centres, tmp_path):
    keys = {c[0]: f"key of centre {c[0]}, long enough".encode() for c in centres}

    def through(round_, share):
        write_round(tmp_path / "round.json", round_)
        assert read_round(tmp_path / "round.json") == round_
        path = tmp_path / f"{share.centre}.json"
        sent = write_share(path, share, keys[share.centre])
        assert path.stat().st_size < 3000
        received = read_share(path, keys)
        assert received == sent
        return received

    names, x, start, stop, event = pooled(centres)
    found = joined("firth-cox", centres, through)
    reference = fit_firth_cox(start=start, stop=stop, event=event, x=x, strata=names, limits=False)
    assert np.abs(found.beta - reference.coefficients).max() < 1e-8


def test_small_counts_are_masked_and_few_events_need_consent(centres):
    round_ = federated.first_round("demo", "cox", ["x"], "t")
    few = {"x": [[0], [1], [0], [1]], "stop": [1.0, 2, 3, 4], "event": [1, 0, 0, 0]}
    with pytest.raises(federated.Disclosive, match="has 1 event"):
        federated.make_share(round_, "tiny", **few)
    share = federated.make_share(round_, "tiny", **few, allow_few=True)
    assert (share.people, share.events) == ("<5", "<5")
    nothing = federated.make_share(round_, "none", **{**few, "event": [0, 0, 0, 0]})
    assert (nothing.events, nothing.value, nothing.score) == ("0", 0.0, (0.0,))


def test_answers_that_do_not_fit_are_refused(centres):
    round_ = federated.first_round("demo", "cox", ["ch", "lines"], "t")
    name, x, start, stop, event = centres[0]
    share = federated.make_share(round_, name, x=x, start=start, stop=stop, event=event)
    with pytest.raises(federated.BadShare, match="no share"):
        federated.combine(round_, [])
    with pytest.raises(federated.BadShare, match="twice"):
        federated.combine(round_, [share, share])
    with pytest.raises(Conflict, match="another round"):
        federated.combine(dataclasses.replace(round_, number=2), [share])
    with pytest.raises(federated.BadShare, match="singular"):
        federated.combine(round_, [federated.make_share(round_, "z", x=x, stop=stop, event=np.zeros(len(x)))])
    with pytest.raises(federated.BadShare, match="covariates"):
        federated.make_share(round_, name, x=x[:, :1], stop=stop, event=event)
    with pytest.raises(federated.BadShare, match="not supported"):
        federated.first_round("demo", "poisson", ["a"], "t")


def test_a_changed_file_is_refused(centres, tmp_path):
    round_ = federated.first_round("demo", "cox", ["ch", "lines"], "t")
    name, x, start, stop, event = centres[0]
    share = federated.make_share(round_, name, x=x, start=start, stop=stop, event=event)
    path = tmp_path / "s.json"
    write_share(path, share, b"0123456789abcdef")
    content = json.loads(path.read_text())
    content["score"][0] += 1e-12
    path.write_text(json.dumps(content))
    with pytest.raises(BadSignature):
        read_share(path, {name: b"0123456789abcdef"})
    with pytest.raises(federated.BadShare, match="no key"):
        read_share(path, {})
    with pytest.raises(federated.BadShare, match="aftercar-round"):
        read_round(path)
    path.write_text("{")
    with pytest.raises(federated.BadShare, match="not a JSON"):
        read_round(path)
    (tmp_path / "k.key").write_bytes(b"short")
    with pytest.raises(federated.BadShare, match="16 bytes"):
        read_key(tmp_path / "k.key")
