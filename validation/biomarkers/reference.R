# Reference figures for the biomarker methods, made with R's survival and cmprsk.
# Usage: Rscript reference.R DATA_FOLDER OUT_FOLDER
# DATA_FOLDER holds the CSV files of the survival package (nwtco, mgus2, jasa, jasa1, ovarian) and brglm2 (endometrial).
# Writes reference.tsv (name, value with 17 digits) and simulated.csv, a small invented cohort that travels with the tests.
suppressMessages({library(survival); library(cmprsk)})
args <- commandArgs(TRUE)
read <- function(name) read.csv(file.path(args[1], "survival", paste0(name, ".csv")), na.strings = "NA")
out <- list()
put <- function(name, values) for (i in seq_along(values))
  out[[length(out) + 1]] <<- sprintf("%s[%d]\t%.17g", name, i, as.numeric(values)[i])
put_fit <- function(name, fit) { put(paste0(name, ".coef"), coef(fit)); put(paste0(name, ".se"), sqrt(diag(as.matrix(fit$var)))) }
precise <- coxph.control(eps = 1e-12, iter.max = 60, toler.chol = 1e-14)

# --- an invented cohort: delayed entry, ties, two causes, a rare marker ---------------------------------------------
set.seed(20241122)
n <- 400
sim <- data.frame(id = 1:n, centre = sample(1:4, n, TRUE), marker = rbinom(n, 1, 0.12), lines = rpois(n, 2), age = round(rnorm(n, 60, 9)))
hazard <- 0.02 * exp(1.1 * sim$marker + 0.25 * (sim$lines - 2))
event1 <- rexp(n, hazard); event2 <- rexp(n, 0.06 * exp(0.03 * (sim$age - 60))); censor <- runif(n, 2, 15)
sim$entry <- ifelse(runif(n) < 0.4, round(runif(n, 0, 2), 1), 0)
time <- pmin(event1, event2, censor)
sim$stop <- ceiling(time * 10) / 10
sim$cause <- ifelse(time == event1, 1, ifelse(time == event2, 2, 0))
sim <- sim[sim$stop > sim$entry, ]
sim$weight <- round(runif(nrow(sim), 0.5, 3), 2)
write.csv(sim, file.path(args[2], "simulated.csv"), row.names = FALSE, quote = FALSE)

cx <- cbind(sim$marker, sim$lines, (sim$age - 60) / 10)
for (ties in c("efron", "breslow")) {
  put_fit(paste0("sim.cox.", ties), coxph(Surv(entry, stop, cause == 1) ~ cx, sim, ties = ties, control = precise))
  fit <- coxph(Surv(entry, stop, cause == 1) ~ cx, sim, weights = weight, robust = TRUE, cluster = centre, ties = ties, control = precise)
  put_fit(paste0("sim.cox.weighted.", ties), fit); put(paste0("sim.cox.weighted.", ties, ".naive"), sqrt(diag(fit$naive.var)))
  put_fit(paste0("sim.cox.strata.", ties), coxph(Surv(entry, stop, cause == 1) ~ cx + strata(centre), sim, ties = ties, control = precise))
}
fit <- coxph(Surv(entry, stop, cause == 1) ~ cx, sim, control = precise)
put("sim.cox.score", colSums(abs(residuals(fit, "score")))); put("sim.cox.loglik", fit$loglik)
put("sim.cox.hazard", tail(basehaz(fit, centered = FALSE)$hazard, 1))

# --- Aalen-Johansen and Fine-Gray, with and without delayed entry ----------------------------------------------------
sim$state <- factor(sim$cause, 0:2, c("censored", "tumour", "death"))
aj <- survfit(Surv(entry, stop, state) ~ 1, sim, id = id)
put("sim.aj.entry", summary(aj, times = c(3, 6, 10, 14))$pstate[, 2])
aj0 <- survfit(Surv(stop, state) ~ 1, sim)
put("sim.aj", summary(aj0, times = c(3, 6, 10, 14))$pstate[, 2])
ci <- cuminc(sim$stop, sim$cause); tp <- timepoints(ci, c(3, 6, 10, 14))
put("sim.cuminc", tp$est[1, ]); put("sim.cuminc.var", tp$var[1, ])
fine_gray <- function(formula, data, design) {
  rows <- finegray(formula, data, etype = "tumour", id = id)
  coxph(Surv(fgstart, fgstop, fgstatus) ~ as.matrix(rows[, design]), rows, weights = fgwt, cluster = rows$id, control = precise)
}
put_fit("sim.finegray", fine_gray(Surv(stop, state) ~ ., sim, c("marker", "lines")))
put_fit("sim.finegray.entry", fine_gray(Surv(entry, stop, state) ~ ., sim, c("marker", "lines")))
put("sim.crr.coef", crr(sim$stop, sim$cause, sim[, c("marker", "lines")], gtol = 1e-12)$coef)
fit <- crr(sim$stop + sim$id * 1e-5, sim$cause, sim[, c("marker", "lines")], gtol = 1e-12)   # the same without ties
put("sim.crr.untied.coef", fit$coef); put("sim.crr.untied.se", sqrt(diag(fit$var)))

# --- Firth: R's own partial likelihood maximised with Jeffreys' penalty ----------------------------------------------
firth <- function(name, loglik, p, level = 0.95) {
  full <- optim(rep(0, p), function(b) -loglik(b), method = "BFGS", control = list(reltol = 1e-15, maxit = 500))
  for (i in 1:4) full <- optim(full$par, function(b) -loglik(b), method = "BFGS", control = list(reltol = 1e-16, maxit = 500))
  at <- function(j, value) {
    if (p == 1) return(loglik(value))
    f <- function(b) { full_b <- numeric(p); full_b[-j] <- b; full_b[j] <- value; -loglik(full_b) }
    best <- optim(full$par[-j], f, method = "BFGS", control = list(reltol = 1e-15, maxit = 500))
    -optim(best$par, f, method = "BFGS", control = list(reltol = 1e-16, maxit = 500))$value
  }
  low <- high <- pv <- numeric(p)
  for (j in 1:p) {
    gap <- function(b) 2 * (-full$value - at(j, b)) - qchisq(level, 1)
    low[j] <- uniroot(gap, full$par[j] + c(-9, 0), extendInt = "downX", tol = 1e-9)$root
    high[j] <- uniroot(gap, full$par[j] + c(0, 9), extendInt = "upX", tol = 1e-9)$root
    pv[j] <- pchisq(2 * (-full$value - at(j, 0)), 1, lower.tail = FALSE)
  }
  put(paste0(name, ".coef"), full$par); put(paste0(name, ".low"), low); put(paste0(name, ".high"), high); put(paste0(name, ".p"), pv)
  put(paste0(name, ".value"), -full$value)
}
cox_penalised <- function(surv, x, strata = NULL) function(b) tryCatch({
  fit <- if (is.null(strata)) coxph(surv ~ x, init = b, control = coxph.control(iter.max = 0)) else
    coxph(surv ~ x + strata(strata), init = b, control = coxph.control(iter.max = 0))
  fit$loglik[length(fit$loglik)] - 0.5 * as.numeric(determinant(fit$var)$modulus)
}, error = function(e) -1e10)
logistic_penalised <- function(y, x) function(b) {
  eta <- as.vector(cbind(1, x) %*% b); mu <- plogis(eta); z <- cbind(1, x)
  sum(y * eta - log1p(exp(eta))) + 0.5 * as.numeric(determinant(t(z) %*% (z * mu * (1 - mu)))$modulus)
}
ovarian <- read("ovarian")
firth("ovarian.firth", cox_penalised(Surv(ovarian$futime, ovarian$fustat), as.matrix(ovarian[, c("age", "rx", "ecog.ps")]) %*% diag(c(0.1, 1, 1))), 3)
firth("sim.firth.entry", cox_penalised(Surv(sim$entry, sim$stop, sim$cause == 1), cx[, 1:2]), 2)
firth("sim.firth.strata", cox_penalised(Surv(sim$entry, sim$stop, sim$cause == 1), cx[, 1:2], sim$centre), 2)
none <- sim$centre == 1 & sim$cause != 1          # a marker that no case carries
firth("sim.firth.separated", cox_penalised(Surv(sim$entry, sim$stop, sim$cause == 1), cbind(as.numeric(none))), 1)
endometrial <- read("endometrial")
firth("endometrial.firth", logistic_penalised(endometrial$HG, cbind(endometrial$NV, endometrial$PI / 10, endometrial$EH)), 4)

# --- case-cohort: nwtco, all six variants -----------------------------------------------------------------------------
nwtco <- read("nwtco")
nwtco$sub <- nwtco$in.subcohort == "TRUE" | nwtco$in.subcohort == TRUE
chosen <- nwtco[nwtco$rel == 1 | nwtco$sub, ]
chosen$years <- chosen$age / 12
for (s in 2:4) chosen[[paste0("s", s)]] <- as.numeric(chosen$stage == s)
chosen$h <- as.numeric(chosen$histol == 2)
variants <- list(Prentice = list("Prentice", FALSE), SelfPrentice = list("SelfPrentice", FALSE), LinYing = list("LinYing", FALSE),
                 LinYingRobust = list("LinYing", TRUE), BorganI = list("I.Borgan", FALSE), BorganII = list("II.Borgan", FALSE))
for (name in names(variants)) {
  v <- variants[[name]]
  stratified <- grepl("Borgan", name)
  fit <- if (stratified) cch(Surv(edrel, rel) ~ s2 + s3 + s4 + h + years, chosen, subcoh = ~sub, id = ~seqno, stratum = ~instit,
                             cohort.size = table(nwtco$instit), method = v[[1]])
         else cch(Surv(edrel, rel) ~ s2 + s3 + s4 + h + years, chosen, subcoh = ~sub, id = ~seqno, cohort.size = nrow(nwtco),
                  method = v[[1]], robust = v[[2]])
  put(paste0("nwtco.", name, ".coef"), fit$coefficients); put(paste0("nwtco.", name, ".se"), sqrt(diag(fit$var)))
}
whole <- coxph(Surv(edrel, rel) ~ factor(stage) + factor(histol) + I(age / 12), nwtco, control = precise)
put_fit("nwtco.whole", whole)

# --- Stanford heart: naive, time-dependent, landmark ------------------------------------------------------------------
jasa <- read("jasa"); jasa1 <- read("jasa1")
put_fit("jasa.naive", coxph(Surv(futime, fustat) ~ transplant, jasa[jasa$futime > 0, ], control = precise))
put_fit("jasa.time", coxph(Surv(start, stop, event) ~ transplant, jasa1, control = precise))
late <- jasa[jasa$futime > 30, ]; late$early <- as.numeric(!is.na(late$wait.time) & late$wait.time <= 30)
put_fit("jasa.landmark", coxph(Surv(futime, fustat) ~ early, late, control = precise))

# --- mgus2: causes apart and Fine-Gray --------------------------------------------------------------------------------
mgus2 <- read("mgus2")
etime <- with(mgus2, ifelse(pstat == 0, futime, ptime)); cause <- with(mgus2, ifelse(pstat == 0, 2 * death, 1))
male <- as.numeric(mgus2$sex == "M")
put_fit("mgus2.cause1", coxph(Surv(etime, cause == 1) ~ mgus2$age + male, control = precise))
put_fit("mgus2.cause2", coxph(Surv(etime, cause == 2) ~ mgus2$age + male, control = precise))
fg <- crr(etime, cause, cbind(mgus2$age, male), gtol = 1e-12)
put("mgus2.crr.coef", fg$coef); put("mgus2.crr.se", sqrt(diag(fg$var)))
put("mgus2.aj", timepoints(cuminc(etime, cause), c(60, 120, 240))$est[1, ])
put("mgus2.aj.var", timepoints(cuminc(etime, cause), c(60, 120, 240))$var[1, ])
data <- data.frame(id = seq_along(etime), etime, state = factor(cause, 0:2, c("censored", "tumour", "death")), age = mgus2$age, male)
put_fit("mgus2.finegray", fine_gray(Surv(etime, state) ~ ., data, c("age", "male")))
entry <- mgus2$age; exit <- mgus2$age + etime / 12
trunc <- data.frame(id = seq_along(etime), entry, exit, state = data$state, male, hgb = mgus2$hgb)
trunc <- trunc[trunc$exit > trunc$entry & !is.na(trunc$hgb), ]
put_fit("mgus2.age_scale.cause1", coxph(Surv(entry, exit, state == "tumour") ~ male + hgb, trunc, control = precise))

# --- transplant and bmtcrr: three causes, and a second Fine-Gray -------------------------------------------------------
transplant <- read("transplant"); transplant$time <- transplant$futime + 0.5
code <- match(transplant$event, c("censored", "death", "ltx", "withdraw")) - 1
transplant$state <- factor(code, 0:3, c("censored", "death", "ltx", "withdraw"))
curve <- summary(survfit(Surv(time, state) ~ 1, transplant), times = c(90.5, 365.5, 1000.5))$pstate
for (k in 1:3) put(paste0("transplant.aj.cause", k), curve[, k + 1])
put_fit("transplant.ltx", coxph(Surv(time, code == 2) ~ age + (abo == "O"), transplant, control = precise))
bmt <- read("bmtcrr"); design <- cbind(bmt$Age / 10, as.numeric(bmt$Sex == "M"), as.numeric(bmt$D == "AML"))
bmt_data <- data.frame(id = seq_len(nrow(bmt)), time = bmt$ftime, state = factor(bmt$Status, 0:2, c("censored", "tumour", "death")), age = design[, 1], male = design[, 2], aml = design[, 3])
put_fit("bmtcrr.finegray", fine_gray(Surv(time, state) ~ ., bmt_data, c("age", "male", "aml")))

# --- nested case-control: every event with three controls from its risk set --------------------------------------------
set.seed(7)
sets <- list(); cases <- which(sim$cause == 1)
for (i in cases) {
  at_risk <- which(sim$entry < sim$stop[i] & sim$stop >= sim$stop[i] & seq_len(nrow(sim)) != i)
  sets[[length(sets) + 1]] <- data.frame(set = length(sets) + 1, row = c(i, sample(at_risk, min(3, length(at_risk)))), case = c(1, rep(0, min(3, length(at_risk)))))
}
ncc <- do.call(rbind, sets)
write.csv(data.frame(set = ncc$set, id = sim$id[ncc$row], case = ncc$case), file.path(args[2], "simulated_sets.csv"), row.names = FALSE, quote = FALSE)
picked <- sim[ncc$row, ]
fit <- clogit(case ~ marker + lines + strata(set), cbind(picked, set = ncc$set, case = ncc$case), method = "exact", control = precise)
put("sim.clogit.coef", coef(fit)); put("sim.clogit.se", sqrt(diag(vcov(fit))))

# --- exact association -----------------------------------------------------------------------------------------------
table22 <- matrix(c(4, 34, 60, 3000), 2)
test <- fisher.test(table22); put("fisher.p", test$p.value); put("fisher.limits", test$conf.int); put("fisher.estimate", test$estimate)
strat <- array(c(2, 5, 30, 400, 3, 9, 20, 900, 0, 4, 11, 350), c(2, 2, 3))
test <- mantelhaen.test(strat, exact = TRUE)
put("mantel.p", test$p.value); put("mantel.limits", test$conf.int); put("mantel.estimate", test$estimate)
test <- poisson.test(c(5, 33), c(1200, 60000)); put("rates.estimate", test$estimate); put("rates.limits", test$conf.int); put("rates.p", test$p.value)

writeLines(c(paste0("# ", R.version.string, "; survival ", packageVersion("survival"), "; cmprsk ", packageVersion("cmprsk")), unlist(out)),
           file.path(args[2], "reference.tsv"))
