package synthetic

import (
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/internal/assess"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// due is one object that is to be applied, and who wants it.
type due struct {
	object string
	wanted []wanted
}

type wanted struct {
	policy  *policy
	control *assess.Control
}

// contestedAfter is how many repairs of a namespace within an hour are not fought.
const contestedAfter = 10

// repair applies what is due in a namespace, and returns when that is done.
func (s *simulation) repair(n *namespace, at time.Time) (time.Time, error) {
	list, err := s.dues(n)
	if err != nil || len(list) == 0 {
		return at, err
	}
	n.repairs = slices.DeleteFunc(n.repairs, func(t time.Time) bool { return t.Before(at.Add(-time.Hour)) })
	switch {
	case at.Before(n.calm):
		return at, nil
	case len(n.repairs) > contestedAfter && !n.fought:
		n.fought, n.calm = true, at.Add(10*time.Minute)
		return at, s.contest(n, list, at)
	}
	n.fought = false
	if s.op.dice.chance(1) && !s.opts.Calm {
		return at, s.fail(n, list, at)
	}
	at = at.Add(s.op.dice.between(1500*time.Microsecond, 12*time.Millisecond))
	var drafts []ledger.Draft
	for _, d := range list {
		before := n.objects[d.object]
		body := ledger.ObjectBody{Before: versionOf(before)}
		if before != nil {
			body.Manager = before.manager
		}
		s.apply(n, d.object, "holdfast")
		body.After = versionOf(n.objects[d.object])
		*n.shape.of(directionOf(d.object)) = intact
		drafts = append(drafts, s.acts(n, ledger.KindRepaired, d, body, at)...)
	}
	n.repairs = append(n.repairs, at)
	n.busy = at.Add(time.Second)
	if err := s.noticeOne(n, at); err != nil {
		return at, err
	}
	found, err := s.observations(n, at, true)
	if err != nil {
		return at, err
	}
	return at, s.write(append(drafts, found...)...)
}

// dues are the objects that are due in a namespace: permissions first.
func (s *simulation) dues(n *namespace) ([]due, error) {
	var list []due
	for _, p := range s.policies {
		if !inScope(p.def, n) {
			continue
		}
		verdicts, err := s.judge.judge(p.def, n, false)
		if err != nil {
			return nil, err
		}
		for _, v := range verdicts {
			for _, object := range v.due {
				i := slices.IndexFunc(list, func(d due) bool { return d.object == object })
				if i < 0 {
					list, i = append(list, due{object: object}), len(list)
				}
				list[i].wanted = append(list[i].wanted, wanted{p, v.control})
			}
		}
	}
	return list, nil
}

// acts draft what was done to an object, once for each control that wants it.
func (s *simulation) acts(n *namespace, kind ledger.Kind, d due, body ledger.ObjectBody, at time.Time) []ledger.Draft {
	var drafts []ledger.Draft
	body.APIVersion, body.Kind, body.Namespace, body.Name = "networking.k8s.io/v1", "NetworkPolicy", n.Name, d.object
	for _, w := range d.wanted {
		subject, object := n.Subject(), body
		drafts = append(drafts, ledger.Draft{At: at, Entry: ledger.Entry{Kind: kind, Policy: w.policy.def.Ref(w.control),
			Control: w.control.Spec.ID, Subject: &subject, Object: &object}})
	}
	return drafts
}

// contest records that a repair is fought; it is tried again when calm is over.
func (s *simulation) contest(n *namespace, list []due, at time.Time) error {
	until := ledger.At(n.calm)
	for _, d := range list {
		body := ledger.ObjectBody{Before: versionOf(n.objects[d.object]), Count: len(n.repairs) + 1, Until: &until}
		if body.Before != nil {
			body.Manager = n.objects[d.object].manager
		}
		if err := s.write(s.acts(n, ledger.KindContested, d, body, at)...); err != nil {
			return err
		}
	}
	s.retry(n, n.calm)
	return nil
}

// fail records that a repair was refused; it is tried again soon.
func (s *simulation) fail(n *namespace, list []due, at time.Time) error {
	at = at.Add(s.op.dice.between(2*time.Millisecond, 20*time.Millisecond))
	for _, d := range list {
		drafts := s.acts(n, ledger.KindRepairFailed, d, ledger.ObjectBody{Before: versionOf(n.objects[d.object])}, at)
		for i := range drafts {
			drafts[i].Reason = "Forbidden"
			drafts[i].Message = "the API server forbids it: patch, create networkpolicies is needed, and no admission rule against it"
		}
		if err := s.write(drafts...); err != nil {
			return err
		}
	}
	s.retry(n, at.Add(s.op.dice.between(20*time.Second, 2*time.Minute)))
	return nil
}

// retry makes another pass over a namespace later.
func (s *simulation) retry(n *namespace, at time.Time) {
	n.busy = at.Add(time.Second)
	s.agenda.put(at, func() error {
		if n.gone || !s.op.observes() {
			return nil
		}
		_, err := s.pass(n, s.now, "")
		return err
	})
}

// apply changes an object, or makes it, in the name of a field manager.
func (s *simulation) apply(n *namespace, name, manager string) {
	o := n.objects[name]
	if o == nil {
		o = &object{}
		o.UID = s.cluster.dice.uid()
	} else {
		next := *o
		o = &next
	}
	o.Generation++
	o.ResourceVersion, o.manager = s.next(), manager
	n.objects[name] = o
}

func versionOf(o *object) *ledger.ObjectVersion {
	if o == nil {
		return nil
	}
	v := o.ObjectVersion
	return &v
}
