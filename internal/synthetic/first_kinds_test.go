package synthetic

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestE44FirstLedgersHoldEverythingThatEntriesSay: each kind of entry, each of its
// fields, and each word of those that readers tell apart, occurs in a ledger that is read
// for ever. What is added to the format belongs into another first ledger.
func TestE44FirstLedgersHoldEverythingThatEntriesSay(t *testing.T) {
	seen := map[string]bool{}
	for name := range first() {
		dir := t.TempDir()
		unpack(t, filepath.Join("testdata", "first", name+".tar.zst"), dir)
		for _, data := range entries(t, open(t, dir)) {
			var fields any
			decode(t, []byte(data), &fields)
			occurring(reflect.TypeFor[ledger.Entry](), fields, "", seen)
			e, err := ledger.Decode([]byte(data))
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range wordsOf(e) {
				seen[word] = true
			}
		}
	}
	missing := slices.DeleteFunc(append(words(), stated(reflect.TypeFor[ledger.Entry](), "")...), func(word string) bool { return seen[word] })
	if len(missing) > 0 {
		t.Errorf("in no first ledger:\n%s", strings.Join(missing, "\n"))
	}
}

// words are what entries may say, beside their fields.
func words() []string {
	var all []string
	for _, kind := range ledger.Kinds() {
		all = append(all, "kind "+string(kind))
	}
	for _, origin := range ledger.Origins() {
		all = append(all, "origin "+string(origin))
	}
	for _, ending := range ledger.Endings() {
		// Readers make those two of what they know when a subject leaves, or a control goes.
		if ending != ledger.EndingLeftScope && ending != ledger.EndingControlWithdrawn {
			all = append(all, "ending "+string(ending))
		}
	}
	for _, cause := range ledger.GapCauses() {
		all = append(all, "gap "+cause)
	}
	for _, state := range ledger.OccurrenceStates() {
		all = append(all, "backup "+state)
	}
	for _, of := range []string{control.ProbeCanary, control.ProbeHandshake, control.ProbeCertificate, control.ProbeGuard, control.ProbeRepository, control.ProbeRestore} {
		all = append(all, "probe "+of)
	}
	return append(all, "collection "+ledger.OccurrenceMissed)
}

// wordsOf are those of them that an entry says.
func wordsOf(e *ledger.Entry) []string {
	said := []string{"kind " + string(e.Kind), "origin " + string(e.Origin), "ending " + string(e.Ending)}
	if e.Gap != nil {
		said = append(said, "gap "+e.Gap.Cause)
	}
	if e.Occurrence != nil {
		said = append(said, strings.ToLower(e.Occurrence.Of)+" "+e.Occurrence.State)
	}
	if e.Probe != nil {
		said = append(said, "probe "+e.Probe.Of)
	}
	return said
}

// stated are the paths of all fields that a type has as JSON.
func stated(of reflect.Type, path string) []string {
	switch {
	case opaque(of):
		return nil
	case of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice:
		return stated(of.Elem(), path)
	case of.Kind() != reflect.Struct:
		return nil
	}
	var paths []string
	for name, field := range fieldsOf(of) {
		paths = append(append(paths, path+name), stated(field, path+name+".")...)
	}
	return slices.Sorted(slices.Values(paths))
}

// occurring marks the paths of the fields that a value has.
func occurring(of reflect.Type, value any, path string, seen map[string]bool) {
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			occurring(of, v, path, seen)
		}
	case map[string]any:
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		fields := fieldsOf(of)
		for _, name := range slices.Collect(maps.Keys(value)) {
			seen[path+name] = true
			if field, known := fields[name]; known {
				occurring(field, value[name], path+name+".", seen)
			}
		}
	}
}

// opaque is whether a type writes its JSON itself.
func opaque(of reflect.Type) bool {
	return of == reflect.TypeFor[time.Time]() || of.Implements(reflect.TypeFor[json.Marshaler]())
}

// fieldsOf are the types of a struct's fields, by their names as JSON.
func fieldsOf(of reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = field.Type
		}
	}
	return fields
}
