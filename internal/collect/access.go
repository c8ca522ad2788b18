package collect

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	rbacv1client "k8s.io/client-go/kubernetes/typed/rbac/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"

	"github.com/holdfast-dev/holdfast/internal/access"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// observeAccess records who can act on Holdfast and its evidence, where that is
// not as it was recorded last (E46).
func (n *collection) observeAccess(ctx context.Context) error {
	object, people, err := n.readAccess(ctx)
	if err != nil {
		return err
	}
	actor, err := n.actorOf(people)
	if err != nil {
		return err
	}
	if actor != nil {
		object.People = actor.Digest
	}
	named, err := ledger.NewObject(object)
	if err != nil {
		return &failure{ReasonNotEncodable, err.Error()}
	}
	var last string
	n.Recorder.View(func(k *ledger.Known) { last = k.Evidence().Access })
	if last == named.Digest {
		return nil
	}
	objects := []ledger.Object{named}
	if actor != nil {
		objects = append(objects, *actor)
	}
	if err := n.put(objects...); err != nil {
		return err
	}
	n.Recorder.Record(ledger.Draft{At: n.Now(), Entry: ledger.Entry{Kind: ledger.KindAccessObserved,
		Reason: object.Unavailable, ActorRef: object.People, Access: &ledger.AccessBody{Access: named.Digest}}})
	return nil
}

// readAccess reads RBAC. What cannot be read is unavailable, and never nobody.
func (n *collection) readAccess(ctx context.Context) (*access.Object, *access.People, error) {
	target := access.Target{Namespace: n.Namespace, Secret: n.KeySecret}
	rules, err := n.rules(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		n.short(ReasonListFailed, "who has access could not be read: "+word(err))
		n.Log.Info("Who has access to Holdfast could not be read", "error", err.Error())
		return &access.Object{Schema: access.ObjectSchema, Namespace: target.Namespace, Secret: target.Secret, Unavailable: word(err)}, nil, nil
	}
	object, people := access.Evaluate(rules, target)
	return object, people, nil
}

// rules are what RBAC says of the cluster and of the operator's namespace.
func (n *collection) rules(ctx context.Context) (*access.Rules, error) {
	config := rest.CopyConfig(n.Config)
	config.QPS = -1
	client, err := rbacv1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	rules := &access.Rules{}
	err = errors.Join(
		each(ctx, n, client.ClusterRoles().List, func(o *rbacv1.ClusterRole) { rules.ClusterRoles = append(rules.ClusterRoles, *o) }),
		each(ctx, n, client.ClusterRoleBindings().List, func(o *rbacv1.ClusterRoleBinding) {
			rules.ClusterRoleBindings = append(rules.ClusterRoleBindings, *o)
		}),
		each(ctx, n, client.Roles(n.Namespace).List, func(o *rbacv1.Role) { rules.Roles = append(rules.Roles, *o) }),
		each(ctx, n, client.RoleBindings(n.Namespace).List, func(o *rbacv1.RoleBinding) { rules.RoleBindings = append(rules.RoleBindings, *o) }),
	)
	return rules, err
}

// each calls fn with all objects of a kind, as they were at one time.
func each[O any, P interface {
	*O
	runtime.Object
}, L runtime.Object](ctx context.Context, n *collection, list func(context.Context, metav1.ListOptions) (L, error), fn func(P)) error {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return list(ctx, options)
	})
	var all runtime.Object
	_, err := n.insistence.Ask(ctx, func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, n.PageTimeout)
		defer cancel()
		all, _, err = pages.List(ctx, metav1.ListOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return meta.EachListItem(all, func(object runtime.Object) error {
		typed, ok := object.(P)
		if !ok {
			return fmt.Errorf("unexpected object of type %T", object)
		}
		fn(typed)
		return nil
	})
}

// actorOf is the object that names the people, nil where there are none. It is
// the one that is kept already, where that says the same: its salt is random.
func (n *collection) actorOf(people *access.People) (*ledger.Object, error) {
	if people == nil || len(people.Capabilities) == 0 {
		return nil, nil
	}
	if last, err := n.lastPeople(); err == nil && last != nil && access.SamePeople(last, people) {
		people = last
	} else {
		salt := make([]byte, 32)
		_, _ = rand.Read(salt) // it never fails
		people.Salt = hex.EncodeToString(salt)
	}
	object, err := ledger.NewObject(people)
	if err != nil {
		return nil, &failure{ReasonNotEncodable, err.Error()}
	}
	object.Erasable = true
	return &object, nil
}

// lastPeople are the people of the newest Access object, nil where it names none,
// or they were erased.
func (n *collection) lastPeople() (*access.People, error) {
	var digest string
	n.Recorder.View(func(k *ledger.Known) { digest = k.Evidence().Access })
	if digest == "" {
		return nil, nil
	}
	data, err := n.log.Object(digest)
	if err != nil {
		return nil, err
	}
	object, err := access.Decode(data)
	if err != nil || object.People == "" {
		return nil, err
	}
	data, err = n.log.Actor(object.People)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return access.DecodePeople(data)
}
