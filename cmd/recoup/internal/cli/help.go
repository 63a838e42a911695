package cli

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis/catalog"
	"recoup/datasets"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Long:    "Print the version of recoup and of what its numbers depend on.",
		Example: "  recoup version",
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if a.json {
				return a.writeJSON(struct {
					Schema string `json:"schema"`
					build
				}{"recoup.version/v1", b})
			}
			fmt.Fprintf(a.Out, "recoup %s (revision %s), %s, gonum %s, %s/%s\n", b.Recoup, b.Revision, b.Go, b.Gonum, runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

// topics are the help pages that are not about one command.
func topics() []*cobra.Command {
	page := func(name, short, long string) *cobra.Command {
		return &cobra.Command{Use: name, Short: short, Long: long}
	}
	return []*cobra.Command{
		page("exit-codes", "What the exit status means", exitStatus+`

1 is for what another command line would not mend: a file that is not there or cannot
be written, too little memory, a cohort that cannot answer the question asked, a model
that did not converge where one number was asked, a case of recoup selfcheck that
failed. A number that cannot be computed among others is no failure: it is left empty
with its reason, and the status is 0. 2 is for a wrong word, flag or name; the message
lists those that there are. 3 lists every problem of the file at once (recoup help
problems). 4 says what identifies a person, or what a report would have revealed.

With --json an error is a recoup.error object on standard error.`),
		page("json", "What --json writes", `Every command that makes data takes --json and writes one object with a schema
name and version:

  recoup.estimates/v1    analyze run: provenance, estimates, tables, series,
                         excluded, warnings
  recoup.plan/v1         analyze plan: the plan, runs with their results, tests
  recoup.calculation/v1  analyze calc: what was given, and as estimates
  recoup.pooled/v1       analyze pool: the source, and as estimates
  recoup.economics/v1    analyze economics: the comparison, decisions by willingness
                         to pay, the value of information
  recoup.power/v1        analyze power: the truth, power as estimates, a table
  recoup.claims/v1       analyze claims: each claim with its tests and comparators
  recoup.simulation/v1   simulate run
  recoup.comparison/v1   simulate compare
  recoup.sensitivity/v1  simulate sensitivity
  recoup.budget/v1       simulate budget
  recoup.validation/v1   simulate validate
  recoup.calibration/v1  simulate calibrate
  recoup.outcomes/v1     simulate outcomes
  recoup.prices/v1       simulate prices
  recoup.markov/v1       simulate markov
  recoup.queue/v1        simulate queue
  recoup.cohort/v1       data init, describe, convert
  recoup.problems/v1     data check; with --privacy also findings and anonymity
  recoup.deidentified/v1 data deidentify
  recoup.truth/v1        truth.json of data synthesize --truth
  recoup.like/v1         like.json of data synthesize --like
  recoup.report/v1       report quarterly, report sections
  recoup.audit/v1        report audit: what can be derived, and what leaks
  recoup.numbers/v1      report quarterly -o FILE.json: every number of a report
  recoup.report-diff/v1  report diff
  recoup.catalog/v1      analyze list, show
  recoup.scenario/v1     simulate init, check
  recoup.comparators/v1  data comparators
  recoup.evidence/v1     evidence list, show; analyze run --as-evidence
  recoup.design/v1       design list, show, check
  recoup.instruments/v1  instrument list, show
  recoup.opioid/v1       opioid tables, convert, rules
  recoup.releases/v1     the register that report quarterly --releases keeps
  recoup.selfcheck/v1    selfcheck
  recoup.manual/v1       man
  recoup.demo/v1         demo
  recoup.version/v1      version
  recoup.error/v1        any error, on standard error

Estimates use broom's names: term, estimate, std_error, statistic, df, p_value,
conf_low, conf_high. A number that is not there is null, with a warning that says
why; an infinite bound is "+Inf" or "-Inf". Fields are added, never renamed,
within a version.`),
		page("reproducibility", "What makes a result the same again", `The same input gives the same bytes, for any number of workers: random numbers come
from counter-based streams of the seed, sums are merged in a fixed order, and no
clock enters a result. Every result names the recoup, Go and gonum versions, the
digest of the cohort (the same from CSV, Arrow and Parquet), the question with all
settings, and the scenario's and evidence's SHA-256.

Byte identity is promised per platform; between processors the last digits of
distribution functions may differ.

recoup selfcheck holds this build on this machine against published and independently
computed numbers, and tries that one and several workers give the same bytes.`),
		page("definitions", "Every named definition, with its source", definitionsPage()),
		page("cohort-files", "How a cohort is described", `One YAML or JSON file describes a cohort, in the words of the Frictionless Data
Package with recoup's own role, instrument, visits and arms:

  name: my-cohort
  resources:
    - name: visits
      path: visits.csv            # .csv .tsv .arrow .parquet .xlsx#Sheet .dta .sav .zsav .xpt#MEMBER
                                  # .json .ndjson .sql.yaml#table, or a list
      schema:
        missingValues: ["", {value: "-99", label: refused}]
        fields:
          - {name: id, type: string, role: patient}
          - {name: occasion, type: string, role: visit}
          - {name: pain, type: number, role: outcome, instrument: nrs}
  visits:
    - {value: entry, week: 0, baseline: true}
    - {value: discharge, week: 4, role: discharge}
  arms: [{value: A, name: program}, {value: B, name: usual care}]

Roles: patient visit repeat day date period referred admitted completed discharged arm
site payer procedure work_before outcome item covariate exposure work_status
sick_leave dose drug route unit strength quantity days_supplied indication
wear_hours start end time event category cost price_year weight cluster ignore.

Items of a questionnaire are columns with role: item, its name and their number in
the form; each row is scored into a new outcome of the questionnaire's name, sub-scales
too (dass21 gives dass21-d, dass21-a and dass21-s):

  - {name: q1, type: integer, role: item, instrument: phq9, item: 1}

Every item must be there. Unanswered ones go by the form's rule; rows scored so, and
rows with too few answers, are counted. Codes that begin elsewhere are told by the
constraints: {minimum: 1, maximum: 4}. Two sets in a row say score: NAME. A score that
the file has too is held against its items and kept. recoup instrument show NAME has
each form's rule; where items are not scored (PROMIS), the score itself is given.

Opioid doses are supplies (strength, quantity, days_supplied), a log (dose by day), or
what was said at visits (dose by visit, in mg a day with its drug, or in MME/day, which
is not converted again). definitions: {dose-overlap: shift, dose-hold: before} chooses
how they become daily doses; recoup opioid rules lists the rules.

Files: delimited text, Arrow IPC, Parquet, Excel (book.xlsx#Sheet), Stata, SPSS, SAS
transport (trial.xpt#MEMBER), CDISC Dataset-JSON and FHIR QuestionnaireResponses
(.json and .ndjson, told apart by what is in them). Labels of values, missing codes and
dates are taken from the files that have them.

PostgreSQL: the path clinic.sql.yaml#visits is the table visits of a mapping file,
which has a SELECT, or says how rows are made of OMOP CDM tables:

  connection: {host: db, database: cdm, user: reader}   # the password: PGPASSWORD or PGPASSFILE
  schema: cdm
  index: {table: visit_occurrence, concepts: [9201]}    # the first such record is a person's day 0
  visits:                                               # days from day 0, ends included
    - {value: entry, from: -30, to: 3}
    - {value: discharge, day: 28, from: 14, to: 60}
  tables:
    - name: patients
      rows: persons
      columns:
        - {name: admitted, table: index, field: start}
        - {name: sex, table: person, field: gender_concept_id, levels: {8507: male, 8532: female}}
    - name: visits
      rows: visits
      columns:
        - {name: pain, table: measurement, concepts: [3036277], units: [0], take: nearest}
    - name: doses
      rows: drug_exposure
      ingredients: [1124957]
      columns: [{name: start, field: drug_exposure_start_date}, {name: quantity, field: quantity}]
    - {name: costs, query: "SELECT person_id, day, cost FROM local.costs"}

Columns may say sourceValues in place of concepts, window: {from: -365, to: 0} (rows
by person), take (nearest, first, last, mean; nearest to the window's day), units
with otherUnits (stop, leave-out) and as: day. Values that are not taken are counted.
The database is read in one transaction that cannot write. recoup data init
clinic.sql.yaml drafts the cohort file; go doc recoup/datasets/sqldb has the rules.

A missing code with a label keeps its reason: {value: "-99", label: refused}. In Arrow
and Parquet files, which have no room for codes, a column's missingReasons names the
column that holds the code of each missing cell; recoup data convert writes both.

Types: string integer number boolean date datetime duration. Dates take a format
such as %d/%m/%Y; numbers may say decimalChar: "," and groupChar. A table may say
encoding, dialect: {delimiter: ";"}, where, constants and reshape. A column that
is not described is reported and not carried. A bad cell stops the run, listed
with all others, unless --set-aside (or onProblem: set-aside) makes it missing,
counted. Checks between cells, rows and visits run on every load; checks:
{impossible-jump: off, visit-order: error} switches them off or gives them another
severity: recoup help problems. A field may say column: where its name in the file is another than its
name here. labels: {de: {baseline: Aufnahme}} gives labels in another language, for
reports in it. Draft one with: recoup data init FILE, or from a REDCap project with
recoup data init --redcap DICTIONARY EXPORT`),
		page("problems", "Every code of a problem, and what it means", problemsPage()),
		page("privacy", "What recoup does with patients' data", `Everything stays on this machine: no telemetry, and no network but for the database
that a mapping file names, which is only read from. Errors and logs say file, row
and column, never a cell's value. Reports hide small cells, and the cells that would
reveal them, on the report's model before anything is drawn; analyze and data print
unsuppressed numbers for those who hold the data.

A report is held against what went out before (report quarterly --releases FILE): what
has changed since by few patients is hidden. Its finished bytes are read back. One that
would break its policy is not written, with exit status 4; who answers for it says so
with --override-by and --override-why, and it is written in the report. Reports of
all sites (--each site) are protected as one set. report audit attacks any table or
file as a stranger would.

Every cohort is looked at when it is read, by column name and by content, for the
eighteen identifiers of the Safe Harbor rule (45 CFR 164.514(b)(2)), in classes:

  A names  B places smaller than a state  C dates finer than the year, ages over 89
  D telephone  E fax  F e-mail  G social security  H medical record  I health plan
  J account  K licence  L vehicle  M device  N web address  O IP address
  P biometric  Q photograph  R any other, free text among it

File names, names of sheets, comments, metadata and unused levels are looked at
too; columns with role: ignore are not carried and not looked at. What is certain
refuses the cohort with exit status 4; what is likely is a warning, the rest a
note. recoup data check lists it all, with --privacy also how far patients are
alike. The cohort file says what may pass all the same, by whom and why:

  privacy:
    dates: {are: shifted, by: WHO, reason: WHY}      # or are: limited-data-set
    allowances: [{column: quarter, class: C, by: WHO, reason: WHY}]
    quasiIdentifiers: [age, sex, site]               # what others may know
    sensitive: [work_status]
    k: 5                                             # refuse fewer alike; 0: tell
    samplingFraction: 0.1                            # of the population

Columns of type date or datetime need the line dates, a column of quarters an
allowance. A column of ages with constraints: {maximum: 90} is taken to hold 90
for all above. No rule finds every identifier: a cohort that passes may still
identify somebody. recoup data deidentify writes a cohort that passes.

Shifted dates hide less where the quarter is known. recoup data deidentify moves the
dates of a patient by 1 to 26 whole weeks, so that a true date is one of 52; about 13
of them lie in one quarter. That is what a column quarter beside shifted dates tells,
and what a report that names its quarter tells whoever has the rows of that quarter's
patients alone. The report names it all the same: it has no patient's date, and its
numbers mean little without their time. So give out rows with quarters or with
shifted dates rather than both, and not the rows of one quarter by themselves.

recoup data synthesize --like writes a cohort like a real one, learned of groups of at
least 11 patients: bins of numbers with their means, levels, correlations and rates,
no id, date or free text; a number drawn between bins may be one that somebody has. It
is not anonymous by proof: there is no differential privacy, and who knows all
patients of a group but one can work that one out of its mean.

recoup is for program evaluation, not for decisions about a single patient.`),
	}
}

// definitionsPage lists the definitions of every analysis, and says where the other
// named choices are listed.
func definitionsPage() string {
	var b strings.Builder
	b.WriteString(`What counts as returned, tapered or improved is a named choice: --definition NAME, or
definitions: in the cohort file; the first of a list is what nobody chose. Every result
names its definition.

`)
	for _, x := range catalog.All {
		if len(x.Definitions) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", x.Name, x.Title)
		for _, d := range x.Definitions {
			fmt.Fprintf(&b, "  %s\n", d.Name)
			for line := range strings.SplitSeq(wrapped(d.Rule+" ("+d.Source+")"), "\n") {
				fmt.Fprintf(&b, "      %s\n", strings.TrimSpace(line))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString(`Other choices are listed, each with its source, by:

  recoup analyze show NAME       rules and settings of an analysis: what improvement is,
                                 who counts, which interval
  recoup instrument show NAME    important differences of a questionnaire, by method and
                                 population; scoring, bands
  recoup opioid rules            how dose records become daily doses
  recoup opioid tables           conversion to morphine equivalents
  recoup data comparators        published figures and benchmarks
  recoup design list             programs to simulate
  recoup evidence list           parameters of the simulator`)
	return b.String()
}

// problemsPage lists every code, from the one table that there is.
func problemsPage() string {
	var b strings.Builder
	b.WriteString(`recoup data check lists problems: errors stop every command, warnings are told, and
count as errors with --strict; notes are of what was put right. --json has each as
code, severity, table, file, row, line, column, expected, mend, rows (how many have
it, where rows are told together) and at (the first few of them).

Between cells, rows and visits; checks: {CODE: off} in the cohort file switches one
off, and note, warning or error is another severity than the one given here:

`)
	list := func(of []datasets.CodeMeaning) {
		for _, c := range of {
			meaning := c.Meaning
			if c.Severity != "" {
				meaning = string(c.Severity) + ": " + meaning
			}
			fmt.Fprintf(&b, "  %s\n", c.Code)
			for line := range strings.SplitSeq(wrapped(meaning), "\n") {
				fmt.Fprintf(&b, "      %s\n", strings.TrimSpace(line))
			}
		}
	}
	checks := datasets.Checks()
	list(checks)
	b.WriteString("\nAll others:\n\n")
	list(slices.DeleteFunc(datasets.Codes(), func(c datasets.CodeMeaning) bool { return c.Severity != "" }))
	b.WriteString("\nset-aside-CODE counts cells made missing; what is left out has a code as well.")
	return b.String()
}
