# Reference values for disproportionality, shrinkage and sequential monitoring from base R.
# Run: Rscript validation/spontaneous/reference.R > validation/spontaneous/reference.json
num <- function(x) ifelse(is.finite(x), sprintf("%.15g", x), ifelse(is.nan(x), "null", ifelse(x > 0, "1e999", "-1e999")))
row <- function(x) paste0("[", paste(num(x), collapse = ", "), "]")

tables <- rbind(c(12, 400, 900, 215000), c(3, 55, 795, 592767), c(1, 20, 30, 5000), c(19, 12394, 4000, 20300000),
                c(536, 12394, 700000, 20300000))
z <- qnorm(0.975)
lines <- c()
for (i in seq_len(nrow(tables))) {
  a <- tables[i, 1]; n <- tables[i, 2]; e <- tables[i, 3]; t <- tables[i, 4]
  b <- n - a; c <- e - a; d <- t - n - e + a
  prr <- (a / n) / (c / (c + d)); sp <- sqrt(1 / a - 1 / n + 1 / c - 1 / (c + d))
  ror <- a * d / b / c; sr <- sqrt(1 / a + 1 / b + 1 / c + 1 / d)
  expected <- n * e / t
  ic <- log2(c(a + 0.5, qgamma(c(0.025, 0.975), a + 0.5)) / (expected + 0.5))
  chi <- unname(suppressWarnings(chisq.test(matrix(c(a, b, c, d), 2), correct = TRUE)$statistic))
  # fisher.test() solves to 1e-4 only, so the same law is solved here to full precision.
  support <- max(0, n + e - t):min(n, e)
  base <- dhyper(support, e, t - e, n, log = TRUE)
  law <- function(lo) { w <- base + support * lo; w <- exp(w - max(w)); w / sum(w) }
  solve_for <- function(f) exp(uniroot(f, c(-20, 20), tol = 1e-13)$root)
  exact <- c(solve_for(function(lo) sum(law(lo) * support) - a), solve_for(function(lo) sum(law(lo)[support >= a]) - 0.025),
             solve_for(function(lo) 0.025 - sum(law(lo)[support <= a])))
  rough <- fisher.test(matrix(c(a, b, c, d), 2))
  stopifnot(all.equal(c(unname(rough$estimate), rough$conf.int), exact, tolerance = 2e-3, check.attributes = FALSE))
  lines <- c(lines, sprintf(
    '    {"counts": %s, "prr": %s, "ror": %s, "ic": %s, "chi_square": %s, "exact": %s}',
    row(tables[i, ]), row(prr * exp(c(0, -z, z) * sp)), row(ror * exp(c(0, -z, z) * sr)), row(ic), num(chi),
    row(exact)))
}

strata <- array(c(5, 95, 20, 4880, 9, 41, 60, 2890, 2, 198, 11, 8789), dim = c(2, 2, 3))
mh <- mantelhaen.test(strata)

prior <- c(0.7, 0.4, 3.1, 2.2, 0.15)
pairs <- rbind(c(1, 0.2), c(3, 0.2), c(30, 10), c(2, 8.5), c(400, 21.7), c(0, 4))
ll <- function(p, n, e) {
  one <- dnbinom(n, size = p[1], prob = p[2] / (p[2] + e)); two <- dnbinom(n, size = p[3], prob = p[4] / (p[4] + e))
  p[5] * one + (1 - p[5]) * two
}
shrunk <- c()
for (i in seq_len(nrow(pairs))) {
  n <- pairs[i, 1]; e <- pairs[i, 2]
  density <- function(x) dpois(n, x * e) * (prior[5] * dgamma(x, prior[1], prior[2]) + (1 - prior[5]) * dgamma(x, prior[3], prior[4]))
  top <- max(qgamma(1 - 1e-13, prior[1] + n, prior[2] + e), qgamma(1 - 1e-13, prior[3] + n, prior[4] + e))
  edges <- sort(c(10^seq(-40, -3, 0.5), top, qgamma(seq(0.02, 0.98, 0.04), prior[1] + n, prior[2] + e), qgamma(seq(0.02, 0.98, 0.04), prior[3] + n, prior[4] + e)))
  whole <- function(f) sum(mapply(function(l, u) integrate(f, l, u, rel.tol = 1e-11, subdivisions = 2000)$value, head(edges, -1), tail(edges, -1)))
  mass <- whole(density)
  log_mean <- whole(function(x) log(x) * density(x)) / mass
  q <- prior[5] * dnbinom(n, size = prior[1], prob = prior[2] / (prior[2] + e)) / ll(prior, n, e)
  quantile <- sapply(c(0.05, 0.95), function(level) uniroot(function(x) q * pgamma(x, prior[1] + n, prior[2] + e) +
    (1 - q) * pgamma(x, prior[3] + n, prior[4] + e) - level, c(1e-12, top), tol = 1e-13)$root)
  shrunk <- c(shrunk, sprintf('    {"observed": %s, "expected": %s, "ebgm": %s, "eb05": %s, "eb95": %s}',
    num(n), num(e), num(exp(log_mean)), num(quantile[1]), num(quantile[2])))
}

# A fixed small table for the fit: the count pattern repeats, so that no data file is needed.
set <- expand.grid(n = 1:12, k = 1:25)
observed <- set$n; expected <- 0.15 * set$k * (1 + (set$n * 7 + set$k * 3) %% 5) / 3
negative <- function(x) {
  p <- c(exp(x[1:4]), plogis(x[5]))
  -sum(log(ll(p, observed, expected)) - log(1 - ll(p, 0, expected)))
}
best <- Inf
for (start in list(c(0.2, 0.1, 2, 4, 1 / 3), c(0.1, 0.1, 10, 10, 0.2), c(0.5, 0.3, 3, 3, 0.1))) {
  x <- c(log(start[1:4]), qlogis(start[5]))
  for (again in 1:6) x <- optim(x, negative, control = list(maxit = 20000, reltol = 1e-15))$par
  best <- min(best, negative(x))
}

cat("{\n")
cat(sprintf('  "software": "%s",\n', R.version.string))
cat('  "tables": [\n', paste(lines, collapse = ",\n"), "\n  ],\n", sep = "")
cat(sprintf('  "mantel_haenszel": %s,\n', row(c(unname(mh$estimate), mh$conf.int))))
cat(sprintf('  "prior": %s,\n', row(prior)))
cat('  "shrunk": [\n', paste(shrunk, collapse = ",\n"), "\n  ],\n", sep = "")
cat(sprintf('  "fit_log_likelihood": %s\n', num(-best)))
cat("}\n")
