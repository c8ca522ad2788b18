package report

// instant takes from a record what an instant does not have: counts over time.
func instant(r *Record) {
	for i := range r.Controls {
		c := &r.Controls[i]
		c.Time, c.Coverage, c.CoverageSince = Time{}, Coverage{}, Coverage{}
		c.Counts, c.NewSubjects, c.Repairs = countsOf(nil, nil, 0), NewSubjects{}, Repairs{}
		c.Groups, c.Left, c.EvidenceLost, c.Removals = []Group{}, []Left{}, []Loss{}, []Episode{}
		c.Census.Added, c.Census.Entered, c.Census.Deleted, c.Census.Left, c.Census.Days = 0, 0, 0, 0, 0
		c.Census.Start, c.Census.End = len(c.Subjects), len(c.Subjects)
		for j := range c.Behaviour {
			b := &c.Behaviour[j]
			b.Runs, b.Targets, b.Unseen, b.First, b.Without = 0, 0, 0, nil, nil
		}
		if c.Backups != nil {
			c.Backups.Plan, c.Backups.Slots, c.Backups.Occurrences = Time{}, BackupSlots{}, []BackupOccurrence{}
			p := &c.Backups.RecoveryPoints
			p.Longest, p.Beyond, p.BeyondTotal, p.Unknown = nil, []Interval{}, 0, nil
		}
		for j := range c.Subjects {
			c.Subjects[j].Time = Time{}
		}
		for j := range c.Definitions {
			c.Definitions[j].Time, c.Definitions[j].Counts = Time{}, countsOf(nil, nil, 0)
		}
	}
	r.Changes, r.Collections, r.Slots, r.Markers = []Change{}, []Collection{}, []SlotPopulation{}, []Marker{}
	r.Tool.Heartbeats = 0
}
