package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// encryptionPolicy is the policy about encryption.
const encryptionPolicy = "encryption"

// The commands of these steps.
const (
	encryptCommand = `sed "s/8443/$HTTPS/; s/8080/$HTTP/" hack/demo/manifests/encryption.yaml | kubectl apply -f -`
	whyPlain       = `kubectl get ctlp ` + encryptionPolicy +
		` -o jsonpath='{range .status.openEpisodes.longest[*]}{.control} {.subject}: {.rules[*]} {.message}{"\n"}{end}'`
	enforceEncryption = `kubectl patch ctlp ` + encryptionPolicy + ` --type=merge -p '{"spec":{"mode":"Enforce"}}'`
	nameSecret        = `kubectl patch ingress -n shop storefront --type=json -p '[{"op":"add","path":"/spec/tls/0/secretName","value":"shop-tls"}]'`
)

// What deviates at first, by control and subject.
const (
	unitDefault = "ENC-1 Cluster cluster"
	unitVolume  = "ENC-1 PersistentVolume payments/volume-of-orders"
	unitClass   = "ENC-1 StorageClass standard"
	unitStored  = "ENC-2 Cluster cluster"
	unitServed  = "ENC-3 Ingress shop/storefront"
)

// The rules that fail by what was seen of them, with their reasons.
const (
	ruleStored = "ER-06 NoTransformer"
	ruleServed = "TR-10 OldVersion"
)

// token is a secret that is looked for in etcd.
const token = "tok-7f3a-of-the-demo"

// aesgcm has an API server encrypt Secrets, with a key that protects nothing, and
// encryptedPrefix is what it then stores them under.
const (
	aesgcm = `
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aesgcm: {keys: [{name: key1, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]}
  - identity: {}
`
	encryptedPrefix = "k8s:enc:aesgcm:v1:key1:"
)

func showFlags(ctx context.Context, d *demo) error {
	d.story.encryption = time.Now()
	if err := d.cluster.ShowAPIServer(ctx, 0); err != nil {
		return err
	}
	if err := d.shells(ctx, "kubectl apply -f hack/demo/manifests/storage.yaml -f hack/demo/manifests/ingress.yaml",
		"kubectl create secret generic token -n shop --from-literal=token="+token,
		"sed -n '/^  scope:/,$p' hack/demo/manifests/encryption.yaml", encryptCommand); err != nil {
		return err
	}
	want := []string{unitDefault, unitVolume, unitClass, unitStored, unitServed}
	found, err := d.awaitUnits(ctx, func(found []episode) bool {
		return slices.Equal(open(found), want) && slices.Contains(rulesOf(found, unitStored), ruleStored) && slices.Contains(rulesOf(found, unitServed), ruleServed)
	})
	if err != nil {
		return err
	}
	// The status follows the ledger within about a second.
	if _, err := d.awaitStatusOf(ctx, encryptionPolicy, func(p *v1alpha1.ControlPolicy) bool {
		return len(subjects(p)) == len(want) && lists(p, unitStored, ruleStored) && lists(p, unitServed, ruleServed)
	}); err != nil {
		return err
	}
	if err := d.shells(ctx, "kubectl get ctlp", whyPlain); err != nil {
		return err
	}
	stored, err := d.cluster.Stored(ctx, "/registry/secrets/shop/token")
	if err != nil {
		return err
	}
	d.claim("a volume, its class, the default class, the API server and an Ingress deviate", want, open(found))
	d.claim("the API server was seen to store a Secret in the clear", true, slices.Contains(rulesOf(found, unitStored), ruleStored))
	d.claim("etcd, read past it, holds the token in the clear", true, bytes.Contains(stored, []byte(token)))
	d.claim("the Ingress has spec.tls, and its host was seen to accept TLS 1.0", true, slices.Contains(rulesOf(found, unitServed), ruleServed))
	return nil
}

// lists reports whether a status lists an open episode of a unit in which a rule
// fails, be it with another reason.
func lists(p *v1alpha1.ControlPolicy, unit, rule string) bool {
	id, _, _ := strings.Cut(rule, " ")
	return p.Status.OpenEpisodes != nil && slices.ContainsFunc(p.Status.OpenEpisodes.Longest, func(e v1alpha1.OpenEpisode) bool {
		return e.Control+" "+e.Subject == unit && slices.Contains(e.Rules, id)
	})
}

func showDefaultClass(ctx context.Context, d *demo) error {
	before, err := d.classes(ctx)
	if err != nil {
		return err
	}
	ended, err := d.showEnded(ctx, unitDefault, enforceEncryption)
	if err != nil {
		return err
	}
	if err := d.shells(ctx, "kubectl get storageclasses"); err != nil {
		return err
	}
	after, err := d.classes(ctx)
	if err != nil {
		return err
	}
	d.claim("encrypted is the default now, and standard no more", []string{"encrypted"}, defaults(after))
	d.claim("nothing else of the classes was touched", true, sameButMarks(before, after))
	d.claim("the default class was one episode, which Holdfast ended", true, len(ended) == 1 && ended[0].ending == ledger.EndingRepaired)
	return nil
}

func showServed(ctx context.Context, d *demo) error {
	c, err := newCertificate(host)
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.path("shop.crt"), c.public, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(d.path("shop.key"), c.private, 0o600); err != nil {
		return err
	}
	if err := d.shells(ctx, "kubectl create secret tls shop-tls -n shop --cert=$DEMO/shop.crt --key=$DEMO/shop.key"); err != nil {
		return err
	}
	d.front.serve(c, tls.VersionTLS12, true)
	ended, err := d.showEnded(ctx, unitServed, nameSecret)
	if err != nil {
		return err
	}
	d.claim("the episode ended, corrected by others", []string{"Baseline → Corrected, repaired 0×"}, describeAll(ended))
	d.claim("the host refuses TLS 1.1, and accepts 1.3", "false true", fmt.Sprint(d.front.accepts(tls.VersionTLS11), d.front.accepts(tls.VersionTLS13)))
	return nil
}

func showStored(ctx context.Context, d *demo) error {
	err := d.during("starting the API server again with an encryption config: aesgcm with key1, then identity", func() error { return d.encrypt(ctx) })
	if err != nil {
		return err
	}
	if err := d.cluster.ShowAPIServer(ctx, 0); err != nil {
		return err
	}
	keys, err := d.awaitKeys(ctx)
	if err != nil {
		return err
	}
	ended, err := d.showEnded(ctx, unitStored, "kubectl create secret generic fresh -n shop --from-literal=token="+token)
	if err != nil {
		return err
	}
	stored, err := d.cluster.Stored(ctx, "/registry/secrets/shop/fresh")
	if err != nil {
		return err
	}
	if err := d.shells(ctx, "kubectl holdfast entries $DEMO/ledger --kind Probed --since "+stamp(d.story.encryption)+" | grep Canary | tail -n 1"); err != nil {
		return err
	}
	d.note("etcd holds the Secret as %s…", stored[:min(len(stored), len(encryptedPrefix))])
	d.claim("the episode ended, and not by Holdfast's doing", true, endedByOthers(ended))
	d.claim("the key was seen in use, by provider and name", []string{"secrets/aesgcm/v1/key1"}, keys)
	d.claim("etcd holds what is new under that key, and no token", true, bytes.HasPrefix(stored, []byte(encryptedPrefix)) && !bytes.Contains(stored, []byte(token)))
	return nil
}

// endedByOthers is whether episodes ended so, also where a probe fell into the time in
// which the API server was started again, and saw nothing. What is seen in that time
// may part one into several.
func endedByOthers(episodes []episode) bool {
	return len(episodes) > 0 && !slices.ContainsFunc(episodes, func(e episode) bool {
		return e.repairs > 0 || e.ending != ledger.EndingCorrected && e.ending != ledger.EndingUnknownInGap
	})
}

// encrypt starts the API server again, so that it encrypts what it stores.
func (d *demo) encrypt(ctx context.Context) error {
	if err := d.balancer.Cut(); err != nil {
		return err
	}
	if err := d.cluster.Encrypt(ctx, 0, []byte(aesgcm)); err != nil {
		return err
	}
	return d.balancer.Resume()
}

// awaitUnits waits until the episodes of the policy are as wanted, and returns them.
// Where they do not become so the claims will say.
func (d *demo) awaitUnits(ctx context.Context, ok func([]episode) bool) ([]episode, error) {
	var found []episode
	err := wait.PollUntilContextTimeout(ctx, poll, waitLimit, true, func(ctx context.Context) (bool, error) {
		entries, err := d.entriesSince(ctx, d.story.encryption)
		if err != nil {
			return false, err
		}
		found = slices.DeleteFunc(episodesOf(entries), func(e episode) bool { return e.policy != encryptionPolicy })
		return ok(found), nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return found, nil
	}
	return found, err
}

// showEnded runs a command, waits until a unit deviates no more, and shows how its
// episodes went.
func (d *demo) showEnded(ctx context.Context, unit, command string) ([]episode, error) {
	if err := d.shells(ctx, command); err != nil {
		return nil, err
	}
	found, err := d.awaitUnits(ctx, func(found []episode) bool { return !slices.Contains(open(found), unit) })
	if err != nil {
		return nil, err
	}
	ended := slices.DeleteFunc(found, func(e episode) bool { return e.unit != unit })
	return ended, d.showEpisodes(ctx, ended)
}

// open are the units with an episode that has not ended, sorted.
func open(episodes []episode) []string {
	var units []string
	for _, e := range episodes {
		if e.ending == "" {
			units = append(units, e.unit)
		}
	}
	slices.Sort(units)
	return units
}

// rulesOf are the failing rules of a unit's newest episode, with their reasons.
func rulesOf(episodes []episode, unit string) []string {
	for _, e := range slices.Backward(episodes) {
		if e.unit == unit {
			return e.rules
		}
	}
	return nil
}

// awaitKeys waits until a canary was seen to be encrypted, and returns with which keys
// they were. Where none is the claims will say.
func (d *demo) awaitKeys(ctx context.Context) ([]string, error) {
	var keys []string
	err := wait.PollUntilContextTimeout(ctx, poll, waitLimit, true, func(ctx context.Context) (done bool, err error) {
		keys, err = d.keys(ctx)
		return len(keys) > 0, err
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return nil, nil
	}
	return keys, err
}

// keys are the keys that canaries were seen to be encrypted with.
func (d *demo) keys(ctx context.Context) ([]string, error) {
	entries, err := d.entriesSince(ctx, d.story.encryption)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range kindsOf(entries, ledger.KindProbed) {
		if e.Probe.Of == control.ProbeCanary {
			for _, key := range e.Probe.Keys {
				ids = append(ids, key.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// classes are the StorageClasses, by name.
func (d *demo) classes(ctx context.Context) (map[string]storagev1.StorageClass, error) {
	var list storagev1.StorageClassList
	if err := d.client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list the storage classes: %w", err)
	}
	classes := map[string]storagev1.StorageClass{}
	for _, c := range list.Items {
		classes[c.Name] = c
	}
	return classes, nil
}

// defaultClass is the annotation that marks the default class.
const defaultClass = "storageclass.kubernetes.io/is-default-class"

// defaults are the classes that are the default, sorted.
func defaults(classes map[string]storagev1.StorageClass) []string {
	var names []string
	for name, c := range classes {
		if c.Annotations[defaultClass] == "true" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sameButMarks is whether classes are the same but for which of them is the default.
func sameButMarks(before, after map[string]storagev1.StorageClass) bool {
	return maps.EqualFunc(before, after, func(a, b storagev1.StorageClass) bool {
		return a.UID == b.UID && a.Provisioner == b.Provisioner && maps.Equal(a.Parameters, b.Parameters) && maps.Equal(a.Labels, b.Labels)
	})
}
