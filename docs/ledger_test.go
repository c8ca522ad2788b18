package docs_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

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
	for _, field := range fieldsOf(reflect.TypeFor[ledger.Entry](), map[reflect.Type]bool{}) {
		if !strings.Contains(page, "`"+field+"`") && !strings.Contains(page, "`"+field+"[]`") {
			t.Errorf("ledger.md does not name the field %s", field)
		}
	}
	for _, kind := range ledger.Kinds() {
		if !strings.Contains(page, "`"+string(kind)+"`") {
			t.Errorf("ledger.md does not name the kind %s", kind)
		}
	}
}

// fieldsOf are the JSON names of a type's fields, and of the types within it.
func fieldsOf(typ reflect.Type, seen map[reflect.Type]bool) []string {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[ledger.Time]() || seen[typ] {
		return nil
	}
	seen[typ] = true
	var names []string
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(append(names, name), fieldsOf(field.Type, seen)...)
	}
	return names
}
