package argocd

import (
	"os"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

const (
	// patch holds the health checks.
	patch = "../../config/argocd/health.yaml"
	// states are objects in every state that Holdfast's code gives them, and what
	// kstatus makes of each; controllers/kstatus_test.go keeps the file.
	states = "../../controllers/testdata/kstatus.json"
	// prefix begins the name of a health check, which ends with the kind.
	prefix = "resource.customizations.health.holdfast.dev_"
)

// state is an object, and what kstatus says of it.
type state struct {
	Name    string
	Kstatus string
	Object  map[string]any
}

// meaning is Argo CD's word for what kstatus says.
var meaning = map[string]string{"Current": "Healthy", "InProgress": "Progressing", "Failed": "Degraded"}

func read(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestHealthIsThatOfKstatus(t *testing.T) {
	var checks struct{ Data map[string]string }
	read(t, patch, &checks)
	var all []state
	read(t, states, &all)
	seen := map[string]int{}
	for _, s := range all {
		kind, _ := s.Object["kind"].(string)
		t.Run(kind+", "+s.Name, func(t *testing.T) {
			check, ok := checks.Data[prefix+kind]
			if !ok {
				t.Fatalf("%s has no check for %s", patch, kind)
			}
			want, ok := meaning[s.Kstatus]
			if !ok {
				t.Fatalf("kstatus says %q", s.Kstatus)
			}
			status, message := run(t, check, s.Object)
			if status != want || message == "" {
				t.Errorf("got %s (%q), want %s", status, message, want)
			}
			seen[kind+" "+want]++
		})
	}
	for kind := range map[string]bool{"ControlPolicy": true, "EvidenceSchedule": true} {
		for _, health := range meaning {
			if seen[kind+" "+health] == 0 {
				t.Errorf("no %s is %s", kind, health)
			}
		}
	}
}

// run runs a health check as Argo CD does, without the libraries that open files,
// and returns the status and the message.
func run(t *testing.T, check string, object map[string]any) (status, message string) {
	t.Helper()
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	l.Push(l.NewFunction(lua.OpenBase))
	l.Push(lua.LString(lua.BaseLibName))
	l.Call(1, 0)
	l.SetGlobal("obj", value(l, object))
	if err := l.DoString(check); err != nil {
		t.Fatal(err)
	}
	health, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("it returns %s", l.Get(-1))
	}
	return lua.LVAsString(health.RawGetString("status")), lua.LVAsString(health.RawGetString("message"))
}

// value makes a Lua value of one of JSON.
func value(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case []any:
		list := l.NewTable()
		for _, item := range v {
			list.Append(value(l, item))
		}
		return list
	case map[string]any:
		table := l.NewTable()
		for key, item := range v {
			table.RawSetString(key, value(l, item))
		}
		return table
	}
	return lua.LNil
}
