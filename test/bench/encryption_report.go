package main

import (
	"bytes"
	"fmt"
)

// write writes the table, and how its figures were made.
func (r *encryptionResult) write(w *bytes.Buffer) {
	r.table().write(w)
	fmt.Fprintf(w, `Holdfast alone, without a controller manager, in mode Observe, with the right to read TLS Secrets: one in each of %d namespaces, which their Ingresses share. All objects are there before it starts, without a ledger, so that it has everything to judge and to record. Then one object after the other is changed, %s apart: Ingresses get an annotation by which they deviate, volumes lose their claim. CPU is from /proc, over all of them and until all is quiet. An evaluation is one of a namespace, or of the cluster.

`, encryptionNamespaces, relabelPause)
}

func (r *encryptionResult) table() *table {
	t := &table{header: []string{"One policy of two controls", holdfastName}}
	t.add("Started without a ledger: all judged and recorded", readable(r.start.evaluated))
	t.add("– evaluations", fmt.Sprint(r.start.evaluations))
	r.ingress.rows(t, fmt.Sprintf("%d Ingresses changed, one at a time", r.ingress.events))
	r.volume.rows(t, fmt.Sprintf("%d volumes changed, one at a time", r.volume.events))
	t.add("Resident memory, peak, all / without pages of files", r.peak.String())
	return t
}

func (r *encryptionResult) verdicts() []verdict {
	return located(r.String(), []verdict{
		perChange("One Ingress changed", r.ingress),
		perChange("One volume changed", r.volume),
		atMost("Start without a ledger, all judged", r.start.evaluated, budgetEvaluated),
	})
}

// perChange judges that a change has its own namespace judged, and nothing else:
// twice where it deviates, as what follows is judged again.
func perChange(what string, c podCost) verdict {
	const most = 2
	return evaluated(what+", namespaces evaluated", c, most)
}
