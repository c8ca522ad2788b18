package assess

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/controls"
)

// Restored is a control as the recorded inputs of an evaluation state it.
type Restored struct {
	// Policy is the policy's name.
	Policy  string
	Control Control
	// EvaluatorVersion is that of the evaluator that judged then.
	EvaluatorVersion int
}

// RestoreControl reads the input with the role RoleDefinition.
func RestoreControl(data []byte) (*Restored, error) {
	var was evaluatedAs
	if err := strictly(data, &was); err != nil {
		return nil, fmt.Errorf("definition: %w", err)
	}
	typ, ok := controls.Of(was.Control)
	if !ok {
		return nil, errors.New("definition: no control type that this version knows is set")
	}
	c := Control{Spec: was.Control, Type: typ.Name, Kind: typ.Control, Needs: typ.Control.Needs(was.Control),
		Scope: was.Scope, Backup: was.Backup, GuardElsewhere: was.GuardElsewhere}
	return &Restored{was.Policy, c, was.EvaluatorVersion}, nil
}

// Comparable reports whether the evaluator here is the one that judged then.
func (r *Restored) Comparable() bool { return r.EvaluatorVersion == r.Control.Kind.EvaluatorVersion() }

// Judge judges a snapshot again.
func (r *Restored) Judge(snapshot *control.Snapshot, now time.Time) []Unit {
	def := &Definition{Name: r.Policy}
	return judge(def, &r.Control, snapshot, now)
}

// RestorePart puts a part into the snapshot that it was taken from. A role or a
// field that this version does not know is an error: what an evaluator then
// looked at, it would not see now.
func RestorePart(snapshot *control.Snapshot, named string, data []byte) error {
	at := slices.IndexFunc(roles, func(r role) bool { return r.name == named })
	if at < 0 {
		return fmt.Errorf("an input with the role %q, which this version does not know", named)
	}
	field := reflect.ValueOf(snapshot).Elem().Field(roles[at].field)
	if err := strictly(data, field.Addr().Interface()); err != nil {
		return fmt.Errorf("input %s: %w", named, err)
	}
	return nil
}

func strictly(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
