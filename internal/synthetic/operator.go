package synthetic

import (
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// operator is the operator, one process after another.
type operator struct {
	dice dice
	w    *ledger.Writer
	// up is whether a process runs, cutOff why it observes nothing nevertheless.
	up     bool
	cutOff string
	// from is since when nothing is observed, while it is cut off; gaps are the
	// ids of the entries that say so.
	from  time.Time
	gaps  []openGap
	epoch uint64
	// proof is the last proof of observation; since is when the process began, or
	// began again, to observe.
	proof, since time.Time
	// version is that of the program, lost how often the signing key was.
	version, lost int
	starts        int
}

type openGap struct{ kind, entry string }

// observes is whether what happens in the cluster is observed.
func (o *operator) observes() bool { return o.up && o.cutOff == "" }

// known is what the ledger says.
func (o *operator) known() *ledger.Known { return o.w.Known() }

// kinds are those that are watched, by their plural names: what gaps name.
func kinds() []string {
	return []string{
		"apiservices", "customresourcedefinitions", "endpointslices", "ingresses", "mutatingwebhookconfigurations",
		"namespaces", "networkpolicies", "pods", "services", "validatingwebhookconfigurations",
	}
}

// needs are what is observed of them: what heartbeats name.
func needs() []control.Need {
	return []control.Need{
		control.NeedNamespaces, control.NeedNetworkPolicies, control.NeedPods, control.NeedServices,
		control.NeedEndpointSlices, control.NeedAdmissionBackends, control.NeedEntrances,
	}
}

// arguments are the operator's command line, permissions what it may do: objects
// that OperatorStarted names.
type arguments struct {
	Arguments []string `json:"arguments"`
}

// start starts a process: it opens the ledger, says what it missed, and makes a
// pass over every namespace.
func (s *simulation) start() error {
	body, objects, err := s.process()
	if err != nil {
		return err
	}
	s.history.key = s.keys[s.op.lost]
	s.history.cluster = ledger.ClusterBody{KubeSystemUID: newDice(s.opts.Seed, "kube-system").uid(), ServerVersion: "v1.34.2"}
	opts := s.history.Reopen(s.dir)
	opts.Holder, opts.SegmentSize = body.PodUID, s.opts.SegmentSize
	opts.NewID = func() (string, error) { return newDice(s.opts.Seed, fmt.Sprintf("ledger-%d", s.op.lost)).hex(16), nil }
	s.op.w, err = ledger.OpenWriter(s.ctx, ledger.WriterOptions{Options: opts, Operator: body, OperatorObjects: objects})
	if err != nil {
		return err
	}
	s.op.up = true
	s.op.epoch++
	at := s.now.Add(s.op.dice.between(600*time.Millisecond, 1800*time.Millisecond))
	s.op.since = at
	if err := s.selfTest(at); err != nil {
		return err
	}
	if s.op.starts > 1 {
		to := ledger.At(at)
		s.blind(s.op.proof, at)
		if err := s.write(ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindGap, Reason: ledger.CauseNotRunning,
			Gap: &ledger.GapBody{Cause: ledger.CauseNotRunning, From: ledger.At(s.op.proof), To: &to}}}); err != nil {
			return err
		}
		if err := s.resume(at); err != nil {
			return err
		}
	}
	return s.beat(at)
}

// resume makes the passes of a start, and sees to the slots that were missed.
func (s *simulation) resume(at time.Time) error {
	if _, again := s.op.known().Policy(baseline); !again {
		for _, p := range s.policies {
			if err := s.adopt(p, nil, edit{policy: p.object.Name, manager: "argocd-controller"}); err != nil {
				return err
			}
		}
		return s.declareSchedule(at)
	}
	if _, err := s.passAll(at, ""); err != nil {
		return err
	}
	return s.makeUp(at)
}

// process describes the process that starts.
func (s *simulation) process() (ledger.OperatorBody, []ledger.Object, error) {
	s.op.starts++
	args, err := ledger.NewObject(arguments{[]string{"--ledger-dir=/var/lib/holdfast", "--metrics-bind-address=:8443"}})
	if err != nil {
		return ledger.OperatorBody{}, nil, err
	}
	may, err := ledger.NewObject(map[string][]string{"networkpolicies.networking.k8s.io": {"get", "list", "watch", "create", "patch"}})
	if err != nil {
		return ledger.OperatorBody{}, nil, err
	}
	version := fmt.Sprintf("v0.%d.0", s.op.version)
	image := newDice(s.opts.Seed, version)
	return ledger.OperatorBody{
		Process: s.op.dice.hex(16), Version: version, Revision: image.hex(20),
		Image: "registry.example/holdfast:" + version + "@sha256:" + image.hex(32), PodUID: s.op.dice.uid(),
		Arguments: args.Digest, Permissions: may.Digest, StartedAt: ledger.At(s.now),
	}, []ledger.Object{args, may}, nil
}

// stop ends the process: in order, or by a crash. What happens from now on is
// not observed.
func (s *simulation) stop(inOrder bool) error {
	if inOrder {
		if err := s.write(ledger.Draft{At: s.now, Entry: ledger.Entry{Kind: ledger.KindOperatorStopped}}); err != nil {
			return err
		}
		s.op.proof = s.now
	} else {
		// The file that says it lives is written every two seconds.
		s.op.proof = s.now.Add(-s.op.dice.between(0, 2*time.Second))
	}
	s.op.up = false
	return s.op.w.Close(s.ctx)
}

// beat writes a heartbeat, where a process runs.
func (s *simulation) beat(at time.Time) error {
	if !s.op.up {
		return nil
	}
	progress := map[string]ledger.Time{}
	for _, need := range needs() {
		seen := at.Add(-s.op.dice.between(time.Second, 50*time.Second))
		if s.op.cutOff != "" && (s.op.cutOff == ledger.CauseUnreachable || need == control.NeedNetworkPolicies) {
			seen = s.op.from
		}
		progress[string(need)] = ledger.At(seen)
	}
	offset := int64(s.op.dice.between(-900*time.Millisecond, 900*time.Millisecond))
	return s.write(ledger.Draft{At: at, Entry: ledger.Entry{Kind: ledger.KindHeartbeat, Alive: &ledger.AliveBody{
		Progress: progress, QueueAge: int64(s.op.dice.between(80*time.Microsecond, 9*time.Millisecond)), ClockOffset: &offset}}})
}

// every makes something happen again and again, first after the time given.
func (s *simulation) every(interval time.Duration, do func() error) {
	var again func() error
	again = func() error {
		s.agenda.put(s.now.Add(interval), again)
		return do()
	}
	s.agenda.put(s.now.Add(interval), again)
}
