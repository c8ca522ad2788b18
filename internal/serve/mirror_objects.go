package serve

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// objects copies what the new entries name, and what that names.
func (m *mirror) objects() error {
	next, err := ledger.NamedObjects(m.ctx, m.dir, m.l.LedgerID, m.before, m.after)
	seen := map[ledger.ObjectName]bool{}
	for len(next) > 0 && err == nil {
		var todo []ledger.ObjectName
		for _, name := range next {
			if !seen[name] && !name.Erasable() {
				seen[name] = true
				todo = append(todo, name)
			}
		}
		next, err = m.fetchObjects(todo)
	}
	return err
}

// fetchObjects fetches objects that are not there, and returns what they name.
func (m *mirror) fetchObjects(names []ledger.ObjectName) ([]ledger.ObjectName, error) {
	named := make([][]ledger.ObjectName, len(names))
	contents := make([][]byte, len(names))
	var all []ledger.ObjectName
	for from := 0; from < len(names); from += fetchers {
		group, ctx := errgroup.WithContext(m.ctx)
		for i := from; i < min(from+fetchers, len(names)); i++ {
			group.Go(func() (err error) {
				named[i], contents[i], err = m.object(ctx, names[i])
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		for i := from; i < min(from+fetchers, len(names)); i++ {
			if contents[i] != nil {
				file := names[i].Path(m.l.LedgerID)
				m.made = append(m.made, m.local(file))
				if err := m.write(file, contents[i]); err != nil {
					return nil, err
				}
			}
			all, contents[i] = append(all, named[i]...), nil
		}
	}
	return all, nil
}

// patience is how long an object is waited for: it has its file a moment after
// the entry that names it.
const (
	patience = 5 * time.Second
	pause    = 200 * time.Millisecond
)

// object returns what an object names, and its content where it was not there.
func (m *mirror) object(ctx context.Context, name ledger.ObjectName) (names []ledger.ObjectName, fetched []byte, err error) {
	file, err := os.ReadFile(m.local(name.Path(m.l.LedgerID)))
	if err == nil {
		names, err = m.unpack.Names(name.Digest, file)
		return names, nil, err
	}
	for deadline := time.Now().Add(patience); ; {
		fetched, err = m.get(ctx, name.Path(m.l.LedgerID), maxObjectFile)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if time.Now().After(deadline) {
			return nil, nil, nil // verify says that it is missing
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(pause):
		}
	}
	if err != nil {
		return nil, nil, err
	}
	names, err = m.unpack.Names(name.Digest, fetched)
	return names, fetched, err
}
