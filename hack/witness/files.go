package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// files keep the newest checkpoint of each log in a file of its own.
type files struct {
	dir string
	mu  sync.Mutex
}

// Init implements the witness's persistence.
func (f *files) Init(context.Context) error { return os.MkdirAll(f.dir, 0o700) }

// Latest returns the newest checkpoint of an origin, nil where there is none.
func (f *files) Latest(_ context.Context, origin string) ([]byte, error) {
	raw, err := os.ReadFile(f.path(origin))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}

// Update replaces the newest checkpoint of an origin by what fn makes of it.
func (f *files) Update(ctx context.Context, origin string, fn func([]byte) ([]byte, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	last, err := f.Latest(ctx, origin)
	if err != nil {
		return err
	}
	next, err := fn(last)
	if err != nil {
		return err
	}
	temp := f.path(origin) + ".tmp"
	if err := os.WriteFile(temp, next, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, f.path(origin))
}

func (f *files) path(origin string) string {
	return filepath.Join(f.dir, fmt.Sprintf("%x", sha256.Sum256([]byte(origin))))
}
