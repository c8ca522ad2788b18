// Package tsc is the catalogue of the 61 Trust Services Criteria that controls
// can name, with short titles in this project's own words, and the criteria
// that controls of a type usually support.
//
// A control supports a criterion; it never meets it. Which control supports
// which criterion is each company's own decision: the defaults here hold until it
// states others.
package tsc

import (
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Criterion is one of the 61 criteria.
type Criterion struct {
	// ID is the criterion's id, such as CC6.1.
	ID v1alpha1.Criterion
	// Group is the title of the group that the criterion belongs to.
	Group string
	// Title says in a few words what the criterion is about. It is not the
	// official wording.
	Title string
}

// Catalogue returns the 61 criteria in the order in which records list them:
// the common criteria, availability, confidentiality, processing integrity,
// privacy. The caller owns the slice.
func Catalogue() []Criterion {
	return slices.Concat(common(), additional(), privacy())
}

// Title returns the short title of a criterion, "" for an id that is not one of the 61.
func Title(id v1alpha1.Criterion) string {
	for _, criterion := range Catalogue() {
		if criterion.ID == id {
			return criterion.Title
		}
	}
	return ""
}

func common() []Criterion {
	return slices.Concat(
		group("Control environment",
			"CC1.1", "integrity and conduct",
			"CC1.2", "oversight by the board",
			"CC1.3", "structures and responsibilities",
			"CC1.4", "competent people",
			"CC1.5", "accountability"),
		group("Information and communication",
			"CC2.1", "information of good quality",
			"CC2.2", "communication inside the company",
			"CC2.3", "communication with outside parties"),
		group("Risk assessment",
			"CC3.1", "clear objectives",
			"CC3.2", "finding and weighing risks",
			"CC3.3", "risk of fraud",
			"CC3.4", "change that brings risk"),
		group("Monitoring",
			"CC4.1", "evaluating whether controls work",
			"CC4.2", "reporting and correcting deficiencies"),
		group("Control activities",
			"CC5.1", "choosing control activities",
			"CC5.2", "controls over technology",
			"CC5.3", "policies and procedures"),
		group("Access",
			"CC6.1", "logical access protection",
			"CC6.2", "registering and removing users",
			"CC6.3", "roles and least privilege",
			"CC6.4", "physical access",
			"CC6.5", "disposal of assets",
			"CC6.6", "threats from outside the boundary",
			"CC6.7", "information on the move",
			"CC6.8", "unauthorised software"),
		group("Operations",
			"CC7.1", "configuration and vulnerabilities",
			"CC7.2", "watching for anomalies",
			"CC7.3", "judging security events",
			"CC7.4", "responding to incidents",
			"CC7.5", "recovering from incidents"),
		group("Change management", "CC8.1", "controlled change"),
		group("Risk mitigation",
			"CC9.1", "business disruption",
			"CC9.2", "vendors and partners"),
	)
}

func additional() []Criterion {
	return slices.Concat(
		group("Availability",
			"A1.1", "capacity",
			"A1.2", "backup and recovery infrastructure",
			"A1.3", "testing recovery"),
		group("Confidentiality",
			"C1.1", "finding and keeping confidential information",
			"C1.2", "disposing of confidential information"),
		group("Processing integrity",
			"PI1.1", "specifications of processing",
			"PI1.2", "inputs",
			"PI1.3", "processing",
			"PI1.4", "outputs",
			"PI1.5", "storage"),
	)
}

func privacy() []Criterion {
	return group("Privacy",
		"P1.1", "notice",
		"P2.1", "choice and consent",
		"P3.1", "collection for stated purposes",
		"P3.2", "explicit consent",
		"P4.1", "use for stated purposes",
		"P4.2", "retention",
		"P4.3", "disposal",
		"P5.1", "access by the person concerned",
		"P5.2", "correction by the person concerned",
		"P6.1", "disclosure with consent",
		"P6.2", "record of authorised disclosures",
		"P6.3", "record of breaches",
		"P6.4", "commitments of vendors",
		"P6.5", "vendors' notice of breaches",
		"P6.6", "notice of breaches",
		"P6.7", "accounting for disclosures",
		"P7.1", "accurate personal information",
		"P8.1", "complaints and monitoring")
}

// group builds criteria from pairs of id and title.
func group(name string, pairs ...string) []Criterion {
	criteria := make([]Criterion, 0, len(pairs)/2)
	for pair := range slices.Chunk(pairs, 2) {
		criteria = append(criteria, Criterion{ID: v1alpha1.Criterion(pair[0]), Group: name, Title: pair[1]})
	}
	return criteria
}
