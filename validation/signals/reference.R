# Reference figures of the signal methods.
#   Rscript validation/signals/reference.R SURVIVAL_DATA_FOLDER > validation/signals/reference.tsv
# Real data stay where they are; only figures at a few times are kept.
suppressPackageStartupMessages({library(survival); library(cmprsk)})
folder <- commandArgs(TRUE)[1]
here <- "validation/signals"
put <- function(name, values) for (i in seq_along(values)) cat(sprintf("%s[%d]\t%.12g\n", name, i, values[i]))
cat(sprintf("# R %s.%s, survival %s, cmprsk %s\n", R.version$major, R.version$minor, packageVersion("survival"), packageVersion("cmprsk")))

# exact rates, proportions and their comparisons
for (x in c(0, 1, 5, 38)) {
  put(sprintf("proportion.%d", x), binom.test(x, 42500)$conf.int)
  put(sprintf("rate.%d", x), poisson.test(x, 42500)$conf.int)
}
for (case in list(c(13, 17578, 0, 3336), c(7, 1200.5, 3, 2100), c(2, 10, 9, 11))) {
  t <- poisson.test(c(case[1], case[3]), c(case[2], case[4]))
  put(sprintf("rate_ratio.%g.%g", case[1], case[3]), c(if (case[3] > 0) t$estimate else -1, t$conf.int[1], if (is.finite(t$conf.int[2])) t$conf.int[2] else -1, t$p.value))
}
for (case in list(c(19, 42, 18, 72), c(3, 10, 1, 20))) {
  t <- fisher.test(rbind(c(case[1], case[2] - case[1]), c(case[3], case[4] - case[3])))
  put(sprintf("fisher.%g.%g", case[1], case[3]), t$p.value)
  # fisher.test stops its root search at 1e-4; the same equations solved further
  m <- case[2]; n <- case[4]; k <- case[1] + case[3]; low <- max(0, k - n); high <- min(k, m); support <- low:high
  weight <- function(or) {d <- dhyper(support, m, n, k, log = TRUE) + log(or) * support; d <- exp(d - max(d)); d / sum(d)}
  root <- function(f) exp(uniroot(f, c(-20, 20), tol = 1e-13)$root)
  put(sprintf("odds_ratio.%g.%g", case[1], case[3]), c(
    root(function(l) sum(support * weight(exp(l))) - case[1]),
    root(function(l) sum(weight(exp(l))[support >= case[1]]) - 0.025),
    root(function(l) sum(weight(exp(l))[support <= case[1]]) - 0.025)))
}

# homogeneity by brute force
multi <- function(x, share, statistic) {
  n <- sum(x); k <- length(x)
  grid <- as.matrix(expand.grid(rep(list(0:n), k))); grid <- grid[rowSums(grid) == n, , drop = FALSE]
  p <- apply(grid, 1, dmultinom, prob = share)
  s <- apply(grid, 1, statistic, share = share); seen <- statistic(x, share)
  sum(p[s >= seen - 1e-9 * max(1, abs(seen))])
}
by_p <- function(x, share) -dmultinom(x, prob = share, log = TRUE)
by_g <- function(x, share) {e <- sum(x) * share; 2 * sum(ifelse(x > 0, x * log(x / e), 0))}
by_x <- function(x, share) {e <- sum(x) * share; sum((x - e)^2 / e)}
for (case in list(list("axi_brexu", c(13, 0), c(17578, 3336)), list("three", c(9, 1, 4), c(5000, 3000, 2500)), list("four", c(6, 0, 2, 3), c(900, 700, 300, 100)))) {
  share <- case[[3]] / sum(case[[3]])
  put(paste0("homogeneity.", case[[1]]), c(multi(case[[2]], share, by_p), multi(case[[2]], share, by_g), multi(case[[2]], share, by_x)))
}

# Aalen-Johansen, Gray
mgus2 <- read.csv(file.path(folder, "mgus2.csv"))
etime <- with(mgus2, ifelse(pstat == 0, futime, ptime)); event <- with(mgus2, ifelse(pstat == 0, 2 * death, 1))
ci <- cuminc(etime, event, mgus2$sex)
at <- timepoints(cuminc(etime, event), c(60, 120, 240))
put("mgus2.aj", at$est["1 1", ]); put("mgus2.aj.se", sqrt(at$var["1 1", ]))
put("mgus2.gray", c(ci$Tests["1", "stat"], ci$Tests["1", "pv"]))
km <- survfit(Surv(etime, event == 1) ~ 1); put("mgus2.one_minus_km", 1 - summary(km, times = 240)$surv)
bmt <- read.csv(file.path(folder, "bmtcrr.csv"))
ci <- cuminc(bmt$ftime, bmt$Status, bmt$Phase); put("bmtcrr.gray", c(ci$Tests["1", "stat"], ci$Tests["1", "pv"]))
at <- timepoints(cuminc(bmt$ftime, bmt$Status), c(6, 24)); put("bmtcrr.aj", at$est["1 1", ]); put("bmtcrr.aj.se", sqrt(at$var["1 1", ]))
people <- read.csv(file.path(here, "people.csv"))
fit <- survfit(Surv(entry, exit, factor(status, 0:2)) ~ 1, data = people, id = seq_len(nrow(people)))
s <- summary(fit, times = c(365, 1095, 1825)); put("people.aj.truncated", s$pstate[, 2])

# cause-specific and Fine-Gray, also with late entry
male <- as.numeric(mgus2$sex == "M")
for (k in 1:2) {
  f <- coxph(Surv(etime, event == k) ~ age + male, data = mgus2); put(sprintf("mgus2.cox%d", k), c(coef(f), sqrt(diag(vcov(f)))))
}
f <- crr(etime, event, cbind(mgus2$age, male)); put("mgus2.crr", f$coef)
people$kind <- factor(people$status, 0:2)
people$male <- as.numeric(people$sex == "male"); people$id <- seq_len(nrow(people))
people$exit2 <- people$exit + (people$id %% 97) / 1000  # no ties, so that both tie rules agree
fg <- finegray(Surv(entry, exit2, kind) ~ dose + male + id, data = people, etype = "1", id = id)
f <- coxph(Surv(fgstart, fgstop, fgstatus) ~ dose + male + cluster(id), weights = fgwt, data = fg)
put("people.finegray.truncated", c(coef(f), sqrt(diag(f$var))))

# onset
onsets <- read.csv(file.path(here, "onsets.csv")); x <- onsets$months; tau <- onsets$window
ll <- function(lk, lm) {k <- exp(lk); s <- exp(lm) / log(2)^(1 / k); sum(dweibull(x, k, s, log = TRUE)) - sum(pweibull(tau, k, s, log.p = TRUE))}
best <- optim(c(0, 3), function(p) -ll(p[1], p[2]), control = list(reltol = 1e-15, maxit = 5000))
best <- optim(best$par, function(p) -ll(p[1], p[2]), control = list(reltol = 1e-15, maxit = 5000))
drop <- -best$value - qchisq(0.95, 1) / 2
pm <- function(lm) optimize(function(lk) ll(lk, lm), c(-3, 3), maximum = TRUE, tol = 1e-10)$objective - drop
pk <- function(lk) optimize(function(lm) ll(lk, lm), c(0, 12), maximum = TRUE, tol = 1e-10)$objective - drop
put("truncated.weibull", c(exp(best$par), -best$value))
put("truncated.median_limits", exp(c(uniroot(pm, c(0, best$par[2]), tol = 1e-10)$root, uniroot(pm, c(best$par[2], 12), tol = 1e-10)$root)))
put("truncated.shape_limits", exp(c(uniroot(pk, c(-3, best$par[1]), tol = 1e-10)$root, uniroot(pk, c(best$par[1], 2), tol = 1e-10)$root)))
f <- survreg(Surv(x) ~ 1); put("naive.weibull", c(1 / f$scale, exp(coef(f)) * log(2)^f$scale, f$loglik[2]))
big <- 1000; f <- survfit(Surv(big - tau - 1e-9, big - x, rep(1, length(x))) ~ 1)
put("truncated.reverse", sapply(c(12, 24, 36), function(t) {v <- f$surv[f$time < big - t]; if (length(v)) v[length(v)] else 1}))
f <- survreg(Surv(exit / 30.4375, status == 1) ~ 1, data = people, subset = entry == 0)
put("cohort.weibull", c(1 / f$scale, exp(coef(f)) * log(2)^f$scale, f$loglik[2]))
e <- people$entry / 30.4375; t <- people$exit / 30.4375; d <- people$status == 1
lt <- function(p) {k <- exp(p[1]); s <- exp(p[2]); -sum(ifelse(d, dweibull(t, k, s, log = TRUE), pweibull(t, k, s, lower.tail = FALSE, log.p = TRUE)) - pweibull(e, k, s, lower.tail = FALSE, log.p = TRUE))}
b <- optim(c(0, 5), lt, control = list(reltol = 1e-15, maxit = 5000)); b <- optim(b$par, lt, control = list(reltol = 1e-15, maxit = 5000))
put("cohort.weibull.truncated", c(exp(b$par[1]), exp(b$par[2]) * log(2)^exp(-b$par[1]), -b$value))

# person-years by age and calendar year
start <- as.Date(people$start); born <- as.Date(sprintf("%d-07-01", people$birth_year))
age <- tcut(as.numeric(start - born) + people$entry, c(0, 50, 65, 75, 120) * 365.25, labels = c("0", "50", "65", "75"))
year <- tcut(as.numeric(start) + people$entry, as.numeric(as.Date(sprintf("%d-01-01", 2017:2045))), labels = as.character(2017:2044))
py <- pyears(Surv(exit - entry, status == 1) ~ age + year + sex, data = people, scale = 365.25)
put("lexis.by_age", apply(py$pyears, 1, sum)); put("lexis.by_year", apply(py$pyears, 2, sum)[1:8]); put("lexis.events", apply(py$event, 1, sum))
rate <- outer(c(1, 4, 9, 20) / 1e3, 1 + 0.05 * (0:27)) ; expected <- sum(py$pyears[, , "male"] * rate * 1.5) + sum(py$pyears[, , "female"] * rate)
t <- poisson.test(sum(people$status == 1), expected); put("sir", c(expected, t$estimate, t$conf.int))

# pooling by nested integration
pool <- function(x, n) {
  centre <- log(sum(x) / sum(n))
  lp <- function(lm, cv) {a <- 1 / cv^2; b <- a / exp(lm); sum(dnbinom(x, size = a, prob = b / (b + n), log = TRUE)) - 0.5 * cv^2}
  top <- lp(centre, 0.5)
  f <- function(g) integrate(function(cv) sapply(cv, function(c) integrate(function(l) sapply(l, function(z) exp(lp(z, c) - top) * g(z, c)), centre - 6, centre + 6, rel.tol = 1e-9, subdivisions = 2000)$value), 1 / 300, 6, rel.tol = 1e-8, subdivisions = 2000)$value
  z <- f(function(z, c) 1)
  mean <- sapply(seq_along(x), function(i) f(function(z, c) {a <- 1 / c^2; (a + x[i]) / (a / exp(z) + n[i])}) / z)
  below <- function(i, v) f(function(z, c) {a <- 1 / c^2; pgamma(v, a + x[i], a / exp(z) + n[i])}) / z
  c(mean, uniroot(function(v) below(1, v) - 0.975, mean[1] * c(1, 6), tol = 1e-12)$root)
}
put("pool.axi_brexu", 1000 * pool(c(13, 0), c(17578, 3336)))
put("pool.four", 1000 * pool(c(6, 0, 2, 3), c(9000, 7000, 3000, 1000)))

# dose-response: profile limits of a Poisson model
f <- glm(I(status == 1) ~ dose + offset(log((exit - entry) / 365.25)), poisson, data = people)
suppressMessages(put("dose", exp(c(coef(f)[2], confint(f)[2, ]))))

# empirical null
y <- c(0.3, 0.1, 0.5, 0.2, -0.1, 0.7, 0.4, 0.0, 0.25, 0.6); se <- c(0.1, 0.2, 0.15, 0.3, 0.2, 0.25, 0.1, 0.4, 0.2, 0.15)
nll <- function(p) -sum(dnorm(y, p[1], sqrt(se^2 + exp(2 * p[2])), log = TRUE))
b <- optim(c(0.3, -1), nll, control = list(reltol = 1e-15, maxit = 5000)); put("empirical_null", c(b$par[1], exp(b$par[2])))

# beta-binomial prediction of 19 untested, 7 of 19 positive, Jeffreys prior
k <- 0:19; p <- exp(lchoose(19, k) + lbeta(k + 7.5, 19 - k + 12.5) - lbeta(7.5, 12.5))
put("beta_binomial", c(7 + sum(k * p), 7 + k[which(cumsum(p) >= 0.025)[1]], 7 + k[which(cumsum(p) >= 0.975)[1]]))

# median follow-up by reverse Kaplan-Meier
f <- survfit(Surv(entry, exit, status == 0) ~ 1, data = people); put("reverse_km", summary(f)$table["median"])
