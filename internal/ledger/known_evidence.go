package ledger

import (
	"cmp"
	"maps"
	"slices"
)

// EvidenceState is what is known of schedules, retention, anchors and the like.
type EvidenceState struct {
	// Schedules are all schedules that were ever known, by name.
	Schedules map[string]*ScheduleRecord `json:"schedules,omitempty"`
	// RetentionSeconds is the retention floor: the maximum over all schedules
	// ever declared.
	RetentionSeconds int64 `json:"retentionSeconds,omitempty"`
	// Access is the digest of the newest Access object.
	Access string `json:"access,omitempty"`
	// Anchors are the newest statements on each anchor, by AnchorKey.
	Anchors map[string]AnchorRecord `json:"anchors,omitempty"`
	// SelfTests are the newest self-tests, by control type.
	SelfTests map[string]SelfTestBody `json:"selfTests,omitempty"`
	// Keys are the keys that API servers were seen to encrypt with, by SeenKey.ID: at
	// most maxKeys of them, those seen last.
	Keys map[string]KeyRecord `json:"keys,omitempty"`
	// Backups are the chains of slots of controls that back up, by BackupKey.
	Backups map[string]*BackupRecord `json:"backups,omitempty"`
	// Restores are the newest restore tests, by scope, and by BackupKey of the
	// control that asked for them: at most maxRestores in a scope.
	Restores map[string]map[string]RestoreRecord `json:"restores,omitempty"`
	// Pruned is the newest statement that a segment was removed: it, and all before it.
	Pruned *PrunedBody `json:"pruned,omitempty"`
	// Erased is the newest object that was said to be erased, unless an entry has
	// named it again since.
	Erased string `json:"erased,omitempty"`
}

// ScheduleRecord is the last known state of an EvidenceSchedule. It outlives a
// deletion.
type ScheduleRecord struct {
	Ref     ScheduleRef `json:"ref"`
	Since   Time        `json:"since"`
	Deleted bool        `json:"deleted,omitempty"`
	// LegalHold outlives a deletion: only an edit takes it off.
	LegalHold bool `json:"legalHold,omitempty"`
	// LastSlot is the newest slot that was collected, or missed. Next is the one
	// that is due next, by the spec that was in force when that was stated.
	LastSlot *Time `json:"lastSlot,omitempty"`
	Next     *Time `json:"next,omitempty"`
	// Collected is the newest Collected entry with a manifest, Manifest that manifest.
	Collected *EntryRef `json:"collected,omitempty"`
	Manifest  string    `json:"manifest,omitempty"`
}

// KeyRecord is when a key was seen.
type KeyRecord struct {
	// FirstSeen is when Holdfast first saw it in use, SeenAt when last.
	FirstSeen Time `json:"firstSeen"`
	SeenAt    Time `json:"seenAt"`
}

// maxKeys bounds what is remembered of keys. A key that is forgotten and used again
// is taken for a new one, which is never older than it is.
const maxKeys = 256

// AnchorRecord is the newest statement on an anchor.
type AnchorRecord struct {
	AnchorBody
	// ObservedAt is when it was stated; Failed is true on AnchorFailed.
	ObservedAt Time `json:"observedAt"`
	Failed     bool `json:"failed,omitempty"`
	// Reached is the largest size that was anchored there, of the origin that
	// the statement names: each segment is a log of its own.
	Reached uint64 `json:"reached,omitempty"`
}

// Evidence is what is known of schedules, retention and anchors. It must not
// be changed.
func (k *Known) Evidence() *EvidenceState { return k.evidence }

// LegalHold reports whether a schedule forbids pruning and erasing.
func (s *EvidenceState) LegalHold() bool {
	for _, r := range s.Schedules {
		if r.LegalHold {
			return true
		}
	}
	return false
}

func (s *EvidenceState) empty() bool {
	return len(s.Schedules) == 0 && s.RetentionSeconds == 0 && s.Access == "" && len(s.Anchors) == 0 &&
		len(s.SelfTests) == 0 && len(s.Keys) == 0 && len(s.Backups) == 0 && len(s.Restores) == 0 && s.Pruned == nil && s.Erased == ""
}

// editEvidence changes a copy: what others hold stays as it is.
func (k *Known) editEvidence(edit func(*EvidenceState)) {
	next := *k.evidence
	edit(&next)
	k.evidence = &next
}

func (k *Known) editSchedule(e *Entry, edit func(*ScheduleRecord)) {
	k.editEvidence(func(s *EvidenceState) {
		s.Schedules = withEdit(s.Schedules, e.Schedule.Name, func(last *ScheduleRecord) *ScheduleRecord {
			next := ScheduleRecord{Ref: *e.Schedule, Since: e.ObservedAt}
			if last != nil {
				next = *last
			}
			edit(&next)
			return &next
		})
	})
}

// withEdit returns a copy of a map with one value replaced.
func withEdit[V any](m map[string]V, key string, edit func(V) V) map[string]V {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]V{}
	}
	m[key] = edit(m[key])
	return m
}

func (k *Known) scheduleChanged(e *Entry) error {
	k.editSchedule(e, func(r *ScheduleRecord) {
		r.Ref, r.Deleted, r.Next = *e.Schedule, e.Change.Type == ChangeDeleted, e.Change.NextSlot
		if !r.Deleted {
			r.LegalHold = e.Retention.LegalHold
		}
	})
	k.editEvidence(func(s *EvidenceState) { s.RetentionSeconds = max(s.RetentionSeconds, e.Retention.FloorSeconds) })
	return nil
}

func (k *Known) collected(e *Entry) error {
	k.editSchedule(e, func(r *ScheduleRecord) {
		r.LastSlot, r.Next = &e.Collection.Slot, e.Collection.Next
		if e.Collection.Manifest != "" {
			r.Collected, r.Manifest = &EntryRef{e.ID, e.Seq}, e.Collection.Manifest
		}
	})
	return nil
}

func (k *Known) occurrence(e *Entry) error {
	switch e.Occurrence.Of {
	case OccurrenceOfCollection:
		k.editSchedule(e, func(r *ScheduleRecord) { r.LastSlot, r.Next = &e.Occurrence.Last, e.Occurrence.Next })
	case OccurrenceOfBackup:
		k.editBackup(BackupKey(e.Policy.Name, e.Control), func(r *BackupRecord) { r.occurred(e.Occurrence) })
	}
	return nil
}

func (k *Known) accessObserved(e *Entry) error {
	k.editEvidence(func(s *EvidenceState) { s.Access = e.Access.Access })
	return nil
}

func (k *Known) selfTested(e *Entry) error {
	k.editEvidence(func(s *EvidenceState) {
		s.SelfTests = withEdit(s.SelfTests, e.SelfTest.Type, func(SelfTestBody) SelfTestBody { return *e.SelfTest })
	})
	return nil
}

func (k *Known) probed(e *Entry) error {
	k.restoreTested(e)
	if len(e.Probe.Keys) == 0 {
		return nil
	}
	k.editEvidence(func(s *EvidenceState) {
		keys := maps.Clone(s.Keys)
		if keys == nil {
			keys = map[string]KeyRecord{}
		}
		for _, seen := range e.Probe.Keys {
			first := seen.FirstSeen
			if last, known := keys[seen.ID]; known && last.FirstSeen.Before(first.Time) {
				first = last.FirstSeen
			}
			keys[seen.ID] = KeyRecord{FirstSeen: first, SeenAt: e.ObservedAt}
		}
		s.Keys = newestKeys(keys)
	})
	return nil
}

// newestKeys drops the keys that were not seen for the longest, beyond maxKeys.
func newestKeys(keys map[string]KeyRecord) map[string]KeyRecord {
	if len(keys) <= maxKeys {
		return keys
	}
	ids := slices.SortedFunc(maps.Keys(keys), func(a, b string) int {
		return cmp.Or(keys[a].SeenAt.Compare(keys[b].SeenAt.Time), cmp.Compare(a, b))
	})
	for _, id := range ids[:len(ids)-maxKeys] {
		delete(keys, id)
	}
	return keys
}

func (k *Known) anchored(e *Entry) error {
	k.editEvidence(func(s *EvidenceState) {
		s.Anchors = withEdit(s.Anchors, AnchorKey(e.Schedule, e.Anchor.Name), func(last AnchorRecord) AnchorRecord {
			next := AnchorRecord{AnchorBody: *e.Anchor, ObservedAt: e.ObservedAt, Failed: e.Kind == KindAnchorFailed}
			if last.Origin == next.Origin {
				next.Reached = last.Reached
			}
			if !next.Failed {
				next.Reached = max(next.Reached, e.Anchor.Size)
			}
			return next
		})
	})
	return nil
}

func (k *Known) pruned(e *Entry) error {
	k.editEvidence(func(s *EvidenceState) { s.Pruned = e.Pruned })
	return nil
}

func (k *Known) objectErased(e *Entry) error {
	k.editEvidence(func(s *EvidenceState) { s.Erased = e.Erased.Digest })
	return nil
}

// actorNamed takes note that an object is needed that was erased before.
func (k *Known) actorNamed(digest string) {
	if digest != "" && digest == k.evidence.Erased {
		k.editEvidence(func(s *EvidenceState) { s.Erased = "" })
	}
}

// AnchorKey is the key of an anchor in EvidenceState.Anchors: its name, after
// that of the schedule that declares it and a slash.
func AnchorKey(schedule *ScheduleRef, name string) string {
	if schedule == nil {
		return name
	}
	return schedule.Name + "/" + name
}

// PrunedSegments is the number of segments that were removed, the oldest ones.
func (s *EvidenceState) PrunedSegments() uint64 {
	if s.Pruned == nil {
		return 0
	}
	return s.Pruned.Segment + 1
}
