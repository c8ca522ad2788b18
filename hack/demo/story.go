package main

import (
	"fmt"
	"time"
)

// policyName is the policy that the demo applies.
const policyName = "network-baseline"

// The objects that Holdfast applies and others have.
const denyIngress = "holdfast-default-deny-ingress"

// story is what one step leaves for a later one.
type story struct {
	// found are the NetworkPolicies that the namespaces had, with their versions.
	found map[string]string
	// firstVerdict is how long after the start the first verdict was there.
	firstVerdict time.Duration
	// drift is the first episode that drift made.
	drift episode
	// encryption is when the steps about encryption began.
	encryption time.Time
	// backup is when the steps about backups began, gone when the object store was
	// stopped.
	backup, gone time.Time
	// past is the half year that is generated.
	past <-chan generated
}

// summary is the last line.
func (d *demo) summary() string {
	if len(d.failed) > 0 {
		return d.paint(red, fmt.Sprintf("%d of %d claims do not hold.", len(d.failed), d.claims))
	}
	return d.paint(green, fmt.Sprintf("All %d claims hold.", d.claims)) +
		fmt.Sprintf(" First verdict after %.1fs, all of it in %.1fs.", d.story.firstVerdict.Seconds(), time.Since(d.since).Seconds())
}

const narrativeMess = `Seven namespaces beside the cluster's own. shop and the namespace default have no network
policy, payments has one for a single workload, web one that allows everything, catalog one that looks closed and is open
to every namespace, warehouse denies everything by itself. legacy-batch cannot be protected yet. sandbox is for playing.`

const narrativeObserve = `A ControlPolicy states a control with the company's own id and wording. In mode Observe Holdfast
judges, records, and changes nothing. The policy begins with all namespaces; whatever is not judged is there by name
and with a reason.`

const narrativeSchedule = `An EvidenceSchedule says how often the whole population is read again, and for which period
records are to be made. Every minute, here. What is observed in between is recorded anyway: a collection checks that
nothing was missed.`

const narrativeCollected = `One EvidenceRecord for each collection: who was in scope, how they were, whether what was read
afresh differs from what is recorded, and which checkpoint of the ledger covers it. It is immutable; the ledger has all
of it.`

const narrativeRecord = `A record is a function of the ledger and the period, and needs no cluster. It has every episode with
its start, end, cause and repair, the time when nobody looked, and no conclusion: that is the auditor's.`

const narrativeHalf = `Six months are hard to wait for, so these are generated, through the same ledger and the same evaluators:
drift, waves of it, a crash, an outage, a permission lost, a clock that jumps, a tolerance changed, a control that came late
and went. What an auditor does with it: verify, read the record, draw a sample with a seed of their own.`

const narrativeWhy = `Other tools ask whether a policy is there. Holdfast resolves what the policies allow, for every class
of pods, and names the rule that undoes a denial.`

const narrativePreview = `What would mode Enforce change, object by object, and what would it cut off? The API server is
asked with dry runs.`

const narrativeEnforce = `The same policy in mode Enforce. Holdfast adds a NetworkPolicy of its own where one is missing, one
namespace with pods at a time: this policy says one in three seconds, the default is ten a minute. It never deletes or
alters what somebody else wrote, so web and catalog stay open, and the record says by what.`

const narrativePeople = `The team of web deletes its allow-all. Search in catalog is to be reached by everybody: that goes
into the policy, with a reason and a ticket.`

const narrativeBrake = `Somebody drops a value from the selector, and twelve more namespaces are in scope. An edit that adds
more than ten, and more than a fifth of what was enforced before, is held until a person confirms that generation.`

const narrativeDeleted = `Somebody cleans up. The time is measured on a watch of the demo's own, from the event that shows the drift to
the event that shows the repair. The ledger's times are Holdfast's: observed, and read back.`

const narrativeOpened = `Now the policy stays, with a rule that lets everything in. A server-side apply that left the
empty list out would not take that rule away again.`

const narrativeNarrowed = `And a selector that matches no pod: still there, still named default-deny, without effect.`

const narrativeNew = `A namespace is in scope from its first moment, and so is the time until it is protected.`

const narrativeFlags = `Volumes, what the API server stores, and what hosts serve. Everything here looks encrypted to who reads
flags: there is a class that encrypts, and the Ingress has spec.tls. Holdfast also looks at the effect: it writes a Secret of
random content through each API server and reads from its metrics how it was stored, and it connects to each host. (There
is no kubelet here: the demo shows the API server's pod with its real flags, and stands in for a controller of Ingresses.)`

const narrativeDefault = `In mode Enforce the default class is moved to the one that encrypts. A volume, and a class that is
there, are never touched: what is stored on them is for people to move.`

const narrativeStored = `The API server is started again with an encryption config. Its flags change, and Holdfast writes another
Secret at once.`

const narrativeServed = `The team of shop gives the Ingress the certificate that it was to have, and the controller no longer takes
old versions. The key is read to see whether it is the certificate's, and kept nowhere.`

const narrativePlan = `A backup is worth what can be brought back from it. Holdfast applies the plan as a Schedule of Velero's,
which does the work, and looks at what becomes of it: for each namespace, how old the newest backup is that holds it, and whether it
holds the data of the volumes. Here the real Velero runs, with an object store beside it, a run each minute and an objective of
two. (There is no node here, and nothing that could copy a volume.)`

const narrativePaused = `Somebody pauses the plan before a change, and would have forgotten it there.`

const narrativeRestored = `Each namespace gets a sentinel, a ConfigMap of random content. Once there is a backup after it, it is
restored into a namespace of its own, which nothing can reach, and compared; then both go. That the application starts is not
shown by it, and the record says so.`

const narrativeGone = `The object store stops. Velero keeps its plan enabled, and its backups stay in the list. Nothing has to
happen for an objective to be breached: the newest backup grows older, and Holdfast wakes at that second.`

const narrativeBack = `The store is back. While the objective is breached Holdfast has one backup made beside the plan, as soon
as there is where to put it, and at most one an hour. The plan's own episode ends with its next run that completes. All runs are in
the ledger, also those that failed: Velero will delete its objects when they expire.`

const narrativeKeep = `Whoever holds the ledger's signing key can rewrite what nobody else has seen. So the auditor keeps
two small things elsewhere: the verifier key, here from the head mark in the cluster, and a checkpoint, the signed size
and root hash of the ledger. From then on everything before it is fixed.`

const narrativeKill = `The operator is killed, not stopped. While it is down the policy of shop is deleted. What happened
in that time nobody knows, and the record says so: one gap, from the last proof of observation to the next. It is never
filled in.`

const narrativeVerify = `verify needs the directory, the key and the checkpoint, and no cluster. It reads every byte, while
the operator goes on writing.`

const narrativeAlter = `Somebody with access to the disk moves the deletion in shop to another year: one digit of
one entry, in a copy of the ledger.`

// whatNext says what to try.
func (d *demo) whatNext() {
	d.printf("\n")
	d.say("The cluster and the operator stay up until Ctrl-C. In another terminal:")
	for _, line := range []string{
		fmt.Sprintf("export KUBECONFIG=%s DEMO=%s PATH=%s:%s:$PATH", d.cluster.Kubeconfig(), d.dir, d.bin(), d.kubectlDir()),
		"kubectl get ctlp -o wide --watch",
		"kubectl label namespace sandbox tier=production --overwrite   # one more in scope",
		"kubectl delete networkpolicy --all --all-namespaces           # what Holdfast applied comes back",
		"kubectl holdfast entries $DEMO/ledger --since 1m",
		"kubectl holdfast timeline $DEMO/half --from 2026-01-01 --to 2026-07-01",
		"kubectl holdfast episodes $DEMO/half --from 2026-03-01 --to 2026-04-01",
		"kubectl apply -f config/samples/observe.yaml                  # a second policy, over the same namespaces",
		"kubectl explain ctlp.spec.controls.networkIsolation",
		"tail -f $DEMO/operator.log",
	} {
		d.printf("  %s\n", line)
	}
}
