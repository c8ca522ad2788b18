package report

import (
	"fmt"

	"github.com/holdfast-dev/holdfast/internal/tsc"
)

// title names the record.
func (f *fold) title(status string) string {
	if f.query.AsOf != nil {
		return fmt.Sprintf("Control state record as of %s (%s)", stamp(*f.query.AsOf), status)
	}
	return fmt.Sprintf("Control operation record for [%s, %s) (%s)", stamp(*f.query.From), stamp(*f.query.To), status)
}

// statements say what a record is, and is not.
func statements() []string {
	return []string{
		"This record was prepared by management's software, for use in a SOC 2 Type I or Type II examination. It is information produced by the entity, and no auditor's test, conclusion or opinion. Only a CPA firm issues a report.",
		"It is a function of the ledger's entries and of the query: whoever folds the same entries gets the same record.",
		"Every observed episode is in it. A state that began and ended between two observations was not judged; where a version of an object shows that one was skipped, an entry says so.",
		"An interval in which nobody observed is a gap. It is never counted as conforming, and stands beside every share as coverage.",
		"Verification shows that the ledger is complete and unaltered since each checkpoint that a party outside the cluster holds. That the operator observed truthfully rests on the controls over the operator, which the section on the tool lays open.",
		"\"Repaired\" means that declared configuration was restored and read back; it is no observation of its effect.",
		"A tolerance is what the control itself states. It classes episodes, by the definition in force when each began, and leaves none out.",
		"A control supports the criteria that the company maps it to. Which of them it supports, and how far, is for the company to say and for the auditor to judge.",
		"Actors are field managers, as clients call themselves; they are not authenticated.",
	}
}

// matrix are the criteria that the controls support, in the catalogue's order.
func matrix(controls []Control) []Criterion {
	supporting := map[string][]string{}
	for i := range controls {
		for _, id := range controls[i].Criteria {
			supporting[id] = append(supporting[id], controls[i].Policy+"/"+controls[i].ID)
		}
	}
	of := []Criterion{}
	for _, c := range tsc.Catalogue() {
		if names := supporting[string(c.ID)]; len(names) > 0 {
			of = append(of, Criterion{ID: string(c.ID), Title: tsc.Title(c.ID), Controls: names})
		}
	}
	return of
}
