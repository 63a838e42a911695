package effect

import "testing"

// The call in R names the model and the errors that were used.
func TestAncovaCall(t *testing.T) {
	for want, o := range map[string]AncovaOptions{
		"lm(visit ~ arm + baseline)": {Errors: "model"},
		`fit <- lm(visit ~ arm + baseline + age + sex); lmtest::coeftest(fit, sandwich::vcovHC(fit, "HC3"))`:  {Covariates: []string{"age", "sex"}, Errors: "HC3"},
		`fit <- lm(visit ~ arm + baseline); lmtest::coeftest(fit, sandwich::vcovCL(fit, cluster))`:            {Errors: "cluster"},
		`fit <- lm(visit ~ arm + baseline); lmtest::coeftest(fit, clubSandwich::vcovCR(fit, cluster, "CR2"))`: {Errors: "CR2"},
	} {
		if got := o.call(); got != want {
			t.Errorf("%v: %s, want %s", o, got, want)
		}
	}
}
