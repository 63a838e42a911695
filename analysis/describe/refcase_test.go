package describe_test

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/describe"
)

// The trial of 312 patients with cirrhosis, and 106 more who took no part, to the 1e-6
// the case states.
func TestReferenceCaseTableOne(t *testing.T) {
	const dir = "../../../shared/refcases/statistics/table1_pbc"
	v := analysistest.ReadCase(t, dir)
	b, err := os.ReadFile(dir + "/data.csv")
	if err != nil {
		t.Fatal(err)
	}
	numbers := strings.Fields("time age bili chol albumin copper alk.phos ast trig platelet protime")
	levels := strings.Fields("status sex ascites hepato spiders edema stage")
	file := "name: pbc\nresources:\n  - name: patients\n    path: p.csv\n    schema:\n      missingValues: [{value: \"\", label: none}, {value: NA, label: not taken}]\n      fields:\n        - {name: id, type: string, role: patient}\n"
	arm := "        - {name: trt, type: string, role: arm}\n"
	var fields string
	for kind, names := range map[string][]string{"number": numbers, "string": levels} {
		for _, n := range names {
			fields += fmt.Sprintf("        - {name: %s, type: %s, role: covariate}\n", n, kind)
		}
	}
	tables := map[string]string{"p.csv": string(b)}
	by := run(t, describe.TableOneAnalysis, analysistest.Cohort(t, file+arm+fields+"arms: [{value: \"1\"}, {value: \"2\"}]\n", tables), analysis.Question{}, map[string]string{"tests": "true"})
	all := run(t, describe.TableOneAnalysis, analysistest.Cohort(t, file+fields, tables), analysis.Question{}, map[string]string{"shape": "true"})
	find := func(r analysis.Result, column, term, arm, level string) analysis.Estimate {
		t.Helper()
		for _, e := range r.Estimates {
			if e.Outcome == column && e.Term == term && (arm == "" || e.Arm == arm) && (level == "" || e.Definition == "level: "+level) {
				return e
			}
		}
		t.Fatalf("no %s of %s", term, column)
		return analysis.Estimate{}
	}
	const tol = 1e-6
	terms := map[string]string{"mean": "mean", "sd": "sd", "median": "median", "p25": "q1", "p75": "q3", "skew": "skewness", "kurt": "kurtosis"}
	for i, name := range numbers {
		at := "/" + strconv.Itoa(i)
		v.Text("cont_p/var"+at, name)
		v.Text("cont_overall/var"+at, name)
		v.Near("cont_p/normal"+at, float64(find(by, name, "p_normal", "", "").P), tol)
		v.Near("cont_p/nonnormal"+at, float64(find(by, name, "p_nonnormal", "", "").P), tol)
		m := find(all, name, "mean", "", "")
		v.Near("cont_overall/n"+at, float64(m.N.Arm+m.N.Missing), 0) // tableone counts those without a value too
		v.Near("cont_overall/miss"+at, float64(m.N.Missing), 0)
		for key, term := range terms {
			v.Near("cont_overall/"+key+at, float64(find(all, name, term, "", "").Value), tol)
		}
		for _, arm := range []string{"1", "2"} {
			m := find(by, name, "mean", arm, "")
			v.Near("cont_by/"+arm+"/n"+at, float64(m.N.Arm+m.N.Missing), 0)
			for _, key := range []string{"mean", "sd", "median", "p25", "p75"} {
				v.Near("cont_by/"+arm+"/"+key+at, float64(find(by, name, terms[key], arm, "").Value), tol)
			}
		}
	}
	for i, name := range levels {
		at := "/" + strconv.Itoa(i)
		v.Text("cat_p/var"+at, name)
		v.Near("cat_p/approx"+at, float64(find(by, name, "p_approximate", "", "").P), tol)
		v.Near("cat_p/exact"+at, float64(find(by, name, "p_exact", "", "").P), tol)
	}
	for _, name := range append(append([]string(nil), numbers...), levels...) {
		v.Near("smd/"+name, math.Abs(float64(find(by, name, "smd", "1", "").Value)), tol) // tableone's has no sign
	}
	for _, arm := range []string{"1", "2"} {
		for i, level := range []string{"1", "2", "3", "4"} {
			e, at := find(by, "stage", "share", arm, level), "/"+strconv.Itoa(i)
			v.Text("cat_stage/"+arm+"/level"+at, level)
			v.Near("cat_stage/"+arm+"/freq"+at, float64(e.N.Events), 0)
			v.Near("cat_stage/"+arm+"/pct"+at, float64(100*e.Value), tol)
		}
	}
}

// By R, testdata/tests.R: three arms, shape of few values, and the tables of two arms
// and three levels. What cannot be tested is null with its reason, not 0 or 1.
func TestTestsAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/tests.json")
	three := "id,arm,age,sex,site,referred,admitted,completed,discharged\n"
	for i, x := range []struct {
		arm, site string
		age       float64
	}{{"a", "N", 30}, {"a", "N", 41}, {"a", "S", 38}, {"a", "E", 41}, {"b", "N", 52}, {"b", "S", 38}, {"b", "S", 61}, {"c", "E", 47}, {"c", "E", 70}, {"c", "S", 66}, {"c", "E", 52}} {
		three += fmt.Sprintf("p%02d,%s,%g,1,%s,0,1,true,2\n", i, x.arm, x.age, x.site)
	}
	arms := "arms: [{value: program}, {value: usual}]"
	set := map[string]string{"columns": "age,site,sex", "tests": "true", "shape": "true"}
	r := run(t, describe.TableOneAnalysis, program(t, "patients.csv", three, arms, "arms: [{value: a}, {value: b}, {value: c}]"), analysis.Question{}, set)
	find := func(r analysis.Result, column, term string) analysis.Estimate {
		t.Helper()
		for _, e := range r.Estimates {
			if e.Outcome == column && e.Term == term {
				return e
			}
		}
		t.Fatalf("no %s of %s", term, column)
		return analysis.Estimate{}
	}
	for i, x := range [][2]string{{"age", "p_normal"}, {"age", "p_nonnormal"}, {"site", "p_approximate"}} {
		e := find(r, x[0], x[1])
		ref.Near(t, "three", 2*i, e.Statistic, 1e-12)
		ref.Near(t, "three", 2*i+1, e.P, 1e-12)
		if e.Arm != analysis.All || e.N.Arm != 11 {
			t.Errorf("%s: %+v", x[1], e)
		}
	}
	ref.Near(t, "shape", 0, find(r, "age", "skewness").Value, 1e-12) // of arm a
	ref.Near(t, "shape", 1, find(r, "age", "kurtosis").Value, 1e-12)
	r = run(t, describe.TableOneAnalysis, program(t, "patients.csv", three, arms, "arms: [{value: a}, {value: b}, {value: c}]"), analysis.Question{Arm: "a", Reference: "c"}, set)
	for i, x := range [][2]string{{"age", "p_normal"}, {"age", "p_nonnormal"}, {"site", "p_approximate"}, {"site", "p_exact"}} {
		ref.Near(t, "two", i, find(r, x[0], x[1]).P, 1e-10)
	}
	for _, term := range []string{"p_approximate", "p_exact"} { // one sex alone
		if e := find(r, "sex", term); e.P.OK() || e.Value.OK() || len(e.Warnings) == 0 {
			t.Errorf("%s of one level: %v with %v", term, e.P, e.Warnings)
		}
	}
	few := "id,arm,age,sex,site,referred,admitted,completed,discharged\n1,program,30,1,N,0,1,true,2\n2,program,30,1,N,0,1,true,2\n3,usual,30,2,N,0,1,true,2\n"
	r = run(t, describe.TableOneAnalysis, program(t, "patients.csv", few), analysis.Question{}, set)
	for _, term := range []string{"p_normal", "p_nonnormal", "skewness", "kurtosis"} {
		if e := find(r, "age", term); e.Value.OK() || len(e.Warnings) == 0 {
			t.Errorf("%s of values alike: %v", term, e.Value)
		}
	}
	// Three of three and none of one: 1 of C(3,1) tables is as unlikely: p = 1/3.
	near(t, "Fisher by hand", find(r, "sex", "p_exact").P, 1.0/3, 1e-12)
	for _, e := range run(t, describe.TableOneAnalysis, program(t), analysis.Question{}, nil).Estimates {
		if strings.HasPrefix(e.Term, "p_") || e.Term == "skewness" {
			t.Errorf("%s was not asked for", e.Term)
		}
	}
}
