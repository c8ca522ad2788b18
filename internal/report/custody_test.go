package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// TestE37WhatNoReceiptCovers: what came after the last receipt is told, with since
// when; each episode says by when it existed; without any receipt there is a banner.
func TestE37WhatNoReceiptCovers(t *testing.T) {
	s := settled(t)
	s.schedule(48 * hour)
	s.drift(hour, "shop", "flux")
	s.at(2 * hour).anchor(2*hour - time.Second)
	s.drift(3*hour, "shop", "flux")
	s.at(5 * hour).anchor(5 * hour)
	s.drift(6*hour, "shop", "flux")
	s.at(8 * hour).beat()
	r := period(t, s)
	existed := []*ledger.Time{moment(2*hour - time.Second), moment(5 * hour), nil}
	for i, e := range only(t, r).Episodes {
		if diff := cmp.Diff(existed[i], e.ExistedBy); diff != "" {
			t.Errorf("episode %d existed by (-want +got):\n%s", i, diff)
		}
	}
	want := report.Custody{Unanchored: []report.Interval{{From: *moment(5 * hour), To: *moment(8 * hour)}}, LongestUnanchored: int64(3 * hour),
		LongestWait: int64(3 * hour), AnchorsDeclared: []string{"witness"}}
	got := report.Custody{Unanchored: r.Custody.Unanchored, LongestUnanchored: r.Custody.LongestUnanchored, LongestWait: r.Custody.LongestWait,
		AnchorsDeclared: r.Custody.AnchorsDeclared}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("custody (-want +got):\n%s", diff)
	}
	if len(r.Banners) != 0 || len(r.Custody.Anchors) != 2 {
		t.Errorf("banners %q, %d anchors; want none, and two", r.Banners, len(r.Custody.Anchors))
	}
	if banners := period(t, settled(t).at(hour).also(func(s *scribe) { s.beat() })).Banners; len(banners) != 1 || !strings.HasPrefix(banners[0], "No anchor") {
		t.Errorf("banners without a receipt: %q", banners)
	}
}

func (s *scribe) also(do func(*scribe)) *scribe {
	do(s)
	return s
}

// TestE37DeadWitness: the time for which a witness did not answer is told, also
// where it answered later; one that another anchor makes up for is not.
func TestE37DeadWitness(t *testing.T) {
	fail := func(s *scribe) {
		s.write(ledger.Entry{Kind: ledger.KindAnchorFailed, Reason: "Unreachable", Message: "connection refused", Schedule: scheduleRef(),
			Anchor: &ledger.AnchorBody{Type: ledger.AnchorWitness, Name: "witness", Origin: "holdfast.dev/ledger/" + s.id(), Size: s.known.NextSeq, RootHash: "root"}})
	}
	s := settled(t)
	s.schedule(hour)
	for slot := hour; slot < 9*hour; slot += hour {
		s.at(slot).collect(collection{slot: slot, next: slot + hour})
		switch slot {
		case 3 * hour: // from here on nobody answers
			s.at(slot + minute).also(fail)
		case 4 * hour, 5 * hour:
		case 7 * hour: // one does not, another does
			s.at(slot + minute).also(fail)
			s.anchor(slot + minute)
		default:
			s.at(slot + minute).anchor(slot + minute)
		}
	}
	s.at(9 * hour).beat()
	custody := period(t, s).Custody
	want := []report.Interval{{From: *moment(2*hour + minute), To: *moment(6*hour + minute)}, {From: *moment(8*hour + minute), To: *moment(9 * hour)}}
	if diff := cmp.Diff(want, custody.Unanchored); diff != "" {
		t.Errorf("unanchored (-want +got):\n%s", diff)
	}
	if custody.LongestUnanchored != int64(4*hour) || len(custody.Anchors) != 7 || custody.Anchors[2].Failed != "Unreachable: connection refused" {
		t.Errorf("the longest: %d; %d anchors: %+v", custody.LongestUnanchored, len(custody.Anchors), custody.Anchors)
	}
}
