package disclosure

import "recoup/reports"

// StatementID is the section that says what was withheld.
const StatementID = "disclosure"

// state adds to a report what was done to protect patients, and who let it out
// otherwise; set says that other reports were protected with it. What is small and what would reveal it are not told apart: who knows
// which is which knows that one is small.
func state(r *reports.Report, o Options, hidden int, set bool) {
	p := o.Policy
	if !p.hides() && o.Override.By == "" {
		return
	}
	in := reports.In(r.Lang)
	r.Provenance.Facts = append(r.Provenance.Facts, reports.Fact{Name: "Disclosure rule", Value: reports.Label(p.Name + ": " + in.Text(p.Title))})
	s := reports.Section{ID: StatementID, Title: "Disclosure statement"}
	say := func(text string) { s.Blocks = append(s.Blocks, reports.Paragraph{Text: reports.Say(text)}) }
	if p.hides() {
		say(in.Text("Rule: {0}, {1}. Source: {2}.", p.Name, in.Text(p.Title), p.Source))
		say(counted(in, hidden) + " " + in.Text("Small numbers and those that would reveal them are marked alike. Whoever solves all totals, shares and steps of this report for a hidden small number must still think more than {0} possible.", p.Max))
		if set {
			say("The same holds for whoever has all reports that were made together with this one.")
		}
		say("Means and other amounts are rounded to a unit tied to the number of patients, so that two reports one patient apart do not give that patient's value: the least of 1, 2 or 5 times a power of ten that is at least the spread of the values over that number.")
	}
	if p.Base > 1 {
		say("Counts are rounded, and shares and their intervals worked out from rounded counts: totals need not be the sums of their parts.")
	}
	if o.NoiseKey != nil {
		say("A little noise is added to counts, a keyed function of each count; shares are worked out from them, and totals need not be the sums of their parts. The key stays with the owner of the data.")
	}
	if len(o.Earlier) > 0 {
		say(in.Text("Held against earlier releases of this cohort, {0} in number: what has changed since by few patients is not shown again.", len(o.Earlier)))
	}
	if o.Override.By != "" {
		s.Blocks = append(s.Blocks, reports.Notice{
			Level: reports.Caution, Title: "Let out against the rule",
			Text: reports.Say(in.Text("By {0}: {1}", o.Override.By, o.Override.Why)),
		})
	}
	r.Sections = append(r.Sections, s)
}

func counted(in reports.Language, hidden int) string {
	if hidden == 0 {
		return in.Text("Nothing had to be hidden.")
	}
	return in.Count(hidden, "{0} number or point is hidden.", "{0} numbers and points are hidden.")
}
