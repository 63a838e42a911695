package sqldb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// statement is a SELECT under construction. Names of the mapping file enter it
// quoted, its values only as parameters.
type statement struct {
	schema string
	text   strings.Builder
	args   [][]byte
}

func (s *statement) add(format string, args ...any) { fmt.Fprintf(&s.text, format, args...) }

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// of returns the quoted name of an OMOP table.
func (s *statement) of(table string) string { return in(s.schema, table) }

func in(schema, table string) string {
	if schema == "" {
		return quote(table)
	}
	return pgx.Identifier{schema, table}.Sanitize()
}

func (s *statement) arg(value, sqlType string) string {
	s.args = append(s.args, []byte(value))
	return fmt.Sprintf("$%d::%s", len(s.args), sqlType)
}

func (s *statement) numbers(list []int64) string {
	var out []string
	for _, n := range list {
		out = append(out, s.arg(strconv.FormatInt(n, 10), "bigint"))
	}
	return strings.Join(out, ", ")
}

// where returns the condition of a filter on the records e.
func (s *statement) where(e event, f filter) string {
	var or []string
	if len(f.Concepts) > 0 {
		or = append(or, fmt.Sprintf("e.%s IN (%s)", quote(e.concept), s.numbers(f.Concepts)))
	}
	if len(f.SourceValues) > 0 {
		var list []string
		for _, v := range f.SourceValues {
			list = append(list, s.arg(v, "text"))
		}
		or = append(or, fmt.Sprintf("e.%s IN (%s)", quote(e.source), strings.Join(list, ", ")))
	}
	if or == nil {
		return "TRUE"
	}
	return "(" + strings.Join(or, " OR ") + ")"
}

// records begins the statement with r, the records that day 0 may come from.
func (s *statement) records(x *index) {
	e, schema := events[x.Table], x.Schema
	if schema == "" {
		schema = s.schema
	}
	end := "NULL::date"
	if e.end != "" {
		end = "e." + quote(e.end) + "::date"
	}
	s.add("WITH r AS (SELECT e.%s AS person_id, e.%s AS id, e.%s AS concept, e.%s::date AS day0, %s AS last FROM %s e WHERE %s AND e.%s IS NOT NULL)",
		quote(e.person), quote(e.id), quote(e.concept), quote(e.start), end, in(schema, x.Table), s.where(e, x.Records), quote(e.start))
}

// index goes on with i, the first of them of each person.
func (s *statement) index(x *index) {
	s.records(x)
	s.add(", i AS (SELECT DISTINCT ON (r.person_id) r.person_id, r.day0, r.last, r.concept FROM r JOIN %s p ON p.person_id = r.person_id ORDER BY r.person_id, r.day0, r.id, r.last)",
		s.of("person"))
}

// census counts persons without a day 0, persons of the records who are not among
// the persons, and those who have records of more than one of the concepts.
func census(m *mapping) *statement {
	s := &statement{schema: m.Schema}
	s.records(m.Index)
	s.add(" SELECT (SELECT count(*) FROM %[1]s p WHERE NOT EXISTS (SELECT FROM r WHERE r.person_id = p.person_id)),"+
		" (SELECT count(DISTINCT r.person_id) FROM r WHERE NOT EXISTS (SELECT FROM %[1]s p WHERE p.person_id = r.person_id)),"+
		" (SELECT count(*) FROM (SELECT FROM r GROUP BY person_id HAVING count(DISTINCT concept) > 1) o)", s.of("person"))
	return s
}

// value returns a column's expression over a record e, a person p and the index i.
func value(c *column, from string) string {
	var v string
	switch {
	case c.Table == fromIndex:
		v = map[string]string{"start": "i.day0", "end": "i.last", "concept": "i.concept"}[c.Field]
	case c.Table == fromPerson && c.Field == "age":
		v = "extract(year FROM i.day0)::int - p.year_of_birth"
	default:
		v = from + "." + quote(c.Field)
	}
	if c.As == asDay {
		v = "(" + v + ")::date - i.day0"
	}
	return v
}

// cells selects every cell as a record of its own: person, number of the column,
// day, id, value, unit, operator. Number -1 is the person, who has a row whatever
// there is. They come by person, column, day and id.
func cells(m *mapping, t *table) *statement {
	s := &statement{schema: m.Schema}
	s.index(m.Index)
	s.add(" SELECT * FROM (SELECT i.person_id, -1 AS k, NULL::int AS day, NULL::bigint AS id, NULL::text AS value, NULL::bigint AS unit, NULL::bigint AS operator FROM i")
	for k := range t.Columns {
		c := &t.Columns[k]
		switch c.Table {
		case fromPerson, fromIndex:
			s.add(" UNION ALL SELECT i.person_id, %d, NULL, NULL, (%s)::text, NULL, NULL FROM i JOIN %s p ON p.person_id = i.person_id", k, value(c, "p"), s.of("person"))
		default:
			e := events[c.Table]
			s.add(" UNION ALL SELECT i.person_id, %d, e.%s::date - i.day0, e.%s, (%s)::text, %s, %s FROM i JOIN %s e ON e.person_id = i.person_id WHERE %s",
				k, quote(e.start), quote(e.id), value(c, "e"), orNull(e.unit), orNull(e.operator), s.of(c.Table), s.where(e, c.Records))
		}
	}
	s.add(` ) x ORDER BY person_id, k, day, id, value COLLATE "C", unit, operator`)
	return s
}

func orNull(column string) string {
	if column == "" {
		return "NULL"
	}
	return "e." + quote(column)
}

// strengths are the fields that come from drug_strength.
var strengths = []string{
	"ingredient_concept_id", "amount_value", "amount_unit_concept_id", "numerator_value", "numerator_unit_concept_id",
	"denominator_value", "denominator_unit_concept_id", "box_size",
}

// records selects the records of one table: person, the columns and the day, by
// person, date and id.
func records(m *mapping, t *table) *statement {
	s := &statement{schema: m.Schema}
	s.index(m.Index)
	e := events[t.Rows]
	s.add(" SELECT i.person_id::text")
	for k := range t.Columns {
		c, from := &t.Columns[k], "e"
		if len(t.Ingredients) > 0 && slices.Contains(strengths, c.Field) {
			from = "s"
		}
		s.add(", %s AS %s", value(c, from), quote(c.Name))
	}
	s.add(", e.%s::date - i.day0 FROM i JOIN %s e ON e.person_id = i.person_id", quote(e.start), s.of(t.Rows))
	if len(t.Ingredients) > 0 {
		s.add(" JOIN %s s ON s.drug_concept_id = e.drug_concept_id AND s.invalid_reason IS NULL AND s.ingredient_concept_id IN (%s)", s.of("drug_strength"), s.numbers(t.Ingredients))
	}
	s.add(" WHERE %s ORDER BY i.person_id, e.%s, e.%s", s.where(e, t.Records), quote(e.start), quote(e.id))
	if len(t.Ingredients) > 0 {
		s.add(", s.ingredient_concept_id, s.amount_value, s.numerator_value")
	}
	return s
}

// sorted puts a query's rows into an order that depends on nothing but the rows:
// by their columns from left to right, texts by their bytes. A query within FROM
// can be nothing but a SELECT that changes nothing.
func sorted(query string, columns []output) *statement {
	s := &statement{}
	s.add("SELECT * FROM (%s\n) q ORDER BY ", query)
	for i, c := range columns {
		if i > 0 {
			s.add(", ")
		}
		s.add("q.%s", quote(c.name))
		if c.kind == kindText { // also of types that have no order
			s.add(`::text COLLATE "C"`)
		}
	}
	return s
}
