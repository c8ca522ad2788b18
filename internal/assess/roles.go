package assess

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// role is a field of the snapshot under its name in JSON.
type role struct {
	name  string
	field int
	// of are the needs of which one is enough for a control to look at the field;
	// none is needed where it is empty.
	of []control.Need
}

// needsOf are the needs by which controls look at the fields of a snapshot.
var needsOf = map[string][]control.Need{
	RolePolicies:        {control.NeedNetworkPolicies},
	"peers":             {control.NeedNetworkPolicies},
	"pods":              {control.NeedPods},
	"services":          {control.NeedServices, control.NeedServiceSubjects},
	"entrances":         {control.NeedEntrances},
	"lifelines":         {control.NeedEndpointSlices},
	"admissionBackends": {control.NeedAdmissionBackends},
	"clusterPolicies":   {control.NeedClusterPolicies},
	"unmodelled":        {control.NeedClusterPolicies},
	"storageClasses":    {control.NeedStorageClasses},
	"apiServerPods":     {control.NeedAPIServerPods},
	"guards":            {control.NeedGuards},
	"volumes":           {control.NeedVolumes},
	"ingresses":         {control.NeedIngresses},
	"gateways":          {control.NeedGateways},
	"gatewayRoutes":     {control.NeedGateways},
	"workloads":         {control.NeedMesh},
	"mesh":              {control.NeedMesh},
	"certificates":      {control.NeedCertificates},
	"claims":            {control.NeedClaims},
	"backups":           {control.NeedBackups},
	"backupPlans":       {control.NeedBackupPlans},
	"backupLocations":   {control.NeedBackupLocations},
	"volumeSnapshots":   {control.NeedVolumeSnapshots},
	"notServed": {control.NeedGuards, control.NeedGateways, control.NeedMesh, control.NeedCertificates,
		control.NeedBackups, control.NeedBackupPlans, control.NeedBackupLocations, control.NeedVolumeSnapshots},
	"observations":  {control.NeedProbes},
	RoleNamespace:   nil,
	roleUnavailable: nil,
}

// roleUnavailable is of those needs that a control has.
const roleUnavailable = "unavailable"

// roles are those of all fields that are inputs of evaluators, in their order.
var roles = func() []role {
	var all []role
	for i := range reflect.TypeFor[control.Snapshot]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[control.Snapshot]().Field(i).Tag.Get("json"), ",")
		if name != "-" {
			all = append(all, role{name, i, needsOf[name]})
		}
	}
	return all
}()

// empty reports whether a part says nothing, and is left out.
func empty(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Slice, reflect.Map:
		return value.Len() == 0
	case reflect.Struct:
		for i := range value.NumField() {
			if !empty(value.Field(i)) {
				return false
			}
		}
		return true
	default:
		return value.IsZero()
	}
}

// readBy reports whether a control with these needs looks at the field.
func (r role) readBy(needs []control.Need) bool {
	return len(r.of) == 0 || slices.ContainsFunc(r.of, func(need control.Need) bool { return slices.Contains(needs, need) })
}

// view is what the control may look at of a snapshot: what others need is none of its
// inputs. Controls of namespaces need nothing that is observed on demand.
func (c *Control) view(snapshot *control.Snapshot) *control.Snapshot {
	if c.JudgesNamespaces() {
		return snapshot
	}
	seen := *snapshot
	fields := reflect.ValueOf(&seen).Elem()
	for _, r := range roles {
		if !r.readBy(c.Needs) {
			fields.Field(r.field).SetZero()
		}
	}
	seen.Unavailable = c.unavailable(snapshot)
	return &seen
}

// unavailable are those of the control's needs that could not be observed.
func (c *Control) unavailable(snapshot *control.Snapshot) map[control.Need]string {
	foreign := func(need control.Need, _ string) bool { return !slices.Contains(c.Needs, need) }
	for need, reason := range snapshot.Unavailable {
		if foreign(need, reason) {
			own := maps.Clone(snapshot.Unavailable)
			if maps.DeleteFunc(own, foreign); len(own) == 0 {
				return nil
			}
			return own
		}
	}
	return snapshot.Unavailable
}

// Payload are the exact inputs of the control's verdict: its definition, and those parts
// of a snapshot that it looks at. The objects are what the digests name.
func (c *Control) Payload(parts []Part, snapshot *control.Snapshot) ([]ledger.Input, []ledger.Object, error) {
	seen, err := c.partsSeen(parts, snapshot)
	if err != nil {
		return nil, nil, err
	}
	inputs := []ledger.Input{{Role: RoleDefinition, Digest: c.Object.Digest}}
	objects := []ledger.Object{c.Object}
	for _, part := range seen {
		inputs = append(inputs, ledger.Input{Role: part.Role, Digest: part.Digest})
		objects = append(objects, part.Object)
	}
	return inputs, objects, nil
}

// partsSeen are those parts of a snapshot that the control looks at.
func (c *Control) partsSeen(parts []Part, snapshot *control.Snapshot) ([]Part, error) {
	seen, own := make([]Part, 0, len(parts)), c.unavailable(snapshot)
	for _, part := range parts {
		at := slices.IndexFunc(roles, func(r role) bool { return r.name == part.Role })
		switch {
		case part.Role == roleUnavailable && len(own) == 0:
			continue
		case part.Role == roleUnavailable && len(own) < len(snapshot.Unavailable):
			o, err := ledger.NewObject(own)
			if err != nil {
				return nil, err
			}
			part.Object = o
		case part.Role == RolePolicies && !roles[at].readBy(c.Needs):
			none, err := policiesPart(&control.Snapshot{})
			if err != nil {
				return nil, err
			}
			part = none
		case !roles[at].readBy(c.Needs):
			continue
		}
		seen = append(seen, part)
	}
	return seen, nil
}
