package backup

import (
	"cmp"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// Reasons of RuleLocation.
const (
	// ReasonAvailable surfaces when Velero can write to the location, and looked
	// recently.
	ReasonAvailable = "Available"
	// ReasonLocationMissing surfaces when there is no such location.
	ReasonLocationMissing = "LocationMissing"
	// ReasonLocationReadOnly surfaces when nothing may be written to it.
	ReasonLocationReadOnly = "LocationReadOnly"
	// ReasonNeverValidated surfaces when Velero is told never to look at it.
	ReasonNeverValidated = "NeverValidated"
	// ReasonLocationUnavailable surfaces when Velero cannot use it, or has not looked.
	ReasonLocationUnavailable = "LocationUnavailable"
	// ReasonValidationStale surfaces when Velero has not looked for three intervals.
	ReasonValidationStale = "ValidationStale"
)

const (
	// defaultValidation is how often Velero looks where the location does not say,
	// unless its server is told otherwise, and fastestValidation how often at best.
	defaultValidation = time.Minute
	fastestValidation = 10 * time.Second
	// staleAfter is how many intervals without a look are too many.
	staleAfter = 3
	// serverLocation is the location that Velero's server takes where none is marked
	// as the default, unless it is told otherwise.
	serverLocation = "default"
)

// judgeLocation judges RuleLocation.
func (c *cluster) judgeLocation() control.Finding {
	f := unjudged(c.in.Snapshot, []string{kindLocations}, control.NeedBackupLocations, control.NeedBackupPlans)
	if f == nil {
		judged := c.verdictOnLocation()
		f = &judged
	}
	f.Rule = RuleLocation
	return *f
}

// locationName is the name of the location that the plan uses: the one that it
// names, or else the default one.
func (c *cluster) locationName() string {
	named := c.v.StorageLocation
	if !c.ours() {
		named = cmp.Or(textOf(c.template(), "storageLocation"), named)
	}
	if named != "" {
		return named
	}
	for i := range c.in.Snapshot.BackupLocations {
		if l := &c.in.Snapshot.BackupLocations[i]; l.Namespace == c.namespace && l.Default {
			return l.Name
		}
	}
	return serverLocation
}

// location is the location that the plan uses, nil where there is none.
func (c *cluster) location() *control.BackupLocation {
	name := c.locationName()
	for i := range c.in.Snapshot.BackupLocations {
		if l := &c.in.Snapshot.BackupLocations[i]; l.Namespace == c.namespace && l.Name == name {
			return l
		}
	}
	return nil
}

// locationRef names the location.
func (c *cluster) locationRef() string {
	return "BackupStorageLocation " + c.namespace + "/" + c.locationName()
}

func (c *cluster) verdictOnLocation() control.Finding {
	l := c.location()
	if l == nil {
		return deviating(ReasonLocationMissing, "There is no {names}.", "BackupStorageLocations", c.locationRef())
	}
	stale := l.ValidatedAt.Add(staleAfter * validationEvery(l))
	f := conforming(ReasonAvailable, c.locationRef()+" is available.")
	if issues := c.issuesOfLocation(l, stale); len(issues) > 0 {
		f = deviatingBy(c.locationRef(), issues)
	} else {
		f.Until = stale
	}
	// What Velero was told may differ each time it looks, as ids of requests do.
	fact(&f, "said", phrase.Clip(l.Message, maxDetail))
	fact(&f, "location", fmt.Sprintf("%s: %s, bucket %s, prefix %q", c.locationRef(), l.Provider, l.Bucket, l.Prefix))
	return f
}

// issuesOfLocation are why nothing can be stored there. That Velero looked says
// nothing of what it saw, and what it saw once nothing of now.
func (c *cluster) issuesOfLocation(l *control.BackupLocation, stale time.Time) []issue {
	var issues []issue
	if l.AccessMode == "ReadOnly" {
		issues = append(issues, issue{reason: ReasonLocationReadOnly, what: "is read-only"})
	}
	never := l.Every != nil && *l.Every <= 0
	if never {
		issues = append(issues, issue{reason: ReasonNeverValidated, what: "is never looked at by Velero: its validationFrequency is 0"})
	}
	switch {
	case l.Phase != "Available":
		issues = append(issues, issue{reason: ReasonLocationUnavailable, what: "is " + cmp.Or(l.Phase, "not looked at yet")})
	case !never && !c.in.Now.Before(stale):
		issues = append(issues, issue{reason: ReasonValidationStale, what: fmt.Sprintf("was not looked at by Velero for %s", staleAfter*validationEvery(l))})
	}
	return issues
}

// validationEvery is how often Velero looks at a location.
func validationEvery(l *control.BackupLocation) time.Duration {
	if l.Every == nil {
		return defaultValidation
	}
	return max(*l.Every, fastestValidation)
}
