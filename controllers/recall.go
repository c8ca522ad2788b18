package controllers

import (
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Recall returns what the newest restore tests of a scope saw, one for each of the
// controls that asked for them, and whether the ledger can be read: only then does it
// mean something that there is none. Tests of a namespace of that name that was before
// are not among them.
func (r *Engine) Recall(scope string) (newest []control.Observation, known bool) {
	log := r.Recorder.Log()
	subject, there := r.Observer.Namespace(scope)
	if log == nil || !there {
		return nil, log != nil
	}
	var tests []ledger.RestoreRecord
	r.Recorder.View(func(k *ledger.Known) { tests = k.Restores(scope) })
	for i := range tests {
		if tests[i].UID != subject.UID {
			continue
		}
		seen, err := recalled(log.Object, &tests[i])
		if err != nil {
			r.Log.Error(err, "A restore test cannot be read back, and is made again", "scope", scopeText(scope))
			continue
		}
		newest = append(newest, seen...)
	}
	return newest, true
}

// recalled reads what a test saw back.
func recalled(object func(digest string) ([]byte, error), test *ledger.RestoreRecord) ([]control.Observation, error) {
	data, err := object(test.Observations)
	if err != nil {
		return nil, err
	}
	return test.Read(data)
}
