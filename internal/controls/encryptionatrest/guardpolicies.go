package encryptionatrest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// The expressions of the guards are written in CEL as an API server compiles it for
// ValidatingAdmissionPolicies: it knows the fields of the kinds, and their types.
const (
	// classOf is the class of a claim, and of a claim's template in its place: that of
	// the old annotation, which counts before the field, as it does for Kubernetes.
	classOf = "%[1]s.metadata.?annotations[?'volume.beta.kubernetes.io/storage-class'].or(%[1]s.spec.?storageClassName)"
	// listedClass reports whether a class is let through: one that is listed; none at
	// all, for the class is filled in later, which is looked at again; and for static
	// volumes the empty one, where they are allowed.
	listedClass = "!%[1]s.hasValue() || (%[1]s.value() == '' ? params.spec.allowStatic : %[1]s.value() in params.spec.allowed)"
	// madeBy is the annotation of volumes that a provisioner made.
	madeBy = "pv.kubernetes.io/provisioned-by"
)

// claimsPolicy refuses claims of a class that is not listed. It looks at those that
// come to be, and at those whose class changes: whatever else becomes of an old
// claim is none of its business.
func (g *guards) claimsPolicy() map[string]any {
	object, before := fmt.Sprintf(classOf, "object"), fmt.Sprintf(classOf, "oldObject")
	spec := g.policySpec([]any{""}, "persistentvolumeclaims", []any{"CREATE", "UPDATE"})
	spec["paramKind"] = map[string]any{"apiVersion": paramVersion, "kind": paramKind}
	spec["matchConditions"] = []any{map[string]any{
		"name": "class-set-or-changed", "expression": "request.operation == 'CREATE' || " + object + " != " + before,
	}}
	spec["variables"] = []any{variable("class", object)}
	spec["validations"] = []any{map[string]any{
		"expression": fmt.Sprintf(listedClass, "variables.class"),
		"messageExpression": fmt.Sprintf("variables.class.orValue('') == '' ? %s : 'StorageClass ' + variables.class.orValue('') + %s",
			quoted("a claim without a class binds a static volume, which ControlPolicy "+g.in.Policy+" does not allow"),
			quoted(g.notEncrypted())),
		"reason": "Forbidden",
	}}
	return spec
}

// templatesPolicy is about the claims that a StatefulSet is going to have: those are
// made by a controller, and whoever made the StatefulSet sees no refusal.
func (g *guards) templatesPolicy() map[string]any {
	class := fmt.Sprintf(classOf, "t")
	spec := g.policySpec([]any{"apps"}, "statefulsets", []any{"CREATE", "UPDATE"})
	spec["failurePolicy"] = "Ignore"
	spec["paramKind"] = map[string]any{"apiVersion": paramVersion, "kind": paramKind}
	spec["validations"] = []any{map[string]any{
		"expression": "object.spec.?volumeClaimTemplates.orValue([]).all(t, " + fmt.Sprintf(listedClass, class) + ")",
		"message":    "a claim template is of a StorageClass that " + strings.TrimPrefix(g.notEncrypted(), " ") + ": its claims are going to be refused",
		"reason":     "Forbidden",
	}}
	return spec
}

func (g *guards) notEncrypted() string {
	return fmt.Sprintf(" is not encrypted at level %s, which ControlPolicy %s asks for", minimum(g.volume), g.in.Policy)
}

// classesPolicy refuses classes below the minimum. Classes cannot be changed.
func (g *guards) classesPolicy() map[string]any {
	spec := g.policySpec([]any{"storage.k8s.io"}, "storageclasses", []any{"CREATE"})
	variables := []any{variable("parameters", "has(object.parameters) ? object.parameters : {}")}
	enough := []string{"variables.listed", "variables.attested"}
	var own []string
	for i := range g.volume.Provisioners {
		// The length of one expression is bounded: each rule has its own.
		name, rule := g.volume.Provisioners[i].Provisioner, fmt.Sprintf("rule%d", i)
		condition := g.enough(provisionerOf(g.volume, name).judging())
		variables = append(variables, variable(rule, fmt.Sprintf("object.provisioner == %s && %s", quoted(name), condition)))
		own, enough = append(own, name), append(enough, "variables."+rule)
	}
	spec["variables"] = append(variables,
		variable("own", "["+quotedList(own)+"]"),
		variable("listed", "!(object.provisioner in variables.own) && ("+g.listedClasses()+")"),
		variable("attested", g.attestedClass()))
	spec["validations"] = []any{map[string]any{
		"expression":        strings.Join(enough, " || "),
		"messageExpression": "'StorageClass ' + object.metadata.name + " + quoted(g.notEncrypted()),
		"reason":            "Forbidden",
	}}
	return spec
}

func variable(name, expression string) any {
	return map[string]any{"name": name, "expression": expression}
}

// listedClasses is what the table says of a class, in CEL.
func (g *guards) listedClasses() string {
	var clauses []string
	for i := range builtin().Rows {
		r := &builtin().Rows[i]
		if condition := g.enough(r); condition != "false" && len(r.Provisioners) > 0 {
			clauses = append(clauses, "("+isOneOf("object.provisioner", r.Provisioners)+" && "+condition+")")
		}
	}
	return either(clauses)
}

// enough is whether a class of a row reaches the minimum, in CEL.
func (g *guards) enough(r *row) string {
	condition := literal(levelOf(r.Otherwise) >= minimum(g.volume))
	for _, c := range slices.Backward(r.Levels) {
		has := hasParameters(r, c.Parameters)
		switch enough := levelOf(c.Level) >= minimum(g.volume); {
		case literal(enough) == condition:
		case enough && condition == "false":
			condition = "(" + has + ")"
		case enough:
			condition = "(" + has + " || " + condition + ")"
		case condition == "true":
			condition = "!(" + has + ")"
		default:
			condition = "(!(" + has + ") && " + condition + ")"
		}
	}
	return condition
}

// hasParameters is what row.has says, in CEL.
func hasParameters(r *row, wanted map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		is := "== " + quoted(wanted[key])
		if wanted[key] == anyValue {
			is = "!= ''"
		}
		if !r.FoldKeys {
			all = append(all, fmt.Sprintf("%s in variables.parameters && variables.parameters[%s] %s", quoted(key), quoted(key), is))
			continue
		}
		all = append(all, fmt.Sprintf("variables.parameters.exists(k, k.lowerAscii() == %[1]s) && "+
			"variables.parameters.all(k, k.lowerAscii() != %[1]s || variables.parameters[k] %[2]s)", quoted(key), is))
	}
	return strings.Join(all, " && ")
}

// attestedClass is whether what a class makes is attested to reach the minimum.
func (g *guards) attestedClass() string {
	var names, provisioners, clauses []string
	for _, a := range g.holding() {
		switch {
		case a.StorageClass != "":
			names = append(names, a.StorageClass)
		case a.Provisioner != "":
			provisioners = append(provisioners, a.Provisioner)
		case a.StoragePolicy != "":
			clauses = append(clauses, policyClauses(a.StoragePolicy)...)
		}
	}
	clauses = append(clauses, isOneOf("object.metadata.name", phrase.Sorted(names)), isOneOf("object.provisioner", phrase.Sorted(provisioners)))
	return either(phrase.Sorted(clauses))
}

func policyClauses(policy string) []string {
	var clauses []string
	for i := range builtin().Rows {
		if r := &builtin().Rows[i]; r.PolicyParameter != "" {
			named := hasParameters(&row{FoldKeys: true}, map[string]string{r.PolicyParameter: policy})
			clauses = append(clauses, "("+isOneOf("object.provisioner", r.Provisioners)+" && "+named+")")
		}
	}
	return clauses
}

func (g *guards) holding() []v1alpha1.VolumeAttestation { return holding(g.volume, g.in.Now) }

// staticPolicy refuses volumes that no provisioner made, but for those of drivers all
// of whose volumes reach the minimum, and those that are attested.
func (g *guards) staticPolicy() map[string]any {
	spec := g.policySpec([]any{""}, "persistentvolumes", []any{"CREATE"})
	spec["matchConditions"] = []any{map[string]any{
		"name": "static", "expression": fmt.Sprintf("!object.metadata.?annotations[?%s].hasValue()", quoted(madeBy)),
	}}
	variables := []any{
		variable("driver", "object.spec.?csi.?driver.orValue('')"),
		variable("handle", "object.spec.?csi.?volumeHandle.orValue('')"),
		variable("fileSystem", "variables.handle.split(':')[0]"),
	}
	enough := []string{isSource(g.encryptedSources())}
	for i, a := range g.holding() {
		if len(a.VolumeHandles) == 0 {
			continue
		}
		// The length of one expression is bounded: each attestation has its own.
		list := fmt.Sprintf("attested%d", i)
		variables = append(variables, variable(list, "["+quotedList(a.VolumeHandles)+"]"))
		enough = append(enough, fmt.Sprintf("variables.handle in variables.%[1]s || variables.fileSystem in variables.%[1]s", list))
	}
	spec["variables"] = variables
	spec["validations"] = []any{map[string]any{
		"expression":        strings.Join(enough, " || "),
		"messageExpression": "'PersistentVolume ' + object.metadata.name + " + quoted(" was made by no provisioner, and"+strings.TrimPrefix(g.notEncrypted(), " is")),
		"reason":            "Forbidden",
	}}
	return spec
}

// encryptedSources are the drivers and other volume sources all of whose volumes
// reach the minimum, or are attested to.
func (g *guards) encryptedSources() []string {
	var names []string
	for i := range builtin().Rows {
		r := &builtin().Rows[i]
		for _, name := range slices.Concat(r.Provisioners, r.Sources) {
			if ruleOf(g.volume, name) == nil && r.least() >= minimum(g.volume) {
				names = append(names, name)
			}
		}
	}
	for i := range g.volume.Provisioners {
		if name := g.volume.Provisioners[i].Provisioner; sourceOf(g.volume, name).judging().least() >= minimum(g.volume) {
			names = append(names, name)
		}
	}
	for _, a := range g.holding() {
		if a.Provisioner != "" {
			names = append(names, a.Provisioner)
		}
	}
	return phrase.Sorted(names)
}

// sources are the volume sources of the API that are no CSI drivers.
func sources() []string {
	return []string{"awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "fc", "flexVolume", "flocker", "gcePersistentDisk",
		"glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"}
}

// isSource is whether a volume is of one of the sources.
func isSource(names []string) string {
	var drivers, clauses []string
	for _, name := range names {
		if slices.Contains(sources(), name) {
			clauses = append(clauses, "has(object.spec."+name+")")
		} else {
			drivers = append(drivers, name)
		}
	}
	return either(append(clauses, isOneOf("variables.driver", drivers)))
}

// isOneOf is whether a text is one of names, of which those with a leading * are ends.
func isOneOf(text string, names []string) string {
	var exact, clauses []string
	for _, name := range names {
		if suffix, isSuffix := strings.CutPrefix(name, "*"); isSuffix {
			clauses = append(clauses, fmt.Sprintf("(%[1]s.endsWith(%[2]s) && %[1]s != %[2]s)", text, quoted(suffix)))
		} else {
			exact = append(exact, name)
		}
	}
	if len(exact) > 0 {
		clauses = append([]string{text + " in [" + quotedList(exact) + "]"}, clauses...)
	}
	return "(" + either(clauses) + ")"
}

// policySpec returns the spec of a policy over one resource, complete: what the API
// server would fill in is stated, and empty lists are explicit. What cannot be
// evaluated is refused only where the guard refuses at all.
func (g *guards) policySpec(groups []any, resource string, operations []any) map[string]any {
	failure := "Ignore"
	if g.rollout() == v1alpha1.GuardDeny {
		failure = "Fail"
	}
	return map[string]any{
		"failurePolicy": failure,
		"matchConstraints": map[string]any{
			"matchPolicy": "Equivalent", "namespaceSelector": map[string]any{}, "objectSelector": map[string]any{}, "excludeResourceRules": []any{},
			"resourceRules": []any{map[string]any{
				"apiGroups": groups, "apiVersions": []any{"v1"}, "operations": operations, "resources": []any{resource}, "scope": "*",
			}},
		},
		"matchConditions": []any{}, "variables": []any{}, "auditAnnotations": []any{},
	}
}

func either(clauses []string) string {
	if len(clauses) == 0 {
		return "false"
	}
	return strings.Join(clauses, " || ")
}

func literal(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// quotedList writes texts as the items of a list.
func quotedList(texts []string) string {
	items := make([]string, 0, len(texts))
	for _, text := range texts {
		items = append(items, quoted(text))
	}
	return strings.Join(items, ", ")
}

// quoted writes a text as CEL does.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range text {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
