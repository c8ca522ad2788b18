package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// Limits bound what a bundle may unpack to. Zero values stand for the defaults.
type Limits struct {
	// Files is the number of files (default 4,000,000).
	Files int
	// FileSize is the size of one file, in bytes (default 1 GiB).
	FileSize int64
	// Size is the size of all files, in bytes (default 256 GiB).
	Size int64
}

func (l *Limits) complete() {
	if l.Files == 0 {
		l.Files = 4_000_000
	}
	if l.FileSize == 0 {
		l.FileSize = 1 << 30
	}
	if l.Size == 0 {
		l.Size = 256 << 30
	}
}

// maxIndexSize bounds the index, which is read as a whole, in bytes.
const maxIndexSize = 1 << 30

// Bundle is a bundle that was unpacked.
type Bundle struct {
	// Dir is where to.
	Dir   string
	Index *Index
	// Files are what it holds, by path, but for the index.
	Files map[string]File
}

// Volume is the directory with the ledger, as on its volume.
func (b *Bundle) Volume() string { return filepath.Join(b.Dir, volumeDir) }

// Is reports whether a file begins as a bundle does.
func Is(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	head := make([]byte, 4)
	_, err = io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return bytes.Equal(head, []byte{0x28, 0xB5, 0x2F, 0xFD}), errors.Join(err, f.Close())
}

// Open unpacks a bundle into an empty directory. It trusts nothing: only regular
// files with plain names below the known directories are unpacked, within the
// limits. What the index says is compared by Verify.
func Open(ctx context.Context, r io.Reader, dir string, limits Limits) (*Bundle, error) {
	limits.complete()
	packed, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(2*windowSize), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	defer packed.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	u := &unpacker{ctx: ctx, root: root, limits: limits, bundle: &Bundle{Dir: dir, Files: map[string]File{}}, dirs: map[string]bool{".": true}}
	err = errors.Join(u.unpack(tar.NewReader(packed)), root.Close())
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	return u.bundle, nil
}

type unpacker struct {
	ctx    context.Context //nolint:containedctx // lives as long as one call
	root   *os.Root
	limits Limits
	bundle *Bundle
	dirs   map[string]bool
	size   int64
}

func (u *unpacker) unpack(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = u.ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := u.admit(header); err != nil {
			return err
		}
		if err := u.file(header, archive); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
	if u.bundle.Index == nil {
		return errors.New("it has no index")
	}
	return nil
}

// admit refuses whatever a bundle does not have.
func (u *unpacker) admit(h *tar.Header) error {
	_, twice := u.bundle.Files[h.Name]
	switch {
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%.200q is not a regular file", h.Name)
	case !plain(h.Name):
		return fmt.Errorf("%.200q is not a name that a bundle has", h.Name)
	case twice || (h.Name == indexFile && u.bundle.Index != nil):
		return fmt.Errorf("%s comes twice", h.Name)
	case len(u.bundle.Files) >= u.limits.Files:
		return fmt.Errorf("it has more than %d files", u.limits.Files)
	case h.Size > u.limits.FileSize, h.Name == indexFile && h.Size > maxIndexSize:
		return fmt.Errorf("%s has %d bytes", h.Name, h.Size)
	case u.size+h.Size > u.limits.Size:
		return fmt.Errorf("it has more than %d bytes", u.limits.Size)
	}
	u.size += h.Size
	return nil
}

// plain reports whether a path is one that a bundle has, of plain names only:
// none that a file system could take for another one.
func plain(name string) bool {
	if len(name) > 255 {
		return false
	}
	first, rest, below := strings.Cut(name, "/")
	if !below {
		return name == indexFile || name == readmeFile
	}
	if first != volumeDir && first != recordDir {
		return false
	}
	for part := range strings.SplitSeq(rest, "/") {
		if part == "" || strings.Trim(part, ".") == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != "" {
			return false
		}
	}
	return true
}

func (u *unpacker) file(h *tar.Header, content io.Reader) error {
	if err := u.mkdir(path.Dir(h.Name)); err != nil {
		return err
	}
	f, err := u.root.OpenFile(filepath.FromSlash(h.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(content, h.Size+1))
	if err == nil && int64(len(data)) != h.Size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if h.Name == indexFile {
		u.bundle.Index, err = decodeIndex(data)
		return err
	}
	u.bundle.Files[h.Name] = File{Path: h.Name, Size: h.Size, SHA256: ledger.Digest(data)}
	return nil
}

func (u *unpacker) mkdir(dir string) error {
	if u.dirs[dir] {
		return nil
	}
	if err := u.mkdir(path.Dir(dir)); err != nil {
		return err
	}
	if err := u.root.Mkdir(filepath.FromSlash(dir), 0o700); err != nil {
		return err
	}
	u.dirs[dir] = true
	return nil
}

func decodeIndex(data []byte) (*Index, error) {
	var index Index
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&index); err != nil {
		return nil, err
	}
	if index.Schema != Schema {
		return nil, fmt.Errorf("schema %.100q, want %q: a newer version of Holdfast may have written it", index.Schema, Schema)
	}
	if again, err := encodeIndex(&index); err != nil || !bytes.Equal(again, data) {
		return nil, errors.Join(errors.New("the index is not in the form that it is written in"), err)
	}
	return &index, nil
}

// Omits reports whether the bundle says that it leaves an object out.
func (b *Bundle) Omits(class, digest string) bool {
	_, found := slices.BinarySearch(b.Index.LeftOut, class+"/"+digest)
	return found
}

// OpenDir opens a bundle that somebody unpacked. It returns nil for a directory
// that is none.
func OpenDir(dir string) (*Bundle, error) {
	data, err := os.ReadFile(filepath.Join(dir, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := &Bundle{Dir: dir, Files: map[string]File{}}
	if b.Index, err = decodeIndex(data); err != nil {
		return nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	return b, filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, full)
		if err != nil || rel == indexFile {
			return err
		}
		data, err := os.ReadFile(full)
		name := filepath.ToSlash(rel)
		b.Files[name] = File{Path: name, Size: int64(len(data)), SHA256: ledger.Digest(data)}
		return err
	})
}
