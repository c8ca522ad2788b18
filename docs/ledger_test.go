package docs_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// TestLedgerFormatNamesEveryField: a stranger who writes a reader has the page
// and not the Go types.
func TestLedgerFormatNamesEveryField(t *testing.T) {
	text, err := os.ReadFile("ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	seen := map[reflect.Type]bool{}
	var fields []string
	for _, typ := range []reflect.Type{reflect.TypeFor[ledger.Entry](), reflect.TypeFor[ledger.Manifest](), reflect.TypeFor[ledger.ManifestChunk](),
		reflect.TypeFor[ledger.EvidenceState](), reflect.TypeFor[ledger.PolicyRecord](), reflect.TypeFor[ledger.Member](), reflect.TypeFor[ledger.Record](),
		reflect.TypeFor[ledger.CreatedObject](), reflect.TypeFor[control.Observation]()} {
		fields = append(fields, fieldsOf(typ, seen)...)
	}
	for _, field := range fields {
		if !strings.Contains(page, "`"+field+"`") && !strings.Contains(page, "`"+field+"[]`") {
			t.Errorf("ledger.md does not name the field %s", field)
		}
	}
	for _, word := range slices.Concat(texts(ledger.Kinds()), texts(ledger.Origins()), texts(ledger.Endings()), ledger.GapCauses(), ledger.OccurrenceStates()) {
		if !strings.Contains(page, "`"+word+"`") {
			t.Errorf("ledger.md does not name %s", word)
		}
	}
}

func texts[S ~string](of []S) []string {
	all := make([]string, 0, len(of))
	for _, s := range of {
		all = append(all, string(s))
	}
	return all
}

// fieldsOf are the JSON names of a type's fields, and of the types within it.
func fieldsOf(typ reflect.Type, seen map[reflect.Type]bool) []string {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[ledger.Time]() || typ == reflect.TypeFor[time.Time]() || seen[typ] {
		return nil
	}
	seen[typ] = true
	var names []string
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" { // inline, or not written
			names = append(names, name)
		}
		names = append(names, fieldsOf(field.Type, seen)...)
	}
	return names
}
