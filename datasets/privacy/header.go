package privacy

import (
	"slices"
	"strings"
	"unicode"
)

// hint is what a column's name says of its cells, and what they must look like for
// the name to be believed: a column "contact" of 0 and 1 holds no telephone
// numbers.
type hint struct {
	class Class
	kind  string
	cells likeness
	words []string // each one word or several joined by _
}

// likeness is what cells must look like to be what their column's name says.
type likeness int

const (
	likeText   likeness = iota // letters without digits, hardly repeated
	likeDigits                 // four digits or more, hardly repeated
	likeAny                    // hardly repeated
	likePlace                  // any text: a place tells where people live however often it repeats
)

// hints lists what names of columns say, in the words of 45 CFR 164.514(b)(2) and
// of hospital systems. Words that clinical tables use for other things (social,
// cell, face, link, policy alone) count with their companions only.
var hints = []hint{
	{ClassNames, "name", likeText, []string{
		"patient_name", "pt_name", "first_name", "fname", "firstname", "given_name", "forename", "last_name", "lname", "lastname", "surname", "family_name", "full_name", "fullname", "middle_name", "maiden_name", "maiden", "nickname", "initials", "preferred_name",
		"mother", "father", "spouse", "next_of_kin", "nok", "guarantor", "emergency_contact", "contact_name", "nombre", "apellido", "apellidos", "prenom", "vorname", "nachname", "cognome", "achternaam", "voornaam", "name_of_patient", "staff_name", "provider_name",
	}},
	{ClassPlace, "address", likePlace, []string{"address", "addr", "street", "city", "town", "county", "precinct", "parish", "borough", "village", "municipality", "suburb", "hometown", "birthplace"}},
	{ClassPlace, "small area", likeDigits, []string{"fips", "census_tract", "tract", "block_group", "lsoa", "msoa"}},
	{ClassPlace, "geohash", likeAny, []string{"geohash", "gh", "plus_code", "what3words", "w3w"}},
	{ClassPhone, "telephone number", likeDigits, []string{"phone", "telephone", "tel", "mobile", "cell_phone", "cellphone", "contact_number", "contact_no", "contact", "handy"}},
	{ClassFax, "fax number", likeDigits, []string{"fax"}},
	{ClassEmail, "e-mail address", likeAny, []string{"email", "e_mail", "mail_address", "mailto"}},
	{ClassSSN, "social security number", likeDigits, []string{"ssn", "social_security", "social_security_number", "nino", "national_insurance", "itin", "tin", "national_id", "bsn", "cpr", "personnummer"}},
	{ClassRecord, "medical record number", likeDigits, []string{"mrn", "med_rec", "medrec", "med_record", "medical_record", "chart_no", "chart_number", "hospital_no", "hospital_number", "hosp_no", "hosp_num", "nhs", "nhs_number", "chi", "chi_number", "epic_id", "emr", "emr_id", "ehr", "ehr_id", "urn", "unit_number"}},
	{ClassPlan, "health plan number", likeDigits, []string{"mbi", "hicn", "member_id", "member_no", "medicaid_id", "medicare_id", "policy_no", "policy_number", "insurance_id", "insurance_no", "subscriber", "subscriber_id", "beneficiary", "beneficiary_id", "claim_no", "claim_id", "claim_number", "ohip"}},
	{ClassAccount, "account number", likeDigits, []string{"account", "account_no", "acct", "acct_no", "csn", "har", "iban", "invoice", "invoice_no", "billing_no", "billing_id", "encounter_id", "encounter_no", "card_number"}},
	{ClassLicence, "licence number", likeDigits, []string{"license", "licence", "license_no", "licence_no", "certificate_no", "cert_no", "dea", "npi", "passport"}},
	{ClassVehicle, "vehicle identifier", likeAny, []string{"vin", "plate", "license_plate", "licence_plate", "vehicle", "vehicle_registration"}},
	{ClassDevice, "device identifier", likeDigits, []string{"device_id", "device_serial", "serial", "serial_no", "serial_number", "udi", "implant_id", "imei", "mac_address", "stimulator_serial", "lot_number"}},
	{ClassURL, "web address", likeAny, []string{"url", "website", "portal_link", "portal_url", "homepage"}},
	{ClassIP, "IP address", likeAny, []string{"ip_address", "ip_addr", "ipv4", "ipv6", "hostname"}},
	{ClassBiometric, "biometric identifier", likeAny, []string{"fingerprint", "voiceprint", "voice_print", "retina", "iris_scan", "faceprint", "gait_signature"}},
	{ClassPhoto, "photograph", likeAny, []string{"photo", "photograph", "picture", "avatar", "headshot", "face_image"}},
}

// whole lists names of columns that say something only when they are the whole
// name.
var whole = map[string]int{"name": 0, "given": 0, "family": 0, "nm": 0, "nom": 0, "ip": 15, "mail": 6}

// tokens cuts a column's name into small words: birth_date and birthDate alike.
func tokens(name string) []string {
	var out []string
	var b strings.Builder
	end := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
			b.Reset()
		}
	}
	last := ' '
	for _, r := range fold(name) {
		switch {
		case unicode.IsLetter(r):
			if unicode.IsUpper(r) && unicode.IsLower(last) || unicode.IsDigit(last) {
				end()
			}
			b.WriteRune(unicode.ToLower(r))
		case unicode.IsDigit(r):
			if !unicode.IsDigit(last) && !strings.HasSuffix(b.String(), "zip") && !strings.HasSuffix(b.String(), "postcode") {
				end()
			}
			b.WriteRune(r)
		default:
			end()
		}
		last = r
	}
	end()
	return out
}

// hinted returns what a column's name says of its cells.
func hinted(ts []string) (hint, bool) {
	if len(ts) == 1 {
		if i, ok := whole[ts[0]]; ok {
			return hints[i], true
		}
	}
	joined := "_" + strings.Join(ts, "_") + "_"
	for _, h := range hints {
		for _, w := range h.words {
			if strings.Contains(joined, "_"+w+"_") {
				return h, true
			}
		}
	}
	return hint{}, false
}

// about reports a column that counts, rates or tells of something in place of
// holding it: phone_visits, email_consent.
func about(ts []string) bool {
	return anyOf(ts, "type", "kind", "size", "status", "flag", "yn", "count", "n", "score", "confirmed", "known", "any", "has", "is", "visit", "visits", "days", "pct", "percent", "cost", "complete", "consent", "mode", "preferred", "reminder")
}

func anyOf(ts []string, words ...string) bool {
	return slices.ContainsFunc(ts, func(t string) bool { return slices.Contains(words, t) })
}

// coded reports a column of clinical or technical codes, whose digits are no
// person's.
func coded(ts []string) bool {
	return anyOf(ts, "cpt", "hcpcs", "icd", "icd9", "icd10", "loinc", "snomed", "sct", "ndc", "atc", "rxnorm", "rxcui", "drg", "concept", "version", "seed", "build", "eq5d", "profile")
}

// dated reports a column named for a date.
func dated(ts []string) bool {
	return anyOf(ts, "date", "dt", "dob", "dod", "birth", "bday", "birthday", "birthdate", "adm", "admit", "admission", "admitted", "disch", "discharge", "discharged", "death", "encounter", "referral", "referred", "surgery", "timestamp", "when", "visitdate")
}

// freeTexts reports a column named for remarks.
func freeTexts(ts []string) bool {
	return anyOf(ts, "note", "notes", "comment", "comments", "narrative", "remark", "remarks", "verbatim", "text", "freetext", "bemerkung")
}

// describing reports a column by which others may know a person.
func describing(ts []string) bool {
	return anyOf(ts, "age", "sex", "gender", "race", "ethnicity", "ethnic", "hispanic", "religion", "language", "nationality", "occupation", "employer", "job", "profession", "marital", "married", "education", "diagnosis", "zip3", "postcode3", "state", "region", "birthyear", "yob")
}
