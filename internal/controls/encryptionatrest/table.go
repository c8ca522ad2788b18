package encryptionatrest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

//go:embed provisioners.yaml
var provisioners []byte

// anyValue in the stead of a parameter's value stands for every one that is not empty.
const anyValue = "*"

// table says which level the classes and volumes of a provisioner have.
type table struct {
	// Version is bumped whenever a row changes.
	Version int   `json:"version"`
	Rows    []row `json:"rows"`

	// digest is the SHA-256 of the table as it is written, in hex, and name what
	// findings call it.
	digest, name string
}

// row is about one driver, under all its names.
type row struct {
	// Provisioners are the names, exact, or with a leading * what they end with.
	Provisioners []string `json:"provisioners,omitempty"`
	// Sources are the names of the volume sources in the API of Kubernetes itself.
	Sources []string `json:"sources,omitempty"`
	// FoldKeys is whether the case of parameters' names does not matter: then they
	// are in lower case here.
	FoldKeys bool `json:"foldKeys,omitempty"`
	// Levels are tried in order.
	Levels []condition `json:"levels,omitempty"`
	// Otherwise is empty where the parameters do not tell.
	Otherwise v1alpha1.EncryptionLevel `json:"otherwise,omitempty"`
	// Attributes are those of volumes that tell, tried in order.
	Attributes []attribute `json:"attributes,omitempty"`
	// PolicyParameter is the parameter, in lower case, that names a storage policy.
	PolicyParameter string `json:"policyParameter,omitempty"`
	// Note says what is not seen.
	Note string `json:"note,omitempty"`
}

// condition gives a level to classes that have all of its parameters.
type condition struct {
	Parameters map[string]string        `json:"parameters"`
	Level      v1alpha1.EncryptionLevel `json:"level"`
}

// attribute gives a level to volumes that have an attribute.
type attribute struct {
	Name  string                   `json:"name"`
	Value string                   `json:"value"`
	Level v1alpha1.EncryptionLevel `json:"level"`
	// Otherwise is what any other value means. Where it is empty, only Value tells.
	Otherwise v1alpha1.EncryptionLevel `json:"otherwise,omitempty"`
}

// builtin is the table that is part of this package.
var builtin = sync.OnceValue(func() *table {
	t, err := readTable(provisioners)
	if err != nil {
		// A test reads the very same bytes.
		panic(fmt.Sprintf("the table of provisioners: %v", err))
	}
	return t
})

func readTable(text []byte) (*table, error) {
	data, err := yaml.ToJSON(text)
	if err != nil {
		return nil, err
	}
	var t table
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	t.digest = hex.EncodeToString(sum[:])
	t.name = fmt.Sprintf("%d sha256:%s", t.Version, t.digest)
	return &t, nil
}

// String is how findings name the table: whoever has it can tell whether it is the same.
func (t *table) String() string { return t.name }

// provisioner returns the row of a provisioner, and nil where it is not listed.
func (t *table) provisioner(name string) *row {
	for i := range t.Rows {
		if slices.ContainsFunc(t.Rows[i].Provisioners, func(p string) bool { return namedBy(p, name) }) {
			return &t.Rows[i]
		}
	}
	return nil
}

// source returns the row of a volume source, which is a CSI driver or the name of
// a field of the spec.
func (t *table) source(name string) *row {
	for i := range t.Rows {
		if slices.Contains(t.Rows[i].Sources, name) {
			return &t.Rows[i]
		}
	}
	return t.provisioner(name)
}

func namedBy(pattern, name string) bool {
	if suffix, isSuffix := strings.CutPrefix(pattern, "*"); isSuffix {
		return strings.HasSuffix(name, suffix) && name != suffix
	}
	return pattern == name
}

// level returns what a class with these parameters has.
func (r *row) level(parameters map[string]string) level {
	for _, c := range r.Levels {
		if r.has(parameters, c.Parameters) {
			return levelOf(c.Level)
		}
	}
	return levelOf(r.Otherwise)
}

// has reports whether parameters have all that is wanted.
func (r *row) has(parameters, wanted map[string]string) bool {
	for key, value := range wanted {
		if !r.hasOne(parameters, key, value) {
			return false
		}
	}
	return true
}

// hasOne reports whether a parameter has a value. Where it is there more than once,
// in different cases, nobody knows which counts: all of them have to have it.
func (r *row) hasOne(parameters map[string]string, key, value string) bool {
	if !r.FoldKeys {
		return valued(parameters[key], value)
	}
	found := false
	for k, v := range parameters {
		if strings.ToLower(k) != key {
			continue
		}
		if found = valued(v, value); !found {
			return false
		}
	}
	return found
}

func valued(value, wanted string) bool {
	if wanted == anyValue {
		return value != ""
	}
	return value == wanted
}

// least returns what every class has, whatever its parameters.
func (r *row) least() level {
	least := levelOf(r.Otherwise)
	for _, c := range r.Levels {
		least = min(least, levelOf(c.Level))
	}
	return least
}

// attributed returns what a volume's attributes say. It reports false where they
// say nothing.
func (r *row) attributed(attributes map[string]string) (name string, l level, said bool) {
	for _, a := range r.Attributes {
		switch value, there := attributes[a.Name]; {
		case there && value == a.Value:
			return a.Name, levelOf(a.Level), true
		case there && a.Otherwise != "":
			return a.Name, levelOf(a.Otherwise), true
		}
	}
	return "", unknown, false
}
