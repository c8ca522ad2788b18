package encryptionatrest

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
	"github.com/holdfast-dev/holdfast/internal/phrase"
)

// every is the interval of probes where the control states none.
const every = 15 * time.Minute

// What guards are tried with. Nothing of these names is ever stored.
const (
	triedName   = "holdfast-guard-try"
	triedDriver = "unencrypted.holdfast.dev"
)

// Targets returns what is to be probed: a canary of each resource through each API
// server; and objects for the guards to refuse, once those are in place.
func (Control) Targets(in control.Input) []control.Target {
	stated := in.Control.EncryptionAtRest
	if stated == nil || in.Snapshot == nil || !in.Snapshot.Namespace.IsCluster() {
		return nil
	}
	var targets []control.Target
	if stated.APIServer != nil {
		targets = canaryTargets(in, stated.APIServer)
	}
	if v := stated.Volumes; v == nil || !probed(v.Guard) || in.Scope == nil || unobserved(in.Snapshot, control.NeedGuards, control.NeedStorageClasses) != nil {
		return targets
	}
	if g := guardsOf(in); g.inPlace() {
		targets = append(targets, g.targets()...)
	}
	return targets
}

// probed reports whether what a guard does can be seen.
func probed(g *v1alpha1.VolumeGuard) bool {
	return g != nil && (g.Rollout == v1alpha1.GuardWarn || g.Rollout == v1alpha1.GuardDeny)
}

// canaryTargets are those of each API server, by endpoint and resource.
func canaryTargets(in control.Input, spec *v1alpha1.APIServerEncryption) []control.Target {
	if in.Snapshot.Lifelines == nil {
		return nil
	}
	interval := every
	if spec.Every != nil {
		interval = spec.Every.Duration
	}
	var endpoints []string
	for _, e := range in.Snapshot.Lifelines.APIServer {
		endpoints = append(endpoints, net.JoinHostPort(e.Address, strconv.Itoa(int(e.Port.Port))))
	}
	revision := flagsOf(in.Snapshot)
	var targets []control.Target
	for _, endpoint := range phrase.Sorted(endpoints) {
		for _, resource := range resources(spec) {
			targets = append(targets, control.Target{Every: interval, Revision: revision, Canary: &control.CanaryTarget{Endpoint: endpoint, Resource: resource}})
		}
	}
	return targets
}

// flagsOf stands for the flags of the API servers, and is empty where none is seen:
// with other flags they may store otherwise, which is then looked at right away.
func flagsOf(s *control.Snapshot) string {
	var flags []string
	for _, pod := range s.APIServerPods {
		for name, value := range pod.Flags {
			flags = append(flags, pod.Name+" --"+name+"="+value)
		}
	}
	if len(flags) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(phrase.Sorted(flags), "\n")))
	return hex.EncodeToString(sum[:])
}

// resources are those of which canaries are written, sorted.
func resources(spec *v1alpha1.APIServerEncryption) []string {
	if len(spec.Resources) == 0 {
		return []string{"secrets"}
	}
	return phrase.Sorted(spec.Resources)
}

// targets are objects that the guards are to refuse. A claim lies in whichever
// namespace of the scope the probe chooses.
func (g *guards) targets() []control.Target {
	targets := []control.Target{g.target(guardClaims, g.triedClaim()), g.target(guardClasses, triedClass())}
	if !g.allowStatic() {
		targets = append(targets, g.target(guardStatic, triedVolume()))
	}
	return targets
}

func (g *guards) target(what string, object map[string]any) control.Target {
	return control.Target{Every: every, Revision: string(g.rollout()), Guard: &control.GuardTarget{Policy: g.name(what), Object: object}}
}

func (g *guards) triedClaim() map[string]any {
	class := triedName
	for slices.ContainsFunc(g.in.Snapshot.StorageClasses, func(c control.StorageClass) bool { return c.Name == class }) {
		class += "-x"
	}
	return object("v1", "PersistentVolumeClaim", map[string]any{"spec": map[string]any{
		"storageClassName": class,
		"accessModes":      []any{"ReadWriteOnce"},
		"resources":        map[string]any{"requests": map[string]any{"storage": "1Gi"}},
	}})
}

func triedClass() map[string]any {
	return object("storage.k8s.io/v1", "StorageClass", map[string]any{"provisioner": triedDriver})
}

func triedVolume() map[string]any {
	return object("v1", "PersistentVolume", map[string]any{"spec": map[string]any{
		"accessModes": []any{"ReadWriteOnce"},
		"capacity":    map[string]any{"storage": "1Gi"},
		"csi":         map[string]any{"driver": triedDriver, "volumeHandle": triedName},
	}})
}

func object(apiVersion, kind string, fields map[string]any) map[string]any {
	fields["apiVersion"], fields["kind"], fields["metadata"] = apiVersion, kind, map[string]any{"name": triedName}
	return fields
}
