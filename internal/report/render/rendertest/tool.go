package rendertest

import (
	"time"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/internal/report"
)

// tool is what a record says about Holdfast itself.
func tool() report.Tool {
	run := func(seq uint64, from time.Duration, version string, changed ...string) report.Run {
		return report.Run{
			Seq: seq, LedgerID: LedgerID, From: at(from), Changed: append([]string{}, changed...),
			OperatorBody: ledger.OperatorBody{
				Process: digest("process", version)[:32], Version: version, Revision: digest("revision", version)[:12],
				Image:  "ghcr.io/holdfast-dev/holdfast@sha256:" + digest("image", version),
				PodUID: "4c8e0000-0000-4000-8000-000000000001", Arguments: digest("arguments"), Permissions: digest("permissions"), StartedAt: at(from),
			},
		}
	}
	first, second := run(1, -20*day, "v0.4.0"), run(18046, 34*day+2*time.Hour, "v0.4.1", "version", "image")
	second.Stopped = later(89 * day)
	return report.Tool{
		Runs: []report.Run{first, second, run(47990, 89*day+2*time.Second, "v0.4.1")},
		Permissions: []report.Because{{
			Interval: report.Interval{From: at(58 * day), To: at(58*day + 40*time.Minute)}, Reason: "list pods", Message: "a ClusterRole was replaced by a chart upgrade",
		}},
		Access: []report.Access{{
			At: at(0), Seq: 411, Digest: digest("access"),
			Holders: []report.Holder{
				{Capability: "ReadSigningKey", Subjects: []string{"Group system:masters", "ServiceAccount holdfast-system/holdfast"}},
				{Capability: "ExecIntoOperator", Subjects: []string{"Group system:masters", "2 people"}},
				{Capability: "WritePolicies", Subjects: []string{"ServiceAccount argocd/argocd-application-controller"}},
			},
			Combined: []string{"Group system:masters: policy and evidence"},
		}, {
			At: at(58 * day), Seq: 30112, Digest: digest("access", "2"), Unavailable: "Forbidden", Holders: []report.Holder{}, Combined: []string{},
		}},
		AccessLimits: []string{
			"Members of groups are not known to the cluster.",
			"system:masters bypasses RBAC, and its holders are invisible here.",
			"Cloud IAM that can reach the node, the volume or etcd is invisible here.",
		},
		SelfTests: []report.SelfTest{
			{At: at(0), SelfTestBody: ledger.SelfTestBody{Type: "networkIsolation", EvaluatorVersion: 4, Fixtures: 41, Digest: digest("fixtures")}, Seq: 3, Repeated: 91},
			{At: at(45 * day), SelfTestBody: ledger.SelfTestBody{Type: "expression", EvaluatorVersion: 2, Fixtures: 18, Digest: digest("fixtures", "x"), Failed: []string{"bad/replicas-missing"}}, Seq: 23003, Repeated: 0},
		},
		ClockOffsets: &report.OffsetRange{Min: -int64(420 * time.Millisecond), Max: int64(610 * time.Millisecond)}, Heartbeats: 25920,
		Unobserved: []report.Unobserved{{At: at(52*day + 8*time.Hour), Subject: "Namespace search", Object: "NetworkPolicy search/open", Skipped: "generation 4 to 7", Seq: 27110}},
		Pruned:     []ledger.PrunedBody{}, Erased: 1,
	}
}
