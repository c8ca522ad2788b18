package observe

import (
	"context"
	"maps"

	"golang.org/x/sync/errgroup"
)

// watchServed watches optional kinds for as long as they are served, and demanded,
// until ctx ends.
func (o *Observer) watchServed(ctx context.Context) error {
	running := map[string]*watched{}
	var err error
	for err == nil {
		select {
		case <-ctx.Done():
			for _, w := range running {
				w.stop()
			}
			return nil
		case <-o.served:
			err = o.watchThose(ctx, running)
		}
	}
	return err
}

// watched is an optional kind that is watched.
type watched struct {
	*kind
	cancel context.CancelFunc
	group  errgroup.Group
}

// stop ends the watch, and returns when it has ended.
func (w *watched) stop() {
	w.cancel()
	_ = w.group.Wait() // it never fails
}

// watchThose starts and stops watches, so that those of the optional kinds run
// that are served, and demanded.
func (o *Observer) watchThose(ctx context.Context, running map[string]*watched) error {
	o.mu.Lock()
	versions := maps.Clone(o.store.versions)
	o.mu.Unlock()
	for _, optional := range optionals() {
		version := versions[optional.id]
		w := running[optional.id]
		if w != nil && w.source.version != version {
			delete(running, optional.id)
			w.stop()
			w.forget()
			w = nil
		}
		if w == nil && version != "" {
			started, err := o.watchOptional(ctx, optional.source(version, o.options.FieldManager))
			if err != nil {
				return err
			}
			running[optional.id] = started
		}
	}
	o.announceSettled() // in case that it was to be watched, and is no more
	return nil
}

// watchOptional begins to watch a kind.
func (o *Observer) watchOptional(ctx context.Context, s source) (*watched, error) {
	k, err := o.newKind(s)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	k.progressAt = o.options.Now()
	k.since = k.progressAt
	o.kinds[s.id] = k
	o.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	w := &watched{kind: k, cancel: cancel}
	w.group.Go(func() error { k.run(ctx); return nil })
	return w, nil
}

// forget drops a kind that is watched no more, and all that is kept of it. Its
// reflector has ended.
func (k *kind) forget() {
	o := k.observer
	k.turn.Lock()
	defer k.turn.Unlock()
	o.mu.Lock()
	delete(o.kinds, k.source.id)
	k.source.table.replace(o.store, nil)
	changed := o.drain()
	ended := k.closeGap()
	o.mu.Unlock()
	if ended != nil {
		ended.Moot = true
		k.tell(*ended)
	}
	o.tell(changed)
	o.announceSettled()
}
