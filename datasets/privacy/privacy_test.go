package privacy_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/datasets"
	"recoup/datasets/privacy"
)

// cohort loads tables of CSV with a cohort file, past the gate.
func cohort(t testing.TB, file string, data map[string]string) *datasets.Cohort {
	t.Helper()
	d, err := datasets.ParseDictionary("c.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	c, err := datasets.Load(t.Context(), d, datasets.LoadOptions{Open: datasets.OpenText(data)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// column scans one column of cells beside a pseudonym.
func column(t *testing.T, name, kind, role string, cells ...string) []privacy.Finding {
	t.Helper()
	field := fmt.Sprintf("{name: %q, type: %s, role: %s}", name, kind, role)
	if role == "" {
		field = fmt.Sprintf("{name: %q, type: %s}", name, kind)
	}
	data := "key," + name + "\n"
	for i, c := range cells {
		data += fmt.Sprintf("k%d,\"%s\"\n", i, c)
	}
	return scan(cohort(t, "name: c\nresources: [{name: t, path: t.csv, schema: {fields: [{name: key, type: string, role: patient}, "+field+"]}}]", map[string]string{"t.csv": data}), nil)
}

// ids scans a column of patients' ids.
func ids(t *testing.T, cells ...string) []privacy.Finding {
	t.Helper()
	return scan(cohort(t, "name: c\nresources: [{name: t, path: t.csv, schema: {fields: [{name: id, type: string, role: patient}]}}]", map[string]string{"t.csv": "id\n" + "\"" + strings.Join(cells, "\"\n\"") + "\"\n"}), nil)
}

func has(found []privacy.Finding, s privacy.Severity, class privacy.Class) bool {
	return slices.ContainsFunc(found, func(f privacy.Finding) bool { return f.Severity == s && f.Class == class })
}

func high(found []privacy.Finding) bool {
	return slices.ContainsFunc(found, func(f privacy.Finding) bool { return f.Severity == privacy.High })
}

// One value among harmless ones is enough where it cannot be anything else.
func TestNeedles(t *testing.T) {
	for _, c := range []struct {
		class privacy.Class
		cell  string
	}{
		{privacy.ClassEmail, "p.weber+rehab@klinik-nord.example.de"},
		{privacy.ClassEmail, "write to anna dot berg [at] uni dot org"},
		{privacy.ClassPhone, "(212) 555-0147"},
		{privacy.ClassPhone, "+49 30 901820"},
		{privacy.ClassPhone, "tel. 0412 345 678"},
		{privacy.ClassPhone, "+1-614-555-0123"},
		{privacy.ClassSSN, "219-09-9999"},
		{privacy.ClassSSN, "id 457 55 5462 per chart"},
		{privacy.ClassSSN, "AB 12 34 56 C"},
		{privacy.ClassRecord, "MRN: 00482913"},
		{privacy.ClassRecord, "Medical record no. 7731942"},
		{privacy.ClassPlan, "1EG4TE5MK72"},
		{privacy.ClassAccount, "4111 1111 1111 1111"},
		{privacy.ClassAccount, "DE89 3704 0044 0532 0130 00"},
		{privacy.ClassVehicle, "VIN: 1M8GDM9AXKP042788"},
		{privacy.ClassDevice, "00:1B:44:11:3A:B7"},
		{privacy.ClassURL, "see https://example.org/patients/17"},
		{privacy.ClassPlace, "221b Baker Street"},
		{privacy.ClassPlace, "PO Box 1138"},
		{privacy.ClassPlace, "Columbus, OH 43210"},
		{privacy.ClassPlace, "K1A 0B1"},
		{privacy.ClassPlace, "Lindenstraße 14"},
		{privacy.ClassPlace, "51.5014, -0.1419"},
		{privacy.ClassDates, "2024-02-29"},
		{privacy.ClassDates, "29.02.2024"},
		{privacy.ClassDates, "admitted 3/14/62"},
		{privacy.ClassDates, "14 March 1962"},
		{privacy.ClassDates, "Sept 4, 2021"},
		{privacy.ClassDates, "93-year-old with sciatica"},
		{privacy.ClassNames, "Dr. Okonkwo advised rest"},
		{privacy.ClassNames, "seen with Maria Gonzalez today"},
		{privacy.ClassNames, "NGUYEN^THI"},
		{privacy.ClassNames, "O'Brien, Kathleen"},
		{privacy.ClassNames, "Müller, Jürgen"},
		{privacy.ClassNames, "john smith"},
		{privacy.ClassNames, "NOWAK ANNA"},
		{privacy.ClassDates, "2024%2D02%2D29"},                                     // URL
		{privacy.ClassEmail, "jane&#46;roe&#64;example&#46;org"},                   // HTML
		{privacy.ClassEmail, "6a616e652e726f65406578616d706c652e6f7267"},           // hexadecimal
		{privacy.ClassPhone, "NjE0LTU1NS0wMTIz"},                                   // base64
		{privacy.ClassDates, "\u0662\u0660\u0662\u0664-\u0660\u0662-\u0661\u0662"}, // Arabic digits
		{privacy.ClassSSN, "２１９－０９－９９９９"},
		{privacy.ClassEmail, "jane@exa\u200bmple.org"},
	} {
		found := column(t, "q", "string", "", "3", "7", "mild", "mild", c.cell)
		if !has(found, privacy.High, c.class) {
			t.Errorf("%q: no %s of high severity in %+v", c.cell, c.class, found)
		}
	}
}

// A long text is looked at near its digits, and as a whole for what has none.
func TestLongText(t *testing.T) {
	long := strings.Repeat("The patient tolerated the session well and goes on with pacing and stretching at home. ", 20)
	for cell, class := range map[string]privacy.Class{
		long + "Reach her on 614-555-0188 in the evening. " + long: privacy.ClassPhone,
		long + "SSN 219-09-9999":                                   privacy.ClassSSN,
		"12 " + long + "seen 3/14/2021 " + long:                    privacy.ClassDates,
		long + "Discussed with Maria Gonzalez. ":                   privacy.ClassNames,
		long + "jane.roe@example.org " + long:                      privacy.ClassEmail,
		"7 of 10. " + long + "221 Baker Street, 4":                 privacy.ClassPlace,
	} {
		if found := column(t, "n", "string", "", "none", "none", cell); !has(found, privacy.High, class) || !has(found, privacy.Medium, privacy.ClassOther) {
			t.Errorf("no %s of high severity, or no free text, in %+v", class, found)
		}
	}
	if found := column(t, "n", "string", "", "none", "none", long); high(found) {
		t.Errorf("%+v", found)
	}
}

// Columns as a whole tell what one cell does not.
func TestColumns(t *testing.T) {
	for _, c := range []struct {
		class privacy.Class
		name  string
		kind  string
		cells []string
	}{
		{privacy.ClassDates, "code", "string", []string{"19480312", "19550721", "19610102", "19720430"}},
		{privacy.ClassDates, "k", "integer", []string{"1609459200", "1612137600", "1614556800"}},
		{privacy.ClassDates, "admit_dt", "integer", []string{"44197", "44250", "44301"}},
		{privacy.ClassDates, "period_of_care", "string", []string{"2021Q1", "2021Q2", "2021Q1"}},
		{privacy.ClassDates, "age", "number", []string{"34", "91", "60"}},
		{privacy.ClassDates, "age_band", "string", []string{"80-84", "85-89", "90-94"}},
		{privacy.ClassDates, "age group", "string", []string{"40-59", "95+"}},
		{privacy.ClassDates, "e", "string", []string{"03.04.61", "17.12.58", "30.01.72", "09.11.80", "21.06.49"}},
		{privacy.ClassPlace, "f", "string", []string{"12 Hull Ports", "4 Green Isle Meadow", "881 Kerry Hollow", "7 Long Acre", "19 Elm Rise", "230 Mill Bottom", "5 Abbey Wynd", "66 North Knoll"}},
		{privacy.ClassAccount, "g", "string", []string{"4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "3530111333300000", "4012888888881881", "5105105105105100", "371449635398431"}},
		{privacy.ClassDates, "birth_year", "integer", []string{"1931", "1960"}},
		{privacy.ClassPlace, "zip_code", "integer", []string{"43210", "4343", "10001"}},
		{privacy.ClassPlace, "zip3", "string", []string{"432", "036", "100"}},
		{privacy.ClassPlace, "home_town", "string", []string{"Lima", "Dayton", "Lima"}},
		{privacy.ClassPlace, "latitude", "number", []string{"39.9612", "40.0992"}},
		{privacy.ClassRecord, "mrn", "integer", []string{"2549878", "8203440", "7074925"}},
		{privacy.ClassRecord, "z", "string", []string{"9434765919", "4010232137", "9876543210", "9434765870"}},
		{privacy.ClassNames, "surname", "string", []string{"Featherstonehaugh", "Zzyzx", "Quartermaine"}},
		{privacy.ClassNames, "who_called", "string", []string{"Mary", "Robert", "Linda", "Carlos", "Susan"}},
		{privacy.ClassNames, "therapist", "string", []string{"Olga Sixpack", "Robert Quux", "Linda Frobnicate", "Mary Xyzzy"}},
		{privacy.ClassPhone, "mobile", "string", []string{"6145550123", "6145550177", "6145550188"}},
	} {
		found := column(t, c.name, c.kind, "", c.cells...)
		if c.name == "home_town" {
			found = column(t, "town", c.kind, "", c.cells...)
		}
		if !has(found, privacy.High, c.class) {
			t.Errorf("%s: no %s of high severity in %+v", c.name, c.class, found)
		}
	}
}

// Clinical codes, names of drugs and instruments, doses, visits and everyday
// numbers are no identifiers.
func TestClinicalVocabulary(t *testing.T) {
	for name, cells := range map[string]string{
		"icd10":          "M54.50 M54.16 G89.29 G89.4 F11.20 Z79.891 M79.7 R52 G90.511 S32.009A M96.1 F45.42",
		"diagnosis":      "M54.5 M54.5 G89.4 M79.7 M54.5 G89.4 M79.7",
		"loinc":          "38208-3 72514-3 44249-1 55758-7 70221-7 61577-3",
		"atc":            "N02AA01 N02AX02 N03AX16 N06AX21 M01AE01 N02BE01 N06AA09",
		"cpt":            "97110 97112 97530 99213 90837 64483 62323 22612",
		"hcpcs":          "G0299 J2360 L0650 E0730 A4595 C1820",
		"ndc":            "00002143380 50580044901 00406055262 59011041010",
		"drug_code":      "50580-449-01 0406-0552-62 59011-410-10",
		"snomed":         "82423001 161891005 22253000 279039007 203082005 57676002",
		"concept":        "82423001 161891005 22253000 279039007 203082005 57676002 84229001 73211009",
		"rxcui":          "7052 5489 10689 32680 1819",
		"site":           "S01 S02 S03 N1 N2",
		"study_code":     "PRP-0001 PRP-0002 PRP-0003 PRP-0104",
		"visit":          "baseline t2_arm_1 12_month_follow_up_arm_1 discharge week_4 V01",
		"arm":            "IPRP usual_care PRT placebo",
		"status":         "retired working student unemployed on_leave",
		"nrs":            "7 8 6 9 5 4 0 10",
		"odi":            "44 52 38.5 60 22.2",
		"dose":           "30 45.5 90 120 15 7.5",
		"weeks":          "0 4 13 26 52 104",
		"year":           "2019 2020 2021 2022 2023",
		"days":           "0 21 90 365 730 1095",
		"cost":           "12345.67 9876.5 20111 104523 98234",
		"total_charge":   "1234567 2345678 345678 4567890",
		"score_t":        "61.2 58.9 64.4 50.0",
		"p":              "0.05 0.001 0.5",
		"software":       "1.2.3.4 1.2.3.5 2.0.1.0",
		"blood":          "120/80 135/85 110/70",
		"ratio":          "1/2 3/4 5/10",
		"range":          "10-20 20-30 1-3",
		"time_of_day":    "10:33 11:02 23:59:59",
		"eq5d_profile":   "21232 11111 32321 11223",
		"education":      "1 2 3 4",
		"contact":        "0 1 1 0",
		"face":           "0 2 4 6 8 10",
		"social":         "34.5 40.2 51.1",
		"phone_visit":    "1 0 0 1",
		"insurance":      "private public self-pay private public",
		"medicaid":       "yes no no yes",
		"weight":         "115 120 185 240",
		"height_cm":      "170 165 181 158",
		"age":            "34 45 67 89",
		"hash_short":     "k7x2m q9d4z p3v8n",
		"link":           "logit probit logit",
		"serial":         "1 2 3 4",
		"plate":          "locking compression locking",
		"chart":          "line bar line",
		"lot":            "A1 B2 C3",
		"state":          "OH MI PA NY",
		"race":           "White Black Asian White Black",
		"employment":     "full-time part-time not-working",
		"spine_level":    "L4-L5 L5-S1 C5-C6 T12-L1",
		"mri":            "Modic1 Modic2 Pfirrmann-III",
		"gene":           "OPRM1 COMT CYP2D6 CYP3A4",
		"vitamin":        "B12 D3 B6",
		"temperature":    "36.6 37.2 38.1",
		"reported_days":  "33 21 17 32",
		"age_band":       "40-44 85-89 90+",
		"surgery_cost":   "21234 30555 44100 27891",
		"discharge_paid": "20123 45999 33333",
		"phone_visits":   "3 2 0 11",
		"email_consent":  "yes no yes",
		"address_known":  "yes no no",
		"mother_alive":   "yes no yes",
		"city_size":      "large small medium",
		"who_reported":   "patient partner clinician",
		"mode":           "phone mail web",
	} {
		for _, kind := range []string{"string", "number"} {
			values := strings.Fields(cells)
			if kind == "number" && (name == "software" || strings.Trim(strings.Join(values, ""), "0123456789.") != "") {
				continue
			}
			if found := column(t, name, kind, "", values...); high(found) {
				t.Errorf("%s as %s: %+v", name, kind, found)
			}
		}
	}
	for _, phrase := range []string{
		"Roland-Morris Disability Questionnaire", "Beck Depression Inventory", "Hamilton Anxiety Rating Scale", "Oswestry Disability Index", "Tampa Scale of Kinesiophobia",
		"Pain Catastrophizing Scale", "Complex regional pain syndrome", "Charcot Marie Tooth disease", "Parkinson Disease", "St John's wort", "Graves Disease", "Lyme Disease", "Wilson Disease",
		"gabapentin 300 mg", "oxycodone 5 mg/acetaminophen 325 mg", "morphine ER 15 mg twice daily", "Buprenorphine, Naloxone", "Bupropion, Naltrexone", "vitamin B12 5mg", "L5 S1 fusion",
		"North West", "White British", "Black African", "Pacific Islander", "Full Time", "Married or Partnered", "More than HS", "Outpatient BUP + EMM", "No Pain", "Severe Pain",
		"week 4 of 12", "2 of 10", "3-4 times a week", "up to 20 minutes", "12 months", "1 month follow-up", "T10-L1 fusion", "cognitive behavioural therapy", "Physical Therapy", "Usual Care",
		"May improve", "Mark Twain", "Grace Hospital", "Knee Society Score", "Short Form 36", "Hospital Anxiety and Depression Scale", "Graded Motor Imagery",
		"return to work (full duty)", "ICD-10-CM 2023", "version 4.0 of 2019", "SF-36v2", "EQ-5D-5L", "PROMIS-29 v2.1", "10 Meter Walk Test", "6 Minute Walk", "Timed Up and Go",
	} {
		if found := column(t, "item", "string", "", phrase, "other", "other"); high(found) {
			t.Errorf("%q: %+v", phrase, found)
		}
	}
}

// A sequence or a pseudonym may name a patient; a birthday, a number given to a
// person, an address or a name may not.
func TestPatientIDs(t *testing.T) {
	var sequence, random, keyed []string
	for i := range 300 {
		sequence = append(sequence, fmt.Sprintf("%03d", i+1))
		random = append(random, fmt.Sprint(1000003*(i+17)%8999999+1000000))
		keyed = append(keyed, fmt.Sprintf("%016x", uint64(i+1)*0x9e3779b97f4a7c15))
	}
	sites := []string{"110101", "110102", "110103", "110104", "110105", "110106", "110107", "110108", "110109", "110110", "110111", "110112"}
	yearly := []string{"2019001", "2019002", "2019003", "2020001", "2020002", "2020003", "2020004"}
	for i, pass := range [][]string{sequence, random, keyed, sites, yearly, {"P-01", "P-02"}, {"c232ab00-9414-41ec-b3c8-9f6bdeced846", "d2f0c1e0-9414-41ec-b3c8-9f6bdeced846"}} {
		if found := ids(t, pass...); high(found) {
			t.Errorf("ids %d: %+v", i, found)
		}
	}
	for i, refuse := range [][]string{
		{"19480312-7", "19550721-2", "19610102-9", "19720430-1"},
		{"219-09-9999", "457-55-5462"},
		{"MRN0048291", "MRN0048377"},
		{"jane.roe@example.org", "p2"},
		{"Smith, John", "Doe, Jane"},
		{"SmithJohn", "GarciaMaria"},
		{"12B070648", "77A231155", "40C150261", "31D090872", "90E300139", "15F181280", "66G251157", "52H020763"},
	} {
		if found := ids(t, refuse...); !high(found) {
			t.Errorf("ids %d pass: %+v", i, found)
		}
	}
}

// What refuses a cohort is put right in the cohort file by one line that says who
// and why, for that class alone where it says so.
func TestAllowances(t *testing.T) {
	const file = `name: c
resources:
  - name: p
    path: p.csv
    schema: {fields: [{name: id, type: string, role: patient}, {name: seen, type: date, role: admitted}, {name: note, type: string}, {name: q, type: string, role: period}]}
`
	data := map[string]string{"p.csv": "id,seen,note,q\na,2024-01-05,write to jane@example.org,2024Q1\nb,2024-02-07,none,2024Q1\n"}
	refused := func(lines string) (codes []string) {
		err := privacy.Refusal(scan(cohort(t, file+lines, data), nil))
		var ps datasets.Problems
		if err != nil && (!errors.As(err, &ps) || !errors.Is(err, datasets.ErrPrivacy)) {
			t.Fatalf("%v is no refusal for privacy", err)
		}
		for _, p := range ps {
			if strings.Contains(p.String(), "jane") || strings.Contains(p.String(), "2024") {
				t.Errorf("a value is told: %s", p)
			}
			codes = append(codes, p.Column)
		}
		return codes
	}
	for _, c := range []struct {
		lines string
		want  []string
	}{
		{"", []string{"seen", "note", "q"}},
		{"privacy: {dates: {are: shifted, by: office, reason: test}}", []string{"note", "q"}},
		{"privacy: {dates: {are: limited-data-set, by: office, reason: test}, allowances: [{column: q, by: x, reason: y}]}", []string{"note"}},
		{"privacy: {allowances: [{column: seen, by: x, reason: y}, {column: q, by: x, reason: y}, {column: note, class: F, by: x, reason: y}]}", nil},
		{"privacy: {allowances: [{column: seen, by: x, reason: y}, {column: q, by: x, reason: y}, {column: note, class: A, by: x, reason: y}]}", []string{"note"}},
	} {
		if got := refused(c.lines); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.lines, got, c.want)
		}
	}
	for _, bad := range []string{
		"privacy: {dates: {are: shifted, by: x}}", "privacy: {dates: {are: moved, by: x, reason: y}}",
		"privacy: {allowances: [{column: q, class: Z, by: x, reason: y}]}", "privacy: {k: -1}", "privacy: {quasiIdentifiers: [absent]}",
	} {
		if _, err := datasets.ParseDictionary("c.yaml", []byte(file+bad)); !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

const three = `name: c
privacy: {quasiIdentifiers: [age, sex, site], sensitive: [work]}
resources:
  - name: p
    path: p.csv
    schema: {fields: [{name: id, type: string, role: patient}, {name: age, type: integer}, {name: sex, type: string}, {name: site, type: string, role: site}, {name: work, type: string}]}
`

// By hand: classes of 3, 2 and 1. k 1; 1 patient unique; prosecutor 1 and
// 3/6; the class of 3 has work a a b, with entropy ln 3 - 2/3 ln 2; the other two
// have one value each.
func TestAnonymityByHand(t *testing.T) {
	c := cohort(t, three, map[string]string{"p.csv": "id,age,sex,site,work\n1,40,f,N,a\n2,40,f,N,a\n3,40,f,N,b\n4,50,m,N,c\n5,50,m,N,c\n6,50,m,S,c\n"})
	a := privacy.Measure(c)
	if a.Patients != 6 || a.Classes != 3 || a.K != 1 || a.Unique != 1 || a.Under5 != 6 || a.Below(3) != 3 {
		t.Errorf("%+v", a)
	}
	if a.ProsecutorHighest != 1 || a.ProsecutorMean != 0.5 || a.JournalistHighest != 1 || a.Marketer != 0.5 {
		t.Errorf("risks %+v", a)
	}
	if d := a.Diversity[0]; d.Distinct != 1 || math.Abs(d.Entropy-1) > 1e-12 || d.Alike != 3 {
		t.Errorf("diversity %+v", d)
	}
	// site alone singles out patient 6; nothing shorter does as much
	if r := a.Riskiest[0]; !slices.Equal(r.Columns, []string{"site"}) || r.Unique != 1 || r.K != 1 {
		t.Errorf("riskiest %+v", a.Riskiest)
	}
	one := privacy.Measure(cohort(t, strings.Replace(three, "sensitive", "samplingFraction: 0.1, sensitive", 1), map[string]string{"p.csv": "id,age,sex,site,work\n1,40,f,N,a\n2,40,f,N,a\n3,40,f,N,b\n"}))
	want := math.Exp(-2.0/3*math.Log(2.0/3) - 1.0/3*math.Log(1.0/3))
	if one.K != 3 || math.Abs(one.JournalistHighest-0.1/3) > 1e-15 || math.Abs(one.Marketer-0.1/3) > 1e-15 || math.Abs(one.Diversity[0].Entropy-want) > 1e-12 || one.Diversity[0].Distinct != 2 || len(one.Riskiest) != 0 {
		t.Errorf("one class: %+v", one)
	}
}

// k in the cohort file refuses a cohort that has less, and no allowance of a
// column lets it pass.
func TestAskedForK(t *testing.T) {
	data := map[string]string{"p.csv": "id,age,sex,site,work\n1,40,f,N,a\n2,40,f,N,a\n3,41,f,N,b\n"}
	for k, refused := range map[int]bool{0: false, 1: false, 2: true} {
		err := privacy.Refusal(scan(cohort(t, strings.Replace(three, "sensitive", fmt.Sprintf("k: %d, sensitive", k), 1), data), nil))
		if (err != nil) != refused || refused && !errors.Is(err, datasets.ErrPrivacy) {
			t.Errorf("k %d: %v", k, err)
		}
	}
}

// What is gathered batch by batch, in tables of many rows a patient too, gives the k
// of a cohort that is kept whole; none of its columns need be kept.
func TestKByBatches(t *testing.T) {
	const file = `
name: c
resources:
  - {name: seen, path: v.csv, schema: {fields: [{name: id, type: string, role: patient}, {name: visit, type: string, role: visit}, {name: age, type: integer}]}}
  - {name: p, path: p.csv, schema: {fields: [{name: id, type: string, role: patient}, {name: sex, type: string}, {name: age, type: integer}, {name: site, type: string, role: site}]}}
visits: [{value: a, baseline: true}, {value: b}]
privacy: {k: 2}
`
	visits, people := "id,visit,age\n", "id,sex,age,site\n"
	for i := range 60 {
		people += fmt.Sprintf("%d,%s,%d,%s\n", i, []string{"f", "m"}[i%2], 40+i%3, []string{"N", "S", ""}[i/20])
		visits += fmt.Sprintf("%d,a,\n%d,b,%d\n", i, i, 40+i%3)
	}
	for name, data := range map[string]map[string]string{
		"alike":  {"p.csv": people, "v.csv": visits},
		"by age": {"p.csv": people + "60,f,99,N\n", "v.csv": visits},
		// the age of the first table counts, here of the first visit that has one
		"by the age at visits": {"p.csv": people + "60,f,40,N\n", "v.csv": visits + "60,a,\n60,b,77\n"},
	} {
		d, err := datasets.ParseDictionary("c.yaml", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		look := privacy.NewLook(d)
		c, err := datasets.Load(t.Context(), d, datasets.LoadOptions{
			Open: datasets.OpenText(data), Keep: func(*datasets.Table, datasets.Field) bool { return false },
			Each: func(b *datasets.Table) error { look.Add(b); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		want := privacy.Measure(cohort(t, file, data))
		found := look.Findings(c, nil)
		i := slices.IndexFunc(found, func(f privacy.Finding) bool { return f.Kind == "patients too few of whom are alike" })
		if want.K < 2 != (i >= 0) || i >= 0 && found[i].Rows != want.Below(2) || (want.K < 2) != (name != "alike") {
			t.Errorf("%s: %+v, want k %d with %d below", name, found, want.K, want.Below(2))
		}
	}
}

// BenchmarkScan measures the gate: rows of a text column with 10,000 levels, a
// coded one, a whole number and a number.
func BenchmarkScan(b *testing.B) {
	var sb strings.Builder
	sb.WriteString("id,code,n,x\n")
	const rows = 200_000
	for i := range rows {
		fmt.Fprintf(&sb, "P%05d,M54.%d,%d,%g\n", i%10_000, i%9, i%80, float64(i)/7)
	}
	c := cohort(b, "name: c\nresources: [{name: t, path: t.csv, schema: {fields: [{name: id, type: string, role: patient}, {name: code, type: string, role: drug}, {name: n, type: integer}, {name: x, type: number, role: dose}]}}]",
		map[string]string{"t.csv": sb.String()})
	for b.Loop() {
		scan(c, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows/4, "ns/cell")
}

// BenchmarkFreeText measures the gate on notes of about 500 bytes, all different,
// the dearest column there is.
func BenchmarkFreeText(b *testing.B) {
	var sb strings.Builder
	sb.WriteString("id,note\n")
	for i := range 2000 {
		fmt.Fprintf(&sb, "P%05d,\"%s visit %d: reports pain 6/10 after walking 20 minutes. Sleeps 5 hours.\"\n", i,
			strings.Repeat("Patient tolerated the session well and continues with graded activity, pacing and daily stretching at home. ", 4), i)
	}
	text := sb.String()
	c := cohort(b, "name: c\nresources: [{name: t, path: t.csv, schema: {fields: [{name: id, type: string, role: patient}, {name: note, type: string}]}}]", map[string]string{"t.csv": text})
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		scan(c, nil)
	}
}

// scan looks at a whole cohort, as the gate does batch by batch.
func scan(c *datasets.Cohort, asides []datasets.Aside) []privacy.Finding {
	l := privacy.NewLook(c.Dictionary())
	for _, t := range c.Tables() {
		l.Add(t)
	}
	return l.Findings(c, asides)
}
