# The estimator of Berry et al. (Bioinformatics 2012;28:755) written from its equations, with R's own splines and glm:
# y[j,l] ~ Bernoulli(1 - exp(-theta[l] * phi[j])), log phi a cubic spline of length with knots at 50 and 100 in each replicate.
# Run: Rscript sonic.R fragments.csv > sonic_r.csv
library(splines)
frags <- unique(read.csv(commandArgs(TRUE)[1]))
reps <- sort(unique(frags$replicate))
sites <- sort(unique(frags$site))
grid <- do.call(rbind, lapply(reps, function(r) {
  own <- frags$length[frags$replicate == r]
  data.frame(replicate = r, length = min(own):max(own))
}))
row_of <- match(paste(frags$replicate, frags$length), paste(grid$replicate, grid$length))
col_of <- match(frags$site, sites)
theta <- as.numeric(table(factor(col_of, seq_along(sites))))
phi <- tabulate(row_of, nrow(grid)) + 1 / nrow(grid)
phi <- phi / sum(phi)
smooth_phi <- function(expected) {
  for (r in reps) {
    mine <- which(grid$replicate == r)
    x <- 1:(max(grid$length[mine]) + 10)
    y <- numeric(length(x))
    y[grid$length[mine]] <- expected[mine]
    fit <- glm(y ~ bs(x, knots = c(50, 100)), family = quasipoisson, control = list(epsilon = 1e-12, maxit = 100))
    phi[mine] <<- exp(predict(fit))[grid$length[mine]]
  }
  phi <<- phi / sum(phi)
}
for (round in 1:300) {
  rate <- theta[col_of] * phi[row_of]
  seen <- rate / (1 - exp(-rate))
  expected <- numeric(nrow(grid))
  added <- tapply(seen, row_of, sum)
  expected[as.integer(names(added))] <- added
  smooth_phi(expected)
  new <- sapply(seq_along(sites), function(l) {
    p <- phi[row_of[col_of == l]]
    uniroot(function(t) sum(p / (1 - exp(-exp(t) * p))) - 1, c(-3, 15), tol = 1e-12)$root
  })
  new <- exp(new)
  moved <- max(abs(new - theta) / theta)
  theta <- new
  if (moved < 1e-8) break
}
cat(sprintf("# %s; rounds %d\n", R.version.string, round))
cat("site,distinct,theta\n")
distinct <- as.integer(table(factor(col_of, seq_along(sites))))
cat(sprintf("%d,%d,%.6f\n", sites, distinct, theta), sep = "")
