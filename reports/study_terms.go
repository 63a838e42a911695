package reports

import (
	"strings"
)

// termNames are terms of estimates that do not read as words once their underscores are
// spaces.
var termNames = map[string]string{
	"adjusted_smd":                "adjusted standardised mean difference",
	"aipw_difference":             "AIPW difference",
	"bound_best":                  "share (best case)",
	"bound_worst":                 "share (worst case)",
	"breusch_pagan":               "Breusch-Pagan test",
	"c_statistic":                 "C statistic",
	"cliffs_delta":                "Cliff's delta",
	"hedges_g":                    "Hedges' g",
	"homogeneity_of_slopes":       "homogeneity of slopes",
	"imbalanced_adjusted":         "covariates and levels over the threshold, after",
	"imbalanced_raw":              "covariates and levels over the threshold, before",
	"km_difference":               "difference returned (Kaplan-Meier)",
	"km_returned":                 "returned (Kaplan-Meier)",
	"largest_difference_adjusted": "largest standardised difference, after",
	"largest_difference_raw":      "largest standardised difference, before",
	"logrank":                     "log-rank test",
	"mann_whitney_u":              "Mann-Whitney U",
	"mean_arm":                    "mean of the arm",
	"mean_leaving":                "mean of those not seen again",
	"mean_reference":              "mean of the reference",
	"mean_staying":                "mean of those seen again",
	"difference_leaving":          "difference, those not seen again minus those seen again",
	"nnt":                         "number needed to treat",
	"risk_difference_best":        "risk difference (best case)",
	"risk_difference_worst":       "risk difference (worst case)",
	"share_monotone":              "share whose missing visits all come last",
	"smd":                         "standardised mean difference",
	"tmle_difference":             "TMLE difference",
	"wilcoxon_signed_rank":        "Wilcoxon signed-rank test",
}

// termParts are the parts that terms are put together of; the rest is a term itself.
var termParts = []struct{ before, after, text string }{
	{"", "_all_seen", "{0} (those seen)"},
	{"", "_seen", "{0} (those seen)"},
	{"", "_known", "{0} (those known)"},
	{"", "_all", "{0} (all)"},
	{"difference of ", "", "difference of {0}"},
	{"difference_", "", "difference {0}"},
	{"share in ", "", "share in {0}"},
	{"days in ", "", "days in {0}"},
	{"gray of ", "", "Gray's test of {0}"},
	{"cumulative_incidence of ", "", "cumulative incidence of {0}"},
}

// term is a term as people read it.
func (s *study) term(term string) string { return s.q.in.term(term) }

func (l Language) term(term string) string {
	if name, ok := termNames[term]; ok {
		return l.Text(name)
	}
	spaced := strings.ReplaceAll(term, "_", " ")
	if _, ok := l.lookup(spaced); ok {
		return l.Text(spaced)
	}
	if what, of, ok := strings.Cut(term, " of "); ok && levelTerm.MatchString(term) {
		return l.Text("{0} of {1}", l.term(what), of)
	}
	if strings.HasPrefix(term, "proportional_hazards") {
		return spaced
	}
	for _, x := range termParts {
		rest := strings.TrimSuffix(strings.TrimPrefix(term, x.before), x.after)
		if rest != "" && len(rest) == len(term)-len(x.before)-len(x.after) {
			return l.Text(x.text, l.term(rest))
		}
	}
	return spaced
}

// analysisTerms are what analyses say in single words and short phrases, which studies
// show in their own language: titles, terms of estimates, roles, units, definitions.
var analysisTerms = []string{
	// titles of analyses
	"Flow of patients",
	"Table 1: who the patients are",
	"Completeness",
	"Costs per patient",
	"Mean change from baseline",
	"Percent change, three ways",
	"Standardised mean difference (Hedges' g)",
	"Standardised differences in every variant",
	"Probability of superiority and Cliff's delta",
	"Responders",
	"Cumulative responder curve",
	"Share in an acceptable state before and after (McNemar)",
	"Responders compared within strata (Mantel-Haenszel)",
	"Reliable and clinically significant change",
	"Baseline-adjusted difference (ANCOVA)",
	"Comparisons among all arms, adjusted for baseline and for their number",
	"Responders adjusted for baseline and covariates (g-computation)",
	"Effect by subgroup, with the test of interaction (forest)",
	"Important difference, by distribution and by anchor",
	"Regression to the mean beside the change",
	"Bootstrap interval and permutation test",
	"Bootstrap intervals of any analysis",
	"Permutation test of any comparison",
	"Patients needed to compare means",
	"Patients needed to compare shares",
	"Patients needed against a benchmark",
	"Events and patients needed for a log-rank test",
	"Patients needed for a regression, several means or a correlation",
	"Patients needed to compare rates of change",
	"Patients needed for a mixed model for repeated measures",
	"Mixed model for repeated measures (MMRM)",
	"Mixed model with random intercept and slope",
	"Generalised estimating equations (GEE)",
	"Interrupted time series (segmented regression)",
	"Group-based trajectories",
	"Patterns of missing visits",
	"Multiple imputation (chained equations)",
	"Reference-based imputation",
	"Tipping point (delta adjustment)",
	"Weights for drop-out (inverse probability)",
	"The answer under other assumptions about missing values",
	"Dose by week",
	"Opioid dose reduction", "Medication for opioid use disorder",
	"Tapered and stopped, by published definitions",
	"Velocity of the taper",
	"Time to half the dose, to stopping and to resumption",
	"Safety flags of tapers",
	"Dose trajectory groups",
	"Return to work",
	"Test of equal return to work (log-rank family)",
	"Restricted mean days until return to work",
	"Hazard ratio of return to work (Cox)",
	"Return to work against competing events (cumulative incidence)",
	"Return to work against competing events (Fine-Gray and cause-specific hazards)",
	"Time to return to work by a distribution",
	"Return to work seen at visits (Turnbull)",
	"Hazard ratio of return to work seen at visits (grouped)",
	"Work states over time, and days lost",
	"Work status before and after (transition shares)",
	"Relapse to sick leave after return to work",
	"Beside published figures",
	"Matching-adjusted indirect comparison",
	"Simulated treatment comparison",
	"Anchored indirect comparison of two published contrasts",
	"Propensity score and weights",
	"Balance of covariates",
	"Matched comparison",
	"Weighted comparison",
	"Weighted comparison of times to an event",
	"Doubly robust comparison (AIPW and TMLE)",
	"Negative controls of a weighted comparison",
	"How strong an unmeasured confounder must be (E-value)",
	"Cost and effect in two arms (trial-based analysis)",
	"Mean costs in two arms, with censoring or skewed",
	"Control chart",
	"Share by quarter (p chart)",
	"Mean change by quarter (XmR chart)",
	"Sites (funnel plot)",
	"Observed over expected by site",
	"Sites by a hierarchical model",
	"Risk-adjusted CUSUM",
	"Variable life-adjusted display",
	"Calibration of a risk adjustment",
	"Against a benchmark",
	"lower", "higher", // which is better
	// roles of a plan's items
	"primary", "secondary", "sensitivity", "exploratory",
	// terms of estimates
	"adjusted difference", "adjusted mean", "adjusted change", "unadjusted difference", "difference", "difference in change", "difference at visit",
	"change", "mean", "mean baseline", "mean baseline paired", "mean visit", "mean visit paired", "median", "median improvement",
	"sd", "sd baseline", "sd baseline paired", "sd change", "sd visit", "sd visit paired", "percent of means", "mean of percentages", "difference of percentages",
	"weighted difference", "weighted change", "seen change", "slope", "slope difference", "slope baseline", "interaction", "overall", "tipping delta",
	"responders", "risk difference", "risk ratio", "odds ratio", "conditional odds ratio", "share arm", "share reference", "number needed to treat", "homogeneity",
	"probability of superiority", "effective sample size", "largest weight", "matched arm", "matched reference", "g computation",
	"returned", "returned adjusted", "returned off work", "returned working before", "off work", "working before", "restricted mean", "restricted mean difference", "mean time gained", "median time", "ratio", "ratio gained",
	"without event", "return", "leaving the work force", "hazard ratio", "subdistribution hazard ratio", "cause specific hazard ratio", "incidence predicted",
	"time ratio", "scale", "concordance", "likelihood ratio", "score", "wald", "days lost", "mean relapses", "relapse hazard ratio",
	"share missing", "share completed", "share admitted", "share seen", "share discharged", "complete", "share zero", "share",
	"mme mean", "mme baseline mean", "mme change mean", "percent change mean", "reduced 30", "reduced 50", "off 28", "off 30", "off 60", "off window", "off at discharge", "on opioids at entry",
	"tapered 15", "tapered 30", "faster than 10 a month",
	"cost difference", "cost mean", "cost ratio", "effect difference", "effect mean", "icer", "net benefit", "probability cost effective", "mean cost", "median cost",
	"n", "n arm", "n reference", "n recruited", "power", "events",
	// the same as they stand in sums of terms
	"adjusted standardised mean difference",
	"AIPW difference",
	"share (best case)",
	"share (worst case)",
	"Breusch-Pagan test",
	"C statistic",
	"Cliff's delta",
	"Hedges' g",
	"homogeneity of slopes",
	"covariates and levels over the threshold, after",
	"covariates and levels over the threshold, before",
	"difference returned (Kaplan-Meier)",
	"returned (Kaplan-Meier)",
	"largest standardised difference, after",
	"largest standardised difference, before",
	"log-rank test",
	"Mann-Whitney U",
	"mean of the arm",
	"mean of those not seen again",
	"mean of the reference",
	"mean of those seen again",
	"difference, those not seen again minus those seen again",
	"number needed to treat",
	"risk difference (best case)",
	"risk difference (worst case)",
	"share whose missing visits all come last",
	"standardised mean difference",
	"TMLE difference",
	"Wilcoxon signed-rank test",
	"{0} (those seen)", "{0} (those known)", "{0} (all)", "difference of {0}", "difference {0}", "share in {0}", "days in {0}", "Gray's test of {0}", "cumulative incidence of {0}",
	// units
	"days", "weeks", "months", "years", "patients", "per week", "MME/day", "percent of baseline", "relapses a patient",
	// definitions
	"complete-cases", "missing-at-random", "jump-to-reference", "worst-case", "best-case", "all-worst", "all-best", "last-observation-carried-forward", "baseline-observation-carried-forward",
	"change from baseline", "value at the visit", "total",
	// in what a sensitivity analysis is another
	"definition {0}", "missing {0}", "visit {0}", "outcome {0}", "arm {0}", "reference {0}", "baseline {0}",
	// tables of analyses
	"The trial that this comparison stands in for", "Covariates of the two arms, before and after", "Covariances tried, in order", "Values seen and missing", "Values seen and missing by visit",
	"The answer over deltas", "What agrees between our patients and theirs, and what does not", "How the published patients differ from ours", "Published figures and their sources", "Definitions that the data cannot support",
	"structure", "outcome", "largest gradient", "steps", "converged", "seen", "used", "group", "comparator", "field", "ours", "theirs", "why", "reason",
	// target trials
	"Eligibility", "Strategies", "Assignment", "Time zero", "Follow-up", "Outcome", "Causal contrast",
	"What a trial would lay down beforehand, and what stands in its place; see the warnings on time zero.", "Who was left out is under Who was analysed.",
	"patients of either arm who could have been given the other treatment", "patients with all covariates and the outcome", "as recorded in the arm", "by chance",
	"weights of the propensity score", "models of score and outcome", "entropy balancing", "logit of the propensity score", "propensity score",
	"the day of allotment, when eligibility is met and treatment begins", "from time zero to the end of follow-up, alike in both arms", "to the recorded time of each patient",
	"measured alike in both arms by people who do not know the arm", "of being allotted (intention to treat) or of keeping to it (per protocol)",
	"average effect in all patients", "average effect in patients of the arm", "average effect in patients of the reference", "average effect in the overlap of both arms", "average effect in those whom matching would keep", "average effect in patients of the arm who have a match",
	// how covariates were made alike
	"errors that account for the estimated weights (M-estimation)", "pooled over the two arms, √((s₁²+s₀²)/2)", "of the arm's patients",
	// reasons of exclusion
	"rows of patients without an arm, where an arm is needed", "patients of the arm without a match",
	// curves
	"share returned", "share of the arm", "share with the event", "dose by week", "no event yet",
	// orders of missing visits
	"complete", "monotone", "intermittent", "never seen", "unknown", "before weighting", "after weighting",
	// kinds of figures of a validation, and verdicts
	"predicted", "fitted", "claim", "agrees", "agrees within a wide interval", "misses: predicts too little", "misses: predicts too much",
}
