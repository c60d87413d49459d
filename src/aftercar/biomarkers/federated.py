"""Fitting together without sharing patients.

Each centre has its own baseline (Cox) or all share one model (logistic); in both the log likelihood, its score, its
information and the information's derivative are sums over centres. A round sends the current coefficients out; each centre
answers with its sums; the coordinator takes a Newton step. At convergence the coefficients, information and Firth penalty
equal those of the pooled data stratified by centre, to rounding. A centre without an event answers zeros.

A centre with very few events says something about those people with its score: it must agree to that explicitly. Counts
are masked as ranges.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.special import expit

from aftercar.cohort.survival import Array, arrange, likelihood
from aftercar.errors import Conflict, InputError, NotPermitted

Model = Literal["cox", "firth-cox", "logistic", "firth-logistic", "rate"]
MODELS = ("cox", "firth-cox", "logistic", "firth-logistic")
FORMAT = 1


class BadShare(InputError):
    """A share or round that cannot be combined."""

    code = "federated"


class Disclosive(NotPermitted):
    """A share that would say too much about few people."""

    code = "disclosive"


@dataclass(frozen=True)
class Round:
    """What the coordinator sends out.

    Attributes:
        study: name of the joint study.
        model: one of :data:`MODELS`, or ``rate`` (answered under masks only).
        covariates: names in order; the logistic models put the intercept first by themselves.
        outcome: word for the outcome, same at every centre.
        number: 1 for the first round.
        beta: current coefficients.
        mask_below: counts from 1 to below this are masked.
        fewest_events: a centre with fewer events (but not zero) must allow its share explicitly.
    """

    study: str
    model: Model
    covariates: tuple[str, ...]
    outcome: str
    number: int
    beta: tuple[float, ...]
    mask_below: int = 5
    fewest_events: int = 3

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits of everything in the round."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Share:
    """What a centre answers: sums, no rows.

    Attributes:
        round: fingerprint of the round it answers.
        centre: name of the centre.
        people, events: counts as text, masked ("<5") where small.
        value: log likelihood at the round's coefficients.
        score: shape (p,).
        information: shape (p, p).
        third: derivative of the information, shape (p, p, p); empty unless the model is penalised.
        signature: HMAC-SHA256 of the rest under the centre's key, as hex digits; "" before signing.
    """

    round: str
    centre: str
    people: str
    events: str
    value: float
    score: tuple[float, ...]
    information: tuple[tuple[float, ...], ...]
    third: tuple[tuple[tuple[float, ...], ...], ...]
    signature: str = ""


@dataclass(frozen=True)
class Combined:
    """The joint fit after a round.

    Attributes:
        beta: coefficients the shares were made at.
        covariance: inverse information there, shape (p, p).
        value: (penalised) log likelihood.
        next_beta: coefficients for the next round.
        step: largest change of a coefficient by the next step.
        converged: whether that is below the tolerance.
        centres: names.
    """

    beta: Array
    covariance: Array
    value: float
    next_beta: Array
    step: float
    converged: bool
    centres: tuple[str, ...]

    def lines(self, names: Sequence[str], level: float = 0.95) -> list[dict[str, float | str]]:
        """One line for each coefficient: ratio, Wald limits and p (profile limits would need more rounds)."""
        z = float(stats.norm.ppf(0.5 + level / 2))
        rows: list[dict[str, float | str]] = []
        for name, b, se in zip(names, self.beta, np.sqrt(np.diag(self.covariance)), strict=True):
            limits = (float(np.exp(b - z * se)), float(np.exp(b + z * se)))
            p = float(2 * stats.norm.sf(abs(b / se)))
            rows.append(
                {
                    "covariate": name,
                    "coefficient": float(b),
                    "se": float(se),
                    "ratio": float(np.exp(b)),
                    "low": limits[0],
                    "high": limits[1],
                    "p": p,
                }
            )
        return rows


def first_round(
    study: str, model: Model, covariates: Sequence[str], outcome: str, *, mask_below: int = 5, fewest_events: int = 3
) -> Round:
    """A first round with all coefficients zero.

    Raises:
        BadShare: for an unknown model or no covariate.
    """
    if model not in (*MODELS, "rate"):
        raise BadShare(f"model {model!r} is not supported", fix=f"use one of {', '.join(MODELS)} or rate")
    if (not covariates and model != "rate") or len(set(covariates)) != len(covariates):
        raise BadShare("give at least one covariate, each once")
    size = 0 if model == "rate" else len(covariates) + model.endswith("logistic")
    return Round(study, model, tuple(covariates), outcome, 1, (0.0,) * size, mask_below, fewest_events)


def make_share(
    round_: Round,
    centre: str,
    *,
    x: ArrayLike,
    event: ArrayLike,
    stop: ArrayLike | None = None,
    start: ArrayLike | None = None,
    allow_few: bool = False,
) -> Share:
    """A centre's sums at the round's coefficients.

    Args:
        round_: the round to answer.
        centre: name of the centre.
        x: covariates in the round's order, shape (people, p).
        event: 1 for the outcome, shape (people,).
        stop, start: times (Cox models).
        allow_few: share although the centre has fewer events than ``fewest_events``.

    Raises:
        Disclosive: for few events without ``allow_few``.
        BadShare: when the covariates do not fit the round.
    """
    people, events, value, score, information, third = sums(round_, x=x, event=event, stop=stop, start=start)
    if 0 < events < round_.fewest_events and not allow_few:
        raise Disclosive(
            f"{centre} has {events} event(s); its score would say much about those people",
            fix="answer under pair keys (--pair-keys), or share with --allow-few-events after the data owner agreed",
        )
    return Share(
        round_.fingerprint,
        centre,
        _masked(people, round_.mask_below),
        _masked(events, round_.mask_below),
        value,
        tuple(score.tolist()),
        tuple(tuple(row) for row in information.tolist()),
        tuple(tuple(tuple(row) for row in plane) for plane in third.tolist()),
    )


def sums(
    round_: Round, *, x: ArrayLike, event: ArrayLike, stop: ArrayLike | None = None, start: ArrayLike | None = None
) -> tuple[int, int, float, Array, Array, Array]:
    """People, events, log likelihood, score, information and (penalised models) its derivative at the round's coefficients.

    Raises:
        BadShare: when the covariates do not fit the round, or times are missing.
    """
    happened = np.asarray(event, dtype=np.float64)
    design = np.asarray(x, dtype=np.float64).reshape(len(happened), -1)
    if design.shape[1] != len(round_.covariates):
        raise BadShare(
            f"{design.shape[1]} covariates, the round asks for {len(round_.covariates)}", fix=", ".join(round_.covariates)
        )
    beta, penalised = np.array(round_.beta), round_.model.startswith("firth")
    counts = len(happened), int(happened.sum())
    if round_.model.endswith("logistic"):
        with_intercept = np.column_stack([np.ones(len(happened)), design])
        return (*counts, *_logistic_sums(happened, with_intercept, beta, penalised))
    if stop is None:
        raise BadShare("a Cox model needs the times")
    return (*counts, *_cox_sums(stop, start, happened, design, beta, penalised))


def _cox_sums(stop: Any, start: Any, event: Array, x: Array, beta: Array, penalised: bool) -> tuple[float, Array, Array, Array]:
    p = len(beta)
    if not event.any():
        empty = np.zeros((p, p, p)) if penalised else np.zeros((0, 0, 0))
        return 0.0, np.zeros(p), np.zeros((p, p)), empty
    found = likelihood(arrange(stop=stop, event=event, x=x, start=start), beta, third=penalised)
    third = found.third if found.third is not None else np.zeros((0, 0, 0))
    return found.value, found.score, found.information, third


def _logistic_sums(y: Array, z: Array, beta: Array, penalised: bool) -> tuple[float, Array, Array, Array]:
    eta = z @ beta
    mu = expit(eta)
    weight = mu * (1 - mu)
    third = np.einsum("i,ij,ik,im->jkm", weight * (1 - 2 * mu), z, z, z) if penalised else np.zeros((0, 0, 0))
    return float(y @ eta - np.logaddexp(0, eta).sum()), z.T @ (y - mu), z.T @ (z * weight[:, None]), third


def combine(round_: Round, shares: Sequence[Share], *, tolerance: float = 1e-9) -> Combined:
    """One Newton step over all centres.

    Raises:
        Conflict: when a share answers another round.
        BadShare: for no share, a centre twice, shapes that do not fit, or no event anywhere.
    """
    if not shares:
        raise BadShare("no share given")
    names = [share.centre for share in shares]
    if len(set(names)) != len(names):
        raise BadShare("a centre answers twice", where=", ".join(sorted({n for n in names if names.count(n) > 1})))
    for share in shares:
        if share.round != round_.fingerprint:
            raise Conflict(
                "the share answers another round",
                where=f"{share.centre}: {share.round}, round {round_.fingerprint}",
                fix="ask the centre again",
            )
    p = len(round_.beta)
    for share in shares:
        if len(share.score) != p or np.shape(share.information) != (p, p) or not np.isfinite(share.value):
            raise BadShare("the sums have the wrong shape", where=share.centre)
    score = np.sum([share.score for share in shares], axis=0)
    information = np.sum([share.information for share in shares], axis=0)
    value = float(sum(share.value for share in shares))
    if np.linalg.matrix_rank(information) < p:
        raise BadShare(
            "the joint information is singular", fix="a covariate does not vary among people at risk, or no centre has an event"
        )
    if round_.model.startswith("firth"):
        third = np.sum([share.third for share in shares], axis=0)
        if third.shape != (p, p, p):
            raise BadShare("a share lacks the derivative that the penalty needs")
        score = score + 0.5 * np.einsum("ij,ijr->r", np.linalg.inv(information), third)
        value += 0.5 * float(np.linalg.slogdet(information)[1])
    step = np.linalg.solve(information, score)
    largest = float(np.abs(step).max())
    if largest > 2.0:
        step = step * 2.0 / largest
    beta = np.array(round_.beta)
    return Combined(beta, np.linalg.inv(information), value, beta + step, largest, largest < tolerance, tuple(names))


def next_round(round_: Round, combined: Combined) -> Round:
    """The round after a combination."""
    return Round(
        round_.study,
        round_.model,
        round_.covariates,
        round_.outcome,
        round_.number + 1,
        tuple(combined.next_beta.tolist()),
        round_.mask_below,
        round_.fewest_events,
    )


def coefficient_names(round_: Round) -> tuple[str, ...]:
    """Names of the coefficients in the order of ``beta``."""
    return ("(intercept)", *round_.covariates) if round_.model.endswith("logistic") else round_.covariates


def signed(content: Mapping[str, Any], key: bytes) -> str:
    """HMAC-SHA256 of a share without its signature."""
    rest = {name: value for name, value in content.items() if name != "signature"}
    return hmac.new(key, json.dumps(rest, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _masked(count: int, below: int) -> str:
    return f"<{below}" if 0 < count < below else str(count)
